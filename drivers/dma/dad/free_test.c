/* SPDX-License-Identifier: BSD-3-Clause */

/* Sources that the device frees: each once, when it was copied, and no others. */

#include <errno.h>

#include <rte_mempool.h>

#include "dad_compat.h"
#include "test_device.h"

enum { OBJECTS = 255, SIZE = 1000, AT = 300, LEN = 500, RING = 64 };

static struct rte_mempool *pool;

static int
set_up(int16_t id, enum rte_dma_direction direction, bool silent)
{
	struct rte_dma_conf conf = {.nb_vchans = 1};
	struct rte_dma_vchan_conf vconf = {.direction = direction, .nb_desc = RING};

	if (direction == RTE_DMA_DIR_MEM_TO_DEV || direction == RTE_DMA_DIR_DEV_TO_DEV)
		vconf.dst_port.port_type = RTE_DMA_PORT_PCIE;
	if (direction == RTE_DMA_DIR_DEV_TO_MEM || direction == RTE_DMA_DIR_DEV_TO_DEV)
		vconf.src_port.port_type = RTE_DMA_PORT_PCIE;
	vconf.auto_free.m2d.pool = pool;
	if (silent)
		dad_conf_set_silent(&conf);
	assert_int_equal(rte_dma_configure(id, &conf), 0);
	return rte_dma_vchan_setup(id, 0, &vconf);
}

static int16_t
plug(const char *more)
{
	char args[160];

	snprintf(args, sizeof(args), "%s,window=64K%s", test_args(), more);
	return test_plug_with(args);
}

static int16_t
open_freeing(bool silent)
{
	int16_t id = plug(silent ? ",silent=1" : "");

	assert_int_equal(set_up(id, RTE_DMA_DIR_MEM_TO_DEV, silent), 0);
	assert_int_equal(rte_dma_start(id), 0);
	return id;
}

static int
make_pool(void **state)
{
	(void)state;
	/* without a cache: what is free is in the pool */
	pool = rte_mempool_create(
		"dad_free_test", OBJECTS, SIZE, 0, 0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
	return pool != NULL ? 0 : -1;
}

static int
drop_pool(void **state)
{
	(void)state;
	rte_mempool_free(pool);
	return 0;
}

static unsigned int
taken(void)
{
	return rte_mempool_in_use_count(pool);
}

static uint8_t *
take(void)
{
	void *object;

	assert_int_equal(rte_mempool_get(pool, &object), 0);
	return object;
}

static void
is_for_memory_to_device_only(void **state)
{
	struct rte_mempool *const whole = pool;
	struct rte_dma_info info;
	int16_t id = plug("");

	(void)state;
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_true(info.dev_capa & RTE_DMA_CAPA_M2D_AUTO_FREE);
	/* there it may be anything, and is not looked at */
	pool = (struct rte_mempool *)1;
	assert_int_equal(set_up(id, RTE_DMA_DIR_MEM_TO_MEM, false), -EINVAL);
	assert_int_equal(set_up(id, RTE_DMA_DIR_DEV_TO_MEM, false), -EINVAL);
	assert_int_equal(set_up(id, RTE_DMA_DIR_DEV_TO_DEV, false), -EINVAL);
	pool = whole;
	assert_int_equal(set_up(id, RTE_DMA_DIR_MEM_TO_DEV, false), 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);

	id = test_plug_with(test_args());
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_false(info.dev_capa & RTE_DMA_CAPA_M2D_AUTO_FREE);
	assert_int_equal(set_up(id, RTE_DMA_DIR_MEM_TO_MEM, false), -EINVAL);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

static void
each_is_freed_once_when_it_is_copied(void **state)
{
	enum rte_dma_status_code status[RING];
	int16_t id = open_freeing(false);

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < RING; i++)
			assert_true(rte_dma_copy(id, 0, iova(take() + AT), i * LEN, LEN,
					    RTE_DMA_OP_FLAG_AUTO_FREE) >= 0);
		assert_int_equal(taken(), RING);
		assert_int_equal(rte_dma_submit(id, 0), 0);
		test_gather(id, 0, RING, status);
		assert_int_equal(taken(), 0);
	}
	test_close(id);
}

static void
others_are_left_alone(void **state)
{
	uint8_t *mine = test_buffer(LEN), *object = take();
	int16_t id = open_freeing(false);

	(void)state;
	/* not asked for; not of the pool; not copied, for there is no such place on the device */
	assert_true(rte_dma_copy(id, 0, iova(object), 0, LEN, 0) >= 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	assert_true(rte_dma_copy(id, 0, iova(mine), 0, LEN, RTE_DMA_OP_FLAG_AUTO_FREE) >= 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	assert_true(rte_dma_copy(id, 0, iova(object), 65536, LEN, RTE_DMA_OP_FLAG_AUTO_FREE) >= 0);
	test_expect(id, RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_true(rte_dma_fill(id, 0, 1, 0, LEN, RTE_DMA_OP_FLAG_AUTO_FREE) >= 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(taken(), 1);
	rte_mempool_put(pool, object);
	rte_free(mine);
	test_close(id);
}

/* Two segments of each object: it goes back once. */
static void
lists_of_sources(void **state)
{
	enum { N = 32 };
	struct rte_dma_sge src[2 * N], dst = {0, 2 * N * 100};
	int16_t id = open_freeing(false);

	(void)state;
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < N; i++) {
			uint8_t *object = take();

			src[2 * i] = (struct rte_dma_sge){iova(object), 100};
			src[2 * i + 1] = (struct rte_dma_sge){iova(object + SIZE - 100), 100};
		}
		assert_true(rte_dma_copy_sg(
				    id, 0, src, &dst, 2 * N, 1, RTE_DMA_OP_FLAG_AUTO_FREE) >= 0);
		test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(taken(), 0);
		assert_int_equal(rte_mempool_avail_count(pool), OBJECTS);
	}
	test_close(id);
}

/* In silence, and of a pool that lasts for a few only: they come back by themselves. */
static void
an_application_that_only_sends(void **state)
{
	const uint64_t deadline = rte_get_timer_cycles() + 20 * rte_get_timer_hz();
	int16_t id = open_freeing(true);
	void *object = NULL;

	(void)state;
	for (unsigned int sent = 0; sent < 20 * OBJECTS;) {
		assert_true(rte_get_timer_cycles() < deadline);
		if (object == NULL && rte_mempool_get(pool, &object) != 0) {
			sched_yield();
			continue;
		}
		if (rte_dma_copy(id, 0, iova(object), 0, LEN,
			    RTE_DMA_OP_FLAG_AUTO_FREE | RTE_DMA_OP_FLAG_SUBMIT) < 0)
			continue;
		object = NULL;
		sent++;
	}
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(taken(), 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

/* Copied, and its source in the pool again, but not due before the device stops: who is told that
 * it was aborted would free it once more. */
static void
what_was_freed_is_not_aborted(void **state)
{
	enum { N = 8 };
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	int16_t id = plug(",gbps=0.000001"); /* LEN takes half a second */
	enum rte_dma_status_code status[N];

	(void)state;
	assert_int_equal(set_up(id, RTE_DMA_DIR_MEM_TO_DEV, false), 0);
	assert_int_equal(rte_dma_start(id), 0);
	for (unsigned int i = 0; i < N; i++)
		assert_true(rte_dma_copy(id, 0, iova(take()), i * LEN, LEN,
				    RTE_DMA_OP_FLAG_AUTO_FREE) >= 0);
	assert_int_equal(rte_dma_submit(id, 0), 0);
	while (taken() > 0)
		assert_true(rte_get_timer_cycles() < deadline);
	assert_int_equal(rte_dma_stop(id), 0);
	test_gather(id, 0, N, status);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(rte_mempool_avail_count(pool), OBJECTS);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

/* Its objects are put back by one thread: workers are others. */
static void
a_pool_for_one_thread(void **state)
{
	const bool one =
		strstr(test_args(), "engine=inline") != NULL && strstr(test_args(), "mt=1") == NULL;
	int16_t id = plug("");

	(void)state;
	rte_mempool_free(pool);
	pool = rte_mempool_create("dad_free_test", OBJECTS, SIZE, 0, 0, NULL, NULL, NULL, NULL,
		SOCKET_ID_ANY, RTE_MEMPOOL_F_SP_PUT);
	assert_non_null(pool);
	assert_int_equal(set_up(id, RTE_DMA_DIR_MEM_TO_DEV, false), one ? 0 : -EINVAL);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

#define WITH_POOL(test) cmocka_unit_test_setup_teardown(test, make_pool, drop_pool)

static const struct CMUnitTest tests[] = {
	WITH_POOL(is_for_memory_to_device_only),
	WITH_POOL(each_is_freed_once_when_it_is_copied),
	WITH_POOL(others_are_left_alone),
	WITH_POOL(lists_of_sources),
	WITH_POOL(an_application_that_only_sends),
	WITH_POOL(what_was_freed_is_not_aborted),
	WITH_POOL(a_pool_for_one_thread),
};

TEST_MAIN(tests)
