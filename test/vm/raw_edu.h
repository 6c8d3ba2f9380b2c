/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RAW_EDU_H
#define RAW_EDU_H

/*
 * The device without its driver: a test tells it to go to any address, right or wrong. Its group is
 * in a container already.
 */

#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_vfio.h>

#include "edu_hw.h"

struct raw_edu {
	int fd;
	struct edu_hw hw;
	size_t bar_size;
};

/* Its registers and its place on the bus; fd is open. */
static inline void
raw_edu_map(struct raw_edu *edu)
{
	struct vfio_region_info bar = {.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX};
	struct vfio_region_info config = {
		.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX};
	uint16_t command;

	assert_int_equal(ioctl(edu->fd, VFIO_DEVICE_GET_REGION_INFO, &bar), 0);
	assert_int_equal(ioctl(edu->fd, VFIO_DEVICE_GET_REGION_INFO, &config), 0);
	edu->bar_size = bar.size;
	edu->hw.regs = mmap(
		NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, edu->fd, (off_t)bar.offset);
	assert_ptr_not_equal(edu->hw.regs, MAP_FAILED);
	edu->hw.timeout = 5 * rte_get_timer_hz();

	off_t at = (off_t)config.offset + PCI_COMMAND;
	assert_int_equal(pread(edu->fd, &command, sizeof(command), at), sizeof(command));
	command |= PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;
	assert_int_equal(pwrite(edu->fd, &command, sizeof(command), at), sizeof(command));
	assert_int_equal(edu_hw_check(&edu->hw), 0);
}

static inline void
raw_edu_unmap(struct raw_edu *edu)
{
	munmap((void *)(uintptr_t)edu->hw.regs, edu->bar_size);
}

static inline void
raw_edu_open(struct raw_edu *edu, const char *device, int group)
{
	edu->fd = ioctl(rte_vfio_get_group_fd(group), VFIO_GROUP_GET_DEVICE_FD, device);
	assert_true(edu->fd >= 0);
	raw_edu_map(edu);
}

static inline void
raw_edu_close(struct raw_edu *edu)
{
	raw_edu_unmap(edu);
	close(edu->fd);
}

/* One transfer between an IOVA and the start of the device's buffer. */
static inline void
raw_edu_transfer(struct raw_edu *edu, dad_dma_addr_t iova, uint32_t len, bool to_ram)
{
	enum edu_state state;

	edu_hw_start(&edu->hw, iova, 0, len, to_ram);
	while ((state = edu_hw_poll(&edu->hw)) == EDU_RUNNING)
		rte_delay_us_sleep(1000);
	assert_int_equal(state, EDU_DONE);
}

#endif /* RAW_EDU_H */
