/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_lcore.h>

#include "clamp.h"
#include "mapbench.h"

/* Bytes alive at a time on a thread: copies of more are those of memory, and slots for more are
 * not to be had. */
#define ALIVE_BYTES (4u << 20)
#define ALIVE_LEAST 4u

uint32_t
map_items(const struct config *c, enum map_kind kind)
{
	if (kind == MAP_BURST)
		return c->map.burst;
	return kind == MAP_SG ? c->segments : 1;
}

static bool
is_wanted(const struct config *c, const struct map_subject *s, enum map_kind kind)
{
	if (s->kind != kind)
		return false;
	/* allocations need a device, and no rung of it but the one they are about */
	if (kind > MAP_SYNC)
		return true;
	return (c->map.rungs & 1u << s->rung) != 0;
}

static unsigned int
select_from(const struct config *c, enum map_kind kind, const struct map_subject subjects[],
	unsigned int nb_subjects, struct map_result results[], unsigned int n)
{
	for (unsigned int i = 0; i < nb_subjects; i++) {
		if (is_wanted(c, &subjects[i], kind) && n < MAP_MAX_SUBJECTS)
			results[n++] = (struct map_result){.subject = &subjects[i]};
	}
	return n;
}

/* @return exit code, or -EINTR */
static int
run_kind(const struct map_plan *plan, enum map_kind kind, struct map_result results[])
{
	const struct config *c = plan->config;
	unsigned int n = 0;
	int ret;

	n = select_from(c, kind, map_calls, map_nb_calls, results, n);
	n = select_from(c, kind, map_allocations, map_nb_allocations, results, n);
	n = select_from(c, kind, map_peers, map_nb_peers, results, n);
	if (n == 0)
		return 0;
	ret = map_table_run(plan, results, n);
	if (ret == -EINTR)
		return ret;
	if (ret != 0) {
		fprintf(stderr, "no memory to measure with: %s\n", strerror(-ret));
		return 1;
	}
	map_report_table(plan, results, n);
	for (unsigned int i = 0; i < n; i++) {
		/* that something is too large to be mapped that way is no failure */
		if (results[i].error != 0 && results[i].error != E2BIG)
			ret = 1;
	}
	return ret;
}

/* All kinds with buffers of one size. @return exit code, or -EINTR */
static int
run_size(const struct config *c, uint32_t size, struct map_result results[])
{
	struct map_plan plan = {.config = c, .size = size};
	const uint32_t most = RTE_MAX(ALIVE_BYTES / size, ALIVE_LEAST);
	int worst = 0;
	int ret = map_area_create(&plan.area, c->map.buffers, size, c->map.area);

	if (ret != 0) {
		fprintf(stderr, "no memory for buffers of %u bytes: %s\n", size, strerror(-ret));
		return 1;
	}
	plan.alive = RTE_MIN(c->batch, plan.area.count / c->map.threads);
	plan.alive = RTE_MIN(plan.alive, most);
	if (plan.alive == 0) {
		fprintf(stderr, "bad threads '%u': there are %u buffers of %u bytes\n",
			c->map.threads, plan.area.count, size);
		map_area_free(&plan.area);
		return 2;
	}
	map_rungs_open(&plan);
	for (enum map_kind kind = 0; kind < MAP_KINDS && ret >= 0; kind++) {
		if ((c->map.kinds & 1u << kind) == 0)
			continue;
		ret = run_kind(&plan, kind, results);
		worst = RTE_MAX(worst, ret);
	}
	map_rungs_close(&plan);
	map_area_free(&plan.area);
	return ret < 0 ? ret : worst;
}

int
mapbench_run(const struct config *c)
{
	struct map_result *results;
	int worst = 0, ret = 0;

	if (c->map.threads > rte_lcore_count()) {
		fprintf(stderr, "bad threads '%u': must be at most %u, the lcores that EAL has\n",
			c->map.threads, rte_lcore_count());
		return 2;
	}
	results = calloc(MAP_MAX_SUBJECTS, sizeof(*results));
	if (results == NULL || !map_report_begin(c)) {
		free(results);
		return 1;
	}
	for (uint32_t i = 0; i < c->nb_sizes && ret >= 0; i++) {
		ret = run_size(c, c->sizes[i], results);
		worst = RTE_MAX(worst, ret);
	}
	if (ret == -EINTR) {
		fprintf(stderr, "interrupted: the sweep is not complete\n");
		worst = 1;
	}
	if (!map_report_end(c, ret >= 0))
		worst = RTE_MAX(worst, 1);
	free(results);
	return worst;
}
