/* SPDX-License-Identifier: BSD-3-Clause */
/* /dad/ring/list, /dad/ring/info,<name>, /dad/ring/stats,<name> */

#include <errno.h>

#include <rte_common.h>
#include <rte_telemetry.h>

#include "dad_ring.h"
#include "ring_isa.h"
#include "ring_telemetry.h"

static void
add_name(struct dad_ring *r, void *arg)
{
	rte_tel_data_add_array_string(arg, dad_ring_name(r));
}

static int
list(const char *cmd, const char *params, struct rte_tel_data *d)
{
	RTE_SET_USED(cmd);
	RTE_SET_USED(params);
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	dad_ring_walk(add_name, d);
	return 0;
}

static int
info(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct dad_ring *r = dad_ring_lookup(params);

	RTE_SET_USED(cmd);
	if (r == NULL)
		return -EINVAL;
	const unsigned int flags = dad_ring_flags(r);

	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", dad_ring_name(r));
	rte_tel_data_add_dict_uint(d, "element_bytes", dad_ring_esize(r));
	rte_tel_data_add_dict_uint(d, "capacity", dad_ring_capacity(r));
	rte_tel_data_add_dict_uint(d, "count", dad_ring_count(r));
	rte_tel_data_add_dict_uint(d, "free", dad_ring_free_count(r));
	rte_tel_data_add_dict_string(d, "producers", flags & DAD_RING_SP ? "single" : "many");
	rte_tel_data_add_dict_string(d, "consumers", flags & DAD_RING_SC ? "single" : "many");
	rte_tel_data_add_dict_int(d, "exact", (flags & DAD_RING_EXACT) != 0);
	rte_tel_data_add_dict_int(d, "owners", (flags & DAD_RING_OWNERS) != 0);
	rte_tel_data_add_dict_int(d, "stats", (flags & DAD_RING_STATS) != 0);
	rte_tel_data_add_dict_string(d, "instructions", ring_isa->name);
	return 0;
}

static void
add_side(struct rte_tel_data *d, const char *name, const struct dad_ring_side_stats *side)
{
	struct rte_tel_data *c = rte_tel_data_alloc();

	if (c == NULL)
		return;
	rte_tel_data_start_dict(c);
	rte_tel_data_add_dict_uint(c, "calls", side->calls);
	rte_tel_data_add_dict_uint(c, "elements", side->elements);
	rte_tel_data_add_dict_uint(c, "refused", side->refused);
	rte_tel_data_add_dict_uint(c, "retries", side->retries);
	rte_tel_data_add_dict_container(d, name, c, 0);
}

static int
stats(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct dad_ring *r = dad_ring_lookup(params);
	struct dad_ring_stats s;

	RTE_SET_USED(cmd);
	if (r == NULL)
		return -EINVAL;
	int ret = dad_ring_stats_get(r, &s);

	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", dad_ring_name(r));
	rte_tel_data_add_dict_uint(d, "count", dad_ring_count(r));
	rte_tel_data_add_dict_uint(d, "filling", s.filling);
	rte_tel_data_add_dict_uint(d, "emptying", s.emptying);
	if (ret < 0) /* a ring that does not count */
		return 0;
	add_side(d, "enqueue", &s.enqueue);
	add_side(d, "dequeue", &s.dequeue);
	rte_tel_data_add_dict_uint(d, "high_water", s.high_water);
	rte_tel_data_add_dict_uint(d, "hole_ns", s.hole_ns);
	rte_tel_data_add_dict_uint(d, "slow_read_ns", s.slow_read_ns);
	return 0;
}

void
ring_telemetry_register(void)
{
	rte_telemetry_register_cmd("/dad/ring/list", list, "Names of the rings. No parameters");
	rte_telemetry_register_cmd("/dad/ring/info", info, "Geometry of a ring. Parameters: name");
	rte_telemetry_register_cmd(
		"/dad/ring/stats", stats, "Counters of a ring. Parameters: name");
}
