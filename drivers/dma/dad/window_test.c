/* SPDX-License-Identifier: BSD-3-Clause */

/* A device with memory of its own: each direction means by its addresses what it should. */

#include <errno.h>

#include "test_device.h"

#define WINDOW 65536u
#define DESCS  64

enum { M2M, M2D, D2M, D2D, DIRECTIONS };

static const enum rte_dma_direction directions[DIRECTIONS] = {
	RTE_DMA_DIR_MEM_TO_MEM,
	RTE_DMA_DIR_MEM_TO_DEV,
	RTE_DMA_DIR_DEV_TO_MEM,
	RTE_DMA_DIR_DEV_TO_DEV,
};

static int16_t dev;
static uint8_t *mem, *back;

static int
setup(void **state)
{
	(void)state;
	dev = test_open_directions("window=64K", DIRECTIONS, DESCS, directions);
	mem = test_buffer(WINDOW);
	back = test_buffer(WINDOW);
	for (unsigned int i = 0; i < WINDOW; i++)
		mem[i] = (uint8_t)(i * 13 + i / 256 + 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	rte_free(mem);
	rte_free(back);
	test_close(dev);
	return 0;
}

static void
expect(uint16_t vchan, enum rte_dma_status_code expected)
{
	enum rte_dma_status_code status;

	assert_int_equal(rte_dma_submit(dev, vchan), 0);
	test_gather(dev, vchan, 1, &status);
	assert_int_equal(status, expected);
}

static void
copy(uint16_t vchan, uint64_t src, uint64_t dst, uint32_t len, enum rte_dma_status_code expected)
{
	assert_true(rte_dma_copy(dev, vchan, src, dst, len, 0) >= 0);
	expect(vchan, expected);
}

/* Memory that is contiguous for the device only page by page, perhaps. */
static void
move_pages(uint16_t vchan, uint64_t offset, uint8_t *p, uint32_t len)
{
	for (uint32_t at = 0; at < len;) {
		uint32_t n = RTE_MIN(len - at, 4096 - (uint32_t)((uintptr_t)(p + at) & 4095));

		if (vchan == M2D)
			copy(M2D, iova(p + at), offset + at, n, RTE_DMA_STATUS_SUCCESSFUL);
		else
			copy(D2M, offset + at, iova(p + at), n, RTE_DMA_STATUS_SUCCESSFUL);
		at += n;
	}
}

static void
the_device_keeps_what_it_is_given(void **state)
{
	(void)state;
	move_pages(M2D, 0, mem, WINDOW);
	memset(mem + WINDOW / 2, 0, WINDOW / 2);
	move_pages(D2M, 0, back, WINDOW);
	for (unsigned int i = 0; i < WINDOW; i++)
		assert_int_equal(back[i], (uint8_t)(i * 13 + i / 256 + 1));
}

static void
a_new_device_is_zero(void **state)
{
	(void)state;
	memset(back, 1, WINDOW);
	move_pages(D2M, 0, back, WINDOW);
	for (unsigned int i = 0; i < WINDOW; i++)
		assert_int_equal(back[i], 0);
}

static void
within_the_device(void **state)
{
	(void)state;
	move_pages(M2D, 100, mem, 5000);
	copy(D2D, 100, 40001, 5000, RTE_DMA_STATUS_SUCCESSFUL);
	move_pages(D2M, 40001, back, 5000);
	assert_memory_equal(back, mem, 5000);
}

static void
fills_go_to_the_destination(void **state)
{
	const uint64_t pattern = UINT64_C(0x1122334455667788);

	(void)state;
	for (unsigned int v = 0; v < DIRECTIONS; v++) {
		const uint64_t at = v * 1000 + 3;
		const bool to_device = v == M2D || v == D2D;

		memset(back, 0, 4096);
		assert_true(rte_dma_fill(dev, (uint16_t)v, pattern, to_device ? at : iova(back),
				    777, 0) >= 0);
		expect((uint16_t)v, RTE_DMA_STATUS_SUCCESSFUL);
		if (to_device)
			move_pages(D2M, at, back, 778);
		for (unsigned int i = 0; i < 777; i++)
			assert_int_equal(back[i], ((const uint8_t *)&pattern)[i % 8]);
		assert_int_equal(back[777], 0);
	}
}

static void
lists_on_either_side(void **state)
{
	struct rte_dma_sge in_window[3] = {{60000, 1000}, {0, 0}, {8, 500}};
	struct rte_dma_sge in_memory[2] = {{iova(mem), 300}, {iova(mem) + 300, 1200}};
	struct rte_dma_sge again[2] = {{iova(back), 1499}, {iova(back) + 1499, 1}};
	struct rte_dma_sge elsewhere = {20000, 1500};

	(void)state;
	assert_true(rte_dma_copy_sg(dev, M2D, in_memory, in_window, 2, 3, 0) >= 0);
	expect(M2D, RTE_DMA_STATUS_SUCCESSFUL);
	copy(D2M, 8, iova(back), 500, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(back, mem + 1000, 500);
	assert_true(rte_dma_copy_sg(dev, D2D, in_window, &elsewhere, 3, 1, 0) >= 0);
	expect(D2D, RTE_DMA_STATUS_SUCCESSFUL);
	assert_true(rte_dma_copy_sg(dev, D2M, &elsewhere, again, 1, 2, 0) >= 0);
	expect(D2M, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(back, mem, 1500);
}

static void
nothing_is_beyond_the_window(void **state)
{
	/* the first address beyond, over the edge, and addresses that are good elsewhere */
	const struct {
		uint64_t at;
		uint32_t len;
	} bad[] = {{WINDOW, 1}, {WINDOW - 1, 2}, {0, WINDOW + 1}, {UINT64_MAX - 9000, 64},
		{iova(mem), 64}};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		struct rte_dma_sge list[2] = {{0, 10}, {bad[i].at, bad[i].len}};
		struct rte_dma_sge good = {iova(back), 10 + bad[i].len};

		if (bad[i].len > 4096) /* more than memory has in one piece */
			continue;
		copy(D2M, bad[i].at, iova(back), bad[i].len, RTE_DMA_STATUS_INVALID_SRC_ADDR);
		copy(M2D, iova(back), bad[i].at, bad[i].len, RTE_DMA_STATUS_INVALID_DST_ADDR);
		copy(D2D, bad[i].at, 0, bad[i].len, RTE_DMA_STATUS_INVALID_SRC_ADDR);
		copy(D2D, 0, bad[i].at, bad[i].len, RTE_DMA_STATUS_INVALID_DST_ADDR);
		assert_true(rte_dma_fill(dev, M2D, 1, bad[i].at, bad[i].len, 0) >= 0);
		expect(M2D, RTE_DMA_STATUS_INVALID_DST_ADDR);
		assert_true(rte_dma_copy_sg(dev, D2M, list, &good, 2, 1, 0) >= 0);
		expect(D2M, RTE_DMA_STATUS_INVALID_SRC_ADDR);
		assert_true(rte_dma_copy_sg(dev, M2D, &good, list, 1, 2, 0) >= 0);
		expect(M2D, RTE_DMA_STATUS_INVALID_DST_ADDR);
	}
	copy(D2D, UINT64_MAX - 10, 0, 12, RTE_DMA_STATUS_INVALID_LENGTH);
	/* the last byte, and all of it at once */
	copy(D2M, WINDOW - 1, iova(back), 1, RTE_DMA_STATUS_SUCCESSFUL);
	copy(D2D, 0, 0, WINDOW, RTE_DMA_STATUS_SUCCESSFUL);
}

static void
the_memory_side_is_still_checked(void **state)
{
	(void)state;
	copy(M2D, 8, 0, 64, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	copy(D2M, 0, 8, 64, RTE_DMA_STATUS_INVALID_DST_ADDR);
	copy(M2M, 0, iova(back), 64, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	copy(M2M, iova(mem), iova(back), 4096, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(mem, back, 4096);
}

/* Many at a time, with the bad among the good, and fences that see them. */
static void
bursts_keep_their_statuses(void **state)
{
	enum rte_dma_status_code status[DESCS];

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		const unsigned int bad = round % (DESCS - 2);

		for (unsigned int i = 0; i < DESCS; i++)
			assert_int_equal(rte_dma_copy(dev, M2D, iova(mem) + i * 64,
						 i == bad ? WINDOW : i * 1000, 64,
						 i == bad + 2 ? RTE_DMA_OP_FLAG_FENCE : 0),
				(uint16_t)(round * DESCS + i));
		assert_int_equal(rte_dma_submit(dev, M2D), 0);
		test_gather(dev, M2D, DESCS, status);
		for (unsigned int i = 0; i < DESCS; i++)
			assert_int_equal(status[i],
				i == bad	      ? RTE_DMA_STATUS_INVALID_DST_ADDR
					: i > bad + 1 ? RTE_DMA_STATUS_NOT_ATTEMPTED
						      : RTE_DMA_STATUS_SUCCESSFUL);
	}
}

/* ---- setting up --------------------------------------------------------------------------- */

static int
setup_ports(enum rte_dma_direction direction, struct rte_dma_port_param src,
	struct rte_dma_port_param dst)
{
	const struct rte_dma_vchan_conf conf = {
		.direction = direction, .nb_desc = DESCS, .src_port = src, .dst_port = dst};

	return rte_dma_vchan_setup(dev, 0, &conf);
}

static void
ports_are_checked(void **state)
{
	const struct rte_dma_port_param none = {.port_type = RTE_DMA_PORT_NONE};
	const struct rte_dma_port_param pcie = {.port_type = RTE_DMA_PORT_PCIE};
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	struct rte_dma_port_param p;

	(void)state;
	assert_int_equal(rte_dma_stop(dev), 0);
	assert_int_equal(rte_dma_configure(dev, &conf), 0);
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_MEM, pcie, none), 0);
	assert_int_equal(setup_ports(RTE_DMA_DIR_MEM_TO_DEV, none, pcie), 0);
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_DEV, pcie, pcie), 0);
	assert_int_equal(setup_ports(RTE_DMA_DIR_MEM_TO_MEM, none, none), 0);

	p = pcie, p.pcie.coreid = 3, p.pcie.pfid = 15, p.pcie.vfen = 1, p.pcie.vfid = 255;
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_MEM, p, none), 0);
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_DEV, pcie, p), 0);

	p = pcie, p.port_type = (enum rte_dma_port_type)7;
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_MEM, p, none), -EINVAL);
	p = pcie, p.pcie.coreid = 4;
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_MEM, p, none), -EINVAL);
	assert_int_equal(setup_ports(RTE_DMA_DIR_MEM_TO_DEV, none, p), -EINVAL);
	p = pcie, p.pcie.pfid = 16;
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_DEV, pcie, p), -EINVAL);
	p = pcie, p.pcie.vfid = 1; /* without vfen */
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_DEV, p, pcie), -EINVAL);
	p = pcie, p.pcie.vfen = 1, p.pcie.vfid = 256;
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_DEV, p, pcie), -EINVAL);
	p = pcie, p.reserved[1] = 1;
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_DEV, p, pcie), -EINVAL);
	/* by the dmadev library */
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_MEM, none, none), -EINVAL);
	assert_int_equal(setup_ports(RTE_DMA_DIR_MEM_TO_MEM, pcie, none), -EINVAL);

	/* what was refused is not set up */
	assert_int_equal(rte_dma_start(dev), -EINVAL);
	assert_int_equal(setup_ports(RTE_DMA_DIR_DEV_TO_MEM, pcie, none), 0);
	assert_int_equal(rte_dma_start(dev), 0);
}

static void
directions_need_a_window(void **state)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const uint64_t all =
		RTE_DMA_CAPA_MEM_TO_DEV | RTE_DMA_CAPA_DEV_TO_MEM | RTE_DMA_CAPA_DEV_TO_DEV;
	struct rte_dma_info info;

	(void)state;
	assert_int_equal(rte_dma_info_get(dev, &info), 0);
	assert_int_equal(info.dev_capa & all, all);
	assert_true(info.dev_capa & RTE_DMA_CAPA_MEM_TO_MEM);
	test_close(dev);

	dev = test_plug_with(test_args());
	assert_int_equal(rte_dma_info_get(dev, &info), 0);
	assert_int_equal(info.dev_capa & all, 0);
	assert_int_equal(rte_dma_configure(dev, &conf), 0);
	for (unsigned int v = M2D; v <= D2D; v++)
		assert_int_equal(test_setup_direction(dev, 0, DESCS, directions[v]), -EINVAL);
}

#define WITH_DEVICE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
	WITH_DEVICE(a_new_device_is_zero),
	WITH_DEVICE(the_device_keeps_what_it_is_given),
	WITH_DEVICE(within_the_device),
	WITH_DEVICE(fills_go_to_the_destination),
	WITH_DEVICE(lists_on_either_side),
	WITH_DEVICE(nothing_is_beyond_the_window),
	WITH_DEVICE(the_memory_side_is_still_checked),
	WITH_DEVICE(bursts_keep_their_statuses),
	WITH_DEVICE(ports_are_checked),
	WITH_DEVICE(directions_need_a_window),
};

TEST_MAIN(tests)
