/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_errno.h>

#include "dma_internal.h"
#include "soft.h"

/* An IOVA for each transfer. */

static bool
has_copies(const struct dad_dma_domain *domain)
{
	return domain->flags & DAD_DMA_DOMAIN_NONCOHERENT;
}

/* Bytes in the granules that va and size touch. */
static uint64_t
span_of(const struct dad_dma_domain *domain, uint64_t va, uint64_t size)
{
	return RTE_ALIGN_CEIL((va & (domain->granule - 1)) + size, domain->granule);
}

void
strict_copy(struct dma_dev *dev, uint64_t iova, uint64_t size, bool to_device)
{
	const struct dad_dma_domain *domain = dev->domain;

	if (has_copies(domain))
		dev_count(dev, to_device ? COUNT_IN : COUNT_OUT,
			soft_update(domain->priv, iova, size, to_device));
}

int
strict_put(struct dma_dev *dev, uint64_t iova, uint64_t va, uint64_t size, enum dad_dma_dir dir,
	unsigned int attrs, bool counted)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t offset = va & (domain->granule - 1);
	uint64_t start = iova - offset, len = span_of(domain, va, size);

	if (domain_set_reverse(domain, start, va - offset, len,
		    KIND_STRICT | (counted ? WORD_COUNTED : 0)) != 0)
		return ENOMEM;
	int ret = has_copies(domain) ? soft_shadow(domain->priv, iova, size) : 0;
	if (ret == 0)
		ret = domain->ops->map(domain->priv, iova, (void *)(uintptr_t)va, size, dir);
	if (ret != 0) {
		if (has_copies(domain))
			domain->ops->unmap(domain->priv, iova, size);
		if (!(attrs & DAD_DMA_ATTR_NO_WARN))
			DMA_LOG(ERR, "%s: map of IOVA %#" PRIx64 ": %s", domain->name, iova,
				rte_strerror(-ret));
		domain_clear_reverse(domain, start, len);
		return remap_error(ret);
	}
	if (!(attrs & DAD_DMA_ATTR_SKIP_CPU_SYNC))
		strict_copy(dev, iova, size, true);
	return 0;
}

void
strict_take(
	struct dma_dev *dev, uint64_t iova, uint64_t size, enum dad_dma_dir dir, unsigned int attrs)
{
	if (dir != DAD_DMA_TO_DEVICE && !(attrs & DAD_DMA_ATTR_SKIP_CPU_SYNC))
		strict_copy(dev, iova, size, false);
}

int
strict_map(struct dma_dev *dev, unsigned int lcore, uint64_t va, uint64_t size,
	enum dad_dma_dir dir, unsigned int attrs, bool counted, uint64_t *iova)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t offset = va & (domain->granule - 1);
	uint64_t len = span_of(domain, va, size), start;

	/* an address keeps the offset of its buffer in the page */
	if ((offset & (dev->limits.alignment - 1)) != 0)
		return ERANGE;
	int error = remap_alloc_dev(dev, lcore, len, domain->granule, &start);
	if (error != 0)
		return error;
	error = strict_put(dev, start + offset, va, size, dir, attrs, counted);
	if (error != 0) {
		remap_free(domain, lcore, start, len);
		return error;
	}
	if (domain->ops->sync != NULL && domain->ops->sync(domain->priv, start, len) != 0) {
		remap_drop(domain, start, len, false);
		return EIO;
	}
	domain_count_strict(domain, lcore, 1);
	*iova = start + offset;
	return 0;
}

void
strict_unmap(
	struct dma_dev *dev, uint64_t iova, uint64_t size, enum dad_dma_dir dir, unsigned int attrs)
{
	struct dad_dma_domain *domain = dev->domain;
	uint64_t len = span_of(domain, iova, size);

	strict_take(dev, iova, size, dir, attrs);
	remap_drop(domain, iova & ~(domain->granule - 1), len, true);
	domain_count_strict(domain, dma_lcore_id(), -UINT64_C(1));
}
