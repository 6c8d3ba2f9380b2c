/* SPDX-License-Identifier: BSD-3-Clause */

/* In and out again by the hot-plug calls of EAL, while operations are in flight; nothing is left.
 */

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include <rte_dev.h>
#include <rte_memzone.h>

#include "dad_internal.h"
#include "test_device.h"
#include "test_threads.h"

#include "test_log.h"

#define ROUNDS 100
#define VCHANS 3
#define LENGTH (100u << 10)

/* From DPDK 26.07 on what was hot-plugged once stays on the bus, and rte_vdev_init() cannot have
 * its name any more. */
#define PLUGGED "dma_dad_plugged"

static unsigned int
entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
count_one(const struct rte_memzone *mz, void *arg)
{
	(void)mz;
	++*(unsigned int *)arg;
}

/* What a device must not leave behind, beside threads. */
struct left {
	unsigned int fds, memzones, devices;
	size_t heap; /* EAL's */
	size_t libc;
};

static struct left
look(void)
{
	struct rte_malloc_socket_stats stats;
	struct left l = {.fds = entries("/proc/self/fd")};

	threads_expect("", threads_at_rest);
	rte_memzone_walk(count_one, &l.memzones);
	assert_int_equal(rte_malloc_get_socket_stats((int)rte_socket_id(), &stats), 0);
	l.heap = stats.heap_allocsz_bytes;
	l.libc = mallinfo2().uordblks;
	l.devices = rte_dma_count_avail();
	return l;
}

static void
assert_same(const struct left *a, const struct left *b)
{
	assert_int_equal(a->fds, b->fds);
	assert_int_equal(a->memzones, b->memzones);
	assert_int_equal(a->devices, b->devices);
	assert_int_equal(a->heap, b->heap);
	/* EAL's lists and the C library's own buffers may have grown; not by a struct each time */
	assert_in_range(b->libc, 0, a->libc + ROUNDS / 2 * 64 - 1);
}

static int16_t
plug(void)
{
	assert_int_equal(rte_eal_hotplug_add("vdev", PLUGGED, test_args()), 0);
	int id = rte_dma_get_dev_id_by_name(PLUGGED);
	assert_true(id >= 0);
	return (int16_t)id;
}

/* Some done and reported, some done, some under way, some not submitted. */
static void
make_busy(int16_t id, uint8_t *buf, unsigned int round)
{
	bool error;

	test_configure(id, VCHANS, 64);
	struct dad_dev *d = rte_dma_fp_objs[id].dev_private;
	assert_int_equal(dad_stat_latency_switch(&d->vchan[round % VCHANS], true), 0);
	assert_int_equal(rte_dma_start(id), 0);
	for (uint16_t v = 0; v < VCHANS; v++) {
		for (unsigned int i = 0; i < 10 + round % 20; i++) {
			const uint64_t flags = i % 4 == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0;
			int ret = i % 2 == 0
				? rte_dma_copy(id, v, iova(buf), iova(buf + LENGTH), LENGTH, flags)
				: rte_dma_fill(id, v, i, iova(buf), LENGTH, flags);

			assert_true(ret >= 0);
		}
		rte_dma_completed(id, v, (uint16_t)(round % 5), NULL, &error);
	}
}

static void
unplugged_while_busy_nothing_is_left(void **state)
{
	uint8_t *buf = test_buffer(2 * LENGTH);
	struct left before = {0}, after;

	(void)state;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		int16_t id = plug();

		make_busy(id, buf, round);
		/* whatever EAL says to it, there are no two */
		rte_eal_hotplug_add("vdev", PLUGGED, "");
		assert_int_equal(rte_dma_count_avail(), 1);
		assert_int_equal(rte_eal_hotplug_remove("vdev", PLUGGED), 0);
		assert_true(rte_dma_get_dev_id_by_name(PLUGGED) < 0);
		assert_false(rte_dma_is_valid(id));
		assert_int_not_equal(rte_eal_hotplug_remove("vdev", PLUGGED), 0);
		/* what is kept for the next one is there after a few */
		if (round == ROUNDS / 2 - 1)
			before = look();
	}
	after = look();
	assert_same(&before, &after);
	rte_free(buf);
}

/* Neither does a device that was refused, in whatever part of probe. */
static void
refused_nothing_is_left(void **state)
{
	static const char *const wrong[] = {"engine=fast", "kernel=mmx", "lcores=1000",
		"engine=inline,workers=2", "iommu=hard",
		"engine=thread,iommu=", "engine=thread,unknown=1", "xstats=2", "xstats=", "numa=x",
		"numa=-1", "numa="};
	struct left before = {0}, after;

	(void)state;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		const char *args = wrong[round % RTE_DIM(wrong)];

		/* not by hot-plug, which keeps the device's name */
		const int ret = rte_vdev_init(TEST_NAME, args);
		assert_true(ret < 0 && ret != -EEXIST);
		assert_true(rte_dma_get_dev_id_by_name(TEST_NAME) < 0);
		if (round == RTE_DIM(wrong) - 1)
			before = look();
	}
	after = look();
	assert_same(&before, &after);
}

/* With the key, and what it may be. */
static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *args, *words;
	} wrong[] = {
		{"xstats=2", "xstats=2: valid are 0"},
		{"engine=thread,iommu=", "iommu=: valid are none"},
		{"numa=x", "numa=x: valid are 0"},
		{"numa=-1", "numa=-1: valid are 0"},
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		log_begin();
		assert_true(rte_vdev_init(TEST_NAME, wrong[i].args) < 0);
		log_has(wrong[i].words);
	}
}

/* With one more of its kind at work, which notices nothing. */
static void
others_go_on(void **state)
{
	int16_t id = test_open(1, 64);
	uint8_t *buf = test_buffer(2 * LENGTH);

	(void)state;
	for (unsigned int round = 0; round < 20; round++) {
		memset(buf, (int)round, LENGTH);
		assert_true(rte_dma_copy(id, 0, iova(buf), iova(buf + LENGTH), 4096,
				    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
		assert_int_equal(rte_eal_hotplug_add("vdev", "dma_dad_guest", test_args()), 0);
		int16_t guest = (int16_t)rte_dma_get_dev_id_by_name("dma_dad_guest");
		test_configure(guest, 1, 64);
		assert_int_equal(rte_dma_start(guest), 0);
		assert_true(rte_dma_fill(guest, 0, 0, iova(buf + 8192), 64,
				    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
		assert_int_equal(rte_eal_hotplug_remove("vdev", "dma_dad_guest"), 0);
		test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(buf[LENGTH], round);
		assert_int_equal(buf[LENGTH + 4095], round);
	}
	rte_free(buf);
	test_close(id);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(unplugged_while_busy_nothing_is_left),
	cmocka_unit_test(refused_nothing_is_left),
	cmocka_unit_test(what_is_wrong_is_named),
	cmocka_unit_test(others_go_on),
};

TEST_MAIN_WITH(tests, threads_note_rest, NULL)
