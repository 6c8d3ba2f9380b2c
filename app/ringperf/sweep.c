/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "plot.h"
#include "report.h"
#include "summary.h"

static unsigned int
count_steps(const struct bench *b)
{
	const struct config *c = b->sweep.config;
	unsigned int kinds_able = 0;

	for (uint32_t s = 0; s < c->nb_shapes; s++) {
		for (int k = 0; kinds[k] != NULL; k++)
			kinds_able +=
				(c->rings & 1u << k) != 0 && shape_fits(&c->shapes[s], kinds[k]);
	}
	return kinds_able * c->nb_elems * c->nb_bulks *
		(c->rounds + (c->latency_ms > 0) + counters_any(&b->sweep.counters));
}

/* @return 0, -EINTR or -ETIMEDOUT */
static int
run_shape(struct bench *b, const struct shape *shape)
{
	const struct config *c = b->sweep.config;
	struct sweep *sweep = &b->sweep;
	const uint32_t first = sweep->nb_cells;
	int ret = 0;

	report_shape(c, shape);
	for (uint32_t n = 0; ret == 0 && n < c->nb_elems * c->nb_bulks; n++) {
		b->cell = &sweep->cells[sweep->nb_cells++];
		b->cell->shape = *shape;
		b->cell->elem = c->elems[n / c->nb_bulks];
		b->cell->bulk = c->bulks[n % c->nb_bulks];
		ret = cell_run(b);
		progress_clear(&b->progress);
		report_cell(c, b->cell);
	}
	report_more(c, &sweep->cells[first], sweep->nb_cells - first);
	return ret;
}

static int
run_shapes(struct bench *b)
{
	const struct config *c = b->sweep.config;
	int ret = 0;

	progress_begin(&b->progress, count_steps(b));
	for (uint32_t i = 0; ret == 0 && i < c->nb_shapes; i++)
		ret = run_shape(b, &c->shapes[i]);
	summary_print(&b->sweep);
	if (c->plot_file != NULL && plot_draw(&b->sweep) != 0)
		b->failed = true;
	if (ret == -EINTR) {
		fprintf(stderr, "interrupted: the sweep is not complete\n");
		b->failed = true;
	}
	if (!report_end(c))
		b->failed = true;
	return ret;
}

int
sweep_run(const struct config *c)
{
	struct bench *b = calloc(1, sizeof(*b));
	const size_t cells = (size_t)c->nb_shapes * c->nb_elems * c->nb_bulks;
	int code = EXIT_FAILED, ret;

	if (b == NULL)
		return EXIT_FAILED;
	b->sweep.config = c;
	b->sweep.cells = calloc(cells, sizeof(*b->sweep.cells));
	b->team = team_create(c->cpus, c->nb_cpus);
	if (b->sweep.cells == NULL || b->team == NULL) {
		fprintf(stderr, "no memory\n");
		goto out;
	}
	counters_open(&b->sweep.counters);
	if (report_begin(&b->sweep)) {
		ret = run_shapes(b);
		if (ret == -ETIMEDOUT)
			return SWEEP_STUCK;
		code = b->failed ? EXIT_FAILED : EXIT_CLEAN;
	}
	counters_close(&b->sweep.counters);
out:
	team_free(b->team);
	free(b->sweep.cells);
	free(b);
	return code;
}
