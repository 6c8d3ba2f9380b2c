/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_failure.h"

#include <linux/vfio.h>
#include <unistd.h>

#include "dad_dma_vfio.h"

/* The vfio backend beside a kernel that is played: the linker sends its calls here. Each of them
 * fails in turn, and each allocation. With a real one: test/vm. */

enum { CONTAINER = 1000, GROUP_FD, OWN_GROUP_FD, GROUP = 7 };

static struct {
	unsigned int open; /* container, group, our own descriptor of it: a bit each */
	bool has_iommu;
	unsigned int wrong; /* calls that make no sense */
} kernel;

/* ---- the kernel's side, and EAL's ---------------------------------------------------------------
 */

static bool
holds(int fd)
{
	return fd >= CONTAINER && fd <= OWN_GROUP_FD && (kernel.open & 1u << (fd - CONTAINER));
}

static void
opens(int fd)
{
	kernel.wrong += holds(fd);
	kernel.open |= 1u << (fd - CONTAINER);
}

static void
shuts(int fd)
{
	kernel.wrong += !holds(fd);
	kernel.open &= ~(1u << (fd - CONTAINER));
	/* with the last descriptor of the group goes all that was mapped */
	if (!holds(GROUP_FD) && !holds(OWN_GROUP_FD))
		backend.n = 0;
}

int __wrap_rte_vfio_get_group_num(const char *base, const char *device, int *group);
int __wrap_rte_vfio_container_create(void);
int __wrap_rte_vfio_container_destroy(int fd);
int __wrap_rte_vfio_container_group_bind(int fd, int group);
int __wrap_access(const char *path, int mode);
int __wrap_dup(int fd);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

int
__wrap_rte_vfio_get_group_num(const char *base, const char *device, int *group)
{
	(void)base;
	assert_string_equal(device, "0000:00:04.0");
	*group = GROUP;
	return fails(ENODEV) ? 0 : 1;
}

int
__wrap_rte_vfio_container_create(void)
{
	if (fails(ENODEV))
		return -1;
	opens(CONTAINER);
	kernel.has_iommu = false;
	return CONTAINER;
}

int
__wrap_rte_vfio_container_destroy(int fd)
{
	if (holds(GROUP_FD)) /* EAL closes it too */
		shuts(GROUP_FD);
	shuts(fd);
	return 0;
}

int
__wrap_rte_vfio_container_group_bind(int fd, int group)
{
	kernel.wrong += !holds(fd) || group != GROUP;
	if (fails(EBUSY))
		return -1;
	opens(GROUP_FD);
	return GROUP_FD;
}

int
__wrap_access(const char *path, int mode)
{
	(void)mode;
	if (strcmp(path, "/dev/vfio/7") == 0)
		return fails(ENODEV) ? -1 : 0;
	assert_string_equal(path, "/dev/vfio/noiommu-7");
	return -1;
}

int
__wrap_dup(int fd)
{
	kernel.wrong += fd != GROUP_FD;
	errno = EMFILE;
	if (fails(EMFILE))
		return -1;
	opens(OWN_GROUP_FD);
	return OWN_GROUP_FD;
}

int
__wrap_close(int fd)
{
	kernel.wrong += fd != OWN_GROUP_FD;
	shuts(fd);
	return 0;
}

/* Two ranges of IOVAs, and how many maps are left. */
static int
tell(struct vfio_iommu_type1_info *info)
{
	struct {
		struct vfio_iommu_type1_info info;
		struct { /* vfio_iommu_type1_info_cap_iova_range, of two */
			struct vfio_info_cap_header header;
			uint32_t nr_iovas;
			uint32_t reserved;
			struct vfio_iova_range range[2];
		} cap;
		struct vfio_iommu_type1_info_dma_avail avail;
	} full = {
		.info = {.argsz = sizeof(full),
			.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS,
			.iova_pgsizes = PAGE | 2u << 20,
			.cap_offset = sizeof(full.info)},
		.cap = {.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
				.version = 1,
				.next = sizeof(full) - sizeof(full.avail)},
			.nr_iovas = 2,
			.range = {{0, 0xfedfffff}, {0xfef00000, DAD_DMA_BIT_MASK(47)}}},
		.avail = {.header = {.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, .version = 1},
			.avail = MAX_MAPS - backend.n},
	};
	const bool fits = info->argsz >= sizeof(full);

	memcpy(info, &full, fits ? sizeof(full) : sizeof(full.info));
	info->cap_offset = fits ? info->cap_offset : 0;
	return 0;
}

static int
map(const struct vfio_iommu_type1_dma_map *m)
{
	const unsigned int broken = backend.broken_rules;

	kernel.wrong += m->argsz != sizeof(*m) || m->flags == 0 || (m->flags & ~3u) != 0;
	kernel.wrong += ((m->iova | m->vaddr | m->size) & (PAGE - 1)) != 0 || m->size == 0;
	int ret = book_map(m->iova, m->iova + m->size);
	assert_int_equal(backend.broken_rules, broken); /* EEXIST: nobody asks for that */
	return ret;
}

int
__wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct vfio_iommu_type1_dma_unmap *unmap = arg;

	kernel.wrong += !holds(fd);
	errno = EPERM;
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags = VFIO_GROUP_FLAGS_VIABLE;
		return fails(EPERM) ? -1 : 0;
	case VFIO_GROUP_SET_CONTAINER:
		kernel.wrong += *(int *)arg != CONTAINER;
		return fails(EPERM) ? -1 : 0;
	case VFIO_SET_IOMMU:
		kernel.has_iommu = true;
		return fails(EPERM) ? -1 : 0;
	case VFIO_IOMMU_GET_INFO:
		kernel.wrong += !kernel.has_iommu;
		return fails(EPERM) ? -1 : tell(arg);
	case VFIO_IOMMU_MAP_DMA:
		return fails(EIO) ? -1 : map(arg);
	case VFIO_IOMMU_UNMAP_DMA:
		if (backend.fail_unmap && fails(EIO))
			return -1;
		unmap->size = book_unmap(unmap->iova, unmap->iova + unmap->size);
		return 0;
	}
	kernel.wrong++;
	return -1;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static unsigned int
everything(bool lazy)
{
	const struct dad_dma_domain_conf conf = {.name = "vfio",
		.flags = lazy ? DAD_DMA_DOMAIN_LAZY : 0,
		.socket_id = SOCKET_ID_ANY};
	long before = test_alloc_live;
	unsigned int failures = use_domain(dad_dma_domain_vfio("0000:00:04.0", &conf, NULL));

	assert_int_equal(test_alloc_live, before);
	assert_int_equal(kernel.open, 0);
	assert_int_equal(kernel.wrong, 0);
	assert_int_equal(backend.broken_rules, 0);
	return failures;
}

static void
without_failures_all_of_it_works(void **state)
{
	(void)state;
	for (unsigned int lazy = 0; lazy < 2; lazy++) {
		reset();
		assert_int_equal(everything(lazy), 0);
		assert_true(backend.peak > 3);
	}
}

static void
each_allocation_may_fail(void **state)
{
	unsigned int n, noticed = 0;

	(void)state;
	for (n = 1; n < 1000; n++) {
		reset();
		expected = ENOMEM;
		test_alloc_countdown = n;
		noticed += everything(n % 2) != 0;
		bool was_reached = test_alloc_countdown == 0;

		test_alloc_countdown = 0;
		if (!was_reached)
			break;
	}
	assert_in_range(n, 30, 999);
	assert_true(noticed > 30);
	print_message("%u allocations, %u of them noticed\n", n - 1, noticed);
}

static void
each_call_of_the_kernel_may_fail(void **state)
{
	(void)state;
	for (unsigned int unmaps = 0; unmaps < 2; unmaps++) {
		unsigned int n, noticed = 0;

		for (n = 1; n < 1000; n++) {
			reset();
			backend.countdown = n;
			backend.fail_unmap = unmaps;
			noticed += everything(n % 2) != 0;
			if (backend.countdown > 0)
				break;
		}
		assert_in_range(n, 20, 999);
		assert_true(noticed > 20);
		print_message("%u calls, %u of them noticed\n", n - 1, noticed);
	}
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_failures_all_of_it_works),
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(each_call_of_the_kernel_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return failure_main(argc, argv, run);
}
