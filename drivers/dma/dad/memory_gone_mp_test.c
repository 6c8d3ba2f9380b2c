/* SPDX-License-Identifier: BSD-3-Clause */

/* The primary frees memory while a secondary moves bytes from it: there it goes when EAL tells the
 * secondary, and waits for operations of its threads as well. */

#include <inttypes.h>

#include <rte_memzone.h>

#include "test_secondary.h"

#define SECONDS 2
#define DESCS	64
#define REGION	(4u << 20)
#define FROM	(1u << 20) /* away from what EAL writes at the ends of its own memory */
#define ROOM	(2u << 20)
#define LONGEST (256u << 10)

/* What primary and secondary tell each other. */
#define SHARED_NAME "memory_gone_mp"

struct shared {
	rte_iova_t where; /* the region is, or was */
	uint32_t moving;  /* the secondary has begun */
	uint32_t over;
	uint64_t done, wrong;
};

static bool
take(int16_t id, uint16_t *taken, struct shared *s)
{
	enum rte_dma_status_code status[DESCS];
	uint16_t last, n = rte_dma_completed_status(id, 0, DESCS, &last, status);

	for (uint16_t i = 0; i < n; i++) {
		if (status[i] != RTE_DMA_STATUS_SUCCESSFUL &&
			status[i] != RTE_DMA_STATUS_INVALID_SRC_ADDR) {
			fprintf(stderr, "secondary: status %d\n", (int)status[i]);
			return false;
		}
		s->done += status[i] == RTE_DMA_STATUS_SUCCESSFUL;
		s->wrong += status[i] != RTE_DMA_STATUS_SUCCESSFUL;
	}
	*taken = (uint16_t)(*taken + n);
	if (n > 0 && last != (uint16_t)(*taken - 1)) {
		fprintf(stderr, "secondary: index %u instead of %u\n", last, *taken - 1u);
		return false;
	}
	return true;
}

/* As secondary: copy from the region, wherever it is, until it is over. */
static int
move_on(const char *what)
{
	const struct rte_memzone *mz = rte_memzone_lookup(SHARED_NAME);
	int id = rte_dma_get_dev_id_by_name(TEST_NAME);
	uint8_t *to = rte_malloc(NULL, LONGEST, 4096);
	uint16_t enqueued = 0, taken = 0;
	unsigned int seed = 1;

	(void)what;
	if (mz == NULL || id < 0 || to == NULL)
		return 1;
	struct shared *s = mz->addr;
	const rte_iova_t dst = rte_malloc_virt2iova(to);

	while (!__atomic_load_n(&s->over, __ATOMIC_ACQUIRE)) {
		const uint32_t length = 1 + (uint32_t)rand_r(&seed) % (LONGEST - 1);
		const rte_iova_t src = __atomic_load_n(&s->where, __ATOMIC_RELAXED) + FROM +
			(uint32_t)rand_r(&seed) % (ROOM - length);

		if (rte_dma_copy((int16_t)id, 0, src, dst, length, RTE_DMA_OP_FLAG_SUBMIT) >= 0)
			enqueued++;
		if (!take((int16_t)id, &taken, s))
			return 1;
		__atomic_store_n(&s->moving, 1, __ATOMIC_RELEASE);
	}
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	while (taken != enqueued && rte_get_timer_cycles() < deadline)
		if (!take((int16_t)id, &taken, s))
			return 1;
	rte_free(to);
	return taken != enqueued;
}

static void
memory_goes_under_a_secondary(void **state)
{
	const struct rte_memzone *mz =
		rte_memzone_reserve(SHARED_NAME, sizeof(struct shared), SOCKET_ID_ANY, 0);
	uint8_t *region = rte_malloc(NULL, REGION, 2u << 20);
	unsigned int rounds = 0;

	(void)state;
	assert_non_null(mz);
	assert_non_null(region);
	struct shared *s = mz->addr;
	*s = (struct shared){.where = iova(region)};
	int16_t id = test_open(1, DESCS);
	const pid_t pid = secondary_start("move");

	while (!__atomic_load_n(&s->moving, __ATOMIC_ACQUIRE) && rounds++ < 10000)
		rte_delay_us_sleep(1000);
	assert_true(s->moving);
	rounds = 0;
	const uint64_t end = rte_get_timer_cycles() + SECONDS * rte_get_timer_hz();
	while (rte_get_timer_cycles() < end) {
		rte_free(region);
		rte_delay_us_sleep(500);
		region = rte_malloc(NULL, REGION, 2u << 20);
		assert_non_null(region);
		__atomic_store_n(&s->where, iova(region), __ATOMIC_RELAXED);
		rte_delay_us_sleep(rounds++ % 8 * 500);
	}
	__atomic_store_n(&s->over, 1, __ATOMIC_RELEASE);
	assert_int_equal(secondary_wait(pid), 0);
	print_message("%u rounds: %" PRIu64 " done, %" PRIu64 " with a wrong address\n", rounds,
		s->done, s->wrong);
	assert_true(s->done > 0);
	test_close(id);
	rte_free(region);
	rte_memzone_free(mz);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(memory_goes_under_a_secondary),
};

int
main(int argc, char **argv)
{
	return secondary_main(argc, argv, move_on, tests, RTE_DIM(tests));
}
