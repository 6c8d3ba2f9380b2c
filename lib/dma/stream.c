/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_errno.h>

#include "dma_internal.h"

static dad_dma_addr_t
refuse(uint64_t *counter, int error)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
	rte_errno = error;
	return DAD_DMA_MAPPING_ERROR;
}

/* Beyond the first unit: is the rest where it must be? 0, EFAULT (unknown) or E2BIG (elsewhere). */
static int
check_rest(const struct dad_dma_domain *domain, uint64_t va, uint64_t iova, uint64_t size)
{
	while (size > 0) {
		uint64_t contig;
		uint64_t here = domain_virt_to_bus(domain, va, &contig);

		if (here == DAD_DMA_ABSENT)
			return EFAULT;
		if (here != iova)
			return E2BIG;
		if (contig >= size)
			return 0;
		va += contig;
		iova += contig;
		size -= contig;
	}
	return 0;
}

dad_dma_addr_t
dad_dma_map_single(struct dad_dma_dev *dev, void *buffer, size_t size, enum dad_dma_dir dir)
{
	uint64_t va = (uintptr_t)buffer;
	uint64_t contig;

	/* the last byte, computed without wrapping, must not lie before the first */
	if (unlikely(size == 0 || va + (size - 1) < va || (unsigned int)dir >= DAD_DMA_NONE))
		return refuse(&dev->stats.map_error_invalid, EINVAL);

	uint64_t iova = domain_virt_to_bus(dev->domain, va, &contig);
	if (unlikely(iova == DAD_DMA_ABSENT))
		return refuse(&dev->stats.map_error_unknown, EFAULT);
	if (unlikely(contig < size)) {
		int error = check_rest(dev->domain, va + contig, iova + contig, size - contig);

		if (error != 0)
			return refuse(error == EFAULT ? &dev->stats.map_error_unknown
						      : &dev->stats.map_error_contiguity,
				error);
	}
	if (unlikely(iova + (size - 1) > dev->mask))
		return refuse(&dev->stats.map_error_mask, ERANGE);

	dad_dma_sync_single_for_device(dev, iova, size, dir);
	return iova;
}

void
dad_dma_unmap_single(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	dad_dma_sync_single_for_cpu(dev, addr, size, dir);
}

int
dad_dma_mapping_error(const struct dad_dma_dev *dev, dad_dma_addr_t addr)
{
	(void)dev;
	return addr == DAD_DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

/* All of EAL's memory is cache-coherent with devices: ownership changes by ordering alone. */

void
dad_dma_sync_single_for_cpu(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	(void)dev;
	(void)addr;
	(void)size;
	(void)dir;
	rte_io_rmb();
}

void
dad_dma_sync_single_for_device(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, enum dad_dma_dir dir)
{
	(void)dev;
	(void)addr;
	(void)size;
	(void)dir;
	rte_io_wmb();
}
