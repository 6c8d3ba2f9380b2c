/* SPDX-License-Identifier: BSD-3-Clause */

/* Plug, configure, start, stop, restart, unplug: in order, out of order, and busy. */

#include <errno.h>

#include "dad_compat.h"
#include "test_device.h"

static void
tells_what_it_can(void **state)
{
	int16_t id = test_plug_with(test_args());
	struct rte_dma_info info;

	(void)state;
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	const uint64_t capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_HANDLES_ERRORS |
		RTE_DMA_CAPA_OPS_COPY | RTE_DMA_CAPA_OPS_COPY_SG | RTE_DMA_CAPA_OPS_FILL;
	/* what depends on addressing, and on DPDK */
	const uint64_t may_have = RTE_DMA_CAPA_SVA | DAD_CAPA_OPS_ENQ_DEQ;
	assert_int_equal(info.dev_capa & ~may_have, capa);
	assert_int_equal(info.max_vchans, 64);
	assert_int_equal(info.min_desc, 32);
	assert_int_equal(info.max_desc, 32768);
	assert_int_equal(info.max_sges, 64);
	assert_true(info.numa_node >= 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

static void
refuses_wrong_rings_and_a_start_without_rings(void **state)
{
	const struct rte_dma_conf conf = {.nb_vchans = 2};
	const uint16_t wrong[] = {0, 1, 31, 33, 100, 32767, 32769, 65535};
	struct rte_dma_vchan_conf vconf = {.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = 64};
	int16_t id = test_plug_with(test_args());

	(void)state;
	assert_int_equal(rte_dma_start(id), -EINVAL);
	assert_int_equal(rte_dma_configure(id, &conf), 0);
	assert_int_equal(rte_dma_vchan_setup(id, 0, &vconf), 0);
	assert_int_equal(rte_dma_start(id), -EINVAL); /* vchan 1 is missing */
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		vconf.nb_desc = wrong[i];
		assert_int_equal(rte_dma_vchan_setup(id, 1, &vconf), -EINVAL);
	}
	vconf.nb_desc = 32;
	vconf.direction = RTE_DMA_DIR_MEM_TO_DEV;
	assert_int_equal(rte_dma_vchan_setup(id, 1, &vconf), -EINVAL);
	vconf.direction = RTE_DMA_DIR_MEM_TO_MEM;
	assert_int_equal(rte_dma_vchan_setup(id, 2, &vconf), -EINVAL);
	assert_int_equal(rte_dma_vchan_setup(id, 1, &vconf), 0);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(rte_dma_configure(id, &conf), -EBUSY);
	assert_int_equal(rte_dma_vchan_setup(id, 1, &vconf), -EBUSY);
	test_close(id);
}

static void
every_ring_size_is_usable_whole(void **state)
{
	uint8_t *buf = test_buffer(128);
	int16_t id = test_plug_with(test_args());

	(void)state;
	for (uint32_t n = 32; n <= 32768; n *= 2) {
		enum rte_dma_status_code status[64];

		test_configure(id, 1, (uint16_t)n);
		assert_int_equal(rte_dma_start(id), 0);
		assert_int_equal(rte_dma_burst_capacity(id, 0), n);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(
				rte_dma_copy(id, 0, iova(buf), iova(buf + 64), 64, 0), (uint16_t)i);
		assert_int_equal(rte_dma_copy(id, 0, iova(buf), iova(buf + 64), 64, 0), -ENOSPC);
		assert_int_equal(rte_dma_submit(id, 0), 0);
		for (uint32_t i = 0; i < n; i += 32)
			test_gather(id, 0, 32, status);
		assert_int_equal(rte_dma_burst_capacity(id, 0), n);
		assert_int_equal(rte_dma_stop(id), 0);
	}
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	rte_free(buf);
}

/* Lists of seven entries in all leave room for each other in the whole ring. */
static void
a_ring_full_of_scatter_lists(void **state)
{
	uint8_t *buf = test_buffer(4096);
	struct rte_dma_sge src[3], dst[4];
	int16_t id = test_open(1, 256);
	enum rte_dma_status_code status[256];

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		src[i] = (struct rte_dma_sge){iova(buf) + i * 40, 40};
	for (unsigned int i = 0; i < 4; i++)
		dst[i] = (struct rte_dma_sge){iova(buf) + 1024 + i * 30, 30};
	for (unsigned int round = 0; round < 5; round++) {
		for (unsigned int i = 0; i < 256; i++)
			assert_true(rte_dma_copy_sg(id, 0, src, dst, 3, 4, 0) >= 0);
		assert_int_equal(rte_dma_copy_sg(id, 0, src, dst, 3, 4, 0), -ENOSPC);
		assert_int_equal(rte_dma_submit(id, 0), 0);
		test_gather(id, 0, 256, status);
	}
	rte_free(buf);
	test_close(id);
}

/* The one yields to the other, whoever came first. */
static void
two_devices_share_a_cpu(void **state)
{
	uint8_t *buf = test_buffer(128);
	int16_t first = test_plug_with("engine=thread,lcores=0");

	(void)state;
	test_configure(first, 1, 32);
	assert_int_equal(rte_dma_start(first), 0);
	assert_int_equal(rte_vdev_init("dma_dad_second", "engine=thread,lcores=0"), 0);
	int16_t second = (int16_t)rte_dma_get_dev_id_by_name("dma_dad_second");
	test_configure(second, 1, 32);
	assert_int_equal(rte_dma_start(second), 0);
	for (unsigned int i = 0; i < 500; i++) {
		assert_true(rte_dma_copy(first, 0, iova(buf), iova(buf + 64), 64, 0) >= 0);
		test_expect(first, RTE_DMA_STATUS_SUCCESSFUL);
		assert_true(rte_dma_copy(second, 0, iova(buf), iova(buf + 64), 64, 0) >= 0);
		test_expect(second, RTE_DMA_STATUS_SUCCESSFUL);
	}
	assert_int_equal(rte_dma_stop(second), 0);
	assert_int_equal(rte_vdev_uninit("dma_dad_second"), 0);
	rte_free(buf);
	test_close(first);
}

static void
indices_start_at_zero_again(void **state)
{
	int16_t id = test_open(1, 32);
	uint8_t *buf = test_buffer(128);

	(void)state;
	for (unsigned int round = 0; round < 20; round++) {
		struct rte_dma_stats stats;
		uint16_t last = 7;
		bool error = false;

		/* nothing yet: the index before the first, and no error of the last life */
		assert_int_equal(rte_dma_completed(id, 0, 32, &last, &error), 0);
		assert_int_equal(last, UINT16_MAX);
		assert_false(error);

		assert_int_equal(rte_dma_stats_get(id, 0, &stats), 0);
		assert_int_equal(stats.submitted + stats.completed + stats.errors, 0);
		for (int i = 0; i < 5; i++) {
			assert_int_equal(rte_dma_copy(id, 0, iova(buf), iova(buf + 64), 64, 0), i);
			test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
		}
		/* leave one undone, one unreported, one error pending */
		rte_dma_copy(id, 0, 0, iova(buf + 64), 64, RTE_DMA_OP_FLAG_SUBMIT);
		rte_dma_copy(id, 0, iova(buf), iova(buf + 64), 64, 0);
		assert_int_equal(rte_dma_stop(id), 0);
		assert_int_equal(rte_dma_start(id), 0);
		assert_int_equal(rte_dma_burst_capacity(id, 0), 32);
		assert_int_equal(rte_dma_completed(id, 0, 32, NULL, &error), 0);
		assert_false(error);
	}
	rte_free(buf);
	test_close(id);
}

/* At any index, the first one as well, while the life before ended with one that nobody asked for.
 */
static void
failures_are_reported_as_ever_after_a_restart(void **state)
{
	int16_t id = test_open(1, 32);
	uint8_t *buf = test_buffer(128);

	(void)state;
	for (unsigned int round = 0; round < 20; round++) {
		const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
		const int bad = (int)round % 4;
		enum rte_dma_status_code status[2];
		struct rte_dma_stats stats;
		uint16_t last = 7, n = 0;
		bool error = false;

		for (int i = 0; i < bad + 2; i++)
			assert_int_equal(rte_dma_copy(id, 0, i == bad ? 0 : iova(buf),
						 iova(buf + 64), 64, 0),
				i);
		assert_int_equal(rte_dma_submit(id, 0), 0);
		while (!error) {
			n += rte_dma_completed(id, 0, 32, &last, &error);
			assert_int_equal(last, (uint16_t)(n - 1));
			assert_true(rte_get_timer_cycles() < deadline);
		}
		assert_int_equal(n, bad);
		for (n = 0; n < 2;) {
			uint16_t got = rte_dma_completed_status(id, 0, 2 - n, &last, status + n);

			n += got;
			assert_int_equal(last, (uint16_t)(bad - 1 + n));
			assert_true(rte_get_timer_cycles() < deadline);
		}
		assert_int_equal(status[0], RTE_DMA_STATUS_INVALID_SRC_ADDR);
		assert_int_equal(status[1], RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(rte_dma_stats_get(id, 0, &stats), 0);
		assert_int_equal(stats.errors, 1);
		/* one that is done, and not reported */
		rte_dma_copy(id, 0, 0, iova(buf + 64), 64, RTE_DMA_OP_FLAG_SUBMIT);
		assert_int_equal(rte_dma_stop(id), 0);
		assert_int_equal(rte_dma_start(id), 0);
	}
	rte_free(buf);
	test_close(id);
}

static void
what_was_never_submitted_is_aborted_by_stop(void **state)
{
	int16_t id = test_open(1, 32);
	uint8_t *buf = test_buffer(128);
	enum rte_dma_status_code status[8];
	uint16_t last;

	(void)state;
	assert_true(
		rte_dma_copy(id, 0, iova(buf), iova(buf + 64), 64, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(rte_dma_copy(id, 0, iova(buf), iova(buf + 64), 64, 0) >= 0);
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_completed_status(id, 0, 8, &last, status), 4);
	assert_int_equal(last, 3);
	assert_int_equal(status[0], RTE_DMA_STATUS_SUCCESSFUL);
	for (unsigned int i = 1; i < 4; i++)
		assert_int_equal(status[i], RTE_DMA_STATUS_USER_ABORT);
	rte_free(buf);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

/* More work than the bound allows: stop returns all the same, and each operation is reported
 * once, first those done, then those aborted. */
static void
stop_is_bounded_under_load(void **state)
{
	enum { N = 32768, SIZE = 2 << 20 };
	int16_t id = test_open(1, N);
	uint8_t *buf = test_buffer(2 * SIZE);
	uint8_t *aligned = RTE_PTR_ALIGN(buf, SIZE);
	unsigned int done = 0, aborted = 0;
	uint16_t n;

	(void)state;
	for (unsigned int i = 0; i < N; i++)
		assert_true(rte_dma_fill(id, 0, i, iova(aligned), SIZE, 0) >= 0);
	assert_int_equal(rte_dma_submit(id, 0), 0);
	uint64_t start = rte_get_timer_cycles();
	test_stop(id);
	double seconds = (double)(rte_get_timer_cycles() - start) / (double)rte_get_timer_hz();
	do {
		enum rte_dma_status_code status[64];

		n = rte_dma_completed_status(id, 0, 64, NULL, status);
		for (unsigned int i = 0; i < n; i++) {
			bool ok = status[i] == RTE_DMA_STATUS_SUCCESSFUL;

			assert_true(ok || status[i] == RTE_DMA_STATUS_USER_ABORT);
			assert_false(ok && aborted > 0);
			done += ok;
			aborted += !ok;
		}
	} while (n > 0);
	print_message("%u done, %u aborted after %.1f s\n", done, aborted, seconds);
	assert_int_equal(done + aborted, N);
	assert_true(seconds < 20);
	rte_free(buf);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

/* Memory comes back: as many devices again as would exhaust it. */
static void
plugging_leaks_nothing(void **state)
{
	struct rte_malloc_socket_stats before, after;

	(void)state;
	for (unsigned int round = 0; round < 60; round++) {
		int16_t id = test_open(8, 4096);

		test_close(id);
		if (round == 4)
			rte_malloc_get_socket_stats(0, &before);
	}
	rte_malloc_get_socket_stats(0, &after);
	assert_int_equal(after.heap_allocsz_bytes, before.heap_allocsz_bytes);
}

static void
counts_per_vchan_and_in_all(void **state)
{
	int16_t id = test_open(3, 64);
	uint8_t *buf = test_buffer(128);
	enum rte_dma_status_code status[64];
	struct rte_dma_stats stats;

	(void)state;
	for (uint16_t v = 0; v < 3; v++) {
		for (unsigned int i = 0; i <= v; i++)
			rte_dma_copy(id, v, iova(buf), iova(buf + 64), 64, 0);
		rte_dma_copy(id, v, 0, iova(buf + 64), 64, 0);
		rte_dma_submit(id, v);
		test_gather(id, v, (uint16_t)(v + 2), status);
	}
	for (uint16_t v = 0; v < 3; v++) {
		assert_int_equal(rte_dma_stats_get(id, v, &stats), 0);
		assert_int_equal(stats.submitted, v + 2);
		assert_int_equal(stats.completed, v + 2);
		assert_int_equal(stats.errors, 1);
	}
	assert_int_equal(rte_dma_stats_get(id, RTE_DMA_ALL_VCHAN, &stats), 0);
	assert_int_equal(stats.submitted, 9);
	assert_int_equal(stats.errors, 3);
	assert_int_equal(rte_dma_stats_reset(id, 1), 0);
	assert_int_equal(rte_dma_stats_get(id, RTE_DMA_ALL_VCHAN, &stats), 0);
	assert_int_equal(stats.submitted, 6);
	assert_int_equal(rte_dma_stats_reset(id, RTE_DMA_ALL_VCHAN), 0);
	assert_int_equal(rte_dma_stats_get(id, RTE_DMA_ALL_VCHAN, &stats), 0);
	assert_int_equal(stats.submitted + stats.completed + stats.errors, 0);
	rte_free(buf);
	test_close(id);
}

static void
status_is_active_until_all_is_done(void **state)
{
	int16_t id = test_open(1, 64);
	uint8_t *buf = test_buffer(4 << 20);
	enum rte_dma_vchan_status status;

	(void)state;
	assert_int_equal(rte_dma_vchan_status(id, 0, &status), 0);
	assert_int_equal(status, RTE_DMA_VCHAN_IDLE);
	for (unsigned int i = 0; i < 60; i++)
		assert_true(rte_dma_fill(id, 0, i, iova(buf), 1u << 20, 0) >= 0);
	assert_int_equal(rte_dma_vchan_status(id, 0, &status), 0);
	assert_int_equal(status, RTE_DMA_VCHAN_IDLE);
	assert_int_equal(rte_dma_submit(id, 0), 0);

	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	do {
		assert_int_equal(rte_dma_vchan_status(id, 0, &status), 0);
		assert_true(rte_get_timer_cycles() < deadline);
	} while (status == RTE_DMA_VCHAN_ACTIVE);
	assert_int_equal(status, RTE_DMA_VCHAN_IDLE);
	/* idle means done: all can be taken at once */
	assert_int_equal(rte_dma_completed(id, 0, 64, NULL, NULL), 60);
	rte_free(buf);
	test_close(id);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(tells_what_it_can),
	cmocka_unit_test(refuses_wrong_rings_and_a_start_without_rings),
	cmocka_unit_test(every_ring_size_is_usable_whole),
	cmocka_unit_test(a_ring_full_of_scatter_lists),
	cmocka_unit_test(two_devices_share_a_cpu),
	cmocka_unit_test(indices_start_at_zero_again),
	cmocka_unit_test(failures_are_reported_as_ever_after_a_restart),
	cmocka_unit_test(what_was_never_submitted_is_aborted_by_stop),
	cmocka_unit_test(stop_is_bounded_under_load),
	cmocka_unit_test(plugging_leaks_nothing),
	cmocka_unit_test(counts_per_vchan_and_in_all),
	cmocka_unit_test(status_is_active_until_all_is_done),
};

TEST_MAIN(tests)
