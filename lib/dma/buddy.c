/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "buddy.h"

#define MAX_ORDER 30 /* pages are counted in 32 bits */

/* What starts at a page. Pages inside a block are INSIDE. */
enum { INSIDE = 0, FREE = 0x40, TAKEN = 0x80 };

/* A page that is free has neighbours, and one that is not has an owner. */
union link {
	struct {
		uint32_t next;
		uint32_t prev;
	};
	const void *owner;
};

struct buddy {
	unsigned int max_order;
	uint32_t n_free;	      /* pages */
	uint32_t head[MAX_ORDER + 1]; /* free blocks of each order */
	uint8_t *state;		      /* a page: FREE | order, TAKEN | order, or INSIDE */
	union link *link;	      /* a page: neighbours in its free list, or its owner */
};

/* The bytes of blocks that are taken are changed without the lock. */
static void
set_state(struct buddy *b, uint32_t page, unsigned int state)
{
	__atomic_store_n(&b->state[page], (uint8_t)state, __ATOMIC_RELAXED);
}

static void
list_insert(struct buddy *b, uint32_t page, unsigned int order)
{
	uint32_t first = b->head[order];

	b->link[page] = (union link){.next = first, .prev = BUDDY_NONE};
	if (first != BUDDY_NONE)
		b->link[first].prev = page;
	b->head[order] = page;
	set_state(b, page, FREE | order);
}

static void
list_remove(struct buddy *b, uint32_t page, unsigned int order)
{
	union link at = b->link[page];

	if (at.prev == BUDDY_NONE)
		b->head[order] = at.next;
	else
		b->link[at.prev].next = at.next;
	if (at.next != BUDDY_NONE)
		b->link[at.next].prev = at.prev;
	set_state(b, page, INSIDE);
}

struct buddy *
buddy_create(unsigned int max_order)
{
	if (max_order > MAX_ORDER)
		return NULL;
	size_t pages = (size_t)1 << max_order;
	struct buddy *b = calloc(1, sizeof(*b));
	if (b == NULL)
		return NULL;
	b->max_order = max_order;
	b->state = calloc(pages, sizeof(*b->state));
	b->link = calloc(pages, sizeof(*b->link));
	if (b->state == NULL || b->link == NULL) {
		buddy_destroy(b);
		return NULL;
	}
	for (unsigned int order = 0; order <= max_order; order++)
		b->head[order] = BUDDY_NONE;
	list_insert(b, 0, max_order);
	b->n_free = (uint32_t)pages;
	return b;
}

void
buddy_destroy(struct buddy *b)
{
	if (b == NULL)
		return;
	free(b->state);
	free(b->link);
	free(b);
}

uint32_t
buddy_take(struct buddy *b, unsigned int order)
{
	unsigned int from = order;

	while (from <= b->max_order && b->head[from] == BUDDY_NONE)
		from++;
	if (from > b->max_order)
		return BUDDY_NONE;

	uint32_t page = b->head[from];
	list_remove(b, page, from);
	/* keep the lower half each time */
	while (from > order) {
		from--;
		list_insert(b, page + (UINT32_C(1) << from), from);
	}
	set_state(b, page, TAKEN | order);
	b->n_free -= UINT32_C(1) << order;
	return page;
}

bool
buddy_claim(struct buddy *b, uint32_t page, unsigned int order)
{
	if (order > b->max_order || (page >> b->max_order) != 0)
		return false;
	uint8_t expected = (uint8_t)(TAKEN | order);

	/* of two who claim the same block, one is right */
	return __atomic_compare_exchange_n(
		&b->state[page], &expected, INSIDE, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void
buddy_unclaim(struct buddy *b, uint32_t page, unsigned int order)
{
	set_state(b, page, TAKEN | order);
}

void
buddy_release(struct buddy *b, uint32_t page, unsigned int order)
{
	b->n_free += UINT32_C(1) << order;
	while (order < b->max_order) {
		uint32_t other = page ^ (UINT32_C(1) << order);

		if (__atomic_load_n(&b->state[other], __ATOMIC_RELAXED) != (FREE | order))
			break;
		list_remove(b, other, order);
		page &= ~(UINT32_C(1) << order);
		order++;
	}
	list_insert(b, page, order);
}

void
buddy_set_owner(struct buddy *b, uint32_t page, const void *owner)
{
	/* who frees what is not theirs may look at it meanwhile */
	__atomic_store_n(&b->link[page].owner, owner, __ATOMIC_RELAXED);
}

const void *
buddy_owner(const struct buddy *b, uint32_t page)
{
	return __atomic_load_n(&b->link[page].owner, __ATOMIC_RELAXED);
}

bool
buddy_give(struct buddy *b, uint32_t page, unsigned int order)
{
	if (!buddy_claim(b, page, order))
		return false;
	buddy_release(b, page, order);
	return true;
}

uint32_t
buddy_free_pages(const struct buddy *b)
{
	return b->n_free;
}

bool
buddy_is_empty(const struct buddy *b)
{
	return b->head[b->max_order] != BUDDY_NONE;
}
