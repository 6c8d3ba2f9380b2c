/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <numaif.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "dma_internal.h"
#include "iova.h"
#include "iova_fit.h"
#include "iova_space.h"
#include "lock.h"

#define BORDER_SHIFT 32u /* 4 GiB */

/* Sizes that are kept in magazines: each its own, so that nothing is rounded up. */
#define CACHED_GRANULES 32u

/* A magazine is 4 KiB, so that an lcore with a ring full of mappings at a time needs nobody else.
 * The depot keeps this many full ones of each size; the rest go back. */
#define MAGAZINE_RANGES 510u
#define DEPOT_MAGAZINES 8u

struct magazine {
	struct magazine *next; /* in the depot */
	uint64_t n;
	uint64_t start[MAGAZINE_RANGES]; /* granules */
};

/* Two magazines a size: an lcore that allocates and frees around the edge of one does not go to
 * the depot each time. */
struct cache {
	struct lock lock; /* its lcore's, and for a moment that of whoever found no room */
	uint64_t allocs;
	uint64_t misses; /* of them: not from a magazine */
	uint64_t frees;
	bool used; /* it has magazines */
	struct magazine *loaded[CACHED_GRANULES];
	struct magazine *previous[CACHED_GRANULES];
} __rte_cache_aligned;

/* Locks are taken in this order: caches by number, depot, space. */
struct dad_iova {
	unsigned int shift;
	uint64_t first; /* granules */
	uint64_t end;

	struct lock depot_lock __rte_cache_aligned;
	struct magazine *full[CACHED_GRANULES];
	unsigned int n_full[CACHED_GRANULES];
	struct magazine *empty;

	struct lock space_lock __rte_cache_aligned;
	struct iova_space space;
	uint64_t reserved;
	uint64_t no_space;
	uint64_t flushes;
	uint64_t bad_frees;

	struct cache cache[RTE_MAX_LCORE + 1]; /* the last for all threads that are no lcores */
};

/* ---- magazines ---------------------------------------------------------------------------- */

/* Where a range may begin: granules, both ends included. */
struct starts {
	uint64_t min, max;
};

/* The one on top, or another that suits. */
static inline uint64_t
magazine_pop(struct magazine *m, uint64_t align, const struct starts *in)
{
	for (uint64_t i = m->n; i-- > 0;) {
		uint64_t start = m->start[i];

		if (likely((start & (align - 1)) == 0 && start <= in->max && start >= in->min)) {
			m->start[i] = m->start[--m->n];
			return start;
		}
	}
	return IOVA_NONE;
}

static struct magazine *
depot_get_full(struct dad_iova *a, unsigned int class)
{
	lock_take(&a->depot_lock);
	struct magazine *m = a->full[class];
	if (m != NULL) {
		a->full[class] = m->next;
		a->n_full[class]--;
	}
	lock_drop(&a->depot_lock);
	return m;
}

/* False if the depot has enough of them. */
static bool
depot_put_full(struct dad_iova *a, unsigned int class, struct magazine *m)
{
	lock_take(&a->depot_lock);
	bool fits = a->n_full[class] < DEPOT_MAGAZINES;
	if (fits) {
		m->next = a->full[class];
		a->full[class] = m;
		a->n_full[class]++;
	}
	lock_drop(&a->depot_lock);
	return fits;
}

static struct magazine *
depot_get_empty(struct dad_iova *a)
{
	lock_take(&a->depot_lock);
	struct magazine *m = a->empty;
	if (m != NULL)
		a->empty = m->next;
	lock_drop(&a->depot_lock);
	return m != NULL ? m : calloc(1, sizeof(*m));
}

static void
depot_put_empty(struct dad_iova *a, struct magazine *m)
{
	lock_take(&a->depot_lock);
	m->next = a->empty;
	a->empty = m;
	lock_drop(&a->depot_lock);
}

/* Holds the space lock. */
static void
give(struct dad_iova *a, uint64_t start, uint64_t n)
{
	if (iova_space_give(&a->space, start, n))
		return;
	a->bad_frees++;
	DMA_LOG(ERR, "IOVA %#" PRIx64 ", %" PRIu64 " granules, was freed but not allocated so",
		start << a->shift, n);
}

/* Holds the space lock. */
static void
magazine_flush(struct dad_iova *a, struct magazine *m, unsigned int class)
{
	while (m->n > 0)
		give(a, m->start[--m->n], class + 1);
}

/* From the loaded magazine, else from the previous, else from a full one of the depot. */
static uint64_t
cache_pop(struct dad_iova *a, struct cache *c, unsigned int class, uint64_t align,
	const struct starts *in)
{
	struct magazine *m = c->loaded[class];

	if (m == NULL)
		return IOVA_NONE;
	uint64_t start = magazine_pop(m, align, in);
	if (likely(start != IOVA_NONE))
		return start;

	struct magazine *other = c->previous[class];
	if (other != NULL && other->n > 0) {
		start = magazine_pop(other, align, in);
		if (start != IOVA_NONE && m->n == 0) {
			c->loaded[class] = other;
			c->previous[class] = m;
		}
		return start;
	}
	if (m->n > 0)
		return IOVA_NONE; /* none of them suits */
	other = depot_get_full(a, class);
	if (other == NULL)
		return IOVA_NONE;
	c->loaded[class] = other;
	depot_put_empty(a, m);
	return magazine_pop(other, align, in);
}

/* Make room in the loaded magazine. False if there is no memory for one. */
static bool
cache_make_room(struct dad_iova *a, struct cache *c, unsigned int class)
{
	struct magazine *m = c->loaded[class], *other = c->previous[class];

	c->used = true;
	if (m == NULL) {
		c->loaded[class] = depot_get_empty(a);
		return c->loaded[class] != NULL;
	}
	if (other == NULL) {
		other = depot_get_empty(a);
		if (other == NULL)
			return false;
	} else if (other->n == MAGAZINE_RANGES) {
		struct magazine *empty = depot_get_empty(a);

		if (empty == NULL || !depot_put_full(a, class, other)) {
			lock_take(&a->space_lock);
			magazine_flush(a, other, class);
			lock_drop(&a->space_lock);
			if (empty != NULL)
				depot_put_empty(a, empty);
		} else {
			other = empty;
		}
	}
	c->loaded[class] = other;
	c->previous[class] = m;
	return true;
}

/* ---- when nobody else moves ------------------------------------------------------------------ */

static void
stop_all(struct dad_iova *a)
{
	for (unsigned int i = 0; i < RTE_DIM(a->cache); i++)
		lock_take(&a->cache[i].lock);
	lock_take(&a->depot_lock);
	lock_take(&a->space_lock);
}

static void
resume_all(struct dad_iova *a)
{
	lock_drop(&a->space_lock);
	lock_drop(&a->depot_lock);
	for (unsigned int i = RTE_DIM(a->cache); i-- > 0;)
		lock_drop(&a->cache[i].lock);
}

/* Everybody is stopped. */
static void
flush_all(struct dad_iova *a)
{
	for (unsigned int i = 0; i < RTE_DIM(a->cache); i++) {
		struct cache *c = &a->cache[i];

		for (unsigned int class = 0; c->used && class < CACHED_GRANULES; class ++) {
			if (c->loaded[class] != NULL)
				magazine_flush(a, c->loaded[class], class);
			if (c->previous[class] != NULL)
				magazine_flush(a, c->previous[class], class);
		}
	}
	for (unsigned int class = 0; class < CACHED_GRANULES; class ++) {
		while (a->full[class] != NULL) {
			struct magazine *m = a->full[class];

			a->full[class] = m->next;
			magazine_flush(a, m, class);
			m->next = a->empty;
			a->empty = m;
		}
		a->n_full[class] = 0;
	}
	a->flushes++;
}

/* ---- the calls ------------------------------------------------------------------------------ */

struct dad_iova *
dad_iova_create(uint64_t base, uint64_t size, unsigned int granule_shift, int socket_id)
{
	if (granule_shift < 8 || granule_shift > 30 || size == 0 ||
		((base | size) & ((UINT64_C(1) << granule_shift) - 1)) != 0 ||
		base + (size - 1) < base) {
		rte_errno = EINVAL;
		return NULL;
	}
	/* whole pages, so that their node is nobody else's matter */
	size_t bytes = RTE_ALIGN_CEIL(sizeof(struct dad_iova), (size_t)DAD_DMA_PAGE_SIZE);
	struct dad_iova *a = aligned_alloc(DAD_DMA_PAGE_SIZE, bytes);
	if (a == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	if (socket_id >= 0 && socket_id < 64) {
		unsigned long nodes = 1UL << socket_id;

		/* a hint: the kernel may know no nodes, or not this one */
		(void)mbind(a, bytes, MPOL_PREFERRED, &nodes, 65, 0);
	}
	memset(a, 0, bytes);
	a->shift = granule_shift;
	a->first = base >> granule_shift;
	a->end = a->first + (size >> granule_shift);
	if (iova_space_init(&a->space, a->first, a->end,
		    UINT64_C(1) << (BORDER_SHIFT - granule_shift)) != 0) {
		free(a);
		rte_errno = ENOMEM;
		return NULL;
	}
	return a;
}

static void
free_magazines(struct magazine *m)
{
	while (m != NULL) {
		struct magazine *next = m->next;

		free(m);
		m = next;
	}
}

void
dad_iova_destroy(struct dad_iova *a)
{
	if (a == NULL)
		return;
	for (unsigned int i = 0; i < RTE_DIM(a->cache); i++)
		for (unsigned int class = 0; class < CACHED_GRANULES; class ++) {
			free(a->cache[i].loaded[class]);
			free(a->cache[i].previous[class]);
		}
	for (unsigned int class = 0; class < CACHED_GRANULES; class ++)
		free_magazines(a->full[class]);
	free_magazines(a->empty);
	iova_space_fini(&a->space);
	free(a);
}

int
dad_iova_reserve(struct dad_iova *a, uint64_t start, uint64_t size)
{
	if (size == 0 || start + (size - 1) < start)
		return -EINVAL;
	uint64_t first = start >> a->shift;
	uint64_t end = ((start + (size - 1)) >> a->shift) + 1;

	first = RTE_MAX(first, a->first);
	end = RTE_MIN(end, a->end);
	if (first >= end)
		return 0;
	stop_all(a);
	flush_all(a);
	int ret = iova_space_take_at(&a->space, first, end - first);
	if (ret == 0)
		a->reserved += end - first;
	resume_all(a);
	return ret;
}

/* Holds the space lock. 0, -ENOSPC or -ENOMEM. */
static int
take_in(struct dad_iova *a, uint64_t n, uint64_t align, const struct starts in[], unsigned int n_in,
	uint64_t *start)
{
	int ret = -ENOSPC;

	for (unsigned int i = 0; i < n_in && ret == -ENOSPC; i++)
		ret = iova_space_take(&a->space, n, align, in[i].min, in[i].max, start);
	return ret;
}

/* Not from a magazine. */
static dad_dma_addr_t
alloc_slow(struct dad_iova *a, struct cache *c, uint64_t n, uint64_t align,
	const struct starts in[], unsigned int n_in)
{
	uint64_t start;

	lock_take(&a->space_lock);
	int ret = take_in(a, n, align, in, n_in, &start);
	lock_drop(&a->space_lock);
	if (ret == 0) {
		lock_take(&c->lock);
		c->allocs++;
		c->misses++;
		lock_drop(&c->lock);
		return start << a->shift;
	}
	if (ret == -ENOSPC) {
		stop_all(a);
		flush_all(a);
		ret = take_in(a, n, align, in, n_in, &start);
		if (ret == 0) {
			c->allocs++;
			c->misses++;
		} else if (ret == -ENOSPC) {
			a->no_space++;
		}
		resume_all(a);
		if (ret == 0)
			return start << a->shift;
	}
	rte_errno = -ret;
	return DAD_DMA_MAPPING_ERROR;
}

/* Where size bytes may begin so that they lie in one of these ranges. */
static unsigned int
starts_in(const struct dad_iova *a, uint64_t size, const struct dad_dma_range in[],
	unsigned int n_in, struct starts starts[])
{
	const uint64_t over = (UINT64_C(1) << a->shift) - 1;
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_in; i++) {
		if (in[i].last - in[i].first < size - 1)
			continue;
		const struct starts s = {
			.min = (in[i].first >> a->shift) + ((in[i].first & over) != 0),
			.max = (in[i].last - (size - 1)) >> a->shift,
		};
		if (s.min <= s.max)
			starts[n++] = s;
	}
	return n;
}

/* Whatever is not right at hand. */
static __rte_noinline dad_dma_addr_t
alloc_checked(struct dad_iova *a, struct cache *c, uint64_t size, uint64_t align,
	const struct dad_dma_range in[], unsigned int n_in)
{
	struct starts starts[IOVA_RANGES];

	if (size == 0 || (align & (align - 1)) != 0) {
		rte_errno = EINVAL;
		return DAD_DMA_MAPPING_ERROR;
	}
	n_in = starts_in(a, size, in, n_in, starts);
	if (n_in == 0) {
		lock_take(&a->space_lock);
		a->no_space++;
		lock_drop(&a->space_lock);
		rte_errno = ENOSPC;
		return DAD_DMA_MAPPING_ERROR;
	}
	uint64_t n = ((size - 1) >> a->shift) + 1;
	align >>= a->shift;
	if (align == 0)
		align = 1;

	if (n <= CACHED_GRANULES) {
		uint64_t start = IOVA_NONE;

		lock_take(&c->lock);
		for (unsigned int i = 0; i < n_in && start == IOVA_NONE; i++)
			start = cache_pop(a, c, (unsigned int)n - 1, align, &starts[i]);
		if (start != IOVA_NONE)
			c->allocs++;
		lock_drop(&c->lock);
		if (start != IOVA_NONE)
			return start << a->shift;
	}
	return alloc_slow(a, c, n, align, starts, n_in);
}

dad_dma_addr_t
dad_iova_alloc_in(struct dad_iova *a, unsigned int lcore, uint64_t size, uint64_t align,
	const struct dad_dma_range in[], unsigned int n_in)
{
	return alloc_checked(a, &a->cache[lcore], size, align, in, n_in);
}

dad_dma_addr_t
dad_iova_alloc_on(
	struct dad_iova *a, unsigned int lcore, uint64_t size, uint64_t align, uint64_t limit)
{
	struct cache *c = &a->cache[lcore];
	uint64_t class = (size - 1) >> a->shift;

	/* the range on top of the loaded magazine, if it suits: nearly always */
	if (likely(class < CACHED_GRANULES && limit >= size - 1 && (align & (align - 1)) == 0 &&
		    lock_try(&c->lock))) {
		struct magazine *m = c->loaded[class];

		if (likely(m != NULL && m->n > 0)) {
			uint64_t addr = m->start[m->n - 1] << a->shift;

			if (likely((addr & (align - (align != 0))) == 0 &&
				    addr <= limit - (size - 1))) {
				m->n--;
				c->allocs++;
				lock_drop(&c->lock);
				return addr;
			}
		}
		lock_drop(&c->lock);
	}
	return alloc_checked(a, c, size, align, &(struct dad_dma_range){.last = limit}, 1);
}

static __rte_noinline void
free_checked(struct dad_iova *a, struct cache *c, dad_dma_addr_t addr, uint64_t size)
{
	uint64_t start = addr >> a->shift;
	uint64_t n = size == 0 ? 0 : ((size - 1) >> a->shift) + 1;

	if (n == 0 || start < a->first || start >= a->end || n > a->end - start ||
		start << a->shift != addr) {
		DMA_LOG(ERR, "IOVA %#" PRIx64 ", %" PRIu64 " bytes, is not of this allocator", addr,
			size);
		lock_take(&a->space_lock);
		a->bad_frees++;
		lock_drop(&a->space_lock);
		return;
	}

	lock_take(&c->lock);
	c->frees++;
	if (n <= CACHED_GRANULES) {
		unsigned int class = (unsigned int)n - 1;
		struct magazine *m = c->loaded[class];

		if (m == NULL || m->n == MAGAZINE_RANGES)
			m = cache_make_room(a, c, class) ? c->loaded[class] : NULL;
		if (m != NULL) {
			m->start[m->n++] = start;
			lock_drop(&c->lock);
			return;
		}
	}
	lock_drop(&c->lock);

	lock_take(&a->space_lock);
	give(a, start, n);
	lock_drop(&a->space_lock);
}

void
dad_iova_free_on(struct dad_iova *a, unsigned int lcore, dad_dma_addr_t addr, uint64_t size)
{
	struct cache *c = &a->cache[lcore];
	uint64_t start = addr >> a->shift, class = (size - 1) >> a->shift;

	if (likely(class < CACHED_GRANULES && start << a->shift == addr && start >= a->first &&
		    start < a->end && class < a->end - start && lock_try(&c->lock))) {
		struct magazine *m = c->loaded[class];

		if (likely(m != NULL && m->n < MAGAZINE_RANGES)) {
			m->start[m->n++] = start;
			c->frees++;
			lock_drop(&c->lock);
			return;
		}
		lock_drop(&c->lock);
	}
	free_checked(a, c, addr, size);
}

static uint64_t
held(const struct magazine *m)
{
	return m != NULL ? m->n : 0;
}

void
dad_iova_stats(struct dad_iova *a, struct dad_iova_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stop_all(a);
	for (unsigned int i = 0; i < RTE_DIM(a->cache); i++) {
		const struct cache *c = &a->cache[i];

		for (unsigned int class = 0; c->used && class < CACHED_GRANULES; class ++)
			stats->cached +=
				(held(c->loaded[class]) + held(c->previous[class])) * (class + 1);
		stats->allocs += c->allocs;
		stats->frees += c->frees;
		stats->magazine_hits += c->allocs - c->misses;
	}
	for (unsigned int class = 0; class < CACHED_GRANULES; class ++)
		stats->cached += (uint64_t)a->n_full[class] * MAGAZINE_RANGES * (class + 1);
	stats->granules = a->end - a->first;
	stats->reserved = a->reserved;
	stats->used = a->space.taken - a->reserved - stats->cached;
	stats->high_water = a->space.most_taken - a->reserved;
	stats->no_space = a->no_space;
	stats->flushes = a->flushes;
	stats->bad_frees = a->bad_frees;
	resume_all(a);
}
