/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memzone.h>

#include "buffers.h"
#include "clamp.h"
#include "pattern.h"

/*
 * A memzone of this size, with what the heap puts around it, fits in one hugepage: contiguous
 * whatever the IOVAs are. Where they are virtual addresses larger ones do as well.
 */
#define ZONE_SIZE_PA ((2u << 20) - (16u << 10))
#define ZONE_SIZE_VA (32u << 20)

struct buffers {
	struct dad_dma_dev *dma;
	enum dad_dma_dir dir;
	size_t size;
	size_t stride;
	bool guard;
	uint32_t count;
	uint32_t per_zone;
	uint32_t mapped; /* buffers */
	unsigned int nb_zones;
	const struct rte_memzone **zone;
	struct buffer *buf;
};

static const struct rte_memzone *
reserve(size_t size, int socket_id)
{
	static atomic_uint serial;
	char name[RTE_MEMZONE_NAMESIZE];

	snprintf(name, sizeof(name), "testdma_%d_%u", (int)getpid(), atomic_fetch_add(&serial, 1));
	const struct rte_memzone *mz = rte_memzone_reserve_aligned(
		name, size, socket_id, RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
	if (mz != NULL || socket_id == SOCKET_ID_ANY)
		return mz;
	/* a node without memory: from another, rather than not at all */
	return rte_memzone_reserve_aligned(
		name, size, SOCKET_ID_ANY, RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
}

/* The device never gets a mapping of no bytes, not even for transfers of none. */
static size_t
mapped_size(const struct buffers *b)
{
	return RTE_MAX(b->size, (size_t)1);
}

/*
 * How many buffers, from the first on, are one mapping: guards are nothing to the device, so
 * between them each buffer is mapped alone; without guards all of a zone are mapped together.
 */
static uint32_t
run_length(const struct buffers *b, uint32_t first)
{
	return b->guard ? 1 : RTE_MIN(b->per_zone, b->count - first);
}

static size_t
run_size(const struct buffers *b, uint32_t first)
{
	return (run_length(b, first) - 1) * b->stride + mapped_size(b);
}

void
buffers_unmap(struct buffers *b)
{
	for (uint32_t i = 0; i < b->mapped; i += run_length(b, i))
		dad_dma_unmap_single(b->dma, b->buf[i].addr, run_size(b, i), b->dir);
	b->mapped = 0;
	b->dma = NULL;
}

int
buffers_remap(struct buffers *b, struct dad_dma_dev *dma)
{
	buffers_unmap(b);
	b->dma = dma;
	while (b->mapped < b->count) {
		uint32_t first = b->mapped;
		uint32_t n = run_length(b, first);
		dad_dma_addr_t addr =
			dad_dma_map_single(dma, b->buf[first].va, run_size(b, first), b->dir);

		if (dad_dma_mapping_error(dma, addr) != 0) {
			int err = rte_errno;

			buffers_unmap(b);
			return -err;
		}
		for (uint32_t i = 0; i < n; i++)
			b->buf[first + i].addr = addr + i * b->stride;
		b->mapped += n;
	}
	return 0;
}

struct buffers *
buffers_create(struct dad_dma_dev *dma, uint32_t count, size_t size, enum dad_dma_dir dir,
	bool guard, int socket_id)
{
	size_t margin = guard ? PATTERN_GUARD : 0;
	size_t stride = RTE_ALIGN_CEIL(size + 2 * margin, (size_t)RTE_CACHE_LINE_SIZE);
	size_t zone_size = rte_eal_iova_mode() == RTE_IOVA_VA ? ZONE_SIZE_VA : ZONE_SIZE_PA;
	uint32_t per_zone = clamp(zone_size / stride, 1, count);
	struct buffers *b = calloc(1, sizeof(*b));
	int err = ENOMEM;

	if (b == NULL)
		goto fail;
	b->dir = dir;
	b->size = size;
	b->stride = stride;
	b->guard = guard;
	b->per_zone = per_zone;
	b->count = count;
	b->buf = calloc(count, sizeof(*b->buf));
	b->zone = calloc(count / per_zone + 1, sizeof(*b->zone));
	if (b->buf == NULL || b->zone == NULL)
		goto fail;

	for (uint32_t i = 0; i < count; i += per_zone) {
		uint32_t n = RTE_MIN(per_zone, count - i);
		const struct rte_memzone *mz = reserve(n * stride, socket_id);

		if (mz == NULL) {
			err = rte_errno;
			goto fail;
		}
		b->zone[b->nb_zones++] = mz;
		for (uint32_t j = 0; j < n; j++) {
			b->buf[i + j].va = (uint8_t *)mz->addr + j * stride + margin;
			if (guard)
				pattern_guard(b->buf[i + j].va, size);
		}
	}
	if (dma != NULL) {
		err = -buffers_remap(b, dma);
		if (err != 0)
			goto fail;
	}
	return b;

fail:
	buffers_free(b);
	rte_errno = err;
	return NULL;
}

void
buffers_free(struct buffers *b)
{
	if (b == NULL)
		return;
	buffers_unmap(b);
	while (b->nb_zones > 0)
		rte_memzone_free(b->zone[--b->nb_zones]);
	free(b->zone);
	free(b->buf);
	free(b);
}

const struct buffer *
buffers_array(const struct buffers *b)
{
	return b->buf;
}

void
buffers_for_cpu(const struct buffers *b, uint32_t i)
{
	dad_dma_sync_single_for_cpu(b->dma, b->buf[i].addr, mapped_size(b), b->dir);
}

void
buffers_for_device(const struct buffers *b, uint32_t i)
{
	dad_dma_sync_single_for_device(b->dma, b->buf[i].addr, mapped_size(b), b->dir);
}
