/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Trace points, as EAL records them with --trace. A record is a header, time and number of the
 * event, and what the event says, which is the device's name first, or on the fast path, where that
 * is compiled, the vchan's address. The file `metadata` tells the numbers' names.
 */

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_trace.h>

#include "dad_internal.h"
#include "test_device.h"

#define HEADER	 sizeof(uint64_t)
#define ID_SHIFT 48

static char folder[] = "/tmp/dad_trace_XXXXXX";

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* The one folder that EAL makes in ours. */
static void
find_session(char *path, size_t size)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;

	assert_non_null(dir);
	path[0] = '\0';
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			snprintf(path, size, "%s/%s", folder, e->d_name);
	closedir(dir);
	assert_true(path[0] != '\0');
}

/* Whole, and ending in 0; NULL if there is none. */
static char *
read_file(const char *session, const char *name, size_t *size)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", session, name);
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return NULL;
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	*size = (size_t)ftell(f);
	rewind(f);
	char *text = calloc(1, *size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, *size, f), *size);
	fclose(f);
	return text;
}

/* "pmd.dma.dad.start" of an event's number. */
static void
name_of(const char *metadata, unsigned int id, char *name, size_t size)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "id = %u;", id);
	const char *at = strstr(metadata, wanted);
	assert_non_null(at);
	at = strstr(at, "name = \"");
	assert_non_null(at);
	at += strlen("name = \"");
	snprintf(name, size, "%.*s", (int)strcspn(at, "\""), at);
}

/* The events that begin with these bytes, in their order. */
static void
list_events(const char *metadata, const char *channel, size_t size, const void *start,
	size_t start_size, char *list, size_t list_size)
{
	for (size_t at = HEADER; at + start_size <= size; at++) {
		uint64_t header;
		char name[64];

		if (memcmp(channel + at, start, start_size) != 0)
			continue;
		memcpy(&header, channel + at - HEADER, HEADER);
		name_of(metadata, (unsigned int)(header >> ID_SHIFT), name, sizeof(name));
		const char *prefix = "pmd.dma.dad.";
		assert_int_equal(strncmp(name, prefix, strlen(prefix)), 0);
		strncat(list, name + strlen(prefix), list_size - strlen(list) - 2);
		strcat(list, " ");
	}
}

/* Of all threads. */
static void
list_all(const char *session, const void *start, size_t start_size, char *list, size_t list_size)
{
	size_t size;
	char *metadata = read_file(session, "metadata", &size);

	assert_non_null(metadata);
	list[0] = '\0';
	for (unsigned int i = 0; i < 16; i++) {
		char name[32];

		snprintf(name, sizeof(name), "channel0_%u", i);
		char *channel = read_file(session, name, &size);
		if (channel != NULL)
			list_events(metadata, channel, size, start, start_size, list, list_size);
		free(channel);
	}
	free(metadata);
}

static void
a_life_is_traced(void **state)
{
	const bool thread = strstr(test_args(), "engine=thread") != NULL;
	enum rte_dma_status_code status;
	char session[300], list[1024];
	uint8_t *buf = test_buffer(128);

	(void)state;
	assert_true(rte_trace_is_enabled());
	int16_t id = test_open(2, 32);
	assert_true(rte_dma_copy(id, 1, iova(buf), iova(buf + 64), 64, 0) >= 0);
	assert_int_equal(rte_dma_submit(id, 1), 0);
	test_gather(id, 1, 1, &status);
	assert_true(rte_dma_copy(id, 1, iova(buf), iova(buf + 64), 64, 0) >= 0);
	const struct dad_dev *d = rte_dma_fp_objs[id].dev_private;
	const struct dad_vchan *vc = &d->vchan[1];
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	assert_int_equal(rte_trace_save(), 0);

	find_session(session, sizeof(session));
	list_all(session, TEST_NAME, sizeof(TEST_NAME), list, sizeof(list));
	assert_string_equal(list,
		thread ? "probe configure vchan_setup vchan_setup worker.start start "
			 "worker.stop abort stop close "
		       : "probe configure vchan_setup vchan_setup start abort stop close ");
	/* the fast path: -Dtrace_fp=true, or a DPDK that has it */
	list_all(session, &vc, sizeof(vc), list, sizeof(list));
#ifdef RTE_ENABLE_TRACE_FP
	/* a worker's come in a file of its own */
	assert_string_equal(list,
		thread ? "enqueue submit completed enqueue group "
		       : "enqueue submit group completed enqueue ");
#else
	assert_string_equal(list, "");
#endif
	rte_free(buf);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_life_is_traced)};
	char options[128];
	const char *more = getenv("DAD_TEST_EAL");

	if (argc < 1 || mkdtemp(folder) == NULL)
		return 1;
	snprintf(options, sizeof(options), "%s --trace=pmd.dma.dad.* --trace-dir=%s",
		more != NULL ? more : "", folder);
	setenv("DAD_TEST_EAL", options, 1);
	int ret = eal_test_init(argv[0]);
	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		rte_eal_cleanup();
	}
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return ret;
}
