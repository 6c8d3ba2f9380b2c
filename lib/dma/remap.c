/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "dma_internal.h"
#include "iova.h"

/* IOVAs that a domain hands out, the mapping registers they cost, and the queue in which they wait
 * when unmapping is lazy. */

int
remap_error(int ret)
{
	return ret == -ENOMEM || ret == -ENOSPC ? -ret : EIO;
}

bool
remap_has_direct(const struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	const struct dad_dma_backend_info *b = &domain->backend;

	if (!(domain->rungs & DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_DIRECT)) ||
		(domain->flags & DAD_DMA_DOMAIN_NONCOHERENT))
		return false;
	if (((va | len) & (domain->granule - 1)) != 0)
		return false;
	if (va <= domain->iova_last && va + len - 1 >= domain->iova_first)
		return false;
	for (unsigned int i = 0; i < b->n_ranges; i++)
		if (va >= b->ranges[i].first && va + len - 1 <= b->ranges[i].last)
			return true;
	return false;
}

/* ---- mapping registers ---------------------------------------------------------------------- */

static uint64_t
granules(const struct dad_dma_domain *domain, uint64_t len)
{
	return len >> domain->backend.granule_shift;
}

/* A list of many pieces at one range of IOVAs takes more maps than one; the backend refuses what is
 * too many. */
static uint64_t
registers_for(const struct dad_dma_domain *domain, uint64_t len)
{
	return domain->counts_maps ? 1 : granules(domain, len);
}

static bool
registers_take(struct dad_dma_domain *domain, uint64_t n)
{
	if (domain->registers_max == UINT64_MAX)
		return true; /* all lcores write this: only where it matters */
	uint64_t before = __atomic_load_n(&domain->registers_used, __ATOMIC_RELAXED), used;

	/* what is too much is not even for a moment taken from others */
	do {
		if (n > domain->registers_max - before)
			return false;
		used = before + n;
	} while (!__atomic_compare_exchange_n(
		&domain->registers_used, &before, used, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	uint64_t high = __atomic_load_n(&domain->registers_high, __ATOMIC_RELAXED);
	while (used > high &&
		!__atomic_compare_exchange_n(&domain->registers_high, &high, used, true,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return true;
}

static void
registers_give(struct dad_dma_domain *domain, uint64_t n)
{
	if (domain->registers_max != UINT64_MAX)
		__atomic_fetch_sub(&domain->registers_used, n, __ATOMIC_RELAXED);
}

/* ---- IOVAs ---------------------------------------------------------------------------------- */

static __rte_always_inline int
try_alloc(struct dad_dma_domain *domain, unsigned int lcore, uint64_t len, uint64_t align,
	const struct dad_dma_range in[], unsigned int n_in, uint64_t *iova)
{
	uint64_t n = registers_for(domain, len);

	if (!registers_take(domain, n))
		return ENOSPC;
	/* who has all from 0 on has one number to obey: what is at hand suits nearly always */
	*iova = n_in == 1 && in->first == 0
		? dad_iova_alloc_on(domain->iova, lcore, len, align, in->last)
		: dad_iova_alloc_in(domain->iova, lcore, len, align, in, n_in);
	if (*iova != DAD_DMA_MAPPING_ERROR)
		return 0;
	registers_give(domain, n);
	return rte_errno;
}

/* With what waits to be unmapped, where that is lazy. */
static __rte_noinline int
try_again(struct dad_dma_domain *domain, unsigned int lcore, uint64_t len, uint64_t align,
	const struct dad_dma_range in[], unsigned int n, uint64_t *iova)
{
	if (!(domain->flags & DAD_DMA_DOMAIN_LAZY))
		return ENOSPC;
	dad_dma_domain_flush(domain);
	return try_alloc(domain, lcore, len, align, in, n, iova);
}

unsigned int
remap_clip(const struct dad_dma_domain *domain, struct dad_dma_range ranges[], unsigned int n)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct dad_dma_range r = {
			.first = RTE_MAX(ranges[i].first, domain->iova_first),
			.last = RTE_MIN(ranges[i].last, domain->iova_last)};

		if (r.first <= r.last)
			ranges[left++] = r;
	}
	return left;
}

/* In some ranges, which may be anywhere. */
static __rte_noinline int
alloc_in(struct dad_dma_domain *domain, unsigned int lcore, uint64_t len, uint64_t align,
	const struct dad_dma_range in[], unsigned int n, uint64_t *iova)
{
	struct dad_dma_range own[DEV_RANGES];
	bool fits = false;

	memcpy(own, in, n * sizeof(*in));
	n = remap_clip(domain, own, n);
	for (unsigned int i = 0; i < n; i++)
		fits |= own[i].last - own[i].first >= len - 1;
	if (!fits)
		return ERANGE;
	int error = try_alloc(domain, lcore, len, align, own, n, iova);

	return error != ENOSPC ? error : try_again(domain, lcore, len, align, own, n, iova);
}

int
remap_alloc_dev(
	const struct dma_dev *dev, unsigned int lcore, uint64_t len, uint64_t align, uint64_t *iova)
{
	struct dad_dma_domain *domain = dev->domain;

	/* pages are aligned as well as any device wants it */
	if (unlikely(dev->limits.bus_offset != 0 || limits_exclude(&dev->limits))) {
		struct dad_dma_range reach[DEV_RANGES];
		unsigned int n = dev_reach(dev, dev->pub.mask, reach);

		return alloc_in(domain, lcore, len, align, reach, n, iova);
	}
	const struct dad_dma_range all = {.last = RTE_MIN(dev->pub.mask, domain->iova_last)};

	if (all.last < domain->iova_first || all.last - domain->iova_first < len - 1)
		return ERANGE;
	int error = try_alloc(domain, lcore, len, align, &all, 1, iova);

	return likely(error != ENOSPC) ? error
				       : try_again(domain, lcore, len, align, &all, 1, iova);
}

void
remap_free(struct dad_dma_domain *domain, unsigned int lcore, uint64_t iova, uint64_t len)
{
	dad_iova_free_on(domain->iova, lcore, iova, len);
	registers_give(domain, registers_for(domain, len));
}

/* ---- unmapping ------------------------------------------------------------------------------ */

/* An IOVA that may still lead to memory is never used again. */
static bool
backend_unmap(struct dad_dma_domain *domain, uint64_t iova, uint64_t len)
{
	int ret = domain->ops->unmap(domain->priv, iova, len);

	if (ret == 0)
		return true;
	DMA_LOG(ERR, "%s: IOVA %#" PRIx64 ", %#" PRIx64 " bytes stay mapped: %s", domain->name,
		iova, len, rte_strerror(-ret));
	__atomic_fetch_add(&domain->lost, granules(domain, len), __ATOMIC_RELAXED);
	return false;
}

static bool
backend_sync(struct dad_dma_domain *domain, uint64_t iova, uint64_t len)
{
	int ret = domain->ops->sync != NULL ? domain->ops->sync(domain->priv, iova, len) : 0;

	if (ret != 0)
		DMA_LOG(ERR, "%s: sync of IOVA %#" PRIx64 ": %s", domain->name, iova,
			rte_strerror(-ret));
	return ret == 0;
}

static void
flush_locked(struct dad_dma_domain *domain)
{
	uint64_t first = UINT64_MAX, last = 0;
	unsigned int n = 0;

	if (domain->queued == 0)
		return;
	for (unsigned int i = 0; i < domain->queued; i++) {
		struct retired *r = &domain->queue[i];

		if (!backend_unmap(domain, r->iova, r->len))
			continue;
		first = RTE_MIN(first, r->iova);
		last = RTE_MAX(last, r->iova + r->len - 1);
		domain->queue[n++] = *r;
	}
	domain->queued = 0;
	__atomic_fetch_add(&domain->flushes, 1, __ATOMIC_RELAXED);
	if (n > 0 && !backend_sync(domain, first, last - first + 1)) {
		for (unsigned int i = 0; i < n; i++)
			__atomic_fetch_add(&domain->lost, granules(domain, domain->queue[i].len),
				__ATOMIC_RELAXED);
		return;
	}
	for (unsigned int i = 0; i < n; i++)
		remap_free(domain, dma_lcore_id(), domain->queue[i].iova, domain->queue[i].len);
}

void
dad_dma_domain_flush(struct dad_dma_domain *domain)
{
	if (!(domain->flags & DAD_DMA_DOMAIN_LAZY))
		return;
	pthread_mutex_lock(&domain->queue_lock);
	flush_locked(domain);
	pthread_mutex_unlock(&domain->queue_lock);
}

static void
retire(struct dad_dma_domain *domain, uint64_t iova, uint64_t len)
{
	uint64_t now = rte_get_timer_cycles();

	pthread_mutex_lock(&domain->queue_lock);
	if (domain->queued == 0)
		domain->queued_tsc = now;
	domain->queue[domain->queued++] = (struct retired){.iova = iova, .len = len};
	if (domain->queued == QUEUE_SIZE ||
		now - domain->queued_tsc > QUEUE_MS * rte_get_timer_hz() / 1000)
		flush_locked(domain);
	pthread_mutex_unlock(&domain->queue_lock);
}

bool
remap_withdraw(struct dad_dma_domain *domain, uint64_t iova, uint64_t len)
{
	if (!backend_unmap(domain, iova, len))
		return false;
	if (backend_sync(domain, iova, len))
		return true;
	__atomic_fetch_add(&domain->lost, granules(domain, len), __ATOMIC_RELAXED);
	return false;
}

bool
remap_unmap(struct dad_dma_domain *domain, uint64_t iova, uint64_t len)
{
	domain_clear_reverse(domain, iova, len);
	return remap_withdraw(domain, iova, len);
}

void
remap_drop(struct dad_dma_domain *domain, uint64_t iova, uint64_t len, bool may_wait)
{
	if (may_wait && (domain->flags & DAD_DMA_DOMAIN_LAZY)) {
		domain_clear_reverse(domain, iova, len);
		retire(domain, iova, len);
	} else if (remap_unmap(domain, iova, len)) {
		remap_free(domain, dma_lcore_id(), iova, len);
	}
}

/* ---- mappings that stay ---------------------------------------------------------------------- */

int
remap_static(struct dad_dma_domain *domain, void *va, uint64_t len, uint64_t align,
	const struct dad_dma_range in[], unsigned int n, enum kind kind, uint64_t *iova)
{
	int error = alloc_in(domain, dma_lcore_id(), len, align, in, n, iova);

	if (error != 0)
		return error;
	int ret = domain->ops->map(domain->priv, *iova, va, len, DAD_DMA_BIDIRECTIONAL);
	if (ret != 0) {
		DMA_LOG(ERR, "%s: map of IOVA %#" PRIx64 ": %s", domain->name, *iova,
			rte_strerror(-ret));
		remap_free(domain, dma_lcore_id(), *iova, len);
		return remap_error(ret);
	}
	if (!backend_sync(domain, *iova, len)) {
		remap_drop(domain, *iova, len, false);
		return EIO;
	}
	if (domain_set_reverse(domain, *iova, (uintptr_t)va, len, kind) != 0) {
		remap_drop(domain, *iova, len, false);
		return ENOMEM;
	}
	return 0;
}

void
remap_static_drop(struct dad_dma_domain *domain, uint64_t iova, uint64_t len)
{
	remap_drop(domain, iova, len, false);
}
