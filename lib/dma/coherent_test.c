/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <numa.h>
#include <numaif.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_alloc.h"
#include "test_identity.h"
#include "test_thread.h"

#define PAGE 4096u

/* ---- memzones that fail -------------------------------------------------------------------------
 */

static long zone_countdown; /* 1: the next one fails; 0: none does */

const struct rte_memzone *__real_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align);
const struct rte_memzone *__wrap_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align);

const struct rte_memzone *
__wrap_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align)
{
	if (zone_countdown != 0 && --zone_countdown == 0) {
		rte_errno = ENOMEM;
		return NULL;
	}
	return __real_rte_memzone_reserve_aligned(name, len, socket_id, flags, align);
}

static struct dad_dma_coherent_info
info_of(struct dad_dma_domain *d)
{
	struct dad_dma_coherent_info info;

	dad_dma_coherent_info(d, &info);
	return info;
}

/* ---- many -------------------------------------------------------------------------------------
 */

#define MANY 100000u

static struct {
	uint32_t *va;
	dad_dma_addr_t handle;
	size_t size;
} live[MANY];

static void
a_hundred_thousand_buffers_live_in_few_memzones(void **state)
{
	unsigned int n;

	(void)state;
	for (n = 0; n < MANY; n++) {
		live[n].va = dad_dma_alloc_coherent(dev, PAGE, &live[n].handle);
		if (live[n].va == NULL)
			break;
		live[n].va[0] = n;
		live[n].va[PAGE / 4 - 1] = ~n;
	}
	/* without hugepages EAL has as much memory as it was given at start */
	if (rte_eal_has_hugepages())
		assert_int_equal(n, MANY);
	else
		print_message("%u buffers, and then no memory is left\n", n);
	assert_true(n > 1000);
	assert_true(info_of(domain).memzones <= 64);
	assert_int_equal(coherent_bytes_of(dev), (uint64_t)n * PAGE);
	for (unsigned int i = 0; i < n; i++) {
		assert_true(live[i].va[0] == i && live[i].va[PAGE / 4 - 1] == ~i);
		dad_dma_free_coherent(dev, PAGE, live[i].va, live[i].handle);
	}
	assert_int_equal(coherent_bytes_of(dev), 0);
	assert_true(info_of(domain).memzones <= 1);
	assert_int_equal(info_of(domain).free_bytes, info_of(domain).bytes);
}

static void
pages_come_by_order(void **state)
{
	dad_dma_addr_t handle;

	(void)state;
	for (unsigned int order = 0; order <= 9; order++) {
		size_t size = (size_t)PAGE << order;
		unsigned char *va = dad_dma_alloc_pages(dev, order, DAD_DMA_ALLOC_ZERO, &handle);

		assert_non_null(va);
		assert_int_equal((uintptr_t)va & (size - 1), 0);
		assert_int_equal(handle & (size - 1), 0);
		assert_true(va[0] == 0 && memcmp(va, va + 1, size - 1) == 0);
		memset(va, 0xff, size);
		assert_int_equal(coherent_bytes_of(dev), size);
		/* another order is not what was allocated */
		dad_dma_free_pages(dev, order + 1, va, handle);
		assert_int_equal(coherent_bytes_of(dev), size);
		dad_dma_free_pages(dev, order, va, handle);
		assert_int_equal(coherent_bytes_of(dev), 0);
	}
	assert_null(dad_dma_alloc_pages(dev, 63, 0, &handle));
	assert_int_equal(rte_errno, ENOMEM);
	assert_null(dad_dma_alloc_flags(dev, PAGE, 1u << 20, &handle));
	assert_int_equal(rte_errno, EINVAL);
}

/* ---- what memory is like
 * ------------------------------------------------------------------------- */

static void
memory_says_what_it_is_really_like(void **state)
{
	const unsigned int ram = DAD_DMA_EFFECTIVE_CACHED | DAD_DMA_EFFECTIVE_COHERENT;
	dad_dma_addr_t handle;

	(void)state;
	void *va = dad_dma_alloc_wc(dev, 100, &handle);
	assert_non_null(va);
	assert_int_equal(dad_dma_effective_attrs(dev, handle), ram);
	dad_dma_free_wc(dev, 100, va, handle);
	va = dad_dma_alloc_noncoherent(dev, 100, 0, DAD_DMA_BIDIRECTIONAL, &handle);
	assert_non_null(va);
	assert_int_equal(dad_dma_effective_attrs(dev, handle), ram);
	dad_dma_free_noncoherent(dev, 100, DAD_DMA_BIDIRECTIONAL, va, handle);
	assert_int_equal(dad_dma_effective_attrs(dev, DAD_DMA_BIT_MASK(50) & ~UINT64_C(4095)), 0);
	assert_int_equal(coherent_bytes_of(dev), 0);
}

/* Asked of the kernel in another way than the library does it. */
static void
memory_lies_where_the_device_is(void **state)
{
	dad_dma_addr_t handle;

	(void)state;
	if (numa_available() < 0) {
		print_message("the kernel knows no nodes: not checked\n");
		skip();
	}
	for (int node = 0; node <= numa_max_node(); node++) {
		if (!numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)node))
			continue;
		struct dad_dma_dev *near = dad_dma_dev_create("near", domain, node);
		assert_int_equal(dad_dma_set_mask_and_coherent(near, DAD_DMA_BIT_MASK(64)), 0);
		unsigned char *va = dad_dma_alloc_coherent(near, 64 * PAGE, &handle);
		assert_non_null(va);
		for (unsigned int page = 0; page < 64; page++) {
			int really = -1;

			assert_int_equal(get_mempolicy(&really, NULL, 0, va + page * PAGE,
						 MPOL_F_NODE | MPOL_F_ADDR),
				0);
			if (rte_eal_has_hugepages())
				assert_int_equal(really, node);
			assert_int_equal(dad_dma_node_of(va + page * PAGE), really);
		}
		dad_dma_free_coherent(near, 64 * PAGE, va, handle);
		assert_int_equal(dad_dma_dev_destroy(near), 0);
	}
	assert_int_equal(dad_dma_node_of(NULL), -EFAULT);
	void *untouched =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(dad_dma_node_of(untouched), -ENOENT);
	munmap(untouched, PAGE);
}

/* ---- domains that remap -------------------------------------------------------------------------
 */

static uint64_t
registers_of(const struct dad_dma_domain *d)
{
	struct dad_dma_domain_info info;

	dad_dma_domain_info(d, &info);
	return info.registers_used;
}

static void
narrow_devices_share_memory_through_the_iommu(void **state)
{
	const struct dad_dma_domain_conf conf = {.name = "narrow",
		.type = DAD_DMA_DOMAIN_SOFT,
		.iova_first = 0,
		.iova_last = DAD_DMA_BIT_MASK(28),
		.mapping_registers = 8};
	struct dad_dma_domain *soft = dad_dma_domain_create(&conf);
	dad_dma_addr_t handle, more;
	unsigned char got[100];

	(void)state;
	assert_non_null(soft);
	struct dad_dma_dev *narrow = dad_dma_dev_create("narrow", soft, SOCKET_ID_ANY);
	assert_int_equal(dad_dma_set_mask_and_coherent(narrow, DAD_DMA_BIT_MASK(20)), 0);

	unsigned char *va = dad_dma_alloc_coherent(narrow, 3 * PAGE, &handle);
	assert_non_null(va);
	assert_true(handle + 4 * PAGE - 1 <= DAD_DMA_BIT_MASK(20));
	assert_int_equal(handle & (4 * PAGE - 1), 0);
	assert_int_equal((uintptr_t)va & (4 * PAGE - 1), 0);
	assert_int_equal(registers_of(soft), 4);
	memset(va, 0x5a, 100);
	assert_int_equal(dad_soft_dma_read(narrow, handle, got, 100), 0);
	assert_memory_equal(got, va, 100);
	memset(got, 0xa5, 100);
	assert_int_equal(dad_soft_dma_write(narrow, handle + 3 * PAGE - 100, got, 100), 0);
	assert_memory_equal(got, va + 3 * PAGE - 100, 100);

	/* coherent memory takes mapping registers, until there are none */
	assert_null(dad_dma_alloc_coherent(narrow, 5 * PAGE, &more));
	assert_int_equal(rte_errno, ENOSPC);
	assert_int_equal(registers_of(soft), 4);
	void *rest = dad_dma_alloc_coherent(narrow, 4 * PAGE, &more);
	assert_non_null(rest);
	assert_int_equal(registers_of(soft), 8);
	dad_dma_free_coherent(narrow, 4 * PAGE, rest, handle); /* not its handle */
	assert_int_equal(registers_of(soft), 8);
	dad_dma_free_coherent(narrow, 4 * PAGE, rest, more);
	dad_dma_free_coherent(narrow, 3 * PAGE, va, handle);
	dad_dma_free_coherent(narrow, 3 * PAGE, va, handle); /* twice */
	assert_int_equal(registers_of(soft), 0);
	assert_int_equal(coherent_bytes_of(narrow), 0);
	assert_true(dad_soft_dma_read(narrow, handle, got, 1) < 0);
	assert_int_equal(dad_dma_dev_destroy(narrow), 0);
	dad_dma_domain_put(soft);
}

/* Coherent memory is at once the same for both; memory that is not needs a sync. */
static void
only_noncoherent_memory_needs_a_sync(void **state)
{
	const struct dad_dma_domain_conf conf = {
		.name = "caches", .type = DAD_DMA_DOMAIN_SOFT, .flags = DAD_DMA_DOMAIN_NONCOHERENT};
	struct dad_dma_domain *soft = dad_dma_domain_create(&conf);
	dad_dma_addr_t handle, synced;
	unsigned char byte = 1;

	(void)state;
	assert_non_null(soft);
	struct dad_dma_dev *d = dad_dma_dev_create("caches", soft, SOCKET_ID_ANY);
	unsigned char *va = dad_dma_alloc_coherent(d, PAGE, &handle);
	unsigned char *vb = dad_dma_alloc_noncoherent(d, PAGE, 0, DAD_DMA_BIDIRECTIONAL, &synced);
	assert_true(va != NULL && vb != NULL);
	assert_int_equal(dad_dma_effective_attrs(d, handle),
		DAD_DMA_EFFECTIVE_CACHED | DAD_DMA_EFFECTIVE_COHERENT);
	assert_int_equal(dad_dma_effective_attrs(d, synced), DAD_DMA_EFFECTIVE_CACHED);
	assert_int_equal(dad_soft_dma_write(d, handle, &byte, 1), 0);
	assert_int_equal(va[0], 1);
	assert_int_equal(dad_soft_dma_write(d, synced, &byte, 1), 0);
	assert_int_equal(vb[0], 0);
	dad_dma_sync_single_for_cpu(d, synced, PAGE, DAD_DMA_BIDIRECTIONAL);
	assert_int_equal(vb[0], 1);
	/* each is freed by its own call only */
	dad_dma_free_coherent(d, PAGE, vb, synced);
	dad_dma_free_noncoherent(d, PAGE, DAD_DMA_BIDIRECTIONAL, va, handle);
	assert_int_equal(coherent_bytes_of(d), 2 * PAGE);
	dad_dma_free_coherent(d, PAGE, va, handle);
	dad_dma_free_noncoherent(d, PAGE, DAD_DMA_BIDIRECTIONAL, vb, synced);
	assert_int_equal(coherent_bytes_of(d), 0);
	assert_int_equal(dad_dma_dev_destroy(d), 0);
	dad_dma_domain_put(soft);
}

/* A block is freed by its device, and by no other one of the domain, whose address it may share:
 * the bytes would be missing from the one's sum, and more than all of the other's. */
static void
another_device_cannot_free_it(void **state)
{
	const struct dad_dma_domain_conf conf = {.name = "two", .type = DAD_DMA_DOMAIN_SOFT};
	struct dad_dma_domain *domains[] = {
		dad_dma_domain_identity(), dad_dma_domain_create(&conf)};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(domains); i++) {
		struct dad_dma_dev *one = dad_dma_dev_create("one", domains[i], SOCKET_ID_ANY);
		struct dad_dma_dev *two = dad_dma_dev_create("two", domains[i], SOCKET_ID_ANY);
		dad_dma_addr_t handle, synced;

		assert_true(one != NULL && two != NULL);
		/* without an IOMMU they reach what there is; with one, each block gets an IOVA */
		uint64_t mask = i == 0 ? UINT64_MAX : DAD_DMA_BIT_MASK(32);
		assert_int_equal(dad_dma_set_mask_and_coherent(one, mask), 0);
		assert_int_equal(dad_dma_set_mask_and_coherent(two, mask), 0);
		for (size_t size = 100; size <= 16 * PAGE; size *= 8) {
			void *va = dad_dma_alloc_coherent(one, size, &handle);
			void *vb = dad_dma_alloc_noncoherent(
				one, size, 0, DAD_DMA_BIDIRECTIONAL, &synced);

			assert_true(va != NULL && vb != NULL);
			uint64_t bytes = coherent_bytes_of(one);
			dad_dma_free_coherent(two, size, va, handle);
			dad_dma_free_noncoherent(two, size, DAD_DMA_BIDIRECTIONAL, vb, synced);
			assert_int_equal(coherent_bytes_of(one), bytes);
			assert_int_equal(coherent_bytes_of(two), 0);
			/* it is still the one's */
			dad_dma_free_coherent(one, size, va, handle);
			dad_dma_free_noncoherent(one, size, DAD_DMA_BIDIRECTIONAL, vb, synced);
			assert_int_equal(coherent_bytes_of(one), 0);
			/* and may be the other's afterwards */
			va = dad_dma_alloc_coherent(two, size, &handle);
			assert_non_null(va);
			dad_dma_free_coherent(two, size, va, handle);
		}
		assert_int_equal(dad_dma_dev_destroy(one), 0);
		assert_int_equal(dad_dma_dev_destroy(two), 0);
		dad_dma_domain_put(domains[i]);
	}
}

/* ---- threads
 * -------------------------------------------------------------------------------------- */

#define THREADS 4u

struct thread {
	pthread_t id;
	unsigned int i;
	unsigned int errors;
};

static void *
come_and_go(void *arg)
{
	struct thread *t = arg;
	uint32_t random = t->i + 1;
	struct {
		uint32_t *va;
		dad_dma_addr_t handle;
		size_t size;
	} held[16] = {0};

	spread_out(t->i);
	/* half of them share what threads keep that are no lcores */
	be_lcore(t->i < THREADS / 2 ? t->i + 1 : LCORE_ID_ANY);
	for (unsigned int round = 0; round < 20000; round++) {
		random = random * 1664525 + 1013904223;
		unsigned int i = random >> 28;
		unsigned int flags = (random >> 8) % 2 ? DAD_DMA_ALLOC_NEVER_GROW : 0;

		if (held[i].va != NULL) {
			t->errors +=
				held[i].va[0] != t->i || held[i].va[held[i].size / 4 - 1] != ~t->i;
			dad_dma_free_flags(dev, held[i].size, flags, held[i].va, held[i].handle);
			held[i].va = NULL;
			continue;
		}
		held[i].size = (size_t)PAGE * (1 + (random >> 16) % ((random >> 24) % 8 ? 4 : 200));
		held[i].va = dad_dma_alloc_flags(dev, held[i].size, flags, &held[i].handle);
		if (held[i].va == NULL) {
			t->errors += flags == 0;
			continue;
		}
		held[i].va[0] = t->i;
		held[i].va[held[i].size / 4 - 1] = ~t->i;
	}
	for (unsigned int i = 0; i < 16; i++)
		dad_dma_free_coherent(dev, held[i].size, held[i].va, held[i].handle);
	return NULL;
}

static void
threads_grow_and_shrink_it_together(void **state)
{
	struct thread thread[THREADS];

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++) {
		thread[i] = (struct thread){.i = i};
		assert_int_equal(pthread_create(&thread[i].id, NULL, come_and_go, &thread[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(thread[i].id, NULL);
		assert_int_equal(thread[i].errors, 0);
	}
	assert_int_equal(coherent_bytes_of(dev), 0);
	assert_int_equal(info_of(domain).free_bytes, info_of(domain).bytes);
}

/* ---- failures
 * --------------------------------------------------------------------------------------- */

/* Takes all there is, so that what comes next has to grow. @return how much, in live[] */
static unsigned int
take_all(void)
{
	unsigned int n = 0;

	for (size_t size = 64u << 20; size >= PAGE; size /= 2)
		while ((live[n].va = dad_dma_alloc_flags(
				dev, size, DAD_DMA_ALLOC_NEVER_GROW, &live[n].handle)) != NULL)
			live[n++].size = size;
	return n;
}

static void
free_all(unsigned int n)
{
	while (n-- > 0)
		dad_dma_free_coherent(dev, live[n].size, live[n].va, live[n].handle);
}

/* Buffers of all kinds, until there are some zones; one allocation or memzone fails. Either all is
 * well, or one call says ENOMEM; nothing is lost. */
static bool
life_with_failure(long memory, long zones)
{
	static const size_t sizes[] = {PAGE, 3 * PAGE, 2u << 20, 4u << 20, PAGE};
	struct dad_dma_coherent_info before = info_of(domain);
	uint64_t bytes = coherent_bytes_of(dev);
	long allocated = test_alloc_live;
	struct {
		void *va;
		dad_dma_addr_t handle;
	} held[5];

	test_alloc_countdown = memory;
	zone_countdown = zones;
	for (unsigned int i = 0; i < 5; i++) {
		rte_errno = 0;
		held[i].va = dad_dma_alloc_coherent(dev, sizes[i], &held[i].handle);
		if (held[i].va == NULL)
			assert_int_equal(rte_errno, ENOMEM);
	}
	bool failed = test_alloc_countdown == 0 && zone_countdown == 0;
	test_alloc_countdown = 0;
	zone_countdown = 0;
	for (unsigned int i = 0; i < 5; i++)
		dad_dma_free_coherent(dev, sizes[i], held[i].va, held[i].handle);
	assert_int_equal(coherent_bytes_of(dev), bytes);
	struct dad_dma_coherent_info after = info_of(domain);
	assert_int_equal(after.bytes - after.free_bytes, before.bytes - before.free_bytes);
	/* one stays for the next */
	assert_true(after.memzones <= before.memzones + 1);
	/* pages of a table stay once they are needed: compared only from the second time on */
	if (before.memzones == after.memzones && after.bytes == before.bytes &&
		after.arenas == before.arenas)
		assert_true(test_alloc_live - allocated <= 8);
	return failed;
}

static void
no_allocation_that_fails_loses_anything(void **state)
{
	unsigned int taken;
	bool failed = true;
	long n;

	(void)state;
	life_with_failure(0, 0);
	for (n = 0; failed; n++) {
		taken = take_all();
		failed = life_with_failure(n + 1, 0);
		free_all(taken);
	}
	assert_true(n > 3);
	failed = true;
	for (n = 0; failed; n++) {
		taken = take_all();
		failed = life_with_failure(0, n + 1);
		free_all(taken);
	}
	assert_true(n > 1);
	/* and in the long run nothing piles up */
	long live_before = test_alloc_live;
	taken = take_all();
	for (unsigned int i = 0; i < 20; i++) {
		life_with_failure(1 + i % 6, 0);
		life_with_failure(0, 1 + i % 3);
	}
	free_all(taken);
	assert_int_equal(coherent_bytes_of(dev), 0);
	assert_int_equal(info_of(domain).memzones, 1);
	assert_true(test_alloc_live <= live_before + 8);
}

static int backend_fails;

static int
backend_map(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	(void)priv;
	(void)iova;
	(void)va;
	(void)size;
	(void)dir;
	return backend_fails ? -EIO : 0;
}

static int
backend_unmap(void *priv, dad_dma_addr_t iova, size_t size)
{
	(void)priv;
	(void)iova;
	(void)size;
	return 0;
}

static void
a_backend_that_fails_loses_nothing(void **state)
{
	const struct dad_dma_domain_ops ops = {.map = backend_map, .unmap = backend_unmap};
	const struct dad_dma_domain_conf conf = {.name = "custom",
		.type = DAD_DMA_DOMAIN_CUSTOM,
		.ops = &ops,
		.rungs = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT)};
	struct dad_dma_domain *custom = dad_dma_domain_create(&conf);
	dad_dma_addr_t handle;

	(void)state;
	assert_non_null(custom);
	struct dad_dma_dev *d = dad_dma_dev_create("custom", custom, SOCKET_ID_ANY);
	backend_fails = 1;
	assert_null(dad_dma_alloc_coherent(d, PAGE, &handle));
	assert_int_equal(rte_errno, EIO);
	assert_null(dad_dma_alloc_noncoherent(d, PAGE, 0, DAD_DMA_TO_DEVICE, &handle));
	assert_int_equal(rte_errno, EIO);
	assert_null(dad_dma_alloc_noncoherent(d, PAGE, 0, DAD_DMA_NONE, &handle));
	assert_int_equal(rte_errno, EINVAL);
	assert_int_equal(coherent_bytes_of(d), 0);
	assert_int_equal(registers_of(custom), 0);
	assert_int_equal(info_of(custom).free_bytes, info_of(custom).bytes);
	backend_fails = 0;
	void *va = dad_dma_alloc_coherent(d, PAGE, &handle);
	assert_non_null(va);
	assert_int_equal(registers_of(custom), 1);
	dad_dma_free_coherent(d, PAGE, va, handle);
	assert_int_equal(registers_of(custom), 0);
	assert_int_equal(dad_dma_dev_destroy(d), 0);
	dad_dma_domain_put(custom);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		/* first: what grows later is larger, and takes longer */
		cmocka_unit_test(no_allocation_that_fails_loses_anything),
		cmocka_unit_test(a_hundred_thousand_buffers_live_in_few_memzones),
		cmocka_unit_test(pages_come_by_order),
		cmocka_unit_test(memory_says_what_it_is_really_like),
		cmocka_unit_test(memory_lies_where_the_device_is),
		cmocka_unit_test(narrow_devices_share_memory_through_the_iommu),
		cmocka_unit_test(only_noncoherent_memory_needs_a_sync),
		cmocka_unit_test(another_device_cannot_free_it),
		cmocka_unit_test(threads_grow_and_shrink_it_together),
		cmocka_unit_test(a_backend_that_fails_loses_nothing),
	};

	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
