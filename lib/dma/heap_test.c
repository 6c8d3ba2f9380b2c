/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
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
#include <rte_malloc.h>

#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_random.h"
#include "test_soft.h"
#include "test_thread.h"

/* EAL's heap grows and shrinks, and regions come and go, while buffers are mapped: what stays is
 * untouched, what went is out of reach, and in the end nothing is left. */

#define UNIT   ((size_t)DAD_DMA_UNIT_SIZE)
#define BLOCKS 4u
#define PIECES 8u /* of a block, each in a unit of its own */
#define PIECE  6000u
#define ROUNDS 20u
#define REGION (8 * PAGE)

/* ---- how devices are served
 * ---------------------------------------------------------------------- */

static const struct setting {
	const char *name;
	bool identity;
	unsigned int rungs;
	unsigned int flags;
	uint64_t mask;
	bool only_known; /* maps no other memory */
} settings[] = {
	{"identity", true, DAD_DMA_RUNGS_ALL, 0, UINT64_MAX, true},
	{"identity, slots", true, RUNG(BOUNCE), 0, UINT64_MAX, false},
	{"direct", false, RUNG(DIRECT), 0, UINT64_MAX, true},
	{"windows", false, RUNG(WINDOW), 0, UINT32_MAX, true},
	{"all rungs", false, DAD_DMA_RUNGS_ALL, 0, UINT32_MAX, false},
	{"strict", false, RUNG(STRICT), 0, UINT32_MAX, false},
	{"strict, lazy", false, RUNG(STRICT), DAD_DMA_DOMAIN_LAZY, UINT32_MAX, false},
	{"not coherent", false, RUNG(STRICT), DAD_DMA_DOMAIN_NONCOHERENT, UINT32_MAX, false},
	{"slots", false, RUNG(BOUNCE), 0, UINT32_MAX, false},
};

static const struct setting *now;
static struct dad_dma_domain *domain;
static struct dad_dma_dev *dev;

static void
make(const struct setting *s)
{
	now = s;
	domain = s->identity ? dad_dma_domain_identity() : soft_domain(0, UINT32_MAX, s->flags);
	dev = soft_device(domain, DAD_DMA_RUNGS_ALL);
	struct dad_dma_bounce_conf pool = {.size = 4u << 20, .limit = s->mask, .dev = dev};

	if (s->rungs == RUNG(BOUNCE))
		assert_int_equal(dad_dma_bounce_create(domain, &pool), 0);
	assert_int_equal(dad_dma_dev_set_rungs(dev, s->rungs), 0);
	assert_int_equal(dad_dma_set_mask(dev, s->mask), 0);
}

/* ---- the heap --------------------------------------------------------------------------------
 */

static struct {
	uint64_t came, went; /* bytes, as EAL tells */
} heap;

static void
on_event(enum rte_mem_event event, const void *va, size_t len, void *arg)
{
	(void)va;
	(void)arg;
	__atomic_fetch_add(
		event == RTE_MEM_EVENT_ALLOC ? &heap.came : &heap.went, len, __ATOMIC_RELAXED);
}

/* Since then; EAL may keep a few pages for itself. */
static void
assert_moved(uint64_t came, uint64_t went)
{
	came = heap.came - came;
	went = heap.went - went;
	assert_true(came > 10 * PIECES * UNIT);
	assert_true(went > came - came / 4);
}

static bool
is_gone(const void *va)
{
	const struct rte_memseg *seg = rte_mem_virt2memseg(va, NULL);

	return seg == NULL || seg->addr == NULL;
}

/* ---- mapped pieces of memory
 * --------------------------------------------------------------------- */

struct piece {
	unsigned char *va;
	size_t size;
	enum dad_dma_dir dir;
	dad_dma_addr_t addr;
	unsigned char bytes[PIECE]; /* that shall be there */
};

/* The device reads it, or what it writes comes when the CPU gets it back: that is for unmap_piece()
 * to see, some time later. False if something is wrong. */
static bool
map_piece(struct piece *p, unsigned char *va, size_t size, enum dad_dma_dir dir)
{
	unsigned char got[PIECE];

	*p = (struct piece){.va = va, .size = size, .dir = dir};
	random_fill(va, size);
	memcpy(p->bytes, va, size);
	p->addr = dad_dma_map_single(dev, va, size, dir);
	if (dad_dma_mapping_error(dev, p->addr) != 0)
		return false;
	if (dir == DAD_DMA_TO_DEVICE)
		return dad_soft_dma_read(dev, p->addr, got, size) == 0 &&
			memcmp(got, p->bytes, size) == 0;
	random_fill(p->bytes, size);
	return dad_soft_dma_write(dev, p->addr, p->bytes, size) == 0;
}

static bool
unmap_piece(struct piece *p)
{
	unsigned char got[PIECE];
	bool good = p->dir == DAD_DMA_FROM_DEVICE ||
		(dad_soft_dma_read(dev, p->addr, got, p->size) == 0 &&
			memcmp(got, p->bytes, p->size) == 0);

	dad_dma_unmap_single(dev, p->addr, p->size, p->dir);
	return good && memcmp(p->va, p->bytes, p->size) == 0;
}

/* A block of the heap, pages of its own, with pieces that are mapped. */
struct block {
	unsigned char *va;
	size_t size;
	struct piece pieces[PIECES];
};

static bool
map_block(struct block *b)
{
	b->size = (PIECES + below(PIECES)) * UNIT;
	b->va = rte_malloc(NULL, b->size, UNIT);
	bool good = b->va != NULL;
	for (unsigned int i = 0; i < PIECES && good; i++) {
		size_t size = 1 + below(PIECE);
		unsigned char *va = b->va + i * UNIT + below(UNIT - size);

		good = map_piece(&b->pieces[i], va, size, (enum dad_dma_dir)below(3));
	}
	return good;
}

static bool
unmap_block(struct block *b)
{
	bool good = true;

	for (unsigned int i = 0; i < PIECES; i++)
		good &= unmap_piece(&b->pieces[i]);
	rte_free(b->va);
	b->va = NULL;
	return good;
}

/* ---- regions ---------------------------------------------------------------------------------
 */

static unsigned char *
new_region(void)
{
	const bool named = now->identity && rte_eal_iova_mode() == RTE_IOVA_PA;
	dad_dma_addr_t iovas[REGION / PAGE];
	unsigned char *va =
		mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (va == MAP_FAILED)
		return NULL;
	for (unsigned int i = 0; i < REGION / PAGE; i++) /* nobody else's */
		iovas[i] = (uintptr_t)va + i * PAGE;
	if (dad_dma_mem_register(
		    domain, va, REGION, named ? iovas : NULL, named ? REGION / PAGE : 0, PAGE) == 0)
		return va;
	munmap(va, REGION);
	return NULL;
}

/* A life of a region, and of a mapping in it. */
static bool
region_comes_and_goes(void)
{
	unsigned char *va = new_region();
	struct piece p;

	if (va == NULL)
		return false;
	bool good = map_piece(&p, va + PAGE, PIECE, (enum dad_dma_dir)below(3)) &&
		dad_dma_mem_unregister(domain, va, REGION) == -EBUSY && unmap_piece(&p) &&
		dad_dma_mem_unregister(domain, va, REGION) == 0 &&
		dad_dma_mem_unregister(domain, va, REGION) == -ENOENT;
	munmap(va, REGION);
	return good;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

#define STEADY 16u

/* What was mapped before it all began: some of EAL's heap, and some of a region. */
static struct steady {
	unsigned char *memory, *region;
	struct piece pieces[STEADY];
} steady;

static void
map_steady(void)
{
	steady.memory = rte_malloc(NULL, STEADY * 2 * PAGE, PAGE);
	steady.region = new_region();
	assert_true(steady.memory != NULL && steady.region != NULL);
	for (unsigned int i = 0; i < STEADY; i++) {
		bool in_region = i < REGION / PAGE;
		unsigned char *va =
			in_region ? steady.region + i * PAGE : steady.memory + i * 2 * PAGE;

		assert_true(map_piece(&steady.pieces[i], va, PAGE - i, (enum dad_dma_dir)(i % 3)));
	}
}

static void
unmap_steady(void)
{
	assert_int_equal(dad_dma_mem_unregister(domain, steady.region, REGION), -EBUSY);
	for (unsigned int i = 0; i < STEADY; i++)
		assert_true(unmap_piece(&steady.pieces[i]));
	assert_int_equal(dad_dma_mem_unregister(domain, steady.region, REGION), 0);
	munmap(steady.region, REGION);
	rte_free(steady.memory);
}

/* As before there were any mappings. */
static void
unmake(void)
{
	struct dad_dma_domain_info info;

	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.regions, 0);
	unmake_soft(dev);
}

static bool
device_reaches(dad_dma_addr_t addr)
{
	size_t contig;

	return dad_soft_dma_translate(dev, addr, DAD_SOFT_READ, &contig) != NULL;
}

/* Neither the CPU's look-ups nor the device find it any more. */
static void
assert_gone(unsigned char *va, dad_dma_addr_t direct)
{
	assert_int_equal(dad_dma_virt_to_bus(domain, va, NULL), DAD_DMA_MAPPING_ERROR);
	if (direct != DAD_DMA_MAPPING_ERROR) {
		assert_null(dad_dma_bus_to_virt(domain, direct, NULL));
		assert_false(device_reaches(direct));
		assert_int_equal(rte_errno, direct > now->mask ? ERANGE : EFAULT);
	}
	if (!now->only_known)
		return;
	assert_int_equal(dad_dma_map_single(dev, va, 1, DAD_DMA_TO_DEVICE), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, EFAULT);
}

static void
what_is_mapped_stays_while_the_heap_moves(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < RTE_DIM(settings); s++) {
		static struct block blocks[BLOCKS];
		const uint64_t came = heap.came, went = heap.went;

		make(&settings[s]);
		map_steady();
		for (unsigned int round = 0; round < ROUNDS + BLOCKS; round++) {
			struct block *b = &blocks[round < ROUNDS ? below(BLOCKS) : round - ROUNDS];

			if (b->va != NULL) {
				unsigned char *middle = b->va + b->size / 2;
				dad_dma_addr_t direct = dad_dma_virt_to_bus(domain, middle, NULL);

				assert_true(unmap_block(b));
				assert_true(is_gone(middle));
				assert_gone(middle, direct);
			} else if (round < ROUNDS) {
				assert_true(map_block(b));
			}
			assert_true(region_comes_and_goes());
		}
		unmap_steady();
		assert_moved(came, went);
		print_message(
			"%s: %" PRIu64 " MiB came and went\n", now->name, (heap.came - came) >> 20);
		unmake();
	}
}

/* A driver's error, which must not keep its device for ever: it frees what it has mapped. */
static void
what_went_while_mapped_can_be_unmapped(void **state)
{
	const size_t size = PIECES * UNIT;

	(void)state;
	for (unsigned int s = 0; s < RTE_DIM(settings); s++) {
		struct dad_dma_dev_stats stats;
		dad_dma_addr_t addr[2];

		make(&settings[s]);
		unsigned char *va = rte_malloc(NULL, size, UNIT);
		assert_non_null(va);
		memset(va, 0, size);
		for (unsigned int i = 0; i < 2; i++) {
			addr[i] =
				dad_dma_map_single(dev, va + i * size / 2, PAGE, DAD_DMA_TO_DEVICE);
			assert_int_equal(dad_dma_mapping_error(dev, addr[i]), 0);
			assert_true(device_reaches(addr[i]));
		}
		/* compilers that know rte_free() let nobody ask where va points after it */
		const void *volatile was = va;
		rte_free(va);
		assert_true(is_gone(was));
		dad_dma_dev_stats(dev, &stats);
		const uint64_t undone = stats.window + stats.strict + stats.bounce;
		assert_true(undone == 2 || (undone == 0 && now->only_known));
		for (unsigned int i = 0; i < 2; i++) {
			if (now->only_known)
				assert_false(device_reaches(addr[i]));
			if (undone > 0)
				assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
			dad_dma_unmap_single(dev, addr[i], PAGE, DAD_DMA_TO_DEVICE);
		}
		/* once more is one too many */
		dad_dma_unmap_single(dev, addr[1], PAGE, DAD_DMA_TO_DEVICE);
		dad_dma_dev_stats(dev, &stats);
		assert_int_equal(stats.unmapped, undone);
		unmake();
	}
}

/* A window that went is no excuse for an unmap too many of something else: it would hide a mapping
 * that is alive, and let its device go. */
static void
what_never_went_is_unmapped_once(void **state)
{
	const struct setting narrow = {
		.rungs = RUNG(WINDOW), .mask = UINT32_MAX, .only_known = true};
	dad_dma_addr_t a[2];
	char data[2 * PAGE];

	(void)state;
	make(&narrow);
	struct dad_dma_dev *other = soft_device(domain, RUNG(STRICT));
	for (unsigned int i = 0; i < 2; i++) {
		a[i] = dad_dma_map_single(other, data + i * PAGE, 1, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mapping_error(other, a[i]), 0);
	}
	void *va = rte_malloc(NULL, PIECES * UNIT, UNIT);
	assert_non_null(va);
	dad_dma_addr_t w = dad_dma_map_single(dev, va, PAGE, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, w), 0);
	const void *volatile was = va;
	rte_free(va);
	assert_true(is_gone(was));

	for (unsigned int i = 0; i < 2; i++)
		dad_dma_unmap_single(other, a[0], 1, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_dev_destroy(other), -EBUSY);
	dad_dma_unmap_single(other, a[1], 1, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_dev_destroy(other), 0);
	dad_dma_unmap_single(dev, w, PAGE, DAD_DMA_TO_DEVICE);
	unmake();
}

/* ---- threads ----------------------------------------------------------------------------------
 */

struct thread {
	pthread_t id;
	unsigned int number;
	bool good;
};

/* The first ones grow and shrink the heap; the last one has regions, and memory that is not EAL's
 * to free. */
static void *
come_and_go(void *arg)
{
	struct thread *t = arg;
	struct block *b = calloc(1, sizeof(*b));
	bool grows = t->number < 2;

	spread_out(t->number);
	random_state += t->number;
	/* lcores keep slots and IOVAs at hand, other threads do not */
	if (t->number != 0)
		(void)rte_thread_register();
	t->good = b != NULL;
	for (unsigned int round = 0; round < (grows ? 8 : 300) && t->good; round++)
		t->good = grows ? map_block(b) && unmap_block(b) : region_comes_and_goes();
	free(b);
	if (t->number != 0)
		rte_thread_unregister();
	return NULL;
}

static void
threads_map_while_the_heap_moves(void **state)
{
	(void)state;
	for (unsigned int s = 0; s < RTE_DIM(settings); s++) {
		struct thread threads[3];
		const uint64_t came = heap.came, went = heap.went;

		make(&settings[s]);
		map_steady();
		for (unsigned int t = 0; t < RTE_DIM(threads); t++) {
			threads[t].number = t;
			assert_int_equal(
				pthread_create(&threads[t].id, NULL, come_and_go, &threads[t]), 0);
		}
		for (unsigned int t = 0; t < RTE_DIM(threads); t++) {
			pthread_join(threads[t].id, NULL);
			assert_true(threads[t].good);
		}
		unmap_steady();
		assert_moved(came, went);
		unmake();
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_mapped_stays_while_the_heap_moves),
		cmocka_unit_test(what_never_went_is_unmapped_once),
		cmocka_unit_test(what_went_while_mapped_can_be_unmapped),
		cmocka_unit_test(threads_map_while_the_heap_moves),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	if (!rte_eal_has_hugepages()) {
		printf("without hugepages EAL's memory neither comes nor goes: not run\n");
		rte_eal_cleanup();
		return EAL_TEST_SKIP;
	}
	/* the heap's first pages are there, and stay */
	void *first = rte_malloc(NULL, PAGE, PAGE);
	if (first == NULL || rte_mem_event_callback_register("heap_test", on_event, NULL) != 0)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_free(first);
	rte_eal_cleanup();
	return ret;
}
