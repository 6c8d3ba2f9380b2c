/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_BENCH_H
#define RINGPERF_BENCH_H

#include <stdbool.h>

#include "progress.h"
#include "sweep.h"
#include "team.h"

/** A sweep that is going on. */
struct bench {
	struct sweep sweep;
	struct team *team;
	struct progress progress;
	bool failed; /**< a check, or a ring that could not be made */

	/* the cell that is being measured */
	struct cell *cell;
	double line_ns[CONFIG_MAX_ROUNDS];
	uint32_t nb_lines;
	uint32_t repeats_left;

	/* the rings that there are now, in the order in which they are made and measured */
	int kind[KIND_MAX];
	void *ring[KIND_MAX];
	unsigned int nb_rings;
};

/** Measure b->cell. @return 0, -EINTR or -ETIMEDOUT */
int cell_run(struct bench *b);

#endif /* RINGPERF_BENCH_H */
