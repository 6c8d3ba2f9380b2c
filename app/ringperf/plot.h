/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_PLOT_H
#define RINGPERF_PLOT_H

/**
 * @file
 * Throughput against bulk, by gnuplot: a picture with a row for each shape and a column for each
 * size of element. The data go to gnuplot on a pipe, and its output to the file.
 */

#include "sweep.h"

/** gnuplot's words for what a file of that name holds, or NULL. */
const char *plot_format(const char *path);

/** Is gnuplot there, and can the file be written? @return 0, or -errno with a message printed */
int plot_check(const char *path);

/** @return 0, or -errno with a message printed */
int plot_draw(const struct sweep *sweep);

#endif /* RINGPERF_PLOT_H */
