/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_MAPBENCH_SUMMARY_H
#define TESTDMA_MAPBENCH_SUMMARY_H

/**
 * @file
 * What the library promises, and what was measured: a few lines at the end.
 */

#include <stdint.h>

#include "mapbench_config.h"

void map_summary_clear(void);

/** Remember the medians of a subject: ns of the first call, and of the last (0: there is none). */
void map_summary_add(
	const char *name, enum map_kind kind, uint32_t size, double first, double last);

/** What was not measured is left out. */
void map_summary_print(void);

#endif /* TESTDMA_MAPBENCH_SUMMARY_H */
