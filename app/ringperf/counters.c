/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counters.h"

static const struct {
	const char *name;
	uint32_t type;
	uint64_t config;
} events[COUNTER_COUNT] = {
	[COUNTER_CYCLES] = {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	[COUNTER_INSTRUCTIONS] = {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	[COUNTER_CACHE_MISSES] = {"cache misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	[COUNTER_SWITCHES] = {"context switches", PERF_TYPE_SOFTWARE,
		PERF_COUNT_SW_CONTEXT_SWITCHES},
};

const char *
counter_name(enum counter i)
{
	return events[i].name;
}

void
counters_open(struct counters *c)
{
	for (int i = 0; i < COUNTER_COUNT; i++) {
		struct perf_event_attr attr = {
			.type = events[i].type,
			.size = sizeof(attr),
			.config = events[i].config,
			.read_format =
				PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
			.inherit = 1,
			/* the kernel's part may be forbidden, and switches are all in it */
			.exclude_kernel = events[i].type == PERF_TYPE_HARDWARE,
			.exclude_hv = events[i].type == PERF_TYPE_HARDWARE,
		};

		c->fd[i] =
			(int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
		c->err[i] = c->fd[i] < 0 ? errno : 0;
	}
}

void
counters_close(struct counters *c)
{
	for (int i = 0; i < COUNTER_COUNT; i++) {
		if (c->fd[i] >= 0)
			close(c->fd[i]);
		c->fd[i] = -1;
	}
}

bool
counters_any(const struct counters *c)
{
	for (int i = 0; i < COUNTER_COUNT; i++) {
		if (c->fd[i] >= 0)
			return true;
	}
	return false;
}

void
counters_read(const struct counters *c, struct counts *now)
{
	for (int i = 0; i < COUNTER_COUNT; i++) {
		struct {
			uint64_t value, enabled, running;
		} got;

		now->known[i] = false;
		if (c->fd[i] < 0 || read(c->fd[i], &got, sizeof(got)) != sizeof(got) ||
			got.running == 0)
			continue;
		/* where there are more events than counters they take turns */
		now->known[i] = true;
		now->value[i] = (double)got.value * (double)got.enabled / (double)got.running;
	}
}

void
counters_describe(const struct counters *c, FILE *f)
{
	int shown = 0, err = 0;

	fprintf(f, "perf counters:");
	for (int i = 0; i < COUNTER_COUNT; i++) {
		if (c->fd[i] >= 0)
			fprintf(f, "%s %s", shown++ > 0 ? "," : "", events[i].name);
	}
	fprintf(f, "%s", shown > 0 ? "" : " none");
	shown = 0;
	for (int i = 0; i < COUNTER_COUNT; i++) {
		if (c->fd[i] >= 0)
			continue;
		fprintf(f, "%s %s", shown++ > 0 ? "," : "; not", events[i].name);
		err = c->err[i];
	}
	if (shown > 0)
		fprintf(f, ": %s",
			err == ENOENT ? "this machine has no such counters" : strerror(err));
	fprintf(f, "\n");
}
