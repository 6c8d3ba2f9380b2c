/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "arguments.h"
#include "options.h"
#include "setting.h"

#define MAX_COUNT (1u << 20)

/*
 * Call take() for each word of a list with commas in between.
 * @return 0; -EINVAL if a word is empty, or the first error of take()
 */
static int
each_word(struct config *c, const char *list, int (*take)(struct config *c, char *word))
{
	for (;;) {
		char word[32];
		size_t len = strcspn(list, ",");
		int ret;

		if (len == 0 || len >= sizeof(word))
			return -EINVAL;
		memcpy(word, list, len);
		word[len] = '\0';
		ret = take(c, word);
		if (ret != 0)
			return ret;
		if (list[len] == '\0')
			return 0;
		list += len + 1;
	}
}

/* A number that is there already is not taken again. @return 0, or -EINVAL if there is no room */
static int
append(uint32_t *list, uint32_t *n, uint32_t value)
{
	for (uint32_t i = 0; i < *n; i++) {
		if (list[i] == value)
			return 0;
	}
	if (*n == CONFIG_MAX_LIST)
		return -EINVAL;
	list[(*n)++] = value;
	return 0;
}

/* ---- the settings ------------------------------------------------------------------------ */

static int
take_ring(struct config *c, char *word)
{
	int i = kind_by_name(word);

	if (i < 0)
		return -EINVAL;
	if (kinds[i]->missing != NULL) {
		fprintf(stderr, "%s cannot be measured: %s\n", word, kinds[i]->missing);
		return -ENOTSUP;
	}
	c->rings |= 1u << i;
	return 0;
}

static void
all_rings(struct config *c)
{
	for (int i = 0; kinds[i] != NULL; i++)
		c->rings |= kinds[i]->missing == NULL ? 1u << i : 0;
}

static int
set_rings(struct config *c, const char *value)
{
	c->rings = 0;
	if (strcmp(value, "all") == 0) {
		all_rings(c);
		return 0;
	}
	return each_word(c, value, take_ring);
}

static int
take_elem(struct config *c, char *word)
{
	uint32_t n;

	if (parse_u32(word, 1, KIND_ESIZE_MAX, &n) != 0 || kind_esize_index(n) < 0)
		return -EINVAL;
	return append(c->elems, &c->nb_elems, n);
}

static int
set_elem(struct config *c, const char *value)
{
	c->nb_elems = 0;
	return each_word(c, value, take_elem);
}

static int
take_bulk(struct config *c, char *word)
{
	uint32_t n;

	if (parse_u32(word, 1, KIND_BULK_MAX, &n) != 0)
		return -EINVAL;
	return append(c->bulks, &c->nb_bulks, n);
}

static int
set_bulk(struct config *c, const char *value)
{
	c->nb_bulks = 0;
	return each_word(c, value, take_bulk);
}

static int
take_shape(struct config *c, char *word)
{
	char *x = strchr(word, 'x');
	uint32_t producers, consumers;

	if (x == NULL || c->nb_shapes == CONFIG_MAX_LIST)
		return -EINVAL;
	*x = '\0';
	if (parse_u32(word, 1, SIDE_MAX, &producers) != 0 ||
		parse_u32(x + 1, 1, SIDE_MAX, &consumers) != 0)
		return -EINVAL;
	c->shapes[c->nb_shapes].producers = (uint16_t)producers;
	c->shapes[c->nb_shapes++].consumers = (uint16_t)consumers;
	return 0;
}

static int
set_shape(struct config *c, const char *value)
{
	c->nb_shapes = 0;
	c->shapes_given = true;
	return each_word(c, value, take_shape);
}

/* May the process run there? */
static bool
cpu_usable(uint32_t cpu)
{
	cpu_set_t set;

	return cpu < CPU_SETSIZE && sched_getaffinity(0, sizeof(set), &set) == 0 &&
		CPU_ISSET(cpu, &set);
}

/* "3" or "2-5"; a CPU may come more than once, and then counts as often. */
static int
take_cpus(struct config *c, char *word)
{
	char *dash = strchr(word, '-');
	uint32_t first, last;

	if (dash != NULL)
		*dash++ = '\0';
	if (parse_u32(word, 0, CONFIG_MAX_CPUS - 1, &first) != 0 ||
		parse_u32(dash != NULL ? dash : word, first, CONFIG_MAX_CPUS - 1, &last) != 0)
		return -EINVAL;
	for (uint32_t cpu = first; cpu <= last; cpu++) {
		if (!cpu_usable(cpu)) {
			fprintf(stderr, "CPU %u is none that this process may use\n", cpu);
			return -EINVAL;
		}
		if (c->nb_cpus == CONFIG_MAX_CPUS)
			return -EINVAL;
		c->cpus[c->nb_cpus++] = (uint16_t)cpu;
	}
	return 0;
}

static int
set_lcores(struct config *c, const char *value)
{
	c->nb_cpus = 0;
	return each_word(c, value, take_cpus);
}

static int
set_count(struct config *c, const char *value)
{
	uint32_t n;

	if (parse_u32(value, 2, MAX_COUNT, &n) != 0 || !rte_is_power_of_2(n))
		return -EINVAL;
	c->count = n;
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
set_latency(struct config *c, const char *value)
{
	return parse_u32(value, 0, 60000, &c->latency_ms);
}

static int
set_calls(struct config *c, const char *value)
{
	c->burst = strcmp(value, "burst") == 0;
	return c->burst || strcmp(value, "bulk") == 0 ? 0 : -EINVAL;
}

static int
set_idle(struct config *c, const char *value)
{
	static const char *const names[] = {"auto", "spin", "yield"};

	for (size_t i = 0; i < RTE_DIM(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			c->idle = (enum idle_policy)i;
			return 0;
		}
	}
	return -EINVAL;
}

const struct setting settings[] = {
	{"rings", "LIST", "which rings (default all)",
		"all, or names with commas between them: dad, dad-zc, dad-spsc, rte-mpmc, rte-rts, "
		"rte-hts, "
		"rte-spsc, soring, mutex",
		set_rings},
	{"elem", "LIST", "bytes of an element (default 8,16,32,64)",
		"8, 16, 32, 64, with commas between them", set_elem},
	{"bulk", "LIST", "elements in a call (default 1,8,32,64,256)",
		"numbers of 1 to 1024 with commas between them, 32 of them at most", set_bulk},
	{"shape", "LIST",
		"producers x consumers (default: those of 1x1,2x2,4x4,8x8 that there are CPUs for)",
		"two numbers of 1 to 64 with an x between them, as in 1x1,4x4", set_shape},
	{"lcores", "LIST", "CPUs to run on, in this order (default: all the process may use)",
		"ids and ranges of CPUs that the process may use, as in 0,2-3", set_lcores},
	{"duration", "MS", "length of a measurement (default 100)", "1 to 60000", set_duration},
	{"rounds", "N", "measurements of a ring in a cell, of which the median counts (default 5)",
		"1 to 101", set_rounds},
	{"latency", "MS", "length of the latency measurement of a cell (default 20, 0: none)",
		"0 to 60000", set_latency},
	{"count", "SLOTS", "size of the rings (default 1024)", "a power of two from 2 to 1048576",
		set_count},
	{"calls", "HOW", "all or nothing, or as much as there is (default bulk)", "bulk or burst",
		set_calls},
	{"idle", "HOW",
		"when a ring is full or empty: spin, or yield the CPU after a while\n"
		"                           (default auto: yield where threads share a CPU)",
		"auto, spin or yield", set_idle},
	{.name = NULL},
};

int
setting_apply(struct config *c, const struct setting *s, const char *value)
{
	int ret = s->set(c, value);

	if (ret == -EINVAL)
		fprintf(stderr, "bad %s '%s': must be %s\n", s->name, value, s->valid);
	return ret;
}

void
config_defaults(struct config *c)
{
	*c = (struct config){
		.elems = {8, 16, 32, 64},
		.nb_elems = KIND_ESIZES,
		.bulks = {1, 8, 32, 64, 256},
		.nb_bulks = 5,
		.shapes = {{1, 1}, {2, 2}, {4, 4}, {8, 8}},
		.nb_shapes = 4,
		.count = 1024,
		.rounds = 5,
		.duration_ms = 100,
		.latency_ms = 20,
	};
	all_rings(c);
	for (uint32_t cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		if (cpu_usable(cpu))
			c->cpus[c->nb_cpus++] = (uint16_t)cpu;
	}
}
