/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring that does wrong on purpose: loaded before libdad_ring, it takes the place of its dequeue
 * calls. Now and then an element is lost, comes twice, comes in the wrong place, or is damaged.
 * RING_FAULT says which, RING_FAULT_ESIZE how large an element is. Not for several consumers.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <dad_ring.h>

#define EVERY 100 /* calls that bring something */

typedef size_t (*dequeue_fn)(struct dad_ring *r, void *objs, size_t n, size_t *available);

static size_t
spoil(uint8_t *objs, size_t n)
{
	static unsigned int calls;
	const char *fault = getenv("RING_FAULT");
	const char *size = getenv("RING_FAULT_ESIZE");
	uint8_t kept[DAD_RING_ESIZE_MAX];

	if (fault == NULL || size == NULL || n < 2 || ++calls % EVERY != 0)
		return n;
	const size_t esize = (size_t)atoi(size);
	uint8_t *last = objs + (n - 1) * esize;

	if (strcmp(fault, "lose") == 0)
		return n - 1;
	if (strcmp(fault, "double") == 0) {
		memcpy(last, objs, esize);
	} else if (strcmp(fault, "swap") == 0) {
		memcpy(kept, last, esize);
		memcpy(last, objs, esize);
		memcpy(objs, kept, esize);
	} else {
		last[esize / 2] ^= 1;
	}
	return n;
}

size_t
dad_ring_dequeue_bulk(struct dad_ring *r, void *objs, size_t n, size_t *available)
{
	dequeue_fn next = (dequeue_fn)dlsym(RTLD_NEXT, "dad_ring_dequeue_bulk");

	return spoil(objs, next(r, objs, n, available));
}

size_t
dad_ring_dequeue_burst(struct dad_ring *r, void *objs, size_t n, size_t *available)
{
	dequeue_fn next = (dequeue_fn)dlsym(RTLD_NEXT, "dad_ring_dequeue_burst");

	return spoil(objs, next(r, objs, n, available));
}
