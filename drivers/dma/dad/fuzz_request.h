/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_REQUEST_H
#define FUZZ_REQUEST_H

/*
 * A random operation: of any kind, length, alignment and lists; right, wrong in any way, or with a
 * source and a destination that overlap. And what plain C makes of it.
 */

#include "fuzz_lane.h"

/* What it does if it succeeds. */
struct effect {
	enum { REQ_COPY, REQ_FILL, REQ_SG, REQ_KINDS } kind; /* as enum dad_opcode */
	uint32_t len, model_from, model_to; /* in the arena, or the lane's part of the window */
	uint64_t pattern;
	bool from_foreign, to_scratch, in_blur;
};

struct request {
	struct effect effect;
	enum rte_dma_status_code status; /* if it is attempted */
	uint64_t src, dst;
	struct rte_dma_sge from[64], to[64];
	uint16_t nb_from, nb_to;
};

static inline uint32_t
any_length(struct lane *l)
{
	switch (below(l, 1000)) {
	case 0:
		return 1 + below(l, ARENA / 3); /* some are shared by workers */
	case 1 ... 9:
		return 1 + below(l, 40000);
	case 10 ... 99:
		return 1 + below(l, 5000);
	case 100 ... 399:
		return 1 + below(l, 600);
	default:
		return 1 + below(l, 130);
	}
}

/* Two ranges that have nothing in common. */
static inline void
two_ranges(struct lane *l, uint32_t len, uint32_t *from, uint32_t *to)
{
	/* mostly in a small part, so that operations meet */
	uint32_t space = below(l, 4) == 0 || len > 8192 ? ARENA : 65536;

	do {
		*from = below(l, space - len + 1);
		*to = below(l, space - len + 1);
	} while (l->src_dev == l->dst_dev && *from < *to + len && *to < *from + len);
}

/* Two that have something in common: all, in the arena, where nothing changes; or a part, in the
 * blur. */
static inline void
make_overlap(struct lane *l, struct request *r)
{
	struct effect *e = &r->effect;
	const uint32_t by = below(l, 3) == 0 ? 0 : 1 + below(l, RTE_MIN(e->len, 300u));
	const uint32_t low = below(l, (by > 0 ? BLUR : ARENA) - e->len - by + 1);
	const rte_iova_t base = by > 0 ? l->blur_iova : l->arena_iova;
	const bool up = below(l, 2);

	e->in_blur = by > 0;
	e->model_from = low + (up ? 0 : by);
	e->model_to = low + (up ? by : 0);
	r->src = base + e->model_from;
	r->dst = base + e->model_to;
}

/* Cut [at, at + len) into n entries, some empty. */
static inline void
cut(struct lane *l, uint64_t at, uint32_t len, struct rte_dma_sge *list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint32_t part = i + 1 == n ? len : below(l, len + 1);

		list[i] = (struct rte_dma_sge){at, part};
		at += part;
		len -= part;
	}
}

/* Addresses that are nowhere, in any mode, for any length used here. */
static inline uint64_t
nowhere(struct lane *l, bool dev)
{
	if (dev && below(l, 2))
		return l->window_size + below(l, 100);
	static const uint64_t all[] = {0, 8, 4096, UINT64_C(0x800000000000),
		UINT64_C(0x123456789abcdef0), UINT64_MAX - (1u << 22)};

	/* the low ones are good offsets */
	return all[dev ? 3 + below(l, RTE_DIM(all) - 3) : below(l, RTE_DIM(all))];
}

static inline void
make_bad_lists(struct lane *l, struct request *r, bool bad_src)
{
	struct effect *e = &r->effect;

	switch (l->dst_dev ? below(l, 2) * 2 : below(l, 4)) {
	case 0: /* sums differ */
		r->to[r->nb_to - 1].length++;
		r->status = RTE_DMA_STATUS_INVALID_LENGTH;
		return;
	case 1: /* in the middle: bytes before may have been moved */
		e->to_scratch = true;
		e->len = RTE_MIN(e->len, (uint32_t)SCRATCH);
		cut(l, r->src, e->len, r->from, r->nb_from);
		cut(l, l->scratch_iova, e->len, r->to, r->nb_to);
		break;
	default: /* at the front: nothing was moved */
		r->nb_from = r->nb_to = 1;
		cut(l, r->src, e->len, r->from, 1);
		cut(l, r->dst, e->len, r->to, 1);
	}
	struct rte_dma_sge *list = bad_src ? r->from : r->to;
	unsigned int n = bad_src ? r->nb_from : r->nb_to;
	unsigned int i = below(l, n);

	while (list[i].length == 0)
		i = (i + 1) % n;
	list[i].addr = nowhere(l, bad_src ? l->src_dev : l->dst_dev);
}

static inline void
make_bad(struct lane *l, struct request *r)
{
	struct effect *e = &r->effect;
	const bool bad_src = e->kind != REQ_FILL && below(l, 2);

	r->status = bad_src ? RTE_DMA_STATUS_INVALID_SRC_ADDR : RTE_DMA_STATUS_INVALID_DST_ADDR;
	if (e->kind == REQ_SG) {
		make_bad_lists(l, r, bad_src);
	} else if (below(l, 8) == 0) { /* wraps */
		e->len = RTE_MAX(e->len, 2u);
		*(bad_src ? &r->src : &r->dst) = UINT64_MAX - below(l, e->len - 1);
		r->status = RTE_DMA_STATUS_INVALID_LENGTH;
	} else {
		*(bad_src ? &r->src : &r->dst) = nowhere(l, bad_src ? l->src_dev : l->dst_dev);
	}
}

static inline void
make_request(struct lane *l, struct request *r)
{
	struct effect *e = &r->effect;

	*e = (struct effect){.len = any_length(l), .pattern = rnd(l) ^ rnd(l) << 40};
	if (below(l, 2) == 0)
		e->pattern >>= 20; /* one that fits a descriptor in the ring */
	e->kind = below(l, 100) < 60 ? REQ_COPY : below(l, 2) ? REQ_FILL : REQ_SG;
	r->status = RTE_DMA_STATUS_SUCCESSFUL;
	two_ranges(l, e->len, &e->model_from, &e->model_to);
	r->src = address_of(l, l->src_dev, e->model_from);
	r->dst = address_of(l, l->dst_dev, e->model_to);
	const bool overlaps =
		!l->src_dev && !l->dst_dev && e->kind != REQ_FILL && below(l, 60) == 0;
	if (overlaps)
		make_overlap(l, r);
	r->nb_from = (uint16_t)(below(l, 4) ? 1 + below(l, 4) : 1 + below(l, 64));
	r->nb_to = (uint16_t)(below(l, 4) ? 1 + below(l, 4) : 1 + below(l, 64));
	if (e->kind == REQ_SG) {
		cut(l, r->src, e->len, r->from, r->nb_from);
		cut(l, r->dst, e->len, r->to, r->nb_to);
	}
	if (!overlaps && below(l, 40) == 0) {
		make_bad(l, r);
	} else if (!overlaps && e->kind == REQ_COPY && !l->src_dev && e->len < FOREIGN_SIZE &&
		below(l, 200) == 0) {
		/* memory of the C library: with SVA it is as good as any */
		e->from_foreign = true;
		r->src = (uintptr_t)l->foreign;
		if (!l->sva)
			r->status = RTE_DMA_STATUS_INVALID_SRC_ADDR;
	}
}

/* What it may touch: one that fails may have read and written all the same. */
static inline struct op
touched_by(const struct lane *l, const struct effect *e)
{
	struct op op = {0};

	if (e->in_blur)
		return op;
	if (e->kind != REQ_FILL)
		op.reads[op.nb_reads++] = range_of(l->src_dev, e->model_from, e->len);
	if (!e->to_scratch)
		op.writes[op.nb_writes++] = range_of(l->dst_dev, e->model_to, e->len);
	return op;
}

static inline int
enqueue(struct lane *l, struct request *r, uint64_t flags)
{
	switch (r->effect.kind) {
	case REQ_COPY:
		return rte_dma_copy(l->dev, l->vchan, r->src, r->dst, r->effect.len, flags);
	case REQ_FILL:
		return rte_dma_fill(
			l->dev, l->vchan, r->effect.pattern, r->dst, r->effect.len, flags);
	default:
		return rte_dma_copy_sg(
			l->dev, l->vchan, r->from, r->to, r->nb_from, r->nb_to, flags);
	}
}

/* What plain C makes of one that succeeded. */
static inline void
apply(struct lane *l, const struct effect *e)
{
	uint8_t *to = model_of(l, l->dst_dev) + e->model_to;

	if (e->in_blur) {
		memset(l->blurred + e->model_to, 1, e->len);
		return;
	}
	if (e->kind != REQ_FILL) {
		memmove(to, e->from_foreign ? l->foreign : model_of(l, l->src_dev) + e->model_from,
			e->len);
		return;
	}
	for (uint32_t i = 0; i < e->len; i++)
		to[i] = (uint8_t)(e->pattern >> i % 8 * 8);
}

#endif /* FUZZ_REQUEST_H */
