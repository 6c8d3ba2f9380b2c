/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

/* The same fields for JSON, for CSV, and for the first line of CSV. */
enum format {
	JSON,
	CSV,
	CSV_NAMES,
};

struct line {
	FILE *f;
	enum format format;
	bool begun;
};

static FILE *json, *csv;

/* ---- fields ------------------------------------------------------------------------------ */

/* @return is a value wanted? */
static bool
field(struct line *l, const char *name)
{
	if (l->begun)
		fprintf(l->f, ",");
	l->begun = true;
	if (l->format == JSON)
		fprintf(l->f, "\"%s\":", name);
	else if (l->format == CSV_NAMES)
		fprintf(l->f, "%s", name);
	return l->format != CSV_NAMES;
}

/* Names of ours: nothing in them needs a quotation. */
static void
text(struct line *l, const char *name, const char *value)
{
	if (field(l, name))
		fprintf(l->f, l->format == JSON ? "\"%s\"" : "%s", value);
}

static void
whole(struct line *l, const char *name, uint64_t value)
{
	if (field(l, name))
		fprintf(l->f, "%" PRIu64, value);
}

/* Nothing, or null, where a value is not known. */
static void
real(struct line *l, const char *name, bool known, double value)
{
	if (!field(l, name))
		return;
	if (known)
		fprintf(l->f, "%.6g", value);
	else if (l->format == JSON)
		fprintf(l->f, "null");
}

static void
truth(struct line *l, const char *name, bool value)
{
	if (field(l, name))
		fprintf(l->f, "%s", value ? "true" : "false");
}

/* One value for each round. */
static void
rates(struct line *l, const char *name, const struct result *r)
{
	if (!field(l, name))
		return;
	if (l->format == JSON)
		fprintf(l->f, "[");
	for (uint32_t i = 0; i < r->rounds; i++) {
		if (i > 0)
			fprintf(l->f, l->format == JSON ? "," : ";");
		fprintf(l->f, "%.6g", r->round[i]);
	}
	if (l->format == JSON)
		fprintf(l->f, "]");
}

static void
print_line(FILE *f, enum format format, const struct config *c, const struct cell *cell, int kind)
{
	const struct result *r = &cell->result[kind];
	const bool rate = r->rounds > 0, timed = r->transfers > 0;
	struct line l = {.f = f, .format = format};

	if (format == JSON)
		fprintf(f, "{");
	text(&l, "ring", kinds[kind]->name);
	whole(&l, "elem", cell->elem);
	whole(&l, "bulk", cell->bulk);
	whole(&l, "producers", cell->shape.producers);
	whole(&l, "consumers", cell->shape.consumers);
	whole(&l, "cpus", shape_cpus(c, &cell->shape));
	real(&l, "mops", rate, r->mops);
	real(&l, "cycles_per_elem", rate, r->cycles);
	real(&l, "p50_ns", timed, r->p50);
	real(&l, "p99_ns", timed, r->p99);
	real(&l, "p999_ns", timed, r->p999);
	whole(&l, "rounds", r->rounds);
	real(&l, "mops_min", rate, r->mops_min);
	real(&l, "mops_q1", rate, r->mops_q1);
	real(&l, "mops_q3", rate, r->mops_q3);
	real(&l, "mops_max", rate, r->mops_max);
	rates(&l, "mops_rounds", r);
	real(&l, "cpu_share", rate, r->cpu_share);
	whole(&l, "repeated", r->repeated);
	real(&l, "line_ns", cell->line_ns > 0, cell->line_ns);
	real(&l, "line_ns_min", cell->line_ns > 0, cell->line_ns_min);
	real(&l, "line_ns_max", cell->line_ns > 0, cell->line_ns_max);
	real(&l, "full", rate, r->refused_put);
	real(&l, "empty", rate, r->refused_get);
	whole(&l, "transfers", r->transfers);
	text(&l, "calls", c->burst ? "burst" : "bulk");
	whole(&l, "count", c->count);
	whole(&l, "duration_ms", c->duration_ms);
	whole(&l, "checked", r->checked);
	whole(&l, "lost", r->faults.lost);
	whole(&l, "doubled", r->faults.doubled);
	whole(&l, "torn", r->faults.torn);
	whole(&l, "disordered", r->faults.disordered);
	truth(&l, "failed", r->broken);
	real(&l, "cpu_cycles_per_elem", r->counts.known[COUNTER_CYCLES],
		r->counts.value[COUNTER_CYCLES]);
	real(&l, "instructions_per_elem", r->counts.known[COUNTER_INSTRUCTIONS],
		r->counts.value[COUNTER_INSTRUCTIONS]);
	real(&l, "cache_misses_per_elem", r->counts.known[COUNTER_CACHE_MISSES],
		r->counts.value[COUNTER_CACHE_MISSES]);
	real(&l, "context_switches_per_s", r->counts.known[COUNTER_SWITCHES],
		r->counts.value[COUNTER_SWITCHES]);
	fprintf(f, format == JSON ? "}\n" : "\n");
}

/* ---- files ------------------------------------------------------------------------------- */

/* @return false: it was wanted, and cannot be had */
static bool
open_file(FILE **f, bool on_stdout, const char *path)
{
	*f = on_stdout ? stdout : NULL;
	if (path == NULL)
		return true;
	*f = fopen(path, "we");
	if (*f == NULL)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return *f != NULL;
}

static bool
close_file(FILE *f, const char *path)
{
	bool bad;

	if (path == NULL || f == NULL)
		return true;
	bad = ferror(f) != 0;
	bad |= fclose(f) != 0;
	if (bad)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return !bad;
}

bool
lines_begin(const struct config *c)
{
	static const struct cell nothing;

	if (!open_file(&json, c->json, c->json_file) || !open_file(&csv, c->csv, c->csv_file))
		return false;
	if (csv != NULL)
		print_line(csv, CSV_NAMES, c, &nothing, 0);
	return true;
}

void
lines_cell(const struct config *c, const struct cell *cell)
{
	for (int k = 0; kinds[k] != NULL; k++) {
		if (!cell->result[k].able)
			continue;
		if (json != NULL)
			print_line(json, JSON, c, cell, k);
		if (csv != NULL)
			print_line(csv, CSV, c, cell, k);
	}
	if (json != NULL)
		fflush(json);
	if (csv != NULL)
		fflush(csv);
}

bool
lines_end(const struct config *c)
{
	const bool json_written = close_file(json, c->json_file);
	const bool csv_written = close_file(csv, c->csv_file);

	return json_written && csv_written;
}
