/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_BENCH_H
#define TESTDMA_BENCH_H

/**
 * @file
 * Devices against each other and against the CPU's own memcpy, in one process.
 *
 * A cell is one operation, one size, one working set. In each of its rounds every backend is
 * measured once, one after the other, and only that device is started meanwhile; the median over
 * the rounds counts. All walk the same addresses in the same order.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "device.h"

#define BENCH_MAX_BACKENDS (DEVICE_MAX + 1)

/** A working set: what is in it, and how much. */
struct bench_set {
	const char *name;  /**< "core", "cache", "memory" */
	const char *where; /**< what that means */
	uint64_t bytes;	   /**< sources and destinations together */
};

/** What one backend made of one cell. */
struct bench_result {
	const struct device *dev; /**< NULL: the CPU */
	bool able;		  /**< the device has that operation */
	bool broken;		  /**< it stalled or refused: no figures, and a message printed */
	double mops;		  /**< median */
	double gbs;
	double mops_min, mops_max; /**< over the rounds */
	uint64_t errors;
	uint64_t miscompares;
	uint64_t checked;
};

struct bench_cell {
	enum op op;
	uint32_t size;
	struct bench_set set;
	uint64_t set_bytes; /**< as it really is, in whole buffers */
	unsigned int nb_results;
	struct bench_result result[BENCH_MAX_BACKENDS];
};

/** @return exit code */
int bench_run(struct devices *devices, const struct config *c);

/* ---- report ------------------------------------------------------------------------------ */

/** Once, before everything. @return false: the file for the objects cannot be written */
bool bench_report_begin(const struct config *c, uint64_t llc_bytes);

/** Before the cells of one operation and working set; names the backends. */
void bench_report_table(const struct config *c, const struct bench_cell *cell);

/** A row, or lines of JSON. */
void bench_report_cell(const struct config *c, const struct bench_cell *cell);

/** Once, after everything. @return false: the file was not written */
bool bench_report_end(const struct config *c);

#endif /* TESTDMA_BENCH_H */
