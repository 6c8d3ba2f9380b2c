/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RTE_PMD_DAD_H
#define RTE_PMD_DAD_H

/**
 * @file
 * What a dma_dad device can tell beside struct rte_dma_info: limits that dmadev has no field for,
 * and what does the work.
 *
 * **Linking.** The function is in the driver, librte_dma_dad.so, which EAL loads as a plugin. A
 * program links with it, or, to run without it as well, looks the function up by dlsym().
 *
 * **Threads and processes.** Any thread, in the primary and in secondary processes; not on a fast
 * path: it takes the lock that probing takes. What it tells does not change from probe to close.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** Who moves the bytes of a dma_dad device. */
enum rte_pmd_dma_dad_engine {
	RTE_PMD_DMA_DAD_INLINE,	 /**< who submits */
	RTE_PMD_DMA_DAD_THREAD,	 /**< workers of the driver */
	RTE_PMD_DMA_DAD_SERVICE, /**< EAL's service cores */
	RTE_PMD_DMA_DAD_AUTO,	 /**< workers, with the help of who submits and who polls */
};

struct rte_pmd_dma_dad_info {
	uint64_t max_length; /**< bytes of a copy or fill; of each entry of a scatter list */
	uint32_t alignment;  /**< of addresses and lengths, in bytes; 1: none is needed */
	/** Operations of a vchan that may be under way at a time: all of the largest ring. */
	uint32_t max_in_flight;
	/** Entries of scatter lists, of both sides, that those of a vchan may have in all. An
	 * enqueue beyond is refused with -ENOSPC. A list that was enqueued may take one more, for
	 * the driver.
	 */
	uint32_t max_sges_in_flight;
	/** Operations of so many bytes and more are cut into parts, which several do. */
	uint32_t split_from;
	/** Copies of so many bytes and more go past the caches; 0: none do. */
	uint32_t past_from;
	enum rte_pmd_dma_dad_engine engine;
	/** Threads of the driver that work while the device runs, its own or its pool's; 0: none,
	 * as with inline and service. */
	unsigned int nb_workers;
	bool multi_thread;     /**< many threads may use one vchan: devarg mt */
	bool halts_on_error;   /**< devarg halt */
	char kernel[16];       /**< what moves small operations, as "avx2" */
	char large_kernel[16]; /**< what moves large ones, as "avx2", "memmove" */
};

/**
 * What there is to know of a dma_dad device.
 *
 * @param dev_id  of dmadev
 * @param info    written on success, else left as it was
 * @retval 0
 * @retval -EINVAL   there is no such device, or info is NULL
 * @retval -ENODEV   in a secondary process: the primary has closed it
 * @retval -ENOTSUP  it is a device of another driver
 */
int rte_pmd_dma_dad_info_get(int16_t dev_id, struct rte_pmd_dma_dad_info *info);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* RTE_PMD_DAD_H */
