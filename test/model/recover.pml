/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owners, death and recovery: the part of ring.pml for rings with DAD_RING_OWNERS. A process may
 * die at any step; what it had announced before its compare-and-swap tells a recoverer which
 * tickets are in living hands, and every other hole is nobody's.
 *
 * Given by -D besides: KILLS (deaths, at any moments), ROUNDS (recoveries at any moments),
 * RECOVERERS (1 or 2).
 */

#ifndef KILLS
#define KILLS 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef RECOVERERS
#define RECOVERERS 1
#endif

byte intent_first[NP + NC]; /* one word in memory: written and read in one step */
byte intent_n[NP + NC];     /* 0: none */
byte recovering;            /* the lock: 0, or the recoverer's number + 1 */
byte dead;                  /* bit mask; what /proc tells */
byte kills;

#define IS_DEAD(who) ((dead & (1 << (who))) != 0)
/* Beside every step that writes: between two of them a death makes no difference to the others. */
#ifdef PRODUCERS_DIE	/* only they, and only their side is recovered */
#define MORTAL       (me < NP)
#else
#define MORTAL       true
#endif
#define OR_DIE       :: atomic { kills < KILLS && MORTAL -> kills++; dead = dead | (1 << me); goto gone }

#define PRODUCERS      ((1 << NP) - 1)
#define CONSUMERS      (((1 << NC) - 1) << NP)
#define PRODUCERS_DEAD ((dead & PRODUCERS) == PRODUCERS)
#define CONSUMERS_DEAD ((dead & CONSUMERS) == CONSUMERS)

inline announce()
{
	if
	:: atomic { true -> intent_first[me] = first; intent_n[me] = got }
	OR_DIE
	fi
}

inline withdraw()
{
	if
	:: atomic { true -> intent_first[me] = 0; intent_n[me] = 0 }
	OR_DIE
	fi
}

/* A refused call may have announced what another got. */
inline cancel()
{
	if
	:: intent_n[me] > 0 -> withdraw()
	:: else
	fi
}

#if RECOVERERS > 1
#define OR_DIE_TOO :: atomic { kills < KILLS -> kills++; dead = dead | (1 << me); goto gone }
#else
#define OR_DIE_TOO
#endif

/* Ghost: does a process own a slot that was dead at the time of was_dead? */
inline look_for_corpses()
{
	corpses = false;
	j = 0;
	do
	:: j < SLOTS ->
		if
		:: owner[j] != 0 && (was_dead & (1 << (owner[j] - 1))) -> corpses = true
		:: else
		fi;
		j++
	:: else -> break
	od;
	j = 0
}

inline read_next() { last = next[side] }

/*
 * Which of the last CAP tickets are announced by a living process of the side. An intent, and
 * whether its process lives, are one step: had the process died in between, its ticket would be
 * spared until the next recovery, and no other harm be done.
 */
#if MUTANT == INTENTS_BEFORE_NEXT
#define FLOOR START
#define HELD_BIT(t) (1 << ((t) - START))
#else
#define FLOOR (last >= START + CAP -> last - CAP : START)
#define HELD_BIT(t) (1 << (last - 1 - (t)))
#endif
#define HOLDS(who, t) (!IS_DEAD(who) && intent_first[who] <= (t) && \
	(t) < intent_first[who] + intent_n[who])

inline read_intents()
{
	who = (side == PROD -> 0 : NP);
	do
	:: who < (side == PROD -> NP : NP + NC) ->
		atomic {
			t = last;
			do
			:: t > FLOOR ->
				t--;
				held = (HOLDS(who, t) -> held | HELD_BIT(t) : held)
			:: else -> break
			od;
			t = 0;
			who++
		}
	:: else -> who = 0; break
	od
}

/* Ghosts and tag of freeing ticket t. */
inline free(side)
{
	assert(!TRUE_MARK(side, t));
	owner[SLOT(t)] = 0;
	marked[side] = marked[side] | BIT(t);
	if
	:: side == PROD ->
		voided = voided | BIT(t);
		tag[AT(side, t)] = MARK(side, t) + VOID_FLAG
	:: else ->
		voided = voided & ~BIT(t);
		tag[AT(side, t)] = MARK(side, t)
	fi
}

/* A hole at t, in nobody's hands: free it. Only without the lock by compare-and-swap of its tag. */
inline free_hole()
{
	if
#if MUTANT == NO_INTENTS
	:: true ->
#else
	:: !(held & HELD_BIT(t)) ->
#endif
		old = tag[AT(side, t)];
		if
		:: old % TAGS == MARK(side, t - SLOTS) ->
			/* Consumers cannot pass what is not filled, and producers what is not emptied
			 * by more than the capacity. If they have, the tag is of another lap. */
			if
#if MUTANT == NO_LAP_CHECK
			:: true ->
#else
			:: (side == PROD -> next[CONS] <= t : next[PROD] <= t + CAP) ->
#endif
				if
				:: atomic { true ->
					if
#if MUTANT == NO_LOCK
					:: tag[AT(side, t)] == old ->
#else
					:: true ->
#endif
						assert(owner[SLOT(t)] != 0 &&
							IS_DEAD(owner[SLOT(t)] - 1));
						free(side)
#if MUTANT == NO_LOCK
					:: else
#endif
					fi }
				OR_DIE_TOO
				fi
			:: else
			fi
		:: else
		fi;
		old = 0
	:: else
	fi
}

inline recover_side()
{
#if MUTANT == INTENTS_BEFORE_NEXT
	last = LIMIT;
	read_intents();
	read_next();
#else
	read_next();
	read_intents();
#endif
	t = FLOOR;
	do
	:: t < last -> free_hole(); t++
	:: else -> atomic { t = 0; last = 0; held = 0; break }
	od
}

inline recover_all()
{
	if
#if MUTANT == NO_LOCK
	:: true ->
#else
	:: atomic { recovering == 0 || IS_DEAD(recovering - 1) -> recovering = me + 1 }
#endif
		side = PROD;
		recover_side();
#if MUTANT != RECOVER_ONE_SIDE && !defined(PRODUCERS_DIE)
		side = CONS;
		recover_side();
		side = PROD;
#endif
#if MUTANT != NO_LOCK
		recovering = 0
	:: else			/* another is at it */
#endif
	fi
}

/* ROUNDS rounds at any time; the last ones when nobody can go on without. */
proctype recoverer(byte me)
{
	byte side, last, who, t, old, rounds, j, held, was_dead;
	bool corpses;

	do
	:: rounds < ROUNDS -> recover_all(); rounds++
	:: timeout ->
		d_step { was_dead = dead; look_for_corpses() };
		if
		:: corpses ->
			recover_all();
			skip;
			d_step {
				look_for_corpses();
				assert(!corpses || IS_DEAD(me));
				was_dead = 0
			}
		:: else -> break
		fi
	od;
	/* Nothing is lost: all that was taken was filled or void, and was consumed if anybody lives
	 * to do so; and with one alive on each side, all of the tickets were. */
	skip;
	d_step {
		t = START;
		do
		:: t < next[PROD] ->
			assert(TRUE_MARK(FILLED, t));
			assert(CONSUMERS_DEAD || TRUE_MARK(EMPTIED, t));
			t++
		:: else -> break
		od;
		assert(CONSUMERS_DEAD || PRODUCERS_DEAD || t == LIMIT)
	}
gone:
	skip
}

/*
 * With RECOVERERS 2: another one, who frees all that is dead in one step, once, and knows what to
 * free as no program can. It does more harm to the first one than any real one could.
 */
#if MUTANT == NO_LOCK
#define MAY_RECOVER true
#else
#define MAY_RECOVER (recovering == 0 || IS_DEAD(recovering - 1))
#endif
#define DEAD_SLOT(s) (owner[s] != 0 && IS_DEAD(owner[s] - 1))
#define ANY_DEAD     (DEAD_SLOT(0) || DEAD_SLOT(SLOTS - 1))

proctype other_recoverer()
{
	byte t;

	atomic {
		MAY_RECOVER && ANY_DEAD ->
		t = next[PROD];
		do
		:: t > START && t + SLOTS > next[PROD] ->
			t--;
			if
			:: DEAD_SLOT(SLOT(t)) && owner[SLOT(t)] <= NP -> free(PROD)
			:: else
			fi
		:: else -> break
		od;
		t = next[CONS];
		do
		:: t > START && t + SLOTS > next[CONS] ->
			t--;
			if
			:: DEAD_SLOT(SLOT(t)) && owner[SLOT(t)] > NP -> free(CONS)
			:: else
			fi
		:: else -> break
		od
	}
}

inline start_recovery()
{
	run recoverer(NP + NC);
#if RECOVERERS > 1
	run other_recoverer()
#endif
}
