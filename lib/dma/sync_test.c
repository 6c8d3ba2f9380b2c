/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_malloc.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_random.h"

/* Syncs of parts against a model of both sides: of what the CPU sees and of what the device sees.
 * After each operation all bytes of both are as in the model, those around the buffers too. */

#define PAGE	   4096u
#define BUFFERS	   3u
#define LANE	   (3 * PAGE + 500) /* room for a buffer; the next one begins in the same page */
#define ARENA	   (BUFFERS * LANE + 2 * PAGE)
#define OPERATIONS 100000u
#define RUNG(r)	   DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_##r)

struct buffer {
	size_t at, size; /* in the arena */
	enum dad_dma_dir dir;
	dad_dma_addr_t addr;
	unsigned char *seen; /* the model of what the device sees: own, or what the CPU sees */
	unsigned char own[LANE];
};

static unsigned char *arena;
static unsigned char model[ARENA];
static struct buffer buffers[BUFFERS];
static struct dad_dma_dev *dev;
static bool copies; /* is there a copy for the device? */
static uint64_t copied_in, copied_out;
static unsigned int syncs[3][2]; /* that moved something: by direction, to CPU and to device */

/* ---- the model --------------------------------------------------------------------------------
 */

static void
to_device(struct buffer *b, size_t at, size_t len)
{
	if (!copies)
		return;
	memcpy(b->seen + at, model + b->at + at, len);
	copied_in += len;
}

static void
to_cpu(const struct buffer *b, size_t at, size_t len)
{
	if (!copies)
		return;
	memcpy(model + b->at + at, b->seen + at, len);
	copied_out += len;
}

static void
assert_same(const void *got, const void *wanted, size_t size)
{
	if (memcmp(got, wanted, size) != 0)
		assert_memory_equal(got, wanted, size); /* says where */
}

/* What the device really sees, whatever it may do there: read from it, or take it as it is. */
static void
look(struct buffer *b, bool compare)
{
	unsigned int access = b->dir == DAD_DMA_TO_DEVICE ? DAD_SOFT_READ : DAD_SOFT_WRITE;

	for (size_t at = 0, contig = 0; at < b->size; at += contig) {
		void *there = dad_soft_dma_translate(dev, b->addr + at, access, &contig);

		assert_non_null(there);
		contig = RTE_MIN(contig, b->size - at);
		if (compare)
			assert_same(there, b->seen + at, contig);
		else
			memmove(b->seen + at, there, contig);
	}
}

static void
check(void)
{
	assert_same(arena, model, ARENA);
	for (unsigned int i = 0; i < BUFFERS; i++)
		look(&buffers[i], true);
}

static void
check_counts(void)
{
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.copied_in, copied_in);
	assert_int_equal(stats.copied_out, copied_out);
}

/* ---- operations -------------------------------------------------------------------------------
 */

static void
map(struct buffer *b)
{
	unsigned int attrs = below(4) == 0 ? DAD_DMA_ATTR_SKIP_CPU_SYNC : 0;
	size_t lane = PAGE + (size_t)(b - buffers) * LANE;

	b->size = 1 + below(below(4) == 0 ? 64 : LANE);
	b->at = lane + below(LANE - b->size + 1);
	b->dir = (enum dad_dma_dir)below(3);
	b->addr = dad_dma_map_single_attrs(dev, arena + b->at, b->size, b->dir, attrs);
	assert_int_equal(dad_dma_mapping_error(dev, b->addr), 0);
	assert_int_equal(dad_dma_need_sync(dev, b->addr), copies);
	b->seen = copies ? b->own : model + b->at;
	if (attrs == 0)
		to_device(b, 0, b->size);
	else
		look(b, !copies); /* nobody says what is in the copy */
}

static void
unmap(struct buffer *b)
{
	unsigned int attrs = below(4) == 0 ? DAD_DMA_ATTR_SKIP_CPU_SYNC : 0;

	dad_dma_unmap_single_attrs(dev, b->addr, b->size, b->dir, attrs);
	if (attrs == 0 && b->dir != DAD_DMA_TO_DEVICE)
		to_cpu(b, 0, b->size);
	assert_same(arena, model, ARENA);
}

/* A buffer that goes both ways may be synced for one of them. */
static enum dad_dma_dir
sync_direction(const struct buffer *b)
{
	return b->dir == DAD_DMA_BIDIRECTIONAL ? (enum dad_dma_dir)below(3) : b->dir;
}

static void
operate(struct buffer *b)
{
	size_t len = 1 + below(below(4) == 0 ? RTE_MIN(b->size, (size_t)16) : b->size);
	size_t at = below(b->size - len + 1);
	unsigned int what = (unsigned int)below(17);
	enum dad_dma_dir dir = sync_direction(b);

	if (what == 0) {
		unmap(b);
		map(b);
	} else if (what <= 4 || (what <= 8 && b->dir == DAD_DMA_TO_DEVICE)) {
		random_fill(arena + b->at + at, len);
		memcpy(model + b->at + at, arena + b->at + at, len);
	} else if (what <= 8) {
		static unsigned char data[LANE];

		random_fill(data, len);
		assert_int_equal(dad_soft_dma_write(dev, b->addr + at, data, len), 0);
		memcpy(b->seen + at, data, len);
	} else if (what <= 12) {
		dad_dma_sync_single_for_cpu(dev, b->addr + at, len, dir);
		if (dir != DAD_DMA_TO_DEVICE)
			to_cpu(b, at, len);
		syncs[b->dir][0]++;
	} else {
		dad_dma_sync_single_for_device(dev, b->addr + at, len, dir);
		if (dir != DAD_DMA_FROM_DEVICE)
			to_device(b, at, len);
		syncs[b->dir][1]++;
	}
}

static void
play(struct dad_dma_domain *domain, unsigned int rungs, const struct dad_dma_limits *limits)
{
	dev = dad_dma_dev_create("sync", domain, SOCKET_ID_ANY);
	assert_non_null(dev);
	if (rungs & RUNG(BOUNCE))
		assert_int_equal(dad_dma_bounce_create(domain,
					 &(struct dad_dma_bounce_conf){
						 .size = 1u << 20, .limit = UINT64_MAX}),
			0);
	assert_int_equal(dad_dma_dev_set_rungs(dev, rungs), 0);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	assert_int_equal(dad_dma_set_limits(dev, limits), 0);
	memset(syncs, 0, sizeof(syncs));
	copied_in = copied_out = 0;
	random_fill(arena, ARENA);
	memcpy(model, arena, ARENA);
	for (unsigned int i = 0; i < BUFFERS; i++)
		map(&buffers[i]);
	for (unsigned int i = 0; i < OPERATIONS; i++) {
		operate(&buffers[below(BUFFERS)]);
		check();
		if (i % 256 == 0)
			check_counts();
	}
	for (unsigned int i = 0; i < BUFFERS; i++)
		unmap(&buffers[i]);
	check_counts();
	for (unsigned int i = 0; i < 6; i++)
		assert_true(syncs[i / 2][i % 2] > OPERATIONS / 20);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

static struct dad_dma_domain *
soft_domain(unsigned int flags)
{
	struct dad_dma_domain_conf conf = {.name = "sync",
		.type = DAD_DMA_DOMAIN_SOFT,
		.flags = flags,
		.socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);

	assert_non_null(domain);
	return domain;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static const struct dad_dma_limits no_limits;
/* IOVAs are not addresses, and slots keep the low bits of the buffers */
static const struct dad_dma_limits odd_limits = {
	.bus_offset = INT64_C(0x700000000), .min_align_mask = PAGE - 1};

static void
slots_are_synced_to_the_byte(void **state)
{
	(void)state;
	copies = true;
	play(soft_domain(0), RUNG(BOUNCE), &no_limits);
	play(soft_domain(0), RUNG(BOUNCE), &odd_limits);
}

static void
slots_among_eals_addresses_are_synced_to_the_byte(void **state)
{
	(void)state;
	copies = true;
	play(dad_dma_domain_identity(), RUNG(BOUNCE), &no_limits);
}

static void
emulated_caches_are_synced_to_the_byte(void **state)
{
	(void)state;
	copies = true;
	play(soft_domain(DAD_DMA_DOMAIN_NONCOHERENT), RUNG(STRICT), &no_limits);
	play(soft_domain(DAD_DMA_DOMAIN_NONCOHERENT), RUNG(STRICT), &odd_limits);
}

/* There both see the same all the time, and a sync moves nothing. */
static void
coherent_memory_needs_no_copies(void **state)
{
	(void)state;
	copies = false;
	play(soft_domain(0), RUNG(STRICT), &no_limits);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_synced_to_the_byte),
		cmocka_unit_test(slots_among_eals_addresses_are_synced_to_the_byte),
		cmocka_unit_test(emulated_caches_are_synced_to_the_byte),
		cmocka_unit_test(coherent_memory_needs_no_copies),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	arena = rte_malloc(NULL, ARENA, PAGE);
	if (arena == NULL)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_free(arena);
	rte_eal_cleanup();
	return ret;
}
