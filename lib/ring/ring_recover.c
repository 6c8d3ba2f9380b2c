/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recovery. A hole is a ticket that was taken and not marked. Whose is it? Its taker had noted it
 * before it took it (edge I), and forgets it only after it has marked it. So in this order:
 *
 *    1  which owners are dead: they do nothing any more
 *    2  load next of both sides (acquire): this sees the notes of all who took tickets below
 *    3  load the notes of all owners but the dead
 *    4  look at the tags: a ticket below next that is not marked, and in none of these notes, is
 *       nobody's
 *
 * If its taker lived, its note was there at 3, or had been overwritten or forgotten since, and then
 * the mark is there at 4. The two words of a note may be of different age, for the same reason: a
 * length that goes with a ticket below next is there by 2, and whoever has changed the ticket since
 * has marked the old one. A note may also be of an attempt that failed; then it hides somebody
 * else's hole until its writer goes on.
 *
 * One at a time: what is nobody's is then changed by nobody but us.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "dad_ring.h"
#include "ring_noted.h"

/* The tickets that the living hold. */
struct held {
	struct ring_intent span[RING_OWNERS * RING_OWNER_SPANS];
	unsigned int n;
};

struct survey {
	uint64_t dead[RING_OWNERS]; /* ids, by place; 0: not dead */
	uint64_t prod_next, cons_next;
	struct held held[2]; /* by producers, by consumers */
};

static void
find_dead(const struct ring_owners *owners, struct survey *s)
{
	for (unsigned int i = 0; i < RING_OWNERS; i++) {
		/* I: acquire */
		uint64_t id = __atomic_load_n(&owners->owner[i].id, __ATOMIC_ACQUIRE);

		s->dead[i] = id != 0 && ring_owner_is_dead(id) ? id : 0;
	}
}

static void
find_held(const struct ring_owners *owners, struct survey *s)
{
	for (unsigned int i = 0; i < RING_OWNERS; i++) {
		const struct ring_owner *owner = &owners->owner[i];

		/* I: acquire; one that came into the place of a dead one counts as living */
		uint64_t id = __atomic_load_n(&owner->id, __ATOMIC_ACQUIRE);
		if (id == 0 || id == s->dead[i])
			continue;
		for (unsigned int k = 0; k < RING_OWNER_SPANS; k++) {
			/* I: acquire, in this order */
			uint64_t length =
				__atomic_load_n(&owner->intent[k].length, __ATOMIC_ACQUIRE);
			uint64_t ticket =
				__atomic_load_n(&owner->intent[k].ticket, __ATOMIC_ACQUIRE);
			struct held *held = &s->held[length & RING_INTENT_CONSUMER ? 1 : 0];

			length &= ~RING_INTENT_CONSUMER;
			if (length != 0)
				held->span[held->n++] = (struct ring_intent){ticket, length};
		}
	}
}

static bool
is_held(const struct held *held, uint64_t ticket)
{
	for (unsigned int i = 0; i < held->n; i++)
		if (ticket - held->span[i].ticket < held->span[i].length)
			return true;
	return false;
}

/* Is the ticket's mark that of the lap before? */
static bool
is_unmarked(struct ring_track track, uint64_t ticket)
{
	/* F, E: acquire */
	uint8_t tag = ring_tag_at(track, ticket, __ATOMIC_ACQUIRE);

	return (tag & RING_TAG_LAP) == ring_tag_of(track, ticket - track.mask - 1);
}

/* Void what dead producers have left. A hole stops consumers, so it lies before none of them. */
static uint64_t
fill_holes(struct dad_ring *r, const struct survey *s)
{
	const struct ring_track filled = ring_filled(r);
	uint64_t n = 0;

	for (uint64_t t = s->cons_next; t < s->prod_next; t++) {
		if (!is_unmarked(filled, t) || is_held(&s->held[0], t))
			continue;
		/* The ring may have gone round since, and the tag be of 64 laps later. Not if
		 * consumers have not come here: T, acquire. */
		if (__atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE) > t)
			continue;
		ring_publish(filled, t, 1, RING_TAG_VOID);
		n++;
	}
	return n;
}

/* Give back what dead consumers have kept. It stops producers, one capacity later. */
static uint64_t
empty_holes(struct dad_ring *r, const struct survey *s)
{
	const struct ring_track emptied = ring_emptied(r);
	const uint64_t first = s->prod_next - r->capacity;
	uint64_t n = 0;

	for (uint64_t t = first; t < s->cons_next; t++) {
		if (!is_unmarked(emptied, t) || is_held(&s->held[1], t))
			continue;
		/* As above, and T again. */
		if (__atomic_load_n(&r->prod.next, __ATOMIC_ACQUIRE) > t + r->capacity)
			continue;
		ring_publish(emptied, t, 1, 0);
		n++;
	}
	return n;
}

/*
 * Their places become free; those that had something in their hands are counted. Somebody may take
 * a place with nothing in it meanwhile: so it must be ours before it is cleared.
 */
static uint64_t
bury(struct ring_owners *owners, const struct survey *s, uint64_t self)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < RING_OWNERS; i++) {
		struct ring_owner *owner = &owners->owner[i];
		uint64_t id = s->dead[i];
		bool held = false;

		if (id == 0 ||
			!__atomic_compare_exchange_n(
				&owner->id, &id, self, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		for (unsigned int k = 0; k < RING_OWNER_SPANS; k++) {
			if (__atomic_load_n(&owner->intent[k].length, __ATOMIC_RELAXED) == 0)
				continue;
			held = true;
			ring_forget(&owner->intent[k]);
		}
		n += held;
		/* I: release */
		__atomic_store_n(&owner->id, 0, __ATOMIC_RELEASE);
	}
	return n;
}

static int
lock(struct ring_owners *owners, uint64_t id)
{
	uint64_t holder = 0;

	/* Acquire; pairs with the release in dad_ring_recover(): one sees what the last one did. */
	while (!__atomic_compare_exchange_n(
		&owners->recovering, &holder, id, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		if (holder != 0 && !ring_owner_is_dead(holder))
			return -EBUSY;
	return 0;
}

int
dad_ring_recover(struct dad_ring *r, struct dad_ring_recovered *res)
{
	struct dad_ring_recovered done = {0};

	if (res != NULL)
		*res = done;
	if ((r->flags & DAD_RING_OWNERS) == 0)
		return -ENOTSUP;
	struct ring_owners *owners = ring_owners(r);
	const uint64_t id = ring_owner_self();
	if (id == 0 || ring_owner_is_dead(id))
		return -EIO;
	struct survey *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	int ret = lock(owners, id);
	if (ret == 0) {
		find_dead(owners, s);
		/* T: acquire. Consumers never pass producers: theirs first. */
		s->cons_next = __atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE);
		s->prod_next = __atomic_load_n(&r->prod.next, __ATOMIC_ACQUIRE);
		find_held(owners, s);
		done.reserved = fill_holes(r, s);
		done.claimed = empty_holes(r, s);
		done.owners = bury(owners, s, id);
		/* Relaxed on failure: nobody takes it from the living. */
		uint64_t mine = id;
		__atomic_compare_exchange_n(
			&owners->recovering, &mine, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	}
	free(s);
	if (res != NULL)
		*res = done;
	return ret;
}
