/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "config.h"
#include "mapbench_summary.h"

#define MAX_ENTRIES    (CONFIG_MAX_SIZES * 32)
#define LARGEST_BOUNCE 4096u
#define COHERENT_SIZE  4096u

struct entry {
	const char *name;
	enum map_kind kind;
	uint32_t size;
	double first, last;
};

static struct entry entries[MAX_ENTRIES];
static unsigned int nb_entries;
static bool any;

void
map_summary_clear(void)
{
	nb_entries = 0;
	any = false;
}

void
map_summary_add(const char *name, enum map_kind kind, uint32_t size, double first, double last)
{
	if (nb_entries < MAX_ENTRIES)
		entries[nb_entries++] = (struct entry){name, kind, size, first, last};
}

static const struct entry *
find(const char *name, enum map_kind kind, uint32_t size)
{
	for (unsigned int i = 0; i < nb_entries; i++) {
		const struct entry *e = &entries[i];

		if (e->kind == kind && e->size == size && strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

static void
line(uint32_t size, const char *what, double value, const char *unit, const char *wanted)
{
	if (!any)
		printf("\nwhat is promised (on a quiet core), and what was measured\n");
	any = true;
	printf("%8u  %-48s %9.2f %-8s %s\n", size, what, value, unit, wanted);
}

static void
direct_lines(uint32_t size)
{
	const struct entry *e = find("direct", MAP_SINGLE, size), *peer;

	if (e == NULL)
		return;
	line(size, "direct map", e->first, "ns", "5 at most");
	line(size, "direct unmap", e->last, "ns", "3 at most");
	peer = find("rte_mem_virt2iova", MAP_SINGLE, size);
	if (peer != NULL && rte_eal_iova_mode() == RTE_IOVA_PA)
		line(size, "rte_mem_virt2iova : direct map", peer->first / e->first, "times",
			"300 at least");
	peer = find("rte_mem_virt2memseg", MAP_SINGLE, size);
	if (peer != NULL)
		line(size, "rte_mem_virt2memseg : direct map", peer->first / e->first, "times",
			"1.3 at least");
}

static void
other_lines(uint32_t size)
{
	const struct entry *e, *peer;

	e = find("direct", MAP_BURST, size);
	if (e != NULL)
		line(size, "direct map of a burst, a buffer", e->first, "ns", "2 at most");
	e = find("direct", MAP_SYNC, size);
	if (e != NULL) {
		line(size, "direct sync for the CPU", e->first, "ns", "1 at most");
		line(size, "direct sync for the device", e->last, "ns", "1 at most");
	}
	e = find("bounce", MAP_SINGLE, size);
	peer = find("memcpy", MAP_SINGLE, size);
	if (e != NULL && peer != NULL && size <= LARGEST_BOUNCE)
		line(size, "bounce map + unmap, beyond memcpy",
			e->first + e->last - peer->first - peer->last, "ns", "40 at most");
	e = find("pool", MAP_POOL, size);
	if (e != NULL)
		line(size, "pool alloc + free", e->first + e->last, "ns", "15 at most");
	e = find("iova", MAP_IOVA, size);
	if (e != NULL)
		line(size, "IOVA alloc + free", e->first + e->last, "ns", "25 at most");
}

static void
coherent_lines(uint32_t size)
{
	const struct entry *e = find("coherent", MAP_COHERENT, size);
	const struct entry *peer = find("rte_memzone", MAP_COHERENT, size);

	if (e == NULL || size != COHERENT_SIZE)
		return;
	line(size, "coherent alloc + free", e->first + e->last, "ns", "200 at most");
	if (peer != NULL)
		line(size, "rte_memzone : coherent, alloc + free",
			(peer->first + peer->last) / (e->first + e->last), "times", "20 at least");
}

void
map_summary_print(void)
{
	for (unsigned int i = 0; i < nb_entries; i++) {
		const uint32_t size = entries[i].size;

		/* each size once, in the order in which they were measured */
		if (i > 0 && entries[i - 1].size == size)
			continue;
		direct_lines(size);
		other_lines(size);
		coherent_lines(size);
	}
}
