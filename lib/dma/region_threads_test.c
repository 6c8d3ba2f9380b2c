/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_random.h"
#include "test_soft.h"
#include "test_thread.h"

/* Many threads map and unmap with one device, while regions come and go, and EAL's heap grows and
 * shrinks: each sees its own bytes, and in the end nothing is left. */

#define THREADS 5u
#define ROUNDS	150u
#define PAGES	32u /* of a region, at most */
#define LONGEST 3000u
#define SLOTS	(4u << 20)

struct worker {
	struct dad_dma_dev *dev;
	unsigned int number;
	bool strict; /* ranges in two steps are possible */
	bool told;   /* where regions are: with physical IOVAs the identity cannot know */
	unsigned int failures;
	unsigned int done; /* mappings */
	pthread_t thread;
	/* the memory of a round */
	unsigned char *region, *heap, *own;
	size_t pages;
};

/* The bytes of the entries, one after the other, from or to a place. */
static void
copy_entries(const struct dad_sg sg[], unsigned int n, unsigned char *flat, bool to_entries)
{
	for (unsigned int i = 0; i < n; flat += sg[i++].length)
		memcpy(to_entries ? sg[i].va : flat, to_entries ? flat : sg[i].va, sg[i].length);
}

/* Does the device see these bytes (or, in the other direction, can it write them)? */
static bool
device_has(struct worker *w, const struct dad_sg sg[], unsigned int segments,
	const unsigned char *flat, bool writes)
{
	unsigned char got[LONGEST];
	bool ok = true;

	for (unsigned int i = 0; i < segments; flat += sg[i++].dma_length) {
		dad_dma_addr_t at = sg[i].dma_address;
		size_t len = sg[i].dma_length;

		if (len > sizeof(got))
			return false;
		if (writes)
			ok &= dad_soft_dma_write(w->dev, at, flat, len) == 0;
		else
			ok &= dad_soft_dma_read(w->dev, at, got, len) == 0 &&
				memcmp(got, flat, len) == 0;
	}
	return ok;
}

/* Bytes for the entries, as the CPU or as the device writes them; then it sees the other's. */
static bool
transfer(struct worker *w, struct dad_sg sg[], unsigned int n, bool single)
{
	const enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
	const bool writes = dir == DAD_DMA_FROM_DEVICE;
	unsigned char flat[LONGEST], back[LONGEST];
	unsigned int segments = 1;
	size_t all = 0;

	for (unsigned int i = 0; i < n; i++)
		all += sg[i].length;
	random_fill(flat, all);
	if (!writes)
		copy_entries(sg, n, flat, true);
	if (single) {
		sg[0].dma_address = dad_dma_map_single(w->dev, sg[0].va, all, dir);
		sg[0].dma_length = all;
		if (dad_dma_mapping_error(w->dev, sg[0].dma_address) != 0)
			return false;
	} else {
		segments = dad_dma_map_sg(w->dev, sg, n, dir);
		if (segments == 0)
			return false;
	}
	bool ok = device_has(w, sg, segments, flat, writes);
	if (below(2) == 0) {
		dad_dma_sync_sg_for_cpu(w->dev, sg, n, dir);
		copy_entries(sg, n, back, false);
		ok &= memcmp(flat, back, all) == 0;
		dad_dma_sync_sg_for_device(w->dev, sg, n, dir);
	}
	if (single)
		dad_dma_unmap_single(w->dev, sg[0].dma_address, all, dir);
	else
		dad_dma_unmap_sg(w->dev, sg, n, dir);
	copy_entries(sg, n, back, false);
	return ok && memcmp(flat, back, all) == 0;
}

/* Of a region, of EAL's heap, or of neither; and a list of all three. */
static bool
map_something(struct worker *w)
{
	struct dad_sg sg[3] = {
		{.va = w->region + below(PAGE), .length = 1 + below(PAGE - 1) % (LONGEST / 3)},
		{.va = w->heap, .length = 1},
		{.va = w->own + below(PAGE), .length = 1 + below(LONGEST / 3)},
	};
	const unsigned int one = (unsigned int)below(4);

	/* within the first page */
	sg[0].va = w->region + below(PAGE - sg[0].length + 1);
	return one < 3 ? transfer(w, &sg[one], 1, true) : transfer(w, sg, 3, false);
}

/* Two pages of the region, the other way round, in two steps. */
static bool
map_range(struct worker *w)
{
	const enum dad_dma_dir dir = DAD_DMA_TO_DEVICE;
	struct dad_dma_iova_state s;
	unsigned char byte[2] = {(unsigned char)below(256), (unsigned char)below(256)};
	unsigned char *second = w->region + (w->pages - 1) * PAGE, got[2];

	*second = byte[0];
	second[PAGE - 1] = byte[1];
	if (!dad_dma_iova_try_alloc(w->dev, &s, second, 2 * PAGE))
		return false;
	bool ok = dad_dma_iova_link(w->dev, &s, second, 0, PAGE, dir, 0) == 0 &&
		dad_dma_iova_link(w->dev, &s, w->region, PAGE, PAGE, dir, 0) == 0 &&
		dad_dma_iova_sync(w->dev, &s, 0, 2 * PAGE) == 0 &&
		dad_soft_dma_read(w->dev, s.addr, &got[0], 1) == 0 &&
		dad_soft_dma_read(w->dev, s.addr + PAGE - 1, &got[1], 1) == 0 &&
		memcmp(got, byte, 2) == 0;
	if (ok && below(2) == 0) {
		dad_dma_iova_unlink(w->dev, &s, PAGE, PAGE, dir, 0);
		dad_dma_iova_destroy(w->dev, &s, PAGE, dir, 0);
	} else {
		dad_dma_iova_destroy(w->dev, &s, 2 * PAGE, dir, 0);
	}
	return ok;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct dad_dma_domain *domain = dad_dma_dev_domain(w->dev);
	unsigned char own[2 * PAGE];
	dad_dma_addr_t iovas[PAGES];
	unsigned char *memory = mmap(
		NULL, 2 * PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	for (unsigned int i = 0; i < PAGES; i++)
		iovas[i] = (UINT64_C(0x700) + w->number) * UINT64_C(0x10000000) + i * PAGE;
	spread_out(w->number);
	random_state += w->number;
	w->own = own;
	/* lcores keep slots and IOVAs at hand, other threads do not */
	if (w->number % 2 == 0)
		(void)rte_thread_register();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		w->pages = 1 + below(PAGES - 1);
		w->region = memory + below(PAGES) * PAGE;
		w->heap = rte_malloc(NULL, 1 + below(3u << 20), 0);
		w->failures += dad_dma_mem_register(domain, w->region, w->pages * PAGE,
				       w->told ? iovas : NULL, w->told ? (unsigned int)w->pages : 0,
				       PAGE) != 0;
		for (unsigned int i = 0; i < 20 && w->heap != NULL; i++, w->done++)
			w->failures +=
				w->strict && below(4) == 0 ? !map_range(w) : !map_something(w);
		w->failures += dad_dma_mem_unregister(domain, w->region, w->pages * PAGE) != 0;
		rte_free(w->heap);
	}
	munmap(memory, 2 * PAGES * PAGE);
	if (rte_lcore_id() != LCORE_ID_ANY)
		rte_thread_unregister();
	return NULL;
}

static void
meet(struct dad_dma_domain *domain, unsigned int rungs, uint64_t mask)
{
	const struct dad_dma_bounce_conf slots = {.size = SLOTS, .limit = mask};
	struct worker w[THREADS];
	struct dad_dma_domain_info info;

	assert_non_null(domain);
	assert_int_equal(dad_dma_bounce_create(domain, &slots), 0);
	struct dad_dma_dev *dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	assert_int_equal(dad_dma_set_mask(dev, mask), 0);
	assert_int_equal(dad_dma_dev_set_rungs(dev, rungs), 0);
	dad_dma_domain_info(domain, &info);
	for (unsigned int t = 0; t < THREADS; t++) {
		w[t] = (struct worker){.dev = dev,
			.number = t,
			.strict = rungs & info.rungs & RUNG(STRICT),
			.told = info.type == DAD_DMA_DOMAIN_IDENTITY &&
				rte_eal_iova_mode() == RTE_IOVA_PA};
		assert_int_equal(pthread_create(&w[t].thread, NULL, work, &w[t]), 0);
	}
	for (unsigned int t = 0; t < THREADS; t++)
		pthread_join(w[t].thread, NULL);
	for (unsigned int t = 0; t < THREADS; t++) {
		assert_int_equal(w[t].failures, 0);
		assert_true(w[t].done > ROUNDS);
	}
	dad_dma_domain_flush(domain);
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.regions, 0);
	assert_int_equal(info.strict_maps, 0);
	assert_int_equal(info.lost, 0);
	/* what is left are the slots, and windows of EAL's memory that is still there */
	if (info.type != DAD_DMA_DOMAIN_IDENTITY)
		assert_int_equal(info.registers_used, (info.window_bytes + SLOTS) / PAGE);
	assert_int_equal(dad_dma_dev_destroy(dev), 0); /* no mapping of it is left */
	dad_dma_domain_put(domain);
}

static void
threads_map_while_regions_come_and_go(void **state)
{
	const unsigned int rungs[] = {
		DAD_DMA_RUNGS_ALL, RUNG(WINDOW) | RUNG(STRICT), RUNG(STRICT), RUNG(BOUNCE)};

	(void)state;
	for (unsigned int i = 0; i < 2 * RTE_DIM(rungs); i++)
		meet(soft_domain(0, 0, i % 2 ? DAD_DMA_DOMAIN_LAZY : 0), rungs[i / 2],
			i < 2 ? UINT64_MAX : UINT32_MAX);
	meet(soft_domain(0, 0, DAD_DMA_DOMAIN_NONCOHERENT), RUNG(STRICT), UINT32_MAX);
}

static void
threads_map_while_regions_of_the_identity_come_and_go(void **state)
{
	(void)state;
	meet(dad_dma_domain_identity(), DAD_DMA_RUNGS_ALL, UINT64_MAX);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_map_while_regions_come_and_go),
		cmocka_unit_test(threads_map_while_regions_of_the_identity_come_and_go),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		rte_eal_cleanup();
	}
	return ret;
}
