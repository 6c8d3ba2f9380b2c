/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_common.h>

#include "dad_dma_sg.h"
#include "mapbench.h"

/* The calls of the library that map, for each of its rungs. */

static enum dad_dma_dir
dir_of(const struct map_worker *w)
{
	return (enum dad_dma_dir)w->plan->config->map.dir;
}

/* ---- one buffer a call ------------------------------------------------------------------- */

/* A function that makes a call for each buffer. */
#define EACH_BUFFER(name, call)                                                                    \
	static void name(struct map_worker *w, uint32_t from, uint32_t n)                          \
	{                                                                                          \
		struct dad_dma_dev *dev = w->of;                                                   \
		const size_t size = w->plan->size;                                                 \
		const enum dad_dma_dir dir = dir_of(w);                                            \
                                                                                                   \
		for (uint32_t i = from; i < from + n; i++)                                         \
			call;                                                                      \
	}

EACH_BUFFER(map_singles, w->addr[i] = dad_dma_map_single(dev, w->va[i], size, dir))
EACH_BUFFER(unmap_singles, dad_dma_unmap_single(dev, w->addr[i], size, dir))

static bool
mapped(const struct map_worker *w, uint32_t i)
{
	return w->addr[i] != DAD_DMA_MAPPING_ERROR;
}

/* ---- many buffers a call ----------------------------------------------------------------- */

static void
map_bursts(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_dev *dev = w->of;
	const uint32_t burst = w->plan->config->map.burst;
	const enum dad_dma_dir dir = dir_of(w);

	for (uint32_t i = from; i < from + n; i += burst) {
		uint32_t some = RTE_MIN(burst, from + n - i);
		uint32_t done =
			dad_dma_map_burst(dev, &w->va[i], w->length, some, dir, &w->addr[i]);

		for (; unlikely(done < some); done++)
			w->addr[i + done] = DAD_DMA_MAPPING_ERROR;
	}
}

static void
unmap_bursts(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_dev *dev = w->of;
	const uint32_t burst = w->plan->config->map.burst;
	const enum dad_dma_dir dir = dir_of(w);

	for (uint32_t i = from; i < from + n; i += burst)
		dad_dma_unmap_burst(dev, &w->addr[i], w->length, RTE_MIN(burst, from + n - i), dir);
}

/* ---- lists ------------------------------------------------------------------------------- */

static void
fill_lists(struct map_worker *w)
{
	for (uint32_t i = 0; i < w->alive; i++) {
		w->sg[i].va = w->va[i];
		w->sg[i].length = w->plan->size;
		w->sg[i].dma_address = 0;
	}
}

static void
map_lists(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_dev *dev = w->of;
	const uint32_t entries = w->plan->config->segments;
	const enum dad_dma_dir dir = dir_of(w);

	for (uint32_t i = from; i < from + n; i += entries) {
		uint32_t some = RTE_MIN(entries, from + n - i);

		if (unlikely(dad_dma_map_sg(dev, &w->sg[i], some, dir) == 0)) {
			for (uint32_t j = i; j < i + some; j++)
				w->sg[j].dma_address = DAD_DMA_MAPPING_ERROR;
		}
	}
}

static void
unmap_lists(struct map_worker *w, uint32_t from, uint32_t n)
{
	struct dad_dma_dev *dev = w->of;
	const uint32_t entries = w->plan->config->segments;
	const enum dad_dma_dir dir = dir_of(w);

	for (uint32_t i = from; i < from + n; i += entries)
		dad_dma_unmap_sg(dev, &w->sg[i], RTE_MIN(entries, from + n - i), dir);
}

static bool
listed(const struct map_worker *w, uint32_t i)
{
	return w->sg[i].dma_address != DAD_DMA_MAPPING_ERROR;
}

/* ---- sync -------------------------------------------------------------------------------- */

static void
map_all(struct map_worker *w)
{
	map_singles(w, 0, w->alive);
}

static void
unmap_all(struct map_worker *w)
{
	for (uint32_t i = 0; i < w->alive; i++) {
		if (mapped(w, i))
			unmap_singles(w, i, 1);
	}
}

EACH_BUFFER(syncs_for_cpu, dad_dma_sync_single_for_cpu(dev, w->addr[i], size, dir))
EACH_BUFFER(syncs_for_device, dad_dma_sync_single_for_device(dev, w->addr[i], size, dir))

/* ---- the table --------------------------------------------------------------------------- */

#define SINGLE(r, s)                                                                               \
	{                                                                                          \
		.kind = MAP_SINGLE, .rung = (r), .slow = (s), .first_op = "map",                   \
		.last_op = "unmap", .first = map_singles, .last = unmap_singles, .good = mapped    \
	}
#define BURST(r, s)                                                                                \
	{                                                                                          \
		.kind = MAP_BURST, .rung = (r), .slow = (s), .first_op = "map",                    \
		.last_op = "unmap", .first = map_bursts, .last = unmap_bursts, .good = mapped      \
	}
#define LIST(r, s)                                                                                 \
	{                                                                                          \
		.kind = MAP_SG, .rung = (r), .slow = (s), .first_op = "map", .last_op = "unmap",   \
		.before = fill_lists, .first = map_lists, .last = unmap_lists, .good = listed      \
	}
#define SYNC(r, s)                                                                                 \
	{                                                                                          \
		.kind = MAP_SYNC, .rung = (r), .slow = (s), .first_op = "for_cpu",                 \
		.last_op = "for_device", .before = map_all, .after = unmap_all,                    \
		.first = syncs_for_cpu, .last = syncs_for_device, .good = mapped                   \
	}
#define EACH_RUNG(X)                                                                               \
	X(MAP_DIRECT, false), X(MAP_WINDOW, false), X(MAP_STRICT, true), X(MAP_BOUNCE, true)

const struct map_subject map_calls[] = {
	EACH_RUNG(SINGLE),
	EACH_RUNG(BURST),
	EACH_RUNG(LIST),
	EACH_RUNG(SYNC),
};
const unsigned int map_nb_calls = RTE_DIM(map_calls);
