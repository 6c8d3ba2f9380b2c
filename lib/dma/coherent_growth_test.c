/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/seccomp.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memzone.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_pool.h"
#include "eal_test.h"
#include "test_identity.h"
#include "test_thread.h"

/* Who must not grow coherent memory takes what there is: at once, and without a system call. */

#define PAGE 4096u
#define MANY 100000u

static struct {
	void *va;
	dad_dma_addr_t handle;
} live[MANY];

static int zone_gate; /* 1: closed; 2: closed, and somebody waits at it */

/* Memory that a device does not reach, as its limits are set when EAL gives it the first zone. */
static struct {
	struct dad_dma_dev *dev; /* NULL: nothing is played */
	struct dad_dma_limits limits;
	unsigned int asked;
	unsigned int nodes; /* that there are; node 0 has but one zone if there are two */
} luck;

static const struct rte_memzone *
exclude(const struct rte_memzone *mz)
{
	luck.limits.excl_low = dad_dma_virt_to_bus(domain, mz->addr, NULL);
	luck.limits.excl_high = luck.limits.excl_low + mz->len - 1;
	assert_int_equal(dad_dma_set_limits(luck.dev, &luck.limits), 0);
	return mz;
}

unsigned int __real_rte_socket_count(void);
unsigned int __wrap_rte_socket_count(void);

unsigned int
__wrap_rte_socket_count(void)
{
	return luck.dev != NULL ? luck.nodes : __real_rte_socket_count();
}

const struct rte_memzone *__real_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align);
const struct rte_memzone *__wrap_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align);

const struct rte_memzone *
__wrap_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align)
{
	if (__atomic_load_n(&zone_gate, __ATOMIC_ACQUIRE) != 0) {
		__atomic_store_n(&zone_gate, 2, __ATOMIC_RELEASE);
		while (__atomic_load_n(&zone_gate, __ATOMIC_ACQUIRE) != 0)
			sched_yield();
	}
	if (luck.dev != NULL && luck.asked++ > 0 && luck.nodes == 2 && socket_id == 0) {
		rte_errno = ENOMEM;
		return NULL;
	}
	if (luck.dev != NULL && luck.asked == 1)
		return exclude(
			__real_rte_memzone_reserve_aligned(name, len, socket_id, flags, align));
	return __real_rte_memzone_reserve_aligned(name, len, socket_id, flags, align);
}

static struct dad_dma_coherent_info
info_of(struct dad_dma_domain *d)
{
	struct dad_dma_coherent_info info;

	dad_dma_coherent_info(d, &info);
	return info;
}

/* Where memory lies is luck: what EAL gives first is no reason to say that there is none in reach,
 * and neither is what one node has. */
static void
memory_in_reach_is_looked_for(void **state)
{
	const size_t size = 2u << 20; /* a zone */
	struct dad_dma_dev *devs[3];
	dad_dma_addr_t handle[3];
	void *va[3];

	(void)state;
	for (luck.nodes = 1; luck.nodes <= 2; luck.nodes++) {
		const unsigned int i = luck.nodes;

		devs[i] = dad_dma_dev_create("lucky", domain, 0);
		assert_non_null(devs[i]);
		assert_int_equal(dad_dma_set_mask_and_coherent(devs[i], UINT64_MAX), 0);
		luck.limits.excl_low = luck.limits.excl_high = 1; /* it will become more */
		assert_int_equal(dad_dma_set_limits(devs[i], &luck.limits), 0);
		luck.dev = devs[i];
		luck.asked = 0;
		va[i] = dad_dma_alloc_coherent(devs[i], size, &handle[i]);
		assert_non_null(va[i]);
		assert_true(handle[i] > luck.limits.excl_high ||
			handle[i] + size - 1 < luck.limits.excl_low);
		assert_in_range(luck.asked, 2, 8);
		/* nothing that was tried is kept */
		assert_int_equal(info_of(domain).memzones, i);
	}
	luck.dev = NULL;
	for (unsigned int i = 1; i <= 2; i++) {
		dad_dma_free_coherent(devs[i], size, va[i], handle[i]);
		assert_int_equal(dad_dma_dev_destroy(devs[i]), 0);
	}
}

static void
never_grow_takes_what_is_there_and_keeps_it(void **state)
{
	dad_dma_addr_t first, handle;

	(void)state;
	void *va = dad_dma_alloc_coherent(dev, PAGE, &first);
	assert_non_null(va);
	struct dad_dma_coherent_info before = info_of(domain);
	unsigned int n;
	for (n = 0; n < MANY; n++) {
		live[n].va =
			dad_dma_alloc_flags(dev, PAGE, DAD_DMA_ALLOC_NEVER_GROW, &live[n].handle);
		if (live[n].va == NULL)
			break;
	}
	assert_int_equal(rte_errno, ENOMEM);
	assert_int_equal(n, before.free_bytes / PAGE);
	assert_int_equal(info_of(domain).memzones, before.memzones);
	/* one more than there is: two zones */
	void *more = dad_dma_alloc_coherent(dev, PAGE, &handle);
	assert_int_equal(info_of(domain).memzones, before.memzones + 1);
	dad_dma_free_coherent(dev, PAGE, va, first);
	for (unsigned int i = 0; i < n; i++)
		dad_dma_free_flags(dev, PAGE, DAD_DMA_ALLOC_NEVER_GROW, live[i].va, live[i].handle);
	dad_dma_free_flags(dev, PAGE, DAD_DMA_ALLOC_NEVER_GROW, more, handle);
	assert_int_equal(info_of(domain).memzones, before.memzones + 1);
	assert_int_equal(coherent_bytes_of(dev), 0);
	/* the next one that may do it gives back what is too much */
	va = dad_dma_alloc_coherent(dev, PAGE, &first);
	dad_dma_free_coherent(dev, PAGE, va, first);
	assert_int_equal(info_of(domain).memzones, 1);
}

static void *
grow_slowly(void *arg)
{
	dad_dma_addr_t handle;
	void *va = dad_dma_alloc_coherent(dev, 2u << 20, &handle);

	(void)arg;
	dad_dma_free_coherent(dev, 2u << 20, va, handle);
	return va;
}

/* EAL takes its time for another thread, which holds whatever growing holds. */
static void
never_grow_does_not_wait_for_who_grows(void **state)
{
	dad_dma_addr_t handle;
	pthread_t grower;
	void *result;

	(void)state;
	struct dad_dma_pool *pool = dad_dma_pool_create("patient", dev, 64, 0, 0);
	void *va = dad_dma_pool_alloc(pool, 0, &handle);
	assert_non_null(va);
	assert_int_equal(dad_dma_pool_free(pool, va, handle), 0);
	/* nothing is at hand for the other thread, but pages are for this one */
	unsigned int n = 0;
	while ((live[n].va = dad_dma_alloc_flags(
			dev, 2u << 20, DAD_DMA_ALLOC_NEVER_GROW, &live[n].handle)) != NULL)
		n++;
	dad_dma_addr_t page_handle;
	void *page = dad_dma_alloc_coherent(dev, PAGE, &page_handle);
	assert_non_null(page);

	__atomic_store_n(&zone_gate, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_create(&grower, NULL, grow_slowly, NULL), 0);
	while (__atomic_load_n(&zone_gate, __ATOMIC_ACQUIRE) != 2)
		sched_yield();
	for (unsigned int i = 0; i < 1000; i++) {
		va = dad_dma_alloc_flags(dev, PAGE, DAD_DMA_ALLOC_NEVER_GROW, &handle);
		assert_non_null(va);
		dad_dma_free_flags(dev, PAGE, DAD_DMA_ALLOC_NEVER_GROW, va, handle);
		va = dad_dma_pool_alloc(pool, DAD_DMA_ALLOC_NEVER_GROW, &handle);
		assert_non_null(va);
		assert_int_equal(dad_dma_pool_free(pool, va, handle), 0);
	}
	assert_null(dad_dma_alloc_flags(dev, 2u << 20, DAD_DMA_ALLOC_NEVER_GROW, &handle));
	assert_int_equal(rte_errno, ENOMEM);
	__atomic_store_n(&zone_gate, 0, __ATOMIC_RELEASE);
	pthread_join(grower, &result);
	assert_non_null(result);
	dad_dma_free_coherent(dev, PAGE, page, page_handle);
	while (n-- > 0)
		dad_dma_free_coherent(dev, 2u << 20, live[n].va, live[n].handle);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
}

/* In a process that is killed by its first system call. */
static void
never_grow_makes_no_system_call(void **state)
{
	dad_dma_addr_t handle, object;

	(void)state;
	struct dad_dma_pool *pool = dad_dma_pool_create("silent", dev, 64, 0, 0);
	void *va = dad_dma_alloc_coherent(dev, PAGE, &handle);
	void *o = dad_dma_pool_alloc(pool, 0, &object);
	assert_true(va != NULL && o != NULL);
	assert_int_equal(dad_dma_pool_free(pool, o, object), 0);

	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dad_dma_addr_t h;
		int good = 1;

		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
			_exit(EAL_TEST_SKIP);
		for (unsigned int i = 0; i < 1000; i++) {
			void *p = dad_dma_alloc_flags(dev, PAGE, DAD_DMA_ALLOC_NEVER_GROW, &h);
			good &= p != NULL;
			dad_dma_free_flags(dev, PAGE, DAD_DMA_ALLOC_NEVER_GROW, p, h);
			p = dad_dma_pool_alloc(pool, DAD_DMA_ALLOC_NEVER_GROW, &h);
			good &= p != NULL;
			good &= dad_dma_pool_free(pool, p, h) == 0;
		}
		/* more than there can be at hand: it fails in silence, too */
		good &= dad_dma_alloc_flags(dev, 1u << 30, DAD_DMA_ALLOC_NEVER_GROW, &h) == NULL;
		syscall(SYS_exit, good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == EAL_TEST_SKIP)
		print_message("no seccomp here: not shown\n");
	else
		assert_int_equal(WEXITSTATUS(status), 0);
	dad_dma_free_coherent(dev, PAGE, va, handle);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
}

/* ---- what lcores keep ------------------------------------------------------------------------ */

static void
what_another_lcore_keeps_is_found_before_growing(void **state)
{
	const unsigned int lcores[] = {1, 2, RTE_MAX_LCORE - 1, LCORE_ID_ANY};
	struct dad_dma_coherent_info before = info_of(domain);
	dad_dma_addr_t handle;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(lcores); i++) {
		for (unsigned int order = 0; order < 3; order++) {
			be_lcore(lcores[i]);
			void *va = dad_dma_alloc_coherent(dev, PAGE << order, &handle);
			assert_non_null(va);
			/* another lcore gives it back, which keeps it; twice is one too many */
			be_lcore(lcores[(i + 1) % RTE_DIM(lcores)]);
			dad_dma_free_coherent(dev, PAGE << order, va, handle);
			dad_dma_free_coherent(dev, PAGE << order, va, handle);
			be_lcore(0);
			dad_dma_free_coherent(dev, PAGE << order, va, handle);
		}
	}
	assert_int_equal(coherent_bytes_of(dev), 0);
	assert_int_equal(info_of(domain).free_bytes, info_of(domain).bytes);
	unsigned int n = 0;
	while (n < MANY &&
		(live[n].va = dad_dma_alloc_flags(
			 dev, PAGE, DAD_DMA_ALLOC_NEVER_GROW, &live[n].handle)) != NULL)
		n++;
	assert_int_equal(n, info_of(domain).bytes / PAGE);
	assert_int_equal(info_of(domain).free_bytes, 0);
	/* no two are the same */
	for (unsigned int i = 0; i < n; i++)
		*(unsigned int *)live[i].va = i;
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(*(unsigned int *)live[i].va, i);
	while (n-- > 0) {
		be_lcore(lcores[n % RTE_DIM(lcores)]);
		dad_dma_free_coherent(dev, PAGE, live[n].va, live[n].handle);
	}
	be_lcore(0);
	assert_int_equal(coherent_bytes_of(dev), 0);
	assert_int_equal(info_of(domain).free_bytes, info_of(domain).bytes);
	assert_true(info_of(domain).memzones <= before.memzones + 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_in_reach_is_looked_for),
		cmocka_unit_test(what_another_lcore_keeps_is_found_before_growing),
		cmocka_unit_test(never_grow_takes_what_is_there_and_keeps_it),
		cmocka_unit_test(never_grow_does_not_wait_for_who_grows),
		cmocka_unit_test(never_grow_makes_no_system_call),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
