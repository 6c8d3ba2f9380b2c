/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "bench.h"

#define COLUMN 20
#define RATIO  10
#define TITLE  34
#define NS     9

const char *
bench_cpu_function(enum op op)
{
	return op == OP_FILL ? "memset" : "memcpy";
}

void
bench_report_begin(const struct config *c, const struct bench_cell *cell, uint64_t llc_bytes)
{
	if (c->json)
		return;
	printf("batch %u, queue depth %u, median of %u rounds of %u ms; last-level cache %" PRIu64
	       " MiB\n"
	       "Mops: million operations a second; GB/s: bytes moved, each counted once\n"
	       "on the right: how many times the rate of the others the first device has\n",
		c->batch, c->qdepth, c->rounds, c->duration_ms, llc_bytes >> 20);
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		const struct device *dev = cell->result[i].dev;

		if (dev != NULL && dev->devargs[0] != '\0')
			printf("%s: %s\n", dev->name, dev->devargs);
	}
}

/* ---- rates ------------------------------------------------------------------------------- */

/* "dma_dad, thread", "memcpy", "memcpy, 2 threads", "memcpy, other CPU". */
static const char *
what_runs(const struct bench_cell *cell, const struct bench_result *r, char *text, size_t size)
{
	if (r->dev != NULL)
		snprintf(text, size, "%s%s%s", r->dev->driver,
			r->dev->engine[0] != '\0' ? ", " : "", r->dev->engine);
	else if (r->cpu_threads > 1)
		snprintf(
			text, size, "%s, %u threads", bench_cpu_function(cell->op), r->cpu_threads);
	else
		snprintf(text, size, "%s%s", bench_cpu_function(cell->op),
			r->cpu_other ? ", other CPU" : "");
	return text;
}

static int
ratio_width(const struct bench_result *r)
{
	return (int)RTE_MAX((size_t)RATIO, strlen(r->name));
}

static void
print_head(const struct bench_cell *cell)
{
	char text[192];

	printf("%9s", "");
	for (unsigned int i = 0; i < cell->nb_results; i++)
		printf(" | %*s", COLUMN, cell->result[i].name);
	if (cell->nb_results > 1)
		printf(" | %s against", cell->result[0].name);
	printf("\n%9s", "");
	for (unsigned int i = 0; i < cell->nb_results; i++)
		printf(" | %*s", COLUMN, what_runs(cell, &cell->result[i], text, sizeof(text)));
	if (cell->nb_results > 1)
		printf(" |");
	for (unsigned int i = 1; i < cell->nb_results; i++)
		printf(" %*s", ratio_width(&cell->result[i]), cell->result[i].name);
	printf("\n%9s", "size");
	for (unsigned int i = 0; i < cell->nb_results; i++)
		printf(" | %*s %*s", COLUMN / 2 - 1, "Mops", COLUMN / 2, "GB/s");
	printf("%s\n", cell->nb_results > 1 ? " |" : "");
}

static void
print_ratios(const struct bench_cell *cell)
{
	const struct bench_result *first = &cell->result[0];

	printf(" |");
	for (unsigned int i = 1; i < cell->nb_results; i++) {
		const struct bench_result *r = &cell->result[i];

		if (first->mops > 0 && r->mops > 0)
			printf(" %*.2f", ratio_width(r), first->mops / r->mops);
		else
			printf(" %*s", ratio_width(r), "-");
	}
}

static void
print_row(const struct bench_cell *cell)
{
	printf("%9u", cell->size);
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		const struct bench_result *r = &cell->result[i];

		if (!r->able || r->broken)
			printf(" | %*s", COLUMN, r->able ? "failed" : "-");
		else
			printf(" | %*.3f %*.3f", COLUMN / 2 - 1, r->mops, COLUMN / 2, r->gbs);
	}
	if (cell->nb_results > 1)
		print_ratios(cell);
	printf("\n");
}

/* ---- latencies --------------------------------------------------------------------------- */

static void
print_latencies(const struct bench_cell *cell)
{
	const struct bench_result *first = &cell->result[0];

	for (unsigned int i = 0; i < cell->nb_results; i++) {
		const struct bench_result *r = &cell->result[i];
		const struct bench_latency *l = &r->ns;
		char runs[192], title[300];

		snprintf(title, sizeof(title), "%s (%s)", r->name,
			what_runs(cell, r, runs, sizeof(runs)));
		if (i == 0)
			printf("%9u", cell->size);
		else
			printf("%9s", "");
		printf(" | %-*s", TITLE, title);
		if (!r->able || r->broken) {
			printf(" | %s\n", r->able ? "failed" : "-");
			continue;
		}
		printf(" | %*.0f %*.0f %*.0f %*.0f %*.0f", NS, l->p50, NS, l->p90, NS, l->p99, NS,
			l->p999, NS, l->max);
		if (i > 0 && !first->broken && first->ns.p50 > 0)
			printf(" | %*.2f %*.2f", NS, l->p50 / first->ns.p50, NS,
				l->p99 / first->ns.p99);
		printf("\n");
	}
}

static void
print_latency_head(const struct bench_cell *cell)
{
	printf("one at a time: ns from the submit until it has come back; of the CPU, of the call");
	printf("\n%9s | %-*s | %*s %*s %*s %*s %*s", "size", TITLE, "", NS, "p50", NS, "p90", NS,
		"p99", NS, "p99.9", NS, "max");
	if (cell->nb_results > 1)
		printf(" | p50 and p99 against %s", cell->result[0].name);
	printf("\n");
}

/* ---- both -------------------------------------------------------------------------------- */

void
bench_report_table(const struct config *c, const struct bench_cell *cell)
{
	if (c->json)
		return;
	printf("\n%s, working set %s: %s\n", op_name(cell->op), cell->set.name, cell->set.where);
	if (cell->latency)
		print_latency_head(cell);
	else
		print_head(cell);
	fflush(stdout);
}

void
bench_report_cell(const struct config *c, const struct bench_cell *cell)
{
	if (c->json)
		return;
	if (cell->latency)
		print_latencies(cell);
	else
		print_row(cell);
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		const struct bench_result *r = &cell->result[i];

		if (r->errors > 0 || r->miscompares > 0)
			printf("          %s: %" PRIu64 " errors, %" PRIu64 " miscompares\n",
				r->name, r->errors, r->miscompares);
	}
	fflush(stdout);
}
