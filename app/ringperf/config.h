/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_CONFIG_H
#define RINGPERF_CONFIG_H

/**
 * @file
 * What the user wants.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "check.h"
#include "kind.h"

#define CONFIG_MAX_LIST	  32
#define CONFIG_MAX_CPUS	  1024
#define CONFIG_MAX_ROUNDS 101

struct shape {
	uint16_t producers, consumers;
};

/** What a thread does when the ring is full or empty. */
enum idle_policy {
	IDLE_AUTO, /**< yield where threads share a CPU */
	IDLE_SPIN,
	IDLE_YIELD,
};

struct config {
	uint32_t rings; /**< bit n: kinds[n] */
	uint32_t elems[CONFIG_MAX_LIST];
	uint32_t nb_elems;
	uint32_t bulks[CONFIG_MAX_LIST];
	uint32_t nb_bulks;
	struct shape shapes[CONFIG_MAX_LIST];
	uint32_t nb_shapes;
	bool shapes_given;
	uint16_t cpus[CONFIG_MAX_CPUS];
	uint32_t nb_cpus;
	bool oversubscribe;
	bool burst;
	enum idle_policy idle;
	uint32_t count; /**< slots */
	uint32_t rounds;
	uint32_t duration_ms;
	uint32_t latency_ms; /**< 0: not measured */

	bool json, csv; /**< on standard output, instead of the tables */
	const char *json_file, *csv_file, *plot_file;
};

/** How many threads a shape has. */
static inline unsigned int
shape_threads(const struct shape *s)
{
	return s->producers + s->consumers;
}

/** On how many CPUs they run. */
static inline unsigned int
shape_cpus(const struct config *c, const struct shape *s)
{
	return RTE_MIN(shape_threads(s), c->nb_cpus);
}

static inline bool
shape_shares_cpus(const struct config *c, const struct shape *s)
{
	return shape_threads(s) > c->nb_cpus;
}

/** Can that kind of ring be measured in that shape? */
static inline bool
shape_fits(const struct shape *s, const struct kind *k)
{
	return !k->one_by_one || (s->producers == 1 && s->consumers == 1);
}

#endif /* RINGPERF_CONFIG_H */
