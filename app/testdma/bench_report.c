/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "bench.h"

#define COLUMN 20
#define RATIO  10

/* Where the objects go: stdout instead of the tables, or a file beside them, or NULL. */
static FILE *objects;

bool
bench_report_begin(const struct config *c, uint64_t llc_bytes)
{
	if (c->json) {
		objects = stdout;
		return true;
	}
	if (c->json_file != NULL) {
		objects = fopen(c->json_file, "we");
		if (objects == NULL) {
			fprintf(stderr, "cannot write '%s': %s\n", c->json_file, strerror(errno));
			return false;
		}
	}
	printf("batch %u, queue depth %u, median of %u rounds of %u ms; last-level cache %" PRIu64
	       " MiB\n"
	       "Mops: million operations a second; GB/s: bytes moved, each counted once\n"
	       "on the right: how many times the rate of the others the first device has\n",
		c->batch, c->qdepth, c->rounds, c->duration_ms, llc_bytes >> 20);
	return true;
}

bool
bench_report_end(const struct config *c)
{
	FILE *f = objects;

	objects = NULL;
	if (f == NULL || f == stdout)
		return true;
	bool written = ferror(f) == 0;
	if (fclose(f) == 0 && written)
		return true;
	fprintf(stderr, "cannot write '%s': %s\n", c->json_file, strerror(errno));
	return false;
}

static const char *
short_name(const struct bench_result *r)
{
	return r->dev != NULL ? r->dev->name : "cpu";
}

static const char *
cpu_function(enum op op)
{
	return op == OP_FILL ? "memset" : "memcpy";
}

void
bench_report_table(const struct config *c, const struct bench_cell *cell)
{
	char text[192];

	if (c->json)
		return;
	printf("\n%s, working set %s: %s\n", op_name(cell->op), cell->set.name, cell->set.where);
	printf("%9s", "");
	for (unsigned int i = 0; i < cell->nb_results; i++)
		printf(" | %*s", COLUMN, short_name(&cell->result[i]));
	if (cell->nb_results > 1)
		printf(" | %s against", short_name(&cell->result[0]));
	printf("\n%9s", "");
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		const struct device *dev = cell->result[i].dev;

		if (dev == NULL)
			snprintf(text, sizeof(text), "%s", cpu_function(cell->op));
		else
			snprintf(text, sizeof(text), "%s%s%s", dev->driver,
				dev->engine[0] != '\0' ? ", " : "", dev->engine);
		printf(" | %*s", COLUMN, text);
	}
	if (cell->nb_results > 1)
		printf(" |");
	for (unsigned int i = 1; i < cell->nb_results; i++)
		printf(" %*s", (int)RTE_MAX((size_t)RATIO, strlen(short_name(&cell->result[i]))),
			short_name(&cell->result[i]));
	printf("\n%9s", "size");
	for (unsigned int i = 0; i < cell->nb_results; i++)
		printf(" | %*s %*s", COLUMN / 2 - 1, "Mops", COLUMN / 2, "GB/s");
	printf("%s\n", cell->nb_results > 1 ? " |" : "");
	fflush(stdout);
}

static void
print_ratios(const struct bench_cell *cell)
{
	const struct bench_result *first = &cell->result[0];

	printf(" |");
	for (unsigned int i = 1; i < cell->nb_results; i++) {
		const struct bench_result *r = &cell->result[i];
		int width = (int)RTE_MAX((size_t)RATIO, strlen(short_name(r)));

		if (first->mops > 0 && r->mops > 0)
			printf(" %*.2f", width, first->mops / r->mops);
		else
			printf(" %*s", width, "-");
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
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		const struct bench_result *r = &cell->result[i];

		if (r->errors > 0 || r->miscompares > 0)
			printf("          %s: %" PRIu64 " errors, %" PRIu64 " miscompares\n",
				short_name(r), r->errors, r->miscompares);
	}
}

static void
print_string(const char *name, const char *value)
{
	fprintf(objects, "\"%s\":\"", name);
	for (; *value != '\0'; value++) {
		unsigned char c = *value;

		if (c == '"' || c == '\\')
			fprintf(objects, "\\%c", c);
		else if (c < 0x20)
			fprintf(objects, "\\u%04x", c);
		else
			putc(c, objects);
	}
	fprintf(objects, "\",");
}

static void
print_json(const struct config *c, const struct bench_cell *cell, const struct bench_result *r)
{
	fprintf(objects, "{");
	print_string("device", short_name(r));
	print_string("driver", r->dev != NULL ? r->dev->driver : cpu_function(cell->op));
	print_string("engine", r->dev != NULL ? r->dev->engine : "");
	print_string("op", op_name(cell->op));
	print_string("set", cell->set.name);
	fprintf(objects, "\"set_bytes\":%" PRIu64 ",\"size\":%u,\"batch\":%u,\"qdepth\":%u,",
		cell->set_bytes, cell->size, c->batch, c->qdepth);
	fprintf(objects, "\"mops\":%.6f,\"gbs\":%.6f,", r->mops, r->gbs);
	fprintf(objects, "\"mops_min\":%.6f,\"mops_max\":%.6f,", r->mops_min, r->mops_max);
	fprintf(objects,
		"\"errors\":%" PRIu64 ",\"miscompares\":%" PRIu64 ",\"checked\":%" PRIu64 ",",
		r->errors, r->miscompares, r->checked);
	fprintf(objects, "\"failed\":%s,\"rounds\":%u}\n", r->broken ? "true" : "false", c->rounds);
}

void
bench_report_cell(const struct config *c, const struct bench_cell *cell)
{
	if (!c->json)
		print_row(cell);
	for (unsigned int i = 0; objects != NULL && i < cell->nb_results; i++) {
		if (cell->result[i].able)
			print_json(c, cell, &cell->result[i]);
	}
	fflush(stdout);
}
