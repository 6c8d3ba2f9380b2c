/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "mapbench.h"
#include "mapbench_summary.h"

#define NAME   20
#define OP     10
#define NUMBER 9

/* Where the objects go: stdout instead of the tables, or a file beside them, or NULL. */
static FILE *objects;

static const char *
iova_mode(void)
{
	return rte_eal_iova_mode() == RTE_IOVA_PA ? "pa" : "va";
}

static const char *
name_of(const struct map_subject *s)
{
	return s->name != NULL ? s->name : map_rung_name(s->rung);
}

static const char *
error_text(int error)
{
	if (error == EPROTO)
		return "another rung than the one that was forced";
	return strerror(error);
}

bool
map_report_begin(const struct config *c)
{
	map_summary_clear();
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
	printf("IOVAs are %s addresses; direction %s; %u thread%s; %u rounds of %u ms\n"
	       "All times are ns of one buffer: the median of the rounds, mean, deviation and "
	       "quantiles of all.\n"
	       "The latter three are those of single calls where 'of' says so, and of batches "
	       "otherwise.\n"
	       "On the right: how many times as long as the first of the table it takes.\n",
		rte_eal_iova_mode() == RTE_IOVA_PA ? "physical" : "virtual",
		map_dir_name(c->map.dir), c->map.threads, c->map.threads > 1 ? "s" : "", c->rounds,
		c->duration_ms);
	return true;
}

/* ---- tables ------------------------------------------------------------------------------ */

/* Three digits or more. */
static void
print_number(double value)
{
	printf(" %*.*f", NUMBER, value < 10 ? 2 : value < 100 ? 1 : 0, value);
}

static void
print_row(const struct map_result *r, const struct map_figures *f, const char *op,
	const struct map_figures *reference)
{
	printf("%-*s %-*s", NAME, f == &r->first ? name_of(r->subject) : "", OP, op);
	print_number(f->ns);
	print_number(f->mean);
	print_number(f->scale * histogram_deviation(&f->spread));
	print_number(f->scale * histogram_quantile(&f->spread, 0.5));
	print_number(f->scale * histogram_quantile(&f->spread, 0.99));
	print_number(f->scale * f->spread.max);
	printf(" %5s", r->subject->slow ? "call" : "batch");
	if (reference->ns > 0)
		print_number(f->ns / reference->ns);
	printf("\n");
}

static void
print_table(const struct map_plan *plan, const struct map_result results[], unsigned int n)
{
	const struct map_result *first = &results[0];
	const enum map_kind kind = first->subject->kind;

	printf("\n%s, %u bytes", map_kind_name(kind), plan->size);
	if (first->items > 1)
		printf(", %u buffers a call", first->items);
	printf("; %u alive at a time", first->alive);
	if (kind <= MAP_SYNC || kind == MAP_IOVA)
		printf(", of %u", plan->area.count);
	printf("\n%-*s %-*s %*s %*s %*s %*s %*s %*s %5s %*s\n", NAME, "", OP, "", NUMBER, "median",
		NUMBER, "mean", NUMBER, "deviation", NUMBER, "p50", NUMBER, "p99", NUMBER, "max",
		"of", NUMBER, "times");
	for (unsigned int i = 0; i < n; i++) {
		const struct map_result *r = &results[i];

		if (r->error != 0) {
			printf("%-*s -  %s\n", NAME, name_of(r->subject), error_text(r->error));
			continue;
		}
		print_row(r, &r->first, r->subject->first_op, &first->first);
		if (r->subject->last_op != NULL)
			print_row(r, &r->last, r->subject->last_op, &first->last);
	}
}

/* ---- objects ----------------------------------------------------------------------------- */

static void
print_json(const struct map_plan *plan, const struct map_result *r, const struct map_figures *f,
	const char *op)
{
	const struct config *c = plan->config;
	const struct map_subject *s = r->subject;

	fprintf(objects, "{\"kind\":\"%s\",\"subject\":\"%s\",\"peer\":%s,\"op\":\"%s\",",
		map_kind_name(s->kind), name_of(s), s->peer ? "true" : "false", op);
	fprintf(objects, "\"size\":%u,\"dir\":\"%s\",\"iova\":\"%s\",\"mask\":%u,", plan->size,
		map_dir_name(c->map.dir), iova_mode(), r->mask);
	fprintf(objects, "\"threads\":%u,\"alive\":%u,\"items\":%u,\"buffers\":%u,", c->map.threads,
		r->alive, r->items, plan->area.count);
	fprintf(objects, "\"ns\":%.4f,\"ns_min\":%.4f,\"ns_max\":%.4f,\"mean\":%.4f,", f->ns,
		f->round[0], f->round[c->rounds - 1], f->mean);
	fprintf(objects, "\"deviation\":%.4f,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f,",
		f->scale * histogram_deviation(&f->spread),
		f->scale * histogram_quantile(&f->spread, 0.5),
		f->scale * histogram_quantile(&f->spread, 0.99), f->scale * f->spread.max);
	fprintf(objects, "\"samples\":%" PRIu64 ",\"sample\":\"%s\",\"rounds\":%u,",
		f->spread.count, s->slow ? "call" : "batch", c->rounds);
	fprintf(objects, "\"failed\":%s,\"error\":\"%s\"}\n", r->error != 0 ? "true" : "false",
		r->error != 0 ? error_text(r->error) : "");
}

void
map_report_table(const struct map_plan *plan, const struct map_result results[], unsigned int n)
{
	if (!plan->config->json)
		print_table(plan, results, n);
	for (unsigned int i = 0; i < n; i++) {
		const struct map_result *r = &results[i];

		if (r->error == 0)
			map_summary_add(name_of(r->subject), r->subject->kind, plan->size,
				r->first.ns, r->last.ns);
		else if (plan->config->json && r->error != E2BIG)
			fprintf(stderr, "%s, %s of %u bytes: %s\n", name_of(r->subject),
				map_kind_name(r->subject->kind), plan->size, error_text(r->error));
		if (objects == NULL)
			continue;
		print_json(plan, r, &r->first, r->subject->first_op);
		if (r->subject->last_op != NULL)
			print_json(plan, r, &r->last, r->subject->last_op);
	}
	fflush(stdout);
}

bool
map_report_end(const struct config *c, bool complete)
{
	FILE *f = objects;

	objects = NULL;
	if (!c->json && complete)
		map_summary_print();
	if (f == NULL || f == stdout)
		return true;
	bool written = ferror(f) == 0;
	if (fclose(f) == 0 && written)
		return true;
	fprintf(stderr, "cannot write '%s': %s\n", c->json_file, strerror(errno));
	return false;
}
