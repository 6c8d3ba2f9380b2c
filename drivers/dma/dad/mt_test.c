/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * mt=1: many threads submit to one vchan, many take its completions. Nothing is lost, nothing is
 * reported twice, indices are as dmadev has them, and every byte arrives.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "test_device.h"

#define THREADS 4
#define RING	256
#define TIME_S	20

/* Each index in flight has a slot with a destination of its own; who enqueues picks a slot first.
 */
#define SLOTS	(RING * 2)
#define SLOT_SZ 512

enum op { COPY, FILL, SG, BAD, OPS };

struct job {
	uint32_t slot;
	uint32_t length;
	uint64_t seed;
	enum op op;
};

struct world {
	int16_t dev;
	uint8_t *src, *dst;
	uint32_t free_slots[SLOTS]; /* a stack under a lock of the test's own */
	uint32_t nb_free;
	pthread_mutex_t lock;
	/* what the operation of each index is: written before it can complete, that is before the
	 * last of all threads has submitted; claimed by who is told that it is done */
	struct job job[65536];
	uint8_t state[65536]; /* 0 free, 1 in flight */
	uint64_t target, enqueued, reported, wrong, errors_expected, errors_seen;
	unsigned int senders, retired;
	bool fenced;
	uint64_t deadline;
	int stop;
};

static struct world w;

static bool
out_of_time(void)
{
	return rte_get_timer_cycles() > w.deadline || __atomic_load_n(&w.stop, __ATOMIC_RELAXED);
}

static bool
take_slot(uint32_t *slot)
{
	pthread_mutex_lock(&w.lock);
	bool any = w.nb_free > 0;
	if (any)
		*slot = w.free_slots[--w.nb_free];
	pthread_mutex_unlock(&w.lock);
	return any;
}

static void
give_slot(uint32_t slot)
{
	pthread_mutex_lock(&w.lock);
	w.free_slots[w.nb_free++] = slot;
	pthread_mutex_unlock(&w.lock);
}

static uint8_t
byte_of(uint64_t seed, uint32_t i)
{
	return (uint8_t)(seed * 31 + i * 7 + (seed >> 8));
}

static int
enqueue(const struct job *j, uint64_t flags)
{
	uint8_t *src = w.src + (size_t)j->slot * SLOT_SZ, *dst = w.dst + (size_t)j->slot * SLOT_SZ;
	struct rte_dma_sge from[3], to[2];

	for (uint32_t i = 0; i < j->length; i++)
		src[i] = byte_of(j->seed, i);
	memset(dst, 0, SLOT_SZ);
	switch (j->op) {
	case FILL:
		return rte_dma_fill(w.dev, 0, j->seed, iova(dst), j->length, flags);
	case SG:
		for (uint32_t i = 0; i < 3; i++)
			from[i] = (struct rte_dma_sge){iova(src) + i * (j->length / 3),
				i < 2 ? j->length / 3 : j->length - 2 * (j->length / 3)};
		to[0] = (struct rte_dma_sge){iova(dst), j->length / 2};
		to[1] = (struct rte_dma_sge){iova(dst) + j->length / 2, j->length - j->length / 2};
		return rte_dma_copy_sg(w.dev, 0, from, to, 3, 2, flags);
	case BAD:
		return rte_dma_copy(w.dev, 0, 8, iova(dst), j->length, flags);
	default:
		return rte_dma_copy(w.dev, 0, iova(src), iova(dst), j->length, flags);
	}
}

static bool
is_right(const struct job *j)
{
	const uint8_t *dst = w.dst + (size_t)j->slot * SLOT_SZ;

	for (uint32_t i = 0; i < SLOT_SZ; i++) {
		uint8_t expected =
			j->op == FILL ? ((const uint8_t *)&j->seed)[i % 8] : byte_of(j->seed, i);

		if (dst[i] != (i < j->length && j->op != BAD ? expected : 0))
			return false;
	}
	return true;
}

#define check(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			__atomic_fetch_add(&w.wrong, 1, __ATOMIC_RELAXED);                         \
			__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);                            \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* An index was reported: it was in flight, and its bytes are there. */
static void
take_one(uint16_t index, enum rte_dma_status_code status)
{
	/* the enqueuer may not have come to write down what the index is: another one submitted it
	 */
	while (__atomic_load_n(&w.state[index], __ATOMIC_ACQUIRE) != 1) {
		check(!out_of_time());
		sched_yield();
	}
	struct job j = w.job[index];

	__atomic_store_n(&w.state[index], 0, __ATOMIC_RELEASE);
	/* with failures about, a fence may keep any operation of its batch from being tried */
	if (status == RTE_DMA_STATUS_NOT_ATTEMPTED)
		check(w.fenced);
	else
		check((status == RTE_DMA_STATUS_SUCCESSFUL) == (j.op != BAD));
	if (status != RTE_DMA_STATUS_SUCCESSFUL)
		__atomic_fetch_add(&w.errors_seen, 1, __ATOMIC_RELAXED);
	else
		check(is_right(&j));
	give_slot(j.slot);
	__atomic_fetch_add(&w.reported, 1, __ATOMIC_RELAXED);
}

static void
reap(unsigned int *seed)
{
	enum rte_dma_status_code status[40];
	uint16_t last, ask = (uint16_t)(1 + rand_r(seed) % 40), n;
	bool error = false;

	if (rand_r(seed) % 2 == 0) {
		n = rte_dma_completed(w.dev, 0, ask, &last, &error);
		memset(status, 0, sizeof(status));
		if (n == 0 && error)
			n = rte_dma_completed_status(w.dev, 0, 1, &last, status);
	} else {
		n = rte_dma_completed_status(w.dev, 0, ask, &last, status);
	}
	for (uint16_t i = 0; i < n; i++)
		take_one((uint16_t)(last - n + 1 + i), status[i]);
	if (n == 0)
		sched_yield();
}

static void
send(unsigned int *seed, unsigned int bad_one_in)
{
	struct job j = {.length = 1 + (uint32_t)rand_r(seed) % SLOT_SZ,
		.seed = (uint64_t)rand_r(seed) << 32 | (uint64_t)rand_r(seed)};
	uint64_t flags = rand_r(seed) % 8 == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0;

	if (w.fenced && rand_r(seed) % 16 == 0)
		flags |= RTE_DMA_OP_FLAG_FENCE;
	j.op = (enum op)(rand_r(seed) % 3);
	if (j.op == SG && j.length < 6)
		j.op = COPY;
	if (bad_one_in > 0 && (unsigned int)rand_r(seed) % bad_one_in == 0)
		j.op = BAD;
	if (!take_slot(&j.slot)) {
		rte_dma_submit(w.dev, 0);
		return;
	}
	int index = enqueue(&j, flags);
	if (index < 0) {
		give_slot(j.slot);
		check(index == -ENOSPC);
		rte_dma_submit(w.dev, 0);
		return;
	}
	/* the index must be free: who was told of it last has taken it, and that was before */
	while (__atomic_load_n(&w.state[index], __ATOMIC_ACQUIRE) != 0) {
		check(!out_of_time());
		sched_yield();
	}
	w.job[index] = j;
	__atomic_fetch_add(&w.enqueued, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&w.state[index], 1, __ATOMIC_RELEASE);
	if (j.op == BAD)
		__atomic_fetch_add(&w.errors_expected, 1, __ATOMIC_RELAXED);
	if (rand_r(seed) % 5 == 0)
		rte_dma_submit(w.dev, 0);
}

struct role {
	unsigned int seed, bad_one_in;
	bool sends, reaps;
};

static void *
thread_main(void *arg)
{
	struct role *r = arg;
	bool sending = r->sends;

	while (!out_of_time()) {
		if (sending) {
			send(&r->seed, r->bad_one_in);
			if (__atomic_load_n(&w.enqueued, __ATOMIC_RELAXED) >= w.target) {
				sending = false;
				rte_dma_submit(w.dev, 0);
				__atomic_fetch_add(&w.retired, 1, __ATOMIC_RELAXED);
			}
		}
		if (r->reaps)
			reap(&r->seed);
		else if (!sending)
			break;
		if (__atomic_load_n(&w.retired, __ATOMIC_RELAXED) == w.senders &&
			__atomic_load_n(&w.reported, __ATOMIC_RELAXED) ==
				__atomic_load_n(&w.enqueued, __ATOMIC_RELAXED))
			break;
	}
	return NULL;
}

/* Some threads send, some reap, some do both. */
static void
run(const struct role *roles, unsigned int n, uint64_t target, bool fenced)
{
	struct role role[8];
	pthread_t thread[8];
	struct rte_dma_stats stats;

	memset(&w, 0, sizeof(w));
	pthread_mutex_init(&w.lock, NULL);
	w.dev = test_open(1, RING);
	w.src = test_buffer((size_t)SLOTS * SLOT_SZ);
	w.dst = test_buffer((size_t)SLOTS * SLOT_SZ);
	for (uint32_t i = 0; i < SLOTS; i++)
		w.free_slots[w.nb_free++] = i;
	w.target = target;
	for (unsigned int i = 0; i < n; i++)
		w.senders += roles[i].sends;
	w.fenced = fenced;
	w.deadline = rte_get_timer_cycles() + TIME_S * rte_get_timer_hz();
	for (unsigned int i = 0; i < n; i++) {
		role[i] = roles[i];
		role[i].seed = 77 * i + 1;
		test_thread(&thread[i], thread_main, &role[i]);
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(w.wrong, 0);

	assert_int_equal(rte_dma_stats_get(w.dev, 0, &stats), 0);
	assert_int_equal(stats.submitted, w.enqueued);
	assert_int_equal(w.nb_free, SLOTS); /* every operation was reported, none twice */
	assert_int_equal(stats.completed, w.reported);
	assert_int_equal(stats.errors, w.errors_seen);
	assert_true(fenced || w.errors_seen == w.errors_expected);
	assert_int_equal(rte_dma_burst_capacity(w.dev, 0), RING);
	assert_true(w.reported >= target);
	rte_free(w.src);
	rte_free(w.dst);
	test_close(w.dev);
}

static void
threads_that_send_and_reap_lose_nothing(void **state)
{
	const struct role roles[THREADS] = {
		{0, 0, true, true}, {0, 0, true, true}, {0, 0, true, true}, {0, 0, true, true}};

	(void)state;
	run(roles, THREADS, 150000, false);
}

static void
some_send_and_others_reap(void **state)
{
	const struct role roles[] = {{0, 50, true, false}, {0, 50, true, false},
		{0, 50, true, false}, {0, 0, false, true}, {0, 0, false, true}};

	(void)state;
	run(roles, RTE_DIM(roles), 150000, false);
}

static void
failures_and_fences_among_threads(void **state)
{
	const struct role roles[THREADS] = {
		{0, 20, true, true}, {0, 20, true, true}, {0, 20, true, true}, {0, 20, true, true}};

	(void)state;
	run(roles, THREADS, 100000, true);
}

/* Nothing but reaping: they meet at the same operations as often as can be. */
static struct {
	int16_t dev;
	uint32_t sent, reported; /* both end at the same */
	uint8_t count[65536];	 /* how often an index was reported */
	uint64_t deadline;
} race;

#define RACE_OPS (3 * 65536)

static void *
race_to_reap(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	while (__atomic_load_n(&race.reported, __ATOMIC_RELAXED) < RACE_OPS &&
		rte_get_timer_cycles() < race.deadline) {
		enum rte_dma_status_code status[3];
		uint16_t last, n, ask = (uint16_t)(1 + rand_r(&seed) % 3);
		bool error = false;

		n = seed & 64 ? rte_dma_completed(race.dev, 0, ask, &last, &error)
			      : rte_dma_completed_status(race.dev, 0, ask, &last, status);
		for (uint16_t i = 0; i < n; i++)
			__atomic_fetch_add(&race.count[(uint16_t)(last - i)], 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&race.reported, n, __ATOMIC_RELAXED);
		if (n == 0 && rand_r(&seed) % 16 == 0)
			sched_yield();
	}
	return NULL;
}

static void
reapers_who_compete_report_each_operation_once(void **state)
{
	enum { REAPERS = 3 };
	pthread_t thread[REAPERS];
	uint8_t *buf = test_buffer(1024 * 8); /* one place for each in flight */
	const rte_iova_t place = iova(buf);

	(void)state;
	memset(&race, 0, sizeof(race));
	race.dev = test_open(1, 1024);
	race.deadline = rte_get_timer_cycles() + TIME_S * rte_get_timer_hz();
	for (uintptr_t i = 0; i < REAPERS; i++)
		test_thread(&thread[i], race_to_reap, (void *)(i + 1));
	while (race.sent < RACE_OPS && rte_get_timer_cycles() < race.deadline) {
		if (rte_dma_fill(race.dev, 0, 1, place + race.sent % 1024 * 8, 8, 0) >= 0)
			race.sent++;
		else
			sched_yield();
		if (race.sent % 64 == 0 || rte_dma_burst_capacity(race.dev, 0) == 0)
			assert_int_equal(rte_dma_submit(race.dev, 0), 0);
	}
	for (unsigned int i = 0; i < REAPERS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(race.sent, RACE_OPS);
	assert_int_equal(race.reported, RACE_OPS);
	for (unsigned int i = 0; i < 65536; i++)
		assert_int_equal(race.count[i], RACE_OPS / 65536);
	rte_free(buf);
	test_close(race.dev);
}

/* What one thread enqueued is not begun before a submit, be it of another thread. */
static void
anybody_s_submit_hands_over_what_all_have_enqueued(void **state)
{
	int16_t dev = test_open(1, 32);
	uint8_t *buf = test_buffer(128);
	enum rte_dma_status_code status[2];
	bool error = false;

	(void)state;
	assert_int_equal(rte_dma_copy(dev, 0, iova(buf), iova(buf + 64), 64, 0), 0);
	rte_delay_us_sleep(20000);
	assert_int_equal(rte_dma_completed(dev, 0, 1, NULL, &error), 0);
	assert_int_equal(rte_dma_copy(dev, 0, iova(buf), iova(buf + 64), 64, 0), 1);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, 2, status);
	rte_free(buf);
	test_close(dev);
}

/* A ring of more slots than lists: those that share room for one do not get it at the same time. */
static void
lists_are_bounded_by_the_ring(void **state)
{
	enum { N = 4096, LISTS = 1024 };
	int16_t dev = test_open(1, N);
	uint8_t *buf = test_buffer(2048 + N * 64);
	const rte_iova_t place = iova(buf) + 2048;
	struct rte_dma_sge src = {iova(buf), 64}, dst = {place, 64};
	static enum rte_dma_status_code status[N];

	(void)state;
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < LISTS; i++) {
			dst.addr = place + 64 * i;
			assert_true(rte_dma_copy_sg(dev, 0, &src, &dst, 1, 1, 0) >= 0);
		}
		assert_int_equal(rte_dma_copy_sg(dev, 0, &src, &dst, 1, 1, 0), -ENOSPC);
		for (unsigned int i = LISTS; i < N; i++)
			assert_true(rte_dma_copy(dev, 0, src.addr, place + 64 * i, 64, 0) >= 0);
		assert_int_equal(rte_dma_copy(dev, 0, iova(buf), iova(buf), 64, 0), -ENOSPC);
		assert_int_equal(rte_dma_submit(dev, 0), 0);
		test_gather(dev, 0, N, status);
	}
	rte_free(buf);
	test_close(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(threads_that_send_and_reap_lose_nothing),
	cmocka_unit_test(some_send_and_others_reap),
	cmocka_unit_test(failures_and_fences_among_threads),
	cmocka_unit_test(reapers_who_compete_report_each_operation_once),
	cmocka_unit_test(anybody_s_submit_hands_over_what_all_have_enqueued),
	cmocka_unit_test(lists_are_bounded_by_the_ring),
};

TEST_MAIN(tests)
