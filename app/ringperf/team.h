/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_TEAM_H
#define RINGPERF_TEAM_H

/**
 * @file
 * One measurement: the producers and consumers of a shape on one ring, for a while.
 *
 * Each measurement has threads of its own, each pinned to one CPU: producers and then consumers
 * over the CPUs in turn, so that with fewer CPUs than threads every CPU has some of both sides.
 * The calling thread sleeps meanwhile. It reads what the consumers have counted when the warm-up
 * is over and again at the end, so neither start nor end are in the figure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "histogram.h"
#include "kind.h"

/** How long threads may take to come to their end, before that is an error. */
#define TEAM_PATIENCE_S 20

struct task {
	const struct kind *kind;
	void *ring; /**< empty */
	uint32_t esize;
	uint32_t bulk;
	uint16_t producers, consumers;
	bool burst;
	bool yield;
	bool latency; /**< ping and pong instead of produce and consume */
	uint32_t duration_ms;
};

struct outcome {
	double mops;	    /**< in the window between warm-up and end */
	double cycles;	    /**< TSC cycles from one element to the next, in that window */
	double cpu_share;   /**< of the CPUs' time, in that window; the rest had others */
	double refused_put; /**< share of the enqueue calls that found the ring full */
	double refused_get; /**< share of the dequeue calls that found it empty */
	uint64_t elements;  /**< all that was sent, before and after the window as well */
	double seconds;	    /**< from first to last, for elements */
	struct faults faults;
	const struct histogram *latency; /**< TSC cycles; valid until the next measurement */
};

struct team;

/** @param cpus  CPUs to use, in this order; the array stays the caller's and has to stay */
struct team *team_create(const uint16_t *cpus, unsigned int nb_cpus);

void team_free(struct team *team);

/**
 * Measure.
 *
 * @return 0; -EINTR after a signal (threads have ended, out is filled in); -ETIMEDOUT if threads
 *         did not end: they still use the ring and the team, and nothing may be freed; or another
 *         -errno if threads could not be started
 */
int team_run(struct team *team, const struct task *task, struct outcome *out);

#endif /* RINGPERF_TEAM_H */
