/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "distance.h"
#include "interrupt.h"
#include "plot.h"
#include "progress.h"
#include "report.h"
#include "spread.h"
#include "summary.h"
#include "sweep.h"
#include "team.h"

#define COUNTERS_MS 20

struct bench {
	struct sweep sweep;
	struct team *team;
	struct progress progress;
	bool failed; /* a check, a ring that could not be made */

	/* of the cell that is being measured */
	struct cell *cell;
	int kind[KIND_MAX]; /* those able to, as an index of kinds[] */
	unsigned int nb_kinds;
	void *ring[KIND_MAX]; /* as kind[] */
	double line_ns[CONFIG_MAX_ROUNDS];
	uint32_t nb_lines;
	uint32_t repeats_left;
	double refused_put[KIND_MAX], refused_get[KIND_MAX], cpu_share[KIND_MAX];
};

/* ---- one measurement --------------------------------------------------------------------- */

static void
describe(const struct bench *b, int kind, char *text, size_t size)
{
	snprintf(text, size, "%s, %ux%u, %u bytes, bulk %u", kinds[kind]->name,
		b->cell->shape.producers, b->cell->shape.consumers, b->cell->elem, b->cell->bulk);
}

static void
note_faults(struct bench *b, struct result *r, int kind, const struct outcome *out)
{
	const struct faults *f = &out->faults;
	char what[96];

	r->checked += out->elements;
	if (faults_sum(f) == 0)
		return;
	r->faults.lost += f->lost;
	r->faults.doubled += f->doubled;
	r->faults.torn += f->torn;
	r->faults.disordered += f->disordered;
	b->failed = true;
	progress_clear(&b->progress);
	describe(b, kind, what, sizeof(what));
	fprintf(stderr,
		"%s: of %" PRIu64 " elements %" PRIu64 " lost, %" PRIu64 " doubled, %" PRIu64
		" torn, %" PRIu64 " out of order\n",
		what, out->elements, f->lost, f->doubled, f->torn, f->disordered);
}

static void
show_progress(struct bench *b, unsigned int i)
{
	char what[96];

	describe(b, b->kind[i], what, sizeof(what));
	progress_step(&b->progress, what);
}

/* @return 0, -EINTR, or -ETIMEDOUT; of other errors the ring is marked */
static int
measure(struct bench *b, unsigned int i, bool latency, uint32_t duration_ms, struct outcome *out)
{
	const struct config *c = b->sweep.config;
	const int kind = b->kind[i];
	struct result *r = &b->cell->result[kind];
	const struct task task = {
		.kind = kinds[kind],
		.ring = b->ring[i],
		.esize = b->cell->elem,
		.bulk = b->cell->bulk,
		.producers = b->cell->shape.producers,
		.consumers = b->cell->shape.consumers,
		.burst = c->burst,
		.yield = c->idle == IDLE_YIELD ||
			(c->idle == IDLE_AUTO && shape_shares_cpus(c, &b->cell->shape)),
		.latency = latency,
		.duration_ms = duration_ms,
	};
	char what[96];
	int ret;

	describe(b, kind, what, sizeof(what));
	ret = team_run(b->team, &task, out);
	if (ret == 0 || ret == -EINTR) {
		note_faults(b, r, kind, out);
		return ret;
	}
	progress_clear(&b->progress);
	b->failed = true;
	r->broken = true;
	if (ret == -ETIMEDOUT) {
		fprintf(stderr, "%s: threads did not end within %d seconds\n", what,
			TEAM_PATIENCE_S);
		return ret;
	}
	fprintf(stderr, "%s: not measured: %s\n", what, strerror(-ret));
	return 0;
}

static int
run_counters(struct bench *b)
{
	const uint32_t duration = RTE_MIN(b->sweep.config->duration_ms, (uint32_t)COUNTERS_MS);

	for (unsigned int i = 0; i < b->nb_kinds; i++) {
		struct result *r = &b->cell->result[b->kind[i]];
		struct counts before, after;
		struct outcome out;

		show_progress(b, i);
		counters_read(&b->sweep.counters, &before);
		int ret = measure(b, i, false, duration, &out);
		if (ret != 0)
			return ret;
		counters_read(&b->sweep.counters, &after);
		if (r->broken || out.elements == 0)
			continue;
		for (int n = 0; n < COUNTER_COUNT; n++) {
			const double by =
				n == COUNTER_SWITCHES ? out.seconds : (double)out.elements;

			r->counts.known[n] = before.known[n] && after.known[n];
			r->counts.value[n] = (after.value[n] - before.value[n]) / by;
		}
	}
	return 0;
}

/* Measure, and once more if that was disturbed. */
static int
measure_rate(struct bench *b, unsigned int i, struct outcome *out)
{
	struct result *r = &b->cell->result[b->kind[i]];

	for (;;) {
		int ret = measure(b, i, false, b->sweep.config->duration_ms, out);

		if (ret != 0 || r->broken || kinds[b->kind[i]]->sleeps ||
			out->cpu_share >= SWEEP_DISTURBED || b->repeats_left == 0)
			return ret;
		b->repeats_left--;
		r->repeated++;
	}
}

static int
run_round(struct bench *b, uint32_t round)
{
	const struct config *c = b->sweep.config;

	if (shape_cpus(c, &b->cell->shape) > 1)
		b->line_ns[b->nb_lines++] = distance_ns(c->cpus[0], c->cpus[1]);
	for (unsigned int n = 0; n < b->nb_kinds; n++) {
		const unsigned int i = (n + round) % b->nb_kinds;
		struct result *r = &b->cell->result[b->kind[i]];
		struct outcome out;

		if (r->broken)
			continue;
		show_progress(b, i);
		int ret = measure_rate(b, i, &out);
		if (ret != 0)
			return ret;
		if (r->broken)
			continue;
		r->round[r->rounds++] = out.mops;
		b->refused_put[i] += out.refused_put;
		b->refused_get[i] += out.refused_get;
		b->cpu_share[i] += out.cpu_share;
	}
	return 0;
}

static int
run_latency(struct bench *b)
{
	const double to_ns = 1e9 / (double)rte_get_tsc_hz();

	for (unsigned int i = 0; i < b->nb_kinds; i++) {
		struct result *r = &b->cell->result[b->kind[i]];
		struct outcome out;

		if (r->broken)
			continue;
		show_progress(b, i);
		int ret = measure(b, i, true, b->sweep.config->latency_ms, &out);
		if (ret != 0)
			return ret;
		if (r->broken)
			continue;
		r->transfers = out.latency->total;
		r->p50 = histogram_quantile(out.latency, 0.5) * to_ns;
		r->p99 = histogram_quantile(out.latency, 0.99) * to_ns;
		r->p999 = histogram_quantile(out.latency, 0.999) * to_ns;
	}
	return 0;
}

/* ---- one cell ---------------------------------------------------------------------------- */

static void
create_rings(struct bench *b)
{
	const struct config *c = b->sweep.config;

	b->nb_kinds = b->nb_lines = 0;
	b->repeats_left = c->rounds;
	memset(b->refused_put, 0, sizeof(b->refused_put));
	memset(b->refused_get, 0, sizeof(b->refused_get));
	memset(b->cpu_share, 0, sizeof(b->cpu_share));
	for (int k = 0; kinds[k] != NULL; k++) {
		struct result *r = &b->cell->result[k];
		char name[32];
		void *ring;

		r->able = (c->rings & 1u << k) != 0 && shape_fits(&b->cell->shape, kinds[k]);
		if (!r->able)
			continue;
		snprintf(name, sizeof(name), "perf-%s", kinds[k]->name);
		ring = kinds[k]->create(name, b->cell->elem, c->count, (int)rte_socket_id());
		if (ring == NULL) {
			progress_clear(&b->progress);
			fprintf(stderr, "%s: no ring of %u slots of %u bytes: %s\n", kinds[k]->name,
				c->count, b->cell->elem, rte_strerror(rte_errno));
			r->broken = true;
			b->failed = true;
			continue;
		}
		b->kind[b->nb_kinds] = k;
		b->ring[b->nb_kinds++] = ring;
	}
}

static void
free_rings(struct bench *b)
{
	for (unsigned int i = 0; i < b->nb_kinds; i++)
		kinds[b->kind[i]]->free(b->ring[i]);
}

static void
finish_cell(struct bench *b)
{
	if (b->nb_lines > 0) {
		spread_sort(b->line_ns, b->nb_lines);
		b->cell->line_ns_min = b->line_ns[0];
		b->cell->line_ns = spread_quantile(b->line_ns, b->nb_lines, 0.5);
		b->cell->line_ns_max = b->line_ns[b->nb_lines - 1];
	}
	for (unsigned int i = 0; i < b->nb_kinds; i++) {
		struct result *r = &b->cell->result[b->kind[i]];
		const uint32_t n = r->rounds;
		double mops[CONFIG_MAX_ROUNDS];

		if (n == 0)
			continue;
		memcpy(mops, r->round, n * sizeof(mops[0]));
		spread_sort(mops, n);
		r->mops_min = mops[0];
		r->mops_q1 = spread_quantile(mops, n, 0.25);
		r->mops = spread_quantile(mops, n, 0.5);
		r->mops_q3 = spread_quantile(mops, n, 0.75);
		r->mops_max = mops[n - 1];
		r->cycles = r->mops > 0 ? (double)rte_get_tsc_hz() / 1e6 / r->mops : 0;
		r->refused_put = b->refused_put[i] / n;
		r->refused_get = b->refused_get[i] / n;
		r->cpu_share = b->cpu_share[i] / n;
	}
}

/* @return 0, -EINTR or -ETIMEDOUT */
static int
run_cell(struct bench *b)
{
	const struct config *c = b->sweep.config;
	int ret = 0;

	create_rings(b);
	if (counters_any(&b->sweep.counters))
		ret = run_counters(b);
	for (uint32_t round = 0; ret == 0 && round < c->rounds; round++)
		ret = run_round(b, round);
	if (ret == 0 && c->latency_ms > 0)
		ret = run_latency(b);
	finish_cell(b);
	if (ret != -ETIMEDOUT)
		free_rings(b);
	return ret;
}

/* ---- the sweep --------------------------------------------------------------------------- */

static unsigned int
count_steps(const struct bench *b)
{
	const struct config *c = b->sweep.config;
	unsigned int kinds_able = 0;

	for (uint32_t s = 0; s < c->nb_shapes; s++) {
		for (int k = 0; kinds[k] != NULL; k++)
			kinds_able +=
				(c->rings & 1u << k) != 0 && shape_fits(&c->shapes[s], kinds[k]);
	}
	return kinds_able * c->nb_elems * c->nb_bulks *
		(c->rounds + (c->latency_ms > 0) + counters_any(&b->sweep.counters));
}

/* @return 0, -EINTR or -ETIMEDOUT */
static int
run_shape(struct bench *b, const struct shape *shape)
{
	const struct config *c = b->sweep.config;
	struct sweep *sweep = &b->sweep;
	const uint32_t first = sweep->nb_cells;
	int ret = 0;

	report_shape(c, shape);
	for (uint32_t n = 0; ret == 0 && n < c->nb_elems * c->nb_bulks; n++) {
		b->cell = &sweep->cells[sweep->nb_cells++];
		b->cell->shape = *shape;
		b->cell->elem = c->elems[n / c->nb_bulks];
		b->cell->bulk = c->bulks[n % c->nb_bulks];
		ret = run_cell(b);
		progress_clear(&b->progress);
		report_cell(c, b->cell);
	}
	report_more(c, &sweep->cells[first], sweep->nb_cells - first);
	return ret;
}

static int
run_shapes(struct bench *b)
{
	const struct config *c = b->sweep.config;
	int ret = 0;

	progress_begin(&b->progress, count_steps(b));
	for (uint32_t i = 0; ret == 0 && i < c->nb_shapes; i++)
		ret = run_shape(b, &c->shapes[i]);
	summary_print(&b->sweep);
	if (c->plot_file != NULL && plot_draw(&b->sweep) != 0)
		b->failed = true;
	if (ret == -EINTR) {
		fprintf(stderr, "interrupted: the sweep is not complete\n");
		b->failed = true;
	}
	if (!report_end(c))
		b->failed = true;
	return ret;
}

int
sweep_run(const struct config *c)
{
	struct bench *b = calloc(1, sizeof(*b));
	const size_t cells = (size_t)c->nb_shapes * c->nb_elems * c->nb_bulks;
	int code = EXIT_FAILED, ret;

	if (b == NULL)
		return EXIT_FAILED;
	b->sweep.config = c;
	b->sweep.cells = calloc(cells, sizeof(*b->sweep.cells));
	b->team = team_create(c->cpus, c->nb_cpus);
	if (b->sweep.cells == NULL || b->team == NULL) {
		fprintf(stderr, "no memory\n");
		goto out;
	}
	counters_open(&b->sweep.counters);
	if (report_begin(&b->sweep)) {
		ret = run_shapes(b);
		if (ret == -ETIMEDOUT)
			return SWEEP_STUCK;
		code = b->failed ? EXIT_FAILED : EXIT_CLEAN;
	}
	counters_close(&b->sweep.counters);
out:
	team_free(b->team);
	free(b->sweep.cells);
	free(b);
	return code;
}
