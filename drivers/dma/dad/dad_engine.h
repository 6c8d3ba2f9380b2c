/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_ENGINE_H
#define DAD_ENGINE_H

/* Workers that poll the vchans of one device: threads of ours, or EAL's service cores. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dad_args.h"
#include "dad_service.h"
#include "dad_vchan.h"
#include "dad_work.h"

struct dad_exec;
struct dad_engine;
struct dad_pool;

/* A flag that other threads look at, and that says nothing about anything else. */
static inline void
dad_flag_set(bool *flag, bool up)
{
	__atomic_store_n(flag, up, __ATOMIC_RELAXED);
}

static inline bool
dad_flag_is_up(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

struct dad_worker {
	struct dad_engine *engine;
	unsigned int index;
	int cpu;
	bool beside_lcore; /* an lcore is pinned to the same CPU */
	pthread_t thread;
	bool gone;	/* has ended, and was joined */
	uint64_t round; /* in a pool: how often it has looked for work */
	struct dad_work work;
	uint64_t quiet[DAD_VCHANS_MAX]; /* see dad_serve() */
};

struct dad_engine {
	const struct dad_exec *exec;
	struct dad_vchan *vchan;
	unsigned int nb_vchans;
	unsigned int nb_workers; /* threads; 0: not started */
	enum dad_idle_kind idle;
	bool counted; /* workers note how busy they are */
	bool enlist;  /* workers become lcores */
	uint32_t own_control;
	uint32_t *control;	 /* workers leave when it is not DAD_CONTROL_RUN: see dad_regs.h */
	bool crowded;		 /* some worker shares its CPU */
	bool halted;		 /* told to stop, but not all have left */
	uint16_t priority;	 /* among the devices of a pool, 0 is the highest */
	struct dad_pool *pool;	 /* whose workers these vchans are done by; NULL: own ones */
	struct dad_pool *serves; /* whose workers these are; NULL: this device's own */
	struct dad_service service;
	struct dad_worker worker[DAD_WORKERS_MAX];
};

/* Start the workers of args, which run by that word, for vchan[0 … nb_vchans), or join those of
 * their pool. 0 or -errno, and then none runs. */
int dad_engine_start(struct dad_engine *e, const char *name, const struct dad_args *args,
	int numa_node, const struct dad_exec *exec, struct dad_vchan *vchan, unsigned int nb_vchans,
	uint32_t *control);

/* How long a stop waits for workers to finish the group that they are at. */
#define DAD_LEAVE_MS 1000

/* Stop them: each finishes the group that it is at. 0, also when none runs; or -EBUSY: some have
 * not left in time, and may still write to memory. Then the engine is `halted`: no group is begun,
 * and it can be stopped again, but not started. */
int dad_engine_stop(struct dad_engine *e, const char *name);

/* A worker that was told to leave, has it? */
bool dad_worker_is_gone(struct dad_worker *w);

/* A group of each vchan, by a service core. False if there was nothing to do. */
bool dad_engine_serve_all(const struct dad_engine *e);

/* Has it been started, and neither been stopped nor gone? */
bool dad_engine_may_run(const struct dad_engine *e);

/* Does it share its CPU with somebody who polls? Others may move in while it runs. */
bool dad_engine_is_crowded(const struct dad_worker *w);

#endif /* DAD_ENGINE_H */
