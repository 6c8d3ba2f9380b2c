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

/* What was given so far. */
struct given {
	const char *device;
	struct dad_args *args;
	bool engine, workers, lcores, idle, mt, enlist, threshold, kernel, iommu, numa, silent, ops,
		pool;
	bool window, source, rate, gbps, lat_ns, xstats, inject;
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

/* Which of n words a value is; -1 if none. */
static int
find_word(const char *value, const char *const *words, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(value, words[i]) == 0)
			return (int)i;
	return -1;
}

static int
parse_engine(struct given *g, const char *value)
{
	int kind = find_word(value, engines, RTE_DIM(engines));

	if (kind < 0) {
		DAD_LOG(ERR, "%s: engine=%s: valid are inline, thread, service, auto", g->device,
			value);
		return -EINVAL;
	}
	g->args->engine = (enum dad_engine_kind)kind;
	return 0;
}

static int
parse_idle(struct given *g, const char *value)
{
	int kind = find_word(value, idles, RTE_DIM(idles));

	if (kind < 0) {
		DAD_LOG(ERR, "%s: idle=%s: valid are poll, pause, sleep", g->device, value);
		return -EINVAL;
	}
	g->args->idle = (enum dad_idle_kind)kind;
	return 0;
}

/* A number from low to high, digits only. */
static int
parse_number(const struct given *g, const char *key, const char *value, unsigned long low,
	unsigned long high, uint32_t *number)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)value[0]) || *end != '\0' || n < low || n > high) {
		DAD_LOG(ERR, "%s: %s=%s: valid are %lu to %lu", g->device, key, value, low, high);
		return -EINVAL;
	}
	*number = (uint32_t)n;
	return 0;
}

static int
parse_workers(struct given *g, const char *value)
{
	return parse_number(g, "workers", value, 1, DAD_WORKERS_MAX, &g->args->workers);
}

static int
parse_threshold(struct given *g, const char *value)
{
	return parse_number(g, "threshold", value, 0, DAD_THRESHOLD_MAX, &g->args->threshold);
}

/* 0 or 1. */
static int
parse_switch(const struct given *g, const char *key, const char *value, bool *on)
{
	uint32_t number = 0;
	int ret = parse_number(g, key, value, 0, 1, &number);

	*on = number;
	return ret;
}

static int
parse_mt(struct given *g, const char *value)
{
	return parse_switch(g, "mt", value, &g->args->mt);
}

static int
parse_register(struct given *g, const char *value)
{
	return parse_switch(g, "register", value, &g->args->enlist);
}

static int
parse_silent(struct given *g, const char *value)
{
	return parse_switch(g, "silent", value, &g->args->silent);
}

static int
parse_ops(struct given *g, const char *value)
{
	int ret = parse_switch(g, "ops", value, &g->args->ops);

	if (ret != 0 || !g->args->ops || DAD_HAVE_OPS)
		return ret;
	DAD_LOG(ERR, "%s: ops=1: DPDK has enqueue and dequeue of operations from 25.11 on",
		g->device);
	return -EINVAL;
}

static int
parse_pool(struct given *g, const char *value)
{
	const size_t len = strspn(value,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_-");

	if (len == 0 || value[len] != '\0' || len >= sizeof(g->args->pool)) {
		DAD_LOG(ERR, "%s: pool=%s: valid are up to %zu letters, digits, _ and -", g->device,
			value, sizeof(g->args->pool) - 1);
		return -EINVAL;
	}
	snprintf(g->args->pool, sizeof(g->args->pool), "%s", value);
	return 0;
}

static int
parse_xstats(struct given *g, const char *value)
{
	return parse_switch(g, "xstats", value, &g->args->xstats);
}

static int
parse_kernel(struct given *g, const char *value)
{
	if (strcmp(value, "auto") == 0)
		return 0;
	if (!dad_exec_is_kernel(value) || strlen(value) >= sizeof(g->args->kernel)) {
		DAD_LOG(ERR, "%s: kernel=%s: valid are auto, sse2, avx2, avx512, erms, nt",
			g->device, value);
		return -EINVAL;
	}
	snprintf(g->args->kernel, sizeof(g->args->kernel), "%s", value);
	return 0;
}

static int
parse_iommu(struct given *g, const char *value)
{
	static const char *const words[] = {"none", "soft"};
	int which = find_word(value, words, RTE_DIM(words));

	if (which < 0) {
		DAD_LOG(ERR, "%s: iommu=%s: valid are none, soft", g->device, value);
		return -EINVAL;
	}
	g->args->iommu = which == 1;
	return 0;
}

static int
parse_numa(struct given *g, const char *value)
{
	uint32_t node = 0;
	int last = numa_available() >= 0 ? numa_max_node() : 0;
	int ret = parse_number(g, "numa", value, 0, (unsigned long)last, &node);

	g->args->numa = (int)node;
	if (ret == 0 && numa_available() >= 0 && !numa_bitmask_isbitset(numa_nodes_ptr, node)) {
		DAD_LOG(ERR, "%s: numa=%s: there is no such node", g->device, value);
		return -EINVAL;
	}
	return ret;
}

static int
parse_lcores(struct given *g, const char *value)
{
	char why[160];

	if (dad_cpus_parse(value, &g->args->lcores, why, sizeof(why)) == 0)
		return 0;
	DAD_LOG(ERR, "%s: lcores: %s", g->device, why);
	return -EINVAL;
}

static int
parse_window(struct given *g, const char *value)
{
	return dad_model_parse_window(g->device, value, &g->args->model);
}

static int
parse_source(struct given *g, const char *value)
{
	return dad_model_parse_source(g->device, value, &g->args->model);
}

static int
parse_rate(struct given *g, const char *value)
{
	return dad_model_parse_rate(g->device, value, &g->args->model);
}

static int
parse_gbps(struct given *g, const char *value)
{
	return dad_model_parse_gbps(g->device, value, &g->args->model);
}

static int
parse_lat_ns(struct given *g, const char *value)
{
	return parse_number(g, "lat_ns", value, 0, 1000000000, &g->args->model.lat_ns);
}

static int
parse_inject(struct given *g, const char *value)
{
	return dad_model_parse_inject(g->device, value, &g->args->model);
}

static int
parse_pair(const char *key, const char *value, void *opaque)
{
	struct given *g = opaque;
	const struct {
		const char *key;
		bool *seen;
		int (*parse)(struct given *, const char *);
	} keys[] = {
		{"engine", &g->engine, parse_engine},
		{"workers", &g->workers, parse_workers},
		{"lcores", &g->lcores, parse_lcores},
		{"idle", &g->idle, parse_idle},
		{"mt", &g->mt, parse_mt},
		{"register", &g->enlist, parse_register},
		{"threshold", &g->threshold, parse_threshold},
		{"kernel", &g->kernel, parse_kernel},
		{"iommu", &g->iommu, parse_iommu},
		{"xstats", &g->xstats, parse_xstats},
		{"numa", &g->numa, parse_numa},
		{"silent", &g->silent, parse_silent},
		{"ops", &g->ops, parse_ops},
		{"pool", &g->pool, parse_pool},
		{"window", &g->window, parse_window},
		{"source", &g->source, parse_source},
		{"rate", &g->rate, parse_rate},
		{"gbps", &g->gbps, parse_gbps},
		{"lat_ns", &g->lat_ns, parse_lat_ns},
		{"inject", &g->inject, parse_inject},
	};

	for (unsigned int i = 0; i < RTE_DIM(keys); i++) {
		if (strcmp(key, keys[i].key) != 0)
			continue;
		if (value == NULL || *keys[i].seen) {
			DAD_LOG(ERR, "%s: %s %s", g->device, key,
				value == NULL ? "has no value" : "is given twice");
			return -EINVAL;
		}
		*keys[i].seen = true;
		return keys[i].parse(g, value);
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
	return g->workers   ? "workers"
		: g->lcores ? "lcores"
		: g->idle   ? "idle"
		: g->enlist ? "register"
		: g->pool   ? "pool"
			    : NULL;
}

int
dad_args_parse(const char *device, const char *text, struct dad_args *args)
{
	struct given g = {.device = device, .args = args};

	memset(args, 0, sizeof(*args));
	args->threshold = DAD_THRESHOLD_DEFAULT;
	args->xstats = true;
	args->numa = SOCKET_ID_ANY;
	if (text != NULL && text[0] != '\0' && parse_pairs(&g, text) != 0)
		return -EINVAL;
	if (dad_model_args_check(device, &args->model) != 0)
		return -EINVAL;

	/* not with physical addresses: the test of DPDK takes those for pointers */
	if (!g.ops)
		args->ops = DAD_HAVE_OPS && rte_eal_iova_mode() == RTE_IOVA_VA;

	const char *wants_workers = given_for_workers(&g);
	if (!g.engine)
		args->engine = wants_workers != NULL || dad_cpus_any_spare() ? DAD_ENGINE_THREAD
									     : DAD_ENGINE_INLINE;
	if (g.threshold && args->engine != DAD_ENGINE_AUTO) {
		DAD_LOG(ERR, "%s: threshold is for engine=auto", device);
		return -EINVAL;
	}
	if (args->engine == DAD_ENGINE_INLINE || args->engine == DAD_ENGINE_SERVICE) {
		if (wants_workers == NULL)
			return 0;
		DAD_LOG(ERR, "%s: %s is for engine=thread and engine=auto, not for engine=%s",
			device, wants_workers, dad_engine_name(args->engine));
		return -EINVAL;
	}
	if (!g.workers)
		args->workers = RTE_MAX(args->lcores.n, 1u);
	return 0;
}
