/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#include "dad_dma_pool.h"
#include "dad_dma_sg.h"
#include "mapbench.h"

/* Memory and addresses that come and go: the library's, and EAL's beside them. */

/* Alive at a time. EAL has 2560 memzones in all, and looks through them for each new name: with
 * more alive they cost more. What does not fit the caches of an lcore is no longer what pools are
 * for. */
#define ALL_ZONES     2048u
#define ALIVE_OBJECTS 16
#define OBJECT_MAX    (64u << 10)

static bool
allocated(const struct map_worker *w, uint32_t i)
{
	return w->mem[i] != NULL;
}

/* ---- coherent memory --------------------------------------------------------------------- */

static void
coherent_alloc(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_dev *dev = w->of;

	for (uint32_t i = from; i < from + n; i++)
		w->mem[i] = dad_dma_alloc_coherent(dev, w->plan->size, &w->addr[i]);
}

static void
coherent_free(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_dev *dev = w->of;

	for (uint32_t i = from; i < from + n; i++)
		dad_dma_free_coherent(dev, w->plan->size, w->mem[i], w->addr[i]);
}

/* Holes in EAL's heap between blocks that stay: with none, measuring EAL would measure how fast the
 * kernel brings hugepages and takes them back. Blocks of more than HOLE_MAX have to bear that. */
#define HOLE_MAX (128u << 10)

struct heap {
	uint32_t nb_holes;
	size_t align;
	void **block;
	char (*name)[RTE_MEMZONE_NAMESIZE];
};

static void
heap_close(void *of)
{
	struct heap *h = of;

	for (uint32_t i = 0; i < 2 * h->nb_holes; i++)
		rte_free(h->block[i]);
	free(h->block);
	free(h->name);
	free(h);
}

static void *
heap_open(const struct map_plan *plan)
{
	struct heap *h = calloc(1, sizeof(*h));

	if (h == NULL)
		goto fail;
	h->align = rte_align64pow2(RTE_MAX(plan->size, 4096u));
	h->nb_holes = plan->alive * plan->config->map.threads;
	h->block = calloc(2 * h->nb_holes, sizeof(*h->block));
	h->name = calloc(h->nb_holes, sizeof(*h->name));
	if (h->block == NULL || h->name == NULL)
		goto fail;
	for (uint32_t i = 0; i < 2 * h->nb_holes; i++) {
		h->block[i] = rte_malloc(NULL, RTE_MIN(2 * h->align, (size_t)HOLE_MAX), 0);
		if (h->block[i] == NULL)
			goto fail;
	}
	for (uint32_t i = 0; i < h->nb_holes; i++) {
		rte_free(h->block[2 * i + 1]);
		h->block[2 * i + 1] = NULL;
		snprintf(h->name[i], sizeof(h->name[i]), "mapbench_%u", i);
	}
	return h;
fail:
	if (h != NULL && h->block != NULL)
		heap_close(h);
	else
		free(h);
	rte_errno = ENOMEM;
	return NULL;
}

static void
memzone_reserve(struct map_worker *w, uint32_t from, uint32_t n)
{
	const struct heap *h = w->of;

	for (uint32_t i = from; i < from + n; i++)
		w->mem[i] = (void *)(uintptr_t)rte_memzone_reserve_aligned(
			h->name[w->id * w->plan->alive + i], w->plan->size, SOCKET_ID_ANY,
			RTE_MEMZONE_IOVA_CONTIG, h->align);
}

static void
memzone_free(struct map_worker *w, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++)
		rte_memzone_free(w->mem[i]);
}

static void
heap_alloc(struct map_worker *w, uint32_t from, uint32_t n)
{
	const struct heap *h = w->of;

	for (uint32_t i = from; i < from + n; i++)
		w->mem[i] = rte_zmalloc(NULL, w->plan->size, h->align);
}

static void
heap_free(struct map_worker *w, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++)
		rte_free(w->mem[i]);
}

/* ---- objects ----------------------------------------------------------------------------- */

static void *
pool_open(const struct map_plan *plan)
{
	return dad_dma_pool_create(
		"mapbench", plan->rung[MAP_DIRECT].dev, plan->size, RTE_CACHE_LINE_SIZE, 0);
}

static void
pool_close(void *of)
{
	dad_dma_pool_destroy(of);
}

static void
pool_alloc(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_pool *pool = w->of;

	for (uint32_t i = from; i < from + n; i++)
		w->mem[i] = dad_dma_pool_alloc(pool, 0, &w->addr[i]);
}

static void
pool_free(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_pool *pool = w->of;

	for (uint32_t i = from; i < from + n; i++)
		dad_dma_pool_free(pool, w->mem[i], w->addr[i]);
}

static void *
mempool_open(const struct map_plan *plan)
{
	const unsigned int cache = 2 * ALIVE_OBJECTS;

	/* a cache of EAL holds half as much again before it gives some back */
	return rte_mempool_create("mapbench", (plan->config->map.threads + 1) * 2 * cache,
		plan->size, cache, 0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
}

static void
mempool_close(void *of)
{
	rte_mempool_free(of);
}

static void
mempool_get(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct rte_mempool *pool = w->of;

	for (uint32_t i = from; i < from + n; i++) {
		if (unlikely(rte_mempool_get(pool, &w->mem[i]) != 0))
			w->mem[i] = NULL;
	}
}

static void
mempool_put(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct rte_mempool *pool = w->of;

	for (uint32_t i = from; i < from + n; i++)
		rte_mempool_put(pool, w->mem[i]);
}

/* ---- addresses --------------------------------------------------------------------------- */

/* The first of the two steps of a mapping, and its end without a second one. */
static void
iova_alloc(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_dev *dev = w->of;

	for (uint32_t i = from; i < from + n; i++) {
		if (unlikely(!dad_dma_iova_try_alloc(dev, &w->range[i], w->va[i], w->plan->size)))
			w->range[i].size = 0;
	}
}

static void
iova_free(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_dev *dev = w->of;

	for (uint32_t i = from; i < from + n; i++)
		dad_dma_iova_free(dev, &w->range[i]);
}

static bool
ranged(const struct map_worker *w, uint32_t i)
{
	return w->range[i].size != 0;
}

/* What all of a kind have in common. */
#define ALLOCATION(k, name_) .name = (name_), .kind = (k), .first_op = "alloc", .last_op = "free"
#define COHERENT(name_)                                                                            \
	ALLOCATION(MAP_COHERENT, name_), .slow = true, .max_all = ALL_ZONES, .good = allocated
#define POOL(name_)                                                                                \
	ALLOCATION(MAP_POOL, name_), .max_alive = ALIVE_OBJECTS, .max_size = OBJECT_MAX,           \
				     .good = allocated

const struct map_subject map_allocations[] = {
	{
		COHERENT("coherent"),
		.rung = MAP_DIRECT,
		.first = coherent_alloc,
		.last = coherent_free,
	},
	{
		COHERENT("rte_memzone"),
		.peer = true,
		.open = heap_open,
		.close = heap_close,
		.first = memzone_reserve,
		.last = memzone_free,
	},
	{
		COHERENT("rte_zmalloc"),
		.peer = true,
		.open = heap_open,
		.close = heap_close,
		.first = heap_alloc,
		.last = heap_free,
	},
	{
		POOL("pool"),
		.rung = MAP_DIRECT,
		.open = pool_open,
		.close = pool_close,
		.first = pool_alloc,
		.last = pool_free,
	},
	{
		POOL("rte_mempool"),
		.peer = true,
		.open = mempool_open,
		.close = mempool_close,
		.first = mempool_get,
		.last = mempool_put,
	},
	{
		ALLOCATION(MAP_IOVA, "iova"),
		.rung = MAP_STRICT,
		.first = iova_alloc,
		.last = iova_free,
		.good = ranged,
	},
};
const unsigned int map_nb_allocations = RTE_DIM(map_allocations);
