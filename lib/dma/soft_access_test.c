/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_log.h>

#include "dad_dma_soft.h"
#include "test_domains.h"

/* What a device of a soft domain may do with memory, and what becomes of the rest. */

static void
accesses_are_checked_to_the_byte(void **state)
{
	const size_t sizes[] = {1, 2, 100, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 7};
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	unsigned char data[4 * PAGE];

	(void)state;
	/* below the device's mask: what is beyond that is another error */
	conf.iova_first = PAGE;
	conf.iova_last = UINT32_MAX - PAGE;
	struct dad_dma_dev *dev = make(&conf, &domain);
	for (unsigned int i = 0; i < RTE_DIM(sizes); i++)
		for (size_t offset = 0; offset < PAGE; offset += 333) {
			size_t size = sizes[i];
			dad_dma_addr_t a = dad_dma_map_single(
				dev, memory + offset, size, DAD_DMA_BIDIRECTIONAL);

			assert_int_equal(dad_dma_mapping_error(dev, a), 0);
			assert_int_equal(a % PAGE, (uintptr_t)(memory + offset) % PAGE);
			assert_int_equal(dad_soft_dma_read(dev, a, data, size), 0);
			assert_int_equal(dad_soft_dma_write(dev, a, data, size), 0);
			assert_int_equal(dad_soft_dma_read(dev, a + size - 1, data, 1), 0);
			assert_int_equal(dad_soft_dma_read(dev, a, data, size + 1), -EMSGSIZE);
			assert_int_equal(dad_soft_dma_read(dev, a + size, data, 1), -EFAULT);
			assert_int_equal(dad_soft_dma_read(dev, a - 1, data, 2), -EFAULT);
			assert_ptr_equal(dad_dma_bus_to_virt(domain, a, NULL), memory + offset);
			dad_dma_unmap_single(dev, a, size, DAD_DMA_BIDIRECTIONAL);
			assert_null(dad_dma_bus_to_virt(domain, a, NULL));
			assert_int_equal(dad_soft_dma_read(dev, a, data, 1), -EFAULT);
		}
	unmake(domain, dev);
}

static void
directions_are_rights(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev = make(&conf, &domain);
	unsigned char data[64];

	(void)state;
	dad_dma_addr_t to = dad_dma_map_single(dev, memory, 64, DAD_DMA_TO_DEVICE);
	dad_dma_addr_t from = dad_dma_map_single(dev, memory + PAGE, 64, DAD_DMA_FROM_DEVICE);
	size_t contig;

	assert_int_equal(dad_soft_dma_read(dev, to, data, 64), 0);
	assert_int_equal(dad_soft_dma_write(dev, to, data, 64), -EACCES);
	assert_int_equal(dad_soft_dma_write(dev, from, data, 64), 0);
	assert_int_equal(dad_soft_dma_read(dev, from, data, 64), -EACCES);
	assert_null(dad_soft_dma_translate(dev, to, DAD_SOFT_READ | DAD_SOFT_WRITE, &contig));
	assert_int_equal(rte_errno, EACCES);
	assert_ptr_equal(dad_soft_dma_translate(dev, to + 4, DAD_SOFT_READ, &contig), memory + 4);
	assert_int_equal(contig, 60);
	assert_int_equal(dad_soft_dma_read(dev, UINT64_C(1) << 33, data, 1), -ERANGE);
	assert_int_equal(dad_soft_dma_read(dev, UINT32_MAX, data, 2), -ERANGE);
	dad_dma_unmap_single(dev, to, 64, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dev, from, 64, DAD_DMA_FROM_DEVICE);
	unmake(domain, dev);
}

static void
a_refused_access_moves_nothing_and_leaves_a_fault(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev = make(&conf, &domain);
	struct dad_soft_fault faults[100];
	unsigned char data[PAGE];

	(void)state;
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, 100, DAD_DMA_FROM_DEVICE);
	memset(memory, 1, PAGE);
	memset(data, 2, sizeof(data));
	assert_int_equal(dad_soft_dma_write(dev, a + 90, data, 11), -EMSGSIZE);
	for (unsigned int i = 0; i < PAGE; i++)
		assert_int_equal(memory[i], 1);

	assert_int_equal(dad_soft_faults(domain, faults, 100), 1);
	assert_int_equal(faults[0].number, 1);
	assert_string_equal(faults[0].device, "device");
	assert_int_equal(faults[0].addr, a + 90);
	assert_int_equal(faults[0].size, 11);
	assert_int_equal(faults[0].access, DAD_SOFT_WRITE);
	assert_int_equal(faults[0].error, -EMSGSIZE);
	assert_int_equal(faults[0].nearest.addr, a);
	assert_int_equal(faults[0].nearest.size, 100);
	assert_int_equal(faults[0].nearest.access, DAD_SOFT_WRITE);

	/* far above, far below: the only mapping is the nearest; then there is none */
	assert_int_equal(dad_soft_dma_read(dev, 0, data, 1), -EFAULT);
	assert_int_equal(dad_soft_dma_read(dev, 64u << 20, data, 1), -EFAULT);
	assert_int_equal(dad_soft_faults(domain, faults, 1), 1);
	assert_int_equal(faults[0].number, 3);
	assert_int_equal(faults[0].nearest.addr, a);
	dad_dma_unmap_single(dev, a, 100, DAD_DMA_FROM_DEVICE);
	assert_int_equal(dad_soft_dma_read(dev, a, data, 1), -EFAULT);
	assert_int_equal(dad_soft_faults(domain, faults, 1), 1);
	assert_int_equal(faults[0].nearest.size, 0);

	for (unsigned int i = 0; i < 100; i++)
		dad_soft_dma_read(dev, i, data, 1);
	assert_int_equal(info_of(domain).faults, 104);
	assert_int_equal(dad_soft_faults(domain, faults, 100), 64);
	assert_int_equal(faults[0].addr, 99);
	assert_int_equal(faults[63].addr, 36);
	unmake(domain, dev);
}

static void
the_nearest_mapping_is_nearest(void **state)
{
	struct dad_dma_domain_conf conf = conf_of(STRICT, 0);
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev = make(&conf, &domain);
	dad_dma_addr_t a[64];
	unsigned char data;

	(void)state;
	/* every fourth stays */
	for (unsigned int i = 0; i < 64; i++)
		a[i] = dad_dma_map_single(dev, memory + 10, 50, DAD_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 64; i++)
		if (i % 4 != 0)
			dad_dma_unmap_single(dev, a[i], 50, DAD_DMA_TO_DEVICE);
	for (unsigned int i = 0; i < 64; i++) {
		struct dad_soft_fault fault;
		uint64_t best = UINT64_MAX, probe = (a[i] & ~(uint64_t)(PAGE - 1)) + i * 61;

		if (dad_soft_dma_read(dev, probe, &data, 1) == 0)
			continue;
		for (unsigned int k = 0; k < 64; k += 4) {
			uint64_t far = probe < a[k] ? a[k] - probe
				: probe > a[k] + 49 ? probe - (a[k] + 49)
						    : 0;
			best = RTE_MIN(best, far);
		}
		assert_int_equal(dad_soft_faults(domain, &fault, 1), 1);
		uint64_t near = fault.nearest.addr;
		uint64_t far = probe < near ? near - probe : probe - (near + 49);
		assert_int_equal(fault.nearest.size, 50);
		assert_int_equal(far, best);
	}
	for (unsigned int i = 0; i < 64; i += 4)
		dad_dma_unmap_single(dev, a[i], 50, DAD_DMA_TO_DEVICE);
	unmake(domain, dev);
}

static int
map_nothing(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	(void)priv;
	(void)iova;
	(void)va;
	(void)size;
	(void)dir;
	return 0;
}

static int
unmap_nothing(void *priv, dad_dma_addr_t iova, size_t size)
{
	(void)priv;
	(void)iova;
	(void)size;
	return 0;
}

static const struct dad_dma_domain_ops nothing = {.map = map_nothing, .unmap = unmap_nothing};

/* A device that went wild must not fill the disk: 16 lines, and from then on powers of two. */
static void
faults_are_counted_and_not_all_logged_in_every_domain(void **state)
{
	struct dad_dma_domain_conf confs[] = {conf_of(STRICT, 0), conf_of(STRICT, 0)};

	(void)state;
	confs[1].type = DAD_DMA_DOMAIN_CUSTOM;
	confs[1].ops = &nothing;
	for (unsigned int i = 0; i < 3; i++) {
		struct dad_dma_domain *domain =
			i < 2 ? dad_dma_domain_create(&confs[i]) : dad_dma_domain_identity();
		FILE *log = tmpfile();
		unsigned int lines = 0;
		char byte;

		assert_true(domain != NULL && log != NULL);
		struct dad_dma_dev *dev = dad_dma_dev_create("wild", domain, SOCKET_ID_ANY);
		assert_non_null(dev);
		assert_int_equal(rte_openlog_stream(log), 0);
		for (unsigned int n = 0; n < 1000; n++)
			assert_int_equal(dad_soft_dma_read(dev, 16 + n, &byte, 1), -EFAULT);
		rte_openlog_stream(NULL);
		rewind(log);
		for (int c = getc(log); c != EOF; c = getc(log))
			lines += c == '\n';
		fclose(log);
		assert_int_equal(info_of(domain).faults, 1000);
		assert_int_equal(lines, 16 + 5); /* 32, 64, 128, 256, 512 */
		unmake(domain, dev);
	}
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses_are_checked_to_the_byte),
		cmocka_unit_test(directions_are_rights),
		cmocka_unit_test(a_refused_access_moves_nothing_and_leaves_a_fault),
		cmocka_unit_test(the_nearest_mapping_is_nearest),
		cmocka_unit_test(faults_are_counted_and_not_all_logged_in_every_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return domains_main(argc, argv, run);
}
