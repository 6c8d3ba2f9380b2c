/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_DEVICE_H
#define TEST_DEVICE_H

/*
 * A real dma_dad, hot-plugged with the devargs of the variant (DAD_TEST_ARGS), for tests that use
 * nothing but the public dmadev API.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_bus_vdev.h>
#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_dmadev.h>
#include <rte_malloc.h>
#include <rte_lcore.h>
#include <rte_memory.h>
#include <rte_service.h>

#include "eal_test.h"

#define TEST_NAME "dma_dad_test"

static inline const char *
test_args(void)
{
	const char *args = getenv("DAD_TEST_ARGS");

	return args != NULL ? args : "";
}

/* Has this CPU what the variant's kernel= asks for? */
static inline bool
test_cpu_has_kernel(void)
{
#ifdef RTE_ARCH_X86_64
	static const struct {
		const char *arg;
		enum rte_cpu_flag_t flag;
	} kernels[] = {
		{"kernel=avx2", RTE_CPUFLAG_AVX2},
		{"kernel=avx512", RTE_CPUFLAG_AVX512VL},
		{"kernel=erms", RTE_CPUFLAG_ERMS},
	};

	for (unsigned int i = 0; i < RTE_DIM(kernels); i++)
		if (strstr(test_args(), kernels[i].arg) != NULL &&
			rte_cpu_get_flag_enabled(kernels[i].flag) != 1) {
			print_message("this CPU has no %s: not run\n", kernels[i].arg);
			return false;
		}
#endif
	return true;
}

static inline int16_t
test_plug_with(const char *args)
{
	assert_int_equal(rte_vdev_init(TEST_NAME, args), 0);
	int id = rte_dma_get_dev_id_by_name(TEST_NAME);
	assert_true(id >= 0);
	return (int16_t)id;
}

static inline void
test_configure(int16_t id, uint16_t nb_vchans, uint16_t nb_desc)
{
	const struct rte_dma_conf conf = {.nb_vchans = nb_vchans};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = nb_desc};

	assert_int_equal(rte_dma_configure(id, &conf), 0);
	for (uint16_t v = 0; v < nb_vchans; v++)
		assert_int_equal(rte_dma_vchan_setup(id, v, &vconf), 0);
}

/* A vchan of a direction, with the ports that it needs. */
static inline int
test_setup_direction(int16_t id, uint16_t vchan, uint16_t nb_desc, enum rte_dma_direction direction)
{
	struct rte_dma_vchan_conf conf = {.direction = direction, .nb_desc = nb_desc};

	if (direction == RTE_DMA_DIR_DEV_TO_MEM || direction == RTE_DMA_DIR_DEV_TO_DEV)
		conf.src_port.port_type = RTE_DMA_PORT_PCIE;
	if (direction == RTE_DMA_DIR_MEM_TO_DEV || direction == RTE_DMA_DIR_DEV_TO_DEV)
		conf.dst_port.port_type = RTE_DMA_PORT_PCIE;
	return rte_dma_vchan_setup(id, vchan, &conf);
}

/* Plugged, configured and started, with more devargs than the variant's; vchan i of direction[i].
 */
static inline int16_t
test_open_directions(
	const char *more, uint16_t nb, uint16_t nb_desc, const enum rte_dma_direction *direction)
{
	const struct rte_dma_conf conf = {.nb_vchans = nb};
	char args[512];

	snprintf(args, sizeof(args), "%s,%s", test_args(), more);
	int16_t id = test_plug_with(args);
	assert_int_equal(rte_dma_configure(id, &conf), 0);
	for (uint16_t v = 0; v < nb; v++)
		assert_int_equal(test_setup_direction(id, v, nb_desc, direction[v]), 0);
	assert_int_equal(rte_dma_start(id), 0);
	return id;
}

/* Plugged, configured and started. */
static inline int16_t
test_open(uint16_t nb_vchans, uint16_t nb_desc)
{
	int16_t id = test_plug_with(test_args());

	test_configure(id, nb_vchans, nb_desc);
	assert_int_equal(rte_dma_start(id), 0);
	return id;
}

/* Until it says that it has stopped: a call has its bound, which workers may miss, on purpose or
 * under a sanitizer. */
static inline void
test_stop(int16_t id)
{
	int ret = rte_dma_stop(id);

	for (unsigned int tries = 1; ret == -EBUSY && tries < 10; tries++)
		ret = rte_dma_stop(id);
	assert_int_equal(ret, 0);
}

static inline void
test_close(int16_t id)
{
	test_stop(id);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

/* EAL memory and its address for the device. */
static inline void *
test_buffer(size_t size)
{
	void *p = rte_zmalloc(NULL, size, 4096);

	assert_non_null(p);
	return p;
}

static inline rte_iova_t
iova(const void *p)
{
	return rte_mem_virt2iova(p);
}

/* Gather exactly n completions, within ten seconds. */
static inline void
test_gather(int16_t id, uint16_t vchan, uint16_t n, enum rte_dma_status_code *status)
{
	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	uint16_t got = 0;

	while (got < n) {
		got += rte_dma_completed_status(id, vchan, n - got, NULL, status + got);
		assert_true(rte_get_timer_cycles() < deadline);
	}
}

/* Submit what is enqueued, and expect the one status. */
static inline void
test_expect(int16_t id, enum rte_dma_status_code expected)
{
	enum rte_dma_status_code status;

	assert_int_equal(rte_dma_submit(id, 0), 0);
	test_gather(id, 0, 1, &status);
	assert_int_equal(status, expected);
}

/* As they were before EAL pinned the main thread to one. */
static cpu_set_t test_cpus;

static __attribute__((constructor)) void
test_remember_cpus(void)
{
	sched_getaffinity(0, sizeof(test_cpus), &test_cpus);
}

/* A thread that may run on any CPU: it would inherit the main thread's one, and never run at the
 * same time as it. */
static inline void
test_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(test_cpus), &test_cpus);
	assert_int_equal(pthread_create(thread, &attr, run, arg), 0);
	pthread_attr_destroy(&attr);
}

/* For engine=service: an lcore becomes a service core. */
static inline bool
test_give_service_core(void)
{
	if (strstr(test_args(), "engine=service") == NULL)
		return true;
	unsigned int lcore = rte_get_next_lcore(-1, 1, 0);

	if (lcore < RTE_MAX_LCORE && rte_service_lcore_add(lcore) == 0 &&
		rte_service_lcore_start(lcore) == 0)
		return true;
	print_message("no lcore to spare for a service core: not run\n");
	return false;
}

/* Has the machine what the variant needs? */
static inline bool
test_can_run(void)
{
	return test_cpu_has_kernel() && test_give_service_core();
}

/* The first n of the tests. */
#define TEST_MAIN_FIRST(tests, n, group_setup, group_teardown)                                     \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		int ret = argc > 0 ? eal_test_init(argv[0]) : 1;                                   \
                                                                                                   \
		if (ret == 0 && !test_can_run())                                                   \
			return EAL_TEST_SKIP;                                                      \
		if (ret == 0) {                                                                    \
			ret = _cmocka_run_group_tests(                                             \
				#tests, tests, n, group_setup, group_teardown);                    \
			rte_eal_cleanup();                                                         \
		}                                                                                  \
		return ret;                                                                        \
	}

#define TEST_MAIN_WITH(tests, group_setup, group_teardown)                                         \
	TEST_MAIN_FIRST(tests, RTE_DIM(tests), group_setup, group_teardown)

#define TEST_MAIN(tests) TEST_MAIN_WITH(tests, NULL, NULL)

#endif /* TEST_DEVICE_H */
