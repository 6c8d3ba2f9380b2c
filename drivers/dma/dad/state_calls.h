/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_CALLS_H
#define STATE_CALLS_H

/*
 * Every function of dmadev, as a row of a table: what it returns for a device of two vchans in each
 * state, called by the process that made it, and by a secondary.
 */

#include <errno.h>
#include <stdio.h>

#include "test_device.h"

enum state {
	PLUGGED,
	CONFIGURED, /* no vchan is set up */
	PARTLY,	    /* the first is */
	SET_UP,
	STARTED,
	STOPPED, /* after a start */
	STATES,
};

#define GONE STATES /* closed; in a secondary there is no such device */

static const char *const state_names[] = {
	"plugged", "configured", "partly set up", "set up", "started", "stopped", "closed"};

/* Long enough that eager=1 makes a difference. */
#define STATE_LEN 1024
static uint8_t *state_buf;

static int
configure_with(int16_t id, uint16_t nb_vchans)
{
	const struct rte_dma_conf conf = {.nb_vchans = nb_vchans};

	return rte_dma_configure(id, &conf);
}

static int
set_up_with(int16_t id, uint16_t vchan, uint16_t nb_desc, enum rte_dma_direction direction)
{
	const struct rte_dma_vchan_conf conf = {.direction = direction, .nb_desc = nb_desc};

	return rte_dma_vchan_setup(id, vchan, &conf);
}

#define M2M RTE_DMA_DIR_MEM_TO_MEM

static int
call_info(int16_t id)
{
	struct rte_dma_info info;

	return rte_dma_info_get(id, &info);
}

static int
call_configure(int16_t id)
{
	return configure_with(id, 2);
}

static int
call_configure_none(int16_t id)
{
	return configure_with(id, 0);
}

static int
call_configure_too_many(int16_t id)
{
	return configure_with(id, 65);
}

static int
call_setup(int16_t id)
{
	return set_up_with(id, 0, 64, M2M);
}

static int
call_setup_of_no_vchan(int16_t id)
{
	return set_up_with(id, 2, 64, M2M);
}

static int
call_setup_of_odd_size(int16_t id)
{
	return set_up_with(id, 0, 65, M2M);
}

static int
call_setup_of_wrong_direction(int16_t id)
{
	return set_up_with(id, 0, 64, (enum rte_dma_direction)77);
}

static int
call_stats(int16_t id)
{
	struct rte_dma_stats stats;

	return rte_dma_stats_get(id, 0, &stats);
}

static int
call_stats_of_all(int16_t id)
{
	struct rte_dma_stats stats;

	return rte_dma_stats_get(id, RTE_DMA_ALL_VCHAN, &stats);
}

static int
call_stats_of_no_vchan(int16_t id)
{
	struct rte_dma_stats stats;

	return rte_dma_stats_get(id, 2, &stats);
}

static int
call_reset(int16_t id)
{
	return rte_dma_stats_reset(id, 0);
}

static int
call_reset_of_all(int16_t id)
{
	return rte_dma_stats_reset(id, RTE_DMA_ALL_VCHAN);
}

static int
call_dump(int16_t id)
{
	FILE *null = fopen("/dev/null", "w");
	int ret = rte_dma_dump(id, null);

	fclose(null);
	return ret;
}

static int
call_status(int16_t id)
{
	enum rte_dma_vchan_status status = RTE_DMA_VCHAN_ACTIVE;
	int ret = rte_dma_vchan_status(id, 0, &status);

	return ret == 0 && status != RTE_DMA_VCHAN_IDLE ? 1 : ret;
}

static int
call_status_of_no_vchan(int16_t id)
{
	enum rte_dma_vchan_status status;

	return rte_dma_vchan_status(id, 2, &status);
}

static int
call_copy(int16_t id)
{
	return rte_dma_copy(id, 0, iova(state_buf), iova(state_buf + STATE_LEN), STATE_LEN, 0);
}

static int
call_copy_and_submit(int16_t id)
{
	return rte_dma_copy(id, 0, iova(state_buf), iova(state_buf + STATE_LEN), STATE_LEN,
		RTE_DMA_OP_FLAG_SUBMIT | RTE_DMA_OP_FLAG_FENCE);
}

static int
call_fill(int16_t id)
{
	return rte_dma_fill(id, 0, 0, iova(state_buf), 64, 0);
}

static int
call_copy_sg(int16_t id)
{
	struct rte_dma_sge src = {iova(state_buf), 64}, dst = {iova(state_buf + 64), 64};

	return rte_dma_copy_sg(id, 0, &src, &dst, 1, 1, 0);
}

static int
call_submit(int16_t id)
{
	return rte_dma_submit(id, 0);
}

static int
call_completed(int16_t id)
{
	bool error = false;
	uint16_t last, n = rte_dma_completed(id, 0, 8, &last, &error);

	return error ? -EIO : n;
}

static int
call_completed_status(int16_t id)
{
	enum rte_dma_status_code status[8];
	uint16_t last;

	return rte_dma_completed_status(id, 0, 8, &last, status);
}

static int
call_burst_capacity(int16_t id)
{
	return rte_dma_burst_capacity(id, 0);
}

#define GOOD 0
#define FULL (-ENOSPC)
#define BAD  (-EINVAL)
#define RUNS (-EBUSY)
#define NOT  (-EPERM)

static const struct state_call {
	const char *name;
	int (*call)(int16_t id);
	int primary[STATES + 1];
	int secondary[STATES];
} state_calls[] = {
	/* clang-format off */
	/*			plugged	conf.	partly	set up	started	stopped	closed */
	{"info_get", call_info,
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD}},
	{"configure", call_configure,
		{		GOOD,	GOOD,	GOOD,	GOOD,	RUNS,	GOOD,	BAD},
		{		NOT,	NOT,	NOT,	NOT,	RUNS,	NOT}},
	{"configure, no vchan", call_configure_none,
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD,	BAD},
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD}},
	{"configure, 65 vchans", call_configure_too_many,
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD,	BAD},
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD}},
	{"vchan_setup", call_setup,
		{		BAD,	GOOD,	GOOD,	GOOD,	RUNS,	GOOD,	BAD},
		{		BAD,	NOT,	NOT,	NOT,	RUNS,	NOT}},
	{"vchan_setup, no such vchan", call_setup_of_no_vchan,
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD,	BAD},
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD}},
	{"vchan_setup, odd size", call_setup_of_odd_size,
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD,	BAD},
		{		BAD,	NOT,	NOT,	NOT,	RUNS,	NOT}},
	{"vchan_setup, wrong direction", call_setup_of_wrong_direction,
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD,	BAD},
		{		BAD,	BAD,	BAD,	BAD,	RUNS,	BAD}},
	{"start", rte_dma_start,
		{		BAD,	BAD,	BAD,	GOOD,	GOOD,	GOOD,	BAD},
		{		BAD,	NOT,	NOT,	NOT,	GOOD,	NOT}},
	{"stop", rte_dma_stop,
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		GOOD,	GOOD,	GOOD,	GOOD,	NOT,	GOOD}},
	{"close", rte_dma_close,
		{		GOOD,	GOOD,	GOOD,	GOOD,	RUNS,	GOOD,	BAD},
		{		NOT,	NOT,	NOT,	NOT,	RUNS,	NOT}},
	{"stats_get", call_stats,
		{		BAD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		BAD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD}},
	{"stats_get, all", call_stats_of_all,
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD}},
	{"stats_get, no such vchan", call_stats_of_no_vchan,
		{		BAD,	BAD,	BAD,	BAD,	BAD,	BAD,	BAD},
		{		BAD,	BAD,	BAD,	BAD,	BAD,	BAD}},
	{"stats_reset", call_reset,
		{		BAD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		BAD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD}},
	{"stats_reset, all", call_reset_of_all,
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD}},
	{"dump", call_dump,
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD}},
	{"vchan_status", call_status,
		{		BAD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		BAD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD}},
	{"vchan_status, no such vchan", call_status_of_no_vchan,
		{		BAD,	BAD,	BAD,	BAD,	BAD,	BAD,	BAD},
		{		BAD,	BAD,	BAD,	BAD,	BAD,	BAD}},
	{"copy", call_copy,
		{		FULL,	FULL,	FULL,	FULL,	GOOD,	FULL,	BAD},
		{		FULL,	FULL,	FULL,	FULL,	GOOD,	FULL}},
	{"copy, fenced, submitted", call_copy_and_submit,
		{		FULL,	FULL,	FULL,	FULL,	GOOD,	FULL,	BAD},
		{		FULL,	FULL,	FULL,	FULL,	1,	FULL}},
	{"fill", call_fill,
		{		FULL,	FULL,	FULL,	FULL,	GOOD,	FULL,	BAD},
		{		FULL,	FULL,	FULL,	FULL,	2,	FULL}},
	{"copy_sg", call_copy_sg,
		{		FULL,	FULL,	FULL,	FULL,	GOOD,	FULL,	BAD},
		{		FULL,	FULL,	FULL,	FULL,	3,	FULL}},
	{"burst_capacity", call_burst_capacity,
		{		0,	0,	0,	0,	64,	0,	0},
		{		0,	0,	0,	0,	60,	0}},
	{"submit", call_submit,
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	BAD},
		{		GOOD,	GOOD,	GOOD,	GOOD,	GOOD,	GOOD}},
	{"completed_status", call_completed_status,
		{		0,	0,	0,	0,	0,	0,	0},
		{		0,	0,	0,	0,	-1,	0}},
	{"completed", call_completed,
		{		0,	0,	0,	0,	0,	0,	0},
		{		0,	0,	0,	0,	-1,	0}},
	/* clang-format on */
};

/* What a secondary in a started device is given depends on the worker's pace. */
#define STATE_ANY (-1)

#endif /* STATE_CALLS_H */
