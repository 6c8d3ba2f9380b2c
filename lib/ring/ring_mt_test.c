/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Validators: threads that pass numbered elements through a ring, and check that each arrives
 * once, whole, and in its producer's order. By copies, or in place: then each thread holds some
 * spans at a time, gives them back in any order, and now and then commits less than it reserved.
 * Rings lie in plain memory: no EAL is needed, and ThreadSanitizer can watch.
 */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_common.h>

#include "dad_ring.h"
#include "ring_isa_test.h"

#define MAX_THREADS 16
#define MAX_BULK    32
#define MAX_ESIZE   128

/* A producer goes on for this long, but sends at least and at most so many. */
#define RUN_MS	 50
#define MIN_SEND 1000
#define MAX_SEND (1u << 20)

/* Nothing is timed; this ends a run in which elements have been lost, or threads hang. */
#define GIVE_UP_MS 20000

#define SPANS 3

enum role { PRODUCER, CONSUMER, BOTH };
enum api { COPY, IN_PLACE };

/* A span in somebody's hands. */
struct span {
	struct dad_ring_span span;
	size_t n;	/* of a producer: what it will commit */
	uint64_t first; /* of a consumer: the first word, which nobody may touch meanwhile */
};

struct run;

struct worker {
	pthread_t thread;
	struct run *run;
	enum role role;
	uint16_t id; /* as a producer */
	unsigned int seed;
	uint32_t sent;
	uint64_t received;
	uint32_t next[MAX_THREADS]; /* of each producer: what this consumer may see, at least */
	uint64_t torn, again, disorder, strange;
	struct span held[2][SPANS]; /* by the producer in it, and the consumer */
	uint8_t objs[MAX_BULK * MAX_ESIZE] __attribute__((aligned(64)));
};

struct run {
	struct dad_ring *ring;
	size_t esize;
	enum api api;
	unsigned int producing; /* producers that have not finished; atomic */
	bool gave_up;		/* atomic */
	uint64_t until_ms, give_up_ms;
	uint64_t *seen[MAX_THREADS]; /* of each producer: a bit for every number; atomic */
	struct worker worker[MAX_THREADS];
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 31;
	x *= UINT64_C(0x9E3779B97F4A7C15);
	return x ^ (x >> 29);
}

/* First word: 16 bits of checksum, producer, number. Each further word depends on the first. */
static uint64_t
first_word(uint16_t producer, uint32_t seq)
{
	uint64_t body = (uint64_t)producer << 32 | seq;

	return mix(body + 1) << 48 | body;
}

static void
make(const struct run *run, void *obj, uint16_t producer, uint32_t seq)
{
	uint64_t *word = obj;

	word[0] = first_word(producer, seq);
	for (size_t i = 1; i < run->esize / 8; i++)
		word[i] = mix(word[0] + i);
}

static void
check(struct worker *w, const void *obj)
{
	struct run *run = w->run;
	const uint64_t *word = obj;
	uint32_t seq = (uint32_t)word[0];
	uint16_t producer = (uint16_t)(word[0] >> 32);

	if (word[0] != first_word(producer, seq)) {
		w->torn++;
		return;
	}
	for (size_t i = 1; i < run->esize / 8; i++) {
		if (word[i] != mix(word[0] + i)) {
			w->torn++;
			return;
		}
	}
	if (producer >= MAX_THREADS || run->seen[producer] == NULL || seq >= MAX_SEND) {
		w->strange++;
		return;
	}
	/* Threads are joined before anybody counts the bits: no edge is needed. */
	uint64_t bit = UINT64_C(1) << (seq % 64);
	if (__atomic_fetch_or(&run->seen[producer][seq / 64], bit, __ATOMIC_RELAXED) & bit)
		w->again++;
	else if (seq < w->next[producer])
		w->disorder++;
	w->next[producer] = seq + 1;
}

/* ---- in place ---- */

static void *
element(const struct worker *w, const struct dad_ring_span *span, size_t i)
{
	size_t esize = w->run->esize;

	return i < span->n1 ? (uint8_t *)span->ptr1 + i * esize
			    : (uint8_t *)span->ptr2 + (i - span->n1) * esize;
}

static void
give_back(struct worker *w, struct span *s, bool sending)
{
	struct dad_ring *r = w->run->ring;

	if (s->span.length == 0)
		return;
	if (sending) {
		dad_ring_commit(r, &s->span, s->n);
	} else {
		if (s->n > 0 && *(uint64_t *)element(w, &s->span, 0) != s->first)
			w->torn++;
		dad_ring_release(r, &s->span);
	}
	s->span.length = 0;
}

static void
give_all_back(struct worker *w, bool sending)
{
	for (unsigned int i = 0; i < SPANS; i++)
		give_back(w, &w->held[sending][i], sending);
}

static size_t
send_in_place(struct worker *w)
{
	struct run *run = w->run;
	struct span *s = &w->held[true][(unsigned int)rand_r(&w->seed) % SPANS];
	size_t n = 1 + (size_t)rand_r(&w->seed) % MAX_BULK;
	bool all = (rand_r(&w->seed) & 1) && n <= dad_ring_capacity(run->ring);

	give_back(w, s, true);
	n = RTE_MIN(n, (size_t)(MAX_SEND - w->sent));
	size_t got = (all ? dad_ring_reserve_bulk : dad_ring_reserve_burst)(
		run->ring, n, &s->span, NULL);
	if (got > n || (all && got != 0 && got != n) || s->span.n1 + s->span.n2 != got)
		w->strange++;
	if (got == 0) {
		give_all_back(w, true);
		return 0;
	}
	s->n = rand_r(&w->seed) % 8 == 0 ? (size_t)rand_r(&w->seed) % (got + 1) : got;
	for (size_t i = 0; i < got; i++) /* what is not committed must not be seen either */
		if (i < s->n)
			make(run, element(w, &s->span, i), w->id, w->sent + (uint32_t)i);
		else
			memset(element(w, &s->span, i), 0xDD, run->esize);
	w->sent += (uint32_t)s->n;
	return got;
}

static size_t
receive_in_place(struct worker *w)
{
	struct run *run = w->run;
	struct span *s = &w->held[false][(unsigned int)rand_r(&w->seed) % SPANS];
	size_t n = 1 + (size_t)rand_r(&w->seed) % MAX_BULK;
	bool all = (rand_r(&w->seed) & 3) == 0;

	give_back(w, s, false);
	size_t got =
		(all ? dad_ring_claim_bulk : dad_ring_claim_burst)(run->ring, n, &s->span, NULL);
	if (got > n || (all && got != 0 && got != n) || s->span.n1 + s->span.n2 != got)
		w->strange++;
	for (size_t i = 0; i < got; i++)
		check(w, element(w, &s->span, i));
	s->n = got;
	if (got > 0)
		s->first = *(uint64_t *)element(w, &s->span, 0);
	else
		give_all_back(w, false);
	w->received += got;
	return got;
}

/* ---- by copies ---- */

/* Some elements, by bulk or by burst. */
static size_t
send(struct worker *w)
{
	struct run *run = w->run;
	size_t n = 1 + (size_t)rand_r(&w->seed) % MAX_BULK;
	bool all = (rand_r(&w->seed) & 1) && n <= dad_ring_capacity(run->ring);
	size_t left = 0;

	n = RTE_MIN(n, (size_t)(MAX_SEND - w->sent));
	for (size_t i = 0; i < n; i++)
		make(run, w->objs + i * run->esize, w->id, w->sent + (uint32_t)i);
	size_t done = (all ? dad_ring_enqueue_bulk : dad_ring_enqueue_burst)(
		run->ring, w->objs, n, &left);
	if (done > n || (all && done != 0 && done != n) || left > dad_ring_capacity(run->ring))
		w->strange++;
	memset(w->objs, 0xEE, n * run->esize); /* the ring must have its own copy */
	w->sent += (uint32_t)done;
	return done;
}

static size_t
receive(struct worker *w)
{
	struct run *run = w->run;
	size_t n = 1 + (size_t)rand_r(&w->seed) % MAX_BULK;
	bool all = (rand_r(&w->seed) & 3) == 0;
	size_t left = 0;

	size_t done = (all ? dad_ring_dequeue_bulk : dad_ring_dequeue_burst)(
		run->ring, w->objs, n, &left);
	if (done > n || (all && done != 0 && done != n) || left > dad_ring_capacity(run->ring))
		w->strange++;
	for (size_t i = 0; i < done; i++)
		check(w, w->objs + i * run->esize);
	w->received += done;
	return done;
}

static bool
has_more_to_send(const struct worker *w)
{
	return w->sent < MIN_SEND || (w->sent < MAX_SEND && now_ms() < w->run->until_ms);
}

static bool
has_given_up(struct run *run)
{
	/* Relaxed: a reason to stop and no data. */
	if (now_ms() > run->give_up_ms)
		__atomic_store_n(&run->gave_up, true, __ATOMIC_RELAXED);
	return __atomic_load_n(&run->gave_up, __ATOMIC_RELAXED);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct run *run = w->run;
	bool sending = w->role != CONSUMER;

	while (!has_given_up(run)) {
		size_t moved = 0;
		bool last_look = false;

		if (sending && !has_more_to_send(w)) {
			sending = false;
			give_all_back(w, true);
			/* release: pairs with the acquire below; all of ours is in the ring then */
			__atomic_fetch_sub(&run->producing, 1, __ATOMIC_RELEASE);
		}
		if (sending)
			moved += run->api == COPY ? send(w) : send_in_place(w);
		else if (w->role == PRODUCER)
			break;
		if (w->role != PRODUCER) {
			/* acquire: pairs with the release above */
			last_look = __atomic_load_n(&run->producing, __ATOMIC_ACQUIRE) == 0 &&
				dad_ring_count(run->ring) == 0;
			moved += run->api == COPY ? receive(w) : receive_in_place(w);
		}
		if (last_look && moved == 0)
			break;
		if (moved == 0)
			sched_yield();
	}
	give_all_back(w, false);
	return NULL;
}

static void
run_threads(enum api api, unsigned int flags, size_t esize, size_t count, unsigned int producers,
	unsigned int consumers, unsigned int both)
{
	struct run *run = calloc(1, sizeof(*run));
	unsigned int threads = producers + consumers + both;
	uint64_t sent = 0, received = 0, torn = 0, again = 0, disorder = 0, strange = 0,
		 missing = 0;

	assert_non_null(run);
	assert_true(threads <= MAX_THREADS);
	run->esize = esize;
	run->api = api;
	run->ring = aligned_alloc(DAD_RING_ALIGN, (size_t)dad_ring_footprint(esize, count, flags));
	assert_non_null(run->ring);
	assert_non_null(dad_ring_init(run->ring, esize, count, flags));
	run->producing = producers + both;
	run->until_ms = now_ms() + RUN_MS;
	run->give_up_ms = now_ms() + GIVE_UP_MS;
	for (unsigned int i = 0; i < threads; i++) {
		struct worker *w = &run->worker[i];

		w->run = run;
		w->role = i < producers ? PRODUCER : i < producers + consumers ? CONSUMER : BOTH;
		w->id = (uint16_t)i;
		w->seed = i + 1;
		if (w->role != CONSUMER) {
			run->seen[i] = calloc(MAX_SEND / 64, sizeof(uint64_t));
			assert_non_null(run->seen[i]);
		}
	}
	for (unsigned int i = 0; i < threads; i++)
		assert_int_equal(
			pthread_create(&run->worker[i].thread, NULL, work, &run->worker[i]), 0);
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(run->worker[i].thread, NULL);

	for (unsigned int i = 0; i < threads; i++) {
		struct worker *w = &run->worker[i];

		sent += w->sent;
		received += w->received;
		torn += w->torn;
		again += w->again;
		disorder += w->disorder;
		strange += w->strange;
		for (uint32_t seq = 0; seq < w->sent; seq++)
			missing += !(run->seen[i][seq / 64] >> (seq % 64) & 1);
		free(run->seen[i]);
	}
	if (torn + again + disorder + strange + missing != 0 || run->gave_up || sent != received) {
		dad_ring_dump(stderr, run->ring);
		fail_msg("%s, flags 0x%x, %zu-byte elements, %zu slots, %u+%u+%u threads: sent "
			 "%lu, received %lu, "
			 "torn %lu, twice %lu, out of order %lu, strange %lu, missing %lu%s",
			api == COPY ? "by copies" : "in place", flags, esize, count, producers,
			consumers, both, (unsigned long)sent, (unsigned long)received,
			(unsigned long)torn, (unsigned long)again, (unsigned long)disorder,
			(unsigned long)strange, (unsigned long)missing,
			run->gave_up ? ", gave up" : "");
	}
	assert_int_equal(dad_ring_count(run->ring), 0);
	free(run->ring);
	free(run);
}

static void
run_sizes(unsigned int producers, unsigned int consumers, unsigned int both)
{
	static const size_t counts[] = {8, 64, 4096};
	static const size_t esizes[] = {8, 16, 64};

	for (size_t c = 0; c < RTE_DIM(counts); c++)
		for (size_t e = 0; e < RTE_DIM(esizes); e++)
			for (enum api api = COPY; api <= IN_PLACE; api++)
				run_threads(
					api, 0, esizes[e], counts[c], producers, consumers, both);
}

/* Every mode of synchronisation with every class of elements, in rings of a few laps a run. */
static void
run_modes(unsigned int many, size_t count, unsigned int more_flags)
{
	static const size_t esizes[] = {8, 16, 24, 32, 64, 128};

	for (unsigned int mode = 0; mode < 4; mode++)
		for (size_t e = 0; e < RTE_DIM(esizes); e++)
			for (enum api api = COPY; api <= IN_PLACE; api++)
				run_threads(api, mode | more_flags, esizes[e], count,
					mode & DAD_RING_SP ? 1 : many,
					mode & DAD_RING_SC ? 1 : many, 0);
}

static void
every_mode_and_element_with_one_thread_a_side(void **state)
{
	(void)state;
	run_modes(1, 256, 0);
}

static void
every_mode_and_element_with_eight_threads_a_side(void **state)
{
	(void)state;
	run_modes(8, 256, 0);
}

static void
capacities_that_are_no_powers_of_two(void **state)
{
	static const size_t counts[] = {1, 3, 7, 33, 100, 1000};

	(void)state;
	for (size_t c = 0; c < RTE_DIM(counts); c++)
		for (enum api api = COPY; api <= IN_PLACE; api++) {
			run_threads(api, DAD_RING_EXACT, 16, counts[c], 1, 1, 0);
			run_threads(api, DAD_RING_EXACT, 16, counts[c], 4, 4, 2);
		}
}

static void
rings_that_keep_note_of_owners_and_count(void **state)
{
	(void)state;
	run_modes(4, 100, DAD_RING_EXACT | DAD_RING_OWNERS | DAD_RING_STATS);
	run_threads(COPY, DAD_RING_OWNERS, 16, 64, 0, 0, 8);
	run_threads(IN_PLACE, DAD_RING_OWNERS, 16, 64, 0, 0, 8);
}

static void
two_producers_to_two_consumers(void **state)
{
	(void)state;
	run_sizes(2, 2, 0);
}

static void
many_producers_to_one_consumer(void **state)
{
	(void)state;
	run_sizes(5, 1, 0);
}

static void
one_producer_to_many_consumers(void **state)
{
	(void)state;
	run_sizes(1, 5, 0);
}

static void
sixteen_threads_on_whatever_cpus_there_are(void **state)
{
	(void)state;
	run_sizes(8, 8, 0);
}

static void
threads_that_switch_roles_at_every_call(void **state)
{
	(void)state;
	run_sizes(0, 0, 4);
	run_sizes(0, 0, 16);
}

static void
threads_that_switch_roles_among_others_that_do_not(void **state)
{
	(void)state;
	run_sizes(3, 3, 4);
}

static void
rings_of_one_and_two_slots(void **state)
{
	(void)state;
	for (size_t count = 1; count <= 2; count++) {
		for (enum api api = COPY; api <= IN_PLACE; api++) {
			run_threads(api, 0, 16, count, 1, 1, 0);
			run_threads(api, 0, 16, count, 3, 3, 0);
			run_threads(api, 0, 64, count, 0, 0, 4);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mode_and_element_with_one_thread_a_side),
		cmocka_unit_test(every_mode_and_element_with_eight_threads_a_side),
		cmocka_unit_test(capacities_that_are_no_powers_of_two),
		cmocka_unit_test(rings_that_keep_note_of_owners_and_count),
		cmocka_unit_test(two_producers_to_two_consumers),
		cmocka_unit_test(many_producers_to_one_consumer),
		cmocka_unit_test(one_producer_to_many_consumers),
		cmocka_unit_test(sixteen_threads_on_whatever_cpus_there_are),
		cmocka_unit_test(threads_that_switch_roles_at_every_call),
		cmocka_unit_test(threads_that_switch_roles_among_others_that_do_not),
		cmocka_unit_test(rings_of_one_and_two_slots),
	};

	ring_isa_test_choose();
	return cmocka_run_group_tests_name("ring_mt", tests, NULL, NULL);
}
