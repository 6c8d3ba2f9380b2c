/* SPDX-License-Identifier: BSD-3-Clause */

/* Copies by a real device with 28 address bits, of memory anywhere in the process. */

#include <numaif.h>

#include <rte_vfio.h>

#include "guest_device.h"
#include "raw_edu.h"

#define LONGEST 40000u
#define HUGE_2M (2ul << 20)

/* src and dst of LONGEST + 2 bytes: one byte of guard on either side. */
static void
copy_all(int16_t id, uint8_t *src, uint8_t *dst, const uint32_t *lengths, unsigned int n)
{
	uint8_t *expected = malloc(LONGEST + 2);

	assert_non_null(expected);
	scramble(src, LONGEST + 2);
	for (unsigned int i = 0; i < n; i++) {
		memset(dst, 0xa5, LONGEST + 2);
		memset(expected, 0xa5, LONGEST + 2);
		memcpy(expected + 1, src + 1, lengths[i]);
		assert_int_equal(copy(id, src + 1, dst + 1, lengths[i]), RTE_DMA_STATUS_SUCCESSFUL);
		assert_memory_equal(dst, expected, LONGEST + 2);
	}
	free(expected);
}

static const uint32_t all_lengths[] = {1, 4095, 4096, 5000, LONGEST};
static const uint32_t one_length[] = {5000};

struct memory {
	uint8_t *src, *dst;
};

static struct memory
eal_memory(void)
{
	struct memory m = {rte_malloc(NULL, LONGEST + 2, 0), rte_malloc(NULL, LONGEST + 2, 0)};

	/* where no device of 28 or 32 bits gets to without help */
	assert_true((uintptr_t)m.src >= UINT64_C(1) << 32);
	assert_true((uintptr_t)m.dst >= UINT64_C(1) << 32);
	return m;
}

static void
test_windows_serve_memory_of_eal(void **state)
{
	int16_t id = plug("map=window");
	struct memory m = eal_memory();

	(void)state;
	copy_all(id, m.src, m.dst, all_lengths, RTE_DIM(all_lengths));
	assert_true(stats_of(id).window >= 2 * 5);
	assert_int_equal(stats_of(id).bounce, 0);
	assert_true(domain_of(id).window_bytes > 0);
	rte_free(m.src);
	rte_free(m.dst);
	assert_int_equal(unplug(id), 0);
}

static void
test_slots_serve_memory_of_the_c_library(void **state)
{
	int16_t id = plug("map=window");
	struct memory m = {malloc(LONGEST + 2), malloc(LONGEST + 2)};

	(void)state;
	copy_all(id, m.src, m.dst, all_lengths, RTE_DIM(all_lengths));
	assert_true(stats_of(id).bounce >= 2 * 5);
	assert_int_equal(stats_of(id).window, 0);
	free(m.src);
	free(m.dst);
	assert_int_equal(unplug(id), 0);
}

static void
test_every_rung_gives_the_same_bytes(void **state)
{
	static const char *const args[] = {"map=strict", "map=lazy", "map=bounce"};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(args); i++) {
		int16_t id = plug(args[i]);
		struct memory m = eal_memory();
		struct memory c = {malloc(LONGEST + 2), malloc(LONGEST + 2)};

		copy_all(id, m.src, m.dst, one_length, 1);
		copy_all(id, c.src, c.dst, one_length, 1);
		struct dad_dma_dev_stats stats = stats_of(id);
		/* two pieces, in and out, of two kinds of memory */
		assert_int_equal(i < 2 ? stats.strict : stats.bounce, 8);
		assert_int_equal(stats.strict + stats.bounce, 8);
		assert_int_equal(stats.unmapped, 8);
		assert_int_equal(domain_of(id).strict_maps, 0);
		rte_free(m.src);
		rte_free(m.dst);
		free(c.src);
		free(c.dst);
		assert_int_equal(unplug(id), 0);
	}
}

/* 16 MiB have no room for a second address of all of it. */
static void
test_24_bits_force_bounce(void **state)
{
	int16_t id =
		plug_as(getenv("DAD_EDU_NARROW"), "mask=24,map=window", RTE_DMA_DIR_MEM_TO_MEM);
	uint8_t *memory = rte_malloc(NULL, 8 * HUGE_2M, HUGE_2M);
	uint8_t *dst = memory + 7 * HUGE_2M;

	(void)state;
	assert_non_null(memory);
	for (unsigned int i = 0; i < 7; i++) {
		uint8_t *src = memory + i * HUGE_2M;

		scramble(src, 512);
		memset(dst, 0xa5, 512);
		assert_int_equal(copy(id, src, dst, 512), RTE_DMA_STATUS_SUCCESSFUL);
		assert_memory_equal(src, dst, 512);
	}
	assert_true(stats_of(id).window > 0);
	assert_true(stats_of(id).bounce > 0);
	rte_free(memory);
	assert_int_equal(unplug(id), 0);
}

static void
test_the_buffer_of_the_device_is_written_and_read(void **state)
{
	char *text = rte_zmalloc(NULL, 64, 0);
	int16_t id = plug_as(edu_name(), "map=strict", RTE_DMA_DIR_MEM_TO_DEV);

	(void)state;
	strcpy(text, "kept by the device");
	assert_int_equal(
		copy(id, text, (void *)(EDU_BUFFER_ADDR + 4000ul), 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(unplug(id), 0);
	memset(text, 0, 64);
	id = plug_as(edu_name(), "map=strict", RTE_DMA_DIR_DEV_TO_MEM);
	assert_int_equal(
		copy(id, (void *)(EDU_BUFFER_ADDR + 4000ul), text, 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_string_equal(text, "kept by the device");
	assert_int_equal(unplug(id), 0);
	rte_free(text);
}

/* Memory that EAL did not have when the device was probed, and then has no more. */
static void
test_memory_that_comes_and_goes_is_followed(void **state)
{
	int16_t id = plug("map=window");
	uint64_t before = domain_of(id).window_bytes;
	const size_t size = 8 * HUGE_2M;

	(void)state;
	for (unsigned int round = 0; round < 2; round++) {
		uint8_t *memory = rte_malloc(NULL, size, HUGE_2M);

		assert_non_null(memory);
		scramble(memory, 100);
		assert_int_equal(
			copy(id, memory, memory + size - 100, 100), RTE_DMA_STATUS_SUCCESSFUL);
		assert_memory_equal(memory, memory + size - 100, 100);
		assert_true(domain_of(id).window_bytes > before);
		rte_free(memory);
		assert_int_equal(domain_of(id).window_bytes, before);
	}
	assert_int_equal(domain_of(id).lost, 0);
	assert_int_equal(unplug(id), 0);
}

/* What the library is for: the same device behind EAL's container, at the addresses EAL has. */
static void
test_without_the_library_bytes_go_astray(void **state)
{
	const char *sysfs = "/sys/bus/pci/devices";
	struct vfio_device_info info = {.argsz = sizeof(info)};
	struct memory m = eal_memory();
	struct raw_edu edu;

	(void)state;
	scramble(m.src, 64);
	memset(m.dst, 0xa5, 64);
	assert_int_equal(rte_vfio_setup_device(sysfs, edu_name(), &edu.fd, &info), 0);
	raw_edu_map(&edu);
	raw_edu_transfer(&edu, (uintptr_t)m.src, 64, false);
	raw_edu_transfer(&edu, (uintptr_t)m.dst, 64, true);
	raw_edu_unmap(&edu);
	assert_int_equal(rte_vfio_release_device(sysfs, edu_name(), edu.fd), 0);
	/* the device calls it done */
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(m.dst[i], 0xa5);

	/* with the library and EAL's addresses it is refused */
	char devargs[64];
	snprintf(devargs, sizeof(devargs), "%s,map=eal", edu_name());
	assert_true(rte_dev_probe(devargs) < 0);

	int16_t id = plug("map=window");
	assert_int_equal(copy(id, m.src, m.dst, 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(m.src, m.dst, 64);
	assert_int_equal(unplug(id), 0);
	rte_free(m.src);
	rte_free(m.dst);
}

static int
node_of(void *p)
{
	int node = -1;

	assert_int_equal(get_mempolicy(&node, NULL, 0, p, MPOL_F_NODE | MPOL_F_ADDR), 0);
	return node;
}

static void
set_hugepages(unsigned int node, unsigned int n)
{
	char path[128], text[16];

	snprintf(path, sizeof(path),
		"/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/nr_hugepages", node);
	snprintf(text, sizeof(text), "%u", n);
	write_file(path, text);
}

/* The device with 24 bits is on node 1; the only lcore is on node 0. */
static void
test_rings_follow_the_device(void **state)
{
	char byte[2] = "x";

	(void)state;
	for (int node = 1; node >= 0; node--) {
		if (node == 0) /* no page is free there: another node, and no failure */
			set_hugepages(1, 0);
		int16_t id = plug_as(
			getenv("DAD_EDU_NARROW"), "mask=24,map=window", RTE_DMA_DIR_MEM_TO_MEM);
		struct rte_dma_info info;

		assert_int_equal(rte_dma_info_get(id, &info), 0);
		assert_int_equal(info.numa_node, 1);
		assert_int_equal(node_of(queue_of(id)->job), node);
		assert_int_equal(copy(id, &byte[0], &byte[1], 1), RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(byte[1], 'x');
		byte[1] = 0;
		assert_int_equal(unplug(id), 0);
	}
	set_hugepages(1, 128);
}

static void
test_coherent_memory_follows_the_device(void **state)
{
	(void)state;
	for (int node = 1; node >= 0; node--) {
		if (node == 0)
			set_hugepages(1, 0);
		int16_t id = plug_as(
			getenv("DAD_EDU_NARROW"), "mask=24,map=window", RTE_DMA_DIR_MEM_TO_MEM);
		dad_dma_addr_t handle = 0;
		void *coherent = dad_dma_alloc_coherent(queue_of(id)->dma, 4096, &handle);

		set_hugepages(1, 128);
		int where = coherent != NULL ? node_of(coherent) : -1;
		dad_dma_free_coherent(queue_of(id)->dma, 4096, coherent, handle);
		assert_int_equal(unplug(id), 0);
		assert_int_equal(where, node);
		assert_true(handle + 4095 <= DAD_DMA_BIT_MASK(24));
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings_follow_the_device),
		cmocka_unit_test(test_coherent_memory_follows_the_device),
		cmocka_unit_test(test_windows_serve_memory_of_eal),
		cmocka_unit_test(test_slots_serve_memory_of_the_c_library),
		cmocka_unit_test(test_every_rung_gives_the_same_bytes),
		cmocka_unit_test(test_24_bits_force_bounce),
		cmocka_unit_test(test_the_buffer_of_the_device_is_written_and_read),
		cmocka_unit_test(test_memory_that_comes_and_goes_is_followed),
		cmocka_unit_test(test_without_the_library_bytes_go_astray),
	};

	(void)argc;
	int ret = guest_init(argv[0], "0");
	return ret != 0 ? ret : guest_run(tests);
}
