/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>

#include "dad_idle.h"
#include "dad_internal.h"
#include "dad_pool.h"
#include "dad_serve.h"

struct dad_pool {
	struct dad_pool *next;
	char name[DAD_POOL_NAME];
	unsigned int nb_members;
	struct dad_engine workers; /* without vchans of its own */

	/* a bit a slot, highest priority first: all that a worker without work looks at */
	uint32_t used __rte_cache_aligned;
	struct dad_engine *member[DAD_PRIORITIES][DAD_POOL_MEMBERS];
};

static_assert(DAD_PRIORITIES * DAD_POOL_MEMBERS <= 32, "bits of used");

/* Members come and go one at a time; workers go on meanwhile. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dad_pool *pools;

static struct dad_pool **
find(const char *name)
{
	struct dad_pool **p = &pools;

	while (*p != NULL && strcmp((*p)->name, name) != 0)
		p = &(*p)->next;
	return p;
}

static int
start(const char *name, const struct dad_args *args, int numa_node, struct dad_pool **end)
{
	struct dad_pool *pool = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*pool));

	if (pool == NULL)
		return -ENOMEM;
	memset(pool, 0, sizeof(*pool));
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	pool->workers.serves = pool;
	int ret = dad_engine_start(
		&pool->workers, name, args, numa_node, NULL, NULL, 0, &pool->workers.own_control);
	if (ret == 0 || pool->workers.halted)
		*end = pool;
	else
		free(pool);
	return ret;
}

/* One whose workers do not leave stays, for the next one who comes or goes to look again. */
static void
end_if_empty(struct dad_pool **p)
{
	struct dad_pool *pool = *p;

	if (pool->nb_members > 0 || dad_engine_stop(&pool->workers, pool->name) != 0)
		return;
	*p = pool->next;
	free(pool);
}

static int
take_slot(struct dad_pool *pool, struct dad_engine *e)
{
	for (unsigned int i = 0; i < DAD_POOL_MEMBERS; i++) {
		if (pool->member[e->priority][i] != NULL)
			continue;
		pool->member[e->priority][i] = e;
		pool->nb_members++;
		e->pool = pool;
		dad_flag_set(&e->crowded, false);
		/* L1: pairs with the acquire in dad_pool_serve(): the member */
		__atomic_fetch_or(&pool->used, UINT32_C(1) << (e->priority * DAD_POOL_MEMBERS + i),
			__ATOMIC_RELEASE);
		/* L3: with the fence in dad_pool_tell_crowded(): either it sees the bit, or this
		 * what it was about to tell */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (dad_flag_is_up(&pool->workers.crowded))
			dad_flag_set(&e->crowded, true);
		return 0;
	}
	return -ENOSPC;
}

static bool
has_a_worker(struct dad_pool *pool, const char *name)
{
	for (unsigned int i = 0; i < pool->workers.nb_workers; i++)
		if (!dad_worker_is_gone(&pool->workers.worker[i]))
			return true;
	DAD_LOG(ERR, "%s: the workers of pool %s have ended: stop its devices", name, pool->name);
	return false;
}

/* May devices join? Yes, if there is none yet; no, if what is left of it does no work. */
static bool
is_open(struct dad_pool **p, const char *name)
{
	if (*p != NULL && (*p)->workers.halted)
		end_if_empty(p);
	return *p == NULL || (!(*p)->workers.halted && has_a_worker(*p, name));
}

bool
dad_pool_is_open(const char *pool, const char *name)
{
	pthread_mutex_lock(&lock);
	const bool open = is_open(find(pool), name);
	pthread_mutex_unlock(&lock);
	return open;
}

int
dad_pool_join(struct dad_engine *e, const char *name, const struct dad_args *args, int numa_node)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	struct dad_pool **p = find(args->pool);
	if (!is_open(p, name))
		ret = -EBUSY;
	else if (*p == NULL)
		ret = start(args->pool, args, numa_node, p);
	if (ret == 0) {
		ret = take_slot(*p, e);
		end_if_empty(p);
	}
	pthread_mutex_unlock(&lock);
	if (ret == -ENOSPC)
		DAD_LOG(ERR, "%s: pool %s has %d devices of priority %u already", name, args->pool,
			DAD_POOL_MEMBERS, e->priority);
	return ret;
}

/* Each worker has begun another round since, or ended: none is at who has left. False: not in time.
 */
static bool
await_next_round(struct dad_pool *pool, const char *name)
{
	struct dad_engine *e = &pool->workers;
	const uint64_t deadline = dad_wait_until(DAD_LEAVE_MS);
	uint64_t before[DAD_WORKERS_MAX];

	/* L2: with the fence in dad_pool_serve(): either it sees the bit gone, or this its round */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < e->nb_workers; i++)
		before[i] = __atomic_load_n(&e->worker[i].round, __ATOMIC_ACQUIRE);
	for (unsigned int i = 0; i < e->nb_workers; i++)
		while (__atomic_load_n(&e->worker[i].round, __ATOMIC_ACQUIRE) == before[i] &&
			!dad_worker_is_gone(&e->worker[i]))
			if (!dad_wait(deadline)) {
				DAD_LOG(ERR, "%s: worker %u of pool %s, on CPU %d, does not leave",
					name, i, pool->name, e->worker[i].cpu);
				return false;
			}
	return true;
}

int
dad_pool_leave(struct dad_engine *e, const char *name)
{
	struct dad_pool *pool = e->pool;
	struct dad_engine **slot = pool->member[e->priority];
	int ret = 0;

	pthread_mutex_lock(&lock);
	while (*slot != e)
		slot++;
	__atomic_fetch_and(
		&pool->used, ~(UINT32_C(1) << (slot - &pool->member[0][0])), __ATOMIC_RELAXED);
	if (await_next_round(pool, name)) {
		*slot = NULL;
		e->pool = NULL;
		pool->nb_members--;
		end_if_empty(find(pool->name));
	} else {
		ret = -EBUSY;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

void
dad_pool_walk_workers(struct dad_engine *e, void (*fn)(struct dad_worker *w, void *arg), void *arg)
{
	pthread_mutex_lock(&lock);
	struct dad_engine *of = e->pool != NULL && dad_foreign == 0 ? &e->pool->workers : e;

	for (unsigned int i = 0; i < of->nb_workers; i++)
		fn(&of->worker[i], arg);
	pthread_mutex_unlock(&lock);
}

/* One group of some vchan, of which each has its turn. */
static bool
serve_member(const struct dad_engine *e, unsigned int turn)
{
	if (!dad_engine_may_run(e))
		return false;
	for (unsigned int i = 0; i < e->nb_vchans; i++)
		if (dad_serve(e->exec, &e->vchan[(turn + i) % e->nb_vchans], false, NULL))
			return true;
	return false;
}

bool
dad_pool_serve(struct dad_pool *pool, struct dad_worker *w)
{
	const uint64_t round = w->round + 1;
	const unsigned int turn = (unsigned int)round;

	__atomic_store_n(&w->round, round, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* L2 */
	/* L1: pairs with the release in take_slot() */
	const uint32_t used = __atomic_load_n(&pool->used, __ATOMIC_ACQUIRE);

	for (unsigned int p = 0; p < DAD_PRIORITIES; p++) {
		const uint32_t slots =
			used >> (p * DAD_POOL_MEMBERS) & ((1u << DAD_POOL_MEMBERS) - 1);

		for (unsigned int i = 0; slots != 0 && i < DAD_POOL_MEMBERS; i++) {
			const unsigned int slot = (turn + i) % DAD_POOL_MEMBERS;

			if ((slots & 1u << slot) && serve_member(pool->member[p][slot], turn))
				return true;
		}
	}
	return false;
}

void
dad_pool_tell_crowded(struct dad_pool *pool)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* L3 */
	const uint32_t used = __atomic_load_n(&pool->used, __ATOMIC_ACQUIRE);

	for (unsigned int bit = 0; bit < DAD_PRIORITIES * DAD_POOL_MEMBERS; bit++)
		if (used & UINT32_C(1) << bit)
			dad_flag_set(&(&pool->member[0][0])[bit]->crowded, true);
}
