/* SPDX-License-Identifier: BSD-3-Clause */
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

/* The median, or 0. */
static double
rate(const struct cell *cell, const char *ring)
{
	const int k = kind_by_name(ring);

	return k >= 0 && cell->result[k].rounds > 0 ? cell->result[k].mops : 0;
}

static bool
compare(const struct cell *cell, const struct comparison *c, struct versus *v)
{
	double best = 0;

	for (int i = 0; i < MAX_PEERS && c->peers[i] != NULL; i++) {
		const double mops = rate(cell, c->peers[i]);

		if (mops > best) {
			best = mops;
			v->peer = c->peers[i];
		}
	}
	if (best <= 0)
		return false;
	v->ratio = rate(cell, c->subject) / best;
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
	uint32_t n = 0, ahead = 0;

	for (uint32_t i = 0; i < sweep->nb_cells; i++) {
		const struct cell *cell = &sweep->cells[i];

		if (!concerns(c, cell) || !compare(cell, c, &v))
			continue;
		ratios[n++] = v.ratio;
		ahead += v.ratio >= 1;
		if (worst == NULL || v.ratio < least.ratio) {
			worst = cell;
			least = v;
		}
	}
	if (worst == NULL)
		return;
	printf("%-54s %5u %6u %8.2f %8.2f  %ux%u, %u bytes, bulk %u, %s\n", c->what, n, ahead,
		spread_geometric_mean(ratios, n), least.ratio, worst->shape.producers,
		worst->shape.consumers, worst->elem, worst->bulk, least.peer);
}

void
summary_print(const struct sweep *sweep)
{
	double *ratios = malloc(sizeof(*ratios) * (sweep->nb_cells + 1));

	if (ratios == NULL || !report_tables(sweep->config)) {
		free(ratios);
		return;
	}
	printf("\n%-54s %5s %6s %8s %8s  %s\n", "ratio of the medians", "cells", ">= 1", "geo.mean",
		"worst", "in the cell");
	for (size_t i = 0; i < RTE_DIM(comparisons); i++)
		print_comparison(sweep, &comparisons[i], ratios);
	fflush(stdout);
	free(ratios);
}
