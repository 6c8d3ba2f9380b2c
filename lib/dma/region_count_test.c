/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "eal_test.h"
#include "test_soft.h"

/* What a region counts as a mapping of it, and until when: it may go when nothing leads there any
 * more, neither in the backend nor in the domain. */

static char *memory; /* 16 pages */

/* ---- a backend that knows what is mapped, and stops where it is told
 * ------------------------------------------------------------------------------------------ */

#define MAPS 64u

static struct {
	pthread_mutex_t lock;
	struct {
		uint64_t iova, va, len;
	} maps[MAPS];
	unsigned int n;
	/* called by unmap() before anything is undone */
	void (*on_unmap)(void);
	/* map() of this address waits until it is 0 */
	uintptr_t held;
	bool is_held;
} backend = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int
backend_map(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	(void)priv;
	(void)dir;
	while (__atomic_load_n(&backend.held, __ATOMIC_ACQUIRE) == (uintptr_t)va) {
		__atomic_store_n(&backend.is_held, true, __ATOMIC_RELEASE);
		usleep(100);
	}
	pthread_mutex_lock(&backend.lock);
	int ret = backend.n < MAPS ? 0 : -ENOSPC;
	if (ret == 0) {
		backend.maps[backend.n].iova = iova;
		backend.maps[backend.n].va = (uintptr_t)va;
		backend.maps[backend.n++].len = size;
	}
	pthread_mutex_unlock(&backend.lock);
	return ret;
}

static int
backend_unmap(void *priv, dad_dma_addr_t iova, size_t size)
{
	(void)priv;
	if (backend.on_unmap != NULL)
		backend.on_unmap();
	pthread_mutex_lock(&backend.lock);
	for (unsigned int i = backend.n; i-- > 0;)
		if (backend.maps[i].iova < iova + size &&
			iova < backend.maps[i].iova + backend.maps[i].len)
			backend.maps[i] = backend.maps[--backend.n];
	pthread_mutex_unlock(&backend.lock);
	return 0;
}

/* Maps that lead into a piece of memory. */
static unsigned int
maps_of(const char *va, size_t len)
{
	unsigned int n = 0;

	pthread_mutex_lock(&backend.lock);
	for (unsigned int i = 0; i < backend.n; i++)
		n += backend.maps[i].va < (uintptr_t)va + len &&
			(uintptr_t)va < backend.maps[i].va + backend.maps[i].len;
	pthread_mutex_unlock(&backend.lock);
	return n;
}

static const struct dad_dma_domain_ops ops = {.map = backend_map, .unmap = backend_unmap};

/* Without direct mappings, which would be many. */
static struct dad_dma_dev *
make(unsigned int flags, unsigned int rungs)
{
	const struct dad_dma_domain_conf conf = {.name = "count",
		.type = DAD_DMA_DOMAIN_CUSTOM,
		.ops = &ops,
		.rungs = RUNG(WINDOW) | RUNG(STRICT) | RUNG(BOUNCE),
		.flags = flags,
		.socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);
	const struct dad_dma_bounce_conf bounce = {.size = 64u << 10};

	assert_non_null(domain);
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	return soft_device(domain, rungs);
}

static void
unmake(struct dad_dma_dev *dev)
{
	struct dad_dma_domain *domain = dad_dma_dev_domain(dev);

	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
	assert_int_equal(backend.n, 0);
}

static int
enter(struct dad_dma_dev *dev, char *va, unsigned int n)
{
	return dad_dma_mem_register(dad_dma_dev_domain(dev), va, (size_t)n * PAGE, NULL, 0, PAGE);
}

static int
leave(struct dad_dma_dev *dev, char *va, unsigned int n)
{
	return dad_dma_mem_unregister(dad_dma_dev_domain(dev), va, (size_t)n * PAGE);
}

/* ---- the end of a mapping --------------------------------------------------------------------
 */

static struct dad_dma_dev *asking;
static int answer;

static void
try_to_leave(void)
{
	answer = leave(asking, memory, 4);
}

/* While the backend still leads there, the memory must not be let go. */
static void
the_backend_lets_go_before_the_region(void **state)
{
	struct dad_dma_dev *dev = make(0, RUNG(STRICT));
	struct dad_sg sg[2] = {
		{.va = memory, .length = PAGE}, {.va = memory + 2 * PAGE, .length = PAGE}};
	struct dad_dma_iova_state s;

	(void)state;
	asking = dev;
	for (unsigned int way = 0; way < 3; way++) {
		dad_dma_addr_t a = 0;

		assert_int_equal(enter(dev, memory, 4), 0);
		if (way == 0) {
			a = dad_dma_map_single(dev, memory, PAGE, DAD_DMA_TO_DEVICE);
			assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		} else if (way == 1) {
			assert_true(dad_dma_map_sg(dev, sg, 2, DAD_DMA_TO_DEVICE) > 0);
		} else {
			assert_true(dad_dma_iova_try_alloc(dev, &s, memory, 3 * PAGE));
			assert_int_equal(
				dad_dma_iova_link(dev, &s, memory, 0, PAGE, DAD_DMA_TO_DEVICE, 0),
				0);
			assert_int_equal(dad_dma_iova_link(dev, &s, memory + 2 * PAGE, PAGE,
						 2 * PAGE, DAD_DMA_TO_DEVICE, 0),
				0);
		}
		answer = 1;
		backend.on_unmap = try_to_leave;
		if (way == 0)
			dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_TO_DEVICE);
		else if (way == 1)
			dad_dma_unmap_sg(dev, sg, 2, DAD_DMA_TO_DEVICE);
		else
			dad_dma_iova_destroy(dev, &s, 3 * PAGE, DAD_DMA_TO_DEVICE, 0);
		backend.on_unmap = NULL;
		assert_int_equal(answer, -EBUSY);
		assert_int_equal(leave(dev, memory, 4), 0);
		assert_int_equal(maps_of(memory, 4 * PAGE), 0);
	}
	unmake(dev);
}

/* ---- what is a mapping of a region
 * ------------------------------------------------------------------------------------------ */

/* A mapping of pages 0 and 2, made in one of the ways. */
struct mapping {
	unsigned int way;
	dad_dma_addr_t a[2];
	struct dad_sg sg[2];
	struct dad_dma_iova_state s;
};
#define WAYS 4u /* strict, bounce, list, range */

static struct dad_dma_dev *
make_for(unsigned int way)
{
	return make(0, way == 1 ? RUNG(BOUNCE) : RUNG(STRICT));
}

static void
begin(struct dad_dma_dev *dev, struct mapping *m)
{
	for (unsigned int i = 0; i < 2; i++) {
		char *va = memory + (size_t)2 * i * PAGE;

		m->sg[i] = (struct dad_sg){.va = va, .length = PAGE};
		if (m->way > 1)
			continue;
		m->a[i] = dad_dma_map_single(dev, va, PAGE, DAD_DMA_BIDIRECTIONAL);
		assert_int_equal(dad_dma_mapping_error(dev, m->a[i]), 0);
	}
	if (m->way == 2)
		assert_true(dad_dma_map_sg(dev, m->sg, 2, DAD_DMA_BIDIRECTIONAL) > 0);
	if (m->way == 3) {
		assert_true(dad_dma_iova_try_alloc(dev, &m->s, memory, 2 * PAGE));
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(dad_dma_iova_link(dev, &m->s, m->sg[i].va, i * PAGE, PAGE,
						 DAD_DMA_BIDIRECTIONAL, 0),
				0);
	}
}

static void
end(struct dad_dma_dev *dev, struct mapping *m)
{
	if (m->way < 2)
		for (unsigned int i = 0; i < 2; i++)
			dad_dma_unmap_single(dev, m->a[i], PAGE, DAD_DMA_BIDIRECTIONAL);
	if (m->way == 2)
		dad_dma_unmap_sg(dev, m->sg, 2, DAD_DMA_BIDIRECTIONAL);
	if (m->way == 3)
		dad_dma_iova_destroy(dev, &m->s, 2 * PAGE, DAD_DMA_BIDIRECTIONAL, 0);
}

/* It ends without being taken off the count of what came later, which would never be 0 again. */
static void
what_was_mapped_before_is_not_counted(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < WAYS * WAYS; i++) {
		struct dad_dma_dev *dev = make_for(i % WAYS);
		struct mapping early = {.way = i % WAYS}, late = {.way = i / WAYS};

		if ((early.way == 1) != (late.way == 1))
			late.way = early.way;
		begin(dev, &early);
		assert_int_equal(enter(dev, memory, 1), 0);
		assert_int_equal(leave(dev, memory, 1), 0);
		/* one of its two pages, or both */
		unsigned int pages = i % 3 == 0 ? 1 : 4;
		assert_int_equal(enter(dev, memory, pages), 0);
		begin(dev, &late);
		assert_int_equal(leave(dev, memory, pages), -EBUSY);
		end(dev, &early);
		assert_int_equal(leave(dev, memory, pages), -EBUSY);
		end(dev, &late);
		assert_int_equal(leave(dev, memory, pages), 0);
		unmake(dev);
	}
}

/* Nor is one that begins elsewhere and would use a part of a region: it is refused. */
static void
a_mapping_does_not_reach_into_a_region(void **state)
{
	char *region = memory + 4 * PAGE;

	(void)state;
	for (unsigned int way = 0; way < WAYS; way++) {
		struct dad_dma_dev *dev = make_for(way);

		assert_int_equal(enter(dev, region, 2), 0);
		for (unsigned int i = 0; i < 4; i++) { /* into it, over it, out of it, up to it */
			char *va = i == 2 ? region + PAGE : region - PAGE;
			size_t size = i == 1 ? 4 * PAGE : i == 3 ? PAGE : PAGE + 1;
			struct dad_sg sg = {.va = va, .length = size};
			struct dad_dma_iova_state s;
			int error = i == 3 ? 0 : EFAULT;

			if (way < 2) {
				dad_dma_addr_t a =
					dad_dma_map_single(dev, va, size, DAD_DMA_TO_DEVICE);
				assert_int_equal(a == DAD_DMA_MAPPING_ERROR ? rte_errno : 0, error);
				if (error == 0)
					dad_dma_unmap_single(dev, a, size, DAD_DMA_TO_DEVICE);
			} else if (way == 2) {
				unsigned int n = dad_dma_map_sg(dev, &sg, 1, DAD_DMA_TO_DEVICE);

				assert_int_equal(n == 0 ? rte_errno : 0, error);
				if (error == 0)
					dad_dma_unmap_sg(dev, &sg, 1, DAD_DMA_TO_DEVICE);
			} else {
				assert_true(dad_dma_iova_try_alloc(dev, &s, va, size));
				assert_int_equal(dad_dma_iova_link(dev, &s, va, 0, size,
							 DAD_DMA_TO_DEVICE, 0),
					-error);
				dad_dma_iova_destroy(
					dev, &s, error == 0 ? size : 0, DAD_DMA_TO_DEVICE, 0);
			}
		}
		assert_int_equal(leave(dev, region, 2), 0);
		unmake(dev);
	}
}

/* ---- lazily ------------------------------------------------------------------------------------
 */

static void *
map_elsewhere(void *arg)
{
	struct dad_dma_dev *dev = arg;
	dad_dma_addr_t a = dad_dma_map_single(dev, memory + 8 * PAGE, 1, DAD_DMA_TO_DEVICE);

	dad_dma_unmap_single(dev, a, 1, DAD_DMA_TO_DEVICE);
	return NULL;
}

static void *
leave_now(void *arg)
{
	answer = leave(arg, memory, 4);
	return NULL;
}

/* One thread forgets a region, and has to wait for another one that opens a window; meanwhile the
 * region's last mapping is unmapped, lazily. */
static void
what_waits_for_a_flush_goes_before_its_region(void **state)
{
	struct dad_dma_dev *dev = make(DAD_DMA_DOMAIN_LAZY, RUNG(STRICT));
	struct dad_dma_dev *other = soft_device(dad_dma_dev_domain(dev), RUNG(WINDOW));
	pthread_t opening, leaving;

	(void)state;
	assert_int_equal(enter(dev, memory, 4), 0);
	assert_int_equal(enter(dev, memory + 8 * PAGE, 4), 0);
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, PAGE, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, a), 0);

	backend.is_held = false;
	__atomic_store_n(&backend.held, (uintptr_t)memory + 8 * PAGE, __ATOMIC_RELEASE);
	assert_int_equal(pthread_create(&opening, NULL, map_elsewhere, other), 0);
	while (!__atomic_load_n(&backend.is_held, __ATOMIC_ACQUIRE))
		usleep(100);
	assert_int_equal(pthread_create(&leaving, NULL, leave_now, dev), 0);
	usleep(50000); /* it waits by now; if not, there is only less to see */
	dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_TO_DEVICE);
	__atomic_store_n(&backend.held, 0, __ATOMIC_RELEASE);
	pthread_join(leaving, NULL);
	assert_int_equal(answer, 0);
	assert_int_equal(maps_of(memory, 4 * PAGE), 0);
	pthread_join(opening, NULL);

	assert_int_equal(leave(dev, memory + 8 * PAGE, 4), 0);
	assert_int_equal(dad_dma_dev_destroy(other), 0);
	unmake(dev);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_backend_lets_go_before_the_region),
		cmocka_unit_test(what_was_mapped_before_is_not_counted),
		cmocka_unit_test(a_mapping_does_not_reach_into_a_region),
		cmocka_unit_test(what_waits_for_a_flush_goes_before_its_region),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_eal_cleanup();
	return ret;
}
