/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_lcore.h>

#include "bench.h"
#include "clamp.h"
#include "flow.h"
#include "interrupt.h"
#include "measure.h"
#include "spread.h"
#include "walk.h"

#define MAX_ROUNDS 101
#define WARM_UP_MS 5

/* What a core's own caches hold, more or less; a few buffers of the largest sizes. */
#define CORE_SET	 (256u << 10)
#define CORE_SET_BUFFERS 8u
#define DEFAULT_LLC	 (32u << 20)
#define MAX_MEMORY_SET	 (256u << 20)

/* Buffers looked at after each measurement, and before it with guards around them. */
#define SAMPLES	     16u
#define SAMPLE_BYTES (1u << 20)

struct bench {
	struct devices *devices;
	const struct config *config;
	struct device *dev[DEVICE_MAX];
	int nb_devs;
	struct walk walk;
	double mops[BENCH_MAX_BACKENDS][MAX_ROUNDS];
};

/* ---- rounds ------------------------------------------------------------------------------ */

static uint32_t
check_stride(const struct config *c, const struct walk *w)
{
	uint32_t samples = clamp(SAMPLE_BYTES / w->size, 1, SAMPLES);

	if (c->verify == VERIFY_FULL)
		return 1;
	return RTE_MAX(w->count / samples, 1u);
}

static void
broken(struct bench_result *r, const char *what, int err)
{
	fprintf(stderr, "%s: %s: %s\n", r->dev != NULL ? r->dev->name : "cpu", what,
		strerror(-err));
	r->broken = true;
}

/* One backend, one measurement. @return Mops */
static double
run_round(struct bench *b, const struct bench_cell *cell, struct bench_result *r, uint32_t round)
{
	const struct config *c = b->config;
	struct device *dev = (struct device *)(uintptr_t)r->dev;
	uint32_t stride = check_stride(c, &b->walk);
	struct measurement m = {
		.walk = &b->walk,
		.config = c,
		.op = cell->op,
		.segments = RTE_MIN(c->segments, cell->size),
		.fill = 0x5a + round,
	};
	int ret = 0;

	if (dev != NULL) {
		m.segments = device_segments(dev, c->segments, cell->size);
		ret = walk_map(&b->walk, dev->dma);
		if (ret != 0) {
			broken(r, "no mapping of the working set", ret);
			return 0;
		}
		ret = device_start(dev);
	}
	if (ret == 0) {
		measure(&m, dev, RTE_MIN(c->duration_ms, (uint32_t)WARM_UP_MS));
		ret = m.failed;
		r->errors += m.errors;
	}
	if (ret == 0) {
		if (c->verify != VERIFY_OFF)
			walk_arm(&b->walk, cell->op, m.fill, stride);
		measure(&m, dev, c->duration_ms);
		ret = m.failed;
		r->errors += m.errors;
	}
	if (dev != NULL) {
		int stopped = device_stop(dev);

		walk_unmap(&b->walk);
		ret = ret != 0 ? ret : stopped;
	}
	if (ret != 0) {
		broken(r, "measurement given up", ret);
		return 0;
	}
	/* what an error left in a destination is nobody's promise */
	if (c->verify != VERIFY_OFF && m.errors == 0)
		r->miscompares += walk_check(&b->walk, cell->op, m.fill, stride, m.done,
			dev != NULL ? dev->name : "cpu", &r->checked);
	return (double)m.done * (double)rte_get_tsc_hz() / (double)m.tsc / 1e6;
}

/* A few operations of this cell on buffers with guards around them, every byte checked. */
static void
check_guarded(const struct bench *b, const struct bench_cell *cell, struct bench_result *r)
{
	struct device *dev = (struct device *)(uintptr_t)r->dev;
	struct config c = *b->config;
	struct flow f = {.slots.dev = dev};
	int ret;

	c.op = cell->op;
	c.size = cell->size;
	c.qdepth = c.batch = clamp(SAMPLE_BYTES / c.size, 1, SAMPLES);
	c.count = 2 * c.qdepth;
	c.verify = VERIFY_FULL;
	ret = flow_open(&f, &c);
	if (ret == 0)
		ret = device_start(dev);
	while (ret == 0 && !flow_idle(&f, true))
		flow_step(&f, true);
	if (device_stop(dev) != 0 || ret != 0 || f.failed)
		r->broken = true;
	flow_close(&f);
	r->errors += f.stats.errors;
	r->checked += f.stats.checked;
	r->miscompares += f.stats.miscompares;
}

/* @return exit code, or -EINTR */
static int
run_cell(struct bench *b, struct bench_cell *cell)
{
	const struct config *c = b->config;
	int ret = 0;

	cell->set_bytes = (cell->op == OP_FILL ? 1 : 2) * (uint64_t)b->walk.count * b->walk.size;
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		struct bench_result *r = &cell->result[i];

		*r = (struct bench_result){.dev = r->dev};
		r->able = r->dev == NULL || device_can(r->dev, cell->op);
		if (r->able && r->dev != NULL && c->verify != VERIFY_OFF)
			check_guarded(b, cell, r);
	}
	for (uint32_t round = 0; round < c->rounds; round++) {
		for (unsigned int i = 0; i < cell->nb_results; i++) {
			struct bench_result *r = &cell->result[i];

			if (interrupted())
				return -EINTR;
			if (r->able && !r->broken)
				b->mops[i][round] = run_round(b, cell, r, round);
		}
	}
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		struct bench_result *r = &cell->result[i];

		if (r->able && !r->broken) {
			spread_sort(b->mops[i], c->rounds);
			r->mops = spread_quantile(b->mops[i], c->rounds, 0.5);
			r->mops_min = b->mops[i][0];
			r->mops_max = b->mops[i][c->rounds - 1];
			r->gbs = r->mops * cell->size / 1e3;
		}
		if (r->broken || r->errors > 0 || r->miscompares > 0)
			ret = 1;
	}
	return ret;
}

/* ---- the sweep --------------------------------------------------------------------------- */

/* Size of the largest cache that this CPU sees. */
static uint64_t
llc_bytes(void)
{
	uint64_t largest = 0;

	for (unsigned int index = 0; index < 10; index++) {
		char path[96], text[32];
		uint64_t size;
		FILE *f;

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cache/index%u/size",
			RTE_MAX(rte_lcore_to_cpu_id(-1), 0), index);
		f = fopen(path, "re");
		if (f == NULL)
			break;
		if (fgets(text, sizeof(text), f) != NULL) {
			text[strcspn(text, "\n")] = '\0';
			if (parse_size(text, UINT64_MAX, &size) == 0)
				largest = RTE_MAX(largest, size);
		}
		fclose(f);
	}
	return largest != 0 ? largest : DEFAULT_LLC;
}

static uint64_t
set_bytes(unsigned int set, uint32_t size, uint64_t llc)
{
	const uint64_t core = RTE_MAX((uint64_t)CORE_SET, (uint64_t)CORE_SET_BUFFERS * size);

	if (set == SET_CORE)
		return core;
	/* others use the last level as well */
	if (set == SET_CACHE)
		return RTE_MAX(llc / 4, core);
	/* so that the destinations alone, which is all that a fill visits, are twice the cache */
	return RTE_MIN(4 * llc, (uint64_t)MAX_MEMORY_SET);
}

/* Halve the set until there is memory for it. */
static int
create_walk(struct walk *w, uint64_t bytes, uint32_t size)
{
	int ret;

	while ((ret = walk_create(w, bytes, size, rte_socket_id())) == -ENOMEM && bytes > 2 * size)
		bytes /= 2;
	if (ret != 0)
		fprintf(stderr, "no memory for buffers of %u bytes: %s\n", size, strerror(-ret));
	return ret;
}

static int
prepare(struct bench *b)
{
	const struct config *c = b->config;

	b->nb_devs = devices_select(b->devices, c->devices, b->dev);
	if (b->nb_devs < 0)
		return 2;
	if (c->batch > c->qdepth) {
		fprintf(stderr, "bad batch '%u': must be at most qdepth, %u\n", c->batch,
			c->qdepth);
		return 2;
	}
	for (int i = 0; i < b->nb_devs; i++) {
		if (device_configure(b->dev[i], 1, c->qdepth) != 0)
			return 1;
	}
	return 0;
}

/* All sizes with one operation in one working set. @return exit code, or -EINTR */
static int
run_table(struct bench *b, struct bench_cell *cell, unsigned int set, uint64_t llc)
{
	const struct config *c = b->config;
	int worst = 0;

	bench_report_table(c, cell);
	for (uint32_t i = 0; i < c->nb_sizes; i++) {
		int ret;

		cell->size = c->sizes[i];
		cell->set.bytes = set_bytes(set, cell->size, llc);
		if (create_walk(&b->walk, cell->set.bytes, cell->size) != 0)
			return 1;
		ret = run_cell(b, cell);
		walk_free(&b->walk);
		if (ret < 0)
			return ret;
		worst = RTE_MAX(worst, ret);
		bench_report_cell(c, cell);
	}
	return worst;
}

int
bench_run(struct devices *devices, const struct config *c)
{
	static const struct {
		unsigned int bit;
		const char *name, *where;
	} sets[] = {
		{SET_CORE, "core", "in the caches of one core"},
		{SET_CACHE, "cache", "in the last-level cache, of which it is a quarter"},
		{SET_MEMORY, "memory", "larger than all caches"},
	};
	struct bench *b = calloc(1, sizeof(*b));
	struct bench_cell *cell = calloc(1, sizeof(*cell));
	uint64_t llc = llc_bytes();
	int worst = 1;

	if (b == NULL || cell == NULL)
		goto out;
	b->devices = devices;
	b->config = c;
	worst = prepare(b);
	if (worst != 0)
		goto out;
	for (int i = 0; i < b->nb_devs; i++)
		cell->result[cell->nb_results++].dev = b->dev[i];
	cell->result[cell->nb_results++].dev = NULL;

	if (!bench_report_begin(c, llc)) {
		worst = 1;
		goto out;
	}
	for (size_t s = 0; s < RTE_DIM(sets); s++) {
		for (enum op op = 0; op < OP_COUNT; op++) {
			int ret;

			if ((c->sets & sets[s].bit) == 0 || (c->ops & 1u << op) == 0)
				continue;
			cell->op = op;
			cell->set.name = sets[s].name;
			cell->set.where = sets[s].where;
			ret = run_table(b, cell, sets[s].bit, llc);
			if (ret < 0) {
				fprintf(stderr, "interrupted: the sweep is not complete\n");
				worst = 1;
				goto out;
			}
			worst = RTE_MAX(worst, ret);
		}
	}
out:
	if (!bench_report_end(c))
		worst = RTE_MAX(worst, 1);
	free(cell);
	free(b);
	return worst;
}
