/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "config.h"
#include "mapbench_config.h"

static const char *const kinds[MAP_KINDS] = {
	"single", "burst", "sg", "sync", "coherent", "pool", "iova"};
static const char *const rungs[MAP_RUNGS] = {"direct", "window", "strict", "bounce"};
static const char *const dirs[] = {"bidirectional", "to-device", "from-device"};

const struct map_config map_defaults = {
	.kinds = (1u << MAP_KINDS) - 1,
	.rungs = (1u << MAP_RUNGS) - 1,
	.burst = 32,
	.threads = 1,
	.buffers = 4096,
	.area = 64u << 20,
};

const char *
map_kind_name(enum map_kind kind)
{
	return kinds[kind];
}

const char *
map_rung_name(enum map_rung rung)
{
	return rungs[rung];
}

const char *
map_dir_name(uint32_t dir)
{
	return dirs[dir];
}

/* @return its place among the names, or n */
static uint32_t
find(const char *word, const char *const names[], uint32_t n)
{
	uint32_t i = 0;

	while (i < n && strcmp(word, names[i]) != 0)
		i++;
	return i;
}

int
map_set_kinds(struct map_config *c, const char *value)
{
	return parse_bits(&c->kinds, value, kinds, MAP_KINDS);
}

int
map_set_rungs(struct map_config *c, const char *value)
{
	return parse_bits(&c->rungs, value, rungs, MAP_RUNGS);
}

int
map_set_dir(struct map_config *c, const char *value)
{
	const uint32_t n = sizeof(dirs) / sizeof(dirs[0]);
	uint32_t i = find(value, dirs, n);

	if (i == n)
		return -EINVAL;
	c->dir = i;
	return 0;
}
