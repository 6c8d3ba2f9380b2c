/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rte_soring, of DPDK 25.03 and later; the only file here that knows DPDK versions apart.
 *
 * It has at least one stage between enqueue and dequeue. A consumer acquires its elements there,
 * which is where it gets to read them, and releases them; then it dequeues what is first in order,
 * whosever that is, to free the slots. So soring does one step more than the others.
 */
#include "kind.h"

#define NAME "soring"
#define WHAT "rte_soring with one stage, many producers and consumers"

#if __has_include(<rte_soring.h>)

#include <errno.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_soring.h>

#include "loops.h"

#define STAGE 0

static __rte_always_inline unsigned int
soring_put(void *ring, const void *objs, const size_t esize, unsigned int n, bool burst)
{
	(void)esize;
	return burst ? rte_soring_enqueue_burst(ring, objs, n, NULL)
		     : rte_soring_enqueue_bulk(ring, objs, n, NULL);
}

static __rte_always_inline unsigned int
soring_get(void *ring, void *objs, const size_t esize, unsigned int n, bool burst)
{
	/* dequeue copies as well; nobody looks at that copy */
	static __thread uint8_t unused[KIND_BULK_MAX * KIND_ESIZE_MAX];
	uint32_t token;
	unsigned int k = burst ? rte_soring_acquire_burst(ring, objs, STAGE, n, &token, NULL)
			       : rte_soring_acquire_bulk(ring, objs, STAGE, n, &token, NULL);

	(void)esize;
	if (k > 0)
		rte_soring_release(ring, NULL, STAGE, k, token);
	rte_soring_dequeue_burst(ring, unused, n, NULL);
	return k;
}

LOOPS(soring);

static void *
create(const char *name, uint32_t esize, uint32_t count, int socket_id)
{
	/* one less, as rte_ring keeps one back: else it takes twice the slots */
	const struct rte_soring_param param = {
		.name = name,
		.elems = count - 1,
		.elem_size = esize,
		.stages = 1,
		.prod_synt = RTE_RING_SYNC_MT,
		.cons_synt = RTE_RING_SYNC_MT,
	};
	const ssize_t size = rte_soring_get_memsize(&param);
	struct rte_soring *r = NULL;
	int ret = size < 0 ? (int)size : 0;

	if (ret == 0) {
		r = rte_zmalloc_socket(name, (size_t)size, RTE_CACHE_LINE_SIZE, socket_id);
		ret = r == NULL ? -ENOMEM : rte_soring_init(r, &param);
	}
	if (ret != 0) {
		rte_free(r);
		rte_errno = -ret;
		return NULL;
	}
	return r;
}

const struct kind kind_soring = {
	.name = NAME,
	.what = WHAT,
	.create = create,
	.free = rte_free,
	.loops = soring_loops,
};

#else

const struct kind kind_soring = {
	.name = NAME,
	.what = WHAT,
	.missing = "it came with DPDK 25.03, and this program was built with an older one",
};

#endif
