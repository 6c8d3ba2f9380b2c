/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_RING_H
#define DAD_RING_H

/**
 * @file
 * dad_ring: a lockless queue of fixed-size elements for many producers and many consumers.
 *
 * **Model.** A ring has a power-of-two number of slots. Positions count up for ever in 64 bits
 * and are called *tickets*; a ticket's slot is the ticket modulo the number of slots. A producer
 * takes the next tickets with one compare-and-swap, copies its elements into their slots and
 * then marks each slot as full; a consumer takes tickets the same way, copies out and marks each
 * slot as empty. The marks are one byte a slot and a direction. No thread waits for another one:
 * a call that cannot be served now returns 0, or less than was asked for.
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
 *
 * **Threads.** The data calls may run on any number of threads of any number of processes at the
 * same time, pinned or not, more threads than CPUs included; no lcore id is needed. They are not
 * for signal handlers that interrupt a data call of the same thread and then wait for its
 * effect. The life of a ring (create, init, free) is the caller's to order against its use.
 *
 * **Ownership.** Elements are copied in and out: the caller keeps its arrays. dad_ring_create()
 * takes memory from EAL and dad_ring_free() gives it back; memory given to dad_ring_init() stays
 * the caller's, who just stops using the ring. A ring contains offsets and no pointers, and may
 * be used through several mappings of the same memory at once.
 *
 * **Memory.** The size of the element and 2 bytes a slot; 384 bytes a ring, and the three arrays
 * (elements, and two of marks) rounded up to DAD_RING_ALIGN bytes each.
 *
 * **Errors.** Functions that return a ring return NULL and set rte_errno; those that return
 * ssize_t or int return a negative errno; bursts return a count. The data calls check nothing:
 * a ring that is not one is the caller's bug. Log type lib.dad.ring.
 *
 * **What it is not.** Not a mempool cache, not a broadcast queue (each element goes to one
 * consumer), no blocking calls, no recovery of slots whose owner died in the middle of a call.
 *
 * The shape of the calls follows DPDK's rte_ring_elem.h, the life cycle on caller's memory
 * Firedancer's tango objects, and the mark on each slot goes back to D. Vyukov's bounded queue;
 * doc/design/ring.md has the algorithm and its argument.
 */

#include <stddef.h>
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

struct dad_ring;

/* ---- life ------------------------------------------------------------------------------- */

/**
 * How much memory a ring needs.
 *
 * @param esize  bytes of an element: a multiple of 4, 4 to DAD_RING_ESIZE_MAX
 * @param count  slots: a power of two, 1 to DAD_RING_COUNT_MAX
 * @return bytes, or -EINVAL
 */
ssize_t dad_ring_footprint(size_t esize, size_t count);

/**
 * Make an empty ring in memory of the caller's. Nobody may be using a ring there.
 *
 * @param mem    dad_ring_footprint() bytes, aligned to DAD_RING_ALIGN; what they hold is lost
 * @param esize  as for dad_ring_footprint()
 * @param count  as for dad_ring_footprint()
 * @return the ring, at the same address, or NULL with rte_errno EINVAL
 */
struct dad_ring *dad_ring_init(void *mem, size_t esize, size_t count);

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
 * @return the ring, or NULL with rte_errno: EINVAL (a bad argument), ENAMETOOLONG, EEXIST, ENOMEM
 *         (none left on that node), ENOSPC (no memzones left)
 */
struct dad_ring *dad_ring_create(const char *name, size_t esize, size_t count, int socket_id);

/**
 * Find a ring that dad_ring_create() has made in any process of this EAL.
 *
 * @return the ring, or NULL with rte_errno: EINVAL (no name), ENAMETOOLONG, ENOENT (no such ring,
 *         or not ready yet), and the errors of dad_ring_attach()
 */
struct dad_ring *dad_ring_lookup(const char *name);

/**
 * Give back a ring of dad_ring_create(). Nobody may be using it. NULL is allowed.
 *
 * @return 0, or -EINVAL if the ring is not from dad_ring_create() (nothing is freed then)
 */
int dad_ring_free(struct dad_ring *r);

/* ---- data ------------------------------------------------------------------------------- */

/**
 * Enqueue n elements or none.
 *
 * @param r           ring
 * @param objs        n elements, one behind the other
 * @param n           how many
 * @param free_space  if not NULL: dad_ring_free_count() after the call
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

/* ---- state ------------------------------------------------------------------------------ */

/**
 * Elements that producers have claimed room for and consumers have not claimed; so it includes
 * those that are still being copied in. Exact while no data call runs. Otherwise it may be out of
 * date on return, like any answer about a ring in use, but is never above dad_ring_capacity().
 */
size_t dad_ring_count(const struct dad_ring *r);

/** dad_ring_capacity() less dad_ring_count(). */
size_t dad_ring_free_count(const struct dad_ring *r);

/** Number of slots, all of them usable. */
size_t dad_ring_capacity(const struct dad_ring *r);

/** Write a few lines for people: geometry, positions, slots held by calls that are running. */
void dad_ring_dump(FILE *f, const struct dad_ring *r);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* DAD_RING_H */
