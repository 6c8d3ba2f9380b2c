/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_kvargs.h>
#include <rte_memory.h>

#include "dad_compat.h"
#include "dad_internal.h"

/* What was given so far: a bit for each of enum key. */
struct given {
	const char *device;
	struct dad_args *args;
	uint32_t keys;
};

static const char *const engines[] = {
	[DAD_ENGINE_INLINE] = "inline",
	[DAD_ENGINE_THREAD] = "thread",
	[DAD_ENGINE_SERVICE] = "service",
	[DAD_ENGINE_AUTO] = "auto",
};

static const char *const idles[] = {
	[DAD_IDLE_POLL] = "poll",
	[DAD_IDLE_PAUSE] = "pause",
	[DAD_IDLE_SLEEP] = "sleep",
};

const char *
dad_engine_name(enum dad_engine_kind kind)
{
	return engines[kind];
}

const char *
dad_idle_name(enum dad_idle_kind kind)
{
	return idles[kind];
}

static const char *const iommus[] = {"none", "soft"};

enum key {
	ENGINE,
	WORKERS,
	LCORES,
	IDLE,
	MT,
	EAGER,
	HALT,
	REGISTER,
	POOL,
	THRESHOLD,
	KERNEL,
	NT,
	IOMMU,
	NUMA,
	SILENT,
	OPS,
	XSTATS,
	WINDOW,
	SOURCE,
	RATE,
	GBPS,
	LAT_NS,
	INJECT,
};

/* A devarg: how its value is read, and what of struct dad_args it sets. */
struct devarg {
	const char *key;
	int (*parse)(const struct given *g, const struct devarg *a, const char *value);
	size_t offset, size;
	const char *const *words; /* valid ones, and how many: for parse_word() */
	unsigned int nb_words;
	uint32_t low, high; /* for parse_number() */
	int (*model)(const char *device, const char *value, struct dad_model_args *model);
};

static bool
is_given(const struct given *g, enum key key)
{
	return g->keys & RTE_BIT32(key);
}

static void
set(const struct given *g, const struct devarg *a, uint32_t value)
{
	void *field = (char *)g->args + a->offset;

	if (a->size == sizeof(bool))
		*(bool *)field = value;
	else
		*(uint32_t *)field = value;
}

static int
parse_word(const struct given *g, const struct devarg *a, const char *value)
{
	char valid[80] = "";

	for (unsigned int i = 0; i < a->nb_words; i++) {
		if (strcmp(value, a->words[i]) == 0) {
			set(g, a, i);
			return 0;
		}
		size_t at = strlen(valid);
		snprintf(valid + at, sizeof(valid) - at, "%s%s", at > 0 ? ", " : "", a->words[i]);
	}
	DAD_LOG(ERR, "%s: %s=%s: valid are %s", g->device, a->key, value, valid);
	return -EINVAL;
}

/* From low to high, digits only. */
static int
read_number(const struct given *g, const char *key, const char *value, uint32_t low, uint32_t high,
	uint32_t *number)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)value[0]) || *end != '\0' || n < low || n > high) {
		DAD_LOG(ERR, "%s: %s=%s: valid are %u to %u", g->device, key, value, low, high);
		return -EINVAL;
	}
	*number = (uint32_t)n;
	return 0;
}

static int
parse_number(const struct given *g, const struct devarg *a, const char *value)
{
	uint32_t number = 0;
	int ret = read_number(g, a->key, value, a->low, a->high, &number);

	if (ret == 0)
		set(g, a, number);
	return ret;
}

static int
parse_lcores(const struct given *g, const struct devarg *a, const char *value)
{
	char why[240];

	if (dad_cpus_parse(value, &g->args->lcores, why, sizeof(why)) == 0)
		return 0;
	DAD_LOG(ERR, "%s: %s: %s", g->device, a->key, why);
	return -EINVAL;
}

static int
parse_pool(const struct given *g, const struct devarg *a, const char *value)
{
	const size_t len = strspn(value,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_-");

	if (len == 0 || value[len] != '\0' || len >= sizeof(g->args->pool)) {
		DAD_LOG(ERR, "%s: %s=%s: valid are up to %zu letters, digits, _ and -", g->device,
			a->key, value, sizeof(g->args->pool) - 1);
		return -EINVAL;
	}
	snprintf(g->args->pool, sizeof(g->args->pool), "%s", value);
	return 0;
}

static int
parse_kernel(const struct given *g, const struct devarg *a, const char *value)
{
	if (strcmp(value, "auto") == 0)
		return 0;
	if (!dad_exec_is_kernel(value) || strlen(value) >= sizeof(g->args->kernel)) {
		DAD_LOG(ERR, "%s: %s=%s: valid are auto, sse2, avx2, avx512, erms, nt", g->device,
			a->key, value);
		return -EINVAL;
	}
	snprintf(g->args->kernel, sizeof(g->args->kernel), "%s", value);
	return 0;
}

static int
parse_numa(const struct given *g, const struct devarg *a, const char *value)
{
	const bool known = numa_available() >= 0;
	uint32_t node = 0;
	int ret = read_number(g, a->key, value, 0, known ? (uint32_t)numa_max_node() : 0, &node);

	g->args->numa = (int)node;
	if (ret == 0 && known && !numa_bitmask_isbitset(numa_nodes_ptr, node)) {
		DAD_LOG(ERR, "%s: %s=%s: there is no such node", g->device, a->key, value);
		return -EINVAL;
	}
	return ret;
}

static int
parse_model(const struct given *g, const struct devarg *a, const char *value)
{
	return a->model(g->device, value, &g->args->model);
}

#define FIELD(name)                                                                                \
	.offset = offsetof(struct dad_args, name), .size = RTE_SIZEOF_FIELD(struct dad_args, name)
#define WORDS(list, name)      parse_word, FIELD(name), .words = list, .nb_words = RTE_DIM(list)
#define NUMBER(from, to, name) parse_number, FIELD(name), .low = from, .high = to
#define SWITCH(name)	       NUMBER(0, 1, name)
#define MODEL(function)	       parse_model, .model = function

static const struct devarg devargs[] = {
	[ENGINE] = {"engine", WORDS(engines, engine)},
	[WORKERS] = {"workers", NUMBER(1, DAD_WORKERS_MAX, workers)},
	[LCORES] = {"lcores", .parse = parse_lcores},
	[IDLE] = {"idle", WORDS(idles, idle)},
	[MT] = {"mt", SWITCH(mt)},
	[EAGER] = {"eager", SWITCH(eager)},
	[HALT] = {"halt", SWITCH(halt)},
	[REGISTER] = {"register", SWITCH(enlist)},
	[POOL] = {"pool", .parse = parse_pool},
	[THRESHOLD] = {"threshold", NUMBER(0, DAD_THRESHOLD_MAX, threshold)},
	[KERNEL] = {"kernel", .parse = parse_kernel},
	[NT] = {"nt", NUMBER(0, UINT32_MAX, past_from)},
	[IOMMU] = {"iommu", WORDS(iommus, iommu)},
	[NUMA] = {"numa", .parse = parse_numa},
	[SILENT] = {"silent", SWITCH(silent)},
	[OPS] = {"ops", SWITCH(ops)},
	[XSTATS] = {"xstats", SWITCH(xstats)},
	[WINDOW] = {"window", MODEL(dad_model_parse_window)},
	[SOURCE] = {"source", MODEL(dad_model_parse_source)},
	[RATE] = {"rate", MODEL(dad_model_parse_rate)},
	[GBPS] = {"gbps", MODEL(dad_model_parse_gbps)},
	[LAT_NS] = {"lat_ns", NUMBER(0, 1000000000, model.lat_ns)},
	[INJECT] = {"inject", MODEL(dad_model_parse_inject)},
};

static int
parse_pair(const char *key, const char *value, void *opaque)
{
	struct given *g = opaque;

	for (unsigned int i = 0; i < RTE_DIM(devargs); i++) {
		if (strcmp(key, devargs[i].key) != 0)
			continue;
		if (value == NULL || is_given(g, i)) {
			DAD_LOG(ERR, "%s: %s %s", g->device, key,
				value == NULL ? "has no value" : "is given twice");
			return -EINVAL;
		}
		g->keys |= RTE_BIT32(i);
		return devargs[i].parse(g, &devargs[i], value);
	}
	DAD_LOG(ERR, "%s: unknown devarg '%s'; valid are " DAD_ARGS_HELP, g->device, key);
	return -EINVAL;
}

static int
parse_pairs(struct given *g, const char *text)
{
	/* all keys are taken: rte_kvargs would refuse an unknown one without naming it */
	struct rte_kvargs *pairs = rte_kvargs_parse(text, NULL);

	if (pairs == NULL) {
		DAD_LOG(ERR, "%s: malformed devargs '%s'; valid are " DAD_ARGS_HELP, g->device,
			text);
		return -EINVAL;
	}
	int ret = rte_kvargs_process(pairs, NULL, parse_pair, g);
	rte_kvargs_free(pairs);
	return ret < 0 ? -EINVAL : 0;
}

/* Those that say how workers are: not for an engine that has none of its own. */
static const char *
given_for_workers(const struct given *g)
{
	static const enum key keys[] = {WORKERS, LCORES, IDLE, REGISTER, POOL};

	for (unsigned int i = 0; i < RTE_DIM(keys); i++)
		if (is_given(g, keys[i]))
			return devargs[keys[i]].key;
	return NULL;
}

int
dad_args_parse(const char *device, const char *text, struct dad_args *args)
{
	struct given g = {.device = device, .args = args};

	memset(args, 0, sizeof(*args));
	args->threshold = DAD_THRESHOLD_DEFAULT;
	args->past_from = dad_move_past_from();
	args->xstats = true;
	args->numa = SOCKET_ID_ANY;
	if (text != NULL && text[0] != '\0' && parse_pairs(&g, text) != 0)
		return -EINVAL;
	if (dad_model_args_check(device, &args->model) != 0)
		return -EINVAL;

	/* not with physical addresses: the test of DPDK takes those for pointers */
	if (!is_given(&g, OPS))
		args->ops = DAD_HAVE_OPS && rte_eal_iova_mode() == RTE_IOVA_VA;

	if (args->ops && !DAD_HAVE_OPS) {
		DAD_LOG(ERR, "%s: ops=1: DPDK has enqueue and dequeue of operations from 25.11 on",
			device);
		return -EINVAL;
	}

	if (is_given(&g, NT) && dad_exec_is_large(args->kernel)) {
		DAD_LOG(ERR, "%s: nt is not for kernel=%s, which moves all large operations",
			device, args->kernel);
		return -EINVAL;
	}
	if (args->halt && args->silent) {
		DAD_LOG(ERR, "%s: halt=1 waits for a report, and with silent=1 there is none",
			device);
		return -EINVAL;
	}

	const char *wants_workers = given_for_workers(&g);
	if (!is_given(&g, ENGINE))
		args->engine = wants_workers != NULL || dad_cpus_any_spare() ? DAD_ENGINE_THREAD
									     : DAD_ENGINE_INLINE;
	if (is_given(&g, THRESHOLD) && args->engine != DAD_ENGINE_AUTO) {
		DAD_LOG(ERR, "%s: threshold is for engine=auto", device);
		return -EINVAL;
	}
	if (args->eager && (args->engine != DAD_ENGINE_INLINE || args->mt || args->halt)) {
		DAD_LOG(ERR, "%s: eager=1 is for engine=inline, without mt=1 and halt=1", device);
		return -EINVAL;
	}
	if (args->engine == DAD_ENGINE_INLINE || args->engine == DAD_ENGINE_SERVICE) {
		if (wants_workers == NULL)
			return 0;
		DAD_LOG(ERR, "%s: %s is for engine=thread and engine=auto, not for engine=%s",
			device, wants_workers, dad_engine_name(args->engine));
		return -EINVAL;
	}
	if (!is_given(&g, WORKERS))
		args->workers = RTE_MAX(args->lcores.n, 1u);
	return 0;
}
