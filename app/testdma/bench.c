/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_lcore.h>

#include "bench.h"
#include "measure.h"
#include "walk.h"

/* What a core's own caches hold, more or less; a few buffers of the largest sizes. */
#define CORE_SET	 (256u << 10)
#define CORE_SET_BUFFERS 8u
/* Who has one operation in flight uses few buffers, which stay in the first level. */
#define LATENCY_SET	 (16u << 10)
#define DEFAULT_LLC	 (32u << 20)
#define MAX_MEMORY_SET	 (256u << 20)

struct bench {
	struct devices *devices;
	const struct config *config;
	uint64_t llc;
	struct walk walk;
	struct bench_cell cell;
};

/* Size of the largest cache that this CPU sees. */
static uint64_t
llc_bytes(void)
{
	uint64_t largest = 0;

	for (unsigned int index = 0; index < 10; index++) {
		char path[96], text[32];
		uint64_t size;
		FILE *f;

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cache/index%u/size",
			RTE_MAX(rte_lcore_to_cpu_id(-1), 0), index);
		f = fopen(path, "re");
		if (f == NULL)
			break;
		if (fgets(text, sizeof(text), f) != NULL) {
			text[strcspn(text, "\n")] = '\0';
			if (parse_size(text, UINT64_MAX, &size) == 0)
				largest = RTE_MAX(largest, size);
		}
		fclose(f);
	}
	return largest != 0 ? largest : DEFAULT_LLC;
}

static uint64_t
set_bytes(unsigned int set, uint32_t size, uint64_t llc, bool latency)
{
	const uint64_t least = latency ? LATENCY_SET : CORE_SET;
	const uint64_t core = RTE_MAX(least, (uint64_t)CORE_SET_BUFFERS * size);

	if (set == SET_CORE)
		return core;
	/* others use the last level as well */
	if (set == SET_CACHE)
		return RTE_MAX(llc / 4, core);
	/* so that the destinations alone, which is all that a fill visits, are twice the cache */
	return RTE_MIN(4 * llc, (uint64_t)MAX_MEMORY_SET);
}

/* Halve the set until there is memory for it. */
static int
create_walk(struct walk *w, uint64_t bytes, uint32_t size, uint32_t offset)
{
	int ret;

	while ((ret = walk_create(w, bytes, size, offset, rte_socket_id())) == -ENOMEM &&
		bytes > 2 * size)
		bytes /= 2;
	if (ret != 0)
		fprintf(stderr, "no memory for buffers of %u bytes: %s\n", size, strerror(-ret));
	return ret;
}

static struct bench_result *
add_backend(struct bench_cell *cell, struct device *dev)
{
	struct bench_result *r = &cell->result[cell->nb_results++];

	r->dev = dev;
	return r;
}

static int
add_devices(struct bench *b)
{
	const struct config *c = b->config;
	struct device *dev[DEVICE_MAX];
	int n = devices_select(b->devices, c->devices, dev);

	if (n < 0)
		return 2;
	for (int i = 0; i < n; i++) {
		struct bench_result *r = add_backend(&b->cell, dev[i]);

		snprintf(r->name, sizeof(r->name), "%s", dev[i]->name);
		if (device_configure(dev[i], 1, c->qdepth) != 0)
			return 1;
	}
	return 0;
}

static int
add_cpus(struct bench *b)
{
	const struct config *c = b->config;

	for (uint32_t i = 0; i < c->nb_cpu_threads; i++) {
		struct bench_result *r = add_backend(&b->cell, NULL);
		char value[16];

		r->cpu_other = c->cpu_threads[i] == CONFIG_CPU_OTHER;
		r->cpu_threads = r->cpu_other ? 1 : c->cpu_threads[i];
		snprintf(value, sizeof(value), r->cpu_other ? "other" : "%u", r->cpu_threads);
		/* the lcore has one, too */
		if (r->cpu_threads + r->cpu_other > measure_cpus()) {
			fprintf(stderr,
				"bad cpu-threads '%s': the process may use %u CPUs, and each "
				"thread needs one\n",
				value, measure_cpus());
			return 2;
		}
		if (r->cpu_other)
			snprintf(r->name, sizeof(r->name), "cpu-other");
		else
			snprintf(
				r->name, sizeof(r->name), "cpu%s", r->cpu_threads > 1 ? value : "");
	}
	return 0;
}

static int
prepare(struct bench *b)
{
	const struct config *c = b->config;
	int ret;

	if (c->batch > c->qdepth) {
		fprintf(stderr, "bad batch '%u': must be at most qdepth, %u\n", c->batch,
			c->qdepth);
		return 2;
	}
	ret = add_devices(b);
	return ret != 0 ? ret : add_cpus(b);
}

/* All sizes with one operation in one working set. @return exit code, or -EINTR */
static int
run_table(struct bench *b, unsigned int set)
{
	const struct config *c = b->config;
	struct bench_cell *cell = &b->cell;
	int worst = 0;

	bench_report_table(c, cell);
	for (uint32_t i = 0; i < c->nb_sizes; i++) {
		int ret;

		cell->size = c->sizes[i];
		cell->set.bytes = set_bytes(set, cell->size, b->llc, cell->latency);
		if (create_walk(&b->walk, cell->set.bytes, cell->size, c->offset) != 0)
			return 1;
		ret = bench_cell_run(cell, &b->walk, c);
		walk_free(&b->walk);
		if (ret < 0)
			return ret;
		worst = RTE_MAX(worst, ret);
		bench_report_cell(c, cell);
		bench_objects_cell(c, cell);
		bench_summary_add(c, cell);
	}
	return worst;
}

/* All tables of rates, or all of latencies. @return exit code, or -EINTR */
static int
run_part(struct bench *b)
{
	static const struct {
		unsigned int bit;
		const char *name, *where;
	} sets[] = {
		{SET_CORE, "core", "in the caches of one core"},
		{SET_CACHE, "cache", "in the last-level cache, of which it is a quarter"},
		{SET_MEMORY, "memory", "larger than all caches"},
	};
	const struct config *c = b->config;
	int worst = 0;

	for (size_t s = 0; s < RTE_DIM(sets); s++) {
		for (enum op op = 0; op < OP_COUNT; op++) {
			int ret;

			if ((c->sets & sets[s].bit) == 0 || (c->ops & 1u << op) == 0)
				continue;
			b->cell.op = op;
			b->cell.set.name = sets[s].name;
			b->cell.set.where = sets[s].where;
			ret = run_table(b, sets[s].bit);
			if (ret < 0)
				return ret;
			worst = RTE_MAX(worst, ret);
		}
	}
	return worst;
}

static int
run_parts(struct bench *b)
{
	int worst = 0;

	for (unsigned int part = PART_SWEEP; part <= PART_LATENCY; part <<= 1) {
		int ret;

		if ((b->config->parts & part) == 0)
			continue;
		b->cell.latency = part == PART_LATENCY;
		ret = run_part(b);
		if (ret < 0) {
			fprintf(stderr, "interrupted: the sweep is not complete\n");
			return 1;
		}
		worst = RTE_MAX(worst, ret);
	}
	bench_summary_print();
	return worst;
}

int
bench_run(struct devices *devices, const struct config *c)
{
	struct bench *b = calloc(1, sizeof(*b));
	int worst = 1;

	if (b == NULL)
		return 1;
	b->devices = devices;
	b->config = c;
	b->llc = llc_bytes();
	bench_summary_clear();
	worst = prepare(b);
	if (worst == 0) {
		bench_report_begin(c, &b->cell, b->llc);
		worst = bench_objects_begin(c) ? run_parts(b) : 1;
		if (!bench_objects_end(c))
			worst = RTE_MAX(worst, 1);
	}
	free(b);
	return worst;
}
