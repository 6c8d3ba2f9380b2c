/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The vfio backend. EAL's own calls for it, rte_vfio_container_dma_map() and its kin, take no
 * rights, hold 256 mappings, and pass over EEXIST: container and group are taken from EAL, so that
 * its PCI bus finds the device in them, and the rest is said to the kernel directly.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_vfio.h>

#include "dad_dma_vfio.h"
#include "dma_internal.h"
#include "table.h"

#define SYSFS_DEVICES "/sys/bus/pci/devices"

struct dad_dma_vfio {
	char device[32];
	int container; /* EAL's, and its to close */
	/* A descriptor of our own: with it the mappings outlive EAL's hold on the group, which ends
	 * when the registers are unmapped, and can be taken back one by one. */
	int group_fd;
	int group;
	uint64_t granule; /* bytes that the IOMMU maps at least */
	uint64_t maps_at_open;
	uint64_t bytes_mapped;
	/* What is mapped, by IOVA: a range may have gaps when it is unmapped, so only this tells
	 * how much the kernel has to find there. */
	struct lock lock;
	struct dad_dma_table *mapped;
};

/* ---- what the kernel tells ----------------------------------------------------------------- */

/* The container's info with all capabilities behind it: to be freed. NULL: rte_errno. */
static struct vfio_iommu_type1_info *
get_info(const struct dad_dma_vfio *vfio)
{
	struct vfio_iommu_type1_info ask = {.argsz = sizeof(ask)};

	if (ioctl(vfio->container, VFIO_IOMMU_GET_INFO, &ask) != 0) {
		rte_errno = errno;
		return NULL;
	}
	uint32_t size = RTE_MAX(ask.argsz, (uint32_t)sizeof(ask));
	struct vfio_iommu_type1_info *info = calloc(1, size);
	if (info == NULL) {
		rte_errno = ENOMEM;
		return NULL;
	}
	info->argsz = size;
	if (ioctl(vfio->container, VFIO_IOMMU_GET_INFO, info) != 0 || info->argsz > size) {
		rte_errno = info->argsz > size ? EAGAIN : errno;
		free(info);
		return NULL;
	}
	return info;
}

/* A capability of at least that size, or NULL. */
static const void *
find_capability(const struct vfio_iommu_type1_info *info, uint16_t id, size_t size)
{
	uint32_t at = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;

	while (at >= sizeof(*info) && at + size <= info->argsz) {
		const struct vfio_info_cap_header *header =
			(const void *)((const uint8_t *)info + at);

		if (header->id == id)
			return header;
		at = header->next;
	}
	return NULL;
}

static unsigned int
granule_shift(const struct vfio_iommu_type1_info *info)
{
	if (!(info->flags & VFIO_IOMMU_INFO_PGSIZES) || info->iova_pgsizes == 0)
		return DAD_DMA_PAGE_SHIFT;
	return RTE_MAX((unsigned int)__builtin_ctzll(info->iova_pgsizes),
		(unsigned int)DAD_DMA_PAGE_SHIFT);
}

static uint64_t
maps_available(const struct vfio_iommu_type1_info *info)
{
	const struct vfio_iommu_type1_info_dma_avail *avail =
		find_capability(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(*avail));

	return avail != NULL ? avail->avail : UINT64_MAX;
}

/* ---- backend ------------------------------------------------------------------------------- */

/* Whole granules around a range. */
static uint64_t
first_of(const struct dad_dma_vfio *vfio, uint64_t address)
{
	return address & ~(vfio->granule - 1);
}

static uint64_t
bytes_around(const struct dad_dma_vfio *vfio, uint64_t address, uint64_t size)
{
	return first_of(vfio, address + size - 1) + vfio->granule - first_of(vfio, address);
}

/* ---- what is mapped, to know what an unmap has to find ----------------------------------------
 */

static int
note_mapped(struct dad_dma_vfio *vfio, const struct vfio_iommu_type1_dma_map *map)
{
	lock_take(&vfio->lock);
	int ret = table_set(vfio->mapped, map->iova, map->vaddr, map->size);
	if (ret != 0)
		table_clear(vfio->mapped, map->iova, map->size);
	lock_drop(&vfio->lock);
	return ret;
}

/* How many bytes of a range are; and from now on none. */
static uint64_t
note_unmapped(struct dad_dma_vfio *vfio, uint64_t iova, uint64_t size)
{
	uint64_t found = 0, step;

	lock_take(&vfio->lock);
	for (uint64_t at = iova, end = iova + size; at < end; at += step) {
		uint64_t around;
		bool present = table_word(vfio->mapped, at, &around) != 0;

		step = RTE_MIN(around - (at & (around - 1)), end - at);
		found += present ? step : 0;
	}
	if (table_clear(vfio->mapped, iova, size) != 0)
		DMA_LOG(ERR, "%s: IOVA %#" PRIx64 " stays noted as mapped", vfio->device, iova);
	lock_drop(&vfio->lock);
	__atomic_fetch_sub(&vfio->bytes_mapped, found, __ATOMIC_RELAXED);
	return found;
}

/* ---- map and unmap ----------------------------------------------------------------------------
 */

static int
vfio_map(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	struct dad_dma_vfio *vfio = priv;
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.vaddr = first_of(vfio, (uintptr_t)va),
		.iova = first_of(vfio, iova),
		.size = bytes_around(vfio, iova, size),
	};

	/* "to device" is what the device reads */
	if (dir != DAD_DMA_FROM_DEVICE)
		map.flags |= VFIO_DMA_MAP_FLAG_READ;
	if (dir != DAD_DMA_TO_DEVICE)
		map.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	int error = ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) == 0 ? 0 : errno;
	if (error == 0) {
		error = -note_mapped(vfio, &map);
		if (error == 0) {
			__atomic_fetch_add(&vfio->bytes_mapped, map.size, __ATOMIC_RELAXED);
			return 0;
		}
		struct vfio_iommu_type1_dma_unmap undo = {
			.argsz = sizeof(undo), .iova = map.iova, .size = map.size};
		ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &undo);
	}
	const char *hint = "";
	if (error == ENOMEM)
		hint = " (no more may be pinned: see RLIMIT_MEMLOCK)";
	else if (error == ENOSPC)
		hint = " (too many mappings: see dma_entry_limit of vfio_iommu_type1)";
	DMA_LOG(ERR,
		"%s: %#" PRIx64 " bytes at %#" PRIx64 " cannot be mapped at IOVA %#" PRIx64
		": %s%s",
		vfio->device, (uint64_t)map.size, (uint64_t)map.vaddr, (uint64_t)map.iova,
		strerror(error), hint);
	return -error;
}

/* When a device is unbound from vfio-pci, the kernel takes its group out of the container, and with
 * it all that was mapped. */
static bool
is_left_alone(const struct dad_dma_vfio *vfio)
{
	struct vfio_iommu_type1_info info = {.argsz = sizeof(info)};

	return ioctl(vfio->container, VFIO_IOMMU_GET_INFO, &info) != 0;
}

static int
vfio_unmap(void *priv, dad_dma_addr_t iova, size_t size)
{
	struct dad_dma_vfio *vfio = priv;
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = first_of(vfio, iova),
		.size = bytes_around(vfio, iova, size),
	};
	const uint64_t first = unmap.iova, asked = unmap.size;

	if (ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap) != 0) {
		int error = errno;

		if (is_left_alone(vfio)) {
			note_unmapped(vfio, first, asked);
			return 0;
		}
		DMA_LOG(ERR, "%s: IOVA %#" PRIx64 ": %#" PRIx64 " bytes cannot be unmapped: %s",
			vfio->device, first, asked, strerror(error));
		return -error;
	}
	/* the kernel calls it a success whatever it found */
	const uint64_t mapped = note_unmapped(vfio, first, asked);
	if (unmap.size != 0 && unmap.size == mapped)
		return 0;
	DMA_LOG(ERR,
		"%s: IOVA %#" PRIx64 ": %#" PRIx64 " bytes were mapped in %#" PRIx64
		", and %#" PRIx64 " were unmapped",
		vfio->device, first, mapped, asked, (uint64_t)unmap.size);
	return unmap.size == 0 ? -ENOENT : -EIO;
}

/* IOVAs the kernel does not hand out; where it does not tell, what x86 has for interrupts. */
static void
fill_ranges(const struct vfio_iommu_type1_info *info, struct dad_dma_backend_info *backend)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap =
		find_capability(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, sizeof(*cap));

	if (cap == NULL) {
		dad_dma_addr_t last = backend->ranges[0].last;

		backend->ranges[0] = (struct dad_dma_range){0, 0xfedfffff};
		backend->ranges[1] = (struct dad_dma_range){0xfef00000, last};
		backend->n_ranges = 2;
		return;
	}
	backend->n_ranges = RTE_MIN(cap->nr_iovas, (uint32_t)DAD_DMA_RANGES);
	for (unsigned int i = 0; i < backend->n_ranges; i++) {
		backend->ranges[i].first = cap->iova_ranges[i].start;
		backend->ranges[i].last = cap->iova_ranges[i].end;
	}
}

static int
vfio_query(void *priv, struct dad_dma_backend_info *backend)
{
	const struct dad_dma_vfio *vfio = priv;
	struct vfio_iommu_type1_info *info = get_info(vfio);

	if (info == NULL)
		return -rte_errno;
	backend->granule_shift = granule_shift(info);
	fill_ranges(info, backend);
	uint64_t available = maps_available(info);
	if (available != UINT64_MAX)
		backend->max_maps = available;
	free(info);
	return 0;
}

static void
vfio_close(void *priv)
{
	dad_dma_vfio_close(priv);
}

const struct dad_dma_domain_ops *
dad_dma_vfio_ops(void)
{
	/* no sync: the kernel has flushed the IOMMU's caches when an unmap returns */
	static const struct dad_dma_domain_ops ops = {
		.map = vfio_map,
		.unmap = vfio_unmap,
		.query = vfio_query,
		.close = vfio_close,
	};

	return &ops;
}

/* ---- container and group ------------------------------------------------------------------- */

/* The number of the group and that it can be had at all: 0 or -errno. */
static int
find_group(struct dad_dma_vfio *vfio)
{
	char path[64];

	if (rte_vfio_get_group_num(SYSFS_DEVICES, vfio->device, &vfio->group) != 1) {
		DMA_LOG(ERR, "%s: no such device, or none that an IOMMU could serve", vfio->device);
		return -ENODEV;
	}
	snprintf(path, sizeof(path), "/dev/vfio/%d", vfio->group);
	if (access(path, F_OK) == 0)
		return 0;
	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%d", vfio->group);
	if (access(path, F_OK) == 0) {
		DMA_LOG(ERR,
			"%s: no IOMMU protects anything from it: it can only have EAL's physical"
			" addresses",
			vfio->device);
		return -ENOTSUP;
	}
	DMA_LOG(ERR, "%s: not bound to vfio-pci", vfio->device);
	return -ENODEV;
}

/* Put the group into the container, and give that its IOMMU. */
static int
join(struct dad_dma_vfio *vfio)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};

	if (ioctl(vfio->group_fd, VFIO_GROUP_GET_STATUS, &status) != 0)
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		DMA_LOG(ERR, "%s: other devices of IOMMU group %d are bound to other drivers",
			vfio->device, vfio->group);
		return -ENODEV;
	}
	if (ioctl(vfio->group_fd, VFIO_GROUP_SET_CONTAINER, &vfio->container) != 0)
		return -errno;
	/* not version 1, which unmaps what it was not asked to */
	if (ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0)
		return -errno;
	return 0;
}

struct dad_dma_vfio *
dad_dma_vfio_open(const char *device)
{
	struct dad_dma_vfio *vfio = calloc(1, sizeof(*vfio));
	int ret = -ENOMEM;

	if (device == NULL || strlen(device) >= sizeof(vfio->device)) {
		ret = -EINVAL;
		goto no_group;
	}
	if (vfio == NULL)
		goto no_group;
	strcpy(vfio->device, device);
	vfio->mapped = table_create();
	if (vfio->mapped == NULL)
		goto no_group;
	ret = find_group(vfio);
	if (ret != 0)
		goto no_group;

	vfio->container = rte_vfio_container_create();
	if (vfio->container < 0) {
		ret = -ENODEV; /* EAL has said why */
		goto no_group;
	}
	/* EAL's number, which it closes: ours is another one of the same open file */
	int fd = rte_vfio_container_group_bind(vfio->container, vfio->group);
	vfio->group_fd = fd < 0 ? -1 : dup(fd);
	if (vfio->group_fd < 0) {
		ret = fd < 0 ? -EBUSY : -errno;
		goto no_bind;
	}
	ret = join(vfio);
	if (ret != 0)
		goto no_join;

	struct vfio_iommu_type1_info *info = get_info(vfio);
	if (info == NULL) {
		ret = -rte_errno;
		goto no_join;
	}
	vfio->granule = UINT64_C(1) << granule_shift(info);
	vfio->maps_at_open = maps_available(info);
	free(info);
	return vfio;

no_join:
	close(vfio->group_fd);
no_bind:
	rte_vfio_container_destroy(vfio->container);
	DMA_LOG(ERR, "%s: no container for IOMMU group %d: %s", device, vfio->group,
		strerror(-ret));
no_group:
	if (vfio != NULL)
		table_free(vfio->mapped);
	free(vfio);
	rte_errno = -ret;
	return NULL;
}

void
dad_dma_vfio_close(struct dad_dma_vfio *vfio)
{
	if (vfio == NULL)
		return;
	uint64_t left = __atomic_load_n(&vfio->bytes_mapped, __ATOMIC_RELAXED);
	if (left != 0)
		DMA_LOG(WARNING, "%s: %" PRIu64 " bytes are still mapped", vfio->device, left);
	/* with the last descriptor of the group the kernel forgets what was still mapped */
	close(vfio->group_fd);
	rte_vfio_container_destroy(vfio->container);
	table_free(vfio->mapped);
	free(vfio);
}

int
dad_dma_vfio_info(const struct dad_dma_vfio *vfio, struct dad_dma_vfio_info *out)
{
	struct vfio_iommu_type1_info *info = get_info(vfio);

	if (info == NULL)
		return -rte_errno;
	*out = (struct dad_dma_vfio_info){
		.group = vfio->group,
		.page_sizes = info->flags & VFIO_IOMMU_INFO_PGSIZES ? info->iova_pgsizes : 0,
		.maps_available = maps_available(info),
		.bytes = __atomic_load_n(&vfio->bytes_mapped, __ATOMIC_RELAXED),
	};
	if (out->maps_available != UINT64_MAX)
		out->maps = vfio->maps_at_open - out->maps_available;
	free(info);
	return 0;
}

struct dad_dma_domain *
dad_dma_domain_vfio(
	const char *device, const struct dad_dma_domain_conf *conf, struct dad_dma_vfio **out)
{
	struct dad_dma_vfio *vfio = dad_dma_vfio_open(device);

	if (vfio == NULL)
		return NULL;
	struct dad_dma_domain_conf full = *conf;
	full.type = DAD_DMA_DOMAIN_CUSTOM;
	full.ops = dad_dma_vfio_ops();
	full.priv = vfio;
	struct dad_dma_domain *domain = dad_dma_domain_create(&full);
	if (domain == NULL) {
		int error = rte_errno;

		dad_dma_vfio_close(vfio);
		rte_errno = error;
		return NULL;
	}
	if (out != NULL)
		*out = vfio;
	return domain;
}
