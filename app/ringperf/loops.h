/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_LOOPS_H
#define RINGPERF_LOOPS_H

/**
 * @file
 * The loops of producers and consumers, as templates: LOOPS(kind) makes them from kind_put() and
 * kind_get() for each size of element, all inlined, so that only a ring's own calls are left.
 *
 * produce, consume: as many elements as the ring takes. ping, pong: one bulk of each producer on
 * its way at a time, with the time in its first element.
 */

#include <rte_cycles.h>

#include "kind.h"
#include "worker.h"

/** Enqueue n or, if burst, up to n. @return how many */
typedef unsigned int (*put_fn)(
	void *ring, const void *objs, const size_t esize, unsigned int n, bool burst);
/** Dequeue n or, if burst, up to n. @return how many */
typedef unsigned int (*get_fn)(
	void *ring, void *objs, const size_t esize, unsigned int n, bool burst);

static __rte_always_inline void
loop_produce(struct worker *w, const size_t esize, put_fn put)
{
	const uint64_t base = payload_base(w->id);
	const unsigned int n = w->bulk;
	const bool burst = w->burst;
	void *const ring = w->ring;
	uint8_t *const buf = w->buf;
	uint64_t sent = 0, calls = 0, refused = 0;
	unsigned int done = 0, spins = 0;

	payload_write(buf, esize, base, n);
	while (!run_stopped(w->run)) {
		unsigned int k = put(ring, buf + done * esize, esize, n - done, burst);

		calls++;
		if (unlikely(k == 0)) {
			refused++;
			idle(&spins, w->yield);
			continue;
		}
		spins = 0;
		done += k;
		if (likely(done == n)) {
			sent += n;
			done = 0;
			payload_write(buf, esize, base + sent, n);
		}
	}
	w->moved = sent + done;
	w->calls = calls;
	w->refused = refused;
}

static __rte_always_inline void
loop_consume(struct worker *w, const size_t esize, get_fn get)
{
	const unsigned int n = w->bulk;
	const bool burst = w->burst;
	void *const ring = w->ring;
	void *const buf = w->buf;
	uint64_t moved = 0, calls = 0, refused = 0;
	unsigned int spins = 0;

	for (;;) {
		bool last = run_producers_gone(w->run);

		/* one is enough for the rest; with all of them rte_ring may need seconds */
		if (last && w->id != 0)
			break;
		unsigned int k = get(ring, buf, esize, n, burst || last);

		calls++;
		if (unlikely(k == 0)) {
			if (last)
				break;
			refused++;
			idle(&spins, w->yield);
			continue;
		}
		spins = 0;
		check_elements(&w->check, buf, esize, k);
		moved += k;
		/* relaxed: a count to look at */
		__atomic_store_n(&w->moved, moved, __ATOMIC_RELAXED);
	}
	w->calls = calls;
	w->refused = refused;
}

/* Wait until the consumer has seen the word. @return false: the measurement ends */
static inline bool
acknowledged(const struct worker *w, uint64_t word, unsigned int *spins)
{
	/* relaxed: the word is all that is asked for */
	while (__atomic_load_n(&w->run->ack[w->id].word, __ATOMIC_RELAXED) != word) {
		if (unlikely(run_stopped(w->run)))
			return false;
		idle(spins, w->yield);
	}
	return true;
}

static inline uint64_t
stamped(const struct worker *w)
{
	return payload_base(w->id) | (rte_rdtsc_precise() & PAYLOAD_SEQ_MASK);
}

/* A bulk has come that began with this word. */
static inline void
arrived(struct worker *w, uint64_t word)
{
	const uint64_t took = (rte_rdtsc_precise() - word) & PAYLOAD_SEQ_MASK;
	const uint64_t producer = word >> PAYLOAD_SEQ_BITS;

	if (unlikely(producer >= w->check.producers)) {
		w->check.torn++;
		return;
	}
	/* two CPUs' counters may differ by a few cycles */
	histogram_add(&w->latency, took >> (PAYLOAD_SEQ_BITS - 1) != 0 ? 0 : took);
	/* relaxed: see acknowledged() */
	__atomic_store_n(&w->run->ack[producer].word, word, __ATOMIC_RELAXED);
}

static __rte_always_inline void
loop_ping(struct worker *w, const size_t esize, put_fn put)
{
	const unsigned int n = w->bulk;
	void *const ring = w->ring;
	unsigned int spins = 0;
	uint64_t sent = 0;

	payload_write(w->buf, esize, payload_base(w->id), n);
	while (!run_stopped(w->run)) {
		uint64_t word = stamped(w);

		payload_write(w->buf, esize, word, 1);
		if (put(ring, w->buf, esize, n, false) == 0) {
			idle(&spins, w->yield);
			continue;
		}
		sent += n;
		if (!acknowledged(w, word, &spins))
			break;
	}
	w->moved = sent;
}

static __rte_always_inline void
loop_pong(struct worker *w, const size_t esize, get_fn get)
{
	const unsigned int n = w->bulk;
	void *const ring = w->ring;
	unsigned int spins = 0;
	uint64_t moved = 0;

	for (;;) {
		bool last = run_producers_gone(w->run);

		if (last && w->id != 0)
			break;
		if (get(ring, w->buf, esize, n, false) == 0) {
			if (last)
				break;
			idle(&spins, w->yield);
			continue;
		}
		spins = 0;
		arrived(w, payload_first(w->buf));
		w->check.torn += payload_torn(w->buf, esize, n);
		moved += n;
		/* relaxed: a count to look at */
		__atomic_store_n(&w->moved, moved, __ATOMIC_RELAXED);
	}
}

#define LOOPS_OF_SIZE(kind, esize)                                                                 \
	static void kind##_produce_##esize(struct worker *w)                                       \
	{                                                                                          \
		loop_produce(w, esize, kind##_put);                                                \
	}                                                                                          \
	static void kind##_consume_##esize(struct worker *w)                                       \
	{                                                                                          \
		loop_consume(w, esize, kind##_get);                                                \
	}                                                                                          \
	static void kind##_ping_##esize(struct worker *w)                                          \
	{                                                                                          \
		loop_ping(w, esize, kind##_put);                                                   \
	}                                                                                          \
	static void kind##_pong_##esize(struct worker *w)                                          \
	{                                                                                          \
		loop_pong(w, esize, kind##_get);                                                   \
	}

#define LOOPS_ENTRY(kind, esize)                                                                   \
	{                                                                                          \
		kind##_produce_##esize, kind##_consume_##esize, kind##_ping_##esize,               \
			kind##_pong_##esize                                                        \
	}

/** Define kind_loops[], in the order of kind_esizes[]. */
#define LOOPS(kind)                                                                                \
	LOOPS_OF_SIZE(kind, 8)                                                                     \
	LOOPS_OF_SIZE(kind, 16)                                                                    \
	LOOPS_OF_SIZE(kind, 32)                                                                    \
	LOOPS_OF_SIZE(kind, 64)                                                                    \
	static const struct loops kind##_loops[KIND_ESIZES] = {LOOPS_ENTRY(kind, 8),               \
		LOOPS_ENTRY(kind, 16), LOOPS_ENTRY(kind, 32), LOOPS_ENTRY(kind, 64)}

#endif /* RINGPERF_LOOPS_H */
