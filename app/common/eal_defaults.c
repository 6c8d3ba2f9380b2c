/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "eal_defaults.h"

/* Fewer than this and a DPDK program's own pools may not fit. */
#define ENOUGH_HUGEPAGES  96
#define NO_HUGE_MEGABYTES 512
#define HUGEPAGE_SIZE	  (2UL << 20)

/* Room in text that is taken: the strings lie one behind the other. */
static size_t
text_used(const struct eal_defaults *d)
{
	if (d->argc == 0)
		return 0;
	const char *last = d->argv[d->argc - 1];
	return (size_t)(last - d->text) + strlen(last) + 1;
}

static int
append(struct eal_defaults *d, const char *arg, size_t len)
{
	size_t used = text_used(d);

	if (d->argc == EAL_DEFAULTS_MAX_ARGS || used + len + 1 > sizeof(d->text))
		return -E2BIG;
	memcpy(d->text + used, arg, len);
	d->text[used + len] = '\0';
	d->argv[d->argc++] = d->text + used;
	d->argv[d->argc] = NULL;
	return 0;
}

int
eal_defaults_append(struct eal_defaults *d, const char *options)
{
	int ret = 0;

	while (ret == 0 && *options != '\0') {
		size_t len = strcspn(options, " ");

		if (len > 0)
			ret = append(d, options, len);
		options += len;
		options += strspn(options, " ");
	}
	return ret;
}

/* The kernel is asked for a page in the way EAL will ask; a count alone says nothing of rights. */
static bool
hugepages_work(void)
{
	unsigned long free_pages = 0;

	if (getenv("DAD_NO_HUGE") != NULL)
		return false;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");

	if (f == NULL)
		return false;
	if (fscanf(f, "%lu", &free_pages) != 1)
		free_pages = 0;
	fclose(f);
	if (free_pages < ENOUGH_HUGEPAGES)
		return false;

	void *page = mmap(NULL, HUGEPAGE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (page == MAP_FAILED)
		return false;
	munmap(page, HUGEPAGE_SIZE);
	return true;
}

/* "0", or "0,1,5": the CPUs this process may run on. */
static void
cpu_list(char *list, size_t size, enum eal_defaults_cpus cpus)
{
	cpu_set_t set;
	size_t len = 0;

	snprintf(list, size, "0");
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		int n = snprintf(list + len, size - len, "%s%d", len > 0 ? "," : "", cpu);
		if (n < 0 || (size_t)n >= size - len) {
			list[len] = '\0';
			return;
		}
		len += (size_t)n;
		if (cpus == EAL_DEFAULTS_ONE_CPU)
			return;
	}
}

void
eal_defaults_choose(struct eal_defaults *d, const char *prog, enum eal_defaults_cpus cpus)
{
	char list[128];
	char options[256];

	d->argc = 0;
	d->hugepages = hugepages_work();
	cpu_list(list, sizeof(list), cpus);
	if (d->hugepages)
		snprintf(options, sizeof(options), "-l %s --no-pci --in-memory", list);
	else
		/* 22.11 refuses --in-memory beside --no-huge; of what it stands for this is the
		 * rest */
		snprintf(options, sizeof(options),
			"-l %s --no-pci --no-huge -m %d --iova-mode=va --no-shconf", list,
			NO_HUGE_MEGABYTES);
	append(d, prog, strlen(prog));
	eal_defaults_append(d, options);
}

void
eal_defaults_print(const struct eal_defaults *d, bool objects)
{
	FILE *f = objects ? stderr : stdout;

	fprintf(f, "EAL options:");
	for (int i = 1; i < d->argc; i++)
		fprintf(f, " %s", d->argv[i]);
	fprintf(f, "\n");
	if (!objects && !d->hugepages)
		fprintf(f, "no usable 2 MiB hugepages: running on --no-huge\n");
	fflush(f);
}
