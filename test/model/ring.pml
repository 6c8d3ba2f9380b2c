/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring of lib/ring as a model for spin: what README.md here says. Every statement, or atomic
 * block, touches shared memory at most once, so a process may be interrupted between any two
 * accesses, or for ever. Where an atomic block does more, the rest is local or is a ghost: a
 * variable that no process decides by, written to state what ought to be true.
 *
 * Given by -D: SLOTS, CAP, TAGS, TICKETS, NP, NC, BULK, and the switches below.
 */

#ifndef SLOTS
#define SLOTS 2     /* slots of the arrays */
#endif
#ifndef CAP
#define CAP SLOTS   /* capacity: fewer than SLOTS in an EXACT ring */
#endif
#ifndef TAGS
#define TAGS 2      /* what a tag keeps of the lap: lap modulo TAGS */
#endif
#ifndef TICKETS
#define TICKETS 6   /* tickets in all; then everybody ends */
#endif
#ifndef NP
#define NP 2
#endif
#ifndef NC
#define NC 1
#endif
#ifndef BULK
#define BULK 1      /* 1 or 2: tickets that a call asks for at most */
#endif
#ifndef ALL
#define ALL 0       /* 1: as many or none, as the _bulk calls; 0: what there is, as _burst */
#endif
#ifndef WORDS
#define WORDS 1
#endif

#if defined(PARTIAL) || defined(OWNERS)
#define VOIDS       /* some slots are given back without an element */
#endif

/* Tickets begin in the second lap: all of the first counts as emptied. */
#define START SLOTS
#define LIMIT (START + TICKETS)

#define PROD 0      /* sides; also the tracks that they write: filled[] and emptied[] */
#define CONS 1
#define FILLED PROD
#define EMPTIED CONS

#define SLOT(t) ((t) % SLOTS)
#define BIT(t)  (1 << ((t) - START))

#ifdef ONE_TRACK    /* not the ring: the design with one tag array for both directions */
#define AT(track, t)   SLOT(t)
#define MARK(track, t) ((2 * ((t) / SLOTS) + 1 + (track)) % TAGS)
#define TAG_BYTES      SLOTS
#define FIRST_TAG      MARK(EMPTIED, 0)
#else
#define AT(track, t)   ((track) * SLOTS + SLOT(t))
#define MARK(track, t) (((t) / SLOTS) % TAGS)
#define TAG_BYTES      (2 * SLOTS)
#define FIRST_TAG      0
#endif
#define VOID_FLAG TAGS  /* a tag is a mark, and perhaps this */
#define IS_MARKED(track, t) (tag[AT(track, t)] == MARK(track, t))
#define IS_VOID(t)          (tag[AT(FILLED, t)] == MARK(FILLED, t) + VOID_FLAG)

/* ---- shared memory ---------------------------------------------------------------------- */

byte next[2] = START;
byte known[2] = 0;
byte tag[TAG_BYTES] = FIRST_TAG;
byte word0[SLOTS];      /* an element, in two words; its value is its ticket */
#if WORDS == 2
byte word1[SLOTS];
#endif

/* ---- ghosts ----------------------------------------------------------------------------- */

int marked[2];          /* tickets that were truly filled, truly emptied */
int voided;             /* tickets whose slot was given back without an element */
byte owner[SLOTS];      /* who may touch the slot's element: 0 nobody, else process + 1 */
#ifdef WATCHED
bool in_call[NP + NC];  /* for the formula of progress */
#endif

#define TRUE_MARK(track, t) ((t) < START || (marked[track] & BIT(t)) != 0)
#define TRUE_VOID(t)        ((t) >= START && (voided & BIT(t)) != 0)
#define READY(track, t)     (TRUE_MARK(track, t) && ((track) == EMPTIED || !TRUE_VOID(t)))

/* ---- what MUTANT breaks, to see that it is found ------------------------------------------- */

#define NONE 0
#define NO_CAS 1            /* next is stored without a compare */
#define TAG_BEFORE_COPY 2
#define KNOWN_TOO_FAR 3     /* a hint about a ticket that was not seen */
#define NO_SECOND_LOOK 4    /* "full" or "empty" without looking at next again */
#define ONE_LAP_PER_RUN 5   /* a run of tags that wraps gets the lap of its first ticket */
#define LAG_OF_SLOTS 6      /* an EXACT ring whose producers ask about the slot only */
#define WAIT_FOR_ELDERS 7   /* marks are set in the order of tickets, as rte_ring does */
#define LOST_MARK 8         /* the last tag of a run of two is forgotten */
#define HINT_IS_FACT 9      /* who finds a hint takes the tickets without a compare */
#define RETRY_FOR_EVER 10   /* a refused call looks again until it is served */
#define INTENT_AFTER_CAS 20
#define CLEAR_BEFORE_MARK 21
#define INTENTS_BEFORE_NEXT 22
#define NO_LAP_CHECK 23     /* recover does not look at next again after the tag */
#define NO_INTENTS 25       /* recover asks nobody */
#define NO_LOCK 26          /* two recover at once, each by compare-and-swap of the tag */
#define RECOVER_ONE_SIDE 27 /* recover forgets the consumers */

#ifndef MUTANT
#define MUTANT NONE
#endif

#if MUTANT == LAG_OF_SLOTS
#define LAG SLOTS
#else
#define LAG CAP
#endif

#ifdef OWNERS
#include "recover.pml"
#else
inline announce() { skip }
inline withdraw() { skip }
inline cancel() { skip }
#define OR_DIE
#endif

#ifdef LOOK_AHEAD   /* as far as the tags can tell: a whole lap */
#define AHEAD SLOTS
#else
#define AHEAD n
#endif

/* ---- claim ------------------------------------------------------------------------------- */

/* Ghosts of a successful compare-and-swap: each slot was nobody's, and ready. */
inline own(side, lag)
{
	j = first;
	do
	:: j < first + got ->
		assert(owner[SLOT(j)] == 0);
		owner[SLOT(j)] = me + 1;
		assert(TRUE_MARK(1 - side, j - lag));
		assert(side == CONS || TRUE_MARK(EMPTIED, j - CAP));
		j++
	:: else -> break
	od;
	j = 0
}

/* Take up to n tickets: sets first and got; got 0 is a refusal. */
inline claim(side, lag)
{
	skip;				/* leaves an atomic block that jumped here */
	atomic {
		first = next[side];		/* T: load */
		if
		:: first == LIMIT -> goto done
		:: else
		fi;
		if
		:: n > LIMIT - first -> n = LIMIT - first
		:: else
		fi
	}
	atomic {
		u = known[side];		/* K: load */
		got = n;
#if MUTANT == HINT_IS_FACT
		hint = (u >= first + n);
#endif
		if
		:: u < first -> u = first
		:: else
		fi
	}
	if
	:: u < first + n ->
		do				/* F or E: a tag a step */
		:: atomic { u < first + AHEAD && IS_MARKED(1 - side, u - lag) ->
			assert(next[side] != first || READY(1 - side, u - lag));
			seen = true;
			u++ }
		:: atomic { u < first + AHEAD && !IS_MARKED(1 - side, u - lag) ->
			assert(next[side] != first || !READY(1 - side, u - lag));
#ifdef VOIDS
			/* the ring reads the tag once more: a void stays one while next stays */
			hint = (side == CONS && IS_VOID(u));
#endif
			stale = (next[side] != first);
			break }
		:: u >= first + AHEAD -> break
		od;
#if MUTANT == KNOWN_TOO_FAR
		u++;
#endif
#ifdef NO_HINTS
		seen = false;
#else
		if
		:: seen -> atomic { known[side] = u; seen = false }	/* K: store */
		:: else
		fi;
#endif
		if
		:: u - first < got -> got = (ALL -> 0 : u - first)
		:: else
		fi;
		if
		:: got == 0 ->
			u = 0;
#ifdef VOIDS
			if
			:: hint -> hint = false; stale = false; goto past_voids
			:: else
			fi;
#endif
			if
#if MUTANT == NO_SECOND_LOOK
			:: atomic { true -> assert(!stale); goto refused }
#elif MUTANT == RETRY_FOR_EVER
			:: atomic { true -> stale = false; goto again }
#else
			/* T: load. Unmoved: the answer was true when the tag was read. */
			:: atomic { next[side] == first -> assert(!stale); goto refused }
			:: atomic { next[side] != first -> stale = false; goto again }
#endif
			fi
		:: else
		fi
	:: else
	fi;
	u = 0;
#ifdef VOIDS
	hint = false;
#endif
#if MUTANT != INTENT_AFTER_CAS
	announce();
#endif
	if
	:: atomic {				/* T: compare-and-swap */
		true ->
		stale = false;
		if
#if MUTANT == NO_CAS
		:: true ->
#elif MUTANT == HINT_IS_FACT
		:: next[side] == first || hint ->
#else
		:: next[side] == first ->
#endif
			next[side] = first + got;
			n = 0;
			own(side, lag)
		:: else -> goto again
		fi }
	OR_DIE
	fi;
#if MUTANT == INTENT_AFTER_CAS
	announce();
#endif
}

#ifdef VOIDS
/*
 * A consumer that met a void: takes tickets until n elements are among them, voids in between and
 * in front included, or if there is nothing else the voids in front alone.
 */
inline claim_past_voids()
{
	atomic { first = next[CONS]; u = first; j = 0; got = 0; keep = 0 }	/* T: load */
	do				/* F: a tag a step; j counts elements, keep leading voids */
	:: atomic { j < n && u < first + SLOTS && IS_MARKED(FILLED, u) ->
		assert(next[CONS] != first || READY(FILLED, u));
		j++;
		u++ }
	:: atomic { j < n && u < first + SLOTS && IS_VOID(u) ->
		assert(next[CONS] != first || TRUE_VOID(u));
		u++;
		keep = (j == 0 -> u - first : keep) }
	:: atomic { j < n && u < first + SLOTS && !IS_MARKED(FILLED, u) && !IS_VOID(u) ->
		assert(next[CONS] != first || !TRUE_MARK(FILLED, u));
		stale = (next[CONS] != first);
		break }
	:: j >= n || u >= first + SLOTS -> break
	od;
	atomic {
		got = (ALL && j < n -> keep : u - first);
		hint = (got == keep);	/* only voids */
		keep = 0; u = 0; j = 0
	}
	if
	:: got == 0 ->
		hint = false;
		if				/* T: load */
		:: atomic { next[CONS] == first -> assert(!stale); goto refused }
		:: atomic { next[CONS] != first -> stale = false; goto past_voids }
		fi
	:: else
	fi;
	announce();
	if
	:: atomic { true ->			/* T: compare-and-swap */
		stale = false;
		if
		:: next[CONS] == first ->
			next[CONS] = first + got;
			own(CONS, 0)
		:: else -> hint = false; goto past_voids
		fi }
	OR_DIE
	fi
}
#endif

/* ---- copy and publish -------------------------------------------------------------------- */

/*
 * The slots are this process's alone, which is asserted, so a run is copied in one step; with
 * WORDS 2 each element in two, to see that torn elements would be found.
 */
inline copy_in()
{
#if WORDS == 2
	do
	:: i < keep -> word0[SLOT(first + i)] = first + i;
		atomic { word1[SLOT(first + i)] = first + i; i++ }
	:: i >= keep -> i = 0; break
	od
#else
	d_step {
		do
		:: i < keep -> word0[SLOT(first + i)] = first + i; i++
		:: i >= keep -> i = 0; break
		od
	}
#endif
}

inline copy_out()
{
#if WORDS == 2
	do
	:: i < got -> assert(word0[SLOT(first + i)] == first + i);
		atomic { assert(word1[SLOT(first + i)] == first + i); i++ }
	:: i >= got -> i = 0; break
	od
#else
	d_step {
		do
		:: i < got ->
			if
			:: tag[AT(FILLED, first + i)] < VOID_FLAG ->
				assert(!(voided & BIT(first + i)));
				assert(word0[SLOT(first + i)] == first + i)
			:: else -> assert(voided & BIT(first + i))
			fi;
			i++
		:: i >= got -> i = 0; break
		od
	}
#endif
}

#if MUTANT == ONE_LAP_PER_RUN
#define RUN_MARK(track, t) MARK(track, first)
#else
#define RUN_MARK(track, t) MARK(track, t)
#endif

/* Hand the slots over. Tags of a run become visible in any order; those from `real` on are void. */
inline publish(track, real)
{
#ifdef ANY_ORDER
	if
	:: got == 2 -> backwards = true
	:: true -> backwards = false
	fi;
#endif
	do
	:: atomic { i < got ->
#ifdef ANY_ORDER
			j = (backwards -> got - 1 - i : i);
#else
			j = i;
#endif
#if MUTANT == LOST_MARK
			if
			:: j == 1 -> goto forgotten
			:: else
			fi;
#endif
			assert(!TRUE_MARK(track, first + j));
			tag[AT(track, first + j)] = RUN_MARK(track, first + j) +
				(j >= real -> VOID_FLAG : 0);
			marked[track] = marked[track] | BIT(first + j);
			if
			:: track == FILLED && j >= real -> voided = voided | BIT(first + j)
			:: track == EMPTIED -> voided = voided & ~BIT(first + j)
			:: else
			fi;
			if	/* a mutant's slot may be another's already */
			:: owner[SLOT(first + j)] == me + 1 -> owner[SLOT(first + j)] = 0
			:: else -> assert(MUTANT != NONE)
			fi;
#if MUTANT == LOST_MARK
forgotten:
#endif
			j = 0;
			i++ }
	OR_DIE
	:: i >= got -> i = 0;
#ifdef ANY_ORDER
		backwards = false;
#endif
		break
	od
}

/* ---- calls --------------------------------------------------------------------------------- */

inline begin_call()
{
#ifdef WATCHED
	in_call[me] = true;
#endif
	if
	:: n = BULK
#if BULK > 1 && defined(MIXED)
	:: n = 1
#endif
	fi
}

/* After a refusal: try again at once or, with SLEEP, when the ring has something. */
inline end_call(side, lag)
{
	if
	:: got > 0 -> skip
#ifdef SLEEP
	:: else -> (next[side] != first || TRUE_MARK(1 - side, first - lag))
#else
	:: else -> skip
#endif
	fi;
	d_step {
#ifdef WATCHED
		in_call[me] = false;
#endif
		first = 0; got = 0; n = 0; keep = 0 }
}

#define LOCALS \
	byte first, n, got, u, i, j, keep; \
	bool seen, stale, hint, backwards

proctype producer(byte me)
{
	LOCALS;
call:	begin_call();
again:
#ifdef VOIDS
past_voids:
#endif
	claim(PROD, LAG);
	if			/* dad_ring_commit() of all, or of fewer */
	:: keep = got
#ifdef PARTIAL
	:: keep = 0
	:: got == 2 -> keep = 1
#endif
	fi;
#if MUTANT != TAG_BEFORE_COPY
	copy_in();
#endif
#if MUTANT == WAIT_FOR_ELDERS
	do
	:: first == START || IS_MARKED(FILLED, first - 1) -> break
	:: else -> skip
	od;
#endif
#if MUTANT == CLEAR_BEFORE_MARK
	withdraw();
#endif
	publish(FILLED, keep);
#if MUTANT == TAG_BEFORE_COPY
	copy_in();
#endif
#if MUTANT != CLEAR_BEFORE_MARK
	withdraw();
#endif
refused:
	cancel();
	end_call(PROD, LAG);
	goto call;
done:
	cancel();
#ifdef WATCHED
	in_call[me] = false;
#endif
gone:
	skip
}

proctype consumer(byte me)
{
	LOCALS;
call:	begin_call();
again:	claim(CONS, 0);
#ifdef VOIDS
	goto taken;
past_voids:
	skip;
	claim_past_voids();
taken:	skip;
#endif
#if MUTANT != TAG_BEFORE_COPY
	copy_out();
#endif
#if MUTANT == CLEAR_BEFORE_MARK
	withdraw();
#endif
	publish(EMPTIED, got);
#if MUTANT == TAG_BEFORE_COPY
	copy_out();
#endif
#if MUTANT != CLEAR_BEFORE_MARK
	withdraw();
#endif
#ifdef VOIDS
	if
	:: hint -> hint = false; goto past_voids
	:: else
	fi;
#endif
refused:
	cancel();
	end_call(CONS, 0);
	goto call;
done:
	cancel();
#ifdef WATCHED
	in_call[me] = false;
#endif
gone:
	skip
}

init {
	atomic {
		run producer(0);
#if NP > 1
		run producer(1);
#endif
		run consumer(NP);
#if NC > 1
		run consumer(NP + 1);
#endif
#ifdef OWNERS
		start_recovery();
#endif
	}
}

/*
 * Who goes on running ends his call: a process that is for ever in one call was stopped, whatever
 * the others do, stopped or not. WATCHED is a process id of spin: 1 is the first producer.
 */
#ifdef WATCHED
ltl calls_end { (<>[] in_call[WATCHED - 1]) -> (<>[] (_last != WATCHED)) }
#endif
