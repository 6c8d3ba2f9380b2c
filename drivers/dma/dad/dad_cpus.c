/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <numa.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_lcore.h>

#include "dad_cpus.h"

/* Before EAL pins the main thread, if the plugin was loaded then; else what is left to us. */
static cpu_set_t process_cpus;

static unsigned int workers_on[CPU_SETSIZE];

RTE_INIT(remember_process_cpus)
{
	sched_getaffinity(0, sizeof(process_cpus), &process_cpus);
}

unsigned int
dad_cpus_lcores_on(int cpu)
{
	unsigned int lcore, n = 0;

	RTE_LCORE_FOREACH (lcore) {
		rte_cpuset_t set = rte_lcore_cpuset(lcore);

		n += CPU_COUNT(&set) == 1 && CPU_ISSET(cpu, &set);
	}
	return n;
}

unsigned int
dad_cpus_workers_on(int cpu)
{
	return __atomic_load_n(&workers_on[cpu], __ATOMIC_RELAXED);
}

static unsigned int
threads_on(int cpu)
{
	return dad_cpus_lcores_on(cpu) + dad_cpus_workers_on(cpu);
}

bool
dad_cpus_any_spare(void)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &process_cpus) && threads_on(cpu) == 0)
			return true;
	return false;
}

int
dad_cpus_pick(int numa_node)
{
	rte_cpuset_t main_set = rte_lcore_cpuset(rte_get_main_lcore());
	unsigned int best_cost = UINT32_MAX;
	int best = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &process_cpus))
			continue;
		bool far = numa_node >= 0 && numa_available() >= 0 &&
			numa_node_of_cpu(cpu) != numa_node;
		unsigned int cost = 4 * threads_on(cpu) + 2 * !!CPU_ISSET(cpu, &main_set) + far;

		if (cost < best_cost) {
			best_cost = cost;
			best = cpu;
		}
	}
	return best;
}

void
dad_cpus_enter(int cpu)
{
	__atomic_fetch_add(&workers_on[cpu], 1, __ATOMIC_RELAXED);
}

void
dad_cpus_leave(int cpu)
{
	__atomic_fetch_sub(&workers_on[cpu], 1, __ATOMIC_RELAXED);
}

/* The kernel is asked: offline CPUs, cpusets and the number of CPUs are all its business. */
static bool
can_pin_to(long cpu)
{
	cpu_set_t before, wanted;

	if (cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(before), &before) != 0)
		return false;
	CPU_ZERO(&wanted);
	CPU_SET(cpu, &wanted);
	if (sched_setaffinity(0, sizeof(wanted), &wanted) != 0)
		return false;
	sched_setaffinity(0, sizeof(before), &before);
	return true;
}

/* All of those, as a list that dad_cpus_parse() takes; if there is no room for all, with "..." in
 * place of the rest. */
static void
print_valid(char *text, size_t size)
{
	cpu_set_t before, valid;
	size_t at = 0;

	/* of a set that is too large the kernel takes those that can be */
	memset(&valid, 0xff, sizeof(valid));
	if (sched_getaffinity(0, sizeof(before), &before) != 0 ||
		sched_setaffinity(0, sizeof(valid), &valid) != 0)
		return;
	sched_getaffinity(0, sizeof(valid), &valid);
	sched_setaffinity(0, sizeof(before), &before);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		const char *plus = at > 0 ? "+" : "";
		char entry[32];
		int last = cpu;

		if (!CPU_ISSET(cpu, &valid))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &valid))
			last++;
		if (last > cpu)
			snprintf(entry, sizeof(entry), "%s%d-%d", plus, cpu, last);
		else
			snprintf(entry, sizeof(entry), "%s%d", plus, cpu);
		if (at + strlen(entry) + sizeof("+...") > size) {
			snprintf(text + at, size - at, "+...");
			return;
		}
		at += (size_t)snprintf(text + at, size - at, "%s", entry);
		cpu = last;
	}
}

/* A number at the cursor, which moves behind it; -1 if there is none. */
static long
parse_cpu(const char **at)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return -1;
	long cpu = strtol(*at, &end, 10);
	*at = end;
	return cpu;
}

static int
malformed(const char *text, char *why, size_t why_size)
{
	snprintf(why, why_size, "'%.40s' is no list of CPUs (such as 1, 1-3, 1+3)", text);
	return -EINVAL;
}

static int
no_such_cpu(long cpu, const char *text, char *why, size_t why_size)
{
	char valid[80] = "";

	print_valid(valid, sizeof(valid));
	snprintf(why, why_size,
		"CPU %ld of '%.40s' does not exist, or is not for this process: valid are %s", cpu,
		text, valid);
	return -EINVAL;
}

int
dad_cpus_parse(const char *text, struct dad_cpu_list *list, char *why, size_t why_size)
{
	const char *at = text;

	list->n = 0;
	for (;;) {
		long first = parse_cpu(&at);
		long last = first;

		if (*at == '-') {
			at++;
			last = parse_cpu(&at);
		}
		if (first < 0 || last < first)
			return malformed(text, why, why_size);
		for (long cpu = first; cpu <= last; cpu++) {
			if (list->n == DAD_CPUS_MAX) {
				snprintf(why, why_size, "'%.40s' has more than %d CPUs", text,
					DAD_CPUS_MAX);
				return -EINVAL;
			}
			if (!can_pin_to(cpu))
				return no_such_cpu(cpu, text, why, why_size);
			list->cpu[list->n++] = (int)cpu;
		}
		if (*at == '\0')
			return 0;
		if (*at++ != '+')
			return malformed(text, why, why_size);
	}
}
