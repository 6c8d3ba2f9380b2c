/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_SWEEP_H
#define RINGPERF_SWEEP_H

/**
 * @file
 * All cells, one after the other. A cell is one shape, one size of element, one size of bulk.
 *
 * First each ring of a cell is measured once with the kernel's counters on. Then come the rounds:
 * in each the rings are made, all of them, and measured once, one after the other, beginning with
 * another one each time; so that no ring is always the first, or always lies at the same place in
 * memory. Then come the latencies.
 *
 * Where other programs take part of the CPUs meanwhile, a measurement is repeated, as many times in
 * a cell as there are rounds. Whether it is depends on CPU time alone and not on the figure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "config.h"
#include "counters.h"

/** What one kind of ring made of one cell. */
struct result {
	bool able;	 /**< it can be measured in that shape, and was wanted */
	bool broken;	 /**< it could not be made, or measured: a message was printed */
	uint32_t rounds; /**< that were completed; without any there are no figures */
	double round[CONFIG_MAX_ROUNDS]; /**< Mops of each, in order */
	/* over the rounds; cycles is by the TSC, from one element to the next at the consumers */
	double mops, mops_min, mops_q1, mops_q3, mops_max;
	double cycles;
	double refused_put, refused_get; /**< share of all calls, mean over the rounds */
	double cpu_share;		 /**< what the threads had of the CPUs' time, mean */
	uint32_t repeated;		 /**< measurements */

	uint64_t transfers;    /**< that were timed; without any there are no percentiles */
	double p50, p99, p999; /**< ns */

	struct counts counts; /**< for each element; context switches: a second */

	uint64_t checked; /**< elements, in all measurements together */
	struct faults faults;
};

/** Share of the CPUs' time below which a measurement is not to be trusted. */
#define SWEEP_DISTURBED 0.95

struct cell {
	struct shape shape;
	uint32_t elem, bulk;
	/* a cache line to the next CPU and back, over the rounds; 0: not known */
	double line_ns, line_ns_min, line_ns_max;
	struct result result[KIND_MAX]; /**< as kinds[] */
};

struct sweep {
	const struct config *config;
	struct counters counters;
	struct cell *cells;
	uint32_t nb_cells; /**< that were begun */
};

enum {
	EXIT_CLEAN = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/** Run, and report as results come in. @return exit code */
int sweep_run(const struct config *c);

/** Threads did not end: the process must, without taking anything down. */
#define SWEEP_STUCK (-1)

#endif /* RINGPERF_SWEEP_H */
