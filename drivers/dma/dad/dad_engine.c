/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "dad_idle.h"
#include "dad_internal.h"
#include "dad_pool.h"
#include "dad_regs.h"
#include "dad_serve.h"
#include "dad_trace.h"

/* A worker without work on its own vchans looks after those of others: at any time if there is a
 * backlog, two groups at least, and for a single one only once in so many rounds. Else two workers
 * would fight for crumbs, and without it a stalled worker would hold them up. */
#define PATIENCE 64

/* One group of each vchan that is this worker's own. How many there were. */
static unsigned int
serve_own(struct dad_worker *w)
{
	const struct dad_engine *e = w->engine;
	unsigned int n = 0;

	for (unsigned int v = w->index; v < e->nb_vchans; v += e->nb_workers)
		n += dad_serve(e->exec, &e->vchan[v], false, &w->quiet[v]);
	return n;
}

static unsigned int
serve_others(struct dad_worker *w, bool backlog_only)
{
	const struct dad_engine *e = w->engine;

	for (unsigned int v = 0; v < e->nb_vchans; v++)
		if (v % e->nb_workers != w->index &&
			dad_serve(e->exec, &e->vchan[v], backlog_only, &w->quiet[v]))
			return 1;
	return 0;
}

bool
dad_engine_may_run(const struct dad_engine *e)
{
	/* G1: pairs with the releases below: all is set which the engine has to know */
	return __atomic_load_n(e->control, __ATOMIC_ACQUIRE) == DAD_CONTROL_RUN;
}

bool
dad_engine_serve_all(const struct dad_engine *e)
{
	bool any = false;

	/* in this order: what is behind it is there once it may run */
	for (unsigned int v = 0; dad_engine_may_run(e) && v < e->nb_vchans; v++)
		any |= dad_serve(e->exec, &e->vchan[v], false, NULL);
	if (!any && dad_flag_is_up(&e->crowded))
		sched_yield();
	return any;
}

bool
dad_engine_is_crowded(const struct dad_worker *w)
{
	return w->beside_lcore || dad_cpus_workers_on(w->cpu) > 1;
}

/* Do something, if there is anything; idle is how often in a row there was not. How many groups. */
static unsigned int
serve(struct dad_worker *w, unsigned int idle)
{
	struct dad_engine *e = w->engine;

	if (e->serves != NULL)
		return dad_pool_serve(e->serves, w);
	const unsigned int n = serve_own(w);

	if (n > 0 || e->nb_workers == 1)
		return n;
	return serve_others(w, idle % PATIENCE != PATIENCE - 1);
}

/* The application that polls for completions should know as well. */
static void
tell_crowded(struct dad_engine *e)
{
	dad_flag_set(&e->crowded, true);
	if (e->serves != NULL)
		dad_pool_tell_crowded(e->serves);
}

static void *
worker_main(void *arg)
{
	struct dad_worker *w = arg;
	struct dad_engine *e = w->engine;
	unsigned int idle = 0;

	/* nobody who has found the thread by its name ends it in the middle of an operation */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	/* so that EAL's tools show it, and libraries that keep things per lcore know it; not
	 * without being asked, as from then on EAL refuses secondary processes */
	bool registered = e->enlist && rte_thread_register() == 0;
	if (e->enlist && !registered)
		DAD_LOG(NOTICE, "worker %u runs without an lcore id: %s", w->index,
			rte_strerror(rte_errno));
	dad_idle_prepare(e->idle);

	while (dad_engine_may_run(e)) {
		const unsigned int n = serve(w, idle);

		if (n > 0) {
			idle = 0;
			if (e->counted)
				dad_work_did(&w->work, n);
			continue;
		}
		if (e->counted)
			dad_work_none(&w->work);
		idle += idle < UINT32_MAX;
		bool crowded = dad_engine_is_crowded(w);
		if (unlikely(crowded) && !dad_flag_is_up(&e->crowded))
			tell_crowded(e);
		dad_idle(e->idle, idle, crowded);
		if (e->counted)
			dad_work_look(&w->work);
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
	const struct dad_exec *exec, struct dad_vchan *vchan, unsigned int nb_vchans,
	uint32_t *control)
{
	e->control = control;
	e->exec = exec;
	e->vchan = vchan;
	e->nb_vchans = nb_vchans;
	if (args->engine == DAD_ENGINE_SERVICE) {
		dad_flag_set(&e->crowded, dad_service_is_crowded());
		__atomic_store_n(control, DAD_CONTROL_RUN, __ATOMIC_RELEASE); /* G1 */
		int ret = dad_service_start(&e->service, name);
		if (ret != 0)
			__atomic_store_n(control, 0, __ATOMIC_RELEASE);
		return ret;
	}
	if (args->pool[0] != '\0' && e->serves == NULL) {
		__atomic_store_n(control, DAD_CONTROL_RUN, __ATOMIC_RELEASE); /* G1 */
		int ret = dad_pool_join(e, name, args, numa_node);
		if (ret != 0)
			__atomic_store_n(control, 0, __ATOMIC_RELEASE);
		return ret;
	}
	e->nb_workers = args->workers;
	e->idle = args->idle;
	e->enlist = args->enlist;
	e->counted = args->xstats;
	dad_flag_set(&e->crowded, false);
	for (unsigned int i = 0; i < e->nb_workers; i++) {
		struct dad_worker *w = &e->worker[i];

		w->engine = e;
		w->index = i;
		w->gone = false;
		memset(w->quiet, 0, sizeof(w->quiet));
		w->work = (struct dad_work){0};
		dad_work_look(&w->work);
		dad_work_reset(&w->work);
		w->cpu = args->lcores.n > 0 ? args->lcores.cpu[i % args->lcores.n]
					    : dad_cpus_pick(numa_node);
		w->beside_lcore = dad_cpus_lcores_on(w->cpu) > 0;
		dad_cpus_enter(w->cpu);
	}
	for (unsigned int i = 0; i < e->nb_workers; i++)
		if (dad_engine_is_crowded(&e->worker[i]))
			dad_flag_set(&e->crowded, true);

	__atomic_store_n(control, DAD_CONTROL_RUN, __ATOMIC_RELEASE); /* G1 */
	for (unsigned int i = 0; i < e->nb_workers; i++) {
		int ret = worker_start(&e->worker[i], name);

		dad_trace_worker_start(name, i, e->worker[i].cpu, ret);
		if (ret != 0) {
			DAD_LOG(ERR, "%s: worker %u on CPU %d: %s", name, i, e->worker[i].cpu,
				rte_strerror(-ret));
			for (unsigned int rest = i; rest < e->nb_workers; rest++)
				dad_cpus_leave(e->worker[rest].cpu);
			e->nb_workers = i;
			dad_engine_stop(e, name);
			return ret;
		}
	}
	return 0;
}

bool
dad_worker_is_gone(struct dad_worker *w)
{
	if (!w->gone)
		w->gone = pthread_tryjoin_np(w->thread, NULL) == 0;
	return w->gone;
}

/* All of them, within a time. */
static bool
await_workers(struct dad_engine *e)
{
	const uint64_t deadline = dad_wait_until(DAD_LEAVE_MS);
	unsigned int i = 0;

	while (i < e->nb_workers) {
		if (dad_worker_is_gone(&e->worker[i]))
			i++;
		else if (!dad_wait(deadline))
			return false;
	}
	return true;
}

static int
end_workers(struct dad_engine *e, const char *name)
{
	if (!await_workers(e)) {
		for (unsigned int i = 0; i < e->nb_workers; i++)
			if (!dad_worker_is_gone(&e->worker[i]))
				DAD_LOG(ERR, "%s: worker %u on CPU %d does not leave", name, i,
					e->worker[i].cpu);
		return -EBUSY;
	}
	for (unsigned int i = 0; i < e->nb_workers; i++) {
		dad_trace_worker_stop(name, i, e->worker[i].work.groups);
		dad_cpus_leave(e->worker[i].cpu);
	}
	e->nb_workers = 0;
	return 0;
}

int
dad_engine_stop(struct dad_engine *e, const char *name)
{
	int ret = 0;

	if (e->control != NULL)
		__atomic_store_n(e->control, 0, __ATOMIC_RELEASE);
	if (e->service.open)
		ret = dad_service_stop(&e->service, name);
	if (ret == 0 && e->pool != NULL)
		ret = dad_pool_leave(e, name);
	if (ret == 0)
		ret = end_workers(e, name);
	e->halted = ret != 0;
	return ret;
}
