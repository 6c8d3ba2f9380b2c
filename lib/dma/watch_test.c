/* SPDX-License-Identifier: BSD-3-Clause */

/* Who watches a domain is told once of memory that goes, when nobody can find it any more and
 * before it is gone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include <rte_malloc.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "eal_test.h"
#include "test_alloc.h"
#include "test_identity.h"

#define SIZE (4u << 20)

static struct {
	volatile uint8_t *byte; /* of memory that is about to go; and its address for devices */
	dad_dma_addr_t iova;
	unsigned int told;
	bool found, there;
} seen;

static void
on_left(void *arg, const void *va, size_t len)
{
	const uint8_t *byte = (const uint8_t *)(uintptr_t)seen.byte;

	assert_ptr_equal(arg, &seen);
	if (byte < (const uint8_t *)va || byte >= (const uint8_t *)va + len)
		return;
	seen.told++;
	seen.found = dad_dma_bus_to_virt(domain, seen.iova, NULL) != NULL ||
		dad_dma_virt_to_bus(domain, va, NULL) != DAD_DMA_MAPPING_ERROR;
	seen.there = *seen.byte == 0x5a || *seen.byte == 0; /* rte_free() has zeroed it */
}

static void
look_at(uint8_t *byte, dad_dma_addr_t iova)
{
	*byte = 0x5a;
	seen.byte = byte;
	seen.iova = iova;
	seen.told = 0;
	assert_ptr_equal(dad_dma_bus_to_virt(domain, iova, NULL), byte);
}

static void
assert_told_in_time(void)
{
	assert_int_equal(seen.told, 1);
	assert_false(seen.found);
	assert_true(seen.there);
}

static void
free_some(void)
{
	uint8_t *p = rte_malloc(NULL, SIZE, 2u << 20);

	assert_non_null(p);
	look_at(p + SIZE / 2, rte_mem_virt2iova(p + SIZE / 2));
	rte_free(p);
}

static void
unregister_some(void)
{
	uint8_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const dad_dma_addr_t itself = (uintptr_t)p;
	const bool va = rte_eal_iova_mode() == RTE_IOVA_VA;

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(
		dad_dma_mem_register(domain, p, 4096, va ? NULL : &itself, va ? 0 : 1, 4096), 0);
	look_at(p, itself);
	assert_int_equal(dad_dma_mem_unregister(domain, p, 4096), 0);
	munmap(p, SIZE);
}

static void
who_watches_is_told_in_time(void **state)
{
	(void)state;
	assert_int_equal(dad_dma_domain_watch(domain, on_left, &seen), 0);
	unregister_some();
	assert_told_in_time();
	/* elsewhere EAL keeps its memory */
	if (getenv("DAD_NO_HUGE") == NULL && rte_eal_has_hugepages()) {
		free_some();
		assert_told_in_time();
	}
	dad_dma_domain_unwatch(domain, on_left, &seen);
}

static void
told_once_until_given_up_as_often(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(dad_dma_domain_watch(domain, on_left, &seen), 0);
	for (unsigned int i = 0; i < 3; i++) {
		unregister_some();
		assert_int_equal(seen.told, 1);
		dad_dma_domain_unwatch(domain, on_left, &seen);
	}
	unregister_some();
	assert_int_equal(seen.told, 0);
	/* of nobody */
	dad_dma_domain_unwatch(domain, on_left, &seen);
}

static void
without_memory_for_a_watch_nothing_changes(void **state)
{
	long before = test_alloc_live;

	(void)state;
	test_alloc_countdown = 1;
	assert_int_equal(dad_dma_domain_watch(domain, on_left, &seen), -ENOMEM);
	assert_int_equal(test_alloc_countdown, 0);
	assert_int_equal(test_alloc_live, before);
	unregister_some();
	assert_int_equal(seen.told, 0);
	/* there is nothing to give up, and the next try works; tables may have grown */
	before = test_alloc_live;
	dad_dma_domain_unwatch(domain, on_left, &seen);
	assert_int_equal(dad_dma_domain_watch(domain, on_left, &seen), 0);
	/* who watches already needs no memory */
	test_alloc_countdown = 1;
	assert_int_equal(dad_dma_domain_watch(domain, on_left, &seen), 0);
	assert_int_equal(test_alloc_countdown, 1);
	test_alloc_countdown = 0;
	const long watching = test_alloc_live;

	unregister_some();
	assert_told_in_time();
	before += test_alloc_live - watching;
	dad_dma_domain_unwatch(domain, on_left, &seen);
	dad_dma_domain_unwatch(domain, on_left, &seen);
	assert_int_equal(test_alloc_live, before);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(who_watches_is_told_in_time),
	cmocka_unit_test(told_once_until_given_up_as_often),
	cmocka_unit_test(without_memory_for_a_watch_nothing_changes),
};

int
main(int argc, char **argv)
{
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
