/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_REPORT_H
#define RINGPERF_REPORT_H

/**
 * @file
 * Results as tables for people, and as lines for programs, while they come in.
 */

#include <stdbool.h>
#include <stdint.h>

#include "sweep.h"

/** Once, before everything. @return false: a file cannot be written */
bool report_begin(const struct sweep *sweep);

/** Before the cells of a shape. */
void report_shape(const struct config *c, const struct shape *shape);

void report_cell(const struct config *c, const struct cell *cell);

/** After the cells of a shape: their latencies, and what was counted. */
void report_more(const struct config *c, const struct cell *cells, uint32_t n);

/** Once, after everything. @return false: a file was not written */
bool report_end(const struct config *c);

/** Are tables printed? */
bool report_tables(const struct config *c);

/* ---- lines.c: JSON and CSV ----------------------------------------------------------------- */

/** Open the files and begin them. @return false with a message printed */
bool lines_begin(const struct config *c);

void lines_cell(const struct config *c, const struct cell *cell);

/** @return false with a message printed: not all was written */
bool lines_end(const struct config *c);

#endif /* RINGPERF_REPORT_H */
