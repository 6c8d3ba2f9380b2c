/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal_memconfig.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "dad_dma_sg.h"
#include "dma_internal.h"
#include "eal_test.h"
#include "test_alloc.h"

/* The direct path takes no lock, makes no system call and allocates nothing: each call that has
 * one, where IOVAs are EAL's, and where they are mapped for the device. */

#define PAGE   4096u
#define BUFFER (1u << 20)
#define BURST  32u
#define LIST   8u

static struct dad_dma_domain *domain;
static struct dad_dma_dev *dev;
static char *buffer;
static struct rte_mbuf *mbuf; /* a chain of two */

/* ---- every mutex that the library takes ----------------------------------------------------- */

static unsigned int mutexes;

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

int
__wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	__atomic_fetch_add(&mutexes, 1, __ATOMIC_RELAXED);
	return __real_pthread_mutex_lock(mutex);
}

/* ---- the direct path ---------------------------------------------------------------------------
 */

/* Some neighbours, which are merged, and some not; as a list, and as an iovec. */
static bool
use_lists(void)
{
	struct dad_sg sg[LIST];
	struct iovec iov[LIST];
	struct dad_sg_table t = {.sg = sg, .max = LIST};

	for (unsigned int i = 0; i < LIST; i++) {
		sg[i] = (struct dad_sg){.va = buffer + (i + i / 4) * PAGE, .length = PAGE};
		iov[i] = (struct iovec){.iov_base = sg[i].va, .iov_len = PAGE};
	}
	unsigned int segments = dad_dma_map_sg(dev, sg, LIST, DAD_DMA_BIDIRECTIONAL);
	dad_dma_sync_sg_for_cpu(dev, sg, LIST, DAD_DMA_BIDIRECTIONAL);
	dad_dma_sync_sg_for_device(dev, sg, LIST, DAD_DMA_BIDIRECTIONAL);
	dad_dma_unmap_sg(dev, sg, LIST, DAD_DMA_BIDIRECTIONAL);
	if (dad_dma_map_iovec(dev, iov, LIST, &t, DAD_DMA_TO_DEVICE, 0) != 0)
		return false;
	dad_dma_unmap_sg(dev, sg, t.entries, DAD_DMA_TO_DEVICE);
	bool ok = segments == 2 && t.segments == 2;
	if (dad_dma_map_mbuf(dev, mbuf, &t, DAD_DMA_FROM_DEVICE, 0) != 0)
		return false;
	dad_dma_unmap_sg(dev, sg, t.entries, DAD_DMA_FROM_DEVICE);
	return ok && t.entries == 2;
}

/* The translations, and what asks about an address. */
static bool
use_lookups(char *one, dad_dma_addr_t a)
{
	size_t contig;

	return dad_dma_virt_to_bus(domain, one, &contig) == a && contig > 0 &&
		dad_dma_bus_to_virt(domain, a, &contig) == one && contig > 0 &&
		dad_dma_mapping_error(dev, a) == 0 && !dad_dma_is_bounced(dev, a);
}

/* By a page, and where IOVAs are physical addresses by those. */
static bool
use_pages(char *one, dad_dma_addr_t a)
{
	dad_dma_addr_t b = dad_dma_map_page(dev, one - 100, 100, 1500, DAD_DMA_TO_DEVICE);

	dad_dma_unmap_single(dev, b, 1500, DAD_DMA_TO_DEVICE);
	if (domain->ops != NULL || rte_eal_iova_mode() != RTE_IOVA_PA)
		return a == b;
	dad_dma_addr_t c = dad_dma_map_phys(dev, a, 1500, DAD_DMA_TO_DEVICE, 0);
	dad_dma_unmap_phys(dev, c, 1500, DAD_DMA_TO_DEVICE, 0);
	return a == b && a == c;
}

/* True if all of it worked. */
static bool
use_the_direct_path(void)
{
	bool ok = true;

	for (unsigned int i = 0; i < 10000; i++) {
		void *va[BURST];
		uint32_t size[BURST];
		dad_dma_addr_t addr[BURST];
		char *one = buffer + PAGE + (i * 4099u) % (BUFFER - 3 * PAGE);
		dad_dma_addr_t a = dad_dma_map_single(dev, one, 1500, DAD_DMA_BIDIRECTIONAL);

		ok &= a != DAD_DMA_MAPPING_ERROR;
		dad_dma_sync_single_for_cpu(dev, a, 1500, DAD_DMA_BIDIRECTIONAL);
		dad_dma_sync_single_for_device(dev, a, 1500, DAD_DMA_BIDIRECTIONAL);
		dad_dma_unmap_single(dev, a, 1500, DAD_DMA_BIDIRECTIONAL);
		for (unsigned int k = 0; k < BURST; k++) {
			va[k] = buffer + k * PAGE;
			size[k] = PAGE;
		}
		ok &= dad_dma_map_burst(dev, va, size, BURST, DAD_DMA_TO_DEVICE, addr) == BURST;
		dad_dma_unmap_burst(dev, addr, size, BURST, DAD_DMA_TO_DEVICE);
		ok &= use_lists() && use_lookups(one, a) && use_pages(one, a);
	}
	return ok;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static unsigned int backend_calls;

static int
backend_map(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	(void)priv;
	(void)va;
	(void)size;
	(void)dir;
	backend_calls++;
	return iova == 0 ? -EINVAL : 0;
}

static int
backend_unmap(void *priv, dad_dma_addr_t iova, size_t size)
{
	(void)priv;
	(void)iova;
	(void)size;
	backend_calls++;
	return 0;
}

static const struct dad_dma_domain_ops ops = {.map = backend_map, .unmap = backend_unmap};

static const struct dad_dma_domain_conf confs[] = {
	{.name = "identity"},
	{.name = "soft", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = SOCKET_ID_ANY},
	{.name = "custom", .type = DAD_DMA_DOMAIN_CUSTOM, .ops = &ops, .socket_id = SOCKET_ID_ANY},
};

/* In each kind of domain; nothing is left to its backend, and no other rung is taken. In those that
 * remap there is something in a window, so that an unmap has to look. */
static void
in_each_domain(void (*check)(void))
{
	for (unsigned int i = 0; i < RTE_DIM(confs); i++) {
		struct dad_dma_dev_stats stats;

		domain = i == 0 ? dad_dma_domain_identity() : dad_dma_domain_create(&confs[i]);
		assert_non_null(domain);
		dev = dad_dma_dev_create("direct", domain, SOCKET_ID_ANY);
		struct dad_dma_dev *narrow = dad_dma_dev_create("narrow", domain, SOCKET_ID_ANY);
		assert_non_null(dev);
		assert_non_null(narrow);
		assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
		dad_dma_addr_t a = dad_dma_map_single(narrow, buffer, PAGE, DAD_DMA_TO_DEVICE);
		assert_true(i == 0 || a != DAD_DMA_MAPPING_ERROR);
		unsigned int calls = backend_calls;
		check();
		assert_int_equal(backend_calls, calls);
		dad_dma_dev_stats(dev, &stats);
		assert_int_equal(stats.window + stats.strict + stats.bounce + stats.unmapped, 0);
		if (a != DAD_DMA_MAPPING_ERROR)
			dad_dma_unmap_single(narrow, a, PAGE, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_dev_destroy(narrow), 0);
		assert_int_equal(dad_dma_dev_destroy(dev), 0);
		dad_dma_domain_put(domain);
	}
}

static void
look_for_allocations(void)
{
	/* any allocation would fail, and be missed */
	long before = test_alloc_live;

	test_alloc_countdown = 1;
	assert_true(use_the_direct_path());
	assert_int_equal(test_alloc_countdown, 1);
	/* one is noticed */
	assert_null(dad_dma_dev_create("another", domain, SOCKET_ID_ANY));
	assert_int_equal(test_alloc_countdown, 0);
	assert_int_equal(test_alloc_live, before);
}

static void
nothing_is_allocated(void **state)
{
	(void)state;
	in_each_domain(look_for_allocations);
}

/* No mutex of the library; and the other locks, of the domain and of EAL's memory, are held by this
 * thread: to take one is to hang. */
static void
look_for_locks(void)
{
	rte_mcfg_mem_write_lock();
	lock_take(&domain->table_lock);
	unsigned int before = mutexes;
	alarm(60);
	bool ok = use_the_direct_path();
	alarm(0);
	unsigned int taken = mutexes - before;
	lock_drop(&domain->table_lock);
	rte_mcfg_mem_write_unlock();
	assert_true(ok);
	assert_int_equal(taken, 0);
	/* one is noticed */
	before = mutexes;
	dad_dma_dev_count_direct(dev, false);
	assert_int_equal(mutexes - before, 1);
}

static void
no_lock_is_taken(void **state)
{
	(void)state;
	in_each_domain(look_for_locks);
}

/* The kernel kills a child that makes any system call but read, write and exit. */
static int
status_of_a_child(bool with_a_call)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
			_exit(77);
		bool ok = use_the_direct_path();

		if (with_a_call)
			syscall(SYS_getpid);
		syscall(SYS_exit, ok ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool has_seccomp = true;

static void
look_for_system_calls(void)
{
	int status = status_of_a_child(false);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		has_seccomp = false;
		return;
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* one is noticed */
	assert_true(WIFSIGNALED(status_of_a_child(true)));
}

static void
no_system_call_is_made(void **state)
{
	(void)state;
	in_each_domain(look_for_system_calls);
	if (!has_seccomp)
		skip();
}

static struct rte_mbuf *
make_chain(struct rte_mempool *mp)
{
	struct rte_mbuf *m[2];

	for (unsigned int i = 0; i < 2; i++) {
		m[i] = rte_pktmbuf_alloc(mp);
		if (m[i] == NULL || rte_pktmbuf_append(m[i], 1000) == NULL)
			return NULL;
	}
	return rte_pktmbuf_chain(m[0], m[1]) == 0 ? m[0] : NULL;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_allocated),
		cmocka_unit_test(no_lock_is_taken),
		cmocka_unit_test(no_system_call_is_made),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	struct rte_mempool *mp = rte_pktmbuf_pool_create("direct", 31, 0, 0, 2048, SOCKET_ID_ANY);
	buffer = rte_malloc(NULL, BUFFER, PAGE);
	mbuf = mp != NULL ? make_chain(mp) : NULL;
	if (buffer == NULL || mbuf == NULL)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_pktmbuf_free(mbuf);
	rte_mempool_free(mp);
	rte_free(buffer);
	rte_eal_cleanup();
	return ret;
}
