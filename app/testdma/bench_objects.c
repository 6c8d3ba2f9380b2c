/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* Where the objects go: stdout instead of the tables, or a file beside them, or NULL. */
static FILE *objects;

bool
bench_objects_begin(const struct config *c)
{
	objects = c->json ? stdout : NULL;
	if (c->json || c->json_file == NULL)
		return true;
	objects = fopen(c->json_file, "we");
	if (objects == NULL)
		fprintf(stderr, "cannot write '%s': %s\n", c->json_file, strerror(errno));
	return objects != NULL;
}

bool
bench_objects_end(const struct config *c)
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
print_latency(const struct bench_latency *l)
{
	fprintf(objects, "\"p50_ns\":%.1f,\"p90_ns\":%.1f,\"p99_ns\":%.1f,\"p999_ns\":%.1f,",
		l->p50, l->p90, l->p99, l->p999);
	fprintf(objects, "\"mean_ns\":%.1f,\"max_ns\":%.1f,\"samples\":%" PRIu64 ",", l->mean,
		l->max, l->samples);
}

static void
print_object(const struct config *c, const struct bench_cell *cell, const struct bench_result *r)
{
	const struct device *dev = r->dev;

	fprintf(objects, "{");
	print_string("part", cell->latency ? "latency" : "sweep");
	print_string("device", r->name);
	print_string("driver", dev != NULL ? dev->driver : bench_cpu_function(cell->op));
	print_string("engine", dev != NULL ? dev->engine : "");
	print_string("devargs", dev != NULL ? dev->devargs : "");
	fprintf(objects, "\"cpu_threads\":%u,\"cpu_other\":%s,", r->cpu_threads,
		r->cpu_other ? "true" : "false");
	print_string("op", op_name(cell->op));
	print_string("set", cell->set.name);
	fprintf(objects, "\"set_bytes\":%" PRIu64 ",\"size\":%u,\"offset\":%u,", cell->set_bytes,
		cell->size, c->offset);
	fprintf(objects, "\"batch\":%u,\"qdepth\":%u,", cell->latency ? 1 : c->batch,
		cell->latency ? 1 : c->qdepth);
	fprintf(objects, "\"mops\":%.6f,\"gbs\":%.6f,", r->mops, r->gbs);
	fprintf(objects, "\"mops_min\":%.6f,\"mops_max\":%.6f,\"mops_rounds\":[", r->mops_min,
		r->mops_max);
	for (uint32_t i = 0; i < c->rounds && !r->broken; i++)
		fprintf(objects, "%s%.6f", i > 0 ? "," : "", r->round[i]);
	fprintf(objects, "],");
	if (cell->latency)
		print_latency(&r->ns);
	fprintf(objects,
		"\"errors\":%" PRIu64 ",\"miscompares\":%" PRIu64 ",\"checked\":%" PRIu64 ",",
		r->errors, r->miscompares, r->checked);
	fprintf(objects, "\"failed\":%s,\"rounds\":%u}\n", r->broken ? "true" : "false", c->rounds);
}

void
bench_objects_cell(const struct config *c, const struct bench_cell *cell)
{
	if (objects == NULL)
		return;
	for (unsigned int i = 0; i < cell->nb_results; i++) {
		if (cell->result[i].able)
			print_object(c, cell, &cell->result[i]);
	}
	fflush(objects);
}
