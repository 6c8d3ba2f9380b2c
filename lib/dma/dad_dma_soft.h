/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_SOFT_H
#define DAD_DMA_SOFT_H

/**
 * @file
 * The device side, for devices made of software.
 *
 * A device in software must not follow an address as a pointer: it asks here. In a domain with the
 * soft backend each access is checked as an IOMMU does it, and to the byte: is all of it mapped,
 * may the device do this? As with an IOMMU, mappings of which one ends with a page and the other
 * begins with the next are not told apart; that is usual, as IOVAs are handed out one below the
 * other. In every domain it is checked that the device can put the address on its bus at all (the
 * wider of its masks), and that memory is there. What fails is a *fault*: counted
 * (dad_dma_domain_info), logged (the first 16, and then ever fewer), and in soft domains kept with
 * the mapping that was nearest.
 *
 * **Threads.** Any thread, no lock on the good path. As with hardware, whoever unmaps memory that a
 * device is using has lost; here the access may even end after the unmap call.
 */

#include "dad_dma.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum dad_soft_access {
	DAD_SOFT_READ = 1,  /**< the device reads memory */
	DAD_SOFT_WRITE = 2, /**< it writes memory */
};

/**
 * Where the device finds a byte.
 *
 * @param addr    address as the device has it
 * @param access  what it wants to do, one or both
 * @param contig  gets the bytes from there on that lie in one piece, at least 1
 * @return the memory, or NULL with rte_errno: EFAULT (not mapped), EACCES (not in this direction),
 *         ERANGE (beyond its masks). No fault is recorded.
 */
void *dad_soft_dma_translate(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, unsigned int access, size_t *contig);

/**
 * The device reads memory.
 *
 * @return 0, or -EFAULT, -EACCES, -ERANGE as above, or -EMSGSIZE: it starts inside a mapping and
 *         goes beyond what is mapped. After an error nothing was moved, and a fault is recorded.
 */
int dad_soft_dma_read(struct dad_dma_dev *dev, dad_dma_addr_t addr, void *dst, size_t size);

/** The device writes memory; as dad_soft_dma_read(). */
int dad_soft_dma_write(struct dad_dma_dev *dev, dad_dma_addr_t addr, const void *src, size_t size);

/**
 * Record a fault, for a device that moves the bytes itself: dad_soft_dma_translate() said no.
 *
 * @param size   bytes of the access
 * @param error  positive: what it said
 */
void dad_soft_dma_fault(
	struct dad_dma_dev *dev, dad_dma_addr_t addr, size_t size, unsigned int access, int error);

/** An access that was refused. */
struct dad_soft_fault {
	uint64_t number; /**< 1 for the domain's first fault, and so on */
	char device[32]; /**< whose access it was; cut off */
	dad_dma_addr_t addr;
	uint64_t size;
	unsigned int access; /**< DAD_SOFT_* */
	int error;	     /**< what the access returned */
	/** the mapping nearest to addr when it happened; size 0 if there was none */
	struct {
		dad_dma_addr_t addr;
		uint64_t size; /**< as far as pages next to each other have the same rights */
		unsigned int access;
	} nearest;
};

/**
 * The last faults of a soft domain, newest first.
 *
 * @param faults  room for max of them
 * @return how many were written; at most 64 are kept
 */
unsigned int dad_soft_faults(
	const struct dad_dma_domain *domain, struct dad_soft_fault faults[], unsigned int max);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_SOFT_H */
