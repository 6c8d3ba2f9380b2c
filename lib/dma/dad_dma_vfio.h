/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_VFIO_H
#define DAD_DMA_VFIO_H

/**
 * @file
 * The vfio backend of domains: a real IOMMU, in a container of our own.
 *
 * **Model.** EAL puts all PCI devices behind one container, maps all its memory there once, at the
 * IOVAs it chose, for reading and writing. A domain made here has a container for the IOMMU group
 * of one device instead. It is empty: the device reaches what the domain maps, at the IOVA the
 * domain chose, with the rights the domain gave, and nothing else. What a device tries beside that
 * is stopped by the IOMMU, and told in the kernel's log only.
 *
 * **Order.** Make the domain first and map the device's registers (rte_pci_map_device()) then: EAL
 * finds the group in its container and leaves it there. So a driver must not have
 * RTE_PCI_DRV_NEED_MAPPING. At the end rte_pci_unmap_device() comes first, which takes the device
 * off the bus, and then the domain is given back.
 *
 * **What the kernel limits.** How many mappings a container has (65,535, less if the module
 * parameter dma_entry_limit says so): the domain asks once, and with windows, strict and coherent
 * mappings and slots stays below. Memory that is direct is mapped beside that and not counted: with
 * much of it in small pieces the kernel may refuse (ENOSPC) before the domain does. How much memory
 * they pin: RLIMIT_MEMLOCK, unless the process has CAP_IPC_LOCK. Which IOVAs there are: the window
 * of message interrupts is left out.
 *
 * **What is checked.** Mapping over a mapping is an error (EEXIST). Each unmap has to find as many
 * bytes as were mapped in its range: the kernel calls it a success when it finds less, or nothing.
 * If it does, the domain never uses those IOVAs again.
 *
 * **What it is not.** Without an IOMMU (the kernel's no-IOMMU mode) there is nothing to program:
 * making a domain fails with ENOTSUP. Use the identity domain with physical addresses there; its
 * devices can write anywhere.
 */

#include "dad_dma_domain.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** A container with the group of one device in it. */
struct dad_dma_vfio;

/**
 * Open a container for a device that is bound to vfio-pci. All devices of its IOMMU group belong to
 * the container then; none of them may be in use.
 *
 * @param device  PCI address as the kernel writes it: "0000:00:03.0"
 * @return the container, or NULL with rte_errno: EINVAL (no name), ENODEV (not bound to vfio, or
 *         not the whole group), EBUSY (the group is in use, by EAL's container or somebody else),
 *         ENOTSUP (there is no IOMMU), ENOMEM, or what vfio failed with
 */
struct dad_dma_vfio *dad_dma_vfio_open(const char *device);

/** Close it. Not if a domain was made with its ops: the domain does that. NULL is allowed. */
void dad_dma_vfio_close(struct dad_dma_vfio *vfio);

/** The backend, for dad_dma_domain_conf.ops; the container is its priv. */
const struct dad_dma_domain_ops *dad_dma_vfio_ops(void);

/** What the kernel says of a container. */
struct dad_dma_vfio_info {
	int group;		 /**< number of the IOMMU group */
	uint64_t page_sizes;	 /**< sizes the IOMMU maps by, a bit each */
	uint64_t maps_available; /**< mappings that can still be made; UINT64_MAX: not told */
	uint64_t maps;		 /**< mappings there are; 0 if not told */
	uint64_t bytes;		 /**< bytes in them */
};

/** Ask. @return 0 or -errno */
int dad_dma_vfio_info(const struct dad_dma_vfio *vfio, struct dad_dma_vfio_info *info);

/**
 * dad_dma_vfio_open() and dad_dma_domain_create() in one.
 *
 * @param device  as above
 * @param conf    as for dad_dma_domain_create(); type, ops and priv are filled in here
 * @param vfio    if not NULL, gets the container, which lives as long as the domain
 * @return the domain, or NULL with rte_errno as of the two
 */
struct dad_dma_domain *dad_dma_domain_vfio(
	const char *device, const struct dad_dma_domain_conf *conf, struct dad_dma_vfio **vfio);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_VFIO_H */
