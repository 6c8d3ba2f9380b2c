/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "pattern.h"
#include "walk.h"

/* Odd: with a power of two of steps, each buffer is visited once. */
#define STRIDE 0x9e3779b1u

#define PAGE 4096

static uint32_t
buffer_of(const struct walk *w, uint32_t step)
{
	return step * STRIDE & (w->count - 1);
}

/* The place in a destination's buffer that is so far behind the source's, modulo pages. */
static void *
behind(const void *src, void *buffer, uint32_t offset)
{
	return RTE_PTR_ADD(buffer, ((uintptr_t)src + offset - (uintptr_t)buffer) % PAGE);
}

static struct pattern
pattern_of(const struct walk *w, enum op op, uint8_t fill, uint32_t step)
{
	if (op == OP_FILL)
		return (struct pattern){fill * UINT64_C(0x0101010101010101), true};
	return (struct pattern){buffer_of(w, step) + 1, false};
}

int
walk_create(struct walk *w, uint64_t bytes, uint32_t size, uint32_t offset, int socket_id)
{
	/* sources have it, too, so that they lie as far apart */
	const uint32_t room = size + (offset > 0 ? PAGE : 0);
	uint64_t stride = RTE_ALIGN_CEIL((uint64_t)room, RTE_CACHE_LINE_SIZE);
	int err = ENOMEM;

	*w = (struct walk){.size = size};
	w->count = rte_align32prevpow2(RTE_MAX(bytes / (2 * stride), UINT64_C(1)));
	w->src = buffers_create(NULL, w->count, room, DAD_DMA_TO_DEVICE, false, socket_id);
	w->dst = w->src == NULL
		? NULL
		: buffers_create(NULL, w->count, room, DAD_DMA_FROM_DEVICE, false, socket_id);
	if (w->dst == NULL) {
		err = rte_errno;
		goto fail;
	}
	w->src_addr = calloc(w->count, sizeof(*w->src_addr));
	w->dst_addr = calloc(w->count, sizeof(*w->dst_addr));
	w->src_va = calloc(w->count, sizeof(*w->src_va));
	w->dst_va = calloc(w->count, sizeof(*w->dst_va));
	if (w->src_addr == NULL || w->dst_addr == NULL || w->src_va == NULL || w->dst_va == NULL)
		goto fail;
	for (uint32_t step = 0; step < w->count; step++) {
		uint32_t i = buffer_of(w, step);

		w->src_va[step] = buffers_array(w->src)[i].va;
		w->dst_va[step] = offset == 0
			? buffers_array(w->dst)[i].va
			: behind(w->src_va[step], buffers_array(w->dst)[i].va, offset);
		pattern_write(w->src_va[step], size, pattern_of(w, OP_COPY, 0, step));
		memset(w->dst_va[step], 0, size);
	}
	return 0;

fail:
	walk_free(w);
	return -err;
}

void
walk_free(struct walk *w)
{
	buffers_free(w->src);
	buffers_free(w->dst);
	free(w->src_addr);
	free(w->dst_addr);
	free(w->src_va);
	free(w->dst_va);
	*w = (struct walk){0};
}

int
walk_map(struct walk *w, struct dad_dma_dev *dma)
{
	int ret = buffers_remap(w->src, dma);

	if (ret == 0)
		ret = buffers_remap(w->dst, dma);
	for (uint32_t step = 0; ret == 0 && step < w->count; step++) {
		uint32_t i = buffer_of(w, step);

		w->src_addr[step] = buffers_array(w->src)[i].addr;
		w->dst_addr[step] = buffers_array(w->dst)[i].addr +
			RTE_PTR_DIFF(w->dst_va[step], buffers_array(w->dst)[i].va);
	}
	return ret;
}

void
walk_unmap(struct walk *w)
{
	buffers_unmap(w->src);
	buffers_unmap(w->dst);
}

void
walk_arm(const struct walk *w, enum op op, uint8_t fill, uint32_t stride)
{
	for (uint32_t step = 0; step < w->count; step += stride)
		pattern_spoil(w->dst_va[step], w->size, pattern_of(w, op, fill, step));
}

uint32_t
walk_check(const struct walk *w, enum op op, uint8_t fill, uint32_t stride, uint64_t done,
	const char *who, uint64_t *checked)
{
	uint32_t bad = 0;

	for (uint32_t step = 0; step < w->count && step < done; step += stride) {
		struct pattern p = pattern_of(w, op, fill, step);
		struct mismatch m;
		const char *what = "destination";
		bool good = pattern_check(w->dst_va[step], w->size, p, &m);

		if (good && op != OP_FILL) {
			what = "source";
			good = pattern_check(w->src_va[step], w->size, p, &m);
		}
		(*checked)++;
		if (!good && bad++ == 0)
			fprintf(stderr,
				"miscompare: %s, %s of %u bytes: %s at %p is 0x%02x, and should be "
				"0x%02x\n",
				who, op_name(op), w->size, what, (const void *)m.at, m.found,
				m.expected);
	}
	return bad;
}
