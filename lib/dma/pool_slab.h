/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef POOL_SLAB_H
#define POOL_SLAB_H

/* The slabs of all pools of the process, and which of them an address lies in. */

#include <stdint.h>

#include "dad_dma.h"
#include "dad_dma_table.h"

struct dad_dma_pool;

#define SLAB_MAX_SIZE DAD_DMA_UNIT_SIZE

/* Which objects of a slab are taken is kept apart from it, where stray DMA cannot reach it: at
 * offset >> shift, an object's offset, and SLAB_TAKEN; or SLAB_NOTHING where none starts. */
#define SLAB_TAKEN   UINT32_C(0x80000000)
#define SLAB_NOTHING UINT32_MAX

struct slab {
	struct dad_dma_pool *pool; /* NULL: none; atomic, as a wrong free may look at any slab */
	char *va;
	dad_dma_addr_t handle;
	uint32_t *start;
	struct slab *next; /* of the pool, or of those not used */
} __attribute__((aligned(64)));

/* virtual → slab: what is found is the slab's own address, in an odd notation, plus an offset. */
extern struct dad_dma_table *slab_table;
#define SLAB_ALIGN_SHIFT 6u

/* Every pool holds a reference to all this. 0 or -ENOMEM. */
int slabs_ref(void);
void slabs_unref(void);

/* A slab for [va, va + size), which is aligned to its size, a power of two from 4 KiB to
 * SLAB_MAX_SIZE. Or NULL. From now on slab_find() finds it. */
struct slab *slab_create(
	struct dad_dma_pool *pool, void *va, dad_dma_addr_t handle, size_t size, uint32_t *start);
void slab_destroy(struct slab *slab, size_t size);

/* The slab that an address lies in, or NULL. Its struct remains one as long as there is any pool,
 * so that it can be looked at even if it is somebody else's, and just going away. */
static inline struct slab *
slab_find(const void *va)
{
	uint64_t contig;
	uint64_t found = dad_dma_table_find(slab_table, (uintptr_t)va, &contig);

	if (__builtin_expect(found == DAD_DMA_ABSENT, 0))
		return NULL;
	return (struct slab *)(uintptr_t)(found >> DAD_DMA_UNIT_SHIFT << SLAB_ALIGN_SHIFT);
}

#endif /* POOL_SLAB_H */
