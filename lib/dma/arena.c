/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_memzone.h>

#include "arena.h"
#include "buddy.h"
#include "dma_internal.h"
#include "placement.h"

#define ZONE_MIN_ORDER 9u  /* 2 MiB in pages of 4 KiB */
#define ZONE_MAX_ORDER 14u /* 64 MiB; larger ones only for buffers that are as large */

struct zone {
	TAILQ_ENTRY(zone) next;
	const struct rte_memzone *mz;
	int socket_id; /* asked for; the memory may lie elsewhere */
	unsigned int n_arenas;
	unsigned int n_busy; /* arenas with something taken */
	uint64_t n_out;	     /* blocks taken; relaxed atomics, written under the lock */
	struct arena *arena;
};

TAILQ_HEAD(zone_list, zone);

struct arenas {
	struct lock lock;
	TAILQ_HEAD(, arena) open; /* those with free pages */
	struct zone_list zones;
	struct dad_dma_table *by_va; /* to arenas: each page of one has the same word */
	struct block_caches *caches;
	/* relaxed atomics, written under the lock */
	bool spare;	  /* there is an empty zone too many */
	uint32_t n_empty; /* zones */
	uint64_t bytes;
};

#define OWNER_SHIFT 6u /* of an arena's address, to be a word in the table */

static uint64_t
bytes_of(unsigned int order)
{
	return (uint64_t)DAD_DMA_PAGE_SIZE << order;
}

/* ---- zones --------------------------------------------------------------------------------------
 */

static const struct rte_memzone *
reserve(unsigned int order, uint64_t align, unsigned int flags, int socket_id)
{
	static unsigned int count;
	char name[RTE_MEMZONE_NAMESIZE];

	/* secondary processes share the names */
	snprintf(name, sizeof(name), "dad_dma_%d_%u", getpid(),
		__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED));
	return rte_memzone_reserve_aligned(
		name, bytes_of(order), socket_id, flags, (unsigned int)align);
}

/* How much from va on, at most len, is contiguous for devices, and where. */
static uint64_t
run_of(const struct dad_dma_domain *domain, uint64_t va, uint64_t len, uint64_t *iova)
{
	uint64_t contig, run;

	*iova = domain_virt_to_bus(domain, va, &contig);
	for (run = 0; run < len; run += contig) {
		uint64_t here = domain_virt_to_bus(domain, va + run, &contig);

		if (here == DAD_DMA_ABSENT && *iova == DAD_DMA_ABSENT)
			contig = len - run;
		else if (here == DAD_DMA_ABSENT || here != *iova + run)
			break;
	}
	return RTE_MIN(run, len);
}

/* The largest aligned block that starts at va: its order; and where it is for devices. */
static unsigned int
block_at(const struct dad_dma_domain *domain, uint64_t va, uint64_t len, uint64_t *iova)
{
	uint64_t run = run_of(domain, va, len, iova);
	uint64_t odd = *iova == DAD_DMA_ABSENT ? va : va | *iova;
	unsigned int order = (unsigned int)rte_fls_u64(run >> DAD_DMA_PAGE_SHIFT) - 1;
	unsigned int aligned =
		(unsigned int)__builtin_ctzll(odd >> DAD_DMA_PAGE_SHIFT | 1ull << 40);

	return RTE_MIN(order, aligned);
}

static unsigned int
count_blocks(const struct dad_dma_domain *domain, const struct rte_memzone *mz)
{
	unsigned int n = 0;
	uint64_t iova;

	for (uint64_t at = 0; at < mz->len; n++)
		at += bytes_of(block_at(domain, mz->addr_64 + at, mz->len - at, &iova));
	return n;
}

static void
zone_free(struct zone *zone)
{
	for (unsigned int i = 0; i < zone->n_arenas; i++)
		buddy_destroy(zone->arena[i].buddy);
	rte_memzone_free(zone->mz);
	free(zone->arena);
	free(zone);
}

/* Of a memzone, which it owns from now on: if that fails, it is freed. */
static struct zone *
zone_create(const struct dad_dma_domain *domain, const struct rte_memzone *mz, int socket_id)
{
	struct zone *zone = calloc(1, sizeof(*zone));

	if (zone == NULL) {
		rte_memzone_free(mz);
		return NULL;
	}
	unsigned int n = count_blocks(domain, mz);
	zone->mz = mz;
	zone->socket_id = socket_id;
	zone->arena = aligned_alloc(RTE_CACHE_LINE_SIZE, n * sizeof(struct arena));
	if (zone->arena == NULL) {
		zone_free(zone);
		return NULL;
	}
	memset(zone->arena, 0, n * sizeof(struct arena));
	for (uint64_t at = 0; at < mz->len;) {
		struct arena *arena = &zone->arena[zone->n_arenas];

		arena->zone = zone;
		arena->va = mz->addr_64 + at;
		arena->order = block_at(domain, arena->va, mz->len - at, &arena->iova);
		arena->buddy = buddy_create(arena->order);
		if (arena->buddy == NULL) {
			zone_free(zone);
			return NULL;
		}
		zone->n_arenas++;
		at += bytes_of(arena->order);
	}
	return zone;
}

static bool
zone_has(const struct zone *zone, unsigned int order, arena_suits_t suits, const void *arg)
{
	for (unsigned int i = 0; i < zone->n_arenas; i++)
		if (zone->arena[i].order >= order && (suits == NULL || suits(&zone->arena[i], arg)))
			return true;
	return false;
}

static bool
is_noted(const struct arena *arena, const void *arg)
{
	(void)arg;
	return arena->iova != DAD_DMA_ABSENT;
}

/* A zone in which there is a block of that order. */
static struct zone *
zone_find(const struct dad_dma_domain *domain, unsigned int order, unsigned int need, int socket_id)
{
	/* EAL wants twice the size contiguous before it grants RTE_MEMZONE_IOVA_CONTIG. One
	 * hugepage is a block without that; what is larger, with physical addresses, is by luck. */
	const unsigned int ways[] = {0, RTE_MEMZONE_IOVA_CONTIG};
	uint64_t align = bytes_of(need > ZONE_MIN_ORDER ? need : RTE_MIN(order, ZONE_MIN_ORDER));

	for (unsigned int i = 0; i < RTE_DIM(ways); i++) {
		const struct rte_memzone *mz = reserve(order, align, ways[i], socket_id);

		if (mz == NULL)
			continue;
		struct zone *zone = zone_create(domain, mz, socket_id);
		if (zone == NULL)
			return NULL;
		if (zone_has(zone, need, NULL, NULL))
			return zone;
		zone_free(zone);
	}
	return NULL;
}

/* ---- what there is ----------------------------------------------------------------------------
 */

struct arenas *
arenas_create(void)
{
	struct arenas *arenas = calloc(1, sizeof(*arenas));

	if (arenas == NULL)
		return NULL;
	arenas->by_va = table_create();
	arenas->caches = block_caches_create();
	if (arenas->by_va == NULL || arenas->caches == NULL) {
		free(arenas->caches);
		table_free(arenas->by_va);
		free(arenas);
		return NULL;
	}
	TAILQ_INIT(&arenas->open);
	TAILQ_INIT(&arenas->zones);
	return arenas;
}

struct block_caches *
arenas_caches(struct arenas *arenas)
{
	return arenas->caches;
}

struct arena *
arenas_find(const struct arenas *arenas, const void *va)
{
	uint64_t size;
	uint64_t word = table_word(arenas->by_va, (uintptr_t)va, &size);

	return (struct arena *)(uintptr_t)(word >> DAD_DMA_PAGE_SHIFT << OWNER_SHIFT);
}

/* Holds the lock; after something was taken or given. */
static void
relist(struct arenas *arenas, struct arena *arena)
{
	bool room = buddy_free_pages(arena->buddy) > 0;

	if (room == arena->listed)
		return;
	arena->listed = room;
	if (room)
		TAILQ_INSERT_HEAD(&arenas->open, arena, next);
	else
		TAILQ_REMOVE(&arenas->open, arena, next);
}

static bool
is_empty(const struct zone *zone)
{
	return zone->n_busy == 0;
}

/* Holds the lock; after zones came, went, or became empty or not. */
static void
count_empty(struct arenas *arenas, int more)
{
	__atomic_store_n(&arenas->n_empty, arenas->n_empty + (uint32_t)more, __ATOMIC_RELAXED);
}

/* Holds the lock; the zone is empty. */
static void
unlink_zone(struct arenas *arenas, struct zone *zone)
{
	TAILQ_REMOVE(&arenas->zones, zone, next);
	count_empty(arenas, -1);
	arenas->bytes -= zone->mz->len;
	for (unsigned int i = 0; i < zone->n_arenas; i++) {
		struct arena *arena = &zone->arena[i];

		if (arena->listed)
			TAILQ_REMOVE(&arenas->open, arena, next);
		/* its words are there since it was linked: this cannot fail */
		table_clear_step(arenas->by_va, arena->va, 0, bytes_of(arena->order));
	}
}

/* 0 or ENOMEM. What comes last is used last, and may become empty again. */
static int
link_zone(struct arenas *arenas, struct zone *zone)
{
	int ret = 0;

	lock_take(&arenas->lock);
	TAILQ_INSERT_HEAD(&arenas->zones, zone, next);
	count_empty(arenas, 1);
	arenas->bytes += zone->mz->len;
	for (unsigned int i = 0; i < zone->n_arenas && ret == 0; i++) {
		struct arena *arena = &zone->arena[i];
		uint64_t word = (uint64_t)(uintptr_t)arena >> OWNER_SHIFT << DAD_DMA_PAGE_SHIFT;

		ret = table_fill(arenas->by_va, arena->va, word | DAD_DMA_WORD_PRESENT, 0,
			bytes_of(arena->order));
		TAILQ_INSERT_TAIL(&arenas->open, arena, next);
		arena->listed = true;
	}
	if (ret != 0)
		unlink_zone(arenas, zone);
	lock_drop(&arenas->lock);
	return ret == 0 ? 0 : ENOMEM;
}

void
arenas_clear(struct arenas *arenas)
{
	while (!TAILQ_EMPTY(&arenas->zones)) {
		struct zone *zone = TAILQ_FIRST(&arenas->zones);

		unlink_zone(arenas, zone);
		zone_free(zone);
	}
}

void
arenas_destroy(struct arenas *arenas)
{
	if (arenas == NULL)
		return;
	arenas_clear(arenas);
	free(arenas->caches);
	table_free(arenas->by_va);
	free(arenas);
}

/* One that suits instead of one that does not, or NULL. What does not is held until the search is
 * over, so that EAL gives other memory. */
static struct zone *
search(const struct dad_dma_domain *domain, struct zone *zone, unsigned int order, int socket_id,
	arena_suits_t suits, const void *arg, unsigned int tries)
{
	struct zone_list held;

	TAILQ_INIT(&held);
	while (zone != NULL && !zone_has(zone, order, suits, arg)) {
		TAILQ_INSERT_HEAD(&held, zone, next);
		zone = tries > 0
			? zone_find(domain, RTE_MAX(order, ZONE_MIN_ORDER), order, socket_id)
			: NULL;
		tries--;
	}
	while (!TAILQ_EMPTY(&held)) {
		struct zone *other = TAILQ_FIRST(&held);

		TAILQ_REMOVE(&held, other, next);
		zone_free(other);
	}
	return zone;
}

int
arenas_grow(struct dad_dma_domain *domain, unsigned int order, int socket_id, arena_suits_t suits,
	const void *arg, unsigned int tries)
{
	struct arenas *arenas = domain->arenas;
	lock_take(&arenas->lock);
	unsigned int have = (unsigned int)rte_fls_u64(arenas->bytes >> DAD_DMA_PAGE_SHIFT);
	lock_drop(&arenas->lock);
	unsigned int wanted = RTE_MIN(have > 0 ? have - 1 : 0, ZONE_MAX_ORDER);
	struct zone *zone = NULL;

	wanted = RTE_MAX(wanted, ZONE_MIN_ORDER);
	wanted = RTE_MAX(wanted, order);
	/* where memory is scarce, no more than what is needed */
	const unsigned int orders[] = {wanted, RTE_MAX(order, ZONE_MIN_ORDER), order};
	for (unsigned int i = 0; i < RTE_DIM(orders) && zone == NULL; i++)
		if (i == 0 || orders[i] != orders[i - 1])
			zone = zone_find(domain, orders[i], order, socket_id);
	if (zone == NULL)
		return ENOMEM;
	/* without addresses of its own: there was no memory to note EAL's in the tables */
	if (domain->ops == NULL && !zone_has(zone, order, is_noted, NULL)) {
		zone_free(zone);
		return ENOMEM;
	}
	zone = search(domain, zone, order, socket_id, suits, arg, tries);
	if (zone == NULL)
		return ERANGE;
	int node = placement_node(zone->mz->addr);
	if (socket_id != SOCKET_ID_ANY && node >= 0 && node != socket_id)
		DMA_LOG(NOTICE, "memory asked for on node %d lies on node %d", socket_id, node);
	int ret = link_zone(arenas, zone);
	if (ret != 0)
		zone_free(zone);
	return ret;
}

/* ---- blocks ------------------------------------------------------------------------------------
 */

/* Holds the lock. Up to n of one arena. */
static unsigned int
take_of(struct arenas *arenas, struct arena *arena, unsigned int order, struct block block[],
	unsigned int n)
{
	bool empty = buddy_is_empty(arena->buddy);
	unsigned int got = 0;

	while (got < n) {
		uint32_t page = buddy_take(arena->buddy, order);

		if (page == BUDDY_NONE)
			break;
		block[got++] = (struct block){.arena = arena, .page = page, .order = order};
	}
	if (got == 0)
		return 0;
	struct zone *zone = arena->zone;

	if (empty && zone->n_busy++ == 0)
		count_empty(arenas, -1);
	__atomic_store_n(&zone->n_out, zone->n_out + got, __ATOMIC_RELAXED);
	relist(arenas, arena);
	return got;
}

unsigned int
arenas_take(struct arenas *arenas, unsigned int order, int socket_id, arena_suits_t suits,
	const void *arg, struct block block[], unsigned int n)
{
	struct arena *arena, *next;
	unsigned int got = 0;

	lock_take(&arenas->lock);
	for (arena = TAILQ_FIRST(&arenas->open); arena != NULL && got == 0; arena = next) {
		next = TAILQ_NEXT(arena, next);
		if (socket_id != SOCKET_ID_ANY && arena->zone->socket_id != socket_id)
			continue;
		if (arena->order < order || (suits != NULL && !suits(arena, arg)))
			continue;
		got = take_of(arenas, arena, order, block, n);
	}
	lock_drop(&arenas->lock);
	return got;
}

/* Holds the lock. Is this empty zone one too many? One of each node stays for the next allocation,
 * the largest: a program whose buffers come and go pays for the kernel's zeroing of pages else.
 * Outsized ones never stay. */
static bool
is_spare(const struct arenas *arenas, const struct zone *zone)
{
	const struct zone *other;

	if (zone->mz->len > bytes_of(ZONE_MAX_ORDER))
		return true;
	TAILQ_FOREACH (other, &arenas->zones, next) {
		if (other == zone || !is_empty(other) || other->mz->len > bytes_of(ZONE_MAX_ORDER))
			continue;
		if (zone->socket_id != SOCKET_ID_ANY && other->socket_id != zone->socket_id)
			continue;
		if (other->mz->len > zone->mz->len)
			return true;
		/* of equals the last in the list stays: it is as good as any */
		const struct zone *z = zone;
		while (other->mz->len == zone->mz->len && z != NULL && z != other)
			z = TAILQ_NEXT(z, next);
		if (z == other)
			return true;
	}
	return false;
}

void
arenas_give(struct arenas *arenas, const struct block block[], unsigned int n)
{
	bool emptied = false;

	lock_take(&arenas->lock);
	for (unsigned int i = 0; i < n; i++) {
		struct arena *arena = block[i].arena;
		struct zone *zone = arena->zone;

		__atomic_store_n(&zone->n_out, zone->n_out - 1, __ATOMIC_RELAXED);
		buddy_release(arena->buddy, block[i].page, block[i].order);
		relist(arenas, arena);
		if (buddy_is_empty(arena->buddy) && --zone->n_busy == 0) {
			emptied = true;
			count_empty(arenas, 1);
		}
	}
	if (emptied) {
		const struct zone *zone;
		bool spare = false;

		TAILQ_FOREACH (zone, &arenas->zones, next)
			spare |= is_empty(zone) && is_spare(arenas, zone);
		__atomic_store_n(&arenas->spare, spare, __ATOMIC_RELAXED);
	}
	lock_drop(&arenas->lock);
}

bool
arenas_has_spare(const struct arenas *arenas)
{
	return __atomic_load_n(&arenas->spare, __ATOMIC_RELAXED);
}

bool
arenas_would_spare(const struct arenas *arenas, const struct zone *zone, uint64_t n)
{
	return __atomic_load_n(&arenas->n_empty, __ATOMIC_RELAXED) > 0 &&
		__atomic_load_n(&zone->n_out, __ATOMIC_RELAXED) == n;
}

int
arena_node(const struct arena *arena)
{
	return arena->zone->socket_id;
}

void
arenas_shrink(struct arenas *arenas)
{
	struct zone *zone, *next;
	struct zone_list gone;

	TAILQ_INIT(&gone);
	lock_take(&arenas->lock);
	for (zone = TAILQ_FIRST(&arenas->zones); zone != NULL; zone = next) {
		next = TAILQ_NEXT(zone, next);
		if (!is_empty(zone) || !is_spare(arenas, zone))
			continue;
		unlink_zone(arenas, zone);
		TAILQ_INSERT_TAIL(&gone, zone, next);
	}
	__atomic_store_n(&arenas->spare, false, __ATOMIC_RELAXED);
	lock_drop(&arenas->lock);
	block_caches_resume(arenas->caches);
	while (!TAILQ_EMPTY(&gone)) {
		zone = TAILQ_FIRST(&gone);
		TAILQ_REMOVE(&gone, zone, next);
		zone_free(zone);
	}
}

void
arenas_info(struct arenas *arenas, struct arenas_info *info)
{
	const struct zone *zone;

	memset(info, 0, sizeof(*info));
	block_caches_stop(arenas->caches);
	info->free_bytes = block_caches_bytes(arenas->caches);
	lock_take(&arenas->lock);
	TAILQ_FOREACH (zone, &arenas->zones, next) {
		info->zones++;
		info->arenas += zone->n_arenas;
		for (unsigned int i = 0; i < zone->n_arenas; i++)
			info->free_bytes += (uint64_t)buddy_free_pages(zone->arena[i].buddy)
				<< DAD_DMA_PAGE_SHIFT;
	}
	info->bytes = arenas->bytes;
	lock_drop(&arenas->lock);
	block_caches_resume(arenas->caches);
}

unsigned int
arenas_list(struct arenas *arenas, struct arena_info info[], unsigned int max)
{
	const struct zone *zone;
	unsigned int n = 0;

	lock_take(&arenas->lock);
	TAILQ_FOREACH (zone, &arenas->zones, next)
		for (unsigned int i = 0; i < zone->n_arenas && n < max; i++) {
			const struct arena *arena = &zone->arena[i];

			info[n++] = (struct arena_info){.va = arena->va,
				.iova = arena->iova,
				.bytes = bytes_of(arena->order),
				.free_bytes = (uint64_t)buddy_free_pages(arena->buddy)
					<< DAD_DMA_PAGE_SHIFT,
				.socket_id = zone->socket_id};
		}
	lock_drop(&arenas->lock);
	return n;
}
