/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_string_fns.h>

#include "dad_dma_pool.h"
#include "dma_internal.h"
#include "lock.h"
#include "pool_slab.h"

#define CACHE_OBJECTS 32u
#define SLAB_MIN_SIZE (16u << 10)
#define SLAB_OBJECTS  8u /* at least so many, if the slab's largest size allows it */
#define KNOWN_FLAGS   (DAD_DMA_ALLOC_ZERO | DAD_DMA_ALLOC_NEVER_GROW)

struct object {
	struct slab *slab;
	uint64_t offset;
};

/* Free objects are a stack of blocks. Each slab brings one, of as many objects as it has itself:
 * giving back never needs memory, and growing copies nothing. */
struct block {
	struct block *next;
	unsigned int n;
	struct object object[];
};

struct cache {
	struct lock lock; /* its lcore's, and for a moment that of whoever found nothing */
	uint32_t n;
	struct object object[CACHE_OBJECTS];
} __rte_cache_aligned;

struct dad_dma_pool {
	size_t stride; /* from object to object */
	size_t size;
	size_t boundary; /* or 0 */
	size_t slab_size;
	unsigned int shift; /* no two objects start at offsets that are equal after this shift */
	unsigned int slab_objects;

	struct lock lock __rte_cache_aligned; /* taken inside a cache's */
	struct block *top;		      /* none of those below it has room */
	struct block *unused;
	uint64_t n_free; /* in the blocks */
	uint64_t slabs;

	pthread_mutex_t grow_lock; /* taken outside of all others */
	struct slab *slab;
	uint64_t empty; /* relaxed atomics */
	uint64_t bad_frees;

	struct dad_dma_dev *dev;
	TAILQ_ENTRY(dad_dma_pool) next;
	char name[32];
	struct cache cache[RTE_MAX_LCORE + 1]; /* the last for all threads that are no lcores */
};

static TAILQ_HEAD(, dad_dma_pool) pools = TAILQ_HEAD_INITIALIZER(pools);
static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER;

static struct cache *
my_cache(struct dad_dma_pool *pool)
{
	return &pool->cache[dma_lcore_id()];
}

/* ---- slabs --------------------------------------------------------------------------------- */

/* Where the next object may start, at or behind this offset; SLAB_MAX_SIZE or more if nowhere. */
static size_t
place(const struct dad_dma_pool *pool, size_t offset)
{
	if (pool->boundary != 0 && (offset & (pool->boundary - 1)) + pool->size > pool->boundary)
		offset = RTE_ALIGN_CEIL(offset, pool->boundary);
	return offset + pool->size <= pool->slab_size ? offset : SLAB_MAX_SIZE;
}

/* Fills in start, if there is one, and counts. */
static unsigned int
lay_out(const struct dad_dma_pool *pool, uint32_t *start)
{
	unsigned int n = 0;

	for (size_t at = place(pool, 0); at < SLAB_MAX_SIZE; at = place(pool, at + pool->stride)) {
		if (start != NULL)
			start[at >> pool->shift] = (uint32_t)at;
		n++;
	}
	return n;
}

/* Holds the lock; there is a block with room. */
static void
push(struct dad_dma_pool *pool, struct object object)
{
	struct block *block = pool->top;

	if (block == NULL || block->n == pool->slab_objects) {
		block = pool->unused;
		pool->unused = block->next;
		block->next = pool->top;
		pool->top = block;
	}
	block->object[block->n++] = object;
	pool->n_free++;
}

/* Holds the lock; there is an object. */
static struct object
pop(struct dad_dma_pool *pool)
{
	struct block *block = pool->top;
	struct object object = block->object[--block->n];

	pool->n_free--;
	if (block->n == 0) {
		pool->top = block->next;
		block->next = pool->unused;
		pool->unused = block;
	}
	return object;
}

/* One more slab, unless another thread was faster. 0 or a positive errno. */
static int
grow(struct dad_dma_pool *pool)
{
	size_t starts = pool->slab_size >> pool->shift;
	dad_dma_addr_t handle;
	int ret = ENOMEM;

	pthread_mutex_lock(&pool->grow_lock);
	lock_take(&pool->lock);
	bool enough = pool->top != NULL;
	lock_drop(&pool->lock);
	if (enough) {
		pthread_mutex_unlock(&pool->grow_lock);
		return 0;
	}

	void *va = dad_dma_alloc_coherent(pool->dev, pool->slab_size, &handle);
	if (va == NULL) {
		ret = rte_errno;
		goto no_memory;
	}
	/* a slab's own cache lines, as lcores write there; mostly of one, as it takes so many at
	 * once */
	size_t start_size = RTE_ALIGN_CEIL(starts * sizeof(uint32_t), (size_t)RTE_CACHE_LINE_SIZE);
	uint32_t *start = aligned_alloc(RTE_CACHE_LINE_SIZE, start_size);
	if (start == NULL)
		goto no_start;
	memset(start, 0xff, start_size); /* SLAB_NOTHING */
	lay_out(pool, start);
	struct block *block =
		calloc(1, sizeof(*block) + pool->slab_objects * sizeof(block->object[0]));
	if (block == NULL)
		goto no_block;
	struct slab *slab = slab_create(pool, va, handle, pool->slab_size, start);
	if (slab == NULL)
		goto no_slab;
	slab->next = pool->slab;
	pool->slab = slab;

	lock_take(&pool->lock);
	pool->slabs++;
	block->next = pool->unused;
	pool->unused = block;
	/* the lowest on top */
	for (size_t i = starts; i-- > 0;)
		if (start[i] != SLAB_NOTHING)
			push(pool, (struct object){.slab = slab, .offset = start[i]});
	lock_drop(&pool->lock);
	pthread_mutex_unlock(&pool->grow_lock);
	return 0;

no_slab:
	free(block);
no_block:
	free(start);
no_start:
	dad_dma_free_coherent(pool->dev, pool->slab_size, va, handle);
no_memory:
	pthread_mutex_unlock(&pool->grow_lock);
	return ret;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct dad_dma_pool *
dad_dma_pool_create(
	const char *name, struct dad_dma_dev *dev, size_t size, size_t align, size_t boundary)
{
	if (align == 0)
		align = 1;
	if (name == NULL || dev == NULL || size == 0 || size > DAD_DMA_POOL_MAX_SIZE ||
		align > DAD_DMA_POOL_MAX_SIZE || (align & (align - 1)) != 0 ||
		(boundary & (boundary - 1)) != 0 || (boundary != 0 && boundary < size)) {
		rte_errno = EINVAL;
		return NULL;
	}
	if (slabs_ref() != 0) {
		rte_errno = ENOMEM;
		return NULL;
	}
	struct dad_dma_pool *pool = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*pool));
	if (pool == NULL) {
		slabs_unref();
		rte_errno = ENOMEM;
		return NULL;
	}
	memset(pool, 0, sizeof(*pool));
	rte_strscpy(pool->name, name, sizeof(pool->name));
	pool->dev = dev;
	pool->size = size;
	pool->stride = RTE_ALIGN_CEIL(size, align);
	pool->boundary = boundary;
	pool->shift = (unsigned int)rte_fls_u64(pool->stride) - 1;

	size_t wanted = rte_align64pow2(SLAB_OBJECTS * pool->stride);
	pool->slab_size = RTE_MAX(wanted, (size_t)SLAB_MIN_SIZE);
	pool->slab_size = RTE_MIN(pool->slab_size, (size_t)SLAB_MAX_SIZE);
	pool->slab_objects = lay_out(pool, NULL);
	pthread_mutex_init(&pool->grow_lock, NULL);
	pthread_mutex_lock(&pools_lock);
	TAILQ_INSERT_TAIL(&pools, pool, next);
	pthread_mutex_unlock(&pools_lock);
	return pool;
}

void
pool_walk(void (*call)(struct dad_dma_pool *pool, const struct pool_identity *id, void *arg),
	void *arg)
{
	struct dad_dma_pool *pool;

	pthread_mutex_lock(&pools_lock);
	TAILQ_FOREACH (pool, &pools, next) {
		const struct pool_identity id = {.name = pool->name,
			.dev = dev_of(pool->dev),
			.size = pool->size,
			.boundary = pool->boundary};

		call(pool, &id, arg);
	}
	pthread_mutex_unlock(&pools_lock);
}

static void
free_blocks(struct block *block)
{
	while (block != NULL) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
}

int
dad_dma_pool_destroy(struct dad_dma_pool *pool)
{
	struct dad_dma_pool_stats stats;

	if (pool == NULL)
		return 0;
	dad_dma_pool_stats(pool, &stats);
	if (stats.used != 0) {
		DMA_LOG(ERR, "pool %s: %" PRIu64 " objects are in use", pool->name, stats.used);
		return -EBUSY;
	}
	pthread_mutex_lock(&pools_lock);
	TAILQ_REMOVE(&pools, pool, next);
	pthread_mutex_unlock(&pools_lock);
	while (pool->slab != NULL) {
		struct slab *slab = pool->slab;
		void *va = slab->va;
		dad_dma_addr_t handle = slab->handle;

		pool->slab = slab->next;
		free(slab->start);
		slab_destroy(slab, pool->slab_size);
		dad_dma_free_coherent(pool->dev, pool->slab_size, va, handle);
	}
	slabs_unref();
	free_blocks(pool->top);
	free_blocks(pool->unused);
	pthread_mutex_destroy(&pool->grow_lock);
	free(pool);
	return 0;
}

/* ---- alloc and free -------------------------------------------------------------------------- */

/* Half a cache from the pool. The cache is empty, and its lock held. */
static void
refill(struct dad_dma_pool *pool, struct cache *c)
{
	lock_take(&pool->lock);
	while (c->n < CACHE_OBJECTS / 2 && pool->top != NULL)
		c->object[c->n++] = pop(pool);
	lock_drop(&pool->lock);
}

/* Half a cache to the pool: the half that was used least recently. */
static void
spill(struct dad_dma_pool *pool, struct cache *c)
{
	const uint32_t n = CACHE_OBJECTS / 2;

	lock_take(&pool->lock);
	for (uint32_t i = 0; i < n; i++)
		push(pool, c->object[i]);
	lock_drop(&pool->lock);
	memcpy(c->object, &c->object[n], n * sizeof(c->object[0]));
	c->n = n;
}

static inline void *
hand_out(const struct dad_dma_pool *pool, const struct slab *slab, uint64_t offset,
	unsigned int flags, dad_dma_addr_t *handle)
{
	void *va = slab->va + offset;

	__atomic_store_n(&slab->start[offset >> pool->shift], (uint32_t)offset | SLAB_TAKEN,
		__ATOMIC_RELAXED);
	*handle = slab->handle + offset;
	if (unlikely(flags & DAD_DMA_ALLOC_ZERO))
		memset(va, 0, pool->size);
	return va;
}

/* Up to n from this cache, refilled by the pool. */
static unsigned int
take(struct dad_dma_pool *pool, struct cache *c, unsigned int flags, void *va[],
	dad_dma_addr_t handle[], unsigned int n)
{
	unsigned int got = 0;

	lock_take(&c->lock);
	while (got < n) {
		if (unlikely(c->n == 0)) {
			refill(pool, c);
			if (c->n == 0)
				break;
		}
		const struct object *object = &c->object[--c->n];
		va[got] = hand_out(pool, object->slab, object->offset, flags, &handle[got]);
		got++;
	}
	lock_drop(&c->lock);
	return got;
}

/* Up to n, wherever they are; each cache for itself, so that nobody waits for long. */
static unsigned int
search(struct dad_dma_pool *pool, unsigned int flags, void *va[], dad_dma_addr_t handle[],
	unsigned int n)
{
	unsigned int got = 0;

	for (unsigned int i = 0; i < RTE_DIM(pool->cache) && got < n; i++)
		got += take(pool, &pool->cache[i], flags, &va[got], &handle[got], n - got);
	return got;
}

/* When this lcore's cache and the pool had not enough: 0 or a positive errno. */
static int
take_rest(struct dad_dma_pool *pool, unsigned int flags, void *va[], dad_dma_addr_t handle[],
	unsigned int n, unsigned int got)
{
	int ret = ENOMEM;

	while (got < n && (flags & DAD_DMA_ALLOC_NEVER_GROW) == 0) {
		ret = grow(pool);
		if (ret != 0)
			break;
		got += take(pool, my_cache(pool), flags, &va[got], &handle[got], n - got);
	}
	if (got < n)
		got += search(pool, flags, &va[got], &handle[got], n - got);
	if (got == n)
		return 0;
	__atomic_fetch_add(&pool->empty, 1, __ATOMIC_RELAXED);
	dad_dma_pool_free_bulk(pool, va, handle, got);
	return ret;
}

void *
dad_dma_pool_alloc(struct dad_dma_pool *pool, unsigned int flags, dad_dma_addr_t *handle)
{
	void *va;

	if (unlikely((flags & ~(unsigned int)KNOWN_FLAGS) != 0 || handle == NULL)) {
		rte_errno = EINVAL;
		return NULL;
	}
	struct cache *c = my_cache(pool);
	lock_take(&c->lock);
	if (likely(c->n > 0)) {
		/* field by field: copied as a whole, what was just written would be late */
		struct slab *slab = c->object[--c->n].slab;
		uint64_t offset = c->object[c->n].offset;

		lock_drop(&c->lock);
		return hand_out(pool, slab, offset, flags, handle);
	}
	lock_drop(&c->lock);
	if (take(pool, c, flags, &va, handle, 1) == 1)
		return va;
	int ret = take_rest(pool, flags, &va, handle, 1, 0);
	if (ret == 0)
		return va;
	rte_errno = ret;
	return NULL;
}

int
dad_dma_pool_alloc_bulk(struct dad_dma_pool *pool, unsigned int flags, void *va[],
	dad_dma_addr_t handle[], unsigned int n)
{
	if ((flags & ~(unsigned int)KNOWN_FLAGS) != 0)
		return -EINVAL;
	unsigned int got = take(pool, my_cache(pool), flags, va, handle, n);

	return got == n ? 0 : -take_rest(pool, flags, va, handle, n, got);
}

/* Is it an object in use, in this slab? Then it is not any more. */
static inline bool
take_back(struct dad_dma_pool *pool, struct slab *slab, void *va, dad_dma_addr_t handle)
{
	if (unlikely(slab == NULL || __atomic_load_n(&slab->pool, __ATOMIC_RELAXED) != pool))
		return false;
	uint32_t offset = (uint32_t)RTE_PTR_DIFF(va, slab->va);
	uint32_t expected = offset | SLAB_TAKEN;

	/* of two who free the same object, one is right */
	return handle == slab->handle + offset &&
		__atomic_compare_exchange_n(&slab->start[offset >> pool->shift], &expected, offset,
			false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static int
refuse(struct dad_dma_pool *pool, const void *va, dad_dma_addr_t handle)
{
	__atomic_fetch_add(&pool->bad_frees, 1, __ATOMIC_RELAXED);
	DMA_LOG(ERR, "pool %s: free of %p, handle %#" PRIx64 ": not an object in use", pool->name,
		va, handle);
	return -EINVAL;
}

int
dad_dma_pool_free(struct dad_dma_pool *pool, void *va, dad_dma_addr_t handle)
{
	struct cache *c = my_cache(pool);
	struct slab *slab = slab_find(va);

	if (unlikely(!take_back(pool, slab, va, handle)))
		return va == NULL ? 0 : refuse(pool, va, handle);
	lock_take(&c->lock);
	if (unlikely(c->n == CACHE_OBJECTS))
		spill(pool, c);
	c->object[c->n].slab = slab;
	c->object[c->n++].offset = RTE_PTR_DIFF(va, slab->va);
	lock_drop(&c->lock);
	return 0;
}

int
dad_dma_pool_free_bulk(
	struct dad_dma_pool *pool, void *const va[], const dad_dma_addr_t handle[], unsigned int n)
{
	int ret = 0;

	for (unsigned int i = 0; i < n; i++)
		if (dad_dma_pool_free(pool, va[i], handle[i]) != 0)
			ret = -EINVAL;
	return ret;
}

void
dad_dma_pool_stats(struct dad_dma_pool *pool, struct dad_dma_pool_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	/* all at once, or objects that move would be counted twice or not at all */
	for (unsigned int i = 0; i < RTE_DIM(pool->cache); i++) {
		lock_take(&pool->cache[i].lock);
		stats->cached += pool->cache[i].n;
	}
	lock_take(&pool->lock);
	uint64_t n_free = pool->n_free;
	stats->slabs = pool->slabs;
	lock_drop(&pool->lock);
	for (unsigned int i = RTE_DIM(pool->cache); i-- > 0;)
		lock_drop(&pool->cache[i].lock);

	stats->size = pool->stride;
	stats->objects = stats->slabs * pool->slab_objects;
	stats->used = stats->objects - n_free - stats->cached;
	stats->slab_size = pool->slab_size;
	stats->empty = __atomic_load_n(&pool->empty, __ATOMIC_RELAXED);
	stats->bad_frees = __atomic_load_n(&pool->bad_frees, __ATOMIC_RELAXED);
}
