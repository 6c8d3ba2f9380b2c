/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory is freed, and comes again, while operations on it are under way, in flight, and being
 * submitted: each is reported once, in order, as done or with an address that was wrong by then. */

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "dad_dma_domain.h"
#include "test_device.h"

#define SECONDS 2
#define VCHANS	2
#define DESCS	64
#define REGIONS 3
#define REGION	(4u << 20)
#define LONGEST (512u << 10)
/* operations keep away from the ends: what EAL writes in memory of its own lies there */
#define FROM	(1u << 20)
#define ROOM	(2u << 20)
#define PAGES	(REGION / 4096)

/* Of EAL's heap, freed and allocated; the last one registered with lib/dma, and forgotten. */
static uint8_t *region[REGIONS];
static rte_iova_t where[REGIONS]; /* the start of each, or what it was when it was there */
static struct dad_dma_domain *domain;
static bool over;

static struct {
	uint64_t done, wrong;
	uint8_t *safe;
} of[VCHANS];

/* ---- who frees ------------------------------------------------------------------------------- */

static void
tell_where(unsigned int r)
{
	__atomic_store_n(&where[r], iova(region[r]), __ATOMIC_RELAXED);
}

static void
allocate(unsigned int r)
{
	region[r] = rte_malloc(NULL, REGION, 2u << 20);
	assert_non_null(region[r]);
	tell_where(r);
}

/* The last one: pages that come and go, at a place that is kept. */
static void
come(void)
{
	static dad_dma_addr_t iovas[PAGES];
	const bool va = rte_eal_iova_mode() == RTE_IOVA_VA;
	uint8_t *at = region[REGIONS - 1];

	assert_int_equal(mprotect(at, REGION, PROT_READ | PROT_WRITE), 0);
	for (unsigned int p = 0; p < PAGES; p++)
		iovas[p] = (uintptr_t)at + p * UINT64_C(4096);
	assert_int_equal(
		dad_dma_mem_register(domain, at, REGION, va ? NULL : iovas, va ? 0 : PAGES, 4096),
		0);
}

static void
go(void)
{
	assert_int_equal(dad_dma_mem_unregister(domain, region[REGIONS - 1], REGION), 0);
	assert_int_equal(mprotect(region[REGIONS - 1], REGION, PROT_NONE), 0);
}

static void
make_regions(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	domain = dad_dma_domain_identity();
	assert_non_null(domain);
	for (unsigned int r = 0; r < REGIONS - 1; r++)
		allocate(r);
	region[REGIONS - 1] = mmap(NULL, REGION, PROT_NONE, flags, -1, 0);
	assert_ptr_not_equal(region[REGIONS - 1], MAP_FAILED);
	where[REGIONS - 1] = (uintptr_t)region[REGIONS - 1];
	come();
}

static void
drop_regions(void)
{
	for (unsigned int r = 0; r < REGIONS - 1; r++)
		rte_free(region[r]);
	go();
	munmap(region[REGIONS - 1], REGION);
	dad_dma_domain_put(domain);
}

static unsigned int
free_and_allocate(void)
{
	const uint64_t end = rte_get_timer_cycles() + SECONDS * rte_get_timer_hz();
	unsigned int rounds = 0;

	while (rte_get_timer_cycles() < end) {
		for (unsigned int r = 0; r < REGIONS - 1; r++) {
			rte_free(region[r]);
			sched_yield();
			allocate(r);
		}
		go();
		sched_yield();
		come();
		rounds++;
		rte_delay_us_sleep(rounds % 8 * 100);
	}
	return rounds;
}

/* ---- who submits ----------------------------------------------------------------------------- */

static rte_iova_t
somewhere(unsigned int *seed, uint32_t length)
{
	const unsigned int r = (unsigned int)rand_r(seed) % REGIONS;

	return __atomic_load_n(&where[r], __ATOMIC_RELAXED) + FROM +
		(unsigned int)rand_r(seed) % (ROOM - length);
}

static int
enqueue_one(int16_t id, uint16_t v, unsigned int *seed)
{
	const uint32_t length =
		1 + (unsigned int)rand_r(seed) % (LONGEST >> (unsigned int)rand_r(seed) % 14);
	const uint64_t flags = (unsigned int)rand_r(seed) % 8 == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0;
	const rte_iova_t safe = iova(of[v].safe);

	switch ((unsigned int)rand_r(seed) % 4) {
	case 0:
		return rte_dma_copy(id, v, somewhere(seed, length), safe, length, flags);
	case 1:
		return rte_dma_copy(id, v, safe, somewhere(seed, length), length, flags);
	case 2:
		return rte_dma_fill(id, v, 0x5a, somewhere(seed, length), length, flags);
	default: {
		struct rte_dma_sge src[] = {{safe, length}, {somewhere(seed, length), length}};
		struct rte_dma_sge dst[] = {{somewhere(seed, length), length}, {safe, length}};

		return rte_dma_copy_sg(id, v, src, dst, 2, 2, flags);
	}
	}
}

/* Take what there is, and look at it; the next index that is expected. */
static uint16_t
take(int16_t id, uint16_t v, uint16_t next)
{
	enum rte_dma_status_code status[DESCS];
	uint16_t last, n = rte_dma_completed_status(id, v, DESCS, &last, status);

	for (uint16_t i = 0; i < n; i++) {
		if (status[i] == RTE_DMA_STATUS_SUCCESSFUL) {
			of[v].done++;
			continue;
		}
		if (status[i] != RTE_DMA_STATUS_INVALID_SRC_ADDR)
			assert_int_equal(status[i], RTE_DMA_STATUS_INVALID_DST_ADDR);
		of[v].wrong++;
	}
	if (n > 0)
		assert_int_equal(last, (uint16_t)(next + n - 1));
	return (uint16_t)(next + n);
}

struct submitter {
	int16_t id;
	uint16_t vchan;
};

static void *
submit_and_take(void *arg)
{
	const struct submitter *s = arg;
	unsigned int seed = s->vchan + 1u;
	uint64_t deadline = rte_get_timer_cycles() + (SECONDS + 20) * rte_get_timer_hz();
	uint16_t enqueued = 0, taken = 0;

	/* it may have had no CPU until all was over: then of memory that stays */
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED) ||
		(of[s->vchan].done == 0 && rte_get_timer_cycles() < deadline)) {
		int ret = enqueue_one(s->id, s->vchan, &seed);

		if (ret >= 0) {
			assert_int_equal(ret, enqueued);
			enqueued++;
		} else {
			assert_int_equal(ret, -ENOSPC);
			rte_dma_submit(s->id, s->vchan);
		}
		taken = take(s->id, s->vchan, taken);
	}
	rte_dma_submit(s->id, s->vchan);
	deadline = rte_get_timer_cycles() + 20 * rte_get_timer_hz();
	while (taken != enqueued) {
		taken = take(s->id, s->vchan, taken);
		assert_true(rte_get_timer_cycles() < deadline);
	}
	return NULL;
}

static void
operations_outlive_their_memory(void **state)
{
	struct submitter s[VCHANS];
	pthread_t thread[VCHANS];
	int16_t id = test_open(VCHANS, DESCS);

	(void)state;
	make_regions();
	for (uint16_t v = 0; v < VCHANS; v++) {
		of[v].safe = test_buffer(LONGEST);
		s[v] = (struct submitter){id, v};
		test_thread(&thread[v], submit_and_take, &s[v]);
	}
	const unsigned int rounds = free_and_allocate();
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (uint16_t v = 0; v < VCHANS; v++) {
		pthread_join(thread[v], NULL);
		print_message("vchan %u: %" PRIu64 " done, %" PRIu64 " with a wrong address\n", v,
			of[v].done, of[v].wrong);
		assert_true(of[v].done > 0);
	}
	print_message("each region came and went %u times\n", rounds);
	assert_true(rounds > 0);
	test_close(id);
	for (uint16_t v = 0; v < VCHANS; v++)
		rte_free(of[v].safe);
	drop_regions();
}

/* Of memory that is in no table, and with external memory about: then EAL is asked, under a lock.
 */
static bool begun; /* an operation has come back */

static void *
copy_the_unknown(void *arg)
{
	const int16_t id = *(int16_t *)arg;
	static uint8_t unknown[64];
	uint16_t taken = 0;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		rte_dma_copy(id, 0, (uintptr_t)unknown, iova(of[0].safe), sizeof(unknown),
			RTE_DMA_OP_FLAG_SUBMIT);
		taken = take(id, 0, taken);
		if (taken != 0)
			__atomic_store_n(&begun, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Who frees holds that lock, and waits for operations: not for those that wait for it. */
static void
who_frees_and_who_asks_do_not_wait_for_each_other(void **state)
{
	const unsigned int rounds = 20;
	void *external =
		mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int16_t id = test_open(1, DESCS);
	pthread_t thread;

	(void)state;
	assert_ptr_not_equal(external, MAP_FAILED);
	assert_int_equal(rte_extmem_register(external, REGION, NULL, 0, 4096), 0);
	of[0].safe = test_buffer(64);
	of[0].done = of[0].wrong = 0;
	__atomic_store_n(&over, false, __ATOMIC_RELAXED);
	test_thread(&thread, copy_the_unknown, &id);
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	while (!__atomic_load_n(&begun, __ATOMIC_RELAXED)) {
		assert_true(rte_get_timer_cycles() < deadline);
		rte_delay_us_sleep(100);
	}
	const uint64_t start = rte_get_timer_cycles();

	for (unsigned int round = 0; round < rounds; round++) {
		void *memory = rte_malloc(NULL, REGION, 2u << 20);

		assert_non_null(memory);
		rte_delay_us_sleep(1000);
		rte_free(memory);
	}
	/* a second for each, if they did */
	const uint64_t took = (rte_get_timer_cycles() - start) / rte_get_timer_hz();

	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(of[0].done + of[0].wrong > 0);
	assert_true(took < rounds / 2);
	assert_int_equal(rte_extmem_unregister(external, REGION), 0);
	munmap(external, REGION);
	test_close(id);
	rte_free(of[0].safe);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(operations_outlive_their_memory),
	cmocka_unit_test(who_frees_and_who_asks_do_not_wait_for_each_other),
};

TEST_MAIN(tests)
