/* SPDX-License-Identifier: BSD-3-Clause */

/* Completions: polled in place, reported in order. */

#include <sched.h>

#include <rte_branch_prediction.h>

#include "dad_internal.h"

/* See which operations are done, until enough are. */
static inline void
poll_tags(struct dad_vchan *vc, uint64_t enough)
{
	const uint64_t end = RTE_MIN(vc->reaped + enough, vc->published);
	uint64_t done = vc->done;
	bool failed = false;

	while (done < end) {
		/* D1: pairs with the release in serve(), dad_engine.c: the data, and the statuses
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
	__atomic_store_n(&vc->reaped, vc->reaped + n, __ATOMIC_RELAXED);
	vc->limit += n;
	dad_vchan_set_stop(vc);
	if (vc->inline_exec == NULL)
		dad_vchan_fetch(vc);
}

/* How many are ready to be reported, at most nb_cpls. */
static inline uint64_t
ready(struct dad_vchan *vc, uint16_t nb_cpls)
{
	poll_tags(vc, nb_cpls);
	uint64_t n = vc->done - vc->reaped;

	if (unlikely(n == 0 && vc->published != vc->reaped && *vc->crowded))
		sched_yield();
	return RTE_MIN(n, (uint64_t)nb_cpls);
}

uint16_t
dad_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
	bool *has_error)
{
	struct dad_vchan *vc = &((struct dad_dev *)dev_private)->vchan[vchan];
	uint64_t n = ready(vc, nb_cpls);

	if (unlikely(vc->reaped < vc->careful)) {
		for (uint64_t i = 0; i < n; i++)
			if (dad_vchan_desc(vc, vc->reaped + i)->status !=
				RTE_DMA_STATUS_SUCCESSFUL) {
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
	uint64_t n = ready(vc, nb_cpls);
	uint64_t errors = 0;

	for (uint64_t i = 0; i < n; i++) {
		status[i] = (enum rte_dma_status_code)dad_vchan_desc(vc, vc->reaped + i)->status;
		errors += status[i] != RTE_DMA_STATUS_SUCCESSFUL;
	}
	__atomic_store_n(&vc->errors, vc->errors + errors, __ATOMIC_RELAXED);
	reap(vc, n);
	*last_idx = (uint16_t)(vc->reaped - 1);
	return (uint16_t)n;
}
