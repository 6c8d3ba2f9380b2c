/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "interrupt.h"
#include "pinned.h"
#include "team.h"
#include "worker.h"

#define MAX_WORKERS (2 * SIDE_MAX)

#define MAX_WARM_UP_MS 10
#define LOOK_NS	       100000

struct team {
	const uint16_t *cpus;
	unsigned int nb_cpus;
	struct run *run;
	struct worker *worker[MAX_WORKERS]; /* producers of the measurement, then consumers */
	pthread_t thread[MAX_WORKERS];
	struct histogram latency;
};

static void *
on_thread(void *arg)
{
	struct worker *w = arg;
	struct run *run = w->run;
	unsigned int spins = 0;

	__atomic_add_fetch(&run->ready, 1, __ATOMIC_RELAXED);
	/* acquire; pairs with the store in team_run() */
	while (__atomic_load_n(&run->go, __ATOMIC_ACQUIRE) == 0)
		idle(&spins, true);
	w->loop(w);
	if (w->producer)
		/* release; pairs with run_producers_gone() */
		__atomic_sub_fetch(&run->producers_left, 1, __ATOMIC_RELEASE);
	/* release; pairs with all_at(): the results have been written */
	__atomic_add_fetch(&run->finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

struct team *
team_create(const uint16_t *cpus, unsigned int nb_cpus)
{
	struct team *team = calloc(1, sizeof(*team));

	if (team == NULL)
		return NULL;
	team->cpus = cpus;
	team->nb_cpus = nb_cpus;
	team->run = aligned_alloc(__alignof__(struct run), sizeof(struct run));
	if (team->run == NULL) {
		free(team);
		return NULL;
	}
	return team;
}

void
team_free(struct team *team)
{
	if (team == NULL)
		return;
	for (unsigned int i = 0; i < MAX_WORKERS && team->worker[i] != NULL; i++) {
		free(team->worker[i]->buf);
		free(team->worker[i]);
	}
	free(team->run);
	free(team);
}

/* The worker at a place, made when it is wanted first. */
static struct worker *
worker_at(struct team *team, unsigned int place)
{
	struct worker *w = team->worker[place];

	if (w != NULL)
		return w;
	w = aligned_alloc(__alignof__(*w), sizeof(*w));
	if (w == NULL)
		return NULL;
	w->buf = aligned_alloc(128, (size_t)KIND_BULK_MAX * KIND_ESIZE_MAX);
	if (w->buf == NULL) {
		free(w);
		return NULL;
	}
	team->worker[place] = w;
	return w;
}

static int
prepare(struct team *team, const struct task *task)
{
	const struct loops *l = &task->kind->loops[kind_esize_index(task->esize)];
	const unsigned int n = task->producers + task->consumers;

	memset(team->run, 0, sizeof(*team->run));
	team->run->producers_left = task->producers;
	for (unsigned int i = 0; i < n; i++) {
		struct worker *w = worker_at(team, i);

		if (w == NULL)
			return -ENOMEM;
		w->run = team->run;
		w->ring = task->ring;
		w->bulk = task->bulk;
		w->burst = task->burst;
		w->yield = task->yield;
		w->producer = i < task->producers;
		w->id = w->producer ? i : i - task->producers;
		if (w->producer)
			w->loop = task->latency ? l->ping : l->produce;
		else
			w->loop = task->latency ? l->pong : l->consume;
		w->moved = w->calls = w->refused = 0;
		check_begin(&w->check, task->producers);
		if (task->latency)
			memset(&w->latency, 0, sizeof(w->latency));
	}
	return 0;
}

/* Wait until a counter has come to n. @return 0 or -ETIMEDOUT */
static int
all_at(const uint32_t *counter, unsigned int n)
{
	const uint64_t limit = rte_rdtsc() + TEAM_PATIENCE_S * rte_get_tsc_hz();
	const struct timespec look = {.tv_nsec = LOOK_NS};

	/* acquire; pairs with the additions in on_thread() */
	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < n) {
		if (rte_rdtsc() > limit)
			return -ETIMEDOUT;
		nanosleep(&look, NULL);
	}
	return 0;
}

static uint64_t
consumed(const struct team *team, const struct task *task)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < task->consumers; i++)
		/* relaxed: a count to look at */
		sum += __atomic_load_n(&team->worker[task->producers + i]->moved, __ATOMIC_RELAXED);
	return sum;
}

/* CPU time that the threads have had, in seconds. */
static double
cpu_time(const struct team *team, const struct task *task)
{
	double sum = 0;

	for (int i = 0; i < task->producers + task->consumers; i++) {
		struct timespec t;
		clockid_t clock;

		if (pthread_getcpuclockid(team->thread[i], &clock) == 0 &&
			clock_gettime(clock, &t) == 0)
			sum += (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	}
	return sum;
}

/* While the threads run. @return 0 or -EINTR */
static int
observe(const struct team *team, const struct task *task, struct outcome *out)
{
	const uint32_t warm_up = RTE_MIN((uint32_t)MAX_WARM_UP_MS, task->duration_ms / 4);
	const unsigned int n = task->producers + task->consumers;
	uint64_t from_tsc, tsc, from, elements;
	double from_cpu, cpu;

	interruptible_wait(-1, (int)warm_up);
	from_cpu = cpu_time(team, task);
	from = consumed(team, task);
	from_tsc = rte_rdtsc_precise();
	if (!interrupted())
		interruptible_wait(-1, (int)task->duration_ms);
	elements = consumed(team, task) - from;
	tsc = rte_rdtsc_precise() - from_tsc;
	cpu = cpu_time(team, task) - from_cpu;

	out->cpu_share = cpu * (double)rte_get_tsc_hz() / (double)tsc / RTE_MIN(n, team->nb_cpus);
	if (elements > 0) {
		out->cycles = (double)tsc / (double)elements;
		out->mops = (double)rte_get_tsc_hz() / out->cycles / 1e6;
	}
	return interrupted() ? -EINTR : 0;
}

static double
share(uint64_t part, uint64_t all)
{
	return all > 0 ? (double)part / (double)all : 0;
}

/* When the threads have ended. */
static void
collect(struct team *team, const struct task *task, struct outcome *out)
{
	const struct check *view[SIDE_MAX];
	uint64_t sent[SIDE_MAX];
	uint64_t put_calls = 0, full = 0, get_calls = 0, empty = 0, received = 0;

	memset(&team->latency, 0, sizeof(team->latency));
	out->latency = &team->latency;
	for (unsigned int i = 0; i < task->producers; i++) {
		const struct worker *w = team->worker[i];

		sent[i] = w->moved;
		out->elements += w->moved;
		put_calls += w->calls;
		full += w->refused;
	}
	for (unsigned int i = 0; i < task->consumers; i++) {
		struct worker *w = team->worker[task->producers + i];

		check_end(&w->check);
		view[i] = &w->check;
		received += w->moved;
		get_calls += w->calls;
		empty += w->refused;
		if (task->latency)
			histogram_merge(&team->latency, &w->latency);
	}
	out->refused_put = share(full, put_calls);
	out->refused_get = share(empty, get_calls);
	if (!task->latency) {
		check_verdict(view, task->consumers, sent, task->producers, &out->faults);
		return;
	}
	/* time stamps are no numbers without gaps: only what is torn, and how many there are */
	for (unsigned int i = 0; i < task->consumers; i++)
		out->faults.torn += view[i]->torn;
	out->faults.lost = received < out->elements ? out->elements - received : 0;
	out->faults.doubled = received > out->elements ? received - out->elements : 0;
}

int
team_run(struct team *team, const struct task *task, struct outcome *out)
{
	const unsigned int n = task->producers + task->consumers;
	struct run *run = team->run;
	unsigned int started = 0;
	int ret = prepare(team, task);

	memset(out, 0, sizeof(*out));
	while (ret == 0 && started < n) {
		ret = pinned_thread(&team->thread[started], team->cpus[started % team->nb_cpus],
			on_thread, team->worker[started]);
		started += ret == 0;
	}
	if (ret == 0)
		ret = all_at(&run->ready, n);
	const bool complete = ret == 0;
	const uint64_t start = rte_rdtsc();

	if (!complete) {
		/* so that those that did start come to an end: relaxed, go releases them */
		__atomic_store_n(&run->stop, 1, __ATOMIC_RELAXED);
		__atomic_store_n(
			&run->producers_left, RTE_MIN(started, task->producers), __ATOMIC_RELAXED);
	}
	/* release; pairs with the load in on_thread() */
	__atomic_store_n(&run->go, 1, __ATOMIC_RELEASE);
	if (complete)
		ret = observe(team, task, out);
	/* relaxed: see run_stopped() */
	__atomic_store_n(&run->stop, 1, __ATOMIC_RELAXED);
	if (all_at(&run->finished, started) != 0)
		return -ETIMEDOUT;
	for (unsigned int i = 0; i < started; i++)
		pthread_join(team->thread[i], NULL);
	out->seconds = (double)(rte_rdtsc() - start) / (double)rte_get_tsc_hz();
	if (complete)
		collect(team, task, out);
	return ret;
}
