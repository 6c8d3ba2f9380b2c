/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "lane.h"
#include "measure.h"

/* Rounds of waiting before the CPU is offered to others. */
#define SPINS 1000

/* What one thread does of a measurement. */
struct part {
	struct measurement m;
	unsigned int index; /* its first step; it does each m.cpu_threads-th */
	uint64_t duration;
	int cpu;
	unsigned int *waiting; /* threads that have not come yet */
	pthread_t thread;
};

static cpu_set_t usable;

void
measure_note_cpus(void)
{
	sched_getaffinity(0, sizeof(usable), &usable);
}

unsigned int
measure_cpus(void)
{
	return CPU_COUNT(&usable);
}

/* The n-th of the process's CPUs that the caller does not run on. */
static int
other_cpu(unsigned int n)
{
	int own = rte_lcore_to_cpu_id(-1);

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &usable) && cpu != own && n-- == 0)
			return cpu;
	}
	return own;
}

static void
copy_segments(void *dst, const void *src, uint32_t length, uint16_t segments)
{
	struct rte_dma_sge sge[OP_MAX_SEGMENTS];

	op_segments(sge, segments, 0, length, false);
	for (uint16_t i = 0; i < segments; i++)
		memcpy((uint8_t *)dst + sge[i].addr, (const uint8_t *)src + sge[i].addr,
			sge[i].length);
}

static inline __attribute__((always_inline)) void
do_step(const struct measurement *m, enum op op, uint32_t step)
{
	const struct walk *w = m->walk;

	if (op == OP_FILL)
		memset(w->dst_va[step], m->fill, w->size);
	else if (op == OP_SG)
		copy_segments(w->dst_va[step], w->src_va[step], w->size, m->segments);
	else
		memcpy(w->dst_va[step], w->src_va[step], w->size);
}

static inline __attribute__((always_inline)) void
run_rate(struct part *p, enum op op)
{
	struct measurement *m = &p->m;
	const uint32_t last = m->walk->count - 1, stride = m->cpu_threads;
	const uint32_t batch = measure_passes_a_look(m->walk->size) * m->config->batch;
	const uint64_t start = rte_rdtsc_precise();
	uint64_t now = start;
	uint32_t step = p->index & last;

	while (now - start < p->duration) {
		for (uint32_t n = 0; n < batch; n++) {
			do_step(m, op, step);
			step = (step + stride) & last;
		}
		m->done += batch;
		now = rte_rdtsc();
	}
	m->mops = (double)m->done * (double)rte_get_tsc_hz() / (double)(now - start) / 1e6;
}

static inline __attribute__((always_inline)) void
run_latency(struct part *p, enum op op)
{
	struct measurement *m = &p->m;
	const uint32_t last = m->walk->count - 1;
	const uint64_t start = rte_rdtsc_precise();
	uint64_t now = start;

	while (now - start < p->duration) {
		uint64_t before = rte_rdtsc_precise();

		do_step(m, op, (uint32_t)m->done & last);
		now = rte_rdtsc_precise();
		measure_add_latency(m, now - before);
		m->done++;
	}
	m->mops = (double)m->done * (double)rte_get_tsc_hz() / (double)(now - start) / 1e6;
}

/* One loop for each operation, so that none is looked up inside. */
static void
run_part(struct part *p)
{
	const bool rate = p->m.spread == NULL;

	switch (p->m.op) {
	case OP_COPY:
		rate ? run_rate(p, OP_COPY) : run_latency(p, OP_COPY);
		break;
	case OP_FILL:
		rate ? run_rate(p, OP_FILL) : run_latency(p, OP_FILL);
		break;
	default:
		rate ? run_rate(p, OP_SG) : run_latency(p, OP_SG);
		break;
	}
}

/* All begin when the last has come. */
static void
meet(unsigned int *waiting)
{
	/* acquire and release: nobody begins before everybody's decrement */
	__atomic_sub_fetch(waiting, 1, __ATOMIC_ACQ_REL);
	for (unsigned int spins = 0; __atomic_load_n(waiting, __ATOMIC_ACQUIRE) != 0; spins++) {
		if (spins < SPINS)
			rte_pause();
		else
			sched_yield();
	}
}

static void *
run_thread(void *arg)
{
	struct part *p = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(p->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	meet(p->waiting);
	run_part(p);
	return NULL;
}

static struct part
new_part(const struct measurement *m, unsigned int index, uint64_t duration, unsigned int *waiting)
{
	return (struct part){.m = *m, .index = index, .duration = duration, .waiting = waiting};
}

void
measure_cpu(struct measurement *m, uint64_t duration)
{
	struct part part[CONFIG_MAX_CPU_THREADS];
	const unsigned int n = m->cpu_threads, own = m->cpu_other ? 0 : 1;
	unsigned int waiting = n, begun = own;

	for (unsigned int i = 0; i < n; i++)
		part[i] = new_part(m, i, duration, &waiting);
	for (; begun < n; begun++) {
		struct part *p = &part[begun];

		p->cpu = other_cpu(begun - own);
		m->failed = quiet_thread(&p->thread, run_thread, p);
		if (m->failed != 0)
			break;
	}
	/* those that could not be launched will not come */
	__atomic_sub_fetch(&waiting, n - begun, __ATOMIC_ACQ_REL);
	if (own > 0) {
		meet(&waiting);
		run_part(&part[0]);
	}
	m->done = 0;
	m->mops = 0;
	m->covered = begun > 0 ? UINT64_MAX : 0;
	for (unsigned int i = 0; i < begun; i++) {
		if (i >= own)
			pthread_join(part[i].thread, NULL);
		m->done += part[i].m.done;
		m->mops += part[i].m.mops;
		m->covered = RTE_MIN(m->covered, n * part[i].m.done);
	}
}
