/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_DMA_SG_H
#define DAD_DMA_SG_H

/**
 * @file
 * Scatter lists: many pieces of memory, one transfer.
 *
 * **Model.** An *entry* is a piece of memory; a *segment* is a piece of the device's address space.
 * Mapping a list of entries makes segments, in the same order, of the same total length. There may
 * be fewer than entries: neighbours are merged where they are neighbours for the device, which in a
 * remapping domain pages can be made. No segment is longer than the device's max_seg_size, or
 * crosses its seg_boundary; an entry that is too long for that is split, if merging left room.
 *
 * Both share an array, as in the kernel: va and length are the entries, dma_address and dma_length
 * of the first ones the segments. **Unmap and sync take the number of entries**, not of segments.
 *
 * **Threads** as of dad_dma.h. A list belongs to one thread at a time.
 *
 * Semantics follow the kernel's dma_map_sg(); lists are arrays, without chaining.
 */

#include <sys/uio.h>

#include "dad_dma.h"

struct rte_mbuf;

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** An entry, and in the first ones a segment. */
struct dad_sg {
	void *va;		    /**< entry: memory */
	size_t length;		    /**< ... bytes, more than 0 */
	dad_dma_addr_t dma_address; /**< segment: where the device finds it */
	size_t dma_length;	    /**< ... bytes; 0 after the last segment */
};

/**
 * Map a list.
 *
 * @param sg     n entries; a list that is mapped must not be mapped again
 * @param attrs  DAD_DMA_ATTR_*
 * @return the number of segments, 1 to n; or 0, with rte_errno as of dad_dma_map_single_attrs() and
 *         nothing mapped. E2BIG also: an entry has to be split and there is no room for it.
 */
unsigned int dad_dma_map_sg_attrs(struct dad_dma_dev *dev, struct dad_sg sg[], unsigned int n,
	enum dad_dma_dir dir, unsigned int attrs);

/** Take it back: with the array as it was mapped and the number of entries. */
void dad_dma_unmap_sg_attrs(struct dad_dma_dev *dev, struct dad_sg sg[], unsigned int n,
	enum dad_dma_dir dir, unsigned int attrs);

/** dad_dma_map_sg_attrs() without attributes. */
static inline unsigned int
dad_dma_map_sg(struct dad_dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir)
{
	return dad_dma_map_sg_attrs(dev, sg, n, dir, 0);
}

/** dad_dma_unmap_sg_attrs() without attributes. */
static inline void
dad_dma_unmap_sg(struct dad_dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir)
{
	dad_dma_unmap_sg_attrs(dev, sg, n, dir, 0);
}

/** The CPU will look at the memory of a mapped list, all of it. n is the number of entries. */
void dad_dma_sync_sg_for_cpu(
	struct dad_dma_dev *dev, const struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir);

/** The device gets it back. */
void dad_dma_sync_sg_for_device(
	struct dad_dma_dev *dev, const struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir);

/** A list with its numbers: what the two functions below fill. */
struct dad_sg_table {
	struct dad_sg *sg;     /**< the caller's array */
	unsigned int max;      /**< its room */
	unsigned int entries;  /**< for unmap and sync */
	unsigned int segments; /**< for the device */
};

/**
 * Map what readv() and writev() take. Pieces longer than max_seg_size become several entries;
 * empty ones none.
 *
 * @param table  sg and max are given; entries and segments are set
 * @return 0, or -ENOBUFS (more than max entries), or negative what rte_errno is after
 *         dad_dma_map_sg_attrs(); -EINVAL if there are no bytes
 */
int dad_dma_map_iovec(struct dad_dma_dev *dev, const struct iovec iov[], unsigned int n,
	struct dad_sg_table *table, enum dad_dma_dir dir, unsigned int attrs);

/** Map the data of a chain of mbufs, direct, indirect or external; as dad_dma_map_iovec(). */
int dad_dma_map_mbuf(struct dad_dma_dev *dev, const struct rte_mbuf *m, struct dad_sg_table *table,
	enum dad_dma_dir dir, unsigned int attrs);

/* ---- in two steps ------------------------------------------------------------------------ */

/**
 * A range of IOVAs that is filled piece by piece: one look-up of IOVAs and one sync of the IOMMU
 * for many pieces. As the kernel's dma_iova_* calls.
 */
struct dad_dma_iova_state {
	dad_dma_addr_t
		addr;  /**< first address, with the offset in its granule that was asked for */
	uint64_t size; /**< bytes; 0: there is no range */
};

/**
 * Allocate IOVAs for size bytes.
 *
 * @param first  memory that will be linked first: its offset in the granule is that of the range
 * @return false if the domain does not map strictly (the identity), or has no room, or one of the
 *         device's limits asks for more: map the pieces one by one instead. rte_errno says why
 */
bool dad_dma_iova_try_alloc(
	struct dad_dma_dev *dev, struct dad_dma_iova_state *state, const void *first, size_t size);

/** Give a range back of which nothing is linked. */
void dad_dma_iova_free(struct dad_dma_dev *dev, struct dad_dma_iova_state *state);

/**
 * Put memory into a range. Pieces do not overlap; inside the range they meet at granules.
 *
 * @param offset  from the first address of the range
 * @return 0, -EINVAL (beyond the range), -EIO (va and offset do not match in the granule, or the
 *         backend refused), -ENOMEM, -EFAULT
 */
int dad_dma_iova_link(struct dad_dma_dev *dev, struct dad_dma_iova_state *state, void *va,
	size_t offset, size_t size, enum dad_dma_dir dir, unsigned int attrs);

/** The device may use what was linked in this part. @return 0 or -EIO */
int dad_dma_iova_sync(
	struct dad_dma_dev *dev, struct dad_dma_iova_state *state, size_t offset, size_t size);

/** Take one piece out again, as it was linked. */
void dad_dma_iova_unlink(struct dad_dma_dev *dev, struct dad_dma_iova_state *state, size_t offset,
	size_t size, enum dad_dma_dir dir, unsigned int attrs);

/** Take out the first linked bytes of the range, which are all that is linked, and free it. */
void dad_dma_iova_destroy(struct dad_dma_dev *dev, struct dad_dma_iova_state *state, size_t linked,
	enum dad_dma_dir dir, unsigned int attrs);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_DMA_SG_H */
