/* SPDX-License-Identifier: BSD-3-Clause */

/* The vfio backend against a real IOMMU, in a guest: what a device can reach, and what not. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "dad_dma_vfio.h"
#include "raw_edu.h"
#include "raw_vfio.h"

static const struct dad_dma_domain_ops *ops;
static const char *device;

struct state {
	struct dad_dma_vfio *vfio;
	struct raw_edu edu;
	uint8_t *memory; /* three pages: the one in the middle is lent */
};

static int
setup(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct dad_dma_vfio_info info;

	assert_non_null(s);
	s->vfio = dad_dma_vfio_open(device);
	assert_non_null(s->vfio);
	assert_int_equal(dad_dma_vfio_info(s->vfio, &info), 0);
	raw_edu_open(&s->edu, device, info.group);
	s->memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_ptr_not_equal(s->memory, MAP_FAILED);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct state *s = *state;

	raw_edu_close(&s->edu);
	dad_dma_vfio_close(s->vfio);
	munmap(s->memory, 3 * PAGE);
	free(s);
	return 0;
}

static struct dad_dma_vfio_info
info_of(const struct state *s)
{
	struct dad_dma_vfio_info info;

	assert_int_equal(dad_dma_vfio_info(s->vfio, &info), 0);
	return info;
}

static uint64_t
maps(const struct state *s)
{
	return info_of(s).maps;
}

/* The device's buffer has this text, or none. */
static void
load(struct state *s, const char *text)
{
	memset(s->memory, 0, PAGE);
	strcpy((char *)s->memory, text);
	assert_int_equal(ops->map(s->vfio, 0x1000, s->memory, PAGE, DAD_DMA_TO_DEVICE), 0);
	raw_edu_transfer(&s->edu, 0x1000, 64, false);
	assert_int_equal(ops->unmap(s->vfio, 0x1000, PAGE), 0);
	memset(s->memory, 0, PAGE);
}

static void
test_a_device_reaches_memory_where_we_put_it(void **state)
{
	struct state *s = *state;
	uint8_t *lent = s->memory + PAGE;

	load(s, "hello");
	memset(s->memory, 0xa5, 3 * PAGE);
	/* below 2^28, and not where it is for the CPU */
	assert_int_equal(ops->map(s->vfio, 0x0ffff000, lent, PAGE, DAD_DMA_FROM_DEVICE), 0);
	assert_int_equal(maps(s), 1);
	raw_edu_transfer(&s->edu, 0x0ffff100, 64, true);
	assert_string_equal((char *)lent + 0x100, "hello");
	for (unsigned int i = 0; i < 3 * PAGE; i++)
		if (i < PAGE + 0x100 || i >= PAGE + 0x140)
			assert_int_equal(s->memory[i], 0xa5);
	assert_int_equal(ops->unmap(s->vfio, 0x0ffff000, PAGE), 0);
	assert_int_equal(maps(s), 0);
}

static void
test_a_stray_write_changes_nothing(void **state)
{
	struct state *s = *state;
	uint8_t *lent = s->memory + PAGE;

	load(s, "stray");
	memset(s->memory, 0xa5, 3 * PAGE);
	/* to what is mapped for reading only, and to what is mapped no more */
	assert_int_equal(ops->map(s->vfio, 0x200000, lent, PAGE, DAD_DMA_TO_DEVICE), 0);
	raw_edu_transfer(&s->edu, 0x200000, 64, true);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, PAGE), 0);
	raw_edu_transfer(&s->edu, 0x200000, 64, true);
	for (unsigned int i = 0; i < 3 * PAGE; i++)
		assert_int_equal(s->memory[i], 0xa5);
}

/* To what is mapped no more. To what is mapped for writing only: see the next. */
static void
test_a_stray_read_sees_nothing(void **state)
{
	struct state *s = *state;
	char *lent = (char *)s->memory + PAGE, *out = lent + PAGE;

	load(s, "from before");
	strcpy(lent, "a secret");
	assert_int_equal(ops->map(s->vfio, 0x200000, lent, PAGE, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, PAGE), 0);
	assert_int_equal(ops->map(s->vfio, 0x300000, out, PAGE, DAD_DMA_FROM_DEVICE), 0);
	raw_edu_transfer(&s->edu, 0x200000, 64, false);
	raw_edu_transfer(&s->edu, 0x300000, 64, true);
	assert_string_not_equal(out, "a secret");
	assert_int_equal(ops->unmap(s->vfio, 0x300000, PAGE), 0);
}

/* VT-d could tell it apart, but Linux from 5.13 on makes readable whatever it maps. Where that is
 * so it is said, and the test who started this looks how many reads were stopped. */
static void
test_what_is_mapped_for_writing_is_read_or_stopped(void **state)
{
	struct state *s = *state;
	char *lent = (char *)s->memory + PAGE, *out = lent + PAGE;

	load(s, "from before");
	strcpy(lent, "a secret");
	assert_int_equal(ops->map(s->vfio, 0x200000, lent, PAGE, DAD_DMA_FROM_DEVICE), 0);
	raw_edu_transfer(&s->edu, 0x200000, 64, false);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, PAGE), 0);
	assert_int_equal(ops->map(s->vfio, 0x300000, out, PAGE, DAD_DMA_FROM_DEVICE), 0);
	raw_edu_transfer(&s->edu, 0x300000, 64, true);
	assert_int_equal(ops->unmap(s->vfio, 0x300000, PAGE), 0);
	if (strcmp(out, "a secret") == 0)
		printf("mapped for writing only, and read\n");
	assert_string_equal(lent, "a secret");
}

static void
test_no_mapping_is_made_twice_or_taken_back_in_part(void **state)
{
	struct state *s = *state;
	uint8_t *m = s->memory;

	assert_int_equal(ops->map(s->vfio, 0x200000, m, 2 * PAGE, DAD_DMA_BIDIRECTIONAL), 0);
	assert_int_equal(ops->map(s->vfio, 0x200000, m, 2 * PAGE, DAD_DMA_BIDIRECTIONAL), -EEXIST);
	assert_int_equal(ops->map(s->vfio, 0x201000, m, PAGE, DAD_DMA_BIDIRECTIONAL), -EEXIST);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, PAGE), -EINVAL);
	assert_int_equal(maps(s), 1);
	/* the kernel calls this a success */
	assert_int_equal(ops->unmap(s->vfio, 0x400000, PAGE), -ENOENT);
	assert_int_equal(info_of(s).bytes, 2 * PAGE);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, 4 * PAGE), 0);
	assert_int_equal(info_of(s).bytes, 0);
	assert_int_equal(maps(s), 0);
	/* neighbours, exact in bytes, go together */
	assert_int_equal(ops->map(s->vfio, 0x200010, m + 0x10, 100, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(ops->map(s->vfio, 0x201000, m + PAGE, 1, DAD_DMA_FROM_DEVICE), 0);
	assert_int_equal(ops->unmap(s->vfio, 0x200010, PAGE), 0);
	assert_int_equal(maps(s), 0);
}

static void
test_each_unmap_has_to_find_what_was_mapped_there(void **state)
{
	struct state *s = *state;
	uint8_t *m = s->memory;

	/* less than there was */
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(ops->map(s->vfio, 0x200000 + i * PAGE, m + i * PAGE, PAGE,
					 DAD_DMA_BIDIRECTIONAL),
			0);
	assert_int_equal(unmap_behind_its_back(0x201000), 0);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, 3 * PAGE), -EIO);
	assert_int_equal(maps(s), 0);
	/* nothing of what there was */
	assert_int_equal(ops->map(s->vfio, 0x200000, m, PAGE, DAD_DMA_BIDIRECTIONAL), 0);
	assert_int_equal(unmap_behind_its_back(0x200000), 0);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, PAGE), -ENOENT);
	/* more than there was, though as many as were asked for */
	assert_int_equal(ops->map(s->vfio, 0x200000, m, PAGE, DAD_DMA_BIDIRECTIONAL), 0);
	assert_int_equal(map_behind_its_back(0x201000, m), 0);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, 2 * PAGE), -EIO);
	/* and nothing of that is held against what comes then; gaps are none of its business */
	assert_int_equal(ops->map(s->vfio, 0x200000, m, PAGE, DAD_DMA_BIDIRECTIONAL), 0);
	assert_int_equal(ops->map(s->vfio, 0x202000, m, PAGE, DAD_DMA_BIDIRECTIONAL), 0);
	assert_int_equal(ops->unmap(s->vfio, 0x200000, 8 * PAGE), 0);
	assert_int_equal(info_of(s).bytes, 0);
	assert_int_equal(maps(s), 0);
}

static void
test_the_window_of_interrupts_is_not_offered(void **state)
{
	struct state *s = *state;
	struct dad_dma_backend_info info = {
		.granule_shift = 12, .n_ranges = 1, .ranges = {{0, (UINT64_C(1) << 48) - 1}}};

	assert_int_equal(ops->query(s->vfio, &info), 0);
	assert_int_equal(info.granule_shift, 12);
	assert_true(info.n_ranges >= 2);
	for (unsigned int i = 0; i < info.n_ranges; i++) {
		assert_true(info.ranges[i].first <= info.ranges[i].last);
		assert_true(info.ranges[i].last < 0xfee00000 || info.ranges[i].first > 0xfeefffff);
	}
	assert_true(ops->map(s->vfio, 0xfee00000, s->memory, PAGE, DAD_DMA_BIDIRECTIONAL) < 0);
}

static void
test_a_container_is_full_when_the_kernel_says_so(void **state)
{
	struct state *s = *state;
	struct dad_dma_backend_info info = {.n_ranges = 1};

	assert_int_equal(ops->query(s->vfio, &info), 0);
	assert_int_equal(info.max_maps, 65535);
	teardown(state);
	limit_entries(5);
	setup(state);
	s = *state;
	limit_entries(65535);

	assert_int_equal(ops->query(s->vfio, &info), 0);
	assert_int_equal(info.max_maps, 5);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(
			ops->map(s->vfio, i * PAGE, s->memory, PAGE, DAD_DMA_TO_DEVICE), 0);
	assert_int_equal(ops->map(s->vfio, 5 * PAGE, s->memory, PAGE, DAD_DMA_TO_DEVICE), -ENOSPC);
	assert_int_equal(ops->unmap(s->vfio, 0, 5 * PAGE), 0);
	assert_int_equal(maps(s), 0);
}

static void
test_a_group_is_in_one_container_only(void **state)
{
	(void)state;
	assert_null(dad_dma_vfio_open(device));
	assert_int_equal(rte_errno, EBUSY);
	assert_null(dad_dma_vfio_open("0000:00:1f.0")); /* a bridge */
	assert_int_equal(rte_errno, ENODEV);
	assert_null(dad_dma_vfio_open("0000:ff:1f.7"));
	assert_int_equal(rte_errno, ENODEV);
	assert_null(dad_dma_vfio_open(NULL));
	assert_int_equal(rte_errno, EINVAL);
}

/* Debian's kernel has no such mode: then what tells it, a name in /dev/vfio, is made up. */
static void
test_the_mode_without_iommu_is_told_apart(void **state)
{
	const bool real = rte_vfio_noiommu_is_enabled() == 1;
	const char *name = real ? device : "0000:00:1f.0"; /* a bridge */
	char path[64];
	int group;

	(void)state;
	assert_int_equal(rte_vfio_get_group_num("/sys/bus/pci/devices", name, &group), 1);
	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%d", group);
	if (!real) {
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fclose(f);
	}
	assert_null(dad_dma_vfio_open(name));
	assert_int_equal(rte_errno, ENOTSUP);
	if (!real)
		assert_int_equal(unlink(path), 0);
}

static void
test_containers_leak_nothing(void **state)
{
	struct dad_dma_vfio *vfio;
	unsigned int before = open_files();
	static uint8_t memory[PAGE] __attribute__((aligned(4096)));

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		vfio = dad_dma_vfio_open(device);
		assert_non_null(vfio);
		assert_int_equal(ops->map(vfio, 0, memory, PAGE, DAD_DMA_BIDIRECTIONAL), 0);
		/* two are closed with what it has mapped */
		if (i % 50 != 0)
			assert_int_equal(ops->unmap(vfio, 0, PAGE), 0);
		dad_dma_vfio_close(vfio);
	}
	assert_int_equal(open_files(), before);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_device_reaches_memory_where_we_put_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_stray_write_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_stray_read_sees_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_is_mapped_for_writing_is_read_or_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_no_mapping_is_made_twice_or_taken_back_in_part, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_each_unmap_has_to_find_what_was_mapped_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_the_window_of_interrupts_is_not_offered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_container_is_full_when_the_kernel_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_group_is_in_one_container_only, setup, teardown),
		cmocka_unit_test(test_the_mode_without_iommu_is_told_apart),
		cmocka_unit_test(test_containers_leak_nothing),
	};
	char *eal[] = {argv[0], "-l", "0", "--in-memory", "--no-pci", "-m", "16", NULL};

	(void)argc;
	device = getenv("DAD_EDU");
	if (device == NULL) {
		printf("for the guest of test/vm only: not run\n");
		return 77;
	}
	ops = dad_dma_vfio_ops();
	cmocka_set_test_filter(getenv("DAD_TEST"));
	return rte_eal_init(7, eal) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
