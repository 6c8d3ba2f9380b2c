/* SPDX-License-Identifier: BSD-3-Clause */
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

#include <rte_malloc.h>

#include "dad_dma_sg.h"
#include "dma_internal.h"
#include "eal_test.h"
#include "test_alloc.h"

/* The direct path takes no lock, makes no system call and allocates nothing: in the identity
 * domain, and in those that remap, where memory was mapped before. */

#define PAGE   4096u
#define BUFFER (1u << 20)
#define BURST  32u
#define LIST   8u

static struct dad_dma_domain *domain; /* of the test's turn */
static struct dad_dma_dev *dev;
static char *buffer;

/* ---- domains ----------------------------------------------------------------------------------
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

static void
make(const struct dad_dma_domain_conf *conf)
{
	domain = conf->type == DAD_DMA_DOMAIN_IDENTITY ? dad_dma_domain_identity()
						       : dad_dma_domain_create(conf);
	assert_non_null(domain);
	dev = dad_dma_dev_create("direct", domain, SOCKET_ID_ANY);
	assert_non_null(dev);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	backend_calls = 0;
}

/* There was nothing to do for the backend, and no other rung was taken. */
static void
unmake(void)
{
	struct dad_dma_dev_stats stats;

	assert_int_equal(backend_calls, 0);
	dad_dma_dev_stats(dev, &stats);
	assert_int_equal(stats.window + stats.strict + stats.bounce + stats.unmapped, 0);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

/* ---- what they are used for -------------------------------------------------------------------
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
	return segments == 2 && t.segments == 2;
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
		char *one = buffer + (i * 4099u) % (BUFFER - 2 * PAGE);
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
		ok &= use_lists();
	}
	return ok;
}

static void
nothing_is_allocated(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(confs); i++) {
		make(&confs[i]);
		/* any allocation would fail, and be missed */
		long before = test_alloc_live;

		test_alloc_countdown = 1;
		assert_true(use_the_direct_path());
		assert_int_equal(test_alloc_countdown, 1);
		test_alloc_countdown = 0;
		assert_int_equal(test_alloc_live, before);
		unmake();
	}
}

static bool
use_it_with_all_locks_held(void)
{
	pthread_mutex_lock(&domain->arena_lock);
	pthread_mutex_lock(&domain->lock);
	pthread_mutex_lock(&domain->queue_lock);
	pthread_mutex_lock(&domain->watch_lock);
	lock_take(&domain->table_lock);
	alarm(10);
	bool ok = use_the_direct_path();
	alarm(0);
	lock_drop(&domain->table_lock);
	pthread_mutex_unlock(&domain->watch_lock);
	pthread_mutex_unlock(&domain->queue_lock);
	pthread_mutex_unlock(&domain->lock);
	pthread_mutex_unlock(&domain->arena_lock);
	return ok;
}

/* To take one is to hang. */
static void
no_lock_is_taken(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(confs); i++) {
		make(&confs[i]);
		assert_true(use_it_with_all_locks_held());
		unmake();
	}
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

static void
no_system_call_is_made(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(confs); i++) {
		make(&confs[i]);
		int status = status_of_a_child(false);
		bool none = WIFEXITED(status) && WEXITSTATUS(status) == 77;

		/* it would have been noticed */
		bool noticed = none || WIFSIGNALED(status_of_a_child(true));
		unmake();
		if (none)
			skip(); /* no seccomp here */
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_true(noticed);
	}
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
	buffer = rte_malloc(NULL, BUFFER, PAGE);
	if (buffer == NULL)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_free(buffer);
	rte_eal_cleanup();
	return ret;
}
