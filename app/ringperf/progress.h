/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_PROGRESS_H
#define RINGPERF_PROGRESS_H

/**
 * @file
 * A line on standard error that says how far it is, if that is a terminal.
 */

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shown; /**< on this terminal */
	bool dirty; /**< the line is there */
	unsigned int done, total;
	uint64_t start; /**< TSC */
};

void progress_begin(struct progress *p, unsigned int total);

/** The next of all steps begins. */
void progress_step(struct progress *p, const char *what);

/** Before anything else is printed. */
void progress_clear(struct progress *p);

#endif /* RINGPERF_PROGRESS_H */
