/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an IOVA costs: the allocator alone, which no program can call. dad-testdma --mapbench
 * measures it through the library's calls, with all that these do besides.
 * usage: iova_bench [FILE]     FILE: one JSON object a line is appended
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_memory.h>

#include "eal_defaults.h"
#include "iova.h"

#define ROUNDS	  2001
#define MAX_ALIVE 1024u
#define GRANULE	  4096u
#define LIMIT	  UINT32_MAX

struct figures {
	double alloc[ROUNDS], free[ROUNDS]; /* ns of one call */
};

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Some ranges of a granule at a time, again and again. */
static int
measure(struct dad_iova *a, uint32_t alive, struct figures *f)
{
	static dad_dma_addr_t addr[MAX_ALIVE];
	const double ns = 1e9 / rte_get_tsc_hz() / alive;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t start = rte_rdtsc_precise();

		for (uint32_t i = 0; i < alive; i++)
			addr[i] = dad_iova_alloc(a, GRANULE, GRANULE, LIMIT);
		uint64_t middle = rte_rdtsc_precise();

		for (uint32_t i = 0; i < alive; i++) {
			if (unlikely(addr[i] == DAD_DMA_MAPPING_ERROR))
				return -ENOSPC;
		}
		uint64_t again = rte_rdtsc_precise();

		for (uint32_t i = 0; i < alive; i++)
			dad_iova_free(a, addr[i], GRANULE);
		f->alloc[round] = ns * (middle - start);
		f->free[round] = ns * (rte_rdtsc_precise() - again);
	}
	qsort(f->alloc, ROUNDS, sizeof(f->alloc[0]), by_value);
	qsort(f->free, ROUNDS, sizeof(f->free[0]), by_value);
	return 0;
}

static void
print_json(FILE *f, const char *op, uint32_t alive, const double sorted[ROUNDS])
{
	fprintf(f, "{\"kind\":\"iova\",\"subject\":\"allocator\",\"peer\":false,\"op\":\"%s\",",
		op);
	fprintf(f, "\"size\":%u,\"threads\":1,\"alive\":%u,\"items\":1,\"ns\":%.4f,", GRANULE,
		alive, sorted[ROUNDS / 2]);
	fprintf(f, "\"ns_min\":%.4f,\"ns_max\":%.4f,\"rounds\":%u}\n", sorted[0],
		sorted[ROUNDS - 1], ROUNDS);
}

int
main(int argc, char **argv)
{
	static struct eal_defaults defaults;
	static struct figures f;
	FILE *objects = argc > 1 ? fopen(argv[1], "ae") : NULL;
	int ret = 0;

	if (argc > 1 && objects == NULL) {
		fprintf(stderr, "cannot write '%s': %s\n", argv[1], strerror(errno));
		return 1;
	}
	eal_defaults_choose(&defaults, argv[0], EAL_DEFAULTS_ONE_CPU);
	eal_defaults_append(&defaults, "--log-level lib.*:error");
	if (rte_eal_init(defaults.argc, defaults.argv) < 0)
		return 1;
	struct dad_iova *a = dad_iova_create(GRANULE, UINT64_C(1) << 32, 12, SOCKET_ID_ANY);

	printf("IOVA allocator alone, 1 granule, ns a call: median of %u rounds\n", ROUNDS);
	for (uint32_t alive = 16; a != NULL && ret == 0 && alive <= MAX_ALIVE; alive *= 4) {
		ret = measure(a, alive, &f);
		if (ret != 0)
			break;
		printf("%5u alive: alloc %.2f, free %.2f, together %.2f (promised: 25)\n", alive,
			f.alloc[ROUNDS / 2], f.free[ROUNDS / 2],
			f.alloc[ROUNDS / 2] + f.free[ROUNDS / 2]);
		if (objects != NULL) {
			print_json(objects, "alloc", alive, f.alloc);
			print_json(objects, "free", alive, f.free);
		}
	}
	dad_iova_destroy(a);
	if (objects != NULL && fclose(objects) != 0)
		ret = -errno;
	rte_eal_cleanup();
	return a == NULL || ret != 0;
}
