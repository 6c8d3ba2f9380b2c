/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_POOL_H
#define DAD_POOL_H

/*
 * Workers that several devices share: devarg `pool`. The first device that starts brings them, the
 * last that stops ends them. They look at devices of higher priority first, after each group, so
 * one of lower priority is served only when no higher one has work.
 */

#include "dad_engine.h"

#define DAD_PRIORITIES	 4
#define DAD_POOL_MEMBERS 8 /* devices of one priority */

struct dad_pool;

/* May a device of that name join, as far as there is somebody left in the pool to do its work? */
bool dad_pool_is_open(const char *pool, const char *name);

/* The engine's vchans are served from now on; it is filled in, but for its workers. 0 or -errno. */
int dad_pool_join(
	struct dad_engine *e, const char *name, const struct dad_args *args, int numa_node);

/* When this returns 0 no worker of the pool is at the engine's vchans any more; -EBUSY: one of the
 * pool has not been seen to end its group, whosever it is. Then no group is begun, and the engine
 * has to leave again. */
int dad_pool_leave(struct dad_engine *e, const char *name);

/* For a worker of the pool: do one group, of a device of the highest priority that has any. */
bool dad_pool_serve(struct dad_pool *pool, struct dad_worker *w);

/* Each worker that does the engine's vchans: its own, or those of the pool that it has joined,
 * which stay meanwhile. A pool is the primary's alone: in a secondary process it has none. */
void dad_pool_walk_workers(
	struct dad_engine *e, void (*fn)(struct dad_worker *w, void *arg), void *arg);

/* For a worker of the pool: it shares its CPU, which applications that poll should know. */
void dad_pool_tell_crowded(struct dad_pool *pool);

#endif /* DAD_POOL_H */
