/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>
#include <rte_mempool.h>

#include "dad_free.h"
#include "dad_internal.h"
#include "dad_lists.h"

/* Of memory that all processes have at the same address, as a mempool's. */
struct dad_free {
	struct rte_mempool *pool;
	uint32_t n;
	uintptr_t object[]; /* sorted */
};

static void
note_object(struct rte_mempool *pool, void *opaque, void *object, unsigned int index)
{
	struct dad_free *f = opaque;

	(void)pool;
	if (index < f->n)
		f->object[index] = (uintptr_t)object;
}

static int
by_address(const void *a, const void *b)
{
	const uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;

	return (left > right) - (left < right);
}

int
dad_free_setup(struct dad_vchan *vc, const char *device, unsigned int v,
	const struct rte_dma_vchan_conf *conf)
{
	struct rte_mempool *pool = dad_conf_auto_free(conf);

	if (pool == NULL)
		return 0;
	/* before the pool is looked at: it is anything then */
	if (conf->direction != RTE_DMA_DIR_MEM_TO_DEV) {
		DAD_LOG(ERR, "%s: vchan %u: auto_free is for memory to device only", device, v);
		return -EINVAL;
	}
	/* workers put objects back while the application may, too */
	if ((pool->flags & RTE_MEMPOOL_F_SP_PUT) && ((!vc->in_submit && !vc->alone) || vc->mt)) {
		DAD_LOG(ERR,
			"%s: vchan %u: auto_free to %s, which is for one thread, "
			"needs engine=inline without mt",
			device, v, pool->name);
		return -EINVAL;
	}
	struct dad_free *f = rte_zmalloc("dad_free",
		sizeof(*f) + pool->populated_size * sizeof(f->object[0]), RTE_CACHE_LINE_SIZE);
	if (f == NULL)
		return -ENOMEM;
	f->pool = pool;
	f->n = pool->populated_size;
	f->n = RTE_MIN(f->n, rte_mempool_obj_iter(pool, note_object, f));
	qsort(f->object, f->n, sizeof(f->object[0]), by_address);
	vc->auto_free = f;
	return 0;
}

/* The object that an address lies in; NULL if it is another's. */
static void *
find_object(const struct dad_free *f, uintptr_t address)
{
	uint32_t low = 0, high = f->n;

	/* the last one that does not begin after the address */
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (f->object[middle] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address - f->object[low - 1] >= f->pool->elt_size)
		return NULL;
	return (void *)f->object[low - 1];
}

/* Objects on their way back. */
struct batch {
	const struct dad_free *f;
	unsigned int n;
	const void *last; /* of this operation */
	void *object[64];
};

static void
put_back(struct batch *b)
{
	if (b->n > 0)
		rte_mempool_put_bulk(b->f->pool, b->object, b->n);
	b->n = 0;
}

static void
add(struct batch *b, const struct dad_exec *x, uint64_t address)
{
	const void *memory = dad_slow_source(x, address);
	void *object = memory != NULL ? find_object(b->f, (uintptr_t)memory) : NULL;

	/* several segments of one object are next to each other */
	if (object == NULL || object == b->last)
		return;
	b->last = object;
	b->object[b->n++] = object;
	if (b->n == RTE_DIM(b->object))
		put_back(b);
}

void
dad_free_sources(
	const struct dad_exec *x, const struct dad_vchan *vc, uint64_t first, unsigned int n)
{
	struct batch b = {.f = vc->auto_free};

	for (uint64_t ticket = first; ticket < first + n; ticket++) {
		const struct dad_desc desc = dad_vchan_desc(vc, ticket);

		if (!(desc.opcode & DAD_OP_AUTO_FREE) ||
			dad_vchan_status_at(vc, ticket) != RTE_DMA_STATUS_SUCCESSFUL)
			continue;
		b.last = NULL;
		if ((desc.opcode & DAD_OP_MASK) == DAD_OP_COPY)
			add(&b, x, desc.src);
		if ((desc.opcode & DAD_OP_MASK) != DAD_OP_SG)
			continue;
		for (unsigned int i = 0; i < dad_sg_nb_src(&desc); i++) {
			const struct dad_sge *sge = dad_vchan_sge(vc, desc.src + 1 + i);

			if (sge->length > 0)
				add(&b, x, sge->addr);
		}
	}
	put_back(&b);
}
