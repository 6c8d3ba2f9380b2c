/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "test_lists.h"

/* Ranges that are filled piece by piece: in each direction, with and without copies of the
 * device's own, and what a device cannot have so. */

#define PIECES 8u
#define LANE   (POOL / PIECES) /* a piece lies in one */
#define ROUNDS 400u

struct range {
	struct dad_dma_iova_state s;
	struct dad_sg piece[PIECES];
	size_t offset[PIECES]; /* in the range */
	unsigned int n;
	enum dad_dma_dir dir;
};

/* The first may begin anywhere in a page, the last end anywhere; between them there are pages. */
static void
make_range(struct range *r)
{
	size_t all = 0;

	r->n = 1 + (unsigned int)below(PIECES);
	r->dir = (enum dad_dma_dir)below(3);
	for (unsigned int i = 0; i < r->n; i++) {
		size_t skipped = i == 0 ? below(PAGE) : 0;
		size_t end = (1 + below(4)) * PAGE - (i == r->n - 1 ? below(PAGE) : 0);

		if (end <= skipped)
			end = skipped + 1;
		r->piece[i] = (struct dad_sg){.va = eal_pool + i * LANE + below(8) * PAGE + skipped,
			.length = end - skipped};
		r->offset[i] = all;
		all += end - skipped;
	}
	assert_true(dad_dma_iova_try_alloc(dev, &r->s, r->piece[0].va, all));
	assert_int_equal(r->s.size, all);
	assert_int_equal(r->s.addr % PAGE, (uintptr_t)r->piece[0].va % PAGE);
}

/* In any order. */
static void
link_pieces(struct range *r, unsigned int attrs)
{
	unsigned int first = (unsigned int)below(r->n);

	for (unsigned int k = 0; k < r->n; k++) {
		unsigned int i = (first + k) % r->n;

		assert_int_equal(dad_dma_iova_link(dev, &r->s, r->piece[i].va, r->offset[i],
					 r->piece[i].length, r->dir, attrs),
			0);
	}
	assert_int_equal(dad_dma_iova_sync(dev, &r->s, 0, r->s.size), 0);
}

/* What the device may do, it can: all of the range at once. */
static void
device_works(const struct range *r)
{
	if (r->dir != DAD_DMA_FROM_DEVICE) {
		gather(r->piece, r->n, data);
		assert_int_equal(dad_soft_dma_read(dev, r->s.addr, got, r->s.size), 0);
		assert_memory_equal(got, data, r->s.size);
	} else {
		assert_int_equal(dad_soft_dma_read(dev, r->s.addr, got, 1), -EACCES);
	}
	random_fill(data, r->s.size);
	assert_int_equal(dad_soft_dma_write(dev, r->s.addr, data, r->s.size),
		r->dir == DAD_DMA_TO_DEVICE ? -EACCES : 0);
	if (r->dir == DAD_DMA_TO_DEVICE)
		gather(r->piece, r->n, data);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

/* What the device wrote comes to the CPU with a sync or with an unlink, piece by piece. */
static void
ranges_go_both_ways(void **state)
{
	static unsigned char before[POOL];
	struct range r;

	(void)state;
	for (unsigned int w = 1; w < RTE_DIM(ways); w++) {
		bool copies = ways[w].flags & DAD_DMA_DOMAIN_NONCOHERENT;

		make(&ways[w], false);
		for (unsigned int round = 0; round < ROUNDS; round++) {
			make_range(&r);
			gather(r.piece, r.n, before);
			link_pieces(&r, 0);
			device_works(&r);
			assert_cpu_sees(r.piece, r.n, copies ? before : data, r.s.size);
			/* a part of the range, over pieces */
			size_t len = 1 + below(r.s.size), at = below(r.s.size - len + 1);
			dad_dma_sync_single_for_cpu(dev, r.s.addr + at, len, r.dir);
			memcpy(before + at, data + at, len);
			assert_cpu_sees(r.piece, r.n, copies ? before : data, r.s.size);
			/* one piece; it is the device's no more */
			unsigned int i = (unsigned int)below(r.n);
			dad_dma_iova_unlink(dev, &r.s, r.offset[i], r.piece[i].length, r.dir, 0);
			memcpy(before + r.offset[i], data + r.offset[i], r.piece[i].length);
			assert_cpu_sees(r.piece, r.n, copies ? before : data, r.s.size);
			assert_null(dad_soft_dma_translate(
				dev, r.s.addr + r.offset[i], DAD_SOFT_READ, &len));
			/* and again, then all of them */
			assert_int_equal(dad_dma_iova_link(dev, &r.s, r.piece[i].va, r.offset[i],
						 r.piece[i].length, r.dir, 0),
				0);
			dad_dma_sync_single_for_device(dev, r.s.addr, r.s.size, r.dir);
			device_works(&r);
			dad_dma_iova_destroy(dev, &r.s, r.s.size, r.dir, 0);
			assert_cpu_sees(
				r.piece, r.n, data, r.offset[r.n - 1] + r.piece[r.n - 1].length);
		}
		unmake_ranges();
	}
}

static void
without_syncs_nothing_is_copied(void **state)
{
	static unsigned char before[POOL];
	const unsigned int skip = DAD_DMA_ATTR_SKIP_CPU_SYNC;
	struct range r;

	(void)state;
	make(&ways[1], false);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct dad_dma_dev_stats stats = counts();

		make_range(&r);
		link_pieces(&r, skip);
		assert_int_equal(counts().copied_in, stats.copied_in);
		dad_dma_sync_single_for_device(dev, r.s.addr, r.s.size, r.dir);
		gather(r.piece, r.n, before);
		device_works(&r);
		size_t size = r.s.size;
		dad_dma_iova_destroy(dev, &r.s, size, r.dir, skip);
		assert_int_equal(counts().copied_out, stats.copied_out);
		assert_cpu_sees(r.piece, r.n, before, size);
	}
	unmake_ranges();
}

static void
a_range_is_filled_piece_by_piece(void **state)
{
	unsigned char *page = RTE_PTR_ALIGN_CEIL(libc_pool, PAGE);
	struct dad_dma_iova_state s;
	struct dad_dma_domain_info info;

	(void)state;
	domain = soft_domain(0, 0, 0);
	dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	for (unsigned int i = 0; i < 12 * PAGE; i++)
		page[i] = (unsigned char)below(256);
	/* 300 bytes before a page, two pages from elsewhere, a bit of a fourth */
	assert_true(dad_dma_iova_try_alloc(dev, &s, page + PAGE - 300, 300 + 2 * PAGE + 17));
	assert_int_equal(s.addr % PAGE, PAGE - 300);
	assert_int_equal(
		dad_dma_iova_link(dev, &s, page + PAGE - 300, 0, 300, DAD_DMA_TO_DEVICE, 0), 0);
	assert_int_equal(
		dad_dma_iova_link(dev, &s, page + 5 * PAGE, 300, 2 * PAGE, DAD_DMA_TO_DEVICE, 0),
		0);
	/* not in the middle of a granule, not beyond the end, not at another offset */
	assert_int_equal(dad_dma_iova_link(dev, &s, page + 10 * PAGE + 8, 308 + 2 * PAGE, 1,
				 DAD_DMA_TO_DEVICE, 0),
		-EIO);
	assert_int_equal(dad_dma_iova_link(dev, &s, page + 10 * PAGE, 300 + 2 * PAGE, 18,
				 DAD_DMA_TO_DEVICE, 0),
		-EINVAL);
	assert_int_equal(dad_dma_iova_link(dev, &s, page + 10 * PAGE + 1, 300 + 2 * PAGE, 17,
				 DAD_DMA_TO_DEVICE, 0),
		-EIO);
	assert_int_equal(dad_dma_iova_link(dev, &s, page + 10 * PAGE, 300 + 2 * PAGE, 17,
				 DAD_DMA_TO_DEVICE, 0),
		0);
	assert_int_equal(dad_dma_iova_sync(dev, &s, 0, s.size), 0);
	assert_int_equal(dad_soft_dma_read(dev, s.addr, got, s.size), 0);
	assert_memory_equal(got, page + PAGE - 300, 300);
	assert_memory_equal(got + 300, page + 5 * PAGE, 2 * PAGE);
	assert_memory_equal(got + 300 + 2 * PAGE, page + 10 * PAGE, 17);
	assert_int_equal(dad_soft_dma_read(dev, s.addr, got, s.size + 1), -EMSGSIZE);

	dad_dma_iova_unlink(dev, &s, 300, 2 * PAGE, DAD_DMA_TO_DEVICE, 0);
	assert_int_equal(dad_soft_dma_read(dev, s.addr, got, 301), -EMSGSIZE);
	assert_int_equal(dad_soft_dma_read(dev, s.addr, got, 300), 0);
	assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
	dad_dma_iova_destroy(dev, &s, s.size, DAD_DMA_TO_DEVICE, 0);
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.strict_maps, 0);
	assert_int_equal(info.registers_used, 0);
	assert_true(dad_dma_iova_try_alloc(dev, &s, NULL, 1));
	dad_dma_iova_free(dev, &s);
	assert_int_equal(s.size, 0);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);

	/* where there are no IOVAs of our own */
	domain = dad_dma_domain_identity();
	dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	assert_false(dad_dma_iova_try_alloc(dev, &s, NULL, 1));
	assert_int_equal(rte_errno, EOPNOTSUPP);
	unmake_soft(dev);
}

static void
wrong_pieces_are_refused(void **state)
{
	struct dad_dma_iova_state s;

	(void)state;
	for (unsigned int w = 1; w < RTE_DIM(ways); w++) {
		make(&ways[w], false);
		assert_false(dad_dma_iova_try_alloc(dev, &s, eal_pool, 0));
		assert_int_equal(rte_errno, EINVAL);
		assert_true(dad_dma_iova_try_alloc(dev, &s, eal_pool, 2 * PAGE));
		assert_int_equal(
			dad_dma_iova_link(dev, &s, eal_pool, 0, PAGE, DAD_DMA_NONE, 0), -EINVAL);
		assert_int_equal(dad_dma_iova_link(dev, &s, eal_pool, 0, 0, DAD_DMA_FROM_DEVICE, 0),
			-EINVAL);
		assert_int_equal(dad_dma_iova_link(dev, &s, eal_pool, 0, 2 * PAGE + 1,
					 DAD_DMA_FROM_DEVICE, 0),
			-EINVAL);
		assert_int_equal(dad_dma_iova_link(
					 dev, &s, eal_pool, 3 * PAGE, PAGE, DAD_DMA_FROM_DEVICE, 0),
			-EINVAL);
		assert_int_equal(dad_dma_iova_link(dev, &s, eal_pool + 1, PAGE, PAGE - 1,
					 DAD_DMA_FROM_DEVICE, 0),
			-EIO);
		assert_int_equal(dad_dma_iova_link(dev, &s, (void *)(UINT64_C(1) << 47), 0, PAGE,
					 DAD_DMA_FROM_DEVICE, 0),
			-EFAULT);
		assert_null(dad_soft_dma_translate(dev, s.addr, DAD_SOFT_WRITE, &(size_t){0}));
		dad_dma_iova_free(dev, &s);
		unmake_ranges();
	}
}

/* Slots are no range of IOVAs: there the caller has to map one by one. */
static void
there_are_no_ranges_of_slots(void **state)
{
	struct dad_dma_iova_state s;

	(void)state;
	make(&ways[0], true);
	assert_false(dad_dma_iova_try_alloc(dev, &s, eal_pool, PAGE));
	assert_int_equal(rte_errno, EOPNOTSUPP);
	assert_int_equal(s.size, 0);
	unmake_ranges();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ranges_go_both_ways),
	cmocka_unit_test(without_syncs_nothing_is_copied),
	cmocka_unit_test(a_range_is_filled_piece_by_piece),
	cmocka_unit_test(wrong_pieces_are_refused),
	cmocka_unit_test(there_are_no_ranges_of_slots),
};

LISTS_MAIN(tests)
