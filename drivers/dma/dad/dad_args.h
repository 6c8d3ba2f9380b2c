/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_ARGS_H
#define DAD_ARGS_H

/* Devargs of dma_dad: --vdev dma_dad0,key=value,... */

#include <stdint.h>

#include "dad_cpus.h"
#include "dad_model_args.h"

#define DAD_WORKERS_MAX 64
#define DAD_POOL_NAME	16

enum dad_engine_kind {
	DAD_ENGINE_INLINE,  /* the submitting thread moves the bytes, in rte_dma_submit() */
	DAD_ENGINE_THREAD,  /* workers do */
	DAD_ENGINE_SERVICE, /* EAL's service cores do */
	DAD_ENGINE_AUTO,    /* the submitter does little batches, workers the rest, with its help */
};

/* What a worker does that finds nothing to do. */
enum dad_idle_kind {
	DAD_IDLE_POLL,	/* looks again */
	DAD_IDLE_PAUSE, /* after a while only every so often, the CPU resting in between */
	DAD_IDLE_SLEEP, /* after a while longer sleeps in between: see dad_idle.h */
};

struct dad_args {
	enum dad_engine_kind engine;
	unsigned int workers;
	struct dad_cpu_list lcores; /* CPUs for the workers; n is 0: the driver chooses */
	enum dad_idle_kind idle;
	bool halt;		  /* a vchan stops at what fails: dad_halt.h */
	bool mt;		  /* many threads may use one vchan */
	bool eager;		  /* engine=inline: copies are done when they are enqueued */
	char pool[DAD_POOL_NAME]; /* whose workers are shared; empty: own ones */
	bool ops;		  /* operations may be enqueued and dequeued as such */
	bool xstats;		  /* count more than rte_dma_stats has */
	bool silent;		  /* may be configured for silent mode */
	bool iommu;		  /* only what is mapped can be reached: devarg iommu=soft */
	bool enlist;		  /* workers become lcores: devarg `register` */
	uint32_t threshold;	  /* engine=auto: bytes that the submitter moves itself */
	char kernel[8];		  /* empty: the best */
	uint32_t past_from;	  /* bytes that go past the caches; 0: none do. Devarg nt */
	int numa;		  /* node of memory and workers; SOCKET_ID_ANY: not said */
	struct dad_model_args model;
};

#define DAD_THRESHOLD_DEFAULT 4096
#define DAD_THRESHOLD_MAX     (1u << 30)

#define DAD_ARGS_HELP                                                                              \
	"engine=<inline|thread|service|auto> workers=<1-64> lcores=<list, as 1 or 1-3 or 1+3> "    \
	"idle=<poll|pause|sleep> mt=<0|1> eager=<0|1> halt=<0|1> register=<0|1> "                  \
	"threshold=<bytes> kernel=<auto|sse2|avx2|avx512|erms|nt> nt=<bytes> "                     \
	"iommu=<none|soft> numa=<node> "                                                           \
	"silent=<0|1> ops=<0|1> pool=<name> xstats=<0|1> " DAD_MODEL_ARGS_HELP

/*
 * Parse; text may be NULL or empty. What is not given gets its default: engine=thread where the
 * process has a CPU to spare, else inline; workers: as many as lcores, else 1.
 * Returns 0, or -EINVAL after logging what is wrong and what is valid.
 */
int dad_args_parse(const char *device, const char *text, struct dad_args *args);

const char *dad_engine_name(enum dad_engine_kind kind);
const char *dad_idle_name(enum dad_idle_kind kind);

#endif /* DAD_ARGS_H */
