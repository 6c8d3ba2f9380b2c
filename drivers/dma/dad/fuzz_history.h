/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_HISTORY_H
#define FUZZ_HISTORY_H

/*
 * What several lanes did with one vchan, and whether the driver's answers can be right.
 *
 * Lanes enqueue, submit and reap at the same time. So where a batch ends, and with it whether a
 * fence sees a failure of another lane, is not known in advance. But each call has a begin and an
 * end by a common clock, and tickets are taken in the order of indices. So it is known afterwards,
 * for each two neighbours, whether a batch surely ended between them, perhaps, or surely not; and
 * for each operation, whether it had to be attempted, might be, or had not to be. What was done
 * follows from the statuses: the model is made from them, lane by lane.
 *
 * Operations that the device was told to let fail are told by their statuses, which no other has.
 */

#include "fuzz_request.h"

#define HISTORY_LANES 4
#define ROUND_OPS     20000 /* of all lanes: fewer than there are indices */

struct event {
	struct effect effect;
	uint64_t begin, end; /* of the enqueue */
	uint8_t lane;	     /* 1 + its number in the vchan; 0: there was no such index */
	uint8_t own;	     /* its status, if it is attempted, and not told to fail */
	bool fenced;
};

struct ended { /* a batch, by a submit */
	uint64_t begin, end;
	uint32_t owner; /* the operation that came with it, counted in the round; NOBODY's */
};

#define NOBODY	UINT32_MAX
#define NOT_YET 0xff /* reported */

/* As one of devarg inject's, of one vchan. */
struct rule {
	const char *name;
	uint8_t status;
	unsigned int kind;
	uint32_t min;
	uint64_t every, count;
	/* operations it was about, and which failed by it */
	uint64_t seen, failed;
};

#define RULES 3

struct history {
	unsigned int nb_lanes;
	struct rule rule[RULES];
	unsigned int nb_rules;
	bool in_order; /* operations are done in the order of tickets: so which fail is known */
	uint64_t refuse_every, copies; /* enqueues of copies, and which are refused; 0: none is */
	struct tally tally;
	uint64_t first, clock;		/* tickets before the round; of the round */
	uint64_t enqueued, nb_reported; /* in the round */
	struct event event[65536];	/* by index, as the next */
	uint8_t reported[65536];	/* statuses */
	uint64_t latest[65536];		/* no ticket from here on ... was taken later */
	struct ended submits[HISTORY_LANES][2 * ROUND_OPS];
	uint32_t nb_submits[HISTORY_LANES];
};

static inline uint64_t
tick(struct history *h)
{
	return __atomic_add_fetch(&h->clock, 1, __ATOMIC_ACQ_REL);
}

static inline struct event *
event_at(struct history *h, uint32_t t)
{
	return &h->event[(uint16_t)(h->first + t)];
}

static inline void
history_begin_round(struct history *h)
{
	h->first += h->enqueued;
	h->enqueued = h->nb_reported = h->clock = 0;
	memset(h->reported, NOT_YET, sizeof(h->reported));
	memset(h->nb_submits, 0, sizeof(h->nb_submits));
	for (unsigned int i = 0; i < RTE_DIM(h->event); i++)
		h->event[i].lane = 0;
}

/* ---- where batches ended -------------------------------------------------------------------- */

enum sure { NO, MAYBE, YES };

/* In front of operation t, which was enqueued at `earliest` or later, the one before at `before` or
 * later. Each lane's submits come one after another: those before next[] are too early for any. */
static inline enum sure
batch_ended(struct history *h, uint32_t t, uint64_t before, uint64_t earliest, uint32_t next[])
{
	enum sure answer = NO;

	for (unsigned int i = 0; i < h->nb_lanes; i++) {
		const struct ended *s = h->submits[i], *end = s + h->nb_submits[i];

		while (s + next[i] < end && s[next[i]].end < before)
			next[i]++;
		for (s += next[i]; s < end && s->begin <= h->latest[t]; s++) {
			/* one that comes with an operation comes after it */
			if (s->owner != NOBODY && s->owner >= t)
				continue;
			if (s->end <= earliest &&
				(s->owner == t - 1 || s->begin >= h->latest[t - 1]))
				return YES;
			answer = MAYBE;
		}
	}
	return answer;
}

/* ---- statuses ------------------------------------------------------------------------------- */

/* Of the open batch. */
struct batch {
	enum sure failed, poisoned;
};

static inline struct rule *
rule_about(struct history *h, const struct effect *e)
{
	for (unsigned int i = 0; i < h->nb_rules; i++)
		if (h->rule[i].kind == e->kind && e->len >= h->rule[i].min)
			return &h->rule[i];
	return NULL;
}

/* An operation was attempted: by a rule, or on its own. */
static inline bool
judge_attempt(struct lane *l, struct history *h, const struct event *e, uint8_t status)
{
	struct rule *rule = rule_about(h, &e->effect);
	const bool fails = rule != NULL && status == rule->status;

	agree(fails || status == e->own);
	if (rule == NULL)
		return true;
	rule->seen++;
	rule->failed += fails;
	if (h->in_order)
		agree(fails ==
			(rule->seen % rule->every == 0 && rule->seen / rule->every <= rule->count));
	return true;
}

static inline bool
judge(struct lane *l, struct history *h, const struct event *e, uint8_t status, enum sure ended,
	struct batch *b)
{
	if (ended != NO) {
		const enum sure most = ended == YES ? NO : MAYBE;

		b->failed = RTE_MIN(b->failed, most);
		b->poisoned = RTE_MIN(b->poisoned, most);
	}
	if (e->fenced)
		b->poisoned = RTE_MAX(b->poisoned, b->failed);
	if (status == RTE_DMA_STATUS_NOT_ATTEMPTED) {
		agree(b->poisoned != NO);
		b->failed = b->poisoned = YES;
		return true;
	}
	agree(b->poisoned != YES);
	b->poisoned = NO;
	if (e->fenced)
		b->failed = NO;
	if (status != RTE_DMA_STATUS_SUCCESSFUL)
		b->failed = YES;
	return judge_attempt(l, h, e, status);
}

/* All of the round is reported: can it be true? */
static inline bool
history_agrees(struct lane *l, struct history *h)
{
	uint32_t next[HISTORY_LANES] = {0};
	const uint32_t n = (uint32_t)h->enqueued;
	struct batch batch = {NO, NO};
	uint64_t earliest = 0;

	for (uint32_t t = n; t-- > 0;) {
		const uint64_t end = event_at(h, t)->end;

		h->latest[t] = t + 1 < n ? RTE_MIN(end, h->latest[t + 1]) : end;
	}
	for (uint32_t t = 0; t < n; t++) {
		const struct event *e = event_at(h, t);
		const uint8_t status = h->reported[(uint16_t)(h->first + t)];
		const uint64_t before = earliest;

		/* each index of the round once, and none beside */
		agree(e->lane != 0);
		agree(status != NOT_YET);
		earliest = RTE_MAX(earliest, e->begin);
		const enum sure ended = t == 0 ? YES : batch_ended(h, t, before, earliest, next);
		if (!judge(l, h, e, status, ended, &batch))
			return false;
		tally_add(&h->tally, e->effect.kind, e->effect.len, status);
	}
	return tally_agrees(l, &h->tally);
}

/* A lane's own operations, in their order, as they are said to have gone. */
static inline void
history_replay(struct lane *l, struct history *h, unsigned int lane)
{
	for (uint32_t t = 0; t < h->enqueued; t++) {
		const struct event *e = event_at(h, t);

		if (e->lane == lane + 1 && h->reported[(uint16_t)(h->first + t)] == 0)
			apply(l, &e->effect);
	}
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* The devarg's text for a vchan; behind what is there. */
static inline void
rules_print(const struct history *h, uint16_t vchan, char *text, size_t size)
{
	size_t at = strlen(text);

	for (unsigned int i = 0; i < h->nb_rules; i++) {
		const struct rule *r = &h->rule[i];

		at += (size_t)snprintf(text + at, size - at,
			"%s%s:op:%s:min:%u:every:%u:count:%u:vchan:%u", at > 0 ? "+" : "", r->name,
			dad_stat_opcode_name(r->kind), r->min, (unsigned int)r->every,
			(unsigned int)r->count, vchan);
	}
	if (h->refuse_every > 0)
		snprintf(text + at, size - at, "+enospc:op:copy:every:%u:vchan:%u",
			(unsigned int)h->refuse_every, vchan);
}

/* Each rule has made fail as many as it should, of as many as there were, and the driver says the
 * same of its next ones from `set` on. */
static inline bool
rules_agree(struct lane *l, const struct history *h, struct dad_inject_rule *const *set)
{
	for (unsigned int i = 0; i < h->nb_rules; i++) {
		const struct rule *r = &h->rule[i];

		agree(r->failed == RTE_MIN(r->seen / r->every, r->count));
		agree(set[i]->seen == r->seen && dad_inject_failed(set[i]) == r->failed);
	}
	if (h->refuse_every > 0) {
		agree(set[h->nb_rules]->seen == h->copies);
		agree(h->tally.nospace >= h->copies / h->refuse_every);
	}
	return true;
}

#endif /* FUZZ_HISTORY_H */
