/* SPDX-License-Identifier: BSD-3-Clause */

/* Completions: polled in place, reported in order. */

#include <sched.h>

#include <rte_branch_prediction.h>

#include "dad_halt.h"
#include "dad_internal.h"
#include "dad_serve.h"
#include "dad_trace.h"

/* See which operations are done, until enough are. */
static inline void
poll_tags(struct dad_vchan *vc, uint64_t enough)
{
	const uint64_t end = RTE_MIN(vc->reaped + enough, vc->published);
	uint64_t done = vc->done;
	bool failed = false;

	while (done < end) {
		/* D1: pairs with the release in finish(), dad_serve.c: the data, and the statuses
		 */
		uint64_t run = dad_vchan_run_done(vc, done, end - done, &failed);

		if (run == 0)
			break;
		done += run;
		if (unlikely(failed))
			vc->careful = done;
	}
	__atomic_store_n(&vc->done, done, __ATOMIC_RELAXED);
}

static inline void
reap(struct dad_vchan *vc, uint64_t n)
{
	if (n > 0)
		dad_trace_completed(vc, vc->reaped, n);
	if (dad_vchan_is_timed(vc))
		dad_stat_latency(vc, vc->reaped, n, &vc->stat.latency);
	__atomic_store_n(&vc->reaped, vc->reaped + n, __ATOMIC_RELAXED);
	vc->limit = vc->reaped + vc->capacity;
	dad_vchan_set_stop(vc);
	if (!vc->in_submit)
		dad_vchan_fetch(vc);
}

/* Polled in vain, while something is under way. Where the caller may, it does what workers have not
 * come to: a part of a large operation, a group if several wait, and any if it has waited long. */
#define PATIENCE 64

static __rte_noinline void
help(struct dad_vchan *vc)
{
	/* not once the device was told to stop; nor in a secondary, which may die while it has
	 * claimed something */
	if (vc->helped && vc->capacity != 0 && dad_foreign == 0 &&
		dad_serve(dad_exec_of(vc), vc, ++vc->waited % PATIENCE != 0, NULL)) {
		dad_stat_add(&vc->stat.poll_served, 1, false);
		return;
	}
	if (dad_flag_is_up(vc->crowded))
		sched_yield();
}

/* How many are ready to be reported, at most nb_cpls. */
static inline uint64_t
ready(struct dad_vchan *vc, uint16_t nb_cpls)
{
	poll_tags(vc, nb_cpls);
	uint64_t n = vc->done - vc->reaped;

	if (unlikely(n == 0 && vc->published != vc->reaped && nb_cpls > 0)) {
		help(vc);
		poll_tags(vc, nb_cpls);
		n = vc->done - vc->reaped;
	}
	return RTE_MIN(n, (uint64_t)nb_cpls);
}

/* Of the n that are about to be reaped so many have a status other than 0. */
static __rte_noinline void
count_errors(struct dad_vchan *vc, uint64_t errors, uint64_t n)
{
	struct dad_errors e;

	__atomic_store_n(&vc->errors, vc->errors + errors, __ATOMIC_RELAXED);
	dad_stat_see_errors(vc, vc->reaped, n, &e);
	dad_stat_errors(vc, &e);
	if (vc->halts)
		dad_halt_reported(vc, vc->reaped + n);
}

void
dad_recycle(struct dad_vchan *vc)
{
	const uint64_t n = ready(vc, (uint16_t)dad_vchan_size(vc));
	uint64_t errors = 0;

	for (uint64_t i = 0; vc->reaped < vc->careful && i < n; i++)
		errors += dad_vchan_status_at(vc, vc->reaped + i) != RTE_DMA_STATUS_SUCCESSFUL;
	if (unlikely(errors > 0))
		count_errors(vc, errors, n);
	reap(vc, n);
}

/* To be reported: of a silent vchan nothing is. */
static inline uint64_t
reportable(struct dad_vchan *vc, uint16_t nb_cpls)
{
	return unlikely(vc->silent) ? 0 : ready(vc, nb_cpls);
}

uint16_t
dad_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
	bool *has_error)
{
	struct dad_vchan *vc = &((struct dad_dev *)dev_private)->vchan[vchan];
	uint64_t n = reportable(vc, nb_cpls);

	if (unlikely(vc->reaped < vc->careful)) {
		for (uint64_t i = 0; i < n; i++)
			if (dad_vchan_status_at(vc, vc->reaped + i) != RTE_DMA_STATUS_SUCCESSFUL) {
				*has_error = true;
				n = i;
				break;
			}
	}
	reap(vc, n);
	*last_idx = (uint16_t)(vc->reaped - 1);
	return (uint16_t)n;
}

uint16_t
dad_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
	enum rte_dma_status_code *status)
{
	struct dad_vchan *vc = &((struct dad_dev *)dev_private)->vchan[vchan];
	uint64_t n = reportable(vc, nb_cpls);
	uint64_t errors = 0;

	for (uint64_t i = 0; i < n; i++) {
		status[i] = (enum rte_dma_status_code)dad_vchan_status_at(vc, vc->reaped + i);
		errors += status[i] != RTE_DMA_STATUS_SUCCESSFUL;
	}
	if (unlikely(errors > 0))
		count_errors(vc, errors, n);
	reap(vc, n);
	*last_idx = (uint16_t)(vc->reaped - 1);
	return (uint16_t)n;
}
