/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_COUNTERS_H
#define RINGPERF_COUNTERS_H

/**
 * @file
 * The kernel's counters of what the threads of a measurement do, by perf_event_open(2).
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum counter {
	COUNTER_CYCLES,
	COUNTER_INSTRUCTIONS,
	COUNTER_CACHE_MISSES,
	COUNTER_SWITCHES,
	COUNTER_COUNT,
};

struct counters {
	int fd[COUNTER_COUNT];	/**< -1: not to be had */
	int err[COUNTER_COUNT]; /**< errno, why not */
};

struct counts {
	bool known[COUNTER_COUNT];
	double value[COUNTER_COUNT];
};

/** Begin to count this thread, and those that it starts from now on. */
void counters_open(struct counters *c);

void counters_close(struct counters *c);

/** Is there any? */
bool counters_any(const struct counters *c);

/** What they stand at; threads that have not ended may be missing. */
void counters_read(const struct counters *c, struct counts *now);

/** One line: what is counted, and what cannot be, and why. */
void counters_describe(const struct counters *c, FILE *f);

const char *counter_name(enum counter i);

#endif /* RINGPERF_COUNTERS_H */
