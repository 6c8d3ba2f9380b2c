/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_pool.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "telemetry_client.h"
#include "test_thread.h"

/* Telemetry as a client sees it. */

#define PAGE 4096u

static char *memory;

/* What the answer has to say, as printf() has it. */
static void __attribute__((format(printf, 3, 4)))
says(int fd, const char *command, const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	telemetry_assert_says(fd, command, what);
}

/* -1: skip; another process may have the socket. */
static int
make(struct dad_dma_domain_conf *conf, struct dad_dma_domain **domain, struct dad_dma_dev **dev)
{
	int fd = telemetry_connect();

	if (fd < 0)
		return -1;
	conf->type = DAD_DMA_DOMAIN_SOFT;
	conf->socket_id = SOCKET_ID_ANY;
	*domain = dad_dma_domain_create(conf);
	assert_non_null(*domain);
	*dev = dad_dma_dev_create("teller", *domain, SOCKET_ID_ANY);
	assert_non_null(*dev);
	return fd;
}

static void
unmake(int fd, struct dad_dma_domain *domain, struct dad_dma_dev *dev)
{
	close(fd);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

static void
numbers_and_names_are_told(void **state)
{
	struct dad_dma_domain_conf conf = {
		.name = "told", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};
	int fd = telemetry_connect();
	char byte;

	(void)state;
	if (fd < 0) {
		dad_dma_domain_put(domain);
		skip(); /* another process may have the socket */
	}
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	struct dad_dma_dev *dev = dad_dma_dev_create("teller", domain, SOCKET_ID_ANY);
	dad_dma_addr_t a = dad_dma_map_single(dev, &byte, 1, DAD_DMA_TO_DEVICE);
	dad_dma_addr_t b = dad_dma_map_single_attrs(
		dev, memory, 5000, DAD_DMA_TO_DEVICE, DAD_DMA_ATTR_FORCE_BOUNCE);
	dad_dma_map_single(dev, memory, 0, DAD_DMA_TO_DEVICE);
	dad_soft_dma_write(dev, a, &byte, 1);

	telemetry_assert_says(fd, "/dad/dma/domains", "\"told\"");
	telemetry_assert_says(fd, "/dad/dma/devices", "\"teller\"");
	telemetry_assert_says(fd, "/dad/dma/domain,told", "\"strict_maps\":1");
	telemetry_assert_says(fd, "/dad/dma/domain,told", "\"faults\":1");
	telemetry_assert_says(fd, "/dad/dma/domain,told", "\"arena_bytes\":");
	telemetry_assert_says(fd, "/dad/dma/domain,told", "direct window strict bounce");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"strict\":1");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"bounce\":1");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"alive\":2");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"copied_in\":5000");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"error_invalid\":1");
	telemetry_assert_says(fd, "/dad/dma/bounce,told", "\"slots\":512");
	telemetry_assert_says(fd, "/dad/dma/faults,told", "1: teller: write of 1 at");
	says(fd, "/dad/dma/faults,told", "\"1: nearest: 1 at %#" PRIx64 ", readable\"", a);
	telemetry_assert_says(fd, "/dad/dma/mappings,told", "bounce: 1048576 at");
	telemetry_assert_says(fd, "/dad/dma/mappings,told", "strict: 4096 at");
	telemetry_assert_says(fd, "/dad/dma/domain,nobody", "null");
	telemetry_assert_says(fd, "/dad/dma/device", "null");
	dad_dma_unmap_single(dev, a, 1, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dev, b, 5000, DAD_DMA_TO_DEVICE);
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"alive\":0");
	close(fd);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

static void
each_rung_and_the_registers_are_counted(void **state)
{
	struct dad_dma_domain_conf conf = {.name = "counted", .mapping_registers = 2000};
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev;
	struct dad_dma_domain_info info;
	static char bytes[2 * PAGE];
	dad_dma_addr_t a;
	int fd = make(&conf, &domain, &dev);

	(void)state;
	if (fd < 0)
		skip();
	/* two pages: two registers */
	char *edge = (char *)RTE_PTR_ALIGN_CEIL(bytes + 1, PAGE) - 1;
	a = dad_dma_map_single(dev, edge, 2, DAD_DMA_TO_DEVICE);
	says(fd, "/dad/dma/domain,counted", "\"registers_used\":2,");
	says(fd, "/dad/dma/domain,counted", "\"registers_max\":2000,");
	dad_dma_unmap_single(dev, a, 2, DAD_DMA_TO_DEVICE);
	says(fd, "/dad/dma/domain,counted", "\"registers_used\":0,\"registers_high\":2,");

	/* below 4 GiB EAL's memory has a second address only; with a wide mask it is direct */
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_WINDOW)), 0);
	for (unsigned int i = 0; i < 2; i++) {
		a = dad_dma_map_single(dev, memory, PAGE, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mapping_error(dev, a), 0);
		dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_TO_DEVICE);
	}
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNGS_ALL), 0);
	assert_int_equal(dad_dma_set_mask(dev, UINT64_MAX), 0);
	dad_dma_dev_count_direct(dev, true);
	for (unsigned int i = 0; i < 3; i++) {
		a = dad_dma_map_single(dev, memory, PAGE, DAD_DMA_TO_DEVICE);
		dad_dma_unmap_single(dev, a, PAGE, DAD_DMA_TO_DEVICE);
	}
	says(fd, "/dad/dma/device,teller", "\"direct\":3,\"window\":2,\"strict\":1,\"bounce\":0,");
	says(fd, "/dad/dma/device,teller", "\"unmapped\":6,\"alive\":0,");
	dad_dma_domain_info(domain, &info);
	assert_true(info.window_bytes >= 2 * PAGE);
	says(fd, "/dad/dma/domain,counted",
		"\"registers_used\":%" PRIu64 ",\"registers_high\":%" PRIu64
		",\"registers_max\":2000,\"window_bytes\":%" PRIu64 ",",
		info.window_bytes / PAGE, info.window_bytes / PAGE, info.window_bytes);
	unmake(fd, domain, dev);
}

static void
limits_and_a_pool_of_its_own_are_told(void **state)
{
	struct dad_dma_domain_conf conf = {.name = "limited"};
	struct dad_dma_limits limits = {.max_seg_size = 8192,
		.seg_boundary = 0xffff,
		.alignment = 64,
		.min_align_mask = 0x3f,
		.excl_low = 0x1000,
		.excl_high = 0x1fff,
		.bus_offset = 0x10000000};
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev, *other;
	struct dad_dma_bounce_stats s;
	char byte __rte_cache_aligned = 0;
	int fd = make(&conf, &domain, &dev);

	(void)state;
	if (fd < 0)
		skip();
	other = dad_dma_dev_create("other", domain, SOCKET_ID_ANY);
	says(fd, "/dad/dma/device,other",
		"\"max_seg_size\":65536,\"seg_boundary\":\"0xffffffffffffffff\",\"alignment\":1,");
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	says(fd, "/dad/dma/device,teller",
		"\"max_seg_size\":8192,\"seg_boundary\":\"0xffff\",\"alignment\":64,"
		"\"min_align_mask\":\"0x3f\",\"excl_low\":\"0x1000\",\"excl_high\":\"0x1fff\","
		"\"bus_offset\":\"0x10000000\",");
	limits.bus_offset = INT64_C(1) << 32;
	assert_int_equal(dad_dma_set_limits(other, &limits), 0);
	says(fd, "/dad/dma/device,other", "\"bus_offset\":\"0x100000000\",");
	limits.bus_offset = -4096;
	assert_int_equal(dad_dma_set_limits(other, &limits), 0);
	says(fd, "/dad/dma/device,other", "\"bus_offset\":\"-0x1000\",");
	assert_int_equal(dad_dma_set_limits(other, &(struct dad_dma_limits){0}), 0);

	/* a fault tells the mapping with the address that the device has */
	dad_dma_addr_t a = dad_dma_map_single(dev, &byte, 1, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, a), 0);
	assert_int_equal(dad_soft_dma_write(dev, a, "w", 1), -EACCES);
	says(fd, "/dad/dma/faults,limited", "\"1: nearest: 1 at %#" PRIx64 ", readable\"", a);
	dad_dma_unmap_single(dev, a, 1, DAD_DMA_TO_DEVICE);

	says(fd, "/dad/dma/device_bounce,teller", "{\"/dad/dma/device_bounce\":{}}");
	struct dad_dma_bounce_conf own = {.size = 64u << 10, .dev = dev};
	assert_int_equal(dad_dma_bounce_create(domain, &own), 0);
	a = dad_dma_map_single(dev, memory, 5000, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, a), 0);
	assert_int_equal(dad_dma_bounce_stats(domain, dev, &s), 0);
	says(fd, "/dad/dma/device_bounce,teller",
		"\"slots\":32,\"slot_bytes\":2048,\"used\":3,\"cached\":0,\"high\":3,\"full\":0,"
		"\"lowest\":\"%#" PRIx64 "\",\"highest\":\"%#" PRIx64 "\",\"own\":1",
		s.lowest, s.highest);
	says(fd, "/dad/dma/device_bounce,other", "{}");
	says(fd, "/dad/dma/bounce,limited", "{}");
	struct dad_dma_bounce_conf shared = {.size = 128u << 10};
	assert_int_equal(dad_dma_bounce_create(domain, &shared), 0);
	says(fd, "/dad/dma/device_bounce,other", "\"slots\":64,");
	says(fd, "/dad/dma/device_bounce,other", "\"own\":0");
	says(fd, "/dad/dma/device_bounce,teller", "\"slots\":32,");
	says(fd, "/dad/dma/device_bounce,nobody", "null");
	dad_dma_unmap_single(dev, a, 5000, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_dev_destroy(other), 0);
	unmake(fd, domain, dev);
}

static void
coherent_memory_is_told_by_arena(void **state)
{
	const uint64_t size = 1u << 20, arena = 2u << 20;
	struct dad_dma_domain_conf conf = {.name = "arenas"};
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev;
	dad_dma_addr_t handle;
	int fd = make(&conf, &domain, &dev);

	(void)state;
	if (fd < 0)
		skip();
	says(fd, "/dad/dma/arenas,arenas", ":[]");
	assert_int_equal(dad_dma_set_mask_and_coherent(dev, UINT64_MAX), 0);
	void *va = dad_dma_alloc_coherent(dev, size, &handle);
	assert_non_null(va);
	uint64_t first = (uintptr_t)va & ~(arena - 1), at = handle & ~(arena - 1);

	says(fd, "/dad/dma/arenas,arenas",
		"[\"%" PRIu64 " for %#" PRIx64 " at %#" PRIx64 ", mask %#" PRIx64
		"; node %d, asked for -1; free %" PRIu64 "\"]",
		arena, first, at, UINT64_MAX >> __builtin_clzll(at + arena - 1),
		RTE_MAX(dad_dma_node_of(va), SOCKET_ID_ANY), arena - size);
	says(fd, "/dad/dma/domain,arenas",
		"\"arenas\":1,\"arena_memzones\":1,\"arena_bytes\":2097152,"
		"\"arena_free_bytes\":1048576");
	says(fd, "/dad/dma/device,teller", "\"coherent_bytes\":1048576,");
	dad_dma_free_coherent(dev, size, va, handle);
	unmake(fd, domain, dev);
}

static void
pools_of_objects_are_told(void **state)
{
	struct dad_dma_domain_conf conf = {.name = "pooled"};
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev;
	dad_dma_addr_t handle[3];
	void *va[3];
	int fd = make(&conf, &domain, &dev);

	(void)state;
	if (fd < 0)
		skip();
	says(fd, "/dad/dma/pools", ":[]");
	struct dad_dma_pool *pool = dad_dma_pool_create("words", dev, 100, 64, PAGE);
	assert_non_null(pool);
	assert_int_equal(dad_dma_pool_alloc_bulk(pool, 0, va, handle, 3), 0);
	assert_int_equal(dad_dma_pool_free(pool, &handle, 0), -EINVAL);
	says(fd, "/dad/dma/pools", ":[\"words\"]");
	/* an lcore takes half a cache at a time, which is 16 */
	says(fd, "/dad/dma/pool,words",
		"{\"device\":\"teller\",\"size\":100,\"stride\":128,\"boundary\":4096,"
		"\"objects\":128,\"used\":3,\"cached\":13,\"slabs\":1,\"slab_bytes\":16384,"
		"\"empty\":0,\"bad_frees\":1}");
	says(fd, "/dad/dma/pool,nobody", "null");
	assert_int_equal(dad_dma_pool_destroy(pool), -EBUSY);
	says(fd, "/dad/dma/pools", "words");
	assert_int_equal(dad_dma_pool_free_bulk(pool, va, handle, 3), 0);
	assert_int_equal(dad_dma_pool_destroy(pool), 0);
	says(fd, "/dad/dma/pools", ":[]");
	unmake(fd, domain, dev);
}

struct coming_and_going {
	struct dad_dma_domain *domain;
	bool stop;
	unsigned int rounds;
};

static void *
come_and_go(void *arg)
{
	struct coming_and_going *c = arg;

	spread_out(1);
	do {
		struct dad_dma_dev *dev = dad_dma_dev_create("guest", c->domain, SOCKET_ID_ANY);
		struct dad_dma_bounce_conf own = {.size = PAGE, .dev = dev};
		struct dad_dma_pool *pool = dad_dma_pool_create("guests", dev, 64, 0, 0);
		dad_dma_addr_t handle;
		void *va = dad_dma_pool_alloc(pool, 0, &handle);

		c->rounds += dad_dma_bounce_create(c->domain, &own) == 0 && va != NULL;
		dad_dma_pool_free(pool, va, handle);
		dad_dma_pool_destroy(pool);
		dad_dma_dev_destroy(dev);
	} while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED));
	return NULL;
}

/* For sanitizers: what is told about may go at any time. */
static void
what_comes_and_goes_is_told_or_not(void **state)
{
	static const char *const commands[] = {"/dad/dma/pools", "/dad/dma/pool,guests",
		"/dad/dma/devices", "/dad/dma/device,guest", "/dad/dma/device_bounce,guest",
		"/dad/dma/arenas,hotel", "/dad/dma/mappings,hotel"};
	struct dad_dma_domain_conf conf = {.name = "hotel"};
	struct coming_and_going c = {0};
	struct dad_dma_dev *dev;
	pthread_t thread;
	int fd = make(&conf, &c.domain, &dev);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, &c), 0);
	for (unsigned int i = 0; i < 100 * RTE_DIM(commands); i++)
		telemetry_ask(fd, commands[i % RTE_DIM(commands)]);
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(c.rounds > 0);
	says(fd, "/dad/dma/pools", ":[]");
	unmake(fd, c.domain, dev);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_names_are_told),
		cmocka_unit_test(each_rung_and_the_registers_are_counted),
		cmocka_unit_test(limits_and_a_pool_of_its_own_are_told),
		cmocka_unit_test(coherent_memory_is_told_by_arena),
		cmocka_unit_test(pools_of_objects_are_told),
		cmocka_unit_test(what_comes_and_goes_is_told_or_not),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	memory = rte_malloc(NULL, 2 * 4096, 4096);
	if (memory == NULL)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_free(memory);
	rte_eal_cleanup();
	return ret;
}
