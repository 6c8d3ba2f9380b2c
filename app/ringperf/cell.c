/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "bench.h"
#include "distance.h"
#include "spread.h"

#define COUNTERS_MS 20

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
measure(struct bench *b, unsigned int i, bool timed, uint32_t duration_ms, struct outcome *out)
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
		.latency = timed,
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

/* ---- what is done with each ring --------------------------------------------------------- */

/* @return as measure() */
static int
count(struct bench *b, unsigned int i)
{
	const uint32_t duration = RTE_MIN(b->sweep.config->duration_ms, (uint32_t)COUNTERS_MS);
	struct result *r = &b->cell->result[b->kind[i]];
	struct counts before, after;
	struct outcome out;
	int ret;

	counters_read(&b->sweep.counters, &before);
	ret = measure(b, i, false, duration, &out);
	if (ret != 0 || r->broken || out.elements == 0)
		return ret;
	counters_read(&b->sweep.counters, &after);
	for (int n = 0; n < COUNTER_COUNT; n++) {
		const double by = n == COUNTER_SWITCHES ? out.seconds : (double)out.elements;

		r->counts.known[n] = before.known[n] && after.known[n];
		r->counts.value[n] = (after.value[n] - before.value[n]) / by;
	}
	return 0;
}

/* And once more if that was disturbed. */
static int
rate(struct bench *b, unsigned int i)
{
	struct result *r = &b->cell->result[b->kind[i]];
	struct outcome out;

	for (;;) {
		int ret = measure(b, i, false, b->sweep.config->duration_ms, &out);

		if (ret != 0 || r->broken)
			return ret;
		if (kinds[b->kind[i]]->sleeps || out.cpu_share >= SWEEP_DISTURBED ||
			b->repeats_left == 0)
			break;
		b->repeats_left--;
		r->repeated++;
	}
	r->round[r->rounds++] = out.mops;
	/* sums, until the cell is finished */
	r->refused_put += out.refused_put;
	r->refused_get += out.refused_get;
	r->cpu_share += out.cpu_share;
	return 0;
}

static int
latency(struct bench *b, unsigned int i)
{
	const double to_ns = 1e9 / (double)rte_get_tsc_hz();
	struct result *r = &b->cell->result[b->kind[i]];
	struct outcome out;
	int ret = measure(b, i, true, b->sweep.config->latency_ms, &out);

	if (ret != 0 || r->broken)
		return ret;
	r->transfers = out.latency->count;
	r->p50 = histogram_quantile(out.latency, 0.5) * to_ns;
	r->p99 = histogram_quantile(out.latency, 0.99) * to_ns;
	r->p999 = histogram_quantile(out.latency, 0.999) * to_ns;
	return 0;
}

/* ---- rings ------------------------------------------------------------------------------- */

/* The next ring, of a kind that can be measured here. */
static void
create_ring(struct bench *b, int k)
{
	const struct config *c = b->sweep.config;
	char name[32];
	void *ring;

	snprintf(name, sizeof(name), "perf-%s", kinds[k]->name);
	ring = kinds[k]->create(name, b->cell->elem, c->count, (int)rte_socket_id());
	if (ring == NULL) {
		progress_clear(&b->progress);
		fprintf(stderr, "%s: no ring of %u slots of %u bytes: %s\n", kinds[k]->name,
			c->count, b->cell->elem, rte_strerror(rte_errno));
		b->cell->result[k].broken = true;
		b->failed = true;
		return;
	}
	b->kind[b->nb_rings] = k;
	b->ring[b->nb_rings++] = ring;
}

/* All of them, beginning with another one each time, so that each gets to lie at all places. */
static void
create_rings(struct bench *b, unsigned int turn)
{
	int able[KIND_MAX];
	unsigned int n = 0;

	for (int k = 0; kinds[k] != NULL; k++) {
		if (b->cell->result[k].able && !b->cell->result[k].broken)
			able[n++] = k;
	}
	b->nb_rings = 0;
	for (unsigned int i = 0; i < n; i++)
		create_ring(b, able[(i + turn) % n]);
}

static void
free_rings(struct bench *b)
{
	for (unsigned int i = 0; i < b->nb_rings; i++)
		kinds[b->kind[i]]->free(b->ring[i]);
	b->nb_rings = 0;
}

/* Make rings, do something with each, free them. @return as measure() */
static int
each_ring(struct bench *b, unsigned int turn, int (*act)(struct bench *b, unsigned int i))
{
	int ret = 0;

	create_rings(b, turn);
	for (unsigned int i = 0; ret == 0 && i < b->nb_rings; i++) {
		show_progress(b, i);
		ret = act(b, i);
	}
	/* threads that did not end still use them */
	if (ret != -ETIMEDOUT)
		free_rings(b);
	return ret;
}

/* ---- the cell ---------------------------------------------------------------------------- */

static void
begin_cell(struct bench *b)
{
	const struct config *c = b->sweep.config;

	b->nb_lines = 0;
	b->repeats_left = c->rounds;
	for (int k = 0; kinds[k] != NULL; k++)
		b->cell->result[k].able =
			(c->rings & 1u << k) != 0 && shape_fits(&b->cell->shape, kinds[k]);
}

static void
finish_lines(struct bench *b)
{
	if (b->nb_lines == 0)
		return;
	spread_sort(b->line_ns, b->nb_lines);
	b->cell->line_ns_min = b->line_ns[0];
	b->cell->line_ns = spread_quantile(b->line_ns, b->nb_lines, 0.5);
	b->cell->line_ns_max = b->line_ns[b->nb_lines - 1];
}

static void
finish_result(struct result *r)
{
	const uint32_t n = r->rounds;
	double mops[CONFIG_MAX_ROUNDS];

	if (n == 0)
		return;
	memcpy(mops, r->round, n * sizeof(mops[0]));
	spread_sort(mops, n);
	r->mops_min = mops[0];
	r->mops_q1 = spread_quantile(mops, n, 0.25);
	r->mops = spread_quantile(mops, n, 0.5);
	r->mops_q3 = spread_quantile(mops, n, 0.75);
	r->mops_max = mops[n - 1];
	r->cycles = r->mops > 0 ? (double)rte_get_tsc_hz() / 1e6 / r->mops : 0;
	r->refused_put /= n;
	r->refused_get /= n;
	r->cpu_share /= n;
}

int
cell_run(struct bench *b)
{
	const struct config *c = b->sweep.config;
	const bool lines = shape_cpus(c, &b->cell->shape) > 1;
	int ret = 0;

	begin_cell(b);
	if (counters_any(&b->sweep.counters))
		ret = each_ring(b, 0, count);
	for (uint32_t round = 0; ret == 0 && round < c->rounds; round++) {
		if (lines)
			b->line_ns[b->nb_lines++] = distance_ns(c->cpus[0], c->cpus[1]);
		ret = each_ring(b, round, rate);
	}
	if (ret == 0 && c->latency_ms > 0)
		ret = each_ring(b, 0, latency);
	finish_lines(b);
	for (int k = 0; kinds[k] != NULL; k++)
		finish_result(&b->cell->result[k]);
	return ret;
}
