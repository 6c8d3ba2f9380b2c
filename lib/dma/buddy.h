/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BUDDY_H
#define BUDDY_H

/* Buddy allocator of page numbers. It never touches the pages: its state lies apart, where stray
 * DMA cannot reach it. Not thread-safe, but for claims: those of taken pages may be made, and
 * taken back, at any time. */

#include <stdbool.h>
#include <stdint.h>

struct buddy;

#define BUDDY_NONE UINT32_MAX

/* For 2^max_order pages, all free; NULL when out of memory. */
struct buddy *buddy_create(unsigned int max_order);
void buddy_destroy(struct buddy *b);

/* First page of 2^order free pages (a multiple of 2^order), now taken; or BUDDY_NONE. */
uint32_t buddy_take(struct buddy *b, unsigned int order);

/* Give back what was taken with that order. False, and nothing changed, if it was not. */
bool buddy_give(struct buddy *b, uint32_t page, unsigned int order);

/* The same in two steps: claim, and release; or unclaim, and they are taken as before. Claimed
 * pages are not free yet, and nobody else can give them back. */
bool buddy_claim(struct buddy *b, uint32_t page, unsigned int order);
void buddy_unclaim(struct buddy *b, uint32_t page, unsigned int order);
void buddy_release(struct buddy *b, uint32_t page, unsigned int order);

/* Whose pages these are, which are taken or claimed: kept until they are released. */
void buddy_set_owner(struct buddy *b, uint32_t page, const void *owner);
const void *buddy_owner(const struct buddy *b, uint32_t page);

/* How many are free; claimed pages are not. */
uint32_t buddy_free_pages(const struct buddy *b);

/* Nothing is taken. */
bool buddy_is_empty(const struct buddy *b);

#endif /* BUDDY_H */
