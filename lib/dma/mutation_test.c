/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_malloc.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_sg.h"
#include "dad_dma_soft.h"
#include "eal_test.h"

/* A small driver, and the same driver with one mistake each. On a coherent machine most of them
 * work by luck; bounced, and with caches that are not coherent, none does. */

#define SIZE   3000u
#define ROUNDS 4u

enum mutation {
	CORRECT,
	TX_WITHOUT_SYNC,
	TX_SYNC_BEFORE_THE_WRITE,
	TX_SYNC_OF_A_PART,
	TX_SYNC_FOR_THE_OTHER_SIDE,
	TX_SYNC_IN_THE_WRONG_DIRECTION,
	TX_FILLED_AFTER_THE_MAP,
	RX_WITHOUT_SYNC,
	RX_SYNC_OF_A_PART,
	RX_SYNC_FOR_THE_OTHER_SIDE,
	RX_READ_BEFORE_THE_UNMAP,
	RX_UNMAP_IN_THE_WRONG_DIRECTION,
	RX_MAP_IN_THE_WRONG_DIRECTION,
	RX_UNMAP_SKIPS_THE_SYNC,
	BOTH_WITHOUT_SYNC_FOR_CPU,
	BOTH_WITHOUT_SYNC_FOR_DEVICE,
	LIST_WITHOUT_SYNC_FOR_CPU,
	LIST_WITHOUT_SYNC_FOR_DEVICE,
	MUTATIONS
};

static unsigned char *memory;

static void
fill(unsigned char *p, unsigned int salt)
{
	for (unsigned int i = 0; i < SIZE; i++)
		p[i] = (unsigned char)(i * 7 + salt * 31 + 1);
}

static bool
is_filled(const unsigned char *p, unsigned int salt)
{
	for (unsigned int i = 0; i < SIZE; i++)
		if (p[i] != (unsigned char)(i * 7 + salt * 31 + 1))
			return false;
	return true;
}

/* What the device does: it takes a packet, or brings one. */
static bool
device_takes(struct dad_dma_dev *dev, dad_dma_addr_t addr, unsigned int salt)
{
	unsigned char got[SIZE];

	return dad_soft_dma_read(dev, addr, got, SIZE) == 0 && is_filled(got, salt);
}

static bool
device_brings(struct dad_dma_dev *dev, dad_dma_addr_t addr, unsigned int salt)
{
	unsigned char packet[SIZE];

	fill(packet, salt);
	return dad_soft_dma_write(dev, addr, packet, SIZE) == 0;
}

/* One buffer, sent again and again. */
static bool
send_reused(struct dad_dma_dev *dev, enum mutation m)
{
	bool ok = true;

	memset(memory, 0, SIZE);
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, SIZE, DAD_DMA_TO_DEVICE);
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		dad_dma_sync_single_for_cpu(dev, a, SIZE, DAD_DMA_TO_DEVICE);
		if (m == TX_SYNC_BEFORE_THE_WRITE)
			dad_dma_sync_single_for_device(dev, a, SIZE, DAD_DMA_TO_DEVICE);
		fill(memory, round);
		if (m == TX_SYNC_OF_A_PART)
			dad_dma_sync_single_for_device(dev, a, SIZE - 1, DAD_DMA_TO_DEVICE);
		else if (m == TX_SYNC_FOR_THE_OTHER_SIDE)
			dad_dma_sync_single_for_cpu(dev, a, SIZE, DAD_DMA_TO_DEVICE);
		else if (m == TX_SYNC_IN_THE_WRONG_DIRECTION)
			dad_dma_sync_single_for_device(dev, a, SIZE, DAD_DMA_FROM_DEVICE);
		else if (m != TX_WITHOUT_SYNC && m != TX_SYNC_BEFORE_THE_WRITE)
			dad_dma_sync_single_for_device(dev, a, SIZE, DAD_DMA_TO_DEVICE);
		ok &= device_takes(dev, a, round);
	}
	dad_dma_unmap_single(dev, a, SIZE, DAD_DMA_TO_DEVICE);
	return ok;
}

/* A buffer mapped for one transfer. */
static bool
send_once(struct dad_dma_dev *dev, enum mutation m)
{
	memset(memory, 0, SIZE);
	if (m != TX_FILLED_AFTER_THE_MAP)
		fill(memory, 9);
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, SIZE, DAD_DMA_TO_DEVICE);
	if (m == TX_FILLED_AFTER_THE_MAP)
		fill(memory, 9);
	bool ok = device_takes(dev, a, 9);
	dad_dma_unmap_single(dev, a, SIZE, DAD_DMA_TO_DEVICE);
	return ok;
}

static bool
receive_reused(struct dad_dma_dev *dev, enum mutation m)
{
	bool ok = true;

	memset(memory, 0, SIZE);
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, SIZE, DAD_DMA_FROM_DEVICE);
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		ok &= device_brings(dev, a, round);
		if (m == RX_SYNC_OF_A_PART)
			dad_dma_sync_single_for_cpu(dev, a + 1, SIZE - 1, DAD_DMA_FROM_DEVICE);
		else if (m == RX_SYNC_FOR_THE_OTHER_SIDE)
			dad_dma_sync_single_for_device(dev, a, SIZE, DAD_DMA_FROM_DEVICE);
		else if (m != RX_WITHOUT_SYNC)
			dad_dma_sync_single_for_cpu(dev, a, SIZE, DAD_DMA_FROM_DEVICE);
		ok &= is_filled(memory, round);
		dad_dma_sync_single_for_device(dev, a, SIZE, DAD_DMA_FROM_DEVICE);
	}
	dad_dma_unmap_single(dev, a, SIZE, DAD_DMA_FROM_DEVICE);
	return ok;
}

static bool
receive_once(struct dad_dma_dev *dev, enum mutation m)
{
	enum dad_dma_dir map_dir =
		m == RX_MAP_IN_THE_WRONG_DIRECTION ? DAD_DMA_TO_DEVICE : DAD_DMA_FROM_DEVICE;
	enum dad_dma_dir unmap_dir =
		m == RX_UNMAP_IN_THE_WRONG_DIRECTION ? DAD_DMA_TO_DEVICE : map_dir;
	unsigned int attrs = m == RX_UNMAP_SKIPS_THE_SYNC ? DAD_DMA_ATTR_SKIP_CPU_SYNC : 0;

	memset(memory, 0, SIZE);
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, SIZE, map_dir);
	bool ok = device_brings(dev, a, 5);
	if (m == RX_READ_BEFORE_THE_UNMAP)
		ok &= is_filled(memory, 5);
	dad_dma_unmap_single_attrs(dev, a, SIZE, unmap_dir, attrs);
	return ok && is_filled(memory, 5);
}

/* The device changes what the CPU wrote, and the CPU that again. */
static bool
both_ways(struct dad_dma_dev *dev, enum mutation m)
{
	bool ok = true;

	fill(memory, 1);
	dad_dma_addr_t a = dad_dma_map_single(dev, memory, SIZE, DAD_DMA_BIDIRECTIONAL);
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		ok &= device_takes(dev, a, round);
		ok &= device_brings(dev, a, round + 100);
		if (m != BOTH_WITHOUT_SYNC_FOR_CPU)
			dad_dma_sync_single_for_cpu(dev, a, SIZE, DAD_DMA_BIDIRECTIONAL);
		ok &= is_filled(memory, round + 100);
		fill(memory, round + 1);
		if (m != BOTH_WITHOUT_SYNC_FOR_DEVICE)
			dad_dma_sync_single_for_device(dev, a, SIZE, DAD_DMA_BIDIRECTIONAL);
	}
	ok &= device_takes(dev, a, ROUNDS + 1);
	dad_dma_unmap_single(dev, a, SIZE, DAD_DMA_BIDIRECTIONAL);
	return ok;
}

static bool
by_list(struct dad_dma_dev *dev, enum mutation m)
{
	struct dad_sg sg[2] = {
		{.va = memory, .length = SIZE}, {.va = memory + 8192, .length = SIZE}};
	bool ok = true;

	fill(memory, 1);
	fill(memory + 8192, 2);
	if (dad_dma_map_sg(dev, sg, 2, DAD_DMA_BIDIRECTIONAL) != 2)
		return false;
	ok &= device_takes(dev, sg[1].dma_address, 2);
	ok &= device_brings(dev, sg[1].dma_address, 3);
	if (m != LIST_WITHOUT_SYNC_FOR_CPU)
		dad_dma_sync_sg_for_cpu(dev, sg, 2, DAD_DMA_BIDIRECTIONAL);
	ok &= is_filled(memory + 8192, 3);
	fill(memory, 4);
	if (m != LIST_WITHOUT_SYNC_FOR_DEVICE)
		dad_dma_sync_sg_for_device(dev, sg, 2, DAD_DMA_BIDIRECTIONAL);
	ok &= device_takes(dev, sg[0].dma_address, 4);
	dad_dma_unmap_sg(dev, sg, 2, DAD_DMA_BIDIRECTIONAL);
	return ok;
}

/* Does the whole driver work? */
static bool
drive(struct dad_dma_dev *dev, enum mutation m)
{
	bool ok = send_reused(dev, m);

	ok &= send_once(dev, m);
	ok &= receive_reused(dev, m);
	ok &= receive_once(dev, m);
	ok &= both_ways(dev, m);
	ok &= by_list(dev, m);
	return ok;
}

static unsigned int
caught(unsigned int flags, unsigned int rungs, uint64_t mask)
{
	struct dad_dma_domain_conf conf = {.name = "mutants",
		.type = DAD_DMA_DOMAIN_SOFT,
		.flags = flags,
		.socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};
	unsigned int n = 0;

	assert_non_null(domain);
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	struct dad_dma_dev *dev = dad_dma_dev_create("driver", domain, SOCKET_ID_ANY);
	assert_int_equal(dad_dma_dev_set_rungs(dev, rungs), 0);
	assert_int_equal(dad_dma_set_mask(dev, mask), 0);
	assert_true(drive(dev, CORRECT));
	for (enum mutation m = CORRECT + 1; m < MUTATIONS; m++)
		n += !drive(dev, m);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
	return n;
}

static void
forced_bounce_catches_every_mistake(void **state)
{
	(void)state;
	/* slots can be written whatever the direction: that one mistake shows in what comes back */
	assert_int_equal(
		caught(0, DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE), UINT32_MAX), MUTATIONS - 1);
}

static void
emulated_caches_catch_every_mistake(void **state)
{
	(void)state;
	assert_int_equal(
		caught(DAD_DMA_DOMAIN_NONCOHERENT, DAD_DMA_RUNGS_ALL, UINT64_MAX), MUTATIONS - 1);
}

/* Why the two are needed. */
static void
a_coherent_machine_catches_none(void **state)
{
	(void)state;
	assert_int_equal(caught(0, DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_DIRECT), UINT64_MAX), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forced_bounce_catches_every_mistake),
		cmocka_unit_test(emulated_caches_catch_every_mistake),
		cmocka_unit_test(a_coherent_machine_catches_none),
	};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	memory = rte_malloc(NULL, 4 * 4096, 4096);
	if (memory == NULL)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_free(memory);
	rte_eal_cleanup();
	return ret;
}
