/* SPDX-License-Identifier: BSD-3-Clause */

/* A real device that fails, is stopped by the IOMMU, or goes away. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest_device.h"
#include "raw_vfio.h"

/* ---- the kernel's side --------------------------------------------------------------------- */

/* Let the device answer to accesses of its registers, or not: as if it had been pulled. */
static void
set_answering(bool on)
{
	char path[128];
	uint16_t command;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", edu_name());
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &command, 2, 4), 2);
	command = (uint16_t)(on ? command | 2 : command & ~2);
	assert_int_equal(pwrite(fd, &command, 2, 4), 2);
	close(fd);
}

static bool
is_bus_master(void)
{
	char path[128];
	uint16_t command;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", edu_name());
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &command, 2, 4), 2);
	close(fd);
	return (command & 4) != 0;
}

/* ---- stopped ------------------------------------------------------------------------------- */

/* A copy of 64 bytes from the first page of memory to the third of five; when the device has read
 * them, its mappings are taken away, and what it is to write to gets one with these rights, or
 * none. It calls the transfer done; the status. */
static enum rte_dma_status_code
try_to_copy_astray(int16_t id, uint8_t *memory, uint32_t rights)
{
	struct vfio_iommu_type1_dma_unmap all = {
		.argsz = sizeof(all), .flags = VFIO_DMA_UNMAP_FLAG_ALL};
	uint8_t *dst = memory + 2 * PAGE;

	scramble(memory, 64);
	memset(memory + PAGE, 0xa5, 4 * PAGE);
	assert_true(rte_dma_copy(id, 0, (uintptr_t)memory, (uintptr_t)dst, 64,
			    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	for (enum rte_dma_vchan_status busy; !queue_of(id)->in_buffer;)
		assert_int_equal(rte_dma_vchan_status(id, 0, &busy), 0);
	assert_true(queue_of(id)->busy);
	assert_int_equal(ioctl(container_fd(), VFIO_IOMMU_UNMAP_DMA, &all), 0);
	assert_int_equal(all.size, PAGE);
	if (rights != 0) {
		struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
			.flags = rights,
			.vaddr = (uintptr_t)dst,
			.iova = queue_of(id)->addr,
			.size = PAGE};
		assert_int_equal(ioctl(container_fd(), VFIO_IOMMU_MAP_DMA, &map), 0);
	}
	return wait_for(id);
}

/* The same, and that nothing has changed. The device takes 100 ms, and a busy host may take longer
 * to get to what is done behind its back: all has arrived then, and it is tried again. */
static enum rte_dma_status_code
copy_astray(int16_t id, uint8_t *memory, uint32_t rights)
{
	enum rte_dma_status_code status;
	unsigned int tries = 0;

	do
		status = try_to_copy_astray(id, memory, rights);
	while (status == RTE_DMA_STATUS_SUCCESSFUL && ++tries < 10 &&
		memcmp(memory + 2 * PAGE, memory, 64) == 0);
	for (unsigned int i = PAGE; i < 5 * PAGE; i++)
		assert_int_equal(memory[i], 0xa5);
	return status;
}

static void
test_a_transfer_that_the_iommu_stops_is_reported(void **state)
{
	int16_t id = plug("map=strict,verify=1");
	uint8_t *memory = rte_malloc(NULL, 5 * PAGE, PAGE);
	struct rte_dma_stats stats;

	(void)state;
	/* mapped for the other direction: what is stopped there was never ours */
	assert_int_equal(copy_astray(id, memory, VFIO_DMA_MAP_FLAG_READ), RTE_DMA_STATUS_BUS_ERROR);
	assert_int_equal(domain_of(id).lost, 0);
	/* not mapped: the library is told that it is gone, and never uses its address again */
	assert_int_equal(copy_astray(id, memory, 0), RTE_DMA_STATUS_BUS_ERROR);
	assert_true(domain_of(id).lost > 0);
	assert_int_equal(rte_dma_stats_get(id, 0, &stats), 0);
	assert_int_equal(stats.errors, 2);

	/* the next one has a new mapping */
	assert_int_equal(copy(id, memory, memory + PAGE, 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(memory, memory + PAGE, 64);
	assert_int_equal(unplug(id), 0);
	rte_free(memory);
}

static void
test_addresses_that_are_none_never_reach_the_device(void **state)
{
	static const char *const args[] = {"map=window", "map=strict"};
	char *memory = rte_zmalloc(NULL, 64, 0);

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(args); i++) {
		int16_t id = plug(args[i]);

		assert_int_equal(copy(id, NULL, memory, 64), RTE_DMA_STATUS_INVALID_SRC_ADDR);
		assert_int_equal(
			copy(id, memory, (void *)0x10, 64), RTE_DMA_STATUS_INVALID_DST_ADDR);
		assert_int_equal(
			copy(id, (void *)~0ul, memory, 64), RTE_DMA_STATUS_INVALID_SRC_ADDR);
		assert_int_equal(copy(id, memory, memory, 64), RTE_DMA_STATUS_SUCCESSFUL);
		assert_int_equal(unplug(id), 0);
	}
	rte_free(memory);
}

/* ---- failing ------------------------------------------------------------------------------- */

static void
test_a_device_that_takes_too_long_is_halted(void **state)
{
	int16_t id = plug("map=window,timeout=1"); /* the device takes 100 */
	char *memory = rte_zmalloc(NULL, 64, 0);
	enum rte_dma_vchan_status vchan;

	(void)state;
	assert_true(is_bus_master());
	assert_int_equal(copy(id, memory, memory, 64), RTE_DMA_STATUS_BUS_ERROR);
	assert_int_equal(rte_dma_vchan_status(id, 0, &vchan), 0);
	assert_int_equal(vchan, RTE_DMA_VCHAN_HALTED_ERROR);
	assert_false(is_bus_master());
	assert_int_equal(rte_dma_copy(id, 0, (uintptr_t)memory, (uintptr_t)memory, 64, 0), -EIO);
	/* once it has ended, it can be started again */
	assert_int_equal(rte_dma_stop(id), 0);
	rte_delay_us_sleep(300000);
	assert_int_equal(rte_dma_start(id), 0);
	assert_true(is_bus_master());
	queue_of(id)->hw.timeout = 5 * rte_get_timer_hz();
	assert_int_equal(copy(id, memory, memory, 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(unplug(id), 0);
	rte_free(memory);
}

static void
test_a_device_that_does_not_answer_is_halted(void **state)
{
	int16_t id = plug("map=window");
	char *memory = rte_zmalloc(NULL, 64, 0);
	enum rte_dma_vchan_status vchan;

	(void)state;
	assert_true(rte_dma_copy(id, 0, (uintptr_t)memory, (uintptr_t)memory, 64,
			    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	set_answering(false);
	assert_int_equal(wait_for(id), RTE_DMA_STATUS_DEV_LINK_ERROR);
	assert_int_equal(rte_dma_vchan_status(id, 0, &vchan), 0);
	assert_int_equal(vchan, RTE_DMA_VCHAN_HALTED_ERROR);
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_start(id), -ENODEV);
	assert_int_equal(unplug(id), 0);

	set_answering(true);
	rte_delay_us_sleep(300000);
	id = plug("map=window");
	assert_int_equal(copy(id, memory, memory, 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(unplug(id), 0);
	rte_free(memory);
}

/* ---- going away ---------------------------------------------------------------------------- */

static void
test_a_busy_device_can_be_removed(void **state)
{
	int16_t id = plug("map=strict");
	uint8_t *memory = rte_zmalloc(NULL, 40000, 0);

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_true(rte_dma_copy(id, 0, (uintptr_t)memory, (uintptr_t)memory, 40000,
				    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	assert_true(queue_of(id)->busy);
	/* waits for one hop, not for all 160 */
	assert_int_equal(unplug(id), 0);
	assert_int_equal(rte_dma_get_dev_id_by_name(edu_name()), -EINVAL);
	id = plug("map=strict");
	assert_int_equal(copy(id, memory, memory, 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(unplug(id), 0);
	rte_free(memory);
}

static bool removal_asked;

static void
on_event(const char *device, enum rte_dev_event_type type, void *arg)
{
	(void)device;
	(void)arg;
	if (type == RTE_DEV_EVENT_REMOVE)
		__atomic_store_n(&removal_asked, true, __ATOMIC_RELEASE);
}

static void *
unbind_thread(void *arg)
{
	unbind();
	return arg;
}

/* The kernel waits for the process, and tells it: as when a device is pulled in an orderly way. */
static void
test_a_busy_device_can_be_unbound(void **state)
{
	int16_t id = plug("map=window");
	uint8_t *memory = rte_zmalloc(NULL, 40000, 0);
	pthread_t thread;

	(void)state;
	removal_asked = false;
	assert_int_equal(rte_dev_event_callback_register(edu_name(), on_event, NULL), 0);
	assert_true(rte_dma_copy(id, 0, (uintptr_t)memory, (uintptr_t)memory, 40000,
			    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	assert_int_equal(pthread_create(&thread, NULL, unbind_thread, NULL), 0);
	while (!__atomic_load_n(&removal_asked, __ATOMIC_ACQUIRE)) {
		enum rte_dma_vchan_status busy;

		assert_int_equal(rte_dma_vchan_status(id, 0, &busy), 0);
		rte_delay_us_sleep(1000);
	}
	assert_int_equal(unplug(id), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	while (rte_dev_event_callback_unregister(edu_name(), on_event, NULL) == -EAGAIN)
		rte_delay_us_sleep(1000);

	char devargs[64];
	snprintf(devargs, sizeof(devargs), "%s,map=window", edu_name());
	assert_true(rte_dev_probe(devargs) < 0);
	bind();
	id = plug("map=window");
	assert_int_equal(copy(id, memory, memory, 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(unplug(id), 0);
	rte_free(memory);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_transfer_that_the_iommu_stops_is_reported),
		cmocka_unit_test(test_addresses_that_are_none_never_reach_the_device),
		cmocka_unit_test(test_a_device_that_takes_too_long_is_halted),
		cmocka_unit_test(test_a_device_that_does_not_answer_is_halted),
		cmocka_unit_test(test_a_busy_device_can_be_removed),
		cmocka_unit_test(test_a_busy_device_can_be_unbound),
	};

	(void)argc;
	int ret = guest_init(argv[0], "64");
	return ret != 0 ? ret : guest_run(tests);
}
