/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ratios of two backends of one cell, gathered over cells: of copies only. A rate's ratio is the
 * median of the ratios in each round, in which both were measured one soon after the other; so it
 * moves less than the rates do when the machine changes under way.
 */
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "bench.h"
#include "spread.h"

/* Of one comparison: cells of one working set each, and sizes of it. */
#define MAX_RATIOS (3 * CONFIG_MAX_SIZES)

/* A backend: by its driver and engine, or the CPU by its number of threads. */
struct side {
	const char *driver; /* NULL: the CPU */
	const char *engine; /* NULL: any */
	const char *option; /* of its devargs; NULL: none of the costly ones */
	unsigned int cpu_threads;
	bool cpu_other;
};

#define DAD(engine_)                                                                               \
	{                                                                                          \
		"dma_dad", engine_, NULL, 0, false                                                 \
	}
#define EAGER                                                                                      \
	{                                                                                          \
		"dma_dad", "inline", "eager=1", 0, false                                           \
	}
#define SKELETON                                                                                   \
	{                                                                                          \
		"dma_skeleton", NULL, NULL, 0, false                                               \
	}
#define CPU(n)                                                                                     \
	{                                                                                          \
		NULL, NULL, NULL, n, false                                                         \
	}
#define OTHER_CPU                                                                                  \
	{                                                                                          \
		NULL, NULL, NULL, 1, true                                                          \
	}
#define NOBODY CPU(0)

enum figure {
	MOPS, /* of the subject alone: no ratio */
	RATE,
	P50,
	P99,
};

struct comparison {
	const char *what;
	struct side subject, peer;
	enum figure figure;
	uint32_t min_size, max_size;
	const char *aim; /* NULL: only shown */
};

static const struct comparison comparisons[] = {
	{"thread, Mops", DAD("thread"), NOBODY, MOPS, 64, 64, "90 at least"},
	{"thread : dma_skeleton", DAD("thread"), SKELETON, RATE, 64, 64, "6 at least"},
	{"thread : dma_skeleton", DAD("thread"), SKELETON, RATE, 256, 256, "4 at least"},
	{"thread : memcpy", DAD("thread"), CPU(1), RATE, 1024, UINT32_MAX, "0.97 at least"},
	{"memcpy on the other CPU : on this", OTHER_CPU, CPU(1), RATE, 1024, UINT32_MAX, NULL},
	{"thread : memcpy on the other CPU", DAD("thread"), OTHER_CPU, RATE, 1024, UINT32_MAX,
		"0.97 at least"},
	{"inline : memcpy", DAD("inline"), CPU(1), RATE, 256, 256, "0.8 at least"},
	{"inline : memcpy", DAD("inline"), CPU(1), RATE, 1024, UINT32_MAX, "0.9 at least"},
	{"inline, eager=1 : memcpy", EAGER, CPU(1), RATE, 1024, UINT32_MAX, "0.9 at least"},
	{"inline, eager=1 : eager=0", EAGER, DAD("inline"), RATE, 1024, UINT32_MAX, NULL},
	{"auto : memcpy", DAD("auto"), CPU(1), RATE, 256 << 10, 256 << 10, NULL},
	{"auto : memcpy", DAD("auto"), CPU(1), RATE, 1 << 20, 1 << 20,
		"1.4 at least, where two CPUs do that"},
	{"auto : memcpy on two CPUs", DAD("auto"), CPU(2), RATE, 256 << 10, 1 << 20, NULL},
	{"memcpy on two CPUs : on one", CPU(2), CPU(1), RATE, 256 << 10, 1 << 20, NULL},
	{"latency p50, thread : dma_skeleton", DAD("thread"), SKELETON, P50, 64, 64, "0.2 at most"},
	{"latency p99, thread : dma_skeleton", DAD("thread"), SKELETON, P99, 64, 64, "0.2 at most"},
	{"latency p50, auto : dma_skeleton", DAD("auto"), SKELETON, P50, 64, 64, "0.2 at most"},
	{"latency p99, auto : dma_skeleton", DAD("auto"), SKELETON, P99, 64, 64, "0.2 at most"},
	{"latency p50, inline : dma_skeleton", DAD("inline"), SKELETON, P50, 64, 64, "0.2 at most"},
	{"latency p99, inline : dma_skeleton", DAD("inline"), SKELETON, P99, 64, 64, "0.2 at most"},
};

/* What costs something, and what it costs each engine at each size. */
static const struct {
	const char *what, *option;
	bool inverse; /* the option is the one without */
} costs[] = {
	{"mt=1 : mt=0", "mt=1", false},
	{"iommu=soft : none", "iommu=soft", false},
	{"statistics on : off", "xstats=0", true},
	{"a rule for nothing : no rule", "inject=", false},
};
static const char *const engines[] = {"thread", "inline"};
static const uint32_t cost_sizes[] = {64, 256, 4096};

#define NB_COSTS (RTE_DIM(costs) * RTE_DIM(engines) * RTE_DIM(cost_sizes))

struct gathered {
	unsigned int n;
	double ratio[MAX_RATIOS];
};

static struct gathered by_comparison[RTE_DIM(comparisons)];
static struct gathered by_cost[NB_COSTS];
static bool quiet;

void
bench_summary_clear(void)
{
	memset(by_comparison, 0, sizeof(by_comparison));
	memset(by_cost, 0, sizeof(by_cost));
	quiet = false;
}

/* With none of the options that cost something, or change how an engine works. */
static bool
is_plain(const char *devargs)
{
	static const char *const others[] = {"eager=1", "halt=1", "nt="};

	for (size_t i = 0; i < RTE_DIM(others); i++) {
		if (strstr(devargs, others[i]) != NULL)
			return false;
	}
	for (size_t i = 0; i < RTE_DIM(costs); i++) {
		if (strstr(devargs, costs[i].option) != NULL)
			return false;
	}
	return true;
}

static bool
is_side(const struct bench_result *r, const struct side *s)
{
	if (!r->able || r->broken || (r->dev == NULL) != (s->driver == NULL))
		return false;
	if (r->dev == NULL)
		return r->cpu_threads == s->cpu_threads && r->cpu_other == s->cpu_other;
	if (strcmp(r->dev->driver, s->driver) != 0 ||
		(s->engine != NULL && strcmp(r->dev->engine, s->engine) != 0))
		return false;
	return s->option != NULL ? strstr(r->dev->devargs, s->option) != NULL
				 : is_plain(r->dev->devargs);
}

static const struct bench_result *
find(const struct bench_cell *cell, const struct side *s)
{
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		if (is_side(&cell->result[i], s))
			return &cell->result[i];
	}
	return NULL;
}

static double
ratio_of(const struct bench_result *subject, const struct bench_result *peer, enum figure figure,
	uint32_t rounds)
{
	double ratios[CONFIG_MAX_ROUNDS];

	if (figure == MOPS)
		return subject->mops;
	if (figure == P50)
		return peer->ns.p50 > 0 ? subject->ns.p50 / peer->ns.p50 : 0;
	if (figure == P99)
		return peer->ns.p99 > 0 ? subject->ns.p99 / peer->ns.p99 : 0;
	for (uint32_t i = 0; i < rounds; i++)
		ratios[i] = peer->round[i] > 0 ? subject->round[i] / peer->round[i] : 0;
	spread_sort(ratios, rounds);
	return spread_quantile(ratios, rounds, 0.5);
}

static void
gather(struct gathered *g, const struct bench_cell *cell, const struct side *subject,
	const struct side *peer, enum figure figure, uint32_t rounds)
{
	const struct bench_result *s = find(cell, subject), *p = find(cell, peer);

	if (s != NULL && (p != NULL || figure == MOPS) && g->n < MAX_RATIOS)
		g->ratio[g->n++] = ratio_of(s, p, figure, rounds);
}

static void
gather_costs(const struct bench_cell *cell, uint32_t rounds)
{
	struct gathered *g = by_cost;

	for (size_t c = 0; c < RTE_DIM(costs); c++) {
		for (size_t e = 0; e < RTE_DIM(engines); e++) {
			const struct side plain = DAD(engines[e]);
			const struct side with = {"dma_dad", engines[e], costs[c].option, 0, false};

			for (size_t s = 0; s < RTE_DIM(cost_sizes); s++, g++) {
				if (cell->size == cost_sizes[s])
					gather(g, cell, costs[c].inverse ? &plain : &with,
						costs[c].inverse ? &with : &plain, RATE, rounds);
			}
		}
	}
}

void
bench_summary_add(const struct config *c, const struct bench_cell *cell)
{
	quiet = c->json;
	if (cell->op != OP_COPY)
		return;
	for (size_t i = 0; i < RTE_DIM(comparisons); i++) {
		const struct comparison *k = &comparisons[i];

		if ((k->figure >= P50) == cell->latency && cell->size >= k->min_size &&
			cell->size <= k->max_size)
			gather(&by_comparison[i], cell, &k->subject, &k->peer, k->figure,
				c->rounds);
	}
	if (!cell->latency)
		gather_costs(cell, c->rounds);
}

static void
print_line(
	const char *what, uint32_t min_size, uint32_t max_size, struct gathered *g, const char *aim)
{
	char sizes[32];

	if (g->n == 0)
		return;
	spread_sort(g->ratio, g->n);
	if (min_size == max_size)
		snprintf(sizes, sizeof(sizes), "%u", min_size);
	else if (max_size == UINT32_MAX)
		snprintf(sizes, sizeof(sizes), "%u and up", min_size);
	else
		snprintf(sizes, sizeof(sizes), "%u-%u", min_size, max_size);
	printf("%-36s %15s %6u %8.2f %8.2f %8.2f  %s\n", what, sizes, g->n, g->ratio[0],
		spread_quantile(g->ratio, g->n, 0.5), g->ratio[g->n - 1], aim != NULL ? aim : "");
}

static bool
anything(void)
{
	for (size_t i = 0; i < RTE_DIM(comparisons); i++) {
		if (by_comparison[i].n > 0)
			return true;
	}
	for (size_t i = 0; i < NB_COSTS; i++) {
		if (by_cost[i].n > 0)
			return true;
	}
	return false;
}

void
bench_summary_print(void)
{
	struct gathered *g = by_cost;

	if (quiet || !anything())
		return;
	printf("\ncopies: rates and ratios, over the sizes and working sets that were measured\n"
	       "%-36s %15s %6s %8s %8s %8s  %s\n",
		"", "bytes", "cells", "least", "median", "most", "aim, on a quiet machine");
	for (size_t i = 0; i < RTE_DIM(comparisons); i++)
		print_line(comparisons[i].what, comparisons[i].min_size, comparisons[i].max_size,
			&by_comparison[i], comparisons[i].aim);
	for (size_t c = 0; c < RTE_DIM(costs); c++) {
		for (size_t e = 0; e < RTE_DIM(engines); e++) {
			char what[64];

			snprintf(what, sizeof(what), "%s, %s", engines[e], costs[c].what);
			for (size_t s = 0; s < RTE_DIM(cost_sizes); s++, g++)
				print_line(what, cost_sizes[s], cost_sizes[s], g, NULL);
		}
	}
	fflush(stdout);
}
