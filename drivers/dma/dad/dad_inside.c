/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_pause.h>

#include "dad_idle.h"
#include "dad_inside.h"
#include "dad_internal.h"

__thread struct dad_inside *dad_inside_mine;
uint64_t dad_inside_departures;

static struct dad_inside *all;
/* Of the first threads, for which no memory has to be found; nearly all there will ever be. */
static struct dad_inside first_ones[256];
static uint32_t nb_first_ones;
/* Shared by later threads for which there is no memory: who waits for one of them may see another
 * one's turn, and wait as long as it waits for anybody. */
static struct dad_inside spare = {.taken = 1};

static pthread_key_t key;
static bool has_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- who comes and goes ---------------------------------------------------------------------- */

/* The thread ends, perhaps in the middle of an operation. */
static void
give_back(void *inside)
{
	struct dad_inside *me = inside;

	dad_inside_mine = NULL;
	if (me->turn % 2 == 1)
		dad_inside_leave(me);
	/* Q3: pairs with the CAS in find_free(): its turn */
	__atomic_store_n(&me->taken, 0, __ATOMIC_RELEASE);
}

/* In a new process, whose only thread is the caller: nobody will wait for the others, wherever they
 * were. */
static void
forget_others(void)
{
	struct dad_inside *i = __atomic_load_n(&all, __ATOMIC_RELAXED);

	for (; i != NULL; i = i->next) {
		if (i == dad_inside_mine)
			continue;
		i->turn += i->turn % 2;
		__atomic_store_n(&i->taken, 0, __ATOMIC_RELAXED);
	}
	if (dad_inside_mine != &spare)
		spare.turn += spare.turn % 2;
}

static void
prepare(void)
{
	/* without one, what a thread leaves behind is not used again */
	has_key = pthread_key_create(&key, give_back) == 0;
	/* without it a new process takes threads that it has not for such that stand still */
	pthread_atfork(NULL, NULL, forget_others);
}

static struct dad_inside *
find_free(void)
{
	/* Q4: pairs with the CAS in make() */
	struct dad_inside *i = __atomic_load_n(&all, __ATOMIC_ACQUIRE);

	for (; i != NULL; i = i->next) {
		uint32_t none = 0;

		/* Q3 */
		if (__atomic_compare_exchange_n(
			    &i->taken, &none, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return i;
	}
	return NULL;
}

static struct dad_inside *
make(void)
{
	const uint32_t n = __atomic_fetch_add(&nb_first_ones, 1, __ATOMIC_RELAXED);
	struct dad_inside *i = n < RTE_DIM(first_ones)
		? &first_ones[n]
		: aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*i));

	if (i == NULL)
		return &spare;
	memset(i, 0, sizeof(*i));
	i->taken = 1;
	i->next = __atomic_load_n(&all, __ATOMIC_RELAXED);
	/* Q4: pairs with the acquires of who walks */
	while (!__atomic_compare_exchange_n(
		&all, &i->next, i, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return i;
}

struct dad_inside *
dad_inside_first(void)
{
	struct dad_inside *me;

	pthread_once(&once, prepare);
	me = find_free();
	if (me == NULL)
		me = make();
	if (me != &spare) {
		__atomic_store_n(&me->thread, rte_sys_gettid(), __ATOMIC_RELAXED);
		if (has_key)
			pthread_setspecific(key, me);
	}
	dad_inside_mine = me;
	return me;
}

/* ---- who waits ------------------------------------------------------------------------------- */

static int
membarrier(int command)
{
	return (int)syscall(__NR_membarrier, command, 0, 0);
}

/* Every thread of the process passes a full fence. */
static void
fence_all(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
		return;
	/* once in a process; who frees no memory never asks */
	if (errno == EPERM && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
		membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
		return;
	/* a filter of system calls forbids it: a store is out, and a load done, long before */
	rte_delay_us_sleep(1000);
}

static bool
await_one(const struct dad_inside *i, uint64_t deadline)
{
	/* Q2: pairs with the release in dad_inside_leave() */
	const uint64_t turn = __atomic_load_n(&i->turn, __ATOMIC_ACQUIRE);

	/* most are done in microseconds */
	for (unsigned int spins = 0; turn % 2 == 1; spins++) {
		if (__atomic_load_n(&i->turn, __ATOMIC_ACQUIRE) != turn)
			return true;
		if (spins < 1000)
			rte_pause();
		else if (!dad_wait(deadline))
			return false;
	}
	return true;
}

bool
dad_inside_await(void)
{
	const uint64_t deadline = dad_wait_until(DAD_INSIDE_MS);
	bool outside = true;

	/* Q5: pairs with the acquire in dad_inside_departed() */
	__atomic_fetch_add(&dad_inside_departures, 1, __ATOMIC_RELEASE);
	fence_all();
	/* Q4 */
	const struct dad_inside *i = __atomic_load_n(&all, __ATOMIC_ACQUIRE);
	for (; i != NULL; i = i->next)
		if (i != dad_inside_mine && !await_one(i, deadline)) {
			DAD_LOG(ERR, "thread %d has been at an operation for %d ms",
				(int)__atomic_load_n(&i->thread, __ATOMIC_RELAXED), DAD_INSIDE_MS);
			outside = false;
		}
	return outside && await_one(&spare, deadline);
}

void
dad_inside_on_left(void *arg, const void *va, size_t len)
{
	(void)arg;
	if (!dad_inside_await())
		DAD_LOG(ERR, "%zu bytes of memory at %p go while they may be in use", len, va);
}
