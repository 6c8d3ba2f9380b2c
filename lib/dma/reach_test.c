/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <rte_errno.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "test_pools.h"
#include "test_random.h"
#include "test_soft.h"

/* Masks, exclusion windows and bus offsets of both signs, at random, on every rung: what is handed
 * out obeys all of them, and what is refused would have had no place anywhere. A space of few
 * addresses is searched through to know that. */

#define UNIT	 DAD_DMA_UNIT_SIZE
#define POOL	 (6 * UNIT)
#define SLOT	 2048u
#define GRANULES 64u /* of the spaces that are searched */
#define LIVE	 64u
#define OWN	 (GRANULES / 2 * PAGE) /* a pool */

/* ---- what a device reaches --------------------------------------------------------------------
 */

struct asked {
	struct dad_dma_limits limits;
	uint64_t mask;
};

/* Limits for devices of which the domain's IOVAs lie between first and last. */
static struct asked
random_limits(uint64_t first, uint64_t last)
{
	static const uint64_t alignments[] = {0, 1, 64, PAGE};
	static const uint64_t boundaries[] = {0, PAGE - 1, 2 * PAGE - 1, 4 * PAGE - 1};
	const int64_t offsets[] = {0, (int64_t)(below(300) * PAGE), -(int64_t)(below(300) * PAGE),
		INT64_C(1) << 40, -(INT64_C(1) << 40)};
	const uint64_t span = last - first + 1;
	struct asked a = {.mask = UINT64_MAX};

	a.limits.bus_offset = offsets[below(RTE_DIM(offsets))];
	a.limits.alignment = alignments[below(RTE_DIM(alignments))];
	a.limits.seg_boundary = boundaries[below(RTE_DIM(boundaries))];
	const uint64_t low = first + (uint64_t)a.limits.bus_offset;

	if (below(3) != 0 && low < UINT64_MAX - 2 * span)
		a.mask = low + below(2 * span);
	if (below(3) != 0 && low < UINT64_MAX - 4 * span) {
		a.limits.excl_low = low + below(span);
		a.limits.excl_low -= RTE_MIN(a.limits.excl_low, below(span / 4));
		a.limits.excl_high = a.limits.excl_low + below(span / 2);
		if (below(2) == 0) { /* whole pages, as one would have them */
			a.limits.excl_low &= ~(uint64_t)(PAGE - 1);
			a.limits.excl_high |= PAGE - 1;
		}
	}
	return a;
}

static bool
obeys(const struct asked *a, dad_dma_addr_t addr, uint64_t size)
{
	const struct dad_dma_limits *l = &a->limits;
	const uint64_t last = addr + (size - 1);
	const bool excludes = l->excl_low != 0 || l->excl_high != 0;

	return last >= addr && last <= a->mask && last != UINT64_MAX &&
		!(excludes && addr <= l->excl_high && last >= l->excl_low);
}

/* Does it lie in one block, if it can? */
static bool
is_in_a_block(const struct asked *a, dad_dma_addr_t addr, uint64_t size)
{
	const uint64_t boundary = a->limits.seg_boundary;

	return boundary == 0 || size - 1 > boundary ||
		(addr & ~boundary) == ((addr + size - 1) & ~boundary);
}

/* The same of a range of IOVAs. */
static bool
reaches(const struct asked *a, uint64_t iova, uint64_t size)
{
	return obeys(a, iova + (uint64_t)a->limits.bus_offset, size);
}

static uint64_t
iova_of(const struct asked *a, dad_dma_addr_t addr)
{
	return addr - (uint64_t)a->limits.bus_offset;
}

static void
assert_obeys(const struct asked *a, dad_dma_addr_t addr, uint64_t size)
{
	assert_true(obeys(a, addr, size));
	if (a->limits.alignment > 1)
		assert_int_equal(addr & (a->limits.alignment - 1), 0);
}

/* ---- a small space -----------------------------------------------------------------------------
 */

static struct {
	uint64_t first;
	bool taken[GRANULES];
} space;

static void
mark(uint64_t iova, uint64_t n, bool taken)
{
	const uint64_t at = (iova - space.first) / PAGE;

	assert_true(iova >= space.first && at + n <= GRANULES);
	for (uint64_t i = at; i < at + n; i++) {
		assert_int_not_equal(space.taken[i], taken);
		space.taken[i] = taken;
	}
}

static bool
is_free(uint64_t at, uint64_t n)
{
	for (uint64_t i = at; i < at + n; i++)
		if (space.taken[i])
			return false;
	return true;
}

/* Is there a place for n pages, at a multiple of align of them? Would there be one in an empty
 * space? */
static bool
has_place(const struct asked *a, uint64_t n, uint64_t align, bool empty)
{
	for (uint64_t at = 0; at + n <= GRANULES; at++) {
		const uint64_t iova = space.first + at * PAGE;

		if (iova % (align * PAGE) == 0 && (empty || is_free(at, n)) &&
			reaches(a, iova, n * PAGE))
			return true;
	}
	return false;
}

/* Some devices with limits of their own in one domain, which take from each other. */
struct party {
	struct asked asked;
	struct dad_dma_dev *dev;
};

static struct party
join(struct dad_dma_domain *domain, unsigned int rungs)
{
	const uint64_t last = space.first + GRANULES * PAGE - 1;
	struct party p = {.dev = NULL};

	do {
		dad_dma_dev_destroy(p.dev);
		p.asked = random_limits(space.first, last);
		p.dev = soft_device(domain, rungs);
		assert_int_equal(dad_dma_set_limits(p.dev, &p.asked.limits), 0);
		const bool served = has_place(&p.asked, 1, 1, true);

		assert_int_equal(
			dad_dma_supported(p.dev, p.asked.mask) != DAD_DMA_SUPPORT_NO, served);
		assert_int_equal(
			dad_dma_set_mask_and_coherent(p.dev, p.asked.mask), served ? 0 : -EIO);
	} while (dad_dma_get_mask(p.dev) != p.asked.mask);
	return p;
}

static struct dad_dma_domain *
make_space(unsigned int flags)
{
	memset(&space, 0, sizeof(space));
	space.first = below(400) * PAGE;
	if (below(4) == 0) /* where the allocator changes from one way to another */
		space.first = (UINT64_C(1) << 32) - below(GRANULES) * PAGE;
	const struct dad_dma_domain_conf conf = {.name = "space",
		.type = DAD_DMA_DOMAIN_SOFT,
		.iova_first = space.first,
		.iova_last = space.first + GRANULES * PAGE - 1,
		.rungs = RUNG(STRICT) | RUNG(BOUNCE), /* nothing is direct */
		.flags = flags,
		.socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);

	assert_non_null(domain);
	return domain;
}

/* ---- strict mappings --------------------------------------------------------------------------
 */

struct live {
	struct party *party;
	dad_dma_addr_t addr;
	void *va;
	size_t size;
};

static uint64_t
pages_of(const struct live *l)
{
	return ((uintptr_t)l->va % PAGE + l->size + PAGE - 1) / PAGE;
}

static bool
map_strict(struct live *l)
{
	const uint64_t align = RTE_MAX(l->party->asked.limits.alignment, 1u);

	l->va = libc_pool + (below(PAGE) & ~(align - 1)) + (-(uintptr_t)libc_pool & (PAGE - 1));
	l->size = 1 + below(below(3) == 0 ? 16 * PAGE : 2 * PAGE);
	l->addr = dad_dma_map_single(l->party->dev, l->va, l->size, DAD_DMA_TO_DEVICE);
	const uint64_t n = pages_of(l);

	if (l->addr == DAD_DMA_MAPPING_ERROR) {
		assert_int_equal(rte_errno == ENOSPC || rte_errno == ERANGE, true);
		assert_false(has_place(&l->party->asked, n, 1, rte_errno == ERANGE));
		return false;
	}
	assert_obeys(&l->party->asked, l->addr, l->size);
	const uint64_t iova = iova_of(&l->party->asked, l->addr) & ~(uint64_t)(PAGE - 1);
	/* what else there is in its pages is out of reach as well */
	assert_true(reaches(&l->party->asked, iova, n * PAGE));
	mark(iova, n, true);
	return true;
}

static void
unmap_strict(const struct live *l)
{
	mark(iova_of(&l->party->asked, l->addr) & ~(uint64_t)(PAGE - 1), pages_of(l), false);
	dad_dma_unmap_single(l->party->dev, l->addr, l->size, DAD_DMA_TO_DEVICE);
}

static bool
alloc_block(struct live *l)
{
	l->size = 1 + below(below(3) == 0 ? 16 * PAGE : 2 * PAGE);
	l->va = dad_dma_alloc_coherent(l->party->dev, l->size, &l->addr);
	l->size = rte_align64pow2(RTE_MAX(l->size, PAGE));
	const uint64_t n = l->size / PAGE;

	if (l->va == NULL) {
		assert_int_equal(rte_errno == ENOSPC || rte_errno == ERANGE, true);
		assert_false(has_place(&l->party->asked, n, n, rte_errno == ERANGE));
		return false;
	}
	assert_true(obeys(&l->party->asked, l->addr, l->size));
	assert_int_equal(iova_of(&l->party->asked, l->addr) % l->size, 0);
	mark(iova_of(&l->party->asked, l->addr), n, true);
	return true;
}

static void
free_block(const struct live *l)
{
	mark(iova_of(&l->party->asked, l->addr), l->size / PAGE, false);
	dad_dma_free_coherent(l->party->dev, l->size, l->va, l->addr);
}

/* At random, until it is full now and then. */
static void
play(struct party party[], bool (*get)(struct live *l), void (*put)(const struct live *l))
{
	struct live live[LIVE];
	unsigned int n = 0;

	for (unsigned int i = 0; i < 400; i++) {
		if (n < LIVE && below(5) < (i / 50 % 2 ? 2 : 4)) {
			live[n].party = &party[below(2)];
			n += get(&live[n]);
		} else if (n > 0) {
			const unsigned int one = (unsigned int)below(n);

			put(&live[one]);
			live[one] = live[--n];
		}
	}
	while (n > 0)
		put(&live[--n]);
}

static void
play_spaces(bool (*get)(struct live *l), void (*put)(const struct live *l))
{
	for (unsigned int round = 0; round < 150; round++) {
		struct dad_dma_domain *domain = make_space(round % 2 ? DAD_DMA_DOMAIN_LAZY : 0);
		struct party party[] = {join(domain, RUNG(STRICT)), join(domain, RUNG(STRICT))};

		play(party, get, put);
		assert_nothing_left(party[0].dev);
		assert_int_equal(dad_dma_dev_destroy(party[0].dev), 0);
		unmake_soft(party[1].dev);
	}
}

static void
strict_mappings_find_every_place(void **state)
{
	(void)state;
	play_spaces(map_strict, unmap_strict);
}

static void
coherent_memory_finds_every_place(void **state)
{
	(void)state;
	play_spaces(alloc_block, free_block);
}

/* ---- windows ------------------------------------------------------------------------------------
 */

#define WINDOWS_SPACE (9 * UNIT)

/* How much of the space the device reaches, page by page. */
static uint64_t
room_for(const struct asked *a, uint64_t first)
{
	uint64_t room = 0;

	for (uint64_t iova = first; iova < first + WINDOWS_SPACE; iova += PAGE)
		room += reaches(a, iova, PAGE) ? PAGE : 0;
	return room;
}

/* Is there a place for one of 2 MiB beside those that there are? */
static bool
has_window_place(const struct asked *a, uint64_t first, const uint64_t there[], unsigned int n)
{
	for (uint64_t iova = first; iova + UNIT <= first + WINDOWS_SPACE; iova += PAGE) {
		bool free = reaches(a, iova, UNIT);

		for (unsigned int i = 0; i < n; i++)
			free &= iova + UNIT <= there[i] || there[i] + UNIT <= iova;
		if (free)
			return true;
	}
	return false;
}

static void
windows_find_every_place(void **state)
{
	unsigned int made = 0;

	(void)state;
	for (unsigned int round = 0; round < 100; round++) {
		const uint64_t first = below(500) * PAGE;
		const struct asked a = random_limits(first, first + WINDOWS_SPACE - 1);
		struct dad_dma_domain *domain = soft_domain(first, first + WINDOWS_SPACE - 1, 0);
		struct dad_dma_dev *dev = soft_device(domain, RUNG(WINDOW) | RUNG(STRICT));
		uint64_t there[POOL / UNIT];
		unsigned int n = 0;

		assert_int_equal(dad_dma_set_limits(dev, &a.limits), 0);
		if (dad_dma_set_mask(dev, a.mask) == 0) {
			assert_int_equal(dad_dma_dev_set_rungs(dev, RUNG(WINDOW)), 0);
			for (unsigned int i = 0; i < POOL / UNIT; i++) {
				unsigned char *va = eal_pool + i * UNIT;
				dad_dma_addr_t addr =
					dad_dma_map_single(dev, va, UNIT, DAD_DMA_TO_DEVICE);

				if (addr == DAD_DMA_MAPPING_ERROR) {
					const uint64_t room = room_for(&a, first);

					/* half is left to others, to a part of a page */
					assert_true((n + 1) * UNIT > room / 2 ||
						!has_window_place(&a, first, there, n));
					continue;
				}
				assert_obeys(&a, addr, UNIT);
				there[n++] = iova_of(&a, addr);
				dad_dma_unmap_single(dev, addr, UNIT, DAD_DMA_TO_DEVICE);
			}
		}
		made += n;
		unmake_soft(dev);
	}
	assert_true(made > 50);
}

/* Memory has a window for each device that reaches none of those there are, and no more; they go
 * with it. */
static void
devices_that_do_not_reach_a_window_get_one(void **state)
{
	struct dad_dma_domain *domain = soft_domain(PAGE, UINT32_MAX, 0);
	const uint64_t masks[] = {
		UINT32_MAX, DAD_DMA_BIT_MASK(24), DAD_DMA_BIT_MASK(28), UINT64_MAX};
	struct dad_dma_limits high = {.excl_low = 0, .excl_high = UINT64_C(3) << 30};
	unsigned char *memory =
		mmap(NULL, 3 * UNIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct dad_dma_dev *devs[RTE_DIM(masks)];
	struct dad_dma_domain_info info;

	(void)state;
	assert_true(memory != MAP_FAILED);
	assert_int_equal(dad_dma_mem_register(domain, memory, 3 * UNIT, NULL, 0, PAGE), 0);
	for (unsigned int i = 0; i < RTE_DIM(devs); i++) {
		devs[i] = soft_device(domain, RUNG(WINDOW));
		assert_int_equal(dad_dma_set_mask(devs[i], masks[i]), 0);
	}
	/* nothing that the second reaches is for the last */
	assert_int_equal(dad_dma_set_limits(devs[3], &high), 0);
	/* windows that the narrow ones do not reach take no room from theirs */
	for (unsigned int i = 0; i < POOL / UNIT; i++) {
		dad_dma_addr_t addr =
			dad_dma_map_single(devs[0], eal_pool + i * UNIT, 1, DAD_DMA_TO_DEVICE);

		assert_int_equal(dad_dma_mapping_error(devs[0], addr), 0);
		dad_dma_unmap_single(devs[0], addr, 1, DAD_DMA_TO_DEVICE);
	}
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.window_bytes, POOL);
	for (unsigned int round = 0; round < 30; round++) {
		unsigned char *va = (round % 2 ? memory : eal_pool) + below(UNIT - 100);

		for (unsigned int i = 0; i < RTE_DIM(devs); i++) {
			unsigned char byte = 0;
			dad_dma_addr_t addr =
				dad_dma_map_single(devs[i], va, 100, DAD_DMA_BIDIRECTIONAL);

			assert_int_equal(dad_dma_mapping_error(devs[i], addr), 0);
			assert_true(addr + 99 <= masks[i]);
			assert_true(i != 3 || addr > high.excl_high);
			va[99] = (unsigned char)round;
			assert_int_equal(dad_soft_dma_read(devs[i], addr + 99, &byte, 1), 0);
			assert_int_equal(byte, va[99]);
			dad_dma_unmap_single(devs[i], addr, 100, DAD_DMA_BIDIRECTIONAL);
		}
	}
	dad_dma_domain_info(domain, &info);
	/* two of what EAL has, and two of the region, which may lie in two units */
	assert_in_range(info.window_bytes, POOL + UNIT + UNIT, POOL + UNIT + 4 * UNIT);
	assert_int_equal(dad_dma_mem_unregister(domain, memory, 3 * UNIT), 0);
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.window_bytes, POOL + UNIT);
	for (unsigned int i = 1; i < RTE_DIM(devs); i++) {
		assert_int_equal(dad_dma_map_single(devs[i], memory, 100, DAD_DMA_TO_DEVICE),
			DAD_DMA_MAPPING_ERROR);
		assert_int_equal(rte_errno, EFAULT);
		assert_int_equal(dad_dma_dev_destroy(devs[i]), 0);
	}
	unmake_soft(devs[0]);
	munmap(memory, 3 * UNIT);
}

struct mapper {
	struct dad_dma_dev *dev;
	unsigned char *va;
	unsigned int failed;
	bool stop;
	bool running;
};

static void *
map_on(void *arg)
{
	struct mapper *m = arg;

	while (!__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE)) {
		dad_dma_addr_t addr =
			dad_dma_map_single(m->dev, m->va, 300 * PAGE, DAD_DMA_TO_DEVICE);

		m->failed += addr == DAD_DMA_MAPPING_ERROR;
		if (addr != DAD_DMA_MAPPING_ERROR)
			dad_dma_unmap_single(m->dev, addr, 300 * PAGE, DAD_DMA_TO_DEVICE);
		__atomic_store_n(&m->running, true, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Memory gets its second window, page by page in the table, while somebody maps by the first. */
static void
threads_map_while_another_window_comes(void **state)
{
	struct dad_dma_domain *domain = soft_domain(PAGE, UINT32_MAX, 0);
	struct dad_dma_dev *wide = soft_device(domain, RUNG(WINDOW));
	struct dad_dma_dev *narrow = soft_device(domain, RUNG(WINDOW));
	unsigned char *memory = mmap(NULL, 2 * UNIT, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* not all of a unit: no word of the table holds it */
	unsigned char *va = RTE_PTR_ALIGN(memory, UNIT) + 16 * PAGE;

	(void)state;
	assert_true(memory != MAP_FAILED);
	assert_int_equal(dad_dma_set_mask(narrow, DAD_DMA_BIT_MASK(24)), 0);
	for (unsigned int round = 0; round < 100; round++) {
		struct mapper m = {.dev = wide, .va = va};
		pthread_t thread;

		assert_int_equal(dad_dma_mem_register(domain, va, 400 * PAGE, NULL, 0, PAGE), 0);
		assert_int_equal(pthread_create(&thread, NULL, map_on, &m), 0);
		while (!__atomic_load_n(&m.running, __ATOMIC_ACQUIRE))
			sched_yield();
		dad_dma_addr_t addr = dad_dma_map_single(narrow, va, 1, DAD_DMA_TO_DEVICE);
		__atomic_store_n(&m.stop, true, __ATOMIC_RELEASE);
		pthread_join(thread, NULL);
		assert_int_equal(dad_dma_mapping_error(narrow, addr), 0);
		dad_dma_unmap_single(narrow, addr, 1, DAD_DMA_TO_DEVICE);
		assert_int_equal(m.failed, 0);
		assert_int_equal(dad_dma_mem_unregister(domain, va, 400 * PAGE), 0);
	}
	assert_int_equal(dad_dma_dev_destroy(wide), 0);
	unmake_soft(narrow);
	munmap(memory, 2 * UNIT);
}

/* ---- slots --------------------------------------------------------------------------------------
 */

#define SLOTS 16u

static struct {
	uint64_t first; /* IOVA of the pool */
	bool taken[SLOTS];
} pool;

static uint32_t
slots_of(const struct asked *a, size_t size)
{
	const uint32_t n = (uint32_t)((size + SLOT - 1) / SLOT);

	return n == 1 && a->limits.alignment > SLOT ? 2 : n;
}

static bool
has_slots(const struct asked *a, size_t size, bool empty)
{
	const uint32_t n = slots_of(a, size);

	for (uint32_t at = 0; at + n <= SLOTS; at += n > 1 ? 2 : 1) {
		const uint64_t iova = pool.first + at * SLOT;
		bool free = reaches(a, iova, size) &&
			is_in_a_block(a, iova + (uint64_t)a->limits.bus_offset, size);

		for (uint32_t i = at; i < at + n; i++)
			free &= empty || !pool.taken[i];
		if (free)
			return true;
	}
	return false;
}

static void
mark_slots(const struct live *l, bool taken)
{
	const uint64_t at = (iova_of(&l->party->asked, l->addr) - pool.first) / SLOT;
	const uint32_t n = slots_of(&l->party->asked, l->size);

	assert_true(at + n <= SLOTS);
	for (uint64_t i = at; i < at + n; i++) {
		assert_int_not_equal(pool.taken[i], taken);
		pool.taken[i] = taken;
	}
}

static bool
map_bounced(struct live *l)
{
	l->va = libc_pool;
	l->size = 1 + below(below(3) == 0 ? SLOTS / 2 * SLOT : 2 * SLOT);
	l->addr = dad_dma_map_single(l->party->dev, l->va, l->size, DAD_DMA_TO_DEVICE);
	if (l->addr == DAD_DMA_MAPPING_ERROR) {
		assert_int_equal(rte_errno == ENOSPC || rte_errno == ERANGE, true);
		assert_false(has_slots(&l->party->asked, l->size, rte_errno == ERANGE));
		return false;
	}
	assert_obeys(&l->party->asked, l->addr, l->size);
	assert_true(is_in_a_block(&l->party->asked, l->addr, l->size));
	mark_slots(l, true);
	return true;
}

static void
unmap_bounced(const struct live *l)
{
	mark_slots(l, false);
	dad_dma_unmap_single(l->party->dev, l->addr, l->size, DAD_DMA_TO_DEVICE);
}

/* A pool for all lies somewhere, as nobody can say for whom: slots are looked for. */
static void
every_slot_that_suits_is_found(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		struct dad_dma_domain *domain = make_space(0);
		struct dad_dma_bounce_conf conf = {.size = SLOTS * SLOT, .limit = UINT64_MAX};
		struct dad_dma_bounce_stats stats;
		struct party party[2];

		assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
		assert_int_equal(dad_dma_bounce_stats(domain, NULL, &stats), 0);
		memset(&pool, 0, sizeof(pool));
		pool.first = stats.lowest;
		for (unsigned int i = 0; i < 2; i++) {
			party[i] = join(domain, RUNG(STRICT));
			assert_int_equal(dad_dma_dev_set_rungs(party[i].dev, RUNG(BOUNCE)), 0);
		}
		play(party, map_bounced, unmap_bounced);
		assert_int_equal(dad_dma_dev_destroy(party[0].dev), 0);
		unmake_soft(party[1].dev);
	}
}

/* A pool of a device's own lies where the device reaches all of it. */
static void
own_pools_find_every_place(void **state)
{
	unsigned int made = 0;

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		struct dad_dma_domain *domain = make_space(0);
		struct party p = join(domain, RUNG(STRICT) | RUNG(BOUNCE));
		struct dad_dma_bounce_conf conf = {
			.size = OWN, .limit = p.asked.mask, .dev = p.dev};
		struct dad_dma_bounce_stats stats;
		int ret = dad_dma_bounce_create(domain, &conf);

		assert_int_equal(ret == 0, has_place(&p.asked, OWN / PAGE, 1, true));
		if (ret == 0) {
			assert_int_equal(dad_dma_bounce_stats(domain, p.dev, &stats), 0);
			assert_true(reaches(&p.asked, stats.lowest, OWN));
			assert_int_equal(
				dad_dma_supported(p.dev, p.asked.mask), DAD_DMA_SUPPORT_BOUNCE);
			made++;
		}
		unmake_soft(p.dev);
	}
	assert_in_range(made, 20, 180);
}

/* ---- direct -------------------------------------------------------------------------------------
 */

/* Memory at IOVAs that the test chooses, in the identity domain; and no other way to it. */
static void
direct_mappings_are_those_in_reach(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	unsigned char *va = mmap(
		NULL, GRANULES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dad_dma_addr_t iovas[GRANULES];
	unsigned int direct = 0, refused = 0;

	(void)state;
	assert_true(va != MAP_FAILED);
	for (unsigned int i = 0; i < GRANULES; i++)
		iovas[i] = 16 * PAGE + i * PAGE;
	assert_int_equal(
		dad_dma_mem_register(domain, va, GRANULES * PAGE, iovas, GRANULES, PAGE), 0);
	for (unsigned int round = 0; round < 300; round++) {
		const struct asked a = random_limits(iovas[0], iovas[GRANULES - 1] + PAGE - 1);
		struct dad_dma_dev *dev = soft_device(domain, RUNG(DIRECT));
		bool some = false;

		assert_int_equal(dad_dma_set_limits(dev, &a.limits), 0);
		for (unsigned int i = 0; i < GRANULES * PAGE; i++)
			some |= reaches(&a, iovas[0] + i, 1);
		/* EAL's memory may be in reach, or not */
		if (some)
			assert_int_not_equal(dad_dma_supported(dev, a.mask), DAD_DMA_SUPPORT_NO);
		if (dad_dma_set_mask(dev, a.mask) != 0)
			goto next;
		for (unsigned int i = 0; i < 100; i++) {
			const uint64_t at = below(GRANULES * PAGE);
			const size_t size = 1 + below(RTE_MIN(GRANULES * PAGE - at, 3 * PAGE));
			const uint64_t want = iovas[0] + at + (uint64_t)a.limits.bus_offset;
			const uint64_t align = RTE_MAX(a.limits.alignment, 1u);
			dad_dma_addr_t addr =
				dad_dma_map_single(dev, va + at, size, DAD_DMA_TO_DEVICE);

			if (obeys(&a, want, size) && want % align == 0) {
				assert_int_equal(addr, want);
				dad_dma_unmap_single(dev, addr, size, DAD_DMA_TO_DEVICE);
				direct++;
			} else {
				assert_int_equal(addr, DAD_DMA_MAPPING_ERROR);
				assert_int_equal(rte_errno, ERANGE);
				refused++;
			}
		}
next:
		assert_int_equal(dad_dma_dev_destroy(dev), 0);
	}
	assert_true(direct > 1000 && refused > 1000);
	assert_int_equal(dad_dma_mem_unregister(domain, va, GRANULES * PAGE), 0);
	dad_dma_domain_put(domain);
	munmap(va, GRANULES * PAGE);
}

/* A device that reaches all of the memory but for a page in the middle does not reach all. */
static void
what_is_excluded_is_not_reached(void **state)
{
	struct dad_dma_domain *domain = soft_domain(PAGE, UINT32_MAX, 0);
	struct dad_dma_dev *dev = soft_device(domain, RUNG(DIRECT));
	struct dad_dma_limits limits = {.excl_low = (uintptr_t)eal_pool + UNIT,
		.excl_high = (uintptr_t)eal_pool + UNIT + PAGE - 1};

	(void)state;
	assert_int_equal(dad_dma_supported(dev, UINT64_MAX), DAD_DMA_SUPPORT_DIRECT);
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	assert_int_equal(dad_dma_supported(dev, UINT64_MAX), DAD_DMA_SUPPORT_PARTLY);
	limits = (struct dad_dma_limits){.excl_low = PAGE, .excl_high = UINT32_MAX};
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	assert_int_equal(dad_dma_supported(dev, UINT64_MAX), DAD_DMA_SUPPORT_DIRECT);
	limits = (struct dad_dma_limits){.excl_low = 1, .excl_high = UINT64_MAX};
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	assert_int_equal(dad_dma_supported(dev, UINT64_MAX), DAD_DMA_SUPPORT_NO);
	limits = (struct dad_dma_limits){.bus_offset = 100};
	assert_int_equal(dad_dma_set_limits(dev, &limits), -EINVAL);
	unmake_soft(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(strict_mappings_find_every_place),
	cmocka_unit_test(coherent_memory_finds_every_place),
	cmocka_unit_test(windows_find_every_place),
	cmocka_unit_test(devices_that_do_not_reach_a_window_get_one),
	cmocka_unit_test(threads_map_while_another_window_comes),
	cmocka_unit_test(every_slot_that_suits_is_found),
	cmocka_unit_test(own_pools_find_every_place),
	cmocka_unit_test(direct_mappings_are_those_in_reach),
	cmocka_unit_test(what_is_excluded_is_not_reached),
};

POOLS_MAIN(tests, POOL, UNIT)
