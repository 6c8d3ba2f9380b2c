/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_version.h>

#include "report.h"
#include "summary.h"

#define COLUMN	 17
#define BEST	 18
#define PERCENTS 20

bool
report_tables(const struct config *c)
{
	return !c->json && !c->csv;
}

/* "0-3,8" */
static void
print_cpus(const struct config *c)
{
	for (uint32_t i = 0; i < c->nb_cpus; i++) {
		uint32_t last = i;

		while (last + 1 < c->nb_cpus && c->cpus[last + 1] == c->cpus[last] + 1)
			last++;
		printf("%s%u", i > 0 ? "," : "", c->cpus[i]);
		if (last > i)
			printf("-%u", c->cpus[last]);
		i = last;
	}
}

bool
report_begin(const struct sweep *sweep)
{
	const struct config *c = sweep->config;

	counters_describe(&sweep->counters, report_tables(c) ? stdout : stderr);
	if (report_tables(c)) {
		printf("%s; rings of %u slots, calls %s; CPUs ", rte_version(), c->count,
			c->burst ? "burst" : "bulk");
		print_cpus(c);
		printf("; TSC %.0f MHz\n", (double)rte_get_tsc_hz() / 1e6);
		fflush(stdout);
	}
	return lines_begin(c);
}

/* ---- throughput -------------------------------------------------------------------------- */

/* Call show() for each kind that has a column in tables of that shape. */
static void
each_column(const struct config *c, const struct shape *shape, int width)
{
	for (int k = 0; kinds[k] != NULL; k++) {
		if ((c->rings & 1u << k) != 0 && shape_fits(shape, kinds[k]))
			printf(" | %*s", width, kinds[k]->name);
	}
}

void
report_shape(const struct config *c, const struct shape *shape)
{
	if (!report_tables(c))
		return;
	printf("\n%ux%u: %u producer%s, %u consumer%s on %u CPU%s%s\n", shape->producers,
		shape->consumers, shape->producers, shape->producers > 1 ? "s" : "",
		shape->consumers, shape->consumers > 1 ? "s" : "", shape_cpus(c, shape),
		shape_cpus(c, shape) > 1 ? "s" : "",
		shape_shares_cpus(c, shape) ? ", which threads share" : "");
	printf("million elements a second, median of %u x %u ms, and half the range of the "
	       "rounds;\nline: a cache line from the first CPU to the second and back\n",
		c->rounds, c->duration_ms);
	printf("%4s %4s", "elem", "bulk");
	each_column(c, shape, COLUMN);
	if (kind_by_name("dad") >= 0 && (c->rings & 1u << kind_by_name("dad")) != 0)
		printf(" | %*s", BEST, "dad : best rte");
	if (shape_cpus(c, shape) > 1)
		printf(" | line");
	printf("\n");
	fflush(stdout);
}

/* Three to four digits that count. */
static int
decimals(double value)
{
	int n = 1;

	for (; value < 100 && n < 6; value *= 10)
		n += value < 10;
	return n;
}

/* Had other programs a part of the CPUs that is worth a mark? */
static bool
disturbed(const struct result *r, const struct kind *kind)
{
	return r->rounds > 0 && !kind->sleeps && r->cpu_share < SWEEP_DISTURBED;
}

static void
print_rate(const struct result *r, const struct kind *kind)
{
	if (r->broken || r->rounds == 0) {
		printf(" | %*s", COLUMN, r->broken ? "failed" : "-");
		return;
	}
	const double range = r->mops > 0 ? (r->mops_max - r->mops_min) / 2 / r->mops * 100 : 0;

	printf(" | %*.*f \u00b1%3.0f%%%c", COLUMN - 7, decimals(r->mops), r->mops,
		RTE_MIN(range, 999.), disturbed(r, kind) ? '!' : ' ');
}

static void
print_faults(const struct cell *cell)
{
	for (int k = 0; kinds[k] != NULL; k++) {
		const struct faults *f = &cell->result[k].faults;

		if (faults_sum(f) > 0)
			printf("          %s: %" PRIu64 " lost, %" PRIu64 " doubled, %" PRIu64
			       " torn, %" PRIu64 " out of order\n",
				kinds[k]->name, f->lost, f->doubled, f->torn, f->disordered);
	}
}

void
report_cell(const struct config *c, const struct cell *cell)
{
	struct versus v;

	lines_cell(c, cell);
	if (!report_tables(c))
		return;
	printf("%4u %4u", cell->elem, cell->bulk);
	for (int k = 0; kinds[k] != NULL; k++) {
		if (cell->result[k].able)
			print_rate(&cell->result[k], kinds[k]);
	}
	if (summary_versus_best(cell, &v))
		printf(" | %*.2f %8s", BEST - 9, v.ratio, v.peer);
	if (cell->line_ns > 0)
		printf(" | %.0f-%.0fns", cell->line_ns_min, cell->line_ns_max);
	printf("\n");
	print_faults(cell);
	fflush(stdout);
}

/* ---- what else was measured -------------------------------------------------------------- */

/* Three digits and a unit. */
static int
format_ns(char *text, size_t size, double ns)
{
	if (ns < 999.5)
		return snprintf(text, size, "%.0fns", ns);
	if (ns < 999.5e3)
		return snprintf(text, size, "%.*fus", ns < 9.995e3 ? 1 : 0, ns / 1e3);
	return snprintf(text, size, "%.*fms", ns < 9.995e6 ? 1 : 0, ns / 1e6);
}

static void
print_percentiles(const struct result *r)
{
	const double ns[] = {r->p50, r->p99, r->p999};
	char text[64];
	size_t len = 0;

	if (r->transfers == 0) {
		printf(" | %*s", PERCENTS, r->broken ? "failed" : "-");
		return;
	}
	for (size_t i = 0; i < RTE_DIM(ns); i++) {
		if (i > 0)
			text[len++] = ' ';
		len += (size_t)format_ns(text + len, sizeof(text) - len, ns[i]);
	}
	printf(" | %*s", PERCENTS, text);
}

static void
print_latencies(const struct config *c, const struct cell *cells, uint32_t n)
{
	printf("\nlatency of a transfer of one bulk, one in flight for each producer: "
	       "p50 p99 p99.9\n%4s %4s",
		"elem", "bulk");
	each_column(c, &cells[0].shape, PERCENTS);
	printf("\n");
	for (uint32_t i = 0; i < n; i++) {
		printf("%4u %4u", cells[i].elem, cells[i].bulk);
		for (int k = 0; kinds[k] != NULL; k++) {
			if (cells[i].result[k].able)
				print_percentiles(&cells[i].result[k]);
		}
		printf("\n");
	}
}

static bool
any_known(const struct cell *cells, uint32_t n, int counter)
{
	for (uint32_t i = 0; i < n; i++) {
		for (int k = 0; kinds[k] != NULL; k++) {
			if (cells[i].result[k].counts.known[counter])
				return true;
		}
	}
	return false;
}

static void
print_counter(const struct config *c, const struct cell *cells, uint32_t n, int counter)
{
	printf("\n%s, %s\n%4s %4s", counter_name(counter),
		counter == COUNTER_SWITCHES ? "a second" : "for each element", "elem", "bulk");
	each_column(c, &cells[0].shape, COLUMN);
	printf("\n");
	for (uint32_t i = 0; i < n; i++) {
		printf("%4u %4u", cells[i].elem, cells[i].bulk);
		for (int k = 0; kinds[k] != NULL; k++) {
			const struct result *r = &cells[i].result[k];

			if (!r->able)
				continue;
			if (r->counts.known[counter])
				printf(" | %*.4g", COLUMN, r->counts.value[counter]);
			else
				printf(" | %*s", COLUMN, "-");
		}
		printf("\n");
	}
}

void
report_more(const struct config *c, const struct cell *cells, uint32_t n)
{
	bool marked = false;

	if (!report_tables(c) || n == 0)
		return;
	for (uint32_t i = 0; i < n; i++) {
		for (int k = 0; kinds[k] != NULL; k++)
			marked |= disturbed(&cells[i].result[k], kinds[k]);
	}
	if (marked)
		printf("!: other programs had more than %.0f %% of these CPUs meanwhile\n",
			(1 - SWEEP_DISTURBED) * 100);
	if (c->latency_ms > 0)
		print_latencies(c, cells, n);
	for (int counter = 0; counter < COUNTER_SWITCHES; counter++) {
		if (any_known(cells, n, counter))
			print_counter(c, cells, n, counter);
	}
	/* without sharing, there is next to nothing to switch to */
	if (shape_shares_cpus(c, &cells[0].shape) && any_known(cells, n, COUNTER_SWITCHES))
		print_counter(c, cells, n, COUNTER_SWITCHES);
	fflush(stdout);
}

bool
report_end(const struct config *c)
{
	return lines_end(c);
}
