/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_kvargs.h>

#include "dad_internal.h"

/* What was given so far. */
struct given {
	const char *device;
	struct dad_args *args;
	bool engine, workers, lcores;
};

const char *
dad_engine_name(enum dad_engine_kind kind)
{
	return kind == DAD_ENGINE_INLINE ? "inline" : "thread";
}

static int
parse_engine(struct given *g, const char *value)
{
	for (unsigned int kind = DAD_ENGINE_INLINE; kind <= DAD_ENGINE_THREAD; kind++)
		if (strcmp(value, dad_engine_name(kind)) == 0) {
			g->args->engine = kind;
			return 0;
		}
	DAD_LOG(ERR, "%s: engine=%s: valid are inline, thread", g->device, value);
	return -EINVAL;
}

static int
parse_workers(struct given *g, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)value[0]) || *end != '\0' || n < 1 || n > DAD_WORKERS_MAX) {
		DAD_LOG(ERR, "%s: workers=%s: valid are 1 to %d", g->device, value,
			DAD_WORKERS_MAX);
		return -EINVAL;
	}
	g->args->workers = (unsigned int)n;
	return 0;
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

int
dad_args_parse(const char *device, const char *text, struct dad_args *args)
{
	struct given g = {.device = device, .args = args};

	memset(args, 0, sizeof(*args));
	if (text != NULL && text[0] != '\0' && parse_pairs(&g, text) != 0)
		return -EINVAL;

	if (!g.engine)
		args->engine = g.workers || g.lcores || dad_cpus_any_spare() ? DAD_ENGINE_THREAD
									     : DAD_ENGINE_INLINE;
	if (args->engine == DAD_ENGINE_INLINE) {
		if (g.workers || g.lcores) {
			DAD_LOG(ERR, "%s: %s is for engine=thread, not for engine=inline", device,
				g.workers ? "workers" : "lcores");
			return -EINVAL;
		}
		return 0;
	}
	if (!g.workers)
		args->workers = RTE_MAX(args->lcores.n, 1u);
	return 0;
}
