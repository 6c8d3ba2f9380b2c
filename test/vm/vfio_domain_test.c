/* SPDX-License-Identifier: BSD-3-Clause */

/* Domains on the vfio backend, in a guest: the limits of a real IOMMU and of the kernel. */

#include <stdlib.h>
#include <sys/mman.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "dad_dma_vfio.h"
#include "raw_vfio.h"

static const char *device;

/* One that maps each transfer by itself, at IOVAs from first to last. */
struct on_domain {
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev;
	char *memory;
	dad_dma_addr_t addr[8];
};

static void
open_domain(struct on_domain *d, uint64_t first, uint64_t last)
{
	const struct dad_dma_domain_conf conf = {.name = "strict",
		.rungs = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT),
		.iova_first = first,
		.iova_last = last};

	d->domain = dad_dma_domain_vfio(device, &conf, NULL);
	assert_non_null(d->domain);
	d->dev = dad_dma_dev_create("strict", d->domain, SOCKET_ID_ANY);
	assert_non_null(d->dev);
	d->memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_ptr_not_equal(d->memory, MAP_FAILED);
}

/* How often so many bytes can be mapped, and then the errno. */
static unsigned int
map_all(struct on_domain *d, size_t size, int *error)
{
	for (unsigned int n = 0; n < RTE_DIM(d->addr); n++) {
		d->addr[n] = dad_dma_map_single(d->dev, d->memory, size, DAD_DMA_TO_DEVICE);
		if (dad_dma_mapping_error(d->dev, d->addr[n]) != 0) {
			*error = rte_errno;
			return n;
		}
	}
	*error = 0;
	return RTE_DIM(d->addr);
}

static void
close_domain(struct on_domain *d, unsigned int mapped, size_t size)
{
	while (mapped > 0)
		dad_dma_unmap_single(d->dev, d->addr[--mapped], size, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_dev_destroy(d->dev), 0);
	dad_dma_domain_put(d->domain);
	munmap(d->memory, 4 * PAGE);
}

static void
test_a_domain_stays_within_the_kernels_budget(void **state)
{
	struct dad_dma_domain_info info;
	struct on_domain d;
	int error;

	(void)state;
	limit_entries(5);
	open_domain(&d, 0x100000, 0x1fffff);
	limit_entries(65535);
	dad_dma_domain_info(d.domain, &info);
	assert_int_equal(info.registers_max, 5);
	/* maps are counted, not pages */
	unsigned int n = map_all(&d, 4 * PAGE, &error);
	assert_int_equal(n, 5);
	assert_int_equal(error, ENOSPC);
	dad_dma_domain_info(d.domain, &info);
	assert_int_equal(info.registers_used, 5);
	close_domain(&d, n, 4 * PAGE);
}

static void
test_a_domain_hands_out_nothing_reserved(void **state)
{
	struct on_domain d;
	int error;

	(void)state;
	/* two pages on either side of a mebibyte that belongs to interrupts */
	open_domain(&d, 0xfedfe000, 0xfef01fff);
	unsigned int n = map_all(&d, PAGE, &error);
	assert_int_equal(n, 4);
	assert_int_equal(error, ENOSPC);
	for (unsigned int i = 0; i < n; i++)
		assert_true(d.addr[i] < 0xfee00000 || d.addr[i] > 0xfeefffff);
	close_domain(&d, n, PAGE);
}

static void
test_a_mapping_of_somebody_else_is_no_success(void **state)
{
	struct dad_dma_domain_info info;
	struct on_domain d;

	(void)state;
	open_domain(&d, 0x100000, 0x100fff);
	assert_int_equal(map_behind_its_back(0x100000, d.memory), 0);
	d.addr[0] = dad_dma_map_single(d.dev, d.memory, PAGE, DAD_DMA_TO_DEVICE);
	assert_int_not_equal(dad_dma_mapping_error(d.dev, d.addr[0]), 0);
	assert_int_equal(rte_errno, EIO);
	dad_dma_domain_info(d.domain, &info);
	assert_int_equal(info.strict_maps, 0);
	assert_int_equal(unmap_behind_its_back(0x100000), 0);
	d.addr[0] = dad_dma_map_single(d.dev, d.memory, PAGE, DAD_DMA_TO_DEVICE);
	assert_int_equal(d.addr[0], 0x100000);
	close_domain(&d, 1, PAGE);
}

/* Taken away under it: told, and the address is never used again. */
static void
test_what_an_unmap_does_not_find_is_lost(void **state)
{
	struct dad_dma_domain_info info;
	struct on_domain d;

	(void)state;
	open_domain(&d, 0x100000, 0x101fff);
	d.addr[0] = dad_dma_map_single(d.dev, d.memory, PAGE, DAD_DMA_TO_DEVICE);
	assert_int_equal(dad_dma_mapping_error(d.dev, d.addr[0]), 0);
	assert_int_equal(unmap_behind_its_back(d.addr[0]), 0);
	dad_dma_unmap_single(d.dev, d.addr[0], PAGE, DAD_DMA_TO_DEVICE);
	dad_dma_domain_info(d.domain, &info);
	assert_int_equal(info.lost, 1);
	int error;
	dad_dma_addr_t gone = d.addr[0];
	unsigned int n = map_all(&d, PAGE, &error);
	assert_int_equal(n, 1);
	assert_int_equal(error, ENOSPC);
	assert_true(d.addr[0] != gone);
	close_domain(&d, n, PAGE);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_domain_stays_within_the_kernels_budget),
		cmocka_unit_test(test_a_domain_hands_out_nothing_reserved),
		cmocka_unit_test(test_a_mapping_of_somebody_else_is_no_success),
		cmocka_unit_test(test_what_an_unmap_does_not_find_is_lost),
	};
	char *eal[] = {argv[0], "-l", "0", "--in-memory", "--no-pci", "-m", "16", NULL};

	(void)argc;
	device = getenv("DAD_EDU");
	if (device == NULL) {
		printf("for the guest of test/vm only: not run\n");
		return 77;
	}
	return rte_eal_init(7, eal) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
