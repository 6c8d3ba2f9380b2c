/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_MAPBENCH_CONFIG_H
#define TESTDMA_MAPBENCH_CONFIG_H

/**
 * @file
 * What the benchmark of mappings is to measure: the settings that only it has.
 */

#include <stdbool.h>
#include <stdint.h>

/** Pairs of calls that are measured together. */
enum map_kind {
	MAP_SINGLE,   /**< one buffer a call */
	MAP_BURST,    /**< many */
	MAP_SG,	      /**< a scatter list */
	MAP_SYNC,     /**< of a mapped buffer, for the CPU and for the device */
	MAP_COHERENT, /**< allocate and free coherent memory */
	MAP_POOL,     /**< small objects of it */
	MAP_IOVA,     /**< addresses without memory behind them */
	MAP_KINDS,
};

/** Rungs that can be forced. */
enum map_rung {
	MAP_DIRECT,
	MAP_WINDOW,
	MAP_STRICT,
	MAP_BOUNCE,
	MAP_RUNGS,
};

struct map_config {
	uint32_t kinds; /**< bit n: enum map_kind n */
	uint32_t rungs; /**< bit n: enum map_rung n */
	uint32_t dir;	/**< as enum dad_dma_dir */
	uint32_t mask;	/**< bits of the devices' masks; 0: what each rung is for */
	uint32_t burst; /**< buffers a call of a burst */
	uint32_t threads;
	uint32_t buffers;
	uint64_t area; /**< bytes over which they are spread */
};

extern const struct map_config map_defaults;

const char *map_kind_name(enum map_kind kind);
const char *map_rung_name(enum map_rung rung);
const char *map_dir_name(uint32_t dir);

/* For settings[]: 0, or -EINVAL and nothing is changed. */
int map_set_kinds(struct map_config *c, const char *value);
int map_set_rungs(struct map_config *c, const char *value);
int map_set_dir(struct map_config *c, const char *value);

#endif /* TESTDMA_MAPBENCH_CONFIG_H */
