/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_MAPBENCH_H
#define TESTDMA_MAPBENCH_H

/**
 * @file
 * What mapping for DMA costs, as the kernel's dma_map_benchmark asks it: each rung of the library's
 * ladder forced, and beside it what one would do without the library.
 *
 * A *subject* is something that is measured: a pair of calls, such as map and unmap. A *table* has
 * the subjects that may be compared, for one size of buffers. In each of its rounds every subject
 * is measured once, one after the other; the median over the rounds counts.
 *
 * All walk the same buffers in the same order, some number of them mapped at a time: all are
 * mapped, then all are unmapped. Time is taken around these *batches*, as looking at the clock
 * costs more than a call. Where a call costs much more, single ones are timed as well, to see how
 * they are spread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "dad_dma.h"
#include "dad_dma_sg.h"
#include "histogram.h"

/* ---- buffers ----------------------------------------------------------------------------- */

/** Blocks of EAL's heap, spread over an area. None crosses a hugepage. */
struct map_area {
	void **va; /**< in the order of visits, not one beside the next */
	uint32_t count;
};

/** Fewer than count if they do not fit in bytes. @return 0 or -errno */
int map_area_create(struct map_area *area, uint32_t count, uint32_t size, uint64_t bytes);
void map_area_free(struct map_area *area);

/* ---- what is measured -------------------------------------------------------------------- */

struct map_plan;

/** One thread's view of a table: its buffers, and room for what is alive of them. */
struct map_worker {
	const struct map_plan *plan;
	void *of;	 /**< what the subject's open() made */
	unsigned int id; /**< 0 to threads - 1 */
	void *const *va; /**< buffers of this batch */
	uint32_t alive;	 /**< how many these are */
	dad_dma_addr_t *addr;
	void **mem;	  /**< what was allocated */
	uint32_t *length; /**< all are the buffers' size */
	struct dad_sg *sg;
	struct dad_dma_iova_state *range;
};

/** A pair of calls. Functions get the calls of a batch from one on: of all, or of a single one. */
struct map_subject {
	const char *name;
	enum map_kind kind;
	enum map_rung rung;   /**< with ours */
	bool peer;	      /**< not a function of the library */
	bool slow;	      /**< single calls are timed too */
	uint32_t max_alive;   /**< for a thread; 0: no limit */
	uint32_t max_all;     /**< alive on all threads; 0: no limit */
	uint32_t max_size;    /**< 0: no limit */
	const char *first_op; /**< "map" */
	const char *last_op;  /**< "unmap"; NULL: there is none */
	/** @return what workers get, or NULL with rte_errno; NULL: the rung's device is it */
	void *(*open)(const struct map_plan *plan);
	void (*close)(void *of);
	/** Around each batch, not timed. */
	void (*before)(struct map_worker *w);
	void (*after)(struct map_worker *w);
	void (*first)(struct map_worker *w, uint32_t from, uint32_t n);
	void (*last)(struct map_worker *w, uint32_t from, uint32_t n);
	/** Did first() succeed with it? NULL: it always does. */
	bool (*good)(const struct map_worker *w, uint32_t i);
};

/** What can be forced, or why not. */
struct map_rung_state {
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev;
	int error;     /**< errno; dev is NULL then */
	uint32_t mask; /**< bits, of dev */
};

/** What is fixed within a table. */
struct map_plan {
	const struct config *config;
	uint32_t size;
	uint32_t alive; /**< at a time and thread, before a subject's own limit */
	struct map_area area;
	struct map_rung_state rung[MAP_RUNGS];
};

/** Open the rungs that the user wants; those that cannot be had have an error. */
void map_rungs_open(struct map_plan *plan);
void map_rungs_close(struct map_plan *plan);

/** Was it this rung that mapped? To be asked while n mappings are alive. */
bool map_rung_proven(const struct map_plan *plan, enum map_rung rung, const struct map_worker *w);

extern const struct map_subject map_calls[], map_peers[], map_allocations[];
extern const unsigned int map_nb_calls, map_nb_peers, map_nb_allocations;

/** How many buffers one call of that kind takes. */
uint32_t map_items(const struct config *c, enum map_kind kind);

/* ---- what came out ----------------------------------------------------------------------- */

#define MAP_MAX_ROUNDS 101

/** One of the two calls; times are of one buffer, in ns. */
struct map_figures {
	double round[MAP_MAX_ROUNDS]; /**< mean of each round; ascending in the end */
	double ns;		      /**< their median */
	double mean;		      /**< of all batches */
	uint64_t ticks;		      /**< of all batches */
	struct histogram spread;      /**< of samples: calls or batches, in ticks */
	double scale;		      /**< from ticks of a sample to ns of a buffer */
};

struct map_result {
	const struct map_subject *subject;
	int error;	  /**< errno: it could not be measured */
	uint32_t mask;	  /**< bits of the device's; 0 where there is none */
	uint32_t alive;	  /**< buffers, at a time and thread */
	uint32_t items;	  /**< buffers a call */
	uint64_t buffers; /**< all that came and went, in batches */
	struct map_figures first, last;
};

/** The most that are in one table. */
#define MAP_MAX_SUBJECTS 8

/**
 * Measure the subjects of one table, which the results name.
 *
 * @return 0, -EINTR or -ENOMEM; that a subject could not be measured is in its result
 */
int map_table_run(const struct map_plan *plan, struct map_result results[], unsigned int n);

/** @return exit code */
int mapbench_run(const struct config *c);

/* ---- report ------------------------------------------------------------------------------ */

/** Once, before everything. @return false: the file for the objects cannot be written */
bool map_report_begin(const struct config *c);

void map_report_table(
	const struct map_plan *plan, const struct map_result results[], unsigned int n);

/** Once, after everything; complete: nothing was left out. @return false: the file was not written
 */
bool map_report_end(const struct config *c, bool complete);

#endif /* TESTDMA_MAPBENCH_H */
