/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "dad_halt.h"
#include "dad_serve.h"

/*
 * `claimed` is twice the ticket of the next group, plus 1 if the batch of the last one is poisoned:
 * something of it failed, and a fence came after. So who claims a group also knows, and says,
 * whether it may be attempted; whoever is overtaken has said nothing.
 */
struct claim {
	uint64_t first;
	unsigned int n;
	bool poisoned;
};

/* ---- claims -------------------------------------------------------------------------------- */

/* Is there a group at this ticket, and of which kind? */
static bool
is_submitted(const struct dad_vchan *vc, uint64_t ticket, enum dad_kind *kind)
{
	/* S1: pairs with the releases in publish(), dad_submit.c, and fill_in(), dad_mt.c */
	uint8_t tag = ring_tag_at(dad_vchan_filled(vc), ticket, __ATOMIC_ACQUIRE);

	*kind = tag & DAD_KIND_MASK;
	return (tag & RING_TAG_LAP) == ring_tag_of(dad_vchan_filled(vc), ticket);
}

/* One that waits for all before it: are they done, and may it be attempted? */
static bool
may_begin(const struct dad_vchan *vc, uint64_t ticket)
{
	/* F1: pairs with the release in finish(): data, and what failed, of all before */
	if (vc->shared && __atomic_load_n(&vc->finished, __ATOMIC_ACQUIRE) != ticket)
		return false;
	return !dad_halt_is(vc);
}

/* The group of c, of a kind, becomes the caller's, if claimed is still as it was. */
static inline bool
take(struct dad_vchan *vc, uint64_t claimed, enum dad_kind kind, struct claim *c)
{
	const uint64_t end = c->first + c->n;

	c->poisoned = kind != DAD_KIND_BATCH && (claimed & 1);
	if (unlikely(kind == DAD_KIND_FENCE || vc->ordered) && !may_begin(vc, c->first))
		return false;
	if (unlikely(kind == DAD_KIND_FENCE)) {
		/* relaxed: it may be another lap's by now, and then the CAS fails */
		unsigned int depth =
			__atomic_load_n(&dad_vchan_slot(vc, c->first)->depth, __ATOMIC_RELAXED) &
			DAD_DEPTH_MASK;

		c->poisoned =
			depth > 0 && (c->poisoned || dad_exec_has_failed(vc, c->first - depth));
	}
	if (!vc->shared) {
		__atomic_store_n(&vc->claimed, end << 1 | c->poisoned, __ATOMIC_RELAXED);
		return true;
	}
	/* C1, both ways. Tickets never come again: if others have overtaken, this fails */
	return __atomic_compare_exchange_n(&vc->claimed, &claimed, end << 1 | c->poisoned, false,
		__ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* The next group of a vchan becomes the caller's, if there is one. */
static inline bool
claim(struct dad_vchan *vc, bool backlog_only, uint64_t *quiet, struct claim *c)
{
	uint64_t most = vc->most, bell = UINT64_MAX;
	enum dad_kind kind, next;

	if (vc->belled) {
		/* B1: pairs with the releases in publish(), dad_submit.c, and ring_bell(), dad_mt.c
		 */
		bell = __atomic_load_n(&vc->bell, __ATOMIC_ACQUIRE);
		/* so a bell that does not ring is all that an idle worker looks at */
		if (quiet != NULL && *quiet == bell)
			return false;
	}
	/* C1: pairs with the CAS in take(), in another thread: its batch may be poisoned */
	uint64_t claimed = __atomic_load_n(&vc->claimed, __ATOMIC_ACQUIRE);
	const uint64_t ticket = claimed >> 1;

	if (vc->belled) {
		if ((int64_t)(bell - ticket) <= 0) {
			if (quiet != NULL)
				*quiet = bell;
			return false;
		}
		most = RTE_MIN(most, bell - ticket);
	}
	if (!is_submitted(vc, ticket, &kind))
		return false;
	c->first = ticket;
	c->n = 1;
	if (likely(most > 1))
		c->n += (unsigned int)ring_look(dad_vchan_filled(vc), ticket + 1, most - 1);
	const uint64_t end = ticket + c->n;
	if (backlog_only && (end == bell || !is_submitted(vc, end, &next)))
		return false;
	return take(vc, claimed, kind, c);
}

/* ---- a part of a large operation --------------------------------------------------------------
 *
 * Who claims a large operation opens it, if no other one of the vchan is open. `word` then names
 * it, and the next part: a part is taken by the CAS that counts it up. Who does the last part that
 * is left finishes the operation.
 */

static void
finish(struct dad_vchan *vc, uint64_t first, unsigned int n, bool failed)
{
	if (vc->shared)
		/* F1: pairs with the acquire in take() */
		__atomic_fetch_add(&vc->finished, n, __ATOMIC_RELEASE);
	else
		dad_stat_add(&vc->finished, n, false);
	/* D1: pairs with the acquires in poll_tags(), dad_complete.c, and done_from(), dad_mt.c */
	ring_publish(dad_vchan_emptied(vc), first, n, failed ? DAD_TAG_FAILED : 0);
}

static void
finish_split(struct dad_vchan *vc, uint64_t ticket)
{
	struct dad_split *s = &vc->split;
	uint32_t bad = __atomic_load_n(&s->bad, __ATOMIC_RELAXED);
	bool failed = bad != UINT32_MAX;

	if (failed)
		dad_exec_fail(vc, ticket, (uint8_t)bad);
	const struct dad_desc desc = dad_vchan_desc(vc, ticket);

	dad_stat_done_one(vc, &desc, failed ? (uint8_t)bad : 0);
	dad_stat_add(&vc->stat.parts, s->parts, true);
	__atomic_store_n(&s->word, 0, __ATOMIC_RELAXED);
	/* P2: pairs with the acquire in open_split(): nobody is at it any more */
	__atomic_store_n(&s->taken, 0, __ATOMIC_RELEASE);
	finish(vc, ticket, 1, failed);
}

/* The first part that fails gives the operation its status, as if it was done in one piece. */
static void
note_bad_part(struct dad_split *s, uint32_t part, uint16_t status)
{
	uint32_t mine = part << 8 | status;
	uint32_t bad = __atomic_load_n(&s->bad, __ATOMIC_RELAXED);

	while (mine < bad &&
		!__atomic_compare_exchange_n(
			&s->bad, &bad, mine, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Do one part of the open operation. False if there is none to be taken. */
static bool
serve_part(const struct dad_exec *x, struct dad_vchan *vc)
{
	struct dad_split *s = &vc->split;
	/* P1: pairs with the release in open_split(): the operation, and how many parts it has */
	uint64_t word = __atomic_load_n(&s->word, __ATOMIC_ACQUIRE);
	uint32_t part = word & 0xffff;

	/* if it is another operation's by now, the CAS fails */
	if (word == 0 || part >= __atomic_load_n(&s->parts, __ATOMIC_RELAXED))
		return false;
	if (!__atomic_compare_exchange_n(
		    &s->word, &word, word + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return true;

	/* from here on it stays open until this part is done */
	const uint64_t claimed = __atomic_load_n(&vc->claimed, __ATOMIC_RELAXED) >> 1;
	/* the word has 48 bits of the ticket, which is at most a lap behind `claimed` */
	const uint64_t ticket = claimed - ((claimed - ((word >> 16) - 1)) & (UINT64_MAX >> 16));
	const struct dad_desc desc = dad_vchan_desc(vc, ticket);
	uint16_t status =
		dad_exec_part(x, vc, &desc, (uint64_t)part * DAD_SPLIT_PART, DAD_SPLIT_PART);

	if (status != 0)
		note_bad_part(s, part, status);
	/* P3: with itself: the last one sees the data, and what failed, of all parts */
	if (__atomic_fetch_sub(&s->left, 1, __ATOMIC_ACQ_REL) == 1)
		finish_split(vc, ticket);
	return true;
}

/* True if others may help with the operation from now on: then it finishes itself. */
static bool
open_split(const struct dad_exec *x, struct dad_vchan *vc, uint64_t ticket)
{
	struct dad_split *s = &vc->split;
	const struct dad_desc desc = dad_vchan_desc(vc, ticket);
	uint32_t none = 0;

	if (desc.length < DAD_SPLIT_MIN || !dad_exec_can_part(x, &desc))
		return false;
	/* P2: pairs with the release in finish_split() */
	if (!__atomic_compare_exchange_n(
		    &s->taken, &none, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	uint32_t parts = (uint32_t)(((uint64_t)desc.length + DAD_SPLIT_PART - 1) / DAD_SPLIT_PART);

	__atomic_store_n(&s->parts, parts, __ATOMIC_RELAXED);
	__atomic_store_n(&s->left, parts, __ATOMIC_RELAXED);
	__atomic_store_n(&s->bad, UINT32_MAX, __ATOMIC_RELAXED);
	/* P1: pairs with the acquire in serve_part() */
	__atomic_store_n(&s->word, (ticket + 1) << 16, __ATOMIC_RELEASE);
	return true;
}

/* ---- groups ------------------------------------------------------------------------------- */

/* Large operations come in groups of one or a few: then how many more are behind them. Not where
 * others may take them. */
static unsigned int
come_after(const struct dad_vchan *vc, const struct claim *c)
{
	const uint64_t end = c->first + c->n;
	enum dad_kind kind;

	if (vc->shared || c->n > 4 || !is_submitted(vc, end, &kind))
		return 0;
	/* and in time for the one after that */
	rte_prefetch0(dad_vchan_packed(vc, end + 1));
	return 1;
}

static bool
execute(const struct dad_exec *x, struct dad_vchan *vc, const struct claim *c)
{
	if (unlikely(c->poisoned)) {
		dad_exec_skip(vc, c->first, c->n);
		return true;
	}
	/* From the last to the first: the CPU's prefetchers follow the direction, and upwards they
	 * would take lines that the submitter is just writing. */
	for (unsigned int i = c->n; i > 0; i -= RTE_MIN(i, (unsigned int)DAD_LINE_DESCS))
		rte_prefetch0(dad_vchan_packed(vc, c->first + i - 1));
	return dad_exec_group(x, vc, c->first, c->n, come_after(vc, c));
}

bool
dad_serve(const struct dad_exec *x, struct dad_vchan *vc, bool backlog_only, uint64_t *quiet)
{
	struct claim c;

	if (vc->shared && unlikely(serve_part(x, vc)))
		return true;
	if (!claim(vc, backlog_only, quiet, &c))
		return false;
	if (vc->shared && c.n == 1 && !c.poisoned && open_split(x, vc, c.first)) {
		while (serve_part(x, vc) && !vc->pooled)
			;
		return true;
	}
	finish(vc, c.first, c.n, execute(x, vc, &c));
	return true;
}

bool
dad_serve_own(const struct dad_exec *x, struct dad_vchan *vc, uint64_t ticket, unsigned int n,
	enum dad_kind kind)
{
	struct claim c = {.first = ticket, .n = n};
	/* C1: pairs with the CAS in take() */
	uint64_t claimed = __atomic_load_n(&vc->claimed, __ATOMIC_ACQUIRE);

	if (claimed >> 1 != ticket || !take(vc, claimed, kind, &c))
		return false;
	bool failed = c.poisoned;

	if (unlikely(failed))
		dad_exec_skip(vc, ticket, n);
	else
		failed = dad_exec_group(x, vc, ticket, n, 0);
	finish(vc, ticket, n, failed);
	return true;
}
