/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "test_lists.h"

/* Lists that are made of iovecs and of chains of mbufs: in both directions, and what is refused. */

#define MAX 32u

static struct dad_sg sg[MAX];
static struct dad_sg_table table = {.sg = sg, .max = MAX};

/* A mapped table of size bytes: the device finds them, and what it writes comes back. */
static void
transfer(size_t size, enum dad_dma_dir dir)
{
	size_t all = 0;

	assert_in_range(table.segments, 1, table.entries);
	for (unsigned int i = 0; i < table.entries; i++)
		all += sg[i].length;
	assert_int_equal(all, size);
	gather(sg, table.entries, data);
	if (dir != DAD_DMA_FROM_DEVICE)
		assert_device_sees(sg, table.segments, data, size);
	if (dir != DAD_DMA_TO_DEVICE) {
		random_fill(data, size);
		device_moves(sg, table.segments, data, true);
	}
	dad_dma_unmap_sg(dev, sg, table.entries, dir);
	assert_cpu_sees(sg, table.entries, data, size);
}

static void
assert_refused(int ret, int wanted)
{
	struct dad_dma_domain_info info;

	assert_int_equal(ret, wanted);
	assert_int_equal(table.segments, 0);
	dad_dma_domain_info(domain, &info);
	assert_int_equal(info.strict_maps, 0);
}

/* ---- iovecs -----------------------------------------------------------------------------------
 */

/* Some of them empty, some longer than a segment. Returns their bytes, not 0. */
static size_t
make_iovec(struct iovec iov[4])
{
	size_t all = 1;

	for (unsigned int i = 0; i < 4; i++) {
		size_t len = i == 0 ? 1 : below(3) * below(80u << 10);

		iov[i] = (struct iovec){
			.iov_base = eal_pool + i * (POOL / 4) + below(PAGE), .iov_len = len};
		all += i == 0 ? 0 : len;
	}
	return all;
}

static void
iovecs_go_both_ways(void **state)
{
	struct iovec iov[4];

	(void)state;
	for (unsigned int w = 0; w < RTE_DIM(ways); w++) {
		make(&ways[w], true);
		for (unsigned int round = 0; round < 150; round++) {
			enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
			size_t size = make_iovec(iov);

			assert_int_equal(dad_dma_map_iovec(dev, iov, 4, &table, dir, 0), 0);
			transfer(size, dir);
		}
		unmake();
	}
}

/* All rungs but bounce, and a mask of 32 bits: what EAL has gets windows. */
static void
make_narrow(void)
{
	const struct way all = {.rungs = DAD_DMA_RUNGS_ALL};

	make(&all, false);
	assert_int_equal(dad_dma_set_mask(dev, UINT32_MAX), 0);
}

static void
long_pieces_become_several_entries(void **state)
{
	struct iovec iov[4] = {
		{libc_pool, 100}, {NULL, 0}, {libc_pool + PAGE, 200u << 10}, {eal_pool, 1}};

	(void)state;
	make_narrow();
	assert_int_equal(dad_dma_map_iovec(dev, iov, 4, &table, DAD_DMA_TO_DEVICE, 0), 0);
	assert_int_equal(table.entries, 6); /* 200 KiB are four */
	transfer(100 + (200u << 10) + 1, DAD_DMA_TO_DEVICE);
	table.max = 5;
	assert_int_equal(dad_dma_map_iovec(dev, iov, 4, &table, DAD_DMA_TO_DEVICE, 0), -ENOBUFS);
	assert_int_equal(dad_dma_map_iovec(dev, iov + 1, 1, &table, DAD_DMA_TO_DEVICE, 0), -EINVAL);
	table.max = MAX;
	unmake();
}

/* Attributes are those of the list. */
static void
iovecs_may_be_forced_into_slots(void **state)
{
	const struct way all = {.rungs = DAD_DMA_RUNGS_ALL};
	struct iovec iov[4];

	(void)state;
	make(&all, true);
	size_t size = make_iovec(iov);
	assert_int_equal(dad_dma_map_iovec(dev, iov, 4, &table, DAD_DMA_BIDIRECTIONAL,
				 DAD_DMA_ATTR_FORCE_BOUNCE),
		0);
	for (unsigned int i = 0; i < table.segments; i++)
		assert_true(dad_dma_is_bounced(dev, sg[i].dma_address));
	transfer(size, DAD_DMA_BIDIRECTIONAL);
	unmake();
}

static void
wrong_iovecs_are_refused_and_leave_nothing(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < RTE_DIM(ways); w++) {
		struct iovec iov[3] = {{eal_pool, 100}, {eal_pool + PAGE, 100}, {eal_pool, 100}};

		make(&ways[w], true);
		assert_refused(dad_dma_map_iovec(dev, iov, 3, &table, DAD_DMA_NONE, 0), -EINVAL);
		assert_refused(
			dad_dma_map_iovec(dev, iov, 0, &table, DAD_DMA_TO_DEVICE, 0), -EINVAL);
		iov[2].iov_base = (void *)(UINT64_C(1) << 47);
		assert_refused(
			dad_dma_map_iovec(dev, iov, 3, &table, DAD_DMA_TO_DEVICE, 0), -EFAULT);
		table.max = 2;
		assert_refused(
			dad_dma_map_iovec(dev, iov, 3, &table, DAD_DMA_TO_DEVICE, 0), -ENOBUFS);
		assert_int_equal(dad_dma_map_iovec(dev, iov, 2, &table, DAD_DMA_TO_DEVICE, 0), 0);
		transfer(200, DAD_DMA_TO_DEVICE);
		table.max = MAX;
		unmake();
	}
}

/* ---- mbufs ------------------------------------------------------------------------------------
 */

static void
no_free(void *addr, void *arg)
{
	(void)addr;
	(void)arg;
}

/* A chain of a plain mbuf, one whose data lie elsewhere, an empty one and a clone. */
static struct rte_mbuf *
make_chain(struct rte_mempool *mp, void *elsewhere, size_t *size)
{
	static struct rte_mbuf_ext_shared_info shared = {.free_cb = no_free};
	struct rte_mbuf *m[4];

	for (unsigned int i = 0; i < 4; i++) {
		m[i] = rte_pktmbuf_alloc(mp);
		assert_non_null(m[i]);
	}
	rte_mbuf_ext_refcnt_set(&shared, 1);
	rte_pktmbuf_attach_extbuf(m[1], elsewhere, 0, 3 * PAGE, &shared);
	assert_non_null(rte_pktmbuf_append(m[0], (uint16_t)(1 + below(1500))));
	assert_non_null(rte_pktmbuf_append(m[1], (uint16_t)(1 + below(2 * PAGE))));
	assert_non_null(rte_pktmbuf_append(m[3], (uint16_t)(1 + below(1500))));
	struct rte_mbuf *clone = rte_pktmbuf_clone(m[3], mp);
	assert_non_null(clone);
	rte_pktmbuf_free(m[3]); /* the clone has its data */
	m[3] = clone;
	for (unsigned int i = 1; i < 4; i++)
		assert_int_equal(rte_pktmbuf_chain(m[0], m[i]), 0);
	for (struct rte_mbuf *s = m[0]; s != NULL; s = s->next)
		random_fill(rte_pktmbuf_mtod(s, unsigned char *), s->data_len);
	*size = m[0]->pkt_len;
	return m[0];
}

static void
mbufs_go_both_ways(void **state)
{
	struct rte_mempool *mp = rte_pktmbuf_pool_create("iovec", 64, 0, 0, 2048, SOCKET_ID_ANY);
	unsigned char *elsewhere = malloc(3 * PAGE);

	(void)state;
	assert_non_null(mp);
	assert_non_null(elsewhere);
	for (unsigned int w = 0; w < RTE_DIM(ways); w++) {
		make(&ways[w], true);
		for (unsigned int round = 0; round < 150; round++) {
			enum dad_dma_dir dir = (enum dad_dma_dir)below(3);
			size_t size;
			struct rte_mbuf *m = make_chain(mp, elsewhere, &size);

			assert_int_equal(dad_dma_map_mbuf(dev, m, &table, dir, 0), 0);
			assert_int_equal(table.entries, 3);
			transfer(size, dir);
			/* in the order of the chain */
			assert_int_equal(size, m->pkt_len);
			const unsigned char *flat = rte_pktmbuf_read(m, 0, m->pkt_len, got);
			assert_memory_equal(flat, data, size);
			rte_pktmbuf_free(m);
		}
		unmake();
	}
	assert_int_equal(rte_mempool_avail_count(mp), 64);
	free(elsewhere);
	rte_mempool_free(mp);
}

static void
narrow_devices_reach_each_mbuf_of_a_chain(void **state)
{
	struct rte_mempool *mp = rte_pktmbuf_pool_create("narrow", 64, 0, 0, 2048, SOCKET_ID_ANY);
	static struct rte_mbuf_ext_shared_info shared = {.free_cb = no_free};

	(void)state;
	make_narrow();
	assert_non_null(mp);
	struct rte_mbuf *head = rte_pktmbuf_alloc(mp), *tail = rte_pktmbuf_alloc(mp);
	struct rte_mbuf *outside = rte_pktmbuf_alloc(mp);
	assert_non_null(head);
	assert_non_null(tail);
	assert_non_null(outside);
	memset(rte_pktmbuf_append(head, 1500), 'a', 1500);
	memset(rte_pktmbuf_append(tail, 700), 'b', 700);
	rte_mbuf_ext_refcnt_set(&shared, 1);
	rte_pktmbuf_attach_extbuf(outside, libc_pool, 0, 9000, &shared);
	memset(rte_pktmbuf_append(outside, 8000), 'c', 8000);
	struct rte_mbuf *clone = rte_pktmbuf_clone(tail, mp);
	assert_int_equal(rte_pktmbuf_chain(head, outside), 0);
	assert_int_equal(rte_pktmbuf_chain(head, clone), 0);
	assert_int_equal(dad_dma_map_mbuf(dev, head, &table, DAD_DMA_TO_DEVICE, 0), 0);
	assert_int_equal(table.entries, 3);
	transfer(1500 + 8000 + 700, DAD_DMA_TO_DEVICE);
	rte_pktmbuf_free(head);
	rte_pktmbuf_free(tail);
	assert_int_equal(rte_mempool_avail_count(mp), 64);
	rte_mempool_free(mp);
	unmake();
}

static void
wrong_chains_are_refused_and_leave_nothing(void **state)
{
	const struct way in_place = {.rungs = RUNG(WINDOW)};
	struct rte_mempool *mp = rte_pktmbuf_pool_create("iovec", 64, 0, 0, 2048, SOCKET_ID_ANY);
	unsigned char *elsewhere = malloc(3 * PAGE);
	size_t size;

	(void)state;
	assert_non_null(mp);
	assert_non_null(elsewhere);
	struct rte_mbuf *m = make_chain(mp, elsewhere, &size);
	make(&in_place, false);
	/* the second one cannot be mapped in place */
	assert_refused(dad_dma_map_mbuf(dev, m, &table, DAD_DMA_FROM_DEVICE, 0), -EFAULT);
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNGS_ALL), 0);
	assert_refused(dad_dma_map_mbuf(dev, NULL, &table, DAD_DMA_FROM_DEVICE, 0), -EINVAL);
	assert_refused(dad_dma_map_mbuf(dev, m, &table, DAD_DMA_NONE, 0), -EINVAL);
	table.max = 2;
	assert_refused(dad_dma_map_mbuf(dev, m, &table, DAD_DMA_FROM_DEVICE, 0), -ENOBUFS);
	table.max = MAX;
	assert_int_equal(dad_dma_map_mbuf(dev, m, &table, DAD_DMA_FROM_DEVICE, 0), 0);
	transfer(size, DAD_DMA_FROM_DEVICE);
	unmake();
	rte_pktmbuf_free(m);
	free(elsewhere);
	rte_mempool_free(mp);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(iovecs_go_both_ways),
	cmocka_unit_test(long_pieces_become_several_entries),
	cmocka_unit_test(iovecs_may_be_forced_into_slots),
	cmocka_unit_test(wrong_iovecs_are_refused_and_leave_nothing),
	cmocka_unit_test(mbufs_go_both_ways),
	cmocka_unit_test(narrow_devices_reach_each_mbuf_of_a_chain),
	cmocka_unit_test(wrong_chains_are_refused_and_leave_nothing),
};

LISTS_MAIN(tests)
