/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "bench.h"
#include "clamp.h"
#include "clock_cost.h"
#include "flow.h"
#include "interrupt.h"
#include "measure.h"
#include "spread.h"

#define WARM_UP_MS 5

/* Buffers looked at after each measurement, and before it with guards around them. */
#define SAMPLES	     16u
#define SAMPLE_BYTES (1u << 20)

/* Quantiles of a round's latencies. */
static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};

/* What has to be remembered of all rounds of a cell, beside what the results have room for. */
struct rounds {
	struct bench_cell *cell;
	const struct config *config;
	struct walk *walk;
	uint64_t clock_cost;
	struct histogram round;			  /* latencies of one measurement */
	struct histogram all[BENCH_MAX_BACKENDS]; /* ... and of all */
	double quantile[BENCH_MAX_BACKENDS][RTE_DIM(quantiles)][CONFIG_MAX_ROUNDS];
};

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
	fprintf(stderr, "%s: %s: %s\n", r->name, what, strerror(-err));
	r->broken = true;
}

/* @return 0 or -errno; the result is in m */
static int
warm_up_and_measure(struct rounds *b, struct bench_result *r, struct measurement *m,
	const struct device *dev, uint32_t stride)
{
	const struct config *c = b->config;

	measure(m, dev, RTE_MIN(c->duration_ms, (uint32_t)WARM_UP_MS));
	r->errors += m->errors;
	if (m->failed != 0)
		return m->failed;
	if (c->verify != VERIFY_OFF)
		walk_arm(b->walk, m->op, m->fill, stride);
	memset(&b->round, 0, sizeof(b->round));
	measure(m, dev, c->duration_ms);
	r->errors += m->errors;
	return m->failed;
}

/* One backend, one measurement. */
static void
run_round(struct rounds *b, struct bench_result *r, uint32_t round)
{
	const struct config *c = b->config;
	const struct bench_cell *cell = b->cell;
	struct device *dev = (struct device *)(uintptr_t)r->dev;
	uint32_t stride = check_stride(c, b->walk);
	struct measurement m = {
		.walk = b->walk,
		.config = c,
		.op = cell->op,
		.segments = RTE_MIN(c->segments, cell->size),
		.fill = 0x5a + round,
		.cpu_threads = r->cpu_threads,
		.cpu_other = r->cpu_other,
		.spread = cell->latency ? &b->round : NULL,
		.clock_cost = b->clock_cost,
	};
	int ret = 0;

	if (dev != NULL) {
		m.segments = device_segments(dev, c->segments, cell->size);
		ret = walk_map(b->walk, dev->dma);
		if (ret != 0) {
			broken(r, "no mapping of the working set", ret);
			return;
		}
		ret = device_start(dev);
	}
	if (ret == 0)
		ret = warm_up_and_measure(b, r, &m, dev, stride);
	if (dev != NULL) {
		int stopped = device_stop(dev);

		walk_unmap(b->walk);
		ret = ret != 0 ? ret : stopped;
	}
	if (ret != 0) {
		broken(r, "measurement given up", ret);
		return;
	}
	/* what an error left in a destination is nobody's promise */
	if (c->verify != VERIFY_OFF && m.errors == 0)
		r->miscompares += walk_check(
			b->walk, cell->op, m.fill, stride, m.covered, r->name, &r->checked);
	r->round[round] = m.mops;
}

/* Remember how the latencies of a round were spread. */
static void
keep_latencies(struct rounds *b, unsigned int backend, uint32_t round)
{
	for (size_t q = 0; q < RTE_DIM(quantiles); q++)
		b->quantile[backend][q][round] = histogram_quantile(&b->round, quantiles[q]);
	histogram_merge(&b->all[backend], &b->round);
}

/* A few operations of this cell on buffers with guards around them, every byte checked. */
static void
check_guarded(const struct bench_cell *cell, const struct config *config, struct bench_result *r)
{
	struct device *dev = (struct device *)(uintptr_t)r->dev;
	struct config c = *config;
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

/* Leaves the values sorted. */
static double
median(double *values, uint32_t n)
{
	spread_sort(values, n);
	return spread_quantile(values, n, 0.5);
}

static void
sum_up_latency(struct rounds *b, unsigned int backend)
{
	const double ns = 1e9 / (double)rte_get_tsc_hz();
	const struct histogram *all = &b->all[backend];
	struct bench_latency *l = &b->cell->result[backend].ns;
	double *const to[] = {&l->p50, &l->p90, &l->p99, &l->p999};

	for (size_t q = 0; q < RTE_DIM(quantiles); q++)
		*to[q] = ns * median(b->quantile[backend][q], b->config->rounds);
	l->mean = ns * histogram_mean(all);
	l->max = ns * (double)all->max;
	l->samples = all->count;
}

static void
sum_up(struct rounds *b, unsigned int backend)
{
	struct bench_result *r = &b->cell->result[backend];
	const uint32_t n = b->config->rounds;
	double sorted[CONFIG_MAX_ROUNDS];

	memcpy(sorted, r->round, n * sizeof(sorted[0]));
	r->mops = median(sorted, n);
	r->mops_min = sorted[0];
	r->mops_max = sorted[n - 1];
	r->gbs = r->mops * b->cell->size / 1e3;
	if (b->cell->latency)
		sum_up_latency(b, backend);
}

static void
begin(struct bench_cell *cell, const struct config *c, struct bench_result *r)
{
	r->broken = false;
	r->errors = r->miscompares = r->checked = 0;
	r->mops = r->gbs = r->mops_min = r->mops_max = 0;
	memset(&r->ns, 0, sizeof(r->ns));
	r->able = r->dev == NULL || device_can(r->dev, cell->op, RTE_DMA_DIR_MEM_TO_MEM);
	if (r->able && r->dev != NULL && c->verify != VERIFY_OFF)
		check_guarded(cell, c, r);
}

int
bench_cell_run(struct bench_cell *cell, struct walk *walk, const struct config *c)
{
	struct rounds *b = calloc(1, sizeof(*b));
	int ret = 0;

	if (b == NULL)
		return 1;
	b->cell = cell;
	b->config = c;
	b->walk = walk;
	b->clock_cost = clock_cost();
	cell->set_bytes = (cell->op == OP_FILL ? 1 : 2) * (uint64_t)walk->count * walk->size;
	for (unsigned int i = 0; i < cell->nb_results; i++)
		begin(cell, c, &cell->result[i]);
	for (uint32_t round = 0; round < c->rounds; round++) {
		for (unsigned int i = 0; i < cell->nb_results; i++) {
			struct bench_result *r = &cell->result[i];

			if (interrupted()) {
				ret = -EINTR;
				goto out;
			}
			if (r->able && !r->broken)
				run_round(b, r, round);
			if (r->able && !r->broken && cell->latency)
				keep_latencies(b, i, round);
		}
	}
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		const struct bench_result *r = &cell->result[i];

		if (r->able && !r->broken)
			sum_up(b, i);
		if (r->broken || r->errors > 0 || r->miscompares > 0)
			ret = 1;
	}
out:
	free(b);
	return ret;
}
