/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_memory.h>

#include "arena.h"
#include "bounce.h"
#include "dad_dma_pool.h"
#include "placement.h"
#include "telemetry.h"

/* What /dad/dma/... answers about memory: slots, arenas, pools of objects, mappings. EAL cuts an
 * answer off at 16 KiB, hence no more than this many lines of its longest strings. */
#define LINES 96u

/* ---- slots ----------------------------------------------------------------------------------- */

/* Under the domain's lock. dev: whose own pool it is, or NULL. False if there is none. */
static bool
add_slots(
	const struct dad_dma_domain *domain, const struct dad_dma_dev *dev, struct rte_tel_data *d)
{
	struct dad_dma_bounce_stats s;

	if (dad_dma_bounce_stats(domain, dev, &s) != 0)
		return false;
	rte_tel_data_add_dict_uint(d, "slots", s.slots);
	rte_tel_data_add_dict_int(d, "slot_bytes", SLOT_SIZE);
	rte_tel_data_add_dict_uint(d, "used", s.used);
	rte_tel_data_add_dict_uint(d, "cached", s.cached);
	rte_tel_data_add_dict_uint(d, "high", s.high);
	rte_tel_data_add_dict_uint(d, "full", s.full);
	telemetry_add_address(d, "lowest", s.lowest);
	telemetry_add_address(d, "highest", s.highest);
	return true;
}

static void
describe_bounce(struct dad_dma_domain *domain, struct rte_tel_data *d)
{
	rte_tel_data_start_dict(d);
	pthread_mutex_lock(&domain->lock);
	add_slots(domain, NULL, d);
	pthread_mutex_unlock(&domain->lock);
}

int
telemetry_bounce(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return telemetry_about_domain(params, d, describe_bounce);
}

/* The one that it uses. */
static void
describe_device_bounce(const struct dma_dev *dev, struct rte_tel_data *d)
{
	bool own = dev->own_bounce != NULL;

	rte_tel_data_start_dict(d);
	if (add_slots(dev->domain, own ? &dev->pub : NULL, d))
		rte_tel_data_add_dict_int(d, "own", own);
}

int
telemetry_device_bounce(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return telemetry_about_device(params, d, describe_device_bounce);
}

/* ---- arenas ---------------------------------------------------------------------------------- */

static void
add_arena(struct rte_tel_data *d, const struct arena_info *a)
{
	char text[RTE_TEL_MAX_STRING_LEN], where[64] = "no direct address";
	int node = placement_node((void *)(uintptr_t)a->va); /* only asks: it may be gone */

	if (a->iova != DAD_DMA_ABSENT)
		snprintf(where, sizeof(where), "%#" PRIx64 ", mask %#" PRIx64, a->iova,
			UINT64_MAX >> __builtin_clzll((a->iova + a->bytes - 1) | 1));
	snprintf(text, sizeof(text),
		"%" PRIu64 " for %#" PRIx64 " at %s; node %d, asked for %d; free %" PRIu64,
		a->bytes, a->va, where, RTE_MAX(node, SOCKET_ID_ANY), a->socket_id, a->free_bytes);
	rte_tel_data_add_array_string(d, text);
}

static void
describe_arenas(struct dad_dma_domain *domain, struct rte_tel_data *d)
{
	struct arena_info arena[LINES];
	unsigned int n = arenas_list(domain->arenas, arena, LINES);

	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (unsigned int i = 0; i < n; i++)
		add_arena(d, &arena[i]);
}

int
telemetry_arenas(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return telemetry_about_domain(params, d, describe_arenas);
}

/* ---- pools of objects ------------------------------------------------------------------------ */

static void
name_pool(struct dad_dma_pool *pool, const struct pool_identity *id, void *arg)
{
	(void)pool;
	rte_tel_data_add_array_string(arg, id->name);
}

int
telemetry_pools(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	(void)params;
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	pool_walk(name_pool, d);
	return 0;
}

struct pool_question {
	const char *name;
	struct rte_tel_data *d;
	bool found;
};

static void
ask_pool(struct dad_dma_pool *pool, const struct pool_identity *id, void *arg)
{
	struct pool_question *q = arg;
	struct dad_dma_pool_stats s;

	if (q->found || strcmp(id->name, q->name) != 0)
		return;
	q->found = true;
	dad_dma_pool_stats(pool, &s);
	rte_tel_data_start_dict(q->d);
	rte_tel_data_add_dict_string(q->d, "device", id->dev->name);
	rte_tel_data_add_dict_uint(q->d, "size", id->size);
	rte_tel_data_add_dict_uint(q->d, "stride", s.size);
	rte_tel_data_add_dict_uint(q->d, "boundary", id->boundary);
	rte_tel_data_add_dict_uint(q->d, "objects", s.objects);
	rte_tel_data_add_dict_uint(q->d, "used", s.used);
	rte_tel_data_add_dict_uint(q->d, "cached", s.cached);
	rte_tel_data_add_dict_uint(q->d, "slabs", s.slabs);
	rte_tel_data_add_dict_uint(q->d, "slab_bytes", s.slab_size);
	rte_tel_data_add_dict_uint(q->d, "empty", s.empty);
	rte_tel_data_add_dict_uint(q->d, "bad_frees", s.bad_frees);
}

int
telemetry_pool(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct pool_question q = {.name = params, .d = d};

	(void)cmd;
	if (params == NULL || params[0] == '\0')
		return -EINVAL;
	pool_walk(ask_pool, &q);
	return q.found ? 0 : -ENOENT;
}

/* ---- the largest mappings -------------------------------------------------------------------- */

#define TOP 16u

struct mapping {
	uint64_t iova;
	uint64_t va;
	uint64_t len;
	unsigned int kind;
};

static void
keep(struct mapping top[TOP], const struct mapping *m)
{
	unsigned int at = TOP;

	while (at > 0 && top[at - 1].len < m->len)
		at--;
	if (at == TOP)
		return;
	memmove(&top[at + 1], &top[at], (TOP - 1 - at) * sizeof(*top));
	top[at] = *m;
}

/* What is mapped and not direct, as runs of pages that belong together. */
static void
describe_mappings(struct dad_dma_domain *domain, struct rte_tel_data *d)
{
	static const char *const kinds[] = {
		"direct", "region", "window", "strict", "coherent", "bounce"};
	struct mapping top[TOP] = {{0}}, run = {0};
	uint64_t size;

	for (uint64_t iova = 0; (iova >> DAD_DMA_KEY_BITS) == 0; iova += size) {
		uint64_t word = table_word(domain->reverse, iova, &size);
		unsigned int kind = word & KIND_MASK;
		uint64_t va = word & ~DAD_DMA_WORD_FLAGS;

		if (word != 0 && run.len > 0 && run.kind == kind && run.iova + run.len == iova &&
			run.va + run.len == va) {
			run.len += size;
			continue;
		}
		if (run.len > 0)
			keep(top, &run);
		run = (struct mapping){.iova = iova,
			.va = va,
			.len = word != 0 && kind != KIND_DIRECT ? size : 0,
			.kind = kind};
	}
	if (run.len > 0)
		keep(top, &run);
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (unsigned int i = 0; i < TOP && top[i].len > 0; i++) {
		char text[RTE_TEL_MAX_STRING_LEN];

		snprintf(text, sizeof(text), "%s: %" PRIu64 " at %#" PRIx64 " for %#" PRIx64,
			kinds[top[i].kind >> 2], top[i].len, top[i].iova, top[i].va);
		rte_tel_data_add_array_string(d, text);
	}
}

int
telemetry_mappings(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return telemetry_about_domain(params, d, describe_mappings);
}
