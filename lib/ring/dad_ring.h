/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_RING_H
#define DAD_RING_H

/**
 * @file
 * dad_ring: a lockless queue of fixed-size elements for many producers and many consumers.
 *
 * **Model.** Positions count up for ever in 64 bits and are called *tickets*; a ticket's slot is
 * the ticket modulo the number of slots. A producer takes the next tickets with one
 * compare-and-swap, writes its elements into their slots and then marks each slot as full; a
 * consumer takes tickets the same way, reads and marks each slot as empty. The marks are one byte
 * a slot and a direction. No thread waits for another one: a call that cannot be served now
 * returns 0, or less than was asked for.
 *
 * **Against rte_ring.** The calls have its shape and the same order of elements: first taken
 * ticket, first out. What differs:
 *
 * - rte_ring (MP/MC) makes an enqueue wait until all earlier ones have finished, and in return
 *   what was enqueued can be dequeued as soon as the call returns. Here "enqueue returned" does
 *   not mean "visible": if an earlier producer has been preempted inside its own call, its slots
 *   are a hole, and consumers see an empty ring at the hole until that producer goes on. The
 *   other producers are not held up; what they enqueue appears when the hole is filled.
 * - In the same way a preempted consumer holds its slots and nothing else. One lap later
 *   producers see a full ring at those slots, though dad_ring_count() says that there is room.
 * - So a program must be ready for "empty" and "full" at any time, and a ring that must never
 *   refuse (a free list, a mempool) is no use for it: rte_ring is.
 * - All slots can be used (rte_ring keeps one back unless told RING_F_EXACT_SZ).
 * - The size of an element is a property of the ring and is given once, when it is made.
 * - Elements can be written and read in place by any number of threads at once, and finished in
 *   any order (rte_ring: one thread a side at a time).
 *
 * **Threads.** The data calls may run on any number of threads of any number of processes at the
 * same time, pinned or not, more threads than CPUs included; no lcore id is needed. A ring made
 * with DAD_RING_SP or DAD_RING_SC promises that the calls of that side come one at a time, with
 * the caller's own synchronisation where they come from different threads. Data calls are not
 * for signal handlers that interrupt a data call of the same thread and then wait for its
 * effect. The life of a ring (create, init, free) is the caller's to order against its use.
 *
 * **Ownership.** Elements are copied in and out: the caller keeps its arrays. What a span shows
 * belongs to the caller until commit or release. dad_ring_create() takes memory from EAL and
 * dad_ring_free() gives it back; memory given to dad_ring_init() stays the caller's, who just
 * stops using the ring. A ring contains offsets and no pointers, and may be used through several
 * mappings of the same memory at once.
 *
 * **Recovery.** A thread that dies inside a data call, or between reserve and commit, leaves a
 * hole for good, unless the ring was made with DAD_RING_OWNERS: then dad_ring_recover(), called
 * by anybody who is alive, frees what the dead held, while the others go on.
 *
 * **Errors.** Functions that return a ring return NULL and set rte_errno; those that return
 * ssize_t or int return a negative errno; bursts return a count. The data calls check nothing:
 * a ring that is not one is the caller's bug. Log type lib.dad.ring.
 *
 * **Refusals.** A call that finds nothing where the call before still found something leaves the
 * other side a moment, some 50 to 1000 ns, and looks again, once; so both do not fight for the
 * same cache line. Polling an idle ring costs nothing of the kind.
 *
 * **What it is not.** Not a mempool cache, not a broadcast queue (each element goes to one
 * consumer). The data calls do not wait; dad_ring_wait() does.
 *
 * The shape of the calls follows DPDK's rte_ring_elem.h, the life cycle on caller's memory
 * Firedancer's tango objects, and the mark on each slot goes back to D. Vyukov's bounded queue;
 * doc/design/ring.md has the algorithm and its argument.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** Alignment of a ring's memory, in bytes. */
#define DAD_RING_ALIGN 128

/** Room for a ring's name and its final zero, as RTE_RING_NAMESIZE. */
#define DAD_RING_NAMESIZE 29

/** Largest number of slots. The smallest is 1. */
#define DAD_RING_COUNT_MAX ((size_t)1 << 31)

/** Largest element, in bytes. The smallest is 4. */
#define DAD_RING_ESIZE_MAX 128

/** What a ring is made for. */
enum dad_ring_flags {
	DAD_RING_SP = 1 << 0,	  /**< one producer at a time; otherwise many */
	DAD_RING_SC = 1 << 1,	  /**< one consumer at a time; otherwise many */
	DAD_RING_EXACT = 1 << 2,  /**< any capacity, not only powers of two */
	DAD_RING_OWNERS = 1 << 3, /**< keep note of who holds what, for dad_ring_recover() */
	DAD_RING_STATS = 1 << 4,  /**< count calls, for dad_ring_stats_get() */
};

struct dad_ring;

/* ---- life ------------------------------------------------------------------------------- */

/**
 * How much memory a ring needs: about the size of an element and 2 bytes for each slot, where the
 * slots are the count rounded up to a power of two. DAD_RING_OWNERS and DAD_RING_STATS add a table
 * each, of a few tens of KiB.
 *
 * @param esize  bytes of an element: a multiple of 4, 4 to DAD_RING_ESIZE_MAX
 * @param count  elements that fit in, 1 to DAD_RING_COUNT_MAX: a power of two, or with
 *               DAD_RING_EXACT any number
 * @param flags  of enum dad_ring_flags
 * @return bytes, or -EINVAL
 */
ssize_t dad_ring_footprint(size_t esize, size_t count, unsigned int flags);

/**
 * Make an empty ring in memory of the caller's. Nobody may be using a ring there.
 *
 * @param mem    dad_ring_footprint() bytes, aligned to DAD_RING_ALIGN; what they hold is lost
 * @param esize  as for dad_ring_footprint()
 * @param count  as for dad_ring_footprint()
 * @param flags  as for dad_ring_footprint()
 * @return the ring, at the same address, or NULL with rte_errno EINVAL
 */
struct dad_ring *dad_ring_init(void *mem, size_t esize, size_t count, unsigned int flags);

/**
 * Find the ring in memory where dad_ring_init() has made one, perhaps in another process and at
 * another address.
 *
 * @param mem  start of the ring in this mapping
 * @param len  bytes that may be read there
 * @return the ring, at the same address, or NULL with rte_errno: ENOENT (no ring yet), EINVAL
 *         (something else, or damaged, or it does not fit in len, or mem is not aligned), ENOTSUP
 *         (a ring of another version of this library)
 */
struct dad_ring *dad_ring_attach(void *mem, size_t len);

/**
 * Make an empty ring in a memzone, for this process and for the others of its EAL.
 *
 * @param name       1 to DAD_RING_NAMESIZE - 1 characters, unique among the rings of this EAL
 * @param esize      as for dad_ring_footprint()
 * @param count      as for dad_ring_footprint()
 * @param socket_id  NUMA node for the memory, or SOCKET_ID_ANY
 * @param flags      as for dad_ring_footprint()
 * @return the ring, or NULL with rte_errno: EINVAL (a bad argument), ENAMETOOLONG, EEXIST, ENOMEM
 *         (none left on that node), ENOSPC (no memzones left)
 */
struct dad_ring *dad_ring_create(
	const char *name, size_t esize, size_t count, int socket_id, unsigned int flags);

/**
 * Find a ring that dad_ring_create() has made in any process of this EAL.
 *
 * @return the ring, or NULL with rte_errno: EINVAL (no name), ENAMETOOLONG, ENOENT (no such ring,
 *         or not ready yet), and the errors of dad_ring_attach()
 */
struct dad_ring *dad_ring_lookup(const char *name);

/**
 * Call a function for each ring that dad_ring_create() has made in any process of this EAL. It must
 * neither create nor free memzones, hence no rings.
 */
void dad_ring_walk(void (*visit)(struct dad_ring *r, void *arg), void *arg);

/**
 * Give back a ring of dad_ring_create(). Nobody may be using it. NULL is allowed.
 *
 * @return 0, or -EINVAL if the ring is not from dad_ring_create() (nothing is freed then)
 */
int dad_ring_free(struct dad_ring *r);

/* ---- data, copied ----------------------------------------------------------------------- */

/**
 * Enqueue n elements or none.
 *
 * @param r           ring
 * @param objs        n elements, one behind the other
 * @param n           how many
 * @param free_space  if not NULL: dad_ring_free_count() after the call. It costs a look at the
 *                    other side's position: NULL is faster
 * @return n, or 0 if n slots in a row were not free
 */
size_t dad_ring_enqueue_bulk(struct dad_ring *r, const void *objs, size_t n, size_t *free_space);

/** Enqueue up to n elements. @return how many, the first ones of objs */
size_t dad_ring_enqueue_burst(struct dad_ring *r, const void *objs, size_t n, size_t *free_space);

/**
 * Dequeue n elements or none.
 *
 * @param r          ring
 * @param objs       room for n elements
 * @param n          how many
 * @param available  if not NULL: dad_ring_count() after the call
 * @return n, or 0 if n elements in a row were not visible
 */
size_t dad_ring_dequeue_bulk(struct dad_ring *r, void *objs, size_t n, size_t *available);

/** Dequeue up to n elements. @return how many */
size_t dad_ring_dequeue_burst(struct dad_ring *r, void *objs, size_t n, size_t *available);

/* ---- data, in place --------------------------------------------------------------------- */

/**
 * Elements in the ring's memory, in one piece or, where they go round the end, in two. The private
 * part is for commit and release; a span must be handed to one of them once, by any thread of the
 * process that got it. Copies of the struct are the same span.
 */
struct dad_ring_span {
	void *ptr1;	 /**< the first n1 elements */
	size_t n1;	 /**< at least 1, unless the span is empty */
	void *ptr2;	 /**< the n2 that follow them; NULL if there are none */
	size_t n2;	 /**< often 0 */
	uint64_t ticket; /**< private */
	uint64_t length; /**< private: tickets, 0 if the span is empty */
	uint64_t holder; /**< private */
};

/**
 * Take room for n elements or none, to be written in place.
 *
 * Any number of spans may be out at a time, of any number of threads, and be committed in any
 * order. Until it is committed, a span is a hole: consumers get nothing that lies behind it.
 *
 * @param r           ring
 * @param n           how many elements
 * @param span        filled; empty (n1 0) if the call returns 0
 * @param free_space  if not NULL: dad_ring_free_count() after the call
 * @return n, or 0 if n slots in a row were not free
 */
size_t dad_ring_reserve_bulk(
	struct dad_ring *r, size_t n, struct dad_ring_span *span, size_t *free_space);

/** Take room for up to n elements. @return how many */
size_t dad_ring_reserve_burst(
	struct dad_ring *r, size_t n, struct dad_ring_span *span, size_t *free_space);

/**
 * Enqueue what has been written in a span.
 *
 * @param r     ring
 * @param span  of dad_ring_reserve_bulk() or _burst()
 * @param n     the first so many elements of the span are enqueued, 0 to n1 + n2. The slots of the
 *              others stay void: consumers pass over them, and they count as elements until then.
 *              A bulk that is refused leaves voids behind an element where they are: use bursts
 */
void dad_ring_commit(struct dad_ring *r, const struct dad_ring_span *span, size_t n);

/**
 * Take n elements or none, to be read in place. Any number of spans may be out at a time, and be
 * released in any order; what is not released is full for producers one lap later.
 *
 * @param r          ring
 * @param n          how many
 * @param span       filled; empty (n1 0) if the call returns 0. The elements may be written, too
 * @param available  if not NULL: dad_ring_count() after the call
 * @return n, or 0 if n elements in a row were not visible
 */
size_t dad_ring_claim_bulk(
	struct dad_ring *r, size_t n, struct dad_ring_span *span, size_t *available);

/** Take up to n elements. @return how many */
size_t dad_ring_claim_burst(
	struct dad_ring *r, size_t n, struct dad_ring_span *span, size_t *available);

/** Give back the slots of dad_ring_claim_bulk() or _burst(), all of them. */
void dad_ring_release(struct dad_ring *r, const struct dad_ring_span *span);

/* ---- waiting ---------------------------------------------------------------------------- */

/**
 * Wait until there may be something to dequeue. The CPU watches the very mark that the next
 * consumer waits for: with UMONITOR and UMWAIT or their like where rte_power_monitor() has them,
 * with WFE on arm64, else it looks from time to time, with pauses in between.
 *
 * A hint: when it returns 0, others may be quicker to dequeue; so call it in a loop.
 *
 * @param r           ring
 * @param timeout_ns  give up after so many nanoseconds, perhaps a little later
 * @return 0, or -ETIMEDOUT
 */
int dad_ring_wait(const struct dad_ring *r, uint64_t timeout_ns);

/* ---- recovery --------------------------------------------------------------------------- */

/** What dad_ring_recover() has freed. */
struct dad_ring_recovered {
	uint64_t owners;   /**< threads that were found dead with something in their hands */
	uint64_t reserved; /**< slots taken by producers and not filled: void now */
	uint64_t claimed;  /**< slots taken by consumers and not given back: free now */
};

/**
 * Free what dead threads and processes have left reserved or claimed.
 *
 * Data calls may go on meanwhile; of several callers at once, one does it. Elements that a dead
 * consumer had claimed are lost. A thread is dead when its thread id is gone from /proc, or is
 * that of a thread started at another time; one that is merely stopped keeps what it has. All
 * users of the ring must share one PID namespace, and see it in /proc, as EAL's processes do
 * anyway.
 *
 * In a ring with owners, up to 256 threads can take part at a time, and each can hold up to 15
 * spans; beyond that, data calls are refused. A span is its taker's, though another thread of the
 * process may commit or release it: until then the taker must live.
 *
 * @param r    ring made with DAD_RING_OWNERS
 * @param res  if not NULL: what was freed by this call
 * @return 0, -ENOTSUP (ring without DAD_RING_OWNERS), -EBUSY (somebody else is at it), -EIO (/proc
 *         cannot be read), -ENOMEM; nothing was done then
 */
int dad_ring_recover(struct dad_ring *r, struct dad_ring_recovered *res);

/* ---- statistics ------------------------------------------------------------------------- */

/** What has happened at one end of a ring, by all threads of all processes. */
struct dad_ring_side_stats {
	uint64_t calls;	   /**< data calls that moved something */
	uint64_t elements; /**< moved by them */
	uint64_t refused;  /**< data calls that moved nothing, as the ring was full, or empty */
	uint64_t retries;  /**< times that another thread of this side was quicker */
};

/** See dad_ring_stats_get(). */
struct dad_ring_stats {
	struct dad_ring_side_stats enqueue;
	struct dad_ring_side_stats dequeue;
	uint64_t high_water;   /**< the largest dad_ring_count() that a producer has found */
	uint64_t filling;      /**< slots that producers hold now */
	uint64_t emptying;     /**< slots that consumers hold now */
	uint64_t hole_ns;      /**< age of the oldest slot that a producer holds; see below */
	uint64_t slow_read_ns; /**< age of the oldest slot that a consumer holds */
};

/**
 * Read the counters of a ring. They are kept for each lcore, and for all other threads together,
 * and are read one by one while others count on.
 *
 * Ages are seen from outside: a slot's age counts from the first call of this function (by anybody,
 * telemetry included) that has found it held.
 *
 * @param r      ring; without DAD_RING_STATS the first three members are 0, the others are valid
 * @param stats  filled
 * @return 0, or -ENOTSUP if the ring was made without DAD_RING_STATS
 */
int dad_ring_stats_get(struct dad_ring *r, struct dad_ring_stats *stats);

/** Count from 0 again. What is counted at the same time may be lost. @return as above */
int dad_ring_stats_reset(struct dad_ring *r);

/* ---- state ------------------------------------------------------------------------------ */

/**
 * Elements that producers have claimed room for and consumers have not claimed; so it includes
 * those that are still being written, and void slots. Exact while no data call runs. Otherwise it
 * may be out of date on return, like any answer about a ring in use, but is never above
 * dad_ring_capacity().
 */
size_t dad_ring_count(const struct dad_ring *r);

/** dad_ring_capacity() less dad_ring_count(). */
size_t dad_ring_free_count(const struct dad_ring *r);

/** The count it was made with: so many elements fit in. */
size_t dad_ring_capacity(const struct dad_ring *r);

/** Bytes of an element. */
size_t dad_ring_esize(const struct dad_ring *r);

/** Flags it was made with. */
unsigned int dad_ring_flags(const struct dad_ring *r);

/** Its name; empty if it was made by dad_ring_init(). */
const char *dad_ring_name(const struct dad_ring *r);

/** Write a few lines for people: geometry, positions, slots held by calls that are running. */
void dad_ring_dump(FILE *f, const struct dad_ring *r);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_RING_H */
