/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "config.h"

#define MAX_SIZE       (64u << 20)
#define MAX_BENCH_SIZE (16u << 20)
#define MAX_WINDOW     (UINT64_C(1) << 50)
#define MIN_AREA       (1u << 20)
#define MAX_AREA       (UINT64_C(16) << 30)

static const char *const verify_names[] = {"off", "sample", "full"};

const char *
verify_name(enum verify v)
{
	return verify_names[v];
}

static int
set_op(struct config *c, const char *value)
{
	enum op op = op_by_name(value);

	if (op == OP_COUNT)
		return -EINVAL;
	c->op = op;
	return 0;
}

static int
set_size(struct config *c, const char *value)
{
	uint64_t size;
	int ret = parse_size(value, MAX_SIZE, &size);

	if (ret == 0) {
		c->size = size;
		c->size_given = true;
	}
	return ret;
}

static int
set_batch(struct config *c, const char *value)
{
	return parse_u32(value, 1, 1024, &c->batch);
}

static int
set_qdepth(struct config *c, const char *value)
{
	return parse_u32(value, 1, 32768, &c->qdepth);
}

static int
set_verify(struct config *c, const char *value)
{
	for (enum verify v = VERIFY_OFF; v <= VERIFY_FULL; v++) {
		if (strcmp(value, verify_names[v]) == 0) {
			c->verify = v;
			return 0;
		}
	}
	return -EINVAL;
}

static int
set_segments(struct config *c, const char *value)
{
	return parse_u32(value, 1, OP_MAX_SEGMENTS, &c->segments);
}

static int
set_direction(struct config *c, const char *value)
{
	return direction_by_name(value, &c->direction);
}

/* "64k", or "256k+4k": where it begins, and how long it is. */
static int
set_window(struct config *c, const char *value)
{
	const char *plus = strchr(value, '+');
	uint64_t base = 0, size;
	char first[32];

	if (plus != NULL) {
		if ((size_t)(plus - value) >= sizeof(first))
			return -EINVAL;
		snprintf(first, sizeof(first), "%.*s", (int)(plus - value), value);
		if (parse_size(first, MAX_WINDOW, &base) != 0)
			return -EINVAL;
		value = plus + 1;
	}
	if (parse_size(value, MAX_WINDOW, &size) != 0 || size == 0)
		return -EINVAL;
	c->window_base = base;
	c->window_size = size;
	return 0;
}

static int
set_retries(struct config *c, const char *value)
{
	return parse_u32(value, 0, 100, &c->retries);
}

static int
set_vchans(struct config *c, const char *value)
{
	return parse_u32(value, 1, CONFIG_MAX_VCHANS, &c->vchans);
}

static int
set_count(struct config *c, const char *value)
{
	return parse_number(value, 0, UINT64_MAX, &c->count);
}

static int
set_stall(struct config *c, const char *value)
{
	return parse_u32(value, 1, 3600, &c->stall_s);
}

static int
set_period(struct config *c, const char *value)
{
	return parse_u32(value, 0, 86400, &c->period_s);
}

static int
set_list(char *list, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len >= CONFIG_LIST_SIZE || value[0] == ',' || value[len - 1] == ',' ||
		strstr(value, ",,") != NULL)
		return -EINVAL;
	memcpy(list, value, len + 1);
	return 0;
}

static int
set_devices(struct config *c, const char *value)
{
	return set_list(c->devices, value);
}

static int
set_lcores(struct config *c, const char *value)
{
	if (list_has(value, 0) < 0)
		return -EINVAL;
	return set_list(c->lcores, value);
}

/* "64,4k" or "64-1m", the latter doubling. */
static int
set_sizes(struct config *c, const char *value)
{
	uint32_t sizes[CONFIG_MAX_SIZES];
	uint32_t n = 0;
	char word[64];

	while ((value = list_next(value, word, sizeof(word))) != NULL) {
		char *dash = strchr(word, '-');
		uint64_t first, last;

		if (dash != NULL)
			*dash++ = '\0';
		if (parse_size(word, MAX_BENCH_SIZE, &first) != 0 ||
			parse_size(dash != NULL ? dash : word, MAX_BENCH_SIZE, &last) != 0 ||
			first == 0 || last < first)
			return -EINVAL;
		for (; first <= last; first *= 2) {
			if (n == CONFIG_MAX_SIZES)
				return -EINVAL;
			sizes[n++] = first;
		}
	}
	if (n == 0)
		return -EINVAL;
	memcpy(c->sizes, sizes, n * sizeof(sizes[0]));
	c->nb_sizes = n;
	return 0;
}

static int
set_ops(struct config *c, const char *value)
{
	uint32_t ops = 0;
	char word[64];

	while ((value = list_next(value, word, sizeof(word))) != NULL) {
		enum op op = op_by_name(word);

		if (op == OP_COUNT)
			return -EINVAL;
		ops |= 1u << op;
	}
	if (ops == 0)
		return -EINVAL;
	c->ops = ops;
	return 0;
}

static int
set_sets(struct config *c, const char *value)
{
	static const char *const names[] = {"core", "cache", "memory"};

	return parse_bits(&c->sets, value, names, 3);
}

static int
set_parts(struct config *c, const char *value)
{
	static const char *const names[] = {"sweep", "latency"};

	return parse_bits(&c->parts, value, names, 2);
}

static int
set_cpu_threads(struct config *c, const char *value)
{
	uint32_t counts[CONFIG_MAX_CPU_COUNTS];
	uint32_t n = 0;
	char word[64];

	while ((value = list_next(value, word, sizeof(word))) != NULL) {
		if (n == CONFIG_MAX_CPU_COUNTS)
			return -EINVAL;
		if (strcmp(word, "other") == 0)
			counts[n] = CONFIG_CPU_OTHER;
		else if (parse_u32(word, 1, CONFIG_MAX_CPU_THREADS, &counts[n]) != 0)
			return -EINVAL;
		n++;
	}
	if (n == 0)
		return -EINVAL;
	memcpy(c->cpu_threads, counts, n * sizeof(counts[0]));
	c->nb_cpu_threads = n;
	return 0;
}

static int
set_rounds(struct config *c, const char *value)
{
	return parse_u32(value, 1, CONFIG_MAX_ROUNDS, &c->rounds);
}

static int
set_duration(struct config *c, const char *value)
{
	return parse_u32(value, 1, 60000, &c->duration_ms);
}

static int
set_offset(struct config *c, const char *value)
{
	return parse_u32(value, 0, 4095, &c->offset);
}

static int
set_kinds(struct config *c, const char *value)
{
	return map_set_kinds(&c->map, value);
}

static int
set_rungs(struct config *c, const char *value)
{
	return map_set_rungs(&c->map, value);
}

static int
set_dir(struct config *c, const char *value)
{
	return map_set_dir(&c->map, value);
}

static int
set_mask(struct config *c, const char *value)
{
	return parse_u32(value, 12, 64, &c->map.mask);
}

static int
set_burst(struct config *c, const char *value)
{
	return parse_u32(value, 1, 1024, &c->map.burst);
}

static int
set_threads(struct config *c, const char *value)
{
	return parse_u32(value, 1, 128, &c->map.threads);
}

static int
set_buffers(struct config *c, const char *value)
{
	return parse_u32(value, 1, 1u << 20, &c->map.buffers);
}

static int
set_area(struct config *c, const char *value)
{
	uint64_t area;
	int ret = parse_size(value, MAX_AREA, &area);

	if (ret != 0 || area < MIN_AREA)
		return -EINVAL;
	c->map.area = area;
	return 0;
}

const struct setting settings[] = {
	{"op", "OP", "operation", "copy, fill or sg", "copy fill sg ", true, set_op},
	{"size", "SIZE", "bytes of an operation (default 4096)",
		"0 to 64m, with k or m for powers of 1024", NULL, true, set_size},
	{"batch", "N", "operations for each submit (default 32), or mapped at a time (256)",
		"1 to 1024", NULL, true, set_batch},
	{"qdepth", "N", "operations in flight on a vchan (default 256)", "1 to 32768", NULL, true,
		set_qdepth},
	{"verify", "HOW", "check the data: one operation in 61, or all (default sample)",
		"off, sample or full", "off sample full ", true, set_verify},
	{"segments", "N", "length of each list of sg (default 4)", "1 to 16", NULL, true,
		set_segments},
	{"direction", "DIR", "m2m, or with m for memory and d for the device's (default m2m)",
		"m2m, m2d, d2m or d2d", "m2m m2d d2m d2d ", true, set_direction},
	{"window", "[AT+]SIZE", "the device's memory (default: as its devargs say)",
		"bytes, 1 to 1048576g, perhaps with an address and a + before", NULL, true,
		set_window},
	{"retries", "N", "repeat an operation that failed so often (default 0)", "0 to 100", NULL,
		true, set_retries},
	{"vchans", "N", "vchans that an lcore drives of a device, or a file goes through (1)",
		"1 to 64", NULL, true, set_vchans},
	{"count", "N", "operations on each vchan (default 0: until stop)", "a number", NULL, true,
		set_count},
	{"stall", "SECONDS", "give up after so long without a completion (default 5)", "1 to 3600",
		NULL, true, set_stall},
	{"devices", "LIST", "devices by name (default all)",
		"device names with commas between them, or all", "all ", true, set_devices},
	{"lcores", "LIST", "lcores that transfer (default all)",
		"lcore ids and ranges as in 0,2-3, or all", "all ", true, set_lcores},
	{"stats-period", "SECONDS", "print statistics of a transfer so often (default 0: never)",
		"0 to 86400", NULL, true, set_period},
	{"sizes", "LIST", "bench: sizes (64,256,1k,4k,16k,64k,256k,1m; mapbench: 64,1k,4k)",
		"sizes of 1 to 16m as in 64,4k or, doubling, 64-1m; 32 of them at most", NULL,
		false, set_sizes},
	{"ops", "LIST", "bench: operations (default copy,fill,sg)",
		"copy, fill, sg, with commas between them", NULL, false, set_ops},
	{"sets", "LIST", "bench: working sets (default all)",
		"core, cache, memory, with commas between them", NULL, false, set_sets},
	{"parts", "LIST", "bench: rates, or one operation at a time (default sweep)",
		"sweep, latency, with commas between them", NULL, false, set_parts},
	{"cpu-threads", "LIST", "bench: threads that memcpy, for each number (default 1)",
		"numbers of 1 to 64, or other, with commas between them, 4 of them at most", NULL,
		false, set_cpu_threads},
	{"offset", "BYTES", "bench: from a source to its destination, modulo pages (0: any)",
		"0 to 4095", NULL, false, set_offset},
	{"rounds", "N", "bench: rounds, of which the median counts (5; mapbench: 9)", "1 to 101",
		NULL, false, set_rounds},
	{"duration-ms", "N", "bench: length of a measurement (30; mapbench: 5)", "1 to 60000", NULL,
		false, set_duration},
	{"kinds", "LIST", "mapbench: what to measure (default all)",
		"single, burst, sg, sync, coherent, pool, iova, with commas between them", NULL,
		false, set_kinds},
	{"rungs", "LIST", "mapbench: ways to map, each forced (default all)",
		"direct, window, strict, bounce, with commas between them", NULL, false, set_rungs},
	{"dir", "DIR", "mapbench: direction (default bidirectional)",
		"bidirectional, to-device or from-device", NULL, false, set_dir},
	{"mask", "BITS", "mapbench: the devices' address bits (direct: 64; others: 32)", "12 to 64",
		NULL, false, set_mask},
	{"burst", "N", "mapbench: buffers a call of burst (default 32)", "1 to 1024", NULL, false,
		set_burst},
	{"threads", "N", "mapbench: lcores that measure at a time (default 1)", "1 to 128", NULL,
		false, set_threads},
	{"buffers", "N", "mapbench: different buffers (default 4096)", "1 to 1048576", NULL, false,
		set_buffers},
	{"area", "SIZE", "mapbench: memory over which they are spread (default 64m)",
		"1m to 16384m", NULL, false, set_area},
	{.name = NULL},
};

const struct setting *
setting_find(const char *name)
{
	for (const struct setting *s = settings; s->name != NULL; s++) {
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

int
setting_apply(struct config *c, const struct setting *s, const char *value)
{
	int ret = s->set(c, value);

	if (ret != 0)
		fprintf(stderr, "bad %s '%s': must be %s\n", s->name, value, s->valid);
	else
		c->given |= UINT64_C(1) << (s - settings);
	return ret;
}

bool
setting_given(const struct config *c, const char *name)
{
	return (c->given >> (setting_find(name) - settings) & 1) != 0;
}

void
config_defaults(struct config *c)
{
	*c = (struct config){
		.op = OP_COPY,
		.size = 4096,
		.batch = 32,
		.qdepth = 256,
		.verify = VERIFY_SAMPLE,
		.segments = 4,
		.vchans = 1,
		.stall_s = 5,
		.devices = "all",
		.lcores = "all",
		.ops = (1u << OP_COUNT) - 1,
		.sets = SET_CORE | SET_CACHE | SET_MEMORY,
		.parts = PART_SWEEP,
		.cpu_threads = {1},
		.nb_cpu_threads = 1,
		.sizes = {64, 256, 1024, 4096, 16384, 65536, 262144, 1048576},
		.nb_sizes = 8,
		.rounds = 5,
		.duration_ms = 30,
		.map = map_defaults,
	};
}

void
config_for_mapbench(struct config *c)
{
	static const uint32_t sizes[] = {64, 1024, 4096};

	if (!setting_given(c, "sizes")) {
		memcpy(c->sizes, sizes, sizeof(sizes));
		c->nb_sizes = sizeof(sizes) / sizeof(sizes[0]);
	}
	if (!setting_given(c, "rounds"))
		c->rounds = 9;
	if (!setting_given(c, "duration-ms"))
		c->duration_ms = 5;
	if (!setting_given(c, "batch"))
		c->batch = 256;
}
