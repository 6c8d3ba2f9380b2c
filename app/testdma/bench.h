/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_BENCH_H
#define TESTDMA_BENCH_H

/**
 * @file
 * Devices against each other and against the CPU's own functions, in one process.
 *
 * A cell is one operation, one size, one working set. In each of its rounds every backend is
 * measured once, one after the other, and only that device is started meanwhile; the median over
 * the rounds counts. All walk the same addresses in the same order.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "device.h"
#include "histogram.h"
#include "walk.h"

#define BENCH_MAX_BACKENDS (DEVICE_MAX + CONFIG_MAX_CPU_COUNTS)

/** A working set: what is in it, and how much. */
struct bench_set {
	const char *name;  /**< "core", "cache", "memory" */
	const char *where; /**< what that means */
	uint64_t bytes;	   /**< sources and destinations together */
};

/** How long one operation took, in ns. Quantiles are the medians of those of the rounds. */
struct bench_latency {
	double mean;
	double p50, p90, p99, p999;
	double max;
	uint64_t samples;
};

/** What one backend made of one cell. */
struct bench_result {
	const struct device *dev; /**< NULL: the CPU */
	unsigned int cpu_threads; /**< of the CPU; 0: a device */
	bool cpu_other;		  /**< of the CPU: its thread is not on the lcore's */
	char name[64];		  /**< the device's, or "cpu", "cpu2", "cpu-other" */
	bool able;		  /**< the device has that operation */
	bool broken;		  /**< it stalled or refused: no figures, and a message printed */
	double round[CONFIG_MAX_ROUNDS]; /**< Mops of each, in the order of time */
	double mops;			 /**< median */
	double gbs;
	double mops_min, mops_max;
	struct bench_latency ns; /**< if the cell is about that */
	uint64_t errors;
	uint64_t miscompares;
	uint64_t checked;
};

struct bench_cell {
	bool latency; /**< one operation at a time is measured, and not how many can be done */
	enum op op;
	uint32_t size;
	struct bench_set set;
	uint64_t set_bytes; /**< as it really is, in whole buffers */
	unsigned int nb_results;
	struct bench_result result[BENCH_MAX_BACKENDS];
};

/** @return exit code */
int bench_run(struct devices *devices, const struct config *c);

/** Measure all backends of a cell on that working set. @return exit code, or -EINTR */
int bench_cell_run(struct bench_cell *cell, struct walk *walk, const struct config *c);

/* ---- report ------------------------------------------------------------------------------ */

/** What the CPU does for an operation: "memcpy" or "memset". */
const char *bench_cpu_function(enum op op);

/** Once, before everything; any cell names the backends. */
void bench_report_begin(const struct config *c, const struct bench_cell *cell, uint64_t llc_bytes);

/** Before the cells of one operation and working set. */
void bench_report_table(const struct config *c, const struct bench_cell *cell);

/** A row, or with latency a row for each backend. */
void bench_report_cell(const struct config *c, const struct bench_cell *cell);

/* ---- objects: one of JSON a line --------------------------------------------------------- */

/** @return false: the file cannot be written, and a message is printed */
bool bench_objects_begin(const struct config *c);
void bench_objects_cell(const struct config *c, const struct bench_cell *cell);
bool bench_objects_end(const struct config *c);

/* ---- summary: what is aimed at, and what was measured ------------------------------------ */

void bench_summary_clear(void);
void bench_summary_add(const struct config *c, const struct bench_cell *cell);
/** Nothing, if no comparison was among the cells. */
void bench_summary_print(void);

#endif /* TESTDMA_BENCH_H */
