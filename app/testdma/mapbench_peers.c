/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "mapbench.h"

/* What one does without the library: look the address up in EAL, or copy. */

static void
virt2iovas(struct map_worker *w, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++)
		w->addr[i] = rte_mem_virt2iova(w->va[i]);
}

static void
virt2memsegs(struct map_worker *w, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++) {
		const struct rte_memseg *ms = rte_mem_virt2memseg(w->va[i], NULL);

		w->addr[i] = unlikely(ms == NULL) ? RTE_BAD_IOVA
						  : ms->iova + ((uintptr_t)w->va[i] - ms->addr_64);
	}
}

static void
malloc_virt2iovas(struct map_worker *w, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++)
		w->addr[i] = rte_malloc_virt2iova(w->va[i]);
}

static bool
found(const struct map_worker *w, uint32_t i)
{
	return w->addr[i] != RTE_BAD_IOVA;
}

/* ---- the copying that bouncing cannot do without ----------------------------------------- */

/* As large a place for each buffer as its slots would be, and where in a page they would be: the
 * CPU copies otherwise if two addresses are equal in their last bits. */
struct copies {
	const struct rte_memzone *zone;
	size_t stride;
	uint32_t alive;
};

static void
copies_close(void *of)
{
	struct copies *c = of;

	rte_memzone_free(c->zone);
	rte_free(c);
}

static void *
copies_open(const struct map_plan *plan)
{
	struct copies *c = rte_zmalloc(NULL, sizeof(*c), 0);
	size_t size;

	if (c == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	c->stride = RTE_ALIGN_CEIL((size_t)plan->size, (size_t)2048);
	c->alive = plan->alive;
	size = c->stride * c->alive * plan->config->map.threads;
	c->zone = rte_memzone_reserve_aligned("mapbench_copies", size, SOCKET_ID_ANY, 0, 4096);
	if (c->zone == NULL) {
		rte_free(c);
		return NULL;
	}
	memset(c->zone->addr, 0, size);
	return c;
}

static char *
place(const struct map_worker *w, uint32_t i)
{
	const struct copies *c = w->of;

	return (char *)c->zone->addr + ((size_t)w->id * c->alive + i) * c->stride;
}

/* In for every direction, as the bytes that the device does not write must survive. */
static void
copies_in(struct map_worker *w, uint32_t from, uint32_t n)
{
	const size_t size = w->plan->size;

	for (uint32_t i = from; i < from + n; i++)
		memcpy(place(w, i), w->va[i], size);
}

static void
copies_out(struct map_worker *w, uint32_t from, uint32_t n)
{
	const size_t size = w->plan->size;

	if (w->plan->config->map.dir == DAD_DMA_TO_DEVICE)
		return;
	for (uint32_t i = from; i < from + n; i++)
		memcpy(w->va[i], place(w, i), size);
}

const struct map_subject map_peers[] = {
	{
		.name = "rte_mem_virt2iova",
		.kind = MAP_SINGLE,
		.rung = MAP_DIRECT,
		.peer = true,
		.slow = true,
		.first_op = "lookup",
		.first = virt2iovas,
		.good = found,
	},
	{
		.name = "rte_mem_virt2memseg",
		.kind = MAP_SINGLE,
		.rung = MAP_DIRECT,
		.peer = true,
		.first_op = "lookup",
		.first = virt2memsegs,
		.good = found,
	},
	{
		.name = "rte_malloc_virt2iova",
		.kind = MAP_SINGLE,
		.rung = MAP_DIRECT,
		.peer = true,
		.first_op = "lookup",
		.first = malloc_virt2iovas,
		.good = found,
	},
	{
		.name = "memcpy",
		.kind = MAP_SINGLE,
		.rung = MAP_BOUNCE,
		.peer = true,
		.slow = true,
		.first_op = "copy_in",
		.last_op = "copy_out",
		.open = copies_open,
		.close = copies_close,
		.first = copies_in,
		.last = copies_out,
	},
};
const unsigned int map_nb_peers = RTE_DIM(map_peers);
