/* SPDX-License-Identifier: BSD-3-Clause */
/* What a programmer without a lockless ring would write: one lock around everything. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "loops.h"

struct mutex_ring {
	pthread_mutex_t lock;
	uint32_t mask;
	uint64_t head, tail; /* of consumers, of producers */
	uint8_t elems[] LINES_APART;
};

/* n elements from a position on: the part up to the end of the array, and the rest. */
static inline uint32_t
until_wrap(const struct mutex_ring *r, uint64_t position, uint32_t n)
{
	return RTE_MIN(n, r->mask + 1 - (uint32_t)(position & r->mask));
}

static __rte_always_inline unsigned int
mutex_put(void *ring, const void *objs, const size_t esize, unsigned int n, bool burst)
{
	struct mutex_ring *r = ring;

	pthread_mutex_lock(&r->lock);
	const uint64_t room = r->mask + 1 - (r->tail - r->head);
	if (n > room)
		n = burst ? (unsigned int)room : 0;
	if (n > 0) {
		const uint32_t part = until_wrap(r, r->tail, n);

		memcpy(r->elems + (r->tail & r->mask) * esize, objs, part * esize);
		memcpy(r->elems, (const uint8_t *)objs + part * esize, (n - part) * esize);
		r->tail += n;
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}

static __rte_always_inline unsigned int
mutex_get(void *ring, void *objs, const size_t esize, unsigned int n, bool burst)
{
	struct mutex_ring *r = ring;

	pthread_mutex_lock(&r->lock);
	const uint64_t there = r->tail - r->head;
	if (n > there)
		n = burst ? (unsigned int)there : 0;
	if (n > 0) {
		const uint32_t part = until_wrap(r, r->head, n);

		memcpy(objs, r->elems + (r->head & r->mask) * esize, part * esize);
		memcpy((uint8_t *)objs + part * esize, r->elems, (n - part) * esize);
		r->head += n;
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}

LOOPS(mutex);

static void *
create(const char *name, uint32_t esize, uint32_t count, int socket_id)
{
	struct mutex_ring *r = rte_zmalloc_socket(name, sizeof(*r) + (size_t)esize * count,
		__alignof__(struct mutex_ring), socket_id);

	if (r == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	r->mask = count - 1;
	return r;
}

static void
destroy(void *ring)
{
	struct mutex_ring *r = ring;

	pthread_mutex_destroy(&r->lock);
	rte_free(r);
}

const struct kind kind_mutex = {
	.name = "mutex",
	.what = "a ring behind a pthread mutex",
	.sleeps = true,
	.create = create,
	.free = destroy,
	.loops = mutex_loops,
};
