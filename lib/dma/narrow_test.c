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
#include <rte_memzone.h>

#include "dad_dma_soft.h"
#include "dma_internal.h"
#include "test_pools.h"
#include "test_random.h"
#include "test_soft.h"

/* Every mask, in every way in which it can be served: what is handed out lies under the mask, and
 * the device moves exactly the bytes of the buffer.
 *
 * A soft domain has IOVAs of its own, whether EAL's are virtual or physical addresses. What differs
 * is how a buffer can be named: with physical ones, all memory of EAL is mapped by them here, by
 * dad_dma_map_phys(). Memory of the C library, which no physical address names, would do the same
 * in both; it is mapped where IOVAs are virtual. */

#define POOL	(8u << 20) /* memory in which the buffers lie */
#define LONGEST (32u << 10)

static const unsigned int all_masks[] = {16, 24, 28, 30, 31, 32, 36, 39, 40, 48, 52, 64};

static unsigned char *pools[2]; /* EAL's, and the C library's */
static unsigned int n_pools;
static bool by_phys;
static unsigned int rounds;	  /* transfers of a cell */
static unsigned int exact, named; /* transfers that were, and of these by a physical address */

/* ---- transfers
 * ----------------------------------------------------------------------------------- */

/* Where EAL says that the buffer lies, if it does so in one piece. */
static uint64_t
phys_of(const void *buffer, size_t size)
{
	const struct rte_memseg *seg = rte_mem_virt2memseg(buffer, NULL);
	uint64_t offset = seg != NULL ? (uintptr_t)buffer - seg->addr_64 : 0;

	return seg != NULL && size <= seg->len - offset ? seg->iova + offset
							: DAD_DMA_MAPPING_ERROR;
}

static dad_dma_addr_t
map(struct dad_dma_dev *dev, void *buffer, size_t size, enum dad_dma_dir dir)
{
	uint64_t phys = by_phys ? phys_of(buffer, size) : DAD_DMA_MAPPING_ERROR;

	if (phys == DAD_DMA_MAPPING_ERROR)
		return dad_dma_map_single(dev, buffer, size, dir);
	named++;
	return dad_dma_map_phys(dev, phys, size, dir, 0);
}

/* There, or back, or both. */
static void
transfer(struct dad_dma_dev *dev, unsigned char *buffer, size_t size)
{
	static unsigned char expected[LONGEST], got[LONGEST];
	const enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
	const uint64_t mask = dad_dma_get_mask(dev);
	size_t at = below(size), part = 1 + below(size - at);

	random_fill(buffer, size);
	memcpy(expected, buffer, size);
	dad_dma_addr_t addr = map(dev, buffer, size, dir);
	assert_int_equal(dad_dma_mapping_error(dev, addr), 0);
	assert_true(addr <= mask && size - 1 <= mask - addr);
	if (dir != DAD_DMA_FROM_DEVICE) {
		assert_int_equal(dad_soft_dma_read(dev, addr, got, size), 0);
		assert_memory_equal(got, expected, size);
	}
	if (dir != DAD_DMA_TO_DEVICE) {
		/* a short write: the rest has to come back as it was */
		random_fill(expected + at, part);
		assert_int_equal(dad_soft_dma_write(dev, addr + at, expected + at, part), 0);
	}
	dad_dma_unmap_single(dev, addr, size, dir);
	assert_memory_equal(buffer, expected, size);
	exact++;
}

/* Many of them with one mask and one way to serve it. */
static void
play(struct dad_dma_dev *dev, unsigned int bits, unsigned char *pool, size_t longest)
{
	assert_int_equal(dad_dma_set_mask(dev, DAD_DMA_BIT_MASK(bits)), 0);
	for (unsigned int i = 0; i < rounds; i++) {
		size_t size = 1 + below(below(8) == 0 ? longest : RTE_MIN(longest, 3000u));
		size_t at = below(POOL - size);

		if (below(2) == 0)
			at &= ~(size_t)(PAGE - 1);
		transfer(dev, pool + at, size);
	}
}

/* ---- an IOMMU ---------------------------------------------------------------------------------
 */

/* In chunks of 2 MiB that stay, as far as there is room for them below the mask; what finds none,
 * and what lies in two of them, is mapped page by page for one transfer. Under 16 bits all is. */
static void
windows_and_what_has_no_room_for_one(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(all_masks); i++) {
		const unsigned int bits = all_masks[i];
		const uint64_t room = DAD_DMA_BIT_MASK(bits) / 2 + 1;
		struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
		struct dad_dma_dev *dev = soft_device(domain, RUNG(WINDOW) | RUNG(STRICT));
		struct dad_dma_domain_info info;

		assert_int_equal(dad_dma_supported(dev, DAD_DMA_BIT_MASK(bits)),
			bits == 16 ? DAD_DMA_SUPPORT_STRICT : DAD_DMA_SUPPORT_WINDOW);
		play(dev, bits, pools[0], LONGEST);
		uint64_t windows = taken(dev, DAD_DMA_RUNG_WINDOW);
		uint64_t strict = taken(dev, DAD_DMA_RUNG_STRICT);
		dad_dma_domain_info(domain, &info);
		assert_int_equal(windows + strict, rounds);
		assert_true(info.window_bytes <= room);
		if (room < DAD_DMA_UNIT_SIZE)
			assert_int_equal(windows, 0);
		else /* 8 MiB of buffers, which may lie in five units */
			assert_true(windows > (room >= 16u << 20 ? rounds / 10 * 9 : rounds / 2));
		unmake_soft(dev);
	}
}

static void
each_transfer_has_an_address_of_its_own(void **state)
{
	const uint64_t tops[] = {UINT32_MAX, DAD_DMA_BIT_MASK(48)};
	const unsigned int flags[] = {0, DAD_DMA_DOMAIN_LAZY};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(all_masks) * RTE_DIM(tops) * RTE_DIM(flags); i++) {
		struct dad_dma_dev *dev =
			soft_device(soft_domain(PAGE, tops[i / 2 % 2], flags[i % 2]), RUNG(STRICT));

		for (unsigned int p = 0; p < n_pools; p++)
			play(dev, all_masks[i / 4], pools[p], LONGEST);
		assert_int_equal(taken(dev, DAD_DMA_RUNG_STRICT), n_pools * rounds);
		unmake_soft(dev);
	}
}

/* With nothing in between, memory is where it is; and out of reach for all others. */
static void
wide_masks_reach_memory_where_it_is(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
	struct dad_dma_dev *dev = counted_device(domain, RUNG(DIRECT));
	uint64_t served = 0;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(all_masks); i++) {
		if (all_masks[i] <= 32) {
			assert_int_equal(
				dad_dma_set_mask(dev, DAD_DMA_BIT_MASK(all_masks[i])), -EIO);
		} else if (all_masks[i] >= 48) {
			play(dev, all_masks[i], pools[0], LONGEST);
			served += rounds;
		}
	}
	/* at its virtual address, whatever EAL's IOVA for it is */
	assert_int_equal(
		map(dev, pools[0], 100, DAD_DMA_TO_DEVICE), (dad_dma_addr_t)(uintptr_t)pools[0]);
	dad_dma_unmap_single(dev, (uintptr_t)pools[0], 100, DAD_DMA_TO_DEVICE);
	assert_int_equal(taken(dev, DAD_DMA_RUNG_DIRECT), served + 1);
	unmake_soft(dev);
}

/* ---- slots ------------------------------------------------------------------------------------
 */

static struct dad_dma_bounce_conf
slots_below(unsigned int bits)
{
	const size_t size = bits == 16 ? 32u << 10 : 1u << 20;

	return (struct dad_dma_bounce_conf){.size = size, .limit = DAD_DMA_BIT_MASK(bits)};
}

/* All of it by slots, and none of these beyond the mask. */
static void
play_slots(struct dad_dma_dev *dev, const struct dad_dma_bounce_conf *conf, unsigned int bits)
{
	struct dad_dma_bounce_stats slots;

	assert_int_equal(dad_dma_bounce_stats(dad_dma_dev_domain(dev), conf->dev, &slots), 0);
	assert_int_equal(slots.slots, conf->size / 2048);
	assert_true(slots.highest <= conf->limit);
	/* half of a pool is the longest that it serves */
	for (unsigned int p = 0; p < n_pools; p++)
		play(dev, bits, pools[p], RTE_MIN(conf->size / 2, LONGEST));
	assert_int_equal(taken(dev, DAD_DMA_RUNG_BOUNCE), n_pools * rounds);
	assert_nothing_left(dev);
}

static void
slots_behind_an_iommu(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(all_masks); i++) {
		struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);
		struct dad_dma_bounce_conf conf = slots_below(all_masks[i]);

		assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
		assert_int_equal(dad_dma_bounce_create(domain, &conf), -EEXIST);
		struct dad_dma_dev *dev = soft_device(domain, RUNG(BOUNCE));
		play_slots(dev, &conf, all_masks[i]);
		unmake_soft(dev);
	}
}

/* Where hugepages lie is luck; the test can make it. The first zone of a pool lies too high then,
 * and the next at this address, for all that the library knows. */
static struct {
	dad_dma_addr_t low; /* 0: leave it to luck */
	unsigned int asked;
} luck;

const struct rte_memzone *__real_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket, unsigned int flags, unsigned int align);
const struct rte_memzone *__wrap_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket, unsigned int flags, unsigned int align);

const struct rte_memzone *
__wrap_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket, unsigned int flags, unsigned int align)
{
	const struct rte_memzone *mz =
		__real_rte_memzone_reserve_aligned(name, len, socket, flags, align);

	if (mz != NULL && luck.low != 0) {
		struct rte_memzone *moved = (struct rte_memzone *)(uintptr_t)mz;

		moved->iova = luck.asked++ == 0 ? UINT64_C(1) << 51 : luck.low;
	}
	return mz;
}

/* A pool of a device's own below its mask; false if there is no memory. */
static bool
play_identity(struct dad_dma_domain *domain, unsigned int bits)
{
	struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_bounce_conf conf = slots_below(bits);

	conf.dev = dev;
	int ret = dad_dma_bounce_create(domain, &conf);
	if (ret == 0)
		play_slots(dev, &conf, bits);
	else
		assert_int_equal(ret, -ERANGE);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	return ret == 0;
}

/* EAL's own IOVAs: anonymous memory at a low address, or hugepages that lie low. */
static void
slots_where_memory_lies_low(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(all_masks); i++) {
		const unsigned int bits = all_masks[i];
		bool there = play_identity(domain, bits);

		/* below 64 KiB only root has memory, and not everywhere */
		if (!by_phys)
			assert_true(there || bits == 16);
		else if (bits == 64)
			assert_true(there);
		if (!there)
			print_message("no memory under %u bits\n", bits);
		if (there || !by_phys)
			continue;
		luck.asked = 0;
		luck.low = DAD_DMA_BIT_MASK(bits) + 1 - slots_below(bits).size;
		assert_true(play_identity(domain, bits));
		assert_int_equal(luck.asked, 2);
		/* what is no pool's any more is EAL's again, which never had it there */
		domain_clear_reverse(domain, luck.low, slots_below(bits).size);
		luck.low = 0;
	}
	dad_dma_domain_put(domain);
}

/* Coherent memory has a mask of its own, and an IOVA of its own where the mask asks for one. */
static void
coherent_memory_lies_under_every_mask(void **state)
{
	struct dad_dma_domain *domain = soft_domain(0, UINT32_MAX, 0);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(all_masks); i++) {
		struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
		uint64_t mask = DAD_DMA_BIT_MASK(all_masks[i]);

		assert_int_equal(dad_dma_set_mask_and_coherent(dev, mask), 0);
		for (size_t size = 1; size <= 32u << 10; size = size * 3 + 1) {
			dad_dma_addr_t handle;
			unsigned char byte = (unsigned char)size, got = 0;
			unsigned char *va = dad_dma_alloc_coherent(dev, size, &handle);

			assert_non_null(va);
			assert_true(handle <= mask && size - 1 <= mask - handle);
			assert_int_equal(handle & (rte_align64pow2(RTE_MAX(size, PAGE)) - 1), 0);
			assert_int_equal(dad_soft_dma_write(dev, handle + size - 1, &byte, 1), 0);
			assert_int_equal(va[size - 1], byte);
			va[0] = 77;
			assert_int_equal(dad_soft_dma_read(dev, handle, &got, 1), 0);
			assert_int_equal(got, 77);
			dad_dma_free_coherent(dev, size, va, handle);
		}
		assert_nothing_left(dev);
		assert_int_equal(dad_dma_dev_destroy(dev), 0);
	}
	struct dad_dma_domain_info info;
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.registers_used, 0);
	assert_true(info.registers_high > 0);
	dad_dma_domain_put(domain);
}

/* ---- all together
 * -------------------------------------------------------------------------------- */

static void
there_were_a_million_transfers(void **state)
{
	(void)state;
	print_message("%u transfers, %u of them by physical addresses\n", exact, named);
	assert_true(exact >= 1000000);
	assert_true(by_phys ? named > exact / 10 * 9 : named == 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_and_what_has_no_room_for_one),
		cmocka_unit_test(each_transfer_has_an_address_of_its_own),
		cmocka_unit_test(wide_masks_reach_memory_where_it_is),
		cmocka_unit_test(slots_behind_an_iommu),
		cmocka_unit_test(slots_where_memory_lies_low),
		cmocka_unit_test(coherent_memory_lies_under_every_mask),
		cmocka_unit_test(there_were_a_million_transfers),
	};
	int ret = pools_get(argc, argv, POOL, PAGE);

	if (ret != 0)
		return ret;
	by_phys = rte_eal_iova_mode() == RTE_IOVA_PA;
	pools[0] = eal_pool;
	pools[1] = libc_pool;
	n_pools = by_phys ? 1 : 2;
	rounds = by_phys ? 12000 : 6500;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	pools_put();
	return ret;
}
