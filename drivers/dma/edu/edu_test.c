/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The driver on registers that are plain memory. The device behind them does one transfer when the
 * test says so, or none, or wrong. The real one is driven in a guest: test/vm.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "eal_test.h"
#include "edu_internal.h"

#define NAME "edu_fake"

static struct {
	_Alignas(8) uint8_t regs[256];
	uint8_t buffer[EDU_BUFFER_SIZE];
	const struct dad_dma_domain *domain;
	bool on_bus;
	bool deaf; /* its writes to memory go nowhere */
	unsigned int transfers;
	unsigned int released;
} fake;

static uint64_t
reg64(unsigned int offset)
{
	uint64_t value;

	memcpy(&value, &fake.regs[offset], sizeof(value));
	return value;
}

static uint32_t
command(void)
{
	return (uint32_t)reg64(EDU_REG_DMA_CMD);
}

/* Do what the registers say. */
static void
fake_step(void)
{
	uint32_t cmd = command();
	bool to_ram = (cmd & EDU_CMD_TO_RAM) != 0;
	uint64_t inside = reg64(to_ram ? EDU_REG_DMA_SRC : EDU_REG_DMA_DST);
	uint64_t outside = reg64(to_ram ? EDU_REG_DMA_DST : EDU_REG_DMA_SRC);
	uint64_t len = reg64(EDU_REG_DMA_LEN);
	size_t contig = 0;

	if (!(cmd & EDU_CMD_RUN))
		return;
	/* all that the driver may ever ask for; above all, no interrupt */
	assert_int_equal(cmd & ~(EDU_CMD_RUN | EDU_CMD_TO_RAM), 0);
	assert_true(fake.on_bus);
	assert_in_range(inside, EDU_BUFFER_ADDR, EDU_BUFFER_ADDR + EDU_BUFFER_SIZE - 1);
	assert_in_range(len, 1, EDU_BUFFER_ADDR + EDU_BUFFER_SIZE - inside);
	uint8_t *memory = dad_dma_bus_to_virt(fake.domain, outside, &contig);
	assert_non_null(memory);
	if (!to_ram)
		memcpy(&fake.buffer[inside - EDU_BUFFER_ADDR], memory, len);
	else if (!fake.deaf)
		memcpy(memory, &fake.buffer[inside - EDU_BUFFER_ADDR], len);
	memset(&fake.regs[EDU_REG_DMA_CMD], 0, 8);
	fake.transfers++;
}

static int
fake_bus_master(void *bus, bool on)
{
	(void)bus;
	fake.on_bus = on;
	return 0;
}

static void
fake_release(struct edu_dev *d)
{
	struct dad_dma_domain *domain = dad_dma_dev_domain(d->queue.dma);

	assert_int_equal(dad_dma_dev_destroy(d->queue.dma), 0);
	dad_dma_domain_put(domain);
	fake.released++;
}

static int16_t
plug(enum rte_dma_direction direction, uint16_t nb_desc)
{
	struct edu_dev d = {.node = SOCKET_ID_ANY, .release = fake_release};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	struct rte_dma_vchan_conf vconf = {.direction = direction, .nb_desc = nb_desc};

	if (direction == RTE_DMA_DIR_MEM_TO_DEV)
		vconf.dst_port.port_type = RTE_DMA_PORT_PCIE;
	if (direction == RTE_DMA_DIR_DEV_TO_MEM)
		vconf.src_port.port_type = RTE_DMA_PORT_PCIE;
	memset(&fake, 0, sizeof(fake));
	memcpy(fake.regs, &(uint32_t){0x010000ed}, 4);

	struct dad_dma_domain *domain = dad_dma_domain_identity();
	fake.domain = d.queue.eal = domain;
	d.queue.dma = dad_dma_dev_create(NAME, domain, SOCKET_ID_ANY);
	assert_non_null(d.queue.dma);
	assert_int_equal(dad_dma_set_mask(d.queue.dma, DAD_DMA_BIT_MASK(64)), 0);
	d.queue.hw = (struct edu_hw){
		.regs = fake.regs,
		.timeout = rte_get_timer_hz() * 60,
		.set_bus_master = fake_bus_master,
	};
	d.queue.any_memory = rte_eal_iova_mode() == RTE_IOVA_VA;
	d.queue.verify = true;
	struct rte_dma_dev *dev = edu_dev_create(NAME, NULL, &d);
	assert_non_null(dev);
	/* the library asks the device's node */
	static struct rte_device device = {.numa_node = SOCKET_ID_ANY};
	dev->device = &device;

	int16_t id = dev->data->dev_id;
	assert_int_equal(rte_dma_configure(id, &conf), 0);
	assert_int_equal(rte_dma_vchan_setup(id, 0, &vconf), 0);
	assert_int_equal(rte_dma_start(id), 0);
	assert_true(fake.on_bus);
	return id;
}

static void
unplug(int16_t id)
{
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_close(id), 0);
	assert_int_equal(fake.released, 1);
}

static void *
memory(size_t size)
{
	void *p = rte_zmalloc(NULL, size, 0);

	assert_non_null(p);
	return p;
}

/* One copy to its end, with the device doing its part. */
static enum rte_dma_status_code
copy(int16_t id, uint64_t src, uint64_t dst, uint32_t len)
{
	enum rte_dma_status_code status = RTE_DMA_STATUS_ERROR_UNKNOWN;

	assert_true(rte_dma_copy(id, 0, src, dst, len, RTE_DMA_OP_FLAG_SUBMIT) >= 0);
	for (unsigned int i = 0; rte_dma_completed_status(id, 0, 1, NULL, &status) == 0; i++) {
		assert_in_range(i, 0, 100);
		fake_step();
	}
	return status;
}

static void
test_any_length_arrives_whole_and_nothing_else_changes(void **state)
{
	static const uint32_t lengths[] = {1, 4094, 4095, 4096, 5000, 8190, 8191, 40000};
	int16_t id = plug(RTE_DMA_DIR_MEM_TO_MEM, 16);
	uint8_t *src = memory(40000 + 2), *dst = memory(40000 + 2), *expected = malloc(40000 + 2);

	(void)state;
	assert_non_null(expected);
	for (unsigned int i = 0; i < 40000 + 2; i++)
		src[i] = (uint8_t)rand();
	for (unsigned int i = 0; i < RTE_DIM(lengths); i++) {
		memset(dst, 0xa5, 40000 + 2);
		memset(expected, 0xa5, 40000 + 2);
		memcpy(expected + 1, src + 1, lengths[i]);
		fake.transfers = 0;
		assert_int_equal(copy(id, rte_mem_virt2iova(src + 1), rte_mem_virt2iova(dst + 1),
					 lengths[i]),
			RTE_DMA_STATUS_SUCCESSFUL);
		assert_memory_equal(dst, expected, 40000 + 2);
		/* more where physical memory goes on elsewhere */
		assert_true(fake.transfers >=
			2 * ((lengths[i] + EDU_BUFFER_SIZE - 1) / EDU_BUFFER_SIZE));
	}
	unplug(id);
	rte_free(src);
	rte_free(dst);
	free(expected);
}

static void
test_memory_reaches_the_device_and_comes_back(void **state)
{
	char *buffer = memory(64);
	int16_t id = plug(RTE_DMA_DIR_MEM_TO_DEV, 16);

	(void)state;
	strcpy(buffer, "to the device");
	assert_int_equal(copy(id, rte_mem_virt2iova(buffer), EDU_BUFFER_ADDR + 100, 64),
		RTE_DMA_STATUS_SUCCESSFUL);
	assert_string_equal((char *)&fake.buffer[100], "to the device");
	/* what would leave the device's buffer never gets to it */
	assert_int_equal(copy(id, rte_mem_virt2iova(buffer), EDU_BUFFER_ADDR - 1, 1),
		RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_int_equal(
		copy(id, rte_mem_virt2iova(buffer), EDU_BUFFER_ADDR + EDU_BUFFER_SIZE - 63, 64),
		RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_int_equal(fake.transfers, 1);
	unplug(id);

	id = plug(RTE_DMA_DIR_DEV_TO_MEM, 16);
	strcpy((char *)&fake.buffer[EDU_BUFFER_SIZE - 64], "and back");
	assert_int_equal(
		copy(id, EDU_BUFFER_ADDR + EDU_BUFFER_SIZE - 64, rte_mem_virt2iova(buffer), 64),
		RTE_DMA_STATUS_SUCCESSFUL);
	assert_string_equal(buffer, "and back");
	assert_int_equal(copy(id, UINT64_MAX, rte_mem_virt2iova(buffer), 64),
		RTE_DMA_STATUS_INVALID_SRC_ADDR);
	unplug(id);
	rte_free(buffer);
}

static void
test_wrong_addresses_are_told_apart_and_do_not_hold_up_the_rest(void **state)
{
	int16_t id = plug(RTE_DMA_DIR_MEM_TO_MEM, 16);
	char *src = memory(64), *dst = memory(64);
	rte_iova_t from = rte_mem_virt2iova(src), to = rte_mem_virt2iova(dst);
	struct rte_dma_stats stats;

	(void)state;
	strcpy(src, "still");
	assert_int_equal(rte_dma_copy(id, 0, from, to, 0, 0), -EINVAL);
	assert_int_equal(copy(id, 0, to, 64), RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_int_equal(copy(id, UINT64_C(1) << 63, to, 64), RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_int_equal(copy(id, from, 0, 64), RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_int_equal(copy(id, from, to, 64), RTE_DMA_STATUS_SUCCESSFUL);
	assert_string_equal(dst, "still");
	assert_int_equal(rte_dma_stats_get(id, 0, &stats), 0);
	assert_int_equal(stats.submitted, 4);
	assert_int_equal(stats.completed, 4);
	assert_int_equal(stats.errors, 3);
	unplug(id);
	rte_free(src);
	rte_free(dst);
}

static void
test_indices_wrap_and_a_full_ring_says_so(void **state)
{
	int16_t id = plug(RTE_DMA_DIR_MEM_TO_MEM, 3);
	uint32_t *src = memory(4), *dst = memory(4);
	rte_iova_t from = rte_mem_virt2iova(src), to = rte_mem_virt2iova(dst);
	uint16_t last;
	bool error = false;

	(void)state;
	for (uint32_t i = 0; i < 3 * 22000; i += 3) {
		assert_int_equal(rte_dma_burst_capacity(id, 0), 3);
		for (unsigned int k = 0; k < 3; k++)
			assert_int_equal(rte_dma_copy(id, 0, from, to, 4, 0), (uint16_t)(i + k));
		assert_int_equal(rte_dma_copy(id, 0, from, to, 4, 0), -ENOSPC);
		*src = i;
		assert_int_equal(rte_dma_submit(id, 0), 0);
		for (unsigned int n = 0; n < 3; fake_step())
			n += rte_dma_completed(id, 0, 3, &last, &error);
		assert_int_equal(last, (uint16_t)(i + 2));
		assert_false(error);
		assert_int_equal(*dst, i);
	}
	unplug(id);
	rte_free(src);
	rte_free(dst);
}

static void
test_a_device_that_never_ends_is_halted_and_kept_off_the_bus(void **state)
{
	int16_t id = plug(RTE_DMA_DIR_MEM_TO_MEM, 16);
	char *src = memory(64), *dst = memory(64);
	rte_iova_t from = rte_mem_virt2iova(src), to = rte_mem_virt2iova(dst);
	enum rte_dma_status_code status[4];
	enum rte_dma_vchan_status vchan;

	(void)state;
	assert_int_equal(rte_dma_copy(id, 0, from, to, 64, 0), 0);
	assert_int_equal(rte_dma_copy(id, 0, from, to, 64, RTE_DMA_OP_FLAG_SUBMIT), 1);
	assert_int_equal(rte_dma_vchan_status(id, 0, &vchan), 0);
	assert_int_equal(vchan, RTE_DMA_VCHAN_ACTIVE);
	/* time is up */
	((struct edu_queue *)rte_dma_fp_objs[id].dev_private)->hw.deadline = 0;
	assert_int_equal(rte_dma_completed_status(id, 0, 1, NULL, status), 1);
	assert_int_equal(rte_dma_completed_status(id, 0, 3, NULL, status + 1), 1);
	assert_int_equal(status[0], RTE_DMA_STATUS_BUS_ERROR);
	assert_int_equal(status[1], RTE_DMA_STATUS_NOT_ATTEMPTED);
	assert_int_equal(rte_dma_vchan_status(id, 0, &vchan), 0);
	assert_int_equal(vchan, RTE_DMA_VCHAN_HALTED_ERROR);
	assert_false(fake.on_bus);
	assert_int_equal(rte_dma_copy(id, 0, from, to, 64, 0), -EIO);

	/* it is not trusted again before it is idle */
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_start(id), -EBUSY);
	memset(&fake.regs[EDU_REG_DMA_CMD], 0, 8);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(copy(id, from, to, 64), RTE_DMA_STATUS_SUCCESSFUL);
	unplug(id);
	rte_free(src);
	rte_free(dst);
}

static void
test_a_device_that_is_gone_is_no_device_that_is_done(void **state)
{
	static const uint8_t answers[] = {0x00, 0xff};
	char *src = memory(64);
	enum rte_dma_status_code status;
	enum rte_dma_vchan_status vchan;

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(answers); i++) {
		int16_t id = plug(RTE_DMA_DIR_MEM_TO_MEM, 16);

		rte_dma_copy(id, 0, rte_mem_virt2iova(src), rte_mem_virt2iova(src), 64,
			RTE_DMA_OP_FLAG_SUBMIT);
		memset(fake.regs, answers[i], sizeof(fake.regs));
		assert_int_equal(rte_dma_completed_status(id, 0, 1, NULL, &status), 1);
		assert_int_equal(status, RTE_DMA_STATUS_DEV_LINK_ERROR);
		assert_int_equal(rte_dma_vchan_status(id, 0, &vchan), 0);
		assert_int_equal(vchan, RTE_DMA_VCHAN_HALTED_ERROR);
		assert_int_equal(rte_dma_stop(id), 0);
		assert_int_equal(rte_dma_start(id), -ENODEV);
		assert_int_equal(rte_dma_close(id), 0);
	}
	rte_free(src);
}

static void
test_stop_ends_a_running_transfer_and_gives_the_rest_up(void **state)
{
	int16_t id = plug(RTE_DMA_DIR_MEM_TO_MEM, 16);
	char *src = memory(64);
	rte_iova_t iova = rte_mem_virt2iova(src);
	enum rte_dma_status_code status[4];

	(void)state;
	rte_dma_copy(id, 0, iova, iova, 64, RTE_DMA_OP_FLAG_SUBMIT);
	rte_dma_copy(id, 0, iova, iova, 64, 0);
	fake_step();
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_completed_status(id, 0, 4, NULL, status), 2);
	assert_int_equal(status[0], RTE_DMA_STATUS_USER_ABORT);
	assert_int_equal(status[1], RTE_DMA_STATUS_USER_ABORT);
	assert_int_equal(command() & EDU_CMD_RUN, 0);
	unplug(id);
	rte_free(src);
}

static void
test_what_an_iommu_stopped_is_found_by_comparing(void **state)
{
	int16_t id = plug(RTE_DMA_DIR_MEM_TO_MEM, 16);
	char *src = memory(64), *dst = memory(64);

	(void)state;
	strcpy(src, "lost");
	fake.deaf = true;
	assert_int_equal(copy(id, rte_mem_virt2iova(src), rte_mem_virt2iova(dst), 64),
		RTE_DMA_STATUS_BUS_ERROR);
	unplug(id);
	rte_free(src);
	rte_free(dst);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_length_arrives_whole_and_nothing_else_changes),
		cmocka_unit_test(test_memory_reaches_the_device_and_comes_back),
		cmocka_unit_test(test_wrong_addresses_are_told_apart_and_do_not_hold_up_the_rest),
		cmocka_unit_test(test_indices_wrap_and_a_full_ring_says_so),
		cmocka_unit_test(test_a_device_that_never_ends_is_halted_and_kept_off_the_bus),
		cmocka_unit_test(test_a_device_that_is_gone_is_no_device_that_is_done),
		cmocka_unit_test(test_stop_ends_a_running_transfer_and_gives_the_rest_up),
		cmocka_unit_test(test_what_an_iommu_stopped_is_found_by_comparing),
	};

	(void)argc;
	int ret = eal_test_init(argv[0]);
	return ret != 0 ? ret : cmocka_run_group_tests(tests, NULL, NULL);
}
