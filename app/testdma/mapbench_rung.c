/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "dad_dma_domain.h"
#include "mapbench.h"

#define WIDE   64u
#define NARROW 32u

/* What each rung is for, unless the user wants another. */
static uint32_t
mask_of(const struct map_plan *plan, enum map_rung rung)
{
	if (plan->config->map.mask != 0)
		return plan->config->map.mask;
	return rung == MAP_DIRECT ? WIDE : NARROW;
}

static unsigned int
bit_of(enum map_rung rung)
{
	static const enum dad_dma_rung rungs[MAP_RUNGS] = {
		[MAP_DIRECT] = DAD_DMA_RUNG_DIRECT,
		[MAP_WINDOW] = DAD_DMA_RUNG_WINDOW,
		[MAP_STRICT] = DAD_DMA_RUNG_STRICT,
		[MAP_BOUNCE] = DAD_DMA_RUNG_BOUNCE,
	};

	return DAD_DMA_RUNG_BIT(rungs[rung]);
}

/* Direct and bounce are what a device without IOMMU has; the others need addresses to hand out. */
static struct dad_dma_domain *
domain_of(enum map_rung rung)
{
	const struct dad_dma_domain_conf conf = {
		.name = map_rung_name(rung),
		.type = DAD_DMA_DOMAIN_SOFT,
		.rungs = bit_of(rung),
		.socket_id = SOCKET_ID_ANY,
	};

	if (rung == MAP_DIRECT || rung == MAP_BOUNCE)
		return dad_dma_domain_identity();
	return dad_dma_domain_create(&conf);
}

/* Room for all that is alive, twice. */
static int
give_slots(const struct map_plan *plan, struct map_rung_state *s)
{
	uint64_t each = RTE_ALIGN_CEIL((uint64_t)plan->size, UINT64_C(2048)) + 2048;
	const struct dad_dma_bounce_conf conf = {
		.size = RTE_MAX(
			2 * each * plan->alive * plan->config->map.threads, UINT64_C(8) << 20),
		.limit = DAD_DMA_BIT_MASK(s->mask),
		.dev = s->dev,
	};

	return dad_dma_bounce_create(s->domain, &conf);
}

static int
open_rung(struct map_plan *plan, enum map_rung rung, uint32_t mask)
{
	struct map_rung_state *s = &plan->rung[rung];
	int ret;

	s->mask = mask;
	s->domain = domain_of(rung);
	if (s->domain == NULL)
		return -rte_errno;
	s->dev = dad_dma_dev_create(map_rung_name(rung), s->domain, SOCKET_ID_ANY);
	if (s->dev == NULL)
		return -rte_errno;
	if (rung == MAP_BOUNCE) {
		ret = give_slots(plan, s);
		if (ret != 0)
			return ret;
	}
	ret = dad_dma_set_mask_and_coherent(s->dev, DAD_DMA_BIT_MASK(s->mask));
	return ret != 0 ? ret : dad_dma_dev_set_rungs(s->dev, bit_of(rung));
}

static void
close_rung(struct map_rung_state *s)
{
	dad_dma_dev_destroy(s->dev);
	dad_dma_domain_put(s->domain);
	s->dev = NULL;
	s->domain = NULL;
}

/* A device that is not measured is none: a pool of slots is nothing to the other devices, or
 * should be. */
static bool
is_needed(const struct map_config *c, enum map_rung rung)
{
	const uint32_t maps = 1u << MAP_SINGLE | 1u << MAP_BURST | 1u << MAP_SG | 1u << MAP_SYNC;
	const uint32_t memory = 1u << MAP_COHERENT | 1u << MAP_POOL;

	return ((c->kinds & maps) != 0 && (c->rungs & 1u << rung) != 0) ||
		((c->kinds & memory) != 0 && rung == MAP_DIRECT) ||
		((c->kinds & 1u << MAP_IOVA) != 0 && rung == MAP_STRICT);
}

void
map_rungs_open(struct map_plan *plan)
{
	for (enum map_rung rung = 0; rung < MAP_RUNGS; rung++) {
		if (!is_needed(&plan->config->map, rung))
			continue;
		struct map_rung_state *s = &plan->rung[rung];
		uint32_t mask = mask_of(plan, rung);
		int ret = open_rung(plan, rung, mask);

		/* a machine may have no hugepage that low; slots cost the same elsewhere */
		if (ret == -ERANGE && rung == MAP_BOUNCE && plan->config->map.mask == 0) {
			close_rung(s);
			ret = open_rung(plan, rung, WIDE);
		}
		s->error = -ret;
		if (ret != 0)
			close_rung(s);
	}
}

void
map_rungs_close(struct map_plan *plan)
{
	for (enum map_rung rung = 0; rung < MAP_RUNGS; rung++)
		close_rung(&plan->rung[rung]);
}

bool
map_rung_proven(const struct map_plan *plan, enum map_rung rung, const struct map_worker *w)
{
	const struct dad_dma_dev *dev = plan->rung[rung].dev;
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(dev, &stats);
	for (uint32_t i = 0; i < w->alive; i++) {
		bool bounced = dad_dma_is_bounced(dev, w->addr[i]);

		if (w->addr[i] + (plan->size - 1) > DAD_DMA_BIT_MASK(plan->rung[rung].mask) ||
			bounced != (rung == MAP_BOUNCE))
			return false;
		if (rung == MAP_DIRECT && w->addr[i] != rte_mem_virt2iova(w->va[i]))
			return false;
	}
	return (stats.window > 0) == (rung == MAP_WINDOW) &&
		(stats.strict > 0) == (rung == MAP_STRICT) &&
		(stats.bounce > 0) == (rung == MAP_BOUNCE);
}
