/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_LANE_H
#define FUZZ_LANE_H

/*
 * A lane of the fuzz test: random operations for one vchan, of any direction, and what plain C
 * makes of them.
 *
 * The device may do operations in any order unless fenced. So an operation that touches what one
 * before it, since the last fence, has written (or writes what it has read) is fenced; all others
 * are fenced at random only. Everything else is as wild as the API allows.
 */

#include "test_device.h"

#define ARENA	     (1u << 20)
#define FOREIGN_SIZE 8192
#define WINDOW	     48 /* operations since the last fence */
#define RANGES	     8

/* At a place of its own, after which nothing may have been written. */
#define SCRATCH 16384
#define GUARD	256

struct range {
	uint32_t from, len;
};

struct op {
	unsigned int nb_reads, nb_writes;
	struct range reads[RANGES], writes[RANGES];
};

struct lane {
	int16_t dev;
	uint16_t vchan;
	uint64_t seed, target;
	bool sva, silent;
	bool src_dev, dst_dev; /* the device's side: addresses are offsets in its window */
	/* the device's memory, what it should be, and memory of the C library */
	uint8_t *arena, *model, *scratch, *foreign;
	/* the lane's part of the window, what it should be, and where it begins */
	uint8_t *window_part, *window_model;
	uint64_t window_at, window_size;
	rte_iova_t arena_iova, scratch_iova; /* to ask is a system call, with physical ones */
	/* since the last fence */
	struct op window[WINDOW];
	unsigned int in_window;
	/* what was enqueued and not yet reported, by index */
	uint8_t expected[65536];
	uint64_t sent, submitted, reported, errors;
	bool batch_failed, batch_poisoned;
	uint64_t deadline;
	char wrong[200];
};

static inline uint64_t
rnd(struct lane *l)
{
	/* xorshift */
	l->seed ^= l->seed << 13;
	l->seed ^= l->seed >> 7;
	l->seed ^= l->seed << 17;
	return l->seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static inline uint32_t
below(struct lane *l, uint32_t n)
{
	return (uint32_t)(rnd(l) % n);
}

#define agree(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			if (l->wrong[0] == '\0')                                                   \
				snprintf(l->wrong, sizeof(l->wrong),                               \
					"line %d: %s, after %llu operations of vchan %u",          \
					__LINE__, #condition, (unsigned long long)l->sent,         \
					l->vchan);                                                 \
			return false;                                                              \
		}                                                                                  \
	} while (0)

/* Of a side: addresses, and what should be there. */
static inline uint64_t
address_of(const struct lane *l, bool dev, uint32_t at)
{
	return dev ? l->window_at + at : l->arena_iova + at;
}

static inline uint8_t *
model_of(const struct lane *l, bool dev)
{
	return dev ? l->window_model : l->model;
}

/* Offsets of both sides in one order: the device's after those of memory. */
static inline struct range
range_of(bool dev, uint32_t at, uint32_t len)
{
	return (struct range){at + (dev ? ARENA : 0), len};
}

/* ---- order ---------------------------------------------------------------------------------- */

static inline bool
overlap(const struct range *a, unsigned int na, const struct range *b, unsigned int nb)
{
	for (unsigned int i = 0; i < na; i++)
		for (unsigned int j = 0; j < nb; j++)
			if (a[i].from < b[j].from + b[j].len && b[j].from < a[i].from + a[i].len)
				return true;
	return false;
}

static inline bool
needs_fence(const struct lane *l, const struct op *op)
{
	for (unsigned int i = 0; i < l->in_window; i++) {
		const struct op *before = &l->window[i];

		if (overlap(op->writes, op->nb_writes, before->writes, before->nb_writes) ||
			overlap(op->writes, op->nb_writes, before->reads, before->nb_reads) ||
			overlap(op->reads, op->nb_reads, before->writes, before->nb_writes))
			return true;
	}
	return l->in_window == WINDOW;
}

/* ---- operations ----------------------------------------------------------------------------- */

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

struct request {
	enum { REQ_COPY, REQ_FILL, REQ_SG } kind;
	uint64_t src, dst, pattern;
	uint32_t len;
	struct rte_dma_sge from[64], to[64];
	uint16_t nb_from, nb_to;
	enum rte_dma_status_code status; /* if it is attempted */
	uint32_t model_from, model_to;	 /* in the arena, or the lane's part of the window */
	bool from_foreign, to_scratch;
};

static inline void
make_bad(struct lane *l, struct request *r)
{
	bool bad_src = r->kind != REQ_FILL && below(l, 2);

	if (r->kind == REQ_SG) {
		switch (l->dst_dev ? below(l, 2) * 2 : below(l, 4)) {
		case 0: /* sums differ */
			r->to[r->nb_to - 1].length++;
			r->status = RTE_DMA_STATUS_INVALID_LENGTH;
			return;
		case 1: /* in the middle: bytes before may have been moved */
			r->to_scratch = true;
			r->len = RTE_MIN(r->len, (uint32_t)SCRATCH);
			cut(l, r->src, r->len, r->from, r->nb_from);
			cut(l, l->scratch_iova, r->len, r->to, r->nb_to);
			break;
		default: /* at the front: nothing was moved */
			r->nb_from = r->nb_to = 1;
			cut(l, r->src, r->len, r->from, 1);
			cut(l, r->dst, r->len, r->to, 1);
		}
		struct rte_dma_sge *list = bad_src ? r->from : r->to;
		unsigned int n = bad_src ? r->nb_from : r->nb_to;
		unsigned int i = below(l, n);

		while (list[i].length == 0)
			i = (i + 1) % n;
		list[i].addr = nowhere(l, bad_src ? l->src_dev : l->dst_dev);
	} else if (below(l, 8) == 0) { /* wraps */
		r->len = RTE_MAX(r->len, 2u);
		*(bad_src ? &r->src : &r->dst) = UINT64_MAX - below(l, r->len - 1);
		r->status = RTE_DMA_STATUS_INVALID_LENGTH;
		return;
	} else {
		*(bad_src ? &r->src : &r->dst) = nowhere(l, bad_src ? l->src_dev : l->dst_dev);
	}
	r->status = bad_src ? RTE_DMA_STATUS_INVALID_SRC_ADDR : RTE_DMA_STATUS_INVALID_DST_ADDR;
}

static inline void
make_request(struct lane *l, struct request *r)
{
	r->kind = below(l, 100) < 60 ? REQ_COPY : below(l, 2) ? REQ_FILL : REQ_SG;
	r->len = any_length(l);
	r->status = RTE_DMA_STATUS_SUCCESSFUL;
	r->from_foreign = r->to_scratch = false;
	r->pattern = rnd(l) ^ rnd(l) << 40;
	two_ranges(l, r->len, &r->model_from, &r->model_to);
	r->src = address_of(l, l->src_dev, r->model_from);
	r->dst = address_of(l, l->dst_dev, r->model_to);
	r->nb_from = (uint16_t)(below(l, 4) ? 1 + below(l, 4) : 1 + below(l, 64));
	r->nb_to = (uint16_t)(below(l, 4) ? 1 + below(l, 4) : 1 + below(l, 64));
	if (r->kind == REQ_SG) {
		cut(l, r->src, r->len, r->from, r->nb_from);
		cut(l, r->dst, r->len, r->to, r->nb_to);
	}
	if (below(l, 40) == 0) {
		make_bad(l, r);
	} else if (r->kind == REQ_COPY && !l->src_dev && r->len < FOREIGN_SIZE &&
		below(l, 200) == 0) {
		/* memory of the C library: with SVA it is as good as any */
		r->from_foreign = true;
		r->src = (uintptr_t)l->foreign;
		if (!l->sva)
			r->status = RTE_DMA_STATUS_INVALID_SRC_ADDR;
	}
}

static inline int
enqueue(struct lane *l, struct request *r, uint64_t flags)
{
	switch (r->kind) {
	case REQ_COPY:
		return rte_dma_copy(l->dev, l->vchan, r->src, r->dst, r->len, flags);
	case REQ_FILL:
		return rte_dma_fill(l->dev, l->vchan, r->pattern, r->dst, r->len, flags);
	default:
		return rte_dma_copy_sg(
			l->dev, l->vchan, r->from, r->to, r->nb_from, r->nb_to, flags);
	}
}

/* What plain C makes of it. */
static inline void
apply(struct lane *l, const struct request *r)
{
	uint8_t *to = model_of(l, l->dst_dev) + r->model_to;

	if (r->kind != REQ_FILL) {
		memcpy(to, r->from_foreign ? l->foreign : model_of(l, l->src_dev) + r->model_from,
			r->len);
		return;
	}
	for (uint32_t i = 0; i < r->len; i++)
		to[i] = (uint8_t)(r->pattern >> i % 8 * 8);
}

#endif /* FUZZ_LANE_H */
