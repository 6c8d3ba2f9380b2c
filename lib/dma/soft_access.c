/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_string_fns.h>

#include "dma_internal.h"
#include "soft.h"

/* The device side of software devices. */

/* One piece, from addr on. 0 or errno. */
static int
find(const struct dma_dev *dev, dad_dma_addr_t addr, unsigned int access, struct soft_piece *piece)
{
	const struct dad_dma_domain *domain = dev->domain;
	uint64_t iova = dev_to_iova(dev, addr);

	if (addr > RTE_MAX(dev->pub.mask, dev->coherent_mask))
		return ERANGE;
	if (domain->type == DAD_DMA_DOMAIN_SOFT) {
		int error = soft_find(domain->priv, iova, piece);

		if (error != 0)
			return error;
		return (piece->access & access) == access ? 0 : EACCES;
	}
	size_t contig;
	void *va = dad_dma_bus_to_virt(domain, iova, &contig);

	if (va == NULL)
		return EFAULT;
	piece->va = (uintptr_t)va;
	piece->len = contig;
	return 0;
}

void *
dad_soft_dma_translate(
	struct dad_dma_dev *pub, dad_dma_addr_t addr, unsigned int access, size_t *contig)
{
	struct soft_piece piece;
	int error = find(dev_of(pub), addr, access, &piece);

	if (error != 0) {
		rte_errno = error == EMSGSIZE ? EFAULT : error;
		return NULL;
	}
	*contig = piece.len;
	return (void *)(uintptr_t)piece.va;
}

static int
refuse(struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size, unsigned int access, int error)
{
	struct dad_dma_domain *domain = dev->domain;
	struct dad_soft_fault fault = {
		.addr = addr, .size = size, .access = access, .error = -error};

	rte_strscpy(fault.device, dev->name, sizeof(fault.device));
	if (domain->type == DAD_DMA_DOMAIN_SOFT)
		soft_fault(domain->priv, &fault, dev_to_iova(dev, addr));
	else
		fault.number = __atomic_add_fetch(&domain->faults, 1, __ATOMIC_RELAXED);
	/* a device that went wild must not fill the disk */
	if (fault.number <= 16 || (fault.number & (fault.number - 1)) == 0)
		DMA_LOG(ERR,
			"%s: fault %" PRIu64 ": %s of %" PRIu64 " bytes at %#" PRIx64
			": %s; nearest: %" PRIu64 " bytes at %#" PRIx64 "%s%s",
			dev->name, fault.number, access == DAD_SOFT_READ ? "read" : "write", size,
			addr, rte_strerror(error), fault.nearest.size, fault.nearest.addr,
			fault.nearest.access & DAD_SOFT_READ ? ", readable" : "",
			fault.nearest.access & DAD_SOFT_WRITE ? ", writable" : "");
	return -error;
}

/* May all of it be accessed? 0 or errno. */
static int
check(const struct dma_dev *dev, dad_dma_addr_t addr, uint64_t size, unsigned int access)
{
	struct soft_piece piece;

	uint64_t last = addr + (size - 1);

	if (size > 0 && (last < addr || last > RTE_MAX(dev->pub.mask, dev->coherent_mask)))
		return ERANGE;
	for (uint64_t done = 0; done < size; done += piece.len) {
		int error = find(dev, addr + done, access, &piece);

		if (error == EMSGSIZE || (error == EFAULT && done > 0))
			return done > 0 ? EMSGSIZE : EFAULT;
		if (error != 0)
			return error;
	}
	return 0;
}

static int
move(struct dad_dma_dev *pub, dad_dma_addr_t addr, char *data, uint64_t size, unsigned int access)
{
	struct dma_dev *dev = dev_of(pub);
	int error = check(dev, addr, size, access);

	for (uint64_t done = 0; error == 0 && done < size;) {
		struct soft_piece piece;

		error = find(dev, addr + done, access, &piece);
		if (error != 0)
			break; /* unmapped while we were looking */
		uint64_t n = RTE_MIN(piece.len, size - done);

		if (access == DAD_SOFT_READ)
			memcpy(data + done, (void *)(uintptr_t)piece.va, n);
		else
			memcpy((void *)(uintptr_t)piece.va, data + done, n);
		done += n;
	}
	return error == 0 ? 0 : refuse(dev, addr, size, access, error);
}

int
dad_soft_dma_read(struct dad_dma_dev *dev, dad_dma_addr_t addr, void *dst, size_t size)
{
	return move(dev, addr, dst, size, DAD_SOFT_READ);
}

int
dad_soft_dma_write(struct dad_dma_dev *dev, dad_dma_addr_t addr, const void *src, size_t size)
{
	return move(dev, addr, (char *)(uintptr_t)src, size, DAD_SOFT_WRITE);
}

void
dad_soft_dma_fault(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, unsigned int access, int error)
{
	refuse(dev_of(dev), addr, size, access, error);
}

unsigned int
dad_soft_faults(
	const struct dad_dma_domain *domain, struct dad_soft_fault faults[], unsigned int max)
{
	if (domain->type != DAD_DMA_DOMAIN_SOFT)
		return 0;
	return soft_faults_copy(domain->priv, faults, max);
}
