/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RAW_VFIO_H
#define RAW_VFIO_H

/* The one container of this process, without its library: what somebody else might do to it. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE 4096ul

/* Its descriptor. EAL's own container has no device, and so answers nothing. */
static inline int
container_fd(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int found = -1;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		struct vfio_iommu_type1_info info = {.argsz = sizeof(info)};
		char name[64] = "";

		if (readlinkat(dirfd(dir), entry->d_name, name, sizeof(name) - 1) > 0 &&
			strcmp(name, "/dev/vfio/vfio") == 0 &&
			ioctl(atoi(entry->d_name), VFIO_IOMMU_GET_INFO, &info) == 0)
			found = atoi(entry->d_name);
	}
	closedir(dir);
	assert_true(found >= 0);
	return found;
}

/* Ask the kernel past the backend: 0 or an errno. */
static inline int
map_behind_its_back(uint64_t iova, void *memory)
{
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = PAGE};

	return ioctl(container_fd(), VFIO_IOMMU_MAP_DMA, &map) == 0 ? 0 : errno;
}

static inline int
unmap_behind_its_back(uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = PAGE};

	return ioctl(container_fd(), VFIO_IOMMU_UNMAP_DMA, &unmap) == 0 ? 0 : errno;
}

/* How many mappings the kernel would still let it have. */
static inline uint32_t
entries_left(int container)
{
	struct {
		struct vfio_iommu_type1_info info;
		uint8_t capabilities[1024];
	} all = {.info.argsz = sizeof(all)};

	assert_int_equal(ioctl(container, VFIO_IOMMU_GET_INFO, &all), 0);
	assert_true(all.info.argsz <= sizeof(all) && (all.info.flags & VFIO_IOMMU_INFO_CAPS) != 0);
	for (uint32_t at = all.info.cap_offset; at != 0;) {
		const struct vfio_iommu_type1_info_dma_avail *found =
			(const void *)((const uint8_t *)&all + at);

		if (found->header.id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
			return found->avail;
		at = found->header.next;
	}
	fail();
	return 0;
}

/* Of containers yet to come. */
static inline void
limit_entries(unsigned int n)
{
	FILE *f = fopen("/sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "w");

	assert_non_null(f);
	assert_true(fprintf(f, "%u", n) > 0);
	assert_int_equal(fclose(f), 0);
}

static inline unsigned int
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

#endif /* RAW_VFIO_H */
