/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>

#include <rte_common.h>

#include "op.h"
#include "stats.h"

/* struct stats is nothing but 64-bit counters. */
#define NB_COUNTERS (sizeof(struct stats) / sizeof(uint64_t))
_Static_assert(sizeof(struct stats) % sizeof(uint64_t) == 0, "counters of 64 bits only");

void
stats_count_status(struct stats *s, enum rte_dma_status_code status)
{
	stats_count(&s->errors, 1);
	stats_count(&s->status[RTE_MIN((unsigned int)status, (unsigned int)STATS_CODES)], 1);
}

void
stats_read(const struct stats *from, struct stats *to)
{
	const uint64_t *f = (const uint64_t *)from;
	uint64_t *t = (uint64_t *)to;

	for (size_t i = 0; i < NB_COUNTERS; i++)
		t[i] = __atomic_load_n(&f[i], __ATOMIC_RELAXED);
}

void
stats_add(struct stats *to, const struct stats *s)
{
	uint64_t *t = (uint64_t *)to;
	const uint64_t *f = (const uint64_t *)s;

	for (size_t i = 0; i < NB_COUNTERS; i++)
		t[i] += f[i];
}

void
stats_print_rate(uint64_t ops, uint64_t bytes, double seconds)
{
	if (seconds <= 0)
		seconds = 1e-9;
	printf("%.3f Mops, %.3f GB/s", (double)ops / seconds / 1e6, (double)bytes / seconds / 1e9);
}

void
stats_print(const struct stats *s, double seconds, const char *indent)
{
	printf("%ssubmitted %" PRIu64 ", completed %" PRIu64 ", errors %" PRIu64
	       ", refused %" PRIu64 ", ring full %" PRIu64 "\n",
		indent, s->submitted, s->completed, s->errors, s->refused, s->full);
	if (s->errors > 0)
		printf("%srecovered %" PRIu64 ", given up %" PRIu64 "\n", indent, s->recovered,
			s->given_up);
	if (s->gaps > 0)
		printf("%slost %" PRIu64 " bytes of the stream, gaps %" PRIu64 "\n", indent,
			s->lost, s->gaps);
	printf("%schecked %" PRIu64 ", miscompares %" PRIu64 "\n", indent, s->checked,
		s->miscompares);
	printf("%s%" PRIu64 " bytes in %.3f s: ", indent, s->bytes, seconds);
	stats_print_rate(s->completed, s->bytes, seconds);
	printf("\n");
	for (unsigned int code = 0; code <= STATS_CODES; code++) {
		if (s->status[code] == 0)
			continue;
		printf("%serror %s (status %s%u): %" PRIu64 "\n", indent,
			op_status_name(code < STATS_CODES ? code : RTE_DMA_STATUS_ERROR_UNKNOWN),
			code < STATS_CODES ? "" : ">=", code, s->status[code]);
	}
}
