/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses that follow one another, on pages that do not: an operation over such seams moves each
 * byte to where it belongs, whatever its size and kind, and leaves all others alone. */

#include <errno.h>
#include <sys/mman.h>

#include "dad_dma_domain.h"
#include "test_device.h"

#define PAGE  4096u
#define PAGES 512u /* of each side: operations of 256 KiB and more are cut into parts */
#define SIZE  (PAGES * PAGE)
#define DESCS 64

/* Half of it in one unit of 2 MiB, and half in the next; far from what the process has. */
#define SRC_IOVA UINT64_C(0x5550100000)
#define DST_IOVA UINT64_C(0x5560100000)

/* A side: page i of its addresses is page[i] of its memory. */
struct side {
	uint8_t *memory;
	rte_iova_t iova;
	uint16_t page[PAGES];
	uint8_t bytes[SIZE]; /* what there should be, in the order of addresses */
};

static struct side src, dst;
static struct dad_dma_domain *domain;
static unsigned int seed;
static int16_t dev;

static uint32_t
rnd(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

static uint8_t *
page_at(const struct side *s, unsigned int i)
{
	return s->memory + (size_t)s->page[i] * PAGE;
}

/* ---- both sides ------------------------------------------------------------------------------ */

static void
shuffle(struct side *s)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		const unsigned int other = rnd(i + 1);

		s->page[i] = s->page[other];
		s->page[other] = (uint16_t)i;
	}
}

static void
open_side(struct side *s, rte_iova_t at, bool is_external)
{
	rte_iova_t iovas[PAGES];

	s->iova = at;
	s->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(s->memory, MAP_FAILED);
	shuffle(s);
	for (unsigned int i = 0; i < PAGES; i++)
		iovas[s->page[i]] = at + i * PAGE;
	for (unsigned int i = 0; i < SIZE; i++)
		s->bytes[i] = (uint8_t)rand_r(&seed);
	for (unsigned int i = 0; i < PAGES; i++)
		memcpy(page_at(s, i), s->bytes + (size_t)i * PAGE, PAGE);
	int ret = is_external ? rte_extmem_register(s->memory, SIZE, iovas, PAGES, PAGE)
			      : dad_dma_mem_register(domain, s->memory, SIZE, iovas, PAGES, PAGE);
	assert_int_equal(ret, 0);
}

static void
close_side(struct side *s, bool is_external)
{
	int ret = is_external ? rte_extmem_unregister(s->memory, SIZE)
			      : dad_dma_mem_unregister(domain, s->memory, SIZE);

	assert_int_equal(ret, 0);
	munmap(s->memory, SIZE);
}

/* Memory that dad_dma_mem_register() tells of, or rte_extmem_register(). */
static bool registered = false, external = true;

static int
open_both(void **state)
{
	const bool *is_external = *state;

	seed = 7;
	dev = test_open(1, DESCS);
	domain = dad_dma_domain_identity();
	assert_non_null(domain);
	open_side(&src, SRC_IOVA, *is_external);
	open_side(&dst, DST_IOVA, *is_external);
	return 0;
}

static int
close_both(void **state)
{
	const bool *is_external = *state;

	test_close(dev);
	close_side(&src, *is_external);
	close_side(&dst, *is_external);
	dad_dma_domain_put(domain);
	return 0;
}

static void
assert_as_it_should_be(const struct side *s)
{
	for (unsigned int i = 0; i < PAGES; i++)
		assert_memory_equal(page_at(s, i), s->bytes + (size_t)i * PAGE, PAGE);
}

/* ---- operations, to bytes from `to` on ------------------------------------------------------- */

static void
copy(uint32_t to, uint32_t len)
{
	const uint32_t from = rnd(SIZE - len + 1);

	assert_true(rte_dma_copy(dev, 0, src.iova + from, dst.iova + to, len, 0) >= 0);
	memcpy(dst.bytes + to, src.bytes + from, len);
}

static void
fill(uint32_t to, uint32_t len)
{
	const uint64_t pattern = (uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed);

	assert_true(rte_dma_fill(dev, 0, pattern, dst.iova + to, len, 0) >= 0);
	for (uint32_t i = 0; i < len; i++)
		dst.bytes[to + i] = (uint8_t)(pattern >> i % 8 * 8);
}

/* Of three source entries, one after the other, and two destinations. */
static void
list(uint32_t to, uint32_t len)
{
	const uint32_t from = rnd(SIZE - len + 1), a = rnd(len + 1), b = rnd(len - a + 1);
	const uint32_t cut = rnd(len + 1);
	struct rte_dma_sge in[] = {{src.iova + from, a}, {src.iova + from + a, b},
		{src.iova + from + a + b, len - a - b}};
	struct rte_dma_sge out[] = {{dst.iova + to, cut}, {dst.iova + to + cut, len - cut}};

	assert_true(rte_dma_copy_sg(dev, 0, in, out, 3, 2, 0) >= 0);
	memcpy(dst.bytes + to, src.bytes + from, len);
}

/* So many operations of all kinds, each to bytes of its own, as workers may do them in any order;
 * of low to high bytes, now and then over a seam. */
static void
move_some(unsigned int n, uint32_t low, uint32_t high)
{
	enum rte_dma_status_code status[DESCS];
	uint32_t to = rnd(PAGE);

	for (unsigned int i = 0; i < n; i++) {
		const uint32_t len = low + rnd(high - low + 1);

		switch (rnd(4)) {
		case 0:
			fill(to, len);
			break;
		case 1:
			list(to, len);
			break;
		default:
			copy(to, len);
		}
		to += len + rnd(high / 4 + 1);
	}
	assert_true(to <= SIZE + high / 4);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	test_gather(dev, 0, (uint16_t)n, status);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
}

static void
small_ones_among_small_ones(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		move_some(DESCS, 1, round % 2 ? 1024 : 256);
		if (round % 10 == 9)
			assert_as_it_should_be(&dst);
	}
	assert_as_it_should_be(&src);
}

static void
one_byte_on_either_side_of_each_seam(void **state)
{
	(void)state;
	for (unsigned int i = 1; i < PAGES; i += DESCS - 1) {
		const unsigned int n = RTE_MIN(PAGES - i, DESCS - 1u);
		enum rte_dma_status_code status[DESCS];

		for (unsigned int k = 0; k < n; k++) {
			const uint32_t at = (i + k) * PAGE - 1;

			assert_true(rte_dma_copy(dev, 0, src.iova + at, dst.iova + at, 2, 0) >= 0);
			memcpy(dst.bytes + at, src.bytes + at, 2);
		}
		assert_int_equal(rte_dma_submit(dev, 0), 0);
		test_gather(dev, 0, (uint16_t)n, status);
		for (unsigned int k = 0; k < n; k++)
			assert_int_equal(status[k], RTE_DMA_STATUS_SUCCESSFUL);
	}
	assert_as_it_should_be(&dst);
}

static void
large_ones(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 30; round++) {
		move_some(16, 2000, 100000);
		assert_as_it_should_be(&dst);
	}
}

static void
ones_that_are_cut_into_parts(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 30; round++) {
		move_some(2, 256u << 10, 800u << 10);
		assert_as_it_should_be(&dst);
	}
	assert_as_it_should_be(&src);
}

/* What is beyond is nowhere. */
static void
no_further_than_it_goes(void **state)
{
	(void)state;
	assert_true(rte_dma_copy(dev, 0, src.iova + SIZE - 10, dst.iova, 11, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_true(rte_dma_copy(dev, 0, src.iova, dst.iova + SIZE - 10, 11, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_true(rte_dma_fill(dev, 0, 0, dst.iova - 1, 20, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_as_it_should_be(&src);
}

#define BOTH_WAYS(test)                                                                            \
	cmocka_unit_test_prestate_setup_teardown(test, open_both, close_both, &registered),        \
		cmocka_unit_test_prestate_setup_teardown(test, open_both, close_both, &external)

static const struct CMUnitTest tests[] = {
	BOTH_WAYS(small_ones_among_small_ones),
	BOTH_WAYS(one_byte_on_either_side_of_each_seam),
	BOTH_WAYS(large_ones),
	BOTH_WAYS(ones_that_are_cut_into_parts),
	BOTH_WAYS(no_further_than_it_goes),
};

TEST_MAIN(tests)
