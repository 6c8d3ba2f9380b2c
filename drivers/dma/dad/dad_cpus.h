/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_CPUS_H
#define DAD_CPUS_H

/*
 * Which CPUs workers run on. The process has the CPUs it was started with; EAL takes some as
 * lcores, the rest are spare. A worker gets a CPU for itself while there is one.
 * Calls come from control paths, one at a time; dad_cpus_workers_on() from any thread.
 */

#include <stdbool.h>
#include <stddef.h>

#define DAD_CPUS_MAX 64 /* in a list */

struct dad_cpu_list {
	unsigned int n;
	int cpu[DAD_CPUS_MAX];
};

/*
 * Parse "1", "1-3", "1+3", "0-1+4". Each CPU must be one that a thread of this process may be
 * pinned to. Returns 0, or -EINVAL with the reason in why.
 */
int dad_cpus_parse(const char *text, struct dad_cpu_list *list, char *why, size_t why_size);

/* Is there a CPU that no EAL lcore and no worker runs on? */
bool dad_cpus_any_spare(void);

/* The best CPU for one more worker: spare, else with the fewest threads, the main lcore's last;
 * of these, one on the NUMA node. */
int dad_cpus_pick(int numa_node);

/* A worker moves in, or out. */
void dad_cpus_enter(int cpu);
void dad_cpus_leave(int cpu);

/* Who polls on a CPU: lcores that are pinned to it alone, and workers. */
unsigned int dad_cpus_lcores_on(int cpu);
unsigned int dad_cpus_workers_on(int cpu);

#endif /* DAD_CPUS_H */
