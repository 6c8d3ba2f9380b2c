/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/seccomp.h>
#include <numa.h>
#include <numaif.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_pool.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "test_alloc.h"

#define PAGE 4096u

static struct dad_dma_domain *domain;
static struct dad_dma_dev *dev;

static int
setup(void **state)
{
	(void)state;
	domain = dad_dma_domain_identity();
	if (domain == NULL)
		return -1;
	dev = dad_dma_dev_create("coherent", domain, SOCKET_ID_ANY);
	return dev == NULL ? -1 : dad_dma_set_mask_and_coherent(dev, DAD_DMA_BIT_MASK(64));
}

static int
teardown(void **state)
{
	(void)state;
	int ret = dad_dma_dev_destroy(dev);

	dad_dma_domain_put(domain);
	return ret;
}

/* ---- memzones that fail, or take their time -------------------------------------------------- */

static long zone_countdown; /* 1: the next one fails; 0: none does */
static int zone_gate;	    /* 1: closed; 2: closed, and somebody waits at it */

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
	if (__atomic_load_n(&zone_gate, __ATOMIC_ACQUIRE) != 0) {
		__atomic_store_n(&zone_gate, 2, __ATOMIC_RELEASE);
		while (__atomic_load_n(&zone_gate, __ATOMIC_ACQUIRE) != 0)
			sched_yield();
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

static uint64_t
bytes_of(const struct dad_dma_dev *d)
{
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(d, &stats);
	return stats.coherent_bytes;
}

/* ---- many -------------------------------------------------------------------------------------
 */

#define MANY 100000u

static struct {
	uint32_t *va;
	dad_dma_addr_t handle;
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
	assert_int_equal(bytes_of(dev), (uint64_t)n * PAGE);
	for (unsigned int i = 0; i < n; i++) {
		assert_true(live[i].va[0] == i && live[i].va[PAGE / 4 - 1] == ~i);
		dad_dma_free_coherent(dev, PAGE, live[i].va, live[i].handle);
	}
	assert_int_equal(bytes_of(dev), 0);
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
		assert_int_equal(bytes_of(dev), size);
		/* another order is not what was allocated */
		dad_dma_free_pages(dev, order + 1, va, handle);
		assert_int_equal(bytes_of(dev), size);
		dad_dma_free_pages(dev, order, va, handle);
		assert_int_equal(bytes_of(dev), 0);
	}
	assert_null(dad_dma_alloc_pages(dev, 63, 0, &handle));
	assert_int_equal(rte_errno, ENOMEM);
	assert_null(dad_dma_alloc_flags(dev, PAGE, 1u << 20, &handle));
	assert_int_equal(rte_errno, EINVAL);
}

/* ---- never growing ------------------------------------------------------------------------------
 */

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
	assert_int_equal(bytes_of(dev), 0);
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
	assert_int_equal(bytes_of(dev), 0);
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

/* ---- another process ----------------------------------------------------------------------------
 */

static const char *self;

/* What the other process does: it maps the file, and adds one to each byte. */
static int
be_the_other(char **argv)
{
	int fd = atoi(argv[2]);
	size_t page = strtoull(argv[3], NULL, 0), offset = strtoull(argv[4], NULL, 0);
	size_t size = strtoull(argv[5], NULL, 0), delta = offset & (page - 1);
	size_t len = (delta + size + page - 1) & ~(page - 1);
	unsigned char *map =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(offset - delta));

	if (map == MAP_FAILED)
		return 2;
	for (size_t i = 0; i < size; i++)
		if (map[delta + i]++ != (unsigned char)(i * 7))
			return 3;
	return 0;
}

static int
run_the_other(const struct dad_dma_export *e, size_t size)
{
	char args[4][32];
	int status;

	snprintf(args[0], sizeof(args[0]), "%d", e->fd);
	snprintf(args[1], sizeof(args[1]), "%zu", e->page_size);
	snprintf(args[2], sizeof(args[2]), "%zu", e->offset);
	snprintf(args[3], sizeof(args[3]), "%zu", size);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		fcntl(e->fd, F_SETFD, 0);
		execl("/proc/self/exe", self, "--map", args[0], args[1], args[2], args[3],
			(char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void
another_process_maps_an_exported_buffer(void **state)
{
	const size_t size = 3 * PAGE + 100;
	struct dad_dma_export export;
	dad_dma_addr_t first, handle;

	(void)state;
	/* not the first of its hugepage */
	void *other = dad_dma_alloc_coherent(dev, PAGE, &first);
	unsigned char *va = dad_dma_alloc_coherent(dev, size, &handle);
	assert_true(other != NULL && va != NULL);
	int ret = dad_dma_export_fd(va, size, &export);
	if (!rte_eal_has_hugepages() && ret == -ENOTSUP) {
		print_message("EAL has no files without hugepages\n");
	} else {
		assert_int_equal(ret, 0);
		assert_true(fcntl(export.fd, F_GETFD) & FD_CLOEXEC);
		for (size_t i = 0; i < size; i++)
			va[i] = (unsigned char)(i * 7);
		assert_int_equal(run_the_other(&export, size), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(va[i], (unsigned char)(i * 7 + 1));
		close(export.fd);
	}
	dad_dma_free_coherent(dev, size, va, handle);
	dad_dma_free_coherent(dev, PAGE, other, first);
}

static void
what_has_no_file_is_not_exported(void **state)
{
	struct dad_dma_export export;
	int on_stack = 0;

	(void)state;
	assert_int_equal(dad_dma_export_fd(&on_stack, 4, &export), -ENOENT);
	assert_int_equal(dad_dma_export_fd(NULL, 4, &export), -ENOENT);
	dad_dma_addr_t handle;
	void *va = dad_dma_alloc_coherent(dev, PAGE, &handle);
	assert_int_equal(dad_dma_export_fd(va, 0, &export), -EINVAL);
	assert_int_equal(dad_dma_export_fd(va, SIZE_MAX, &export), -EINVAL);
	assert_int_equal(dad_dma_export_fd(va, PAGE, NULL), -EINVAL);
	if (rte_eal_has_hugepages()) {
		/* a file a hugepage, unless EAL was told otherwise */
		const size_t size = 6u << 20;
		unsigned char *large = rte_malloc(NULL, size, 2u << 20);
		const char *more = getenv("DAD_TEST_EAL");
		assert_non_null(large);
		if (more != NULL && strstr(more, "--single-file-segments") != NULL) {
			for (size_t i = 0; i < size; i++)
				large[i] = (unsigned char)(i * 7);
			assert_int_equal(dad_dma_export_fd(large, size, &export), 0);
			assert_int_equal(run_the_other(&export, size), 0);
			close(export.fd);
		} else {
			assert_int_equal(dad_dma_export_fd(large, size, &export), -E2BIG);
		}
		rte_free(large);
	}
	dad_dma_free_coherent(dev, PAGE, va, handle);

	void *external =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(rte_extmem_register(external, 4 * PAGE, NULL, 0, PAGE), 0);
	assert_int_equal(dad_dma_export_fd(external, PAGE, &export), -ENOTSUP);
	assert_int_equal(rte_extmem_unregister(external, 4 * PAGE), 0);
	munmap(external, 4 * PAGE);
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
	assert_int_equal(bytes_of(narrow), 0);
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
	assert_int_equal(bytes_of(d), 2 * PAGE);
	dad_dma_free_coherent(d, PAGE, va, handle);
	dad_dma_free_noncoherent(d, PAGE, DAD_DMA_BIDIRECTIONAL, vb, synced);
	assert_int_equal(bytes_of(d), 0);
	assert_int_equal(dad_dma_dev_destroy(d), 0);
	dad_dma_domain_put(soft);
}

/* ---- threads
 * -------------------------------------------------------------------------------------- */

#define THREADS 4u

struct thread {
	pthread_t id;
	unsigned int i;
	unsigned int errors;
};

/* A thread inherits the one CPU that EAL gave to the main lcore: there, threads hardly meet. Where
 * the CPU asked for is not ours, it stays there. */
static void
spread_out(unsigned int i)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(i % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

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
	assert_int_equal(bytes_of(dev), 0);
	assert_int_equal(info_of(domain).free_bytes, info_of(domain).bytes);
}

/* ---- failures
 * --------------------------------------------------------------------------------------- */

/* Buffers of all kinds, until there are some zones; one allocation or memzone fails. Either all is
 * well, or one call says ENOMEM; nothing is lost. */
static bool
life_with_failure(long memory, long zones)
{
	static const size_t sizes[] = {PAGE, 3 * PAGE, 2u << 20, 4u << 20, PAGE};
	struct dad_dma_coherent_info before = info_of(domain);
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
	assert_int_equal(bytes_of(dev), 0);
	struct dad_dma_coherent_info after = info_of(domain);
	assert_int_equal(after.free_bytes, after.bytes);
	assert_true(after.memzones <= 1);
	/* pages of a table stay once they are needed: compared only from the second time on */
	if (before.memzones == 1 && after.bytes == before.bytes && after.arenas == before.arenas)
		assert_true(test_alloc_live - allocated <= 8);
	return failed;
}

static void
no_allocation_that_fails_loses_anything(void **state)
{
	long n;

	(void)state;
	life_with_failure(0, 0);
	for (n = 1; life_with_failure(n, 0); n++)
		;
	assert_true(n > 3);
	for (n = 1; life_with_failure(0, n); n++)
		;
	assert_true(n > 1);
	/* and in the long run nothing piles up */
	long live_before = test_alloc_live;
	for (unsigned int i = 0; i < 20; i++) {
		life_with_failure(1 + i % 6, 0);
		life_with_failure(0, 1 + i % 3);
	}
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
	assert_int_equal(bytes_of(d), 0);
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
		cmocka_unit_test(a_hundred_thousand_buffers_live_in_few_memzones),
		cmocka_unit_test(pages_come_by_order),
		cmocka_unit_test(never_grow_takes_what_is_there_and_keeps_it),
		cmocka_unit_test(never_grow_does_not_wait_for_who_grows),
		cmocka_unit_test(never_grow_makes_no_system_call),
		cmocka_unit_test(memory_says_what_it_is_really_like),
		cmocka_unit_test(memory_lies_where_the_device_is),
		cmocka_unit_test(another_process_maps_an_exported_buffer),
		cmocka_unit_test(what_has_no_file_is_not_exported),
		cmocka_unit_test(narrow_devices_share_memory_through_the_iommu),
		cmocka_unit_test(only_noncoherent_memory_needs_a_sync),
		cmocka_unit_test(threads_grow_and_shrink_it_together),
		cmocka_unit_test(no_allocation_that_fails_loses_anything),
		cmocka_unit_test(a_backend_that_fails_loses_nothing),
	};

	if (argc == 6 && strcmp(argv[1], "--map") == 0)
		return be_the_other(argv);
	self = argv[0];
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
