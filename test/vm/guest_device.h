/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef GUEST_DEVICE_H
#define GUEST_DEVICE_H

/* The edu devices of the guest, hot-plugged with the devargs a test wants. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_dmadev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "dad_dma_domain.h"
#include "edu_queue.h"

/* EAL with the driver as a plugin, some megabytes that stay, and no device yet. 0, 77 outside of
 * the guest, or 1. */
static inline int
guest_init(char *prog, char *megabytes)
{
	char *plugin = getenv("DAD_EDU_PMD");
	/* a bridge, which no driver takes: the others wait until they are asked for */
	char *eal[] = {prog, "-l", "0", "--in-memory", "--iova-mode=va", "-a", "0000:00:1f.0", "-m",
		megabytes, "-d", plugin, NULL};

	if (getenv("DAD_EDU") == NULL || plugin == NULL) {
		printf("for the guest of test/vm only: not run\n");
		return 77;
	}
	return rte_eal_init((int)RTE_DIM(eal) - 1, eal) < 0 ? 1 : 0;
}

/* All tests, or those that DAD_TEST names: a pattern, with * for anything. */
#define guest_run(tests)                                                                           \
	(cmocka_set_test_filter(getenv("DAD_TEST")), cmocka_run_group_tests(tests, NULL, NULL))

static inline const char *
edu_name(void)
{
	return getenv("DAD_EDU");
}

static inline void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Take the device from vfio-pci, and give it back. */
static inline void
unbind(void)
{
	write_file("/sys/bus/pci/drivers/vfio-pci/unbind", edu_name());
}

static inline void
bind(void)
{
	write_file("/sys/bus/pci/drivers/vfio-pci/bind", edu_name());
}

static inline struct edu_queue *
queue_of(int16_t id)
{
	return rte_dma_fp_objs[id].dev_private;
}

/* Configured and started. */
static inline int16_t
plug_as(const char *name, const char *args, enum rte_dma_direction direction)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	struct rte_dma_vchan_conf vconf = {.direction = direction, .nb_desc = 16};
	char devargs[128];

	if (direction == RTE_DMA_DIR_MEM_TO_DEV)
		vconf.dst_port.port_type = RTE_DMA_PORT_PCIE;
	if (direction == RTE_DMA_DIR_DEV_TO_MEM)
		vconf.src_port.port_type = RTE_DMA_PORT_PCIE;
	snprintf(devargs, sizeof(devargs), "%s,%s", name, args);
	assert_int_equal(rte_dev_probe(devargs), 0);
	int id = rte_dma_get_dev_id_by_name(name);
	assert_true(id >= 0);
	assert_int_equal(rte_dma_configure((int16_t)id, &conf), 0);
	assert_int_equal(rte_dma_vchan_setup((int16_t)id, 0, &vconf), 0);
	assert_int_equal(rte_dma_start((int16_t)id), 0);
	return (int16_t)id;
}

static inline int16_t
plug(const char *args)
{
	return plug_as(edu_name(), args, RTE_DMA_DIR_MEM_TO_MEM);
}

static inline int
unplug(int16_t id)
{
	struct rte_dma_info info;

	assert_int_equal(rte_dma_info_get(id, &info), 0);
	struct rte_dev_iterator it;
	char filter[64];

	snprintf(filter, sizeof(filter), "bus=pci,addr=%s", info.dev_name);
	struct rte_device *device = NULL, *found = NULL;
	RTE_DEV_FOREACH(device, filter, &it)
	found = device;
	assert_non_null(found);
	return rte_dev_remove(found);
}

static inline enum rte_dma_status_code
wait_for(int16_t id)
{
	enum rte_dma_status_code status = RTE_DMA_STATUS_ERROR_UNKNOWN;

	while (rte_dma_completed_status(id, 0, 1, NULL, &status) == 0)
		rte_delay_us_sleep(1000);
	return status;
}

static inline enum rte_dma_status_code
copy(int16_t id, const void *src, void *dst, uint32_t len)
{
	assert_true(rte_dma_copy(id, 0, (uintptr_t)src, (uintptr_t)dst, len,
			    RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	return wait_for(id);
}

static inline struct dad_dma_dev_stats
stats_of(int16_t id)
{
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(queue_of(id)->dma, &stats);
	return stats;
}

static inline struct dad_dma_domain_info
domain_of(int16_t id)
{
	struct dad_dma_domain_info info;

	dad_dma_domain_info(dad_dma_dev_domain(queue_of(id)->dma), &info);
	return info;
}

static inline void
scramble(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rand();
}

#endif /* GUEST_DEVICE_H */
