/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dad_ring without copies: producers write their elements in the ring, consumers read them there.
 * The loops are those of loops.h, but for that.
 */
#include <dad_ring.h>

#include "loops.h"

static inline size_t
reserve(struct worker *w, struct dad_ring_span *span, bool burst)
{
	return burst ? dad_ring_reserve_burst(w->ring, w->bulk, span, NULL)
		     : dad_ring_reserve_bulk(w->ring, w->bulk, span, NULL);
}

static inline size_t
claim(struct worker *w, struct dad_ring_span *span, bool burst)
{
	return burst ? dad_ring_claim_burst(w->ring, w->bulk, span, NULL)
		     : dad_ring_claim_bulk(w->ring, w->bulk, span, NULL);
}

static __rte_always_inline void
write_span(const struct dad_ring_span *span, const size_t esize, uint64_t first)
{
	payload_write(span->ptr1, esize, first, (unsigned int)span->n1);
	if (unlikely(span->n2 > 0))
		payload_write(span->ptr2, esize, first + span->n1, (unsigned int)span->n2);
}

static __rte_always_inline void
loop_produce_in_place(struct worker *w, const size_t esize)
{
	const uint64_t base = payload_base(w->id);
	uint64_t sent = 0, calls = 0, refused = 0;
	unsigned int spins = 0;

	while (!run_stopped(w->run)) {
		struct dad_ring_span span;
		size_t k = reserve(w, &span, w->burst);

		calls++;
		if (unlikely(k == 0)) {
			refused++;
			idle(&spins, w->yield);
			continue;
		}
		spins = 0;
		write_span(&span, esize, base + sent);
		dad_ring_commit(w->ring, &span, k);
		sent += k;
	}
	w->moved = sent;
	w->calls = calls;
	w->refused = refused;
}

static __rte_always_inline void
loop_consume_in_place(struct worker *w, const size_t esize)
{
	uint64_t moved = 0, calls = 0, refused = 0;
	unsigned int spins = 0;

	for (;;) {
		bool last = run_producers_gone(w->run);
		struct dad_ring_span span;

		if (last && w->id != 0)
			break;
		size_t k = claim(w, &span, w->burst || last);

		calls++;
		if (unlikely(k == 0)) {
			if (last)
				break;
			refused++;
			idle(&spins, w->yield);
			continue;
		}
		spins = 0;
		check_elements(&w->check, span.ptr1, esize, (unsigned int)span.n1);
		if (unlikely(span.n2 > 0))
			check_elements(&w->check, span.ptr2, esize, (unsigned int)span.n2);
		dad_ring_release(w->ring, &span);
		moved += k;
		/* relaxed: a count to look at */
		__atomic_store_n(&w->moved, moved, __ATOMIC_RELAXED);
	}
	w->calls = calls;
	w->refused = refused;
}

static __rte_always_inline void
loop_ping_in_place(struct worker *w, const size_t esize)
{
	unsigned int spins = 0;
	uint64_t sent = 0;

	while (!run_stopped(w->run)) {
		uint64_t word = stamped(w);
		struct dad_ring_span span;
		size_t k = reserve(w, &span, false);

		if (k == 0) {
			idle(&spins, w->yield);
			continue;
		}
		write_span(&span, esize, word);
		dad_ring_commit(w->ring, &span, k);
		sent += k;
		if (!acknowledged(w, word, &spins))
			break;
	}
	w->moved = sent;
}

static __rte_always_inline void
loop_pong_in_place(struct worker *w, const size_t esize)
{
	unsigned int spins = 0;
	uint64_t moved = 0;

	for (;;) {
		bool last = run_producers_gone(w->run);
		struct dad_ring_span span;

		if (last && w->id != 0)
			break;
		size_t k = claim(w, &span, false);

		if (k == 0) {
			if (last)
				break;
			idle(&spins, w->yield);
			continue;
		}
		spins = 0;
		arrived(w, payload_first(span.ptr1));
		w->check.torn += payload_torn(span.ptr1, esize, (unsigned int)span.n1);
		if (span.n2 > 0)
			w->check.torn += payload_torn(span.ptr2, esize, (unsigned int)span.n2);
		dad_ring_release(w->ring, &span);
		moved += k;
		/* relaxed: a count to look at */
		__atomic_store_n(&w->moved, moved, __ATOMIC_RELAXED);
	}
}

#define IN_PLACE(esize)                                                                            \
	static void produce_##esize(struct worker *w)                                              \
	{                                                                                          \
		loop_produce_in_place(w, esize);                                                   \
	}                                                                                          \
	static void consume_##esize(struct worker *w)                                              \
	{                                                                                          \
		loop_consume_in_place(w, esize);                                                   \
	}                                                                                          \
	static void ping_##esize(struct worker *w)                                                 \
	{                                                                                          \
		loop_ping_in_place(w, esize);                                                      \
	}                                                                                          \
	static void pong_##esize(struct worker *w)                                                 \
	{                                                                                          \
		loop_pong_in_place(w, esize);                                                      \
	}

IN_PLACE(8)
IN_PLACE(16)
IN_PLACE(32)
IN_PLACE(64)

static const struct loops loops[KIND_ESIZES] = {
	{produce_8, consume_8, ping_8, pong_8},
	{produce_16, consume_16, ping_16, pong_16},
	{produce_32, consume_32, ping_32, pong_32},
	{produce_64, consume_64, ping_64, pong_64},
};

static void *
create(const char *name, uint32_t esize, uint32_t count, int socket_id)
{
	return dad_ring_create(name, esize, count, socket_id, 0);
}

static void
destroy(void *ring)
{
	dad_ring_free(ring);
}

const struct kind kind_dad_zc = {
	.name = "dad-zc",
	.what = "dad_ring, many producers and consumers, in place",
	.create = create,
	.free = destroy,
	.loops = loops,
};
