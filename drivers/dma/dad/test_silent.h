/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_SILENT_H
#define TEST_SILENT_H

/* A device that reports nothing: what becomes of its operations is known by its status and its
 * statistics. */

#include "dad_compat.h"
#include "test_device.h"

enum { RING = 32, SIZE = 64 };

static inline int
configure_silent(int16_t id, uint16_t nb_vchans)
{
	struct rte_dma_conf conf = {.nb_vchans = nb_vchans};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = RING};

	dad_conf_set_silent(&conf);
	int ret = rte_dma_configure(id, &conf);
	for (uint16_t v = 0; ret == 0 && v < nb_vchans; v++)
		ret = rte_dma_vchan_setup(id, v, &vconf);
	return ret;
}

static inline int16_t
open_silent(uint16_t nb_vchans)
{
	char args[128];

	snprintf(args, sizeof(args), "%s,silent=1", test_args());
	int16_t id = test_plug_with(args);
	assert_int_equal(configure_silent(id, nb_vchans), 0);
	assert_int_equal(rte_dma_start(id), 0);
	return id;
}

/* By nothing but asking. */
static inline void
await_status_idle(int16_t id)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	enum rte_dma_vchan_status status;

	do {
		assert_int_equal(rte_dma_vchan_status(id, 0, &status), 0);
		assert_true(rte_get_timer_cycles() < deadline);
	} while (status == RTE_DMA_VCHAN_ACTIVE);
}

static inline void
expect_stats(int16_t id, uint64_t done, uint64_t errors)
{
	struct rte_dma_stats stats;

	assert_int_equal(rte_dma_stats_get(id, 0, &stats), 0);
	assert_int_equal(stats.submitted, done);
	assert_int_equal(stats.completed, done);
	assert_int_equal(stats.errors, errors);
}

#endif /* TEST_SILENT_H */
