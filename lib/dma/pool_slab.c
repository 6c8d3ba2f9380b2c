/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pool_slab.h"
#include "table.h"

#define CHUNK_SLABS 63u

struct chunk {
	struct slab slabs[CHUNK_SLABS];
	struct chunk *next;
};

struct dad_dma_table *slab_table;

/* Guards everything here, and the writing side of the table. */
static pthread_mutex_t slabs_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int references;
static struct chunk *chunks;
static struct slab *unused;

int
slabs_ref(void)
{
	int ret = 0;

	pthread_mutex_lock(&slabs_lock);
	if (slab_table == NULL)
		slab_table = table_create();
	if (slab_table != NULL)
		references++;
	else
		ret = -ENOMEM;
	pthread_mutex_unlock(&slabs_lock);
	return ret;
}

void
slabs_unref(void)
{
	pthread_mutex_lock(&slabs_lock);
	if (--references == 0) {
		table_free(slab_table);
		slab_table = NULL;
		unused = NULL;
		while (chunks != NULL) {
			struct chunk *chunk = chunks;

			chunks = chunk->next;
			free(chunk);
		}
	}
	pthread_mutex_unlock(&slabs_lock);
}

/* Holds the lock. */
static struct slab *
take_unused(void)
{
	if (unused == NULL) {
		struct chunk *chunk = aligned_alloc(1u << SLAB_ALIGN_SHIFT, sizeof(*chunk));

		if (chunk == NULL)
			return NULL;
		memset(chunk, 0, sizeof(*chunk));
		chunk->next = chunks;
		chunks = chunk;
		for (unsigned int i = 0; i < CHUNK_SLABS; i++) {
			chunk->slabs[i].next = unused;
			unused = &chunk->slabs[i];
		}
	}
	struct slab *slab = unused;
	unused = slab->next;
	return slab;
}

struct slab *
slab_create(
	struct dad_dma_pool *pool, void *va, dad_dma_addr_t handle, size_t size, uint32_t *start)
{
	pthread_mutex_lock(&slabs_lock);
	struct slab *slab = take_unused();
	if (slab != NULL) {
		slab->va = va;
		slab->handle = handle;
		slab->start = start;
		__atomic_store_n(&slab->pool, pool, __ATOMIC_RELAXED);
		/* the table's words are released: who finds the slab finds it so */
		if (table_set(slab_table, (uintptr_t)va,
			    (uint64_t)(uintptr_t)slab >> SLAB_ALIGN_SHIFT << DAD_DMA_UNIT_SHIFT,
			    size) != 0) {
			table_clear(slab_table, (uintptr_t)va, size);
			slab->next = unused;
			unused = slab;
			slab = NULL;
		}
	}
	pthread_mutex_unlock(&slabs_lock);
	return slab;
}

void
slab_destroy(struct slab *slab, size_t size)
{
	pthread_mutex_lock(&slabs_lock);
	/* its page words are there since slab_create(): this cannot fail */
	table_clear(slab_table, (uintptr_t)slab->va, size);
	__atomic_store_n(&slab->pool, NULL, __ATOMIC_RELAXED);
	slab->next = unused;
	unused = slab;
	pthread_mutex_unlock(&slabs_lock);
}
