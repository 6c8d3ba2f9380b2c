/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_CONFIG_H
#define TESTDMA_CONFIG_H

/**
 * @file
 * What the user wants, from the command line and from the prompt.
 *
 * A setting has one name, one parser and one text of valid values, whether it comes as
 * "--size 4k" or as "set size 4k".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "direction.h"
#include "mapbench_config.h"
#include "op.h"
#include "words.h"

#define CONFIG_MAX_SIZES       32
#define CONFIG_LIST_SIZE       256
#define CONFIG_MAX_ROUNDS      101
#define CONFIG_MAX_VCHANS      64
#define CONFIG_MAX_CPU_THREADS 64 /* of one backend */
#define CONFIG_MAX_CPU_COUNTS  4  /* such backends */
#define CONFIG_CPU_OTHER       0  /* one thread, and not on the lcore's CPU */

enum verify {
	VERIFY_OFF,
	VERIFY_SAMPLE,
	VERIFY_FULL,
};

/** Working sets of the benchmark, bits. */
#define SET_CORE   1u
#define SET_CACHE  2u
#define SET_MEMORY 4u

/** What the benchmark measures, bits. */
#define PART_SWEEP   1u /**< rates */
#define PART_LATENCY 2u /**< one operation at a time */

struct config {
	/* transfers */
	enum op op;
	uint32_t size;
	uint32_t batch;
	uint32_t qdepth;
	enum verify verify;
	uint32_t segments;
	enum rte_dma_direction direction;
	uint64_t window_base, window_size; /**< of the device's memory; size 0: ask its devargs */
	uint32_t retries;		   /**< how often an operation that failed is repeated */
	uint32_t vchans;		   /**< for each lcore on a device */
	uint64_t count;			   /**< operations on each vchan; 0: until stop */
	uint32_t stall_s;		   /**< no completion for so long is an error */
	uint32_t period_s;		   /**< statistics every so often; 0: never */
	char devices[CONFIG_LIST_SIZE];	   /**< names, or "all" */
	char lcores[CONFIG_LIST_SIZE];	   /**< ids and ranges, or "all" */

	/* what to do; the prompt if nothing of this is set */
	const char *cmdline_file;
	bool interactive;
	bool start;
	const char *input;
	const char *output;
	bool bench;
	bool mapbench;

	/* benchmarks */
	bool json;	       /**< objects on stdout instead of tables */
	const char *json_file; /**< objects in a file beside them, or NULL */
	uint32_t sizes[CONFIG_MAX_SIZES];
	uint32_t nb_sizes;
	uint32_t ops;				     /**< bit n: enum op n */
	uint32_t sets;				     /**< SET_* */
	uint32_t parts;				     /**< PART_* */
	uint32_t cpu_threads[CONFIG_MAX_CPU_COUNTS]; /**< of each backend that is the CPU, or
							  CONFIG_CPU_OTHER */
	uint32_t nb_cpu_threads;
	uint32_t offset; /**< see walk_create() */
	uint32_t rounds;
	uint32_t duration_ms;
	struct map_config map;

	bool size_given; /**< by the user: file transfers have another default */
	uint64_t given;	 /**< bit n: settings[n] is the user's */
};

/** One thing that can be set. */
struct setting {
	const char *name;
	const char *arg; /**< "N", "LIST", … for the usage */
	const char *help;
	const char *valid;   /**< what the value must be */
	const char *choices; /**< the words among it, each followed by a blank: for TAB */
	bool at_prompt;
	int (*set)(struct config *c, const char *value);
};

/** All settings; the last one has no name. */
extern const struct setting settings[];

void config_defaults(struct config *c);

/** What is better for the benchmark of mappings, where the user did not say anything. */
void config_for_mapbench(struct config *c);

/** @return the setting, or NULL */
const struct setting *setting_find(const char *name);

/** Set it, or say what is wrong on stderr. @return 0, or -EINVAL */
int setting_apply(struct config *c, const struct setting *s, const char *value);

/** Is it what the user said? Otherwise a mode may have another default. */
bool setting_given(const struct config *c, const char *name);

const char *verify_name(enum verify v);

#endif /* TESTDMA_CONFIG_H */
