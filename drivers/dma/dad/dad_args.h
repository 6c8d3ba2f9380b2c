/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_ARGS_H
#define DAD_ARGS_H

/* Devargs of dma_dad: --vdev dma_dad0,key=value,... */

#include "dad_cpus.h"

#define DAD_WORKERS_MAX 64

enum dad_engine_kind {
	DAD_ENGINE_INLINE, /* the submitting thread moves the bytes, in rte_dma_submit() */
	DAD_ENGINE_THREAD, /* workers do */
};

struct dad_args {
	enum dad_engine_kind engine;
	unsigned int workers;
	struct dad_cpu_list lcores; /* CPUs for the workers; n is 0: the driver chooses */
};

#define DAD_ARGS_HELP "engine=<inline|thread> workers=<1-64> lcores=<list, as 1 or 1-3 or 1+3>"

/*
 * Parse; text may be NULL or empty. What is not given gets its default: engine=thread where the
 * process has a CPU to spare, else inline; workers: as many as lcores, else 1.
 * Returns 0, or -EINVAL after logging what is wrong and what is valid.
 */
int dad_args_parse(const char *device, const char *text, struct dad_args *args);

const char *dad_engine_name(enum dad_engine_kind kind);

#endif /* DAD_ARGS_H */
