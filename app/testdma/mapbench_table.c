/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "clock_cost.h"
#include "interrupt.h"
#include "mapbench.h"

/* Spins at the start of a measurement before the CPU is offered to others. */
#define SPINS 1000

/* What a thread does in one round. */
struct job {
	struct map_worker w;
	const struct map_subject *subject;
	uint32_t first_buffer, nb_buffers; /* its share of the area */
	uint32_t items;
	uint64_t duration;   /* ticks, of each part */
	uint64_t clock_cost; /* ticks of one look at the clock */
	unsigned int *waiting;
	bool warm_up;
	/* the result */
	int error;
	uint64_t buffers;
	uint64_t ticks[2];
	struct histogram spread[2];
};

struct team {
	const struct map_plan *plan;
	uint64_t clock_cost;
	unsigned int nb_jobs;
	struct job *job;
	unsigned int *lcore; /* of each but the first */
	unsigned int waiting;
};

/* ---- one thread -------------------------------------------------------------------------- */

static inline uint64_t
elapsed(const struct job *j, uint64_t start)
{
	uint64_t ticks = rte_rdtsc_precise() - start;

	return ticks - RTE_MIN(ticks, j->clock_cost);
}

/* A burst may be mapped in part, a list may not. */
static void
undo(struct job *j)
{
	const struct map_subject *s = j->subject;
	const uint32_t items = s->kind == MAP_SG ? j->items : 1;

	for (uint32_t i = 0; s->last != NULL && i < j->w.alive; i += items) {
		if (s->good(&j->w, i))
			s->last(&j->w, i, items);
	}
}

/* Is all there? If not, nothing is after this. */
static bool
all_good(struct job *j)
{
	int error = rte_errno;

	if (j->subject->good == NULL)
		return true;
	for (uint32_t i = 0; i < j->w.alive; i++) {
		if (likely(j->subject->good(&j->w, i)))
			continue;
		j->error = error != 0 ? error : EIO;
		undo(j);
		return false;
	}
	return true;
}

/* All calls of a batch between two looks at the clock. @return false: it failed */
static bool
time_batch(struct job *j)
{
	const struct map_subject *s = j->subject;
	const uint32_t n = j->w.alive;
	uint64_t start = rte_rdtsc_precise();

	s->first(&j->w, 0, n);
	uint64_t ticks = elapsed(j, start);

	j->ticks[0] += ticks;
	if (!s->slow)
		histogram_add(&j->spread[0], ticks);
	if (!all_good(j))
		return false;
	j->buffers += n;
	if (s->last == NULL)
		return true;
	start = rte_rdtsc_precise();
	s->last(&j->w, 0, n);
	ticks = elapsed(j, start);
	j->ticks[1] += ticks;
	if (!s->slow)
		histogram_add(&j->spread[1], ticks);
	return true;
}

/* Each call alone, with as many alive in the end. */
static bool
time_calls(struct job *j)
{
	const struct map_subject *s = j->subject;
	const uint32_t n = j->w.alive;

	for (uint32_t i = 0; i < n; i += j->items) {
		uint64_t start = rte_rdtsc_precise();

		s->first(&j->w, i, j->items);
		histogram_add(&j->spread[0], elapsed(j, start));
	}
	if (!all_good(j))
		return false;
	for (uint32_t i = 0; s->last != NULL && i < n; i += j->items) {
		uint64_t start = rte_rdtsc_precise();

		s->last(&j->w, i, j->items);
		histogram_add(&j->spread[1], elapsed(j, start));
	}
	return true;
}

/* Batch after batch, through all buffers again and again. */
static void
run_part(struct job *j, bool (*time)(struct job *j), uint64_t duration)
{
	const struct map_subject *s = j->subject;
	void *const *va = j->w.plan->area.va + j->first_buffer;
	const uint64_t begin = rte_rdtsc();
	uint32_t at = 0;
	bool good = true;

	do {
		j->w.va = va + at;
		at = at + 2 * j->w.alive <= j->nb_buffers ? at + j->w.alive : 0;
		rte_errno = 0;
		if (s->before != NULL)
			s->before(&j->w);
		/* what was mapped before is looked at first: nothing is synced that is not */
		good = (s->before == NULL || s->after == NULL || all_good(j)) && time(j);
		if (s->after != NULL)
			s->after(&j->w);
	} while (good && rte_rdtsc() - begin < duration);
}

static void
meet(unsigned int *waiting)
{
	unsigned int spins = 0;

	/* M1: pairs with the acquire below, in the other threads: they begin when all are here */
	__atomic_fetch_sub(waiting, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(waiting, __ATOMIC_ACQUIRE) != 0) {
		rte_pause();
		if (++spins % SPINS == 0)
			sched_yield();
	}
}

static int
run_job(void *arg)
{
	struct job *j = arg;

	j->error = 0;
	j->buffers = j->ticks[0] = j->ticks[1] = 0;
	memset(j->spread, 0, sizeof(j->spread));
	meet(j->waiting);
	run_part(j, time_batch, j->duration);
	if (j->error == 0 && j->subject->slow && !j->warm_up)
		run_part(j, time_calls, j->duration);
	return 0;
}

/* ---- all threads ------------------------------------------------------------------------- */

static void
run_jobs(struct team *t)
{
	t->waiting = t->nb_jobs;
	for (unsigned int i = 1; i < t->nb_jobs; i++)
		rte_eal_remote_launch(run_job, &t->job[i], t->lcore[i]);
	run_job(&t->job[0]);
	for (unsigned int i = 1; i < t->nb_jobs; i++)
		rte_eal_wait_lcore(t->lcore[i]);
}

static void
free_team(struct team *t)
{
	for (unsigned int i = 0; t->job != NULL && i < t->nb_jobs; i++) {
		struct map_worker *w = &t->job[i].w;

		free(w->addr);
		free(w->mem);
		free(w->length);
		free(w->sg);
		free(w->range);
	}
	free(t->job);
	free(t->lcore);
}

static bool
make_room(struct map_worker *w, uint32_t n)
{
	w->addr = calloc(n, sizeof(*w->addr));
	w->mem = calloc(n, sizeof(*w->mem));
	w->length = calloc(n, sizeof(*w->length));
	w->sg = calloc(n, sizeof(*w->sg));
	w->range = calloc(n, sizeof(*w->range));
	if (w->addr == NULL || w->mem == NULL || w->length == NULL || w->sg == NULL ||
		w->range == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		w->length[i] = w->plan->size;
	return true;
}

static bool
make_team(struct team *t)
{
	const uint32_t share = t->plan->area.count / t->nb_jobs;
	unsigned int i = 0, lcore;

	t->job = calloc(t->nb_jobs, sizeof(*t->job));
	t->lcore = calloc(t->nb_jobs, sizeof(*t->lcore));
	if (t->job == NULL || t->lcore == NULL)
		return false;
	RTE_LCORE_FOREACH_WORKER (lcore) {
		if (++i < t->nb_jobs)
			t->lcore[i] = lcore;
	}
	for (i = 0; i < t->nb_jobs; i++) {
		struct job *j = &t->job[i];

		j->w.plan = t->plan;
		j->w.id = i;
		j->first_buffer = i * share;
		j->nb_buffers = share;
		j->clock_cost = t->clock_cost;
		j->waiting = &t->waiting;
		if (!make_room(&j->w, t->plan->alive))
			return false;
	}
	return true;
}

/* ---- subjects ---------------------------------------------------------------------------- */

/* One subject for a while. */
static void
run_subject(struct team *t, const struct map_result *r, void *of, uint64_t duration, bool warm_up)
{
	for (unsigned int i = 0; i < t->nb_jobs; i++) {
		struct job *j = &t->job[i];

		j->subject = r->subject;
		j->items = r->items;
		j->w.of = of;
		j->w.alive = r->alive;
		j->duration = duration;
		j->warm_up = warm_up;
	}
	run_jobs(t);
}

static void
add_round(const struct team *t, struct map_result *r, uint32_t round)
{
	const double ns = 1e9 / rte_get_tsc_hz();
	uint64_t buffers = 0, ticks[2] = {0};

	for (unsigned int i = 0; i < t->nb_jobs; i++) {
		const struct job *j = &t->job[i];

		if (j->error != 0) {
			r->error = j->error;
			return;
		}
		buffers += j->buffers;
		ticks[0] += j->ticks[0];
		ticks[1] += j->ticks[1];
		histogram_merge(&r->first.spread, &j->spread[0]);
		histogram_merge(&r->last.spread, &j->spread[1]);
	}
	r->buffers += buffers;
	r->first.ticks += ticks[0];
	r->last.ticks += ticks[1];
	r->first.round[round] = ns * ticks[0] / buffers;
	r->last.round[round] = ns * ticks[1] / buffers;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
finish(struct map_figures *f, const struct map_result *r, uint32_t rounds)
{
	const double ns = 1e9 / rte_get_tsc_hz();

	qsort(f->round, rounds, sizeof(f->round[0]), by_value);
	f->ns = (f->round[(rounds - 1) / 2] + f->round[rounds / 2]) / 2;
	f->mean = r->buffers > 0 ? ns * f->ticks / r->buffers : 0;
	f->scale = ns / (r->subject->slow ? r->items : r->alive);
}

/* Not a figure is worth anything if another rung did the work. */
static int
prove(const struct team *t, const struct map_result *r, void *of)
{
	struct map_worker *w = &t->job[0].w;
	bool proven;

	if (r->subject->peer || r->subject->kind != MAP_SINGLE)
		return 0;
	w->of = of;
	w->va = t->plan->area.va;
	w->alive = r->alive;
	rte_errno = 0;
	r->subject->first(w, 0, w->alive);
	for (uint32_t i = 0; i < w->alive; i++) {
		if (!r->subject->good(w, i))
			return 0; /* the warm-up will find that, too, and clean up */
	}
	proven = map_rung_proven(t->plan, r->subject->rung, w);
	r->subject->last(w, 0, w->alive);
	return proven ? 0 : EPROTO;
}

static void *
open_subject(const struct map_plan *plan, struct map_result *r)
{
	const struct map_subject *s = r->subject;
	const struct map_rung_state *rung = &plan->rung[s->rung];
	void *of;

	if (s->max_size != 0 && plan->size > s->max_size) {
		r->error = E2BIG;
		return NULL;
	}
	if (!s->peer) {
		r->error = rung->error;
		r->mask = rung->mask;
		if (r->error != 0)
			return NULL;
	}
	if (s->open == NULL)
		return rung->dev;
	of = s->open(plan);
	if (of == NULL)
		r->error = rte_errno;
	return of;
}

static void
limit_alive(const struct map_plan *plan, struct map_result *r)
{
	const struct map_subject *s = r->subject;

	r->items = map_items(plan->config, s->kind);
	r->alive = plan->alive;
	if (s->max_alive != 0)
		r->alive = RTE_MIN(r->alive, s->max_alive);
	if (s->max_all != 0)
		r->alive = RTE_MIN(r->alive, s->max_all / plan->config->map.threads);
	/* whole calls */
	r->items = RTE_MIN(r->items, r->alive);
	r->alive -= r->alive % r->items;
}

int
map_table_run(const struct map_plan *plan, struct map_result results[], unsigned int n)
{
	const struct config *c = plan->config;
	const uint64_t duration = c->duration_ms * rte_get_tsc_hz() / 1000;
	struct team t = {
		.plan = plan,
		.clock_cost = clock_cost(),
		.nb_jobs = c->map.threads,
	};
	void *of[MAP_MAX_SUBJECTS] = {NULL};
	int ret = 0;

	if (!make_team(&t)) {
		free_team(&t);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < n; i++) {
		struct map_result *r = &results[i];

		limit_alive(plan, r);
		of[i] = open_subject(plan, r);
		if (r->error == 0)
			r->error = prove(&t, r, of[i]);
	}
	for (uint32_t round = 0; round < c->rounds && ret == 0; round++) {
		for (unsigned int i = 0; i < n && ret == 0; i++) {
			if (interrupted())
				ret = -EINTR;
			if (results[i].error != 0 || ret != 0)
				continue;
			/* a batch, so that the caches are this subject's */
			run_subject(&t, &results[i], of[i], 0, true);
			run_subject(&t, &results[i], of[i], duration, false);
			add_round(&t, &results[i], round);
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		finish(&results[i].first, &results[i], c->rounds);
		finish(&results[i].last, &results[i], c->rounds);
		if (of[i] != NULL && results[i].subject->close != NULL)
			results[i].subject->close(of[i]);
	}
	free_team(&t);
	return ret;
}
