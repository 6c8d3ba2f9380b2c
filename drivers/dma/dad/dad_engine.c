/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include <rte_branch_prediction.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#include "dad_internal.h"

/* A worker without work on its own vchans looks after those of others: at any time if there is a
 * backlog, two groups at least, and for a single one only once in so many rounds. Else two workers
 * would fight for crumbs, and without it a stalled worker would hold them up. */
#define PATIENCE 64

/* ---- one group --------------------------------------------------------------------------- */

/*
 * `claimed` is twice the ticket of the next group, plus 1 if the batch of the last one is poisoned:
 * something of it failed, and a fence came after. So who claims a group also knows, and says,
 * whether it may be attempted; whoever is overtaken has said nothing.
 */
struct claim {
	uint64_t first;
	unsigned int n;
	bool poisoned;
};

/* Is there a group at this ticket, and of which kind? */
static bool
is_submitted(const struct dad_vchan *vc, uint64_t ticket, enum dad_kind *kind)
{
	/* S1: pairs with the release in publish(), dad_submit.c */
	uint8_t tag = __atomic_load_n(&vc->filled[ticket & vc->mask], __ATOMIC_ACQUIRE);

	*kind = tag & DAD_KIND_MASK;
	return tag == dad_tag_filled(ticket, vc->size_log2, *kind);
}

/* The next group of a vchan becomes this worker's, if there is one. */
static bool
claim(const struct dad_engine *e, struct dad_vchan *vc, bool backlog_only, struct claim *c)
{
	/* C1: pairs with the CAS below, in another worker: its batch may be poisoned */
	uint64_t claimed = __atomic_load_n(&vc->claimed, __ATOMIC_ACQUIRE);
	const uint64_t ticket = claimed >> 1;
	enum dad_kind kind, next;

	if (!is_submitted(vc, ticket, &kind))
		return false;
	c->first = ticket;
	c->n = 1 + (unsigned int)dad_vchan_run_filled(vc, ticket + 1, DAD_GROUP_OPS_MAX - 1);
	const uint64_t end = ticket + c->n;
	if (backlog_only && !is_submitted(vc, end, &next))
		return false;

	c->poisoned = kind != DAD_KIND_BATCH && (claimed & 1);
	if (unlikely(kind == DAD_KIND_FENCE)) {
		/* F1: pairs with the release in serve(): data, and what failed, of all before */
		if (e->nb_workers > 1 && __atomic_load_n(&vc->finished, __ATOMIC_ACQUIRE) != ticket)
			return false;
		/* relaxed: it may be another lap's by now, and then the CAS fails */
		unsigned int depth =
			__atomic_load_n(&dad_vchan_desc(vc, ticket)->depth, __ATOMIC_RELAXED) &
			DAD_DEPTH_MASK;

		c->poisoned = depth > 0 && (c->poisoned || dad_exec_has_failed(vc, ticket - depth));
	}
	if (e->nb_workers == 1) {
		__atomic_store_n(&vc->claimed, end << 1 | c->poisoned, __ATOMIC_RELAXED);
		return true;
	}
	/* tickets never come again: if others have overtaken, this fails */
	return __atomic_compare_exchange_n(&vc->claimed, &claimed, end << 1 | c->poisoned, false,
		__ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static bool
execute(const struct dad_engine *e, struct dad_vchan *vc, const struct claim *c)
{
	if (unlikely(c->poisoned)) {
		dad_exec_skip(vc, c->first, c->n);
		return true;
	}
	/* From the last to the first: the CPU's prefetchers follow the direction, and upwards they
	 * would take lines that the submitter is just writing. */
	for (unsigned int i = c->n; i > 0; i -= RTE_MIN(i, 2u))
		rte_prefetch0(dad_vchan_desc(vc, c->first + i - 1));
	return dad_exec_group(e->exec, vc, c->first, c->n);
}

/* Claim a group and do it. False if there was none. */
static bool
serve(const struct dad_engine *e, struct dad_vchan *vc, bool backlog_only)
{
	struct claim c;

	if (!claim(e, vc, backlog_only, &c))
		return false;
	bool failed = execute(e, vc, &c);
	if (e->nb_workers > 1)
		/* F1: pairs with the acquire in claim() */
		__atomic_fetch_add(&vc->finished, c.n, __ATOMIC_RELEASE);
	/* D1: pairs with the acquire in poll_tags(), dad_complete.c */
	ring_tags_set_lap(vc->emptied, vc->mask, c.first, c.n,
		dad_tag_emptied(c.first, vc->size_log2, failed), 1 << 1);
	return true;
}

/* ---- workers ------------------------------------------------------------------------------- */

/* One group of each vchan that is this worker's own. */
static bool
serve_own(const struct dad_worker *w)
{
	const struct dad_engine *e = w->engine;
	bool any = false;

	for (unsigned int v = w->index; v < e->nb_vchans; v += e->nb_workers)
		any |= serve(e, &e->vchan[v], false);
	return any;
}

static bool
serve_others(const struct dad_worker *w, bool backlog_only)
{
	const struct dad_engine *e = w->engine;

	for (unsigned int v = 0; v < e->nb_vchans; v++)
		if (v % e->nb_workers != w->index && serve(e, &e->vchan[v], backlog_only))
			return true;
	return false;
}

bool
dad_engine_is_crowded(const struct dad_worker *w)
{
	return w->beside_lcore || dad_cpus_workers_on(w->cpu) > 1;
}

static void *
worker_main(void *arg)
{
	struct dad_worker *w = arg;
	struct dad_engine *e = w->engine;
	unsigned int idle = 0;

	/* so that EAL's tools show it, and libraries that keep things per lcore know it */
	bool registered = rte_thread_register() == 0;
	if (!registered)
		DAD_LOG(NOTICE, "worker %u runs without an lcore id: %s", w->index,
			rte_strerror(rte_errno));

	while (__atomic_load_n(&e->run, __ATOMIC_ACQUIRE)) {
		if (serve_own(w) ||
			(e->nb_workers > 1 && serve_others(w, idle % PATIENCE != PATIENCE - 1))) {
			idle = 0;
			continue;
		}
		idle++;
		if (likely(!dad_engine_is_crowded(w))) {
			rte_pause();
			continue;
		}
		/* the application that polls for completions should know as well */
		if (!__atomic_load_n(&e->crowded, __ATOMIC_RELAXED))
			__atomic_store_n(&e->crowded, true, __ATOMIC_RELAXED);
		sched_yield();
	}
	if (registered)
		rte_thread_unregister();
	return NULL;
}

static int
worker_start(struct dad_worker *w, const char *name)
{
	const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
	char thread_name[16];
	pthread_attr_t attr;
	cpu_set_t cpus;
	sigset_t all, before;

	CPU_ZERO(&cpus);
	CPU_SET(w->cpu, &cpus);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);

	/* signals are the application's, but for those that a worker raises itself: it inherits a
	 * mask */
	sigfillset(&all);
	for (unsigned int i = 0; i < RTE_DIM(own); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int ret = pthread_create(&w->thread, &attr, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (ret != 0)
		return -ret;

	snprintf(thread_name, sizeof(thread_name), "%.10s-w%u", name, w->index);
	pthread_setname_np(w->thread, thread_name);
	return 0;
}

int
dad_engine_start(struct dad_engine *e, const char *name, const struct dad_args *args, int numa_node,
	const struct dad_exec *exec, struct dad_vchan *vchan, unsigned int nb_vchans)
{
	e->exec = exec;
	e->vchan = vchan;
	e->nb_vchans = nb_vchans;
	e->nb_workers = args->workers;
	e->crowded = false;
	for (unsigned int i = 0; i < e->nb_workers; i++) {
		struct dad_worker *w = &e->worker[i];

		w->engine = e;
		w->index = i;
		w->cpu = args->lcores.n > 0 ? args->lcores.cpu[i % args->lcores.n]
					    : dad_cpus_pick(numa_node);
		w->beside_lcore = dad_cpus_lcores_on(w->cpu) > 0;
		dad_cpus_enter(w->cpu);
	}
	for (unsigned int i = 0; i < e->nb_workers; i++)
		e->crowded |= dad_engine_is_crowded(&e->worker[i]);

	__atomic_store_n(&e->run, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < e->nb_workers; i++) {
		int ret = worker_start(&e->worker[i], name);

		if (ret != 0) {
			DAD_LOG(ERR, "%s: worker %u on CPU %d: %s", name, i, e->worker[i].cpu,
				rte_strerror(-ret));
			for (unsigned int rest = i; rest < e->nb_workers; rest++)
				dad_cpus_leave(e->worker[rest].cpu);
			e->nb_workers = i;
			dad_engine_stop(e);
			return ret;
		}
	}
	return 0;
}

void
dad_engine_stop(struct dad_engine *e)
{
	__atomic_store_n(&e->run, false, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < e->nb_workers; i++) {
		pthread_join(e->worker[i].thread, NULL);
		dad_cpus_leave(e->worker[i].cpu);
	}
	e->nb_workers = 0;
}
