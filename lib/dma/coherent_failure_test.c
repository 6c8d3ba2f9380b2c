/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "eal_test.h"
#include "test_alloc.h"
#include "test_coherent.h"

/* Coherent memory where what it is made of fails: memory, memzones, the backend. */

#define PAGE 4096u
#define MANY 100000u

static struct {
	void *va;
	dad_dma_addr_t handle;
	size_t size;
} live[MANY];

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
		cmocka_unit_test(no_allocation_that_fails_loses_anything),
		cmocka_unit_test(a_backend_that_fails_loses_nothing),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
