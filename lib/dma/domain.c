/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_string_fns.h>

#include "arena.h"
#include "dma_internal.h"
#include "iova.h"
#include "soft.h"

RTE_LOG_REGISTER(dma_logtype, lib.dad.dma, NOTICE)

/* Here and not in telemetry.c, which a static library would leave out. */
RTE_INIT(dma_init)
{
	telemetry_register();
}

/* domains_lock guards the list, the pointer to the one identity, and all reference counts. */
static pthread_mutex_t domains_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, dad_dma_domain) domains = TAILQ_HEAD_INITIALIZER(domains);
static struct dad_dma_domain *identity;

static const struct span none = {.first = UINT64_MAX, .last = 0};

/* ---- life --------------------------------------------------------------------------------- */

static void
free_parts(struct dad_dma_domain *domain)
{
	struct dad_dma_table *tables[] = {domain->forward, domain->reverse, domain->counted,
		domain->owner, domain->phys, domain->known, domain->window, domain->windows_ever};

	for (unsigned int i = 0; i < RTE_DIM(tables); i++)
		table_free(tables[i]);
	dad_iova_destroy(domain->iova);
	arenas_destroy(domain->arenas);
	pthread_mutex_destroy(&domain->lock);
	pthread_mutex_destroy(&domain->arena_lock);
	pthread_mutex_destroy(&domain->queue_lock);
	pthread_mutex_destroy(&domain->watch_lock);
	free(domain);
}

/* What is mapped in the backend goes first, the backend then, and the bookkeeping last. */
static void
domain_free(struct dad_dma_domain *domain)
{
	arenas_clear(domain->arenas);
	eal_memory_leave(domain);
	bounce_free(domain->bounce);
	regions_release(domain);
	if (domain->ops != NULL) {
		dad_dma_domain_flush(domain);
		if (domain->ops->close != NULL)
			domain->ops->close(domain->priv);
	}
	free_parts(domain);
}

/* Without IOVAs or memory yet. */
static struct dad_dma_domain *
domain_alloc(const char *name, enum dad_dma_domain_type type)
{
	struct dad_dma_domain *domain = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*domain));

	if (domain == NULL)
		return NULL;
	memset(domain, 0, sizeof(*domain));
	rte_strscpy(domain->name, name, sizeof(domain->name));
	domain->type = type;
	domain->references = 1;
	domain->unmap_span = none;
	domain->sync_span = none;
	domain->registers_max = UINT64_MAX;
	pthread_mutex_init(&domain->lock, NULL);
	pthread_mutex_init(&domain->arena_lock, NULL);
	pthread_mutex_init(&domain->queue_lock, NULL);
	pthread_mutex_init(&domain->watch_lock, NULL);
	TAILQ_INIT(&domain->devs);
	TAILQ_INIT(&domain->regions);
	LIST_INIT(&domain->windows);
	TAILQ_INIT(&domain->watches);

	domain->forward = table_create();
	domain->reverse = table_create();
	domain->counted = table_create();
	domain->owner = table_create();
	domain->phys = table_create();
	domain->arenas = arenas_create();
	if (domain->arenas == NULL || domain->forward == NULL || domain->reverse == NULL ||
		domain->counted == NULL || domain->owner == NULL || domain->phys == NULL) {
		free_parts(domain);
		return NULL;
	}
	return domain;
}

static struct dad_dma_domain *
identity_create(void)
{
	struct dad_dma_domain *domain = domain_alloc("identity", DAD_DMA_DOMAIN_IDENTITY);

	if (domain == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	domain->rungs =
		DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_DIRECT) | DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE);
	domain->granule = DAD_DMA_PAGE_SIZE;
	domain->backend.granule_shift = DAD_DMA_PAGE_SHIFT;
	domain->iova_last = UINT64_MAX;
	if (eal_memory_follow(domain) != 0) {
		free_parts(domain);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&domains, domain, next);
	return domain;
}

struct dad_dma_domain *
dad_dma_domain_identity(void)
{
	pthread_mutex_lock(&domains_lock);
	if (identity == NULL)
		identity = identity_create();
	else
		identity->references++;
	struct dad_dma_domain *domain = identity;
	pthread_mutex_unlock(&domains_lock);
	return domain;
}

static bool
conf_is_valid(const struct dad_dma_domain_conf *conf)
{
	bool custom = conf->type == DAD_DMA_DOMAIN_CUSTOM;
	bool ops = conf->ops != NULL && conf->ops->map != NULL && conf->ops->unmap != NULL;
	bool noncoherent = conf->flags & DAD_DMA_DOMAIN_NONCOHERENT;

	if (conf->name == NULL || conf->name[0] == '\0')
		return false;
	if (!(custom && ops) && conf->type != DAD_DMA_DOMAIN_SOFT)
		return false;
	if ((conf->flags & ~(unsigned int)(DAD_DMA_DOMAIN_LAZY | DAD_DMA_DOMAIN_NONCOHERENT)) != 0)
		return false;
	/* what the device sees has to be kept until the flush, or be gone: the latter */
	if (noncoherent && (custom || (conf->flags & DAD_DMA_DOMAIN_LAZY)))
		return false;
	return (conf->rungs & ~DAD_DMA_RUNGS_ALL) == 0 && conf->iova_first <= conf->iova_last;
}

/* The IOVAs that both the caller and the backend want, and an allocator of them. 0 or errno. */
static int
make_iovas(struct dad_dma_domain *domain, const struct dad_dma_domain_conf *conf)
{
	struct dad_dma_backend_info *b = &domain->backend;
	uint64_t first = conf->iova_first, last = conf->iova_last;

	if (first == 0 && last == 0) {
		first = DAD_DMA_PAGE_SIZE;
		last = UINT32_MAX;
	}
	if (b->n_ranges == 0 || b->n_ranges > DAD_DMA_RANGES || b->granule_shift < 12 ||
		b->granule_shift > DAD_DMA_UNIT_SHIFT)
		return EINVAL;
	domain->granule = UINT64_C(1) << b->granule_shift;
	first = RTE_MAX(first, b->ranges[0].first);
	last = RTE_MIN(last, b->ranges[b->n_ranges - 1].last);
	last = RTE_MIN(last, (UINT64_C(1) << DAD_DMA_KEY_BITS) - 1);
	/* whole granules, if there are any */
	if (first > last)
		return ERANGE;
	first = RTE_ALIGN_CEIL(first, domain->granule);
	uint64_t end = RTE_ALIGN_FLOOR(last + 1, domain->granule);
	if (first >= end)
		return ERANGE;
	last = end - 1;
	domain->iova_first = first;
	domain->iova_last = last;
	domain->window_max = conf->window_max != 0 ? conf->window_max : (last - first) / 2;
	domain->counts_maps = conf->mapping_registers == 0 && b->max_maps != 0;
	if (conf->mapping_registers != 0)
		domain->registers_max = conf->mapping_registers;
	if (b->max_maps != 0)
		domain->registers_max = RTE_MIN(domain->registers_max, b->max_maps);

	domain->iova = dad_iova_create(first, last - first + 1, b->granule_shift, conf->socket_id);
	if (domain->iova == NULL)
		return rte_errno;
	/* the holes between the backend's ranges */
	for (unsigned int i = 1; i < b->n_ranges; i++) {
		uint64_t hole = b->ranges[i - 1].last + 1;
		uint64_t next = b->ranges[i].first;

		hole = RTE_MAX(RTE_ALIGN_FLOOR(hole, domain->granule), first);
		next = RTE_MIN(RTE_ALIGN_CEIL(next, domain->granule), last + 1);
		if (hole < next) {
			int ret = dad_iova_reserve(domain->iova, hole, next - hole);

			if (ret != 0)
				return -ret;
		}
	}
	return 0;
}

static int
make_backend(struct dad_dma_domain *domain, const struct dad_dma_domain_conf *conf)
{
	struct dad_dma_backend_info *b = &domain->backend;

	domain->ops = conf->ops;
	domain->priv = conf->priv;
	if (conf->type == DAD_DMA_DOMAIN_SOFT) {
		domain->ops = &soft_ops;
		domain->priv = soft_create(conf->flags & DAD_DMA_DOMAIN_NONCOHERENT);
		if (domain->priv == NULL)
			return ENOMEM;
	}
	b->granule_shift = DAD_DMA_PAGE_SHIFT;
	b->n_ranges = 1;
	b->ranges[0] =
		(struct dad_dma_range){.first = 0, .last = (UINT64_C(1) << DAD_DMA_KEY_BITS) - 1};
	if (domain->ops->query == NULL)
		return 0;
	int ret = domain->ops->query(domain->priv, b);
	return ret < 0 ? -ret : 0;
}

struct dad_dma_domain *
dad_dma_domain_create(const struct dad_dma_domain_conf *conf)
{
	if (conf == NULL || !conf_is_valid(conf)) {
		rte_errno = EINVAL;
		return NULL;
	}
	struct dad_dma_domain *domain = domain_alloc(conf->name, conf->type);
	int error = ENOMEM;

	if (domain == NULL)
		goto no_domain;
	domain->rungs = conf->rungs != 0 ? conf->rungs : DAD_DMA_RUNGS_ALL;
	domain->flags = conf->flags;
	domain->socket_id = conf->socket_id;
	error = make_backend(domain, conf);
	if (error != 0)
		goto no_backend;
	error = make_iovas(domain, conf);
	if (error != 0)
		goto no_iovas;
	domain->known = table_create();
	domain->window = table_create();
	domain->windows_ever = table_create();
	error = ENOMEM;
	if (domain->known == NULL || domain->window == NULL || domain->windows_ever == NULL)
		goto no_iovas;
	span_add(&domain->unmap_span, domain->iova_first, domain->iova_last);
	if (domain->flags & DAD_DMA_DOMAIN_NONCOHERENT)
		domain->sync_span = domain->unmap_span;
	if (eal_memory_follow(domain) != 0) {
		error = rte_errno;
		goto no_iovas;
	}
	pthread_mutex_lock(&domains_lock);
	TAILQ_INSERT_TAIL(&domains, domain, next);
	pthread_mutex_unlock(&domains_lock);
	return domain;

no_iovas:
	/* a backend of the caller's is still the caller's after a failure */
	if (conf->type == DAD_DMA_DOMAIN_SOFT)
		soft_ops.close(domain->priv);
no_backend:
	free_parts(domain);
no_domain:
	rte_errno = error;
	return NULL;
}

void
domain_ref(struct dad_dma_domain *domain)
{
	pthread_mutex_lock(&domains_lock);
	domain->references++;
	pthread_mutex_unlock(&domains_lock);
}

void
dad_dma_domain_put(struct dad_dma_domain *domain)
{
	if (domain == NULL)
		return;
	pthread_mutex_lock(&domains_lock);
	if (--domain->references == 0) {
		if (domain == identity)
			identity = NULL;
		TAILQ_REMOVE(&domains, domain, next);
		domain_free(domain);
	}
	pthread_mutex_unlock(&domains_lock);
}

void
domain_walk(void (*call)(struct dad_dma_domain *domain, void *arg), void *arg)
{
	struct dad_dma_domain *domain;

	pthread_mutex_lock(&domains_lock);
	TAILQ_FOREACH (domain, &domains, next)
		call(domain, arg);
	pthread_mutex_unlock(&domains_lock);
}

void
span_add(struct span *span, uint64_t first, uint64_t last)
{
	uint64_t unit = first >> DAD_DMA_UNIT_SHIFT, n = (last >> DAD_DMA_UNIT_SHIFT) - unit + 1;

	span->first = RTE_MIN(span->first, first);
	span->last = RTE_MAX(span->last, last);
	if (n >= 64)
		span->units = UINT64_MAX;
	for (; n > 0 && span->units != UINT64_MAX; n--)
		span->units |= UINT64_C(1) << (unit++ & 63);
}

void
domain_widen(struct dad_dma_domain *domain, uint64_t first, uint64_t last)
{
	struct dma_dev *dev;

	span_add(&domain->unmap_span, first, last);
	TAILQ_FOREACH (dev, &domain->devs, next)
		dev_look_again(dev);
}

/* Counted only where they are limited: that costs, on each map and unmap. */
static void
registers_info(struct dad_dma_domain *d, struct dad_dma_domain_info *info)
{
	struct dad_iova_stats iova;

	info->registers_used = __atomic_load_n(&d->registers_used, __ATOMIC_RELAXED);
	info->registers_high = __atomic_load_n(&d->registers_high, __ATOMIC_RELAXED);
	if (d->iova == NULL || d->registers_max != UINT64_MAX)
		return;
	dad_iova_stats(d->iova, &iova);
	info->registers_used = iova.used;
	info->registers_high = iova.high_water;
}

void
dad_dma_domain_info(const struct dad_dma_domain *domain, struct dad_dma_domain_info *info)
{
	struct dad_dma_domain *d = (struct dad_dma_domain *)(uintptr_t)domain;
	const struct dma_dev *dev;

	memset(info, 0, sizeof(*info));
	rte_strscpy(info->name, d->name, sizeof(info->name));
	info->type = d->type;
	info->flags = d->flags;
	info->granule_shift = d->backend.granule_shift;
	info->iova_first = d->iova_first;
	info->iova_last = d->iova_last;
	info->registers_max = d->registers_max;
	registers_info(d, info);
	for (unsigned int i = 0; i < RTE_DIM(d->cells); i++)
		info->strict_maps += __atomic_load_n(&d->cells[i].strict_maps, __ATOMIC_RELAXED);
	info->flushes = __atomic_load_n(&d->flushes, __ATOMIC_RELAXED);
	info->lost = __atomic_load_n(&d->lost, __ATOMIC_RELAXED);
	info->regions = __atomic_load_n(&d->n_regions, __ATOMIC_RELAXED);
	pthread_mutex_lock(&d->queue_lock);
	info->waiting = d->queued;
	pthread_mutex_unlock(&d->queue_lock);
	pthread_mutex_lock(&d->lock);
	info->rungs = d->rungs;
	if (d->bounce == NULL)
		info->rungs &= ~DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE);
	info->window_bytes = d->window_bytes;
	TAILQ_FOREACH (dev, &d->devs, next)
		info->devices++;
	pthread_mutex_unlock(&d->lock);
	info->faults = d->type == DAD_DMA_DOMAIN_SOFT
		? soft_faults_count(d->priv)
		: __atomic_load_n(&d->faults, __ATOMIC_RELAXED);
}

/* ---- translation --------------------------------------------------------------------------- */

uint64_t
domain_virt_to_bus(const struct dad_dma_domain *domain, uint64_t va, uint64_t *contig)
{
	uint64_t iova = dad_dma_table_find(domain->forward, va, contig);

	if (iova != DAD_DMA_ABSENT)
		return iova;
	if (__atomic_load_n(&domain->n_regions, __ATOMIC_RELAXED) != 0) {
		iova = dad_dma_table_find(domain->counted, va, contig);
		if (iova != DAD_DMA_ABSENT)
			return iova;
	}
	if (domain->ops != NULL)
		return DAD_DMA_ABSENT;
	const struct rte_memseg *seg = eal_external_by_va(va);
	if (seg == NULL)
		return DAD_DMA_ABSENT;
	*contig = seg->addr_64 + seg->len - va;
	return seg->iova + (va - seg->addr_64);
}

dad_dma_addr_t
dad_dma_virt_to_bus(const struct dad_dma_domain *domain, const void *va, size_t *contig)
{
	uint64_t len = 0;
	uint64_t iova = domain_virt_to_bus(domain, (uintptr_t)va, &len);

	if (iova == DAD_DMA_ABSENT)
		return DAD_DMA_MAPPING_ERROR;
	if (contig != NULL)
		*contig = len;
	return iova;
}

void *
dad_dma_bus_to_virt(const struct dad_dma_domain *domain, dad_dma_addr_t addr, size_t *contig)
{
	uint64_t len = 0;
	uint64_t va = dad_dma_table_find(domain->reverse, addr, &len);

	if (va == DAD_DMA_ABSENT) {
		const struct rte_memseg *seg =
			domain->ops == NULL ? eal_external_by_iova(addr) : NULL;

		if (seg == NULL)
			return NULL;
		va = seg->addr_64 + (addr - seg->iova);
		len = seg->iova + seg->len - addr;
	}
	if (contig != NULL)
		*contig = len;
	return (void *)(uintptr_t)va;
}

int
domain_set_reverse(
	struct dad_dma_domain *domain, uint64_t iova, uint64_t va, uint64_t len, uint64_t kind)
{
	lock_take(&domain->table_lock);
	int ret = table_set(domain->reverse, iova, va | kind, len);
	if (ret != 0)
		table_clear(domain->reverse, iova, len);
	lock_drop(&domain->table_lock);
	return ret;
}

void
domain_clear_reverse(struct dad_dma_domain *domain, uint64_t iova, uint64_t len)
{
	lock_take(&domain->table_lock);
	if (table_clear(domain->reverse, iova, len) != 0)
		DMA_LOG(ERR, "IOVA %#" PRIx64 " stays known, its memory is gone", iova);
	lock_drop(&domain->table_lock);
}

const struct dad_dma_table *
dad_dma_domain_reverse(const struct dad_dma_domain *domain)
{
	return domain->reverse;
}
