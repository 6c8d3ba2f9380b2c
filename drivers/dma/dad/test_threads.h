/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_THREADS_H
#define TEST_THREADS_H

/*
 * The threads of this process, as the kernel has them. One that was joined may still be among them
 * for a moment: how many there are to be is waited for.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "test_device.h"

static inline void
threads_walk(void (*each)(const char *name, pid_t id, void *arg), void *arg)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[300], name[32];

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		FILE *f = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
		if (f == NULL)
			continue;
		/* of one that has just gone nothing can be read */
		if (fgets(name, sizeof(name), f) != NULL) {
			name[strcspn(name, "\n")] = '\0';
			each(name, atoi(entry->d_name), arg);
		}
		fclose(f);
	}
	closedir(dir);
}

struct threads_named {
	const char *start;
	unsigned int n;
};

static inline void
threads_count(const char *name, pid_t id, void *arg)
{
	struct threads_named *named = arg;

	(void)id;
	named->n += strncmp(name, named->start, strlen(named->start)) == 0;
}

/* How many have a name that starts so. */
static inline unsigned int
threads_named(const char *start)
{
	struct threads_named named = {.start = start};

	threads_walk(threads_count, &named);
	return named.n;
}

/* So many, within ten seconds. */
static inline void
threads_expect(const char *start, unsigned int n)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	unsigned int found;

	while ((found = threads_named(start)) != n && rte_get_timer_cycles() < deadline)
		rte_delay_us_sleep(1000);
	assert_int_equal(found, n);
}

/* How many there were when no device was there yet: a group's setup. */
static unsigned int threads_at_rest;

static inline int
threads_note_rest(void **state)
{
	(void)state;
	threads_at_rest = threads_named("");
	return 0;
}

#endif /* TEST_THREADS_H */
