/* SPDX-License-Identifier: BSD-3-Clause */

/* What is too large for the caches goes past them, in one piece or in parts, and nothing else. */

#include "dad_exec.h"
#include "test_device.h"

#define FROM  (512u << 10)
#define SIZE  (2u << 20)
#define GUARD 64u

static int16_t dev;
static uint8_t *src, *dst;
static uint64_t past; /* bytes that went past the caches */
static dad_exec_move_t real;

static void *
count_past(void *to, const void *from, size_t len)
{
	__atomic_fetch_add(&past, len, __ATOMIC_RELAXED);
	return real(to, from, len);
}

static void
open_with(const char *more)
{
	char args[256];

	snprintf(args, sizeof(args), "%s%s", test_args(), more);
	dev = test_plug_with(args);
	test_configure(dev, 1, 64);
	struct dad_exec *x = dad_exec_table[dev];
	real = x->move_past;
	x->move_past = count_past;
	assert_int_equal(rte_dma_start(dev), 0);
	src = test_buffer(SIZE);
	dst = test_buffer(SIZE + 2 * GUARD);
	for (unsigned int i = 0; i < SIZE; i++)
		src[i] = (uint8_t)(i * 7 + i / 251);
}

static void
close_it(void)
{
	rte_free(src);
	rte_free(dst);
	test_close(dev);
}

/* The bytes that go past the caches of a copy. */
static uint64_t
bytes_past(uint32_t offset, uint32_t length, uint64_t flags)
{
	uint8_t *to = dst + GUARD + offset;

	past = 0;
	memset(dst, 0x55, SIZE + 2 * GUARD);
	assert_true(rte_dma_copy(dev, 0, iova(src), iova(to), length, flags) >= 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(to, src, length);
	for (unsigned int i = 0; i < GUARD; i++) {
		assert_int_equal(*(to - 1 - i), 0x55);
		if (offset == 0)
			assert_int_equal(to[length + i], 0x55);
	}
	return past;
}

static void
operations_from_a_size_on(void **state)
{
	static const uint32_t lengths[] = {
		64, 4096, 16384, 262144, FROM - 1, FROM, FROM + 1, FROM + 12345, SIZE - 1, SIZE};

	(void)state;
	open_with(",nt=524288");
	for (unsigned int i = 0; i < RTE_DIM(lengths); i++) {
		const uint32_t length = lengths[i];

		assert_int_equal(bytes_past(0, length, 0), length >= FROM ? length : 0);
		if (length < SIZE - 32)
			assert_int_equal(bytes_past(13, length, 0), length >= FROM ? length : 0);
	}
	close_it();
}

static void
not_what_shall_be_in_the_cache(void **state)
{
	(void)state;
	open_with(",nt=524288");
	assert_int_equal(bytes_past(0, SIZE, RTE_DMA_OP_FLAG_LLC), 0);
	assert_int_equal(bytes_past(0, SIZE, 0), SIZE);
	close_it();
}

/* A list counts as a whole, and its pieces go where it goes. */
static void
lists_by_their_sum(void **state)
{
	(void)state;
	open_with(",nt=524288");
	for (unsigned int n = 31; n <= 33; n++) {
		struct rte_dma_sge from[33], to = {iova(dst), n * 16384};

		for (unsigned int i = 0; i < n; i++)
			from[i] = (struct rte_dma_sge){iova(src) + i * 16384, 16384};
		past = 0;
		memset(dst, 0, SIZE);
		assert_true(rte_dma_copy_sg(dev, 0, from, &to, (uint16_t)n, 1, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
		assert_memory_equal(dst, src, n * 16384);
		assert_int_equal(past, n >= 32 ? n * 16384 : 0);
	}
	close_it();
}

static void
none_if_so_asked(void **state)
{
	(void)state;
	open_with(",nt=0");
	assert_int_equal(bytes_past(0, SIZE, 0), 0);
	close_it();
}

/* As the cache says: it is larger than what is moved here. */
static void
by_default_what_the_cache_cannot_hold(void **state)
{
	const uint32_t from = dad_move_past_from();

	(void)state;
	open_with("");
	assert_int_equal(dad_exec_table[dev]->past_from, from);
	assert_int_equal(bytes_past(0, SIZE, 0), from > 0 && from <= SIZE ? SIZE : 0);
	close_it();
}

static void
not_with_a_kernel_that_moves_large_ones_itself(void **state)
{
	static const char *const wrong[] = {
		"kernel=nt,nt=524288", "kernel=erms,nt=524288", "nt=-1", "nt=", "nt=4294967296"};
	char args[256];

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		snprintf(args, sizeof(args), "%s,%s", test_args(), wrong[i]);
		assert_int_not_equal(rte_vdev_init(TEST_NAME, args), 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(operations_from_a_size_on),
	cmocka_unit_test(not_what_shall_be_in_the_cache),
	cmocka_unit_test(lists_by_their_sum),
	cmocka_unit_test(none_if_so_asked),
	cmocka_unit_test(by_default_what_the_cache_cannot_hold),
	cmocka_unit_test(not_with_a_kernel_that_moves_large_ones_itself),
};

TEST_MAIN(tests)
