/* SPDX-License-Identifier: BSD-3-Clause */

/* A secondary process reads the primary's source, late, and is failed by its rules, whoever of the
 * two moves the bytes. */

#include <errno.h>
#include <limits.h>

#include "dad_internal.h"
#include "test_secondary.h"

#define DESCS 64
#define OPS   50u
#define EVERY 5
#define OWN   1 /* the secondary's vchan */

/* Words one after another: each right, or failed, and then it does not move. */
static int
read_words(int16_t id, uint16_t vchan)
{
	uint64_t *word = rte_zmalloc(NULL, OPS * sizeof(*word), 64);
	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	enum rte_dma_status_code status[OPS];
	unsigned int wrong = 0;

	if (word == NULL)
		return 2;
	for (unsigned int i = 0; i < OPS; i++)
		if (rte_dma_copy(id, vchan, i * sizeof(*word), iova(&word[i]), sizeof(*word), 0) <
			0)
			return 3;
	rte_dma_submit(id, vchan);
	for (uint16_t got = 0; got < OPS && rte_get_timer_cycles() < deadline;)
		got += rte_dma_completed_status(
			id, vchan, (uint16_t)(OPS - got), NULL, status + got);
	for (unsigned int i = 0; i < OPS; i++) {
		const bool bad = vchan == OWN && i % EVERY == EVERY - 1;

		wrong += status[i] != (bad ? RTE_DMA_STATUS_PAGE_FAULT : RTE_DMA_STATUS_SUCCESSFUL);
		wrong += word[i] != (bad ? 0 : i);
	}
	rte_free(word);
	return wrong == 0 ? 0 : 4;
}

/* Enqueue, with room for all, until one is refused; how many were not. UINT_MAX: none is. */
static unsigned int
accepted(int16_t id)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	uint8_t *buf = rte_zmalloc(NULL, 128, 64);
	enum rte_dma_status_code status;
	unsigned int n = 0;

	while (buf != NULL && rte_get_timer_cycles() < deadline) {
		const int ret = rte_dma_copy(
			id, OWN, iova(buf), iova(buf + 64), 64, RTE_DMA_OP_FLAG_SUBMIT);

		if (ret == -ENOSPC) {
			rte_free(buf);
			return n;
		}
		n += ret >= 0;
		while (rte_dma_completed_status(id, OWN, 1, NULL, &status) == 0 &&
			rte_get_timer_cycles() < deadline)
			;
	}
	return UINT_MAX;
}

/* A rule comes some time: from its first refusal on, it is each third. */
static int
see_refusals(int16_t id)
{
	if (accepted(id) == UINT_MAX)
		return 5;
	for (unsigned int i = 0; i < 10; i++)
		if (accepted(id) != 2)
			return 6;
	return 0;
}

static int
as_secondary(const char *what)
{
	int id = rte_dma_get_dev_id_by_name(TEST_NAME);

	if (id < 0)
		return 1;
	return strcmp(what, "refused") == 0 ? see_refusals((int16_t)id)
					    : read_words((int16_t)id, OWN);
}

static void
both_read_the_source(void **state)
{
	const enum rte_dma_direction d2m[] = {RTE_DMA_DIR_DEV_TO_MEM, RTE_DMA_DIR_DEV_TO_MEM};
	struct rte_dma_stats stats;

	(void)state;
	int16_t id = test_open_directions(
		"window=64K,source=pattern,lat_ns=100000,inject=page_fault:vchan:1:every:5", 2,
		DESCS, d2m);
	pid_t pid = secondary_start("read");

	assert_int_equal(read_words(id, 0), 0);
	assert_int_equal(secondary_wait(pid), 0);
	assert_int_equal(rte_dma_stats_get(id, OWN, &stats), 0);
	assert_int_equal(stats.completed, OPS);
	assert_int_equal(stats.errors, OPS / EVERY);
	test_close(id);
}

static void
a_rule_that_comes_later_refuses_a_secondary_s_enqueues(void **state)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	struct rte_dma_stats stats = {0};
	char why[256];

	(void)state;
	int16_t id = test_open(2, DESCS);
	struct dad_dev *d = rte_dma_fp_objs[id].dev_private;
	pid_t pid = secondary_start("refused");

	/* it has attached */
	while (stats.submitted == 0 && rte_get_timer_cycles() < deadline)
		assert_int_equal(rte_dma_stats_get(id, OWN, &stats), 0);
	assert_true(stats.submitted > 0);
	assert_int_equal(dad_model_inject(&d->model, d->vchan, dad_exec_table[d->dev_id],
				 "enospc:vchan:1:every:3", why, sizeof(why)),
		0);
	assert_int_equal(secondary_wait(pid), 0);
	test_close(id);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_rule_that_comes_later_refuses_a_secondary_s_enqueues),
	cmocka_unit_test(both_read_the_source),
};

int
main(int argc, char **argv)
{
	alarm(100); /* a hang ends the test */
	return secondary_main(argc, argv, as_secondary, tests, RTE_DIM(tests));
}
