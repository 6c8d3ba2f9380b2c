/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"
#include "spread.h"
#include "summary.h"

#define MAX_PEERS 4

enum shapes {
	ANY_SHAPE,
	ONE_TO_ONE,
	SEVERAL, /* producers and consumers */
};

static const struct comparison {
	const char *what;
	const char *subject;
	const char *peers[MAX_PEERS];
	enum shapes shapes;
	uint32_t elem; /* 0: all */
} comparisons[] = {
	{"dad : best of rte-mpmc, rte-rts, rte-hts", "dad", {"rte-mpmc", "rte-rts", "rte-hts"},
		ANY_SHAPE, 0},
	{"  1x1", "dad", {"rte-mpmc", "rte-rts", "rte-hts"}, ONE_TO_ONE, 0},
	{"  1x1, elements of 64 bytes", "dad", {"rte-mpmc", "rte-rts", "rte-hts"}, ONE_TO_ONE, 64},
	{"dad : best of rte-rts, rte-hts; several on each side", "dad", {"rte-rts", "rte-hts"},
		SEVERAL, 0},
	{"dad : rte-mpmc; several on each side", "dad", {"rte-mpmc"}, SEVERAL, 0},
	{"dad-zc : best of rte-mpmc, rte-rts, rte-hts", "dad-zc",
		{"rte-mpmc", "rte-rts", "rte-hts"}, ANY_SHAPE, 0},
	{"dad-spsc : rte-spsc", "dad-spsc", {"rte-spsc"}, ONE_TO_ONE, 0},
	{"dad : mutex", "dad", {"mutex"}, ANY_SHAPE, 0},
};

/*
 * Each round's rates are compared with each other, and the median of these ratios counts: what
 * changes from one round to the next, like the distance of the CPUs, is the same for both.
 * @return 0 if there is none, INFINITY if the peer got nowhere in most rounds
 */
static double
ratio(const struct cell *cell, const char *subject, const char *peer)
{
	const int a = kind_by_name(subject), b = kind_by_name(peer);
	double ratios[CONFIG_MAX_ROUNDS];
	uint32_t n;

	if (a < 0 || b < 0)
		return 0;
	n = RTE_MIN(cell->result[a].rounds, cell->result[b].rounds);
	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		const double other = cell->result[b].round[i];

		ratios[i] = other > 0 ? cell->result[a].round[i] / other : (double)INFINITY;
	}
	spread_sort(ratios, n);
	/* no mean of two values where one may be infinite */
	return ratios[(n - 1) / 2] == (double)INFINITY ? (double)INFINITY
						       : spread_quantile(ratios, n, 0.5);
}

/* The best peer is the one that the ratio is smallest to. */
static bool
compare(const struct cell *cell, const struct comparison *c, struct versus *v)
{
	v->ratio = 0;
	for (int i = 0; i < MAX_PEERS && c->peers[i] != NULL; i++) {
		const double r = ratio(cell, c->subject, c->peers[i]);

		if (r > 0 && (v->ratio == 0 || r < v->ratio)) {
			v->ratio = r;
			v->peer = c->peers[i];
		}
	}
	return v->ratio > 0;
}

bool
summary_versus_best(const struct cell *cell, struct versus *v)
{
	return compare(cell, &comparisons[0], v);
}

static bool
concerns(const struct comparison *c, const struct cell *cell)
{
	const struct shape *s = &cell->shape;

	if (c->elem != 0 && c->elem != cell->elem)
		return false;
	if (c->shapes == ONE_TO_ONE)
		return s->producers == 1 && s->consumers == 1;
	return c->shapes == ANY_SHAPE || (s->producers > 1 && s->consumers > 1);
}

static void
print_comparison(const struct sweep *sweep, const struct comparison *c, double *ratios)
{
	const struct cell *worst = NULL;
	struct versus v, least = {0};
	uint32_t n = 0, ahead = 0, beyond = 0;

	for (uint32_t i = 0; i < sweep->nb_cells; i++) {
		const struct cell *cell = &sweep->cells[i];

		if (!concerns(c, cell) || !compare(cell, c, &v))
			continue;
		if (isinf(v.ratio)) {
			beyond++;
			continue;
		}
		ratios[n++] = v.ratio;
		ahead += v.ratio >= 1;
		if (worst == NULL || v.ratio < least.ratio) {
			worst = cell;
			least = v;
		}
	}
	if (worst == NULL)
		return;
	const double mean = spread_geometric_mean(ratios, n);

	printf("%-54s %5u %6u %8.*f %8.2f  %ux%u, %u bytes, bulk %u, %s", c->what, n, ahead,
		mean < 1000 ? 2 : 0, mean, least.ratio, worst->shape.producers,
		worst->shape.consumers, worst->elem, worst->bulk, least.peer);
	if (beyond > 0)
		printf(" (and %u where that got nowhere)", beyond);
	printf("\n");
}

void
summary_print(const struct sweep *sweep)
{
	double *ratios = malloc(sizeof(*ratios) * (sweep->nb_cells + 1));

	if (ratios == NULL || !report_tables(sweep->config)) {
		free(ratios);
		return;
	}
	printf("\n%-54s %5s %6s %8s %8s  %s\n", "median of the ratios in each round", "cells",
		">= 1", "geo.mean", "worst", "in the cell");
	for (size_t i = 0; i < RTE_DIM(comparisons); i++)
		print_comparison(sweep, &comparisons[i], ratios);
	fflush(stdout);
	free(ratios);
}
