/* SPDX-License-Identifier: BSD-3-Clause */

/* Every wrong operation has its own status, nothing crashes, and what comes after goes on. */

#include <errno.h>
#include <sys/mman.h>

#include <rte_eal.h>

#include "dad_dma_domain.h"
#include "dad_dma_table.h"
#include "test_device.h"

#define LEN 1024u

static int16_t dev;
static uint8_t *good, *other;

static int
setup(void **state)
{
	(void)state;
	dev = test_open(1, 64);
	good = test_buffer(2 * LEN);
	other = test_buffer(2 * LEN);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rte_free(good);
	rte_free(other);
	test_close(dev);
	return 0;
}

static bool
is_va_mode(void)
{
	return rte_eal_iova_mode() == RTE_IOVA_VA;
}

/* Addresses that are nowhere, in either mode: null, low, high, not canonical, the last byte. */
static const uint64_t nowhere[] = {0, 8, 0x1000, UINT64_C(0x7ffffffff000), UINT64_C(0x800000000000),
	UINT64_C(0x123456789abcdef0), UINT64_MAX - LEN};

static void
a_source_that_is_nowhere(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(nowhere); i++) {
		assert_true(rte_dma_copy(dev, 0, nowhere[i], iova(good), LEN, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	}
}

static void
a_destination_that_is_nowhere(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(nowhere); i++) {
		assert_true(rte_dma_copy(dev, 0, iova(good), nowhere[i], LEN, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
		assert_true(rte_dma_fill(dev, 0, 0, nowhere[i], LEN, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
	}
}

/* Where nobody else maps anything into a hole: threads of the process (a sanitizer's) do. */
#define FAR_AWAY ((void *)0x500000000000)

static void
a_page_that_was_unmapped(void **state)
{
	size_t size = 2 * 4096;
	uint8_t *gone =
		mmap(FAR_AWAY, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(gone, MAP_FAILED);
	memset(gone, 1, size);
	/* the second page goes: a transfer over the seam starts well */
	munmap(gone + 4096, 4096);
	uint64_t seam = (uintptr_t)gone + 4096 - 512;
	assert_true(rte_dma_copy(dev, 0, seam, iova(good), LEN, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_true(rte_dma_copy(dev, 0, iova(good), seam, LEN, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_true(rte_dma_fill(dev, 0, 7, seam, LEN, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
	munmap(gone, 4096);
}

static void
memory_that_may_only_be_read(void **state)
{
	uint8_t *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_true(rte_dma_copy(dev, 0, iova(good), (uintptr_t)page, LEN, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
	munmap(page, 4096);
}

/* SVA: any memory of the process is as good as EAL's; without it, none is. */
static void
memory_of_the_c_library(void **state)
{
	uint8_t on_stack[300];
	uint8_t *heap = malloc(100000);
	struct rte_dma_info info;

	(void)state;
	assert_non_null(heap);
	assert_int_equal(rte_dma_info_get(dev, &info), 0);
	assert_int_equal(!!(info.dev_capa & RTE_DMA_CAPA_SVA), is_va_mode());
	if (!is_va_mode()) {
		assert_true(rte_dma_copy(dev, 0, (uintptr_t)heap, iova(good), LEN, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_INVALID_SRC_ADDR);
		free(heap);
		return;
	}
	for (unsigned int i = 0; i < 100000; i++)
		heap[i] = (uint8_t)(i * 7 + i / 256);
	assert_true(rte_dma_copy(dev, 0, (uintptr_t)heap + 3, iova(good), LEN, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(good, heap + 3, LEN);
	assert_true(rte_dma_copy(dev, 0, (uintptr_t)heap, (uintptr_t)on_stack, 300, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(on_stack, heap, 300);
	assert_true(rte_dma_copy(dev, 0, (uintptr_t)heap, (uintptr_t)heap + 50000, 49999, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(heap + 50000, heap, 49999);
	/* the pattern stays in phase over the driver's own blocks */
	uint64_t pattern = UINT64_C(0x1122334455667788);
	assert_true(rte_dma_fill(dev, 0, pattern, (uintptr_t)heap + 1, 9999, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	for (unsigned int i = 0; i < 9999; i++)
		assert_int_equal(heap[1 + i], ((uint8_t *)&pattern)[i % 8]);
	free(heap);
}

static void
a_length_of_zero_is_refused_at_once(void **state)
{
	uint16_t room = rte_dma_burst_capacity(dev, 0);

	(void)state;
	assert_int_equal(rte_dma_copy(dev, 0, iova(good), iova(other), 0, 0), -EINVAL);
	assert_int_equal(rte_dma_fill(dev, 0, 1, iova(other), 0, 0), -EINVAL);
	assert_int_equal(rte_dma_burst_capacity(dev, 0), room);
}

static void
a_length_that_wraps(void **state)
{
	(void)state;
	assert_true(rte_dma_copy(dev, 0, UINT64_MAX - 10, iova(good), 12, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_LENGTH);
	assert_true(rte_dma_copy(dev, 0, iova(good), UINT64_MAX - 10, 12, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_LENGTH);
	assert_true(rte_dma_fill(dev, 0, 0, UINT64_MAX, 2, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_LENGTH);
}

static void
scatter_lists_without_a_byte(void **state)
{
	struct rte_dma_sge none[2] = {{iova(good), 0}, {iova(good) + LEN, 0}};

	(void)state;
	/* behind an operation that left its traces in the slot, too */
	for (unsigned int lap = 0; lap < 3 * 64; lap++) {
		assert_true(rte_dma_fill(dev, 0, UINT64_MAX, 8, LEN, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
		assert_true(rte_dma_copy_sg(dev, 0, none, none, 2, 1, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
		assert_true(rte_dma_copy_sg(dev, 0, none, none, 1, 2, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	}
}

/* What the driver takes without a look-up ends where it ends: to the byte. */
static void
the_edges_of_what_needs_no_look_up(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	const struct dad_dma_table *table = dad_dma_domain_reverse(domain);
	const struct dad_dma_span span = dad_dma_table_span(table);
	const uint64_t end = span.first + span.len;
	uint64_t contig;

	(void)state;
	/* with physical addresses there is none */
	assert_true(span.len > 0 || !is_va_mode());
	for (uint32_t len = 1; span.len > 0 && len <= LEN; len *= 2) {
		assert_true(rte_dma_copy(dev, 0, span.first, iova(good), len, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
		assert_true(rte_dma_copy(dev, 0, end - len, iova(good), len, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
		if (dad_dma_table_find(table, span.first - 1, &contig) == DAD_DMA_ABSENT) {
			assert_true(rte_dma_copy(dev, 0, span.first - 1, iova(good), len, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_INVALID_SRC_ADDR);
			assert_true(rte_dma_copy(dev, 0, iova(good), span.first - 1, len, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
		}
		if (dad_dma_table_find(table, end, &contig) == DAD_DMA_ABSENT) {
			assert_true(rte_dma_copy(dev, 0, end - len + 1, iova(good), len, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_INVALID_SRC_ADDR);
			assert_true(rte_dma_copy(dev, 0, iova(good), end - len + 1, len, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
		}
	}
	dad_dma_domain_put(domain);
}

static void
scatter_lists_whose_sums_differ(void **state)
{
	struct rte_dma_sge src[2] = {{iova(good), 100}, {iova(good) + 100, 100}};
	struct rte_dma_sge dst[2] = {{iova(other), 150}, {iova(other) + 150, 51}};

	(void)state;
	memset(other, 0x55, 2 * LEN);
	assert_true(rte_dma_copy_sg(dev, 0, src, dst, 2, 2, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_LENGTH);
	assert_true(rte_dma_copy_sg(dev, 0, src, dst, 2, 1, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_LENGTH);
	for (unsigned int i = 0; i < 2 * LEN; i++)
		assert_int_equal(other[i], 0x55);

	/* sums that are equal only modulo 2^32 */
	struct rte_dma_sge long_src[3] = {
		{iova(good), UINT32_MAX}, {iova(good), 1}, {iova(good), 100}};
	struct rte_dma_sge short_dst[1] = {{iova(other), 100}};
	assert_true(rte_dma_copy_sg(dev, 0, long_src, short_dst, 3, 1, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_LENGTH);
}

static void
scatter_lists_with_a_bad_entry(void **state)
{
	struct rte_dma_sge src[2] = {{iova(good), 100}, {8, 100}};
	struct rte_dma_sge dst[2] = {{iova(other), 100}, {iova(other) + 100, 100}};
	struct rte_dma_sge wrap[2] = {{iova(good), 190}, {UINT64_MAX - 3, 10}};

	(void)state;
	assert_true(rte_dma_copy_sg(dev, 0, src, dst, 2, 2, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_true(rte_dma_copy_sg(dev, 0, dst, src, 2, 2, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_true(rte_dma_copy_sg(dev, 0, wrap, dst, 2, 2, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_LENGTH);
}

static void
scatter_lists_of_wrong_size_are_refused_at_once(void **state)
{
	struct rte_dma_sge list[65];
	struct rte_dma_info info;

	(void)state;
	for (unsigned int i = 0; i < 65; i++)
		list[i] = (struct rte_dma_sge){iova(good), 1};
	assert_int_equal(rte_dma_info_get(dev, &info), 0);
	assert_int_equal(info.max_sges, 64);
	assert_int_equal(rte_dma_copy_sg(dev, 0, list, list, 0, 1, 0), -EINVAL);
	assert_int_equal(rte_dma_copy_sg(dev, 0, list, list, 1, 0, 0), -EINVAL);
	assert_int_equal(rte_dma_copy_sg(dev, 0, list, list, 65, 1, 0), -EINVAL);
	assert_int_equal(rte_dma_copy_sg(dev, 0, list, list, 1, 65, 0), -EINVAL);
	assert_true(rte_dma_copy_sg(dev, 0, list, list, 64, 64, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
}

/* completed() stops before the failure and says so, until completed_status() has taken it. */
static void
a_failure_holds_completed_up_until_its_status_is_taken(void **state)
{
	enum rte_dma_status_code status[8];
	uint16_t last, first = 0;
	bool error = false;

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t src = i == 3 || i == 4 ? 0 : iova(good);
		int idx = rte_dma_copy(dev, 0, src, iova(other), LEN, 0);

		assert_true(idx >= 0);
		if (i == 0)
			first = (uint16_t)idx;
	}
	assert_int_equal(rte_dma_submit(dev, 0), 0);

	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	unsigned int got = 0;
	while (!error) {
		got += rte_dma_completed(dev, 0, 8, &last, &error);
		assert_true(rte_get_timer_cycles() < deadline);
	}
	assert_int_equal(got, 3);
	assert_int_equal(last, (uint16_t)(first + 2));
	for (unsigned int again = 0; again < 3; again++) {
		assert_int_equal(rte_dma_completed(dev, 0, 8, &last, &error), 0);
		assert_true(error);
		assert_int_equal(last, (uint16_t)(first + 2));
	}
	assert_int_equal(rte_dma_completed_status(dev, 0, 1, &last, status), 1);
	assert_int_equal(status[0], RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_int_equal(last, (uint16_t)(first + 3));
	assert_int_equal(rte_dma_completed(dev, 0, 8, &last, &error), 0);
	assert_true(error);
	assert_int_equal(rte_dma_completed_status(dev, 0, 1, &last, status), 1);
	assert_int_equal(rte_dma_completed(dev, 0, 8, &last, &error), 3);
	assert_false(error);
	assert_int_equal(last, (uint16_t)(first + 7));
}

#define OK   RTE_DMA_STATUS_SUCCESSFUL
#define BAD  RTE_DMA_STATUS_INVALID_SRC_ADDR
#define SKIP RTE_DMA_STATUS_NOT_ATTEMPTED

/* One letter an operation: o good, x bad; in capitals: fenced; | submits. */
static void
expect_batch(const char *ops, const enum rte_dma_status_code *expected)
{
	enum rte_dma_status_code status[64];
	uint16_t n = 0;

	for (; *ops != '\0'; ops++) {
		if (*ops == '|') {
			assert_int_equal(rte_dma_submit(dev, 0), 0);
			continue;
		}
		bool bad = *ops == 'x' || *ops == 'X';
		uint64_t flags = *ops == 'X' || *ops == 'O' ? RTE_DMA_OP_FLAG_FENCE : 0;

		assert_true(
			rte_dma_copy(dev, 0, bad ? 0 : iova(good), iova(other), 64, flags) >= 0);
		n++;
	}
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, n, status);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(status[i], expected[i]);
}

static void
behind_a_fence_nothing_of_a_failed_batch_is_attempted(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 50; round++) {
		expect_batch(
			"oxooOoo", (enum rte_dma_status_code[]){OK, BAD, OK, OK, SKIP, SKIP, SKIP});
		expect_batch("oooOxo", (enum rte_dma_status_code[]){OK, OK, OK, OK, BAD, OK});
		expect_batch("xO|oOo", (enum rte_dma_status_code[]){BAD, SKIP, OK, OK, OK});
		expect_batch("oXoOo", (enum rte_dma_status_code[]){OK, BAD, OK, SKIP, SKIP});
		expect_batch("X|O|O", (enum rte_dma_status_code[]){BAD, OK, OK});
		expect_batch("xOO", (enum rte_dma_status_code[]){BAD, SKIP, SKIP});
	}
}

/* A chain of fenced copies, each from the last one's destination, carries the bytes all the way. */
static void
a_fence_orders(void **state)
{
	enum { LINKS = 40, SIZE = 3000 };
	enum rte_dma_status_code status[LINKS];
	uint8_t *chain = test_buffer((LINKS + 1) * SIZE);

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		memset(chain, 0, (LINKS + 1) * SIZE);
		memset(chain, (int)round + 1, SIZE);
		for (unsigned int i = 0; i < LINKS; i++)
			assert_true(rte_dma_copy(dev, 0, iova(chain) + i * SIZE,
					    iova(chain) + (i + 1) * SIZE, SIZE,
					    RTE_DMA_OP_FLAG_FENCE) >= 0);
		assert_int_equal(rte_dma_submit(dev, 0), 0);
		test_gather(dev, 0, LINKS, status);
		for (unsigned int i = 0; i < SIZE; i++)
			assert_int_equal(chain[LINKS * SIZE + i], (uint8_t)(round + 1));
	}
	rte_free(chain);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(a_source_that_is_nowhere, setup, teardown),
	cmocka_unit_test_setup_teardown(a_destination_that_is_nowhere, setup, teardown),
	cmocka_unit_test_setup_teardown(a_page_that_was_unmapped, setup, teardown),
	cmocka_unit_test_setup_teardown(memory_that_may_only_be_read, setup, teardown),
	cmocka_unit_test_setup_teardown(memory_of_the_c_library, setup, teardown),
	cmocka_unit_test_setup_teardown(a_length_of_zero_is_refused_at_once, setup, teardown),
	cmocka_unit_test_setup_teardown(a_length_that_wraps, setup, teardown),
	cmocka_unit_test_setup_teardown(scatter_lists_without_a_byte, setup, teardown),
	cmocka_unit_test_setup_teardown(the_edges_of_what_needs_no_look_up, setup, teardown),
	cmocka_unit_test_setup_teardown(scatter_lists_whose_sums_differ, setup, teardown),
	cmocka_unit_test_setup_teardown(scatter_lists_with_a_bad_entry, setup, teardown),
	cmocka_unit_test_setup_teardown(
		scatter_lists_of_wrong_size_are_refused_at_once, setup, teardown),
	cmocka_unit_test_setup_teardown(
		a_failure_holds_completed_up_until_its_status_is_taken, setup, teardown),
	cmocka_unit_test_setup_teardown(
		behind_a_fence_nothing_of_a_failed_batch_is_attempted, setup, teardown),
	cmocka_unit_test_setup_teardown(a_fence_orders, setup, teardown),
};

TEST_MAIN(tests)
