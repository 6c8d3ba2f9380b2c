/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_CALLS_H
#define TEST_CALLS_H

/* Calls of the library that can fail, one by one, and how each is undone. */

#include "test_backend.h"

#include "dad_dma_pool.h"

#define PA   UINT64_C(0x7000000000) /* of no memory */
#define MANY 40u

/* What a call works with, in a domain made for it. */
static struct {
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev;
	struct dad_dma_pool *pool;
	bool identity;
} it;

/* What the call made, for the one that undoes it. */
static struct {
	void *va[MANY];
	dad_dma_addr_t addr[MANY];
	struct dad_sg sg[4];
	struct dad_dma_iova_state range;
	struct dad_dma_domain *domain;
	struct dad_dma_dev *dev;
	struct dad_dma_pool *pool;
} made;

/* ---- the calls: 0, or the errno they failed with ----------------------------------------------
 */

static int
on_rung(enum dad_dma_rung rung)
{
	return dad_dma_dev_set_rungs(it.dev, DAD_DMA_RUNG_BIT(rung)) == 0;
}

static int
alloc_of(size_t size)
{
	made.va[0] = dad_dma_alloc_coherent(it.dev, size, &made.addr[0]);
	return made.va[0] == NULL ? rte_errno : 0;
}

static int
alloc_page(void)
{
	return alloc_of(PAGE);
}

static void
free_page(void)
{
	dad_dma_free_coherent(it.dev, PAGE, made.va[0], made.addr[0]);
}

static int
alloc_unit(void)
{
	return alloc_of(UNIT);
}

static void
free_unit(void)
{
	dad_dma_free_coherent(it.dev, UNIT, made.va[0], made.addr[0]);
}

static int
alloc_noncoherent(void)
{
	made.va[0] = dad_dma_alloc_noncoherent(
		it.dev, 3 * PAGE, 0, DAD_DMA_BIDIRECTIONAL, &made.addr[0]);
	return made.va[0] == NULL ? rte_errno : 0;
}

static void
free_noncoherent(void)
{
	dad_dma_free_noncoherent(it.dev, 3 * PAGE, DAD_DMA_BIDIRECTIONAL, made.va[0], made.addr[0]);
}

static int
pool_create(void)
{
	made.pool = dad_dma_pool_create("made", it.dev, 100, 64, 0);
	return made.pool == NULL ? rte_errno : 0;
}

static void
pool_destroy(void)
{
	assert_int_equal(dad_dma_pool_destroy(made.pool), 0);
}

/* More than a slab has. */
static int
pool_alloc(void)
{
	return -dad_dma_pool_alloc_bulk(it.pool, 0, made.va, made.addr, MANY);
}

static void
pool_free(void)
{
	assert_int_equal(dad_dma_pool_free_bulk(it.pool, made.va, made.addr, MANY), 0);
}

static int
mem_register(void)
{
	const dad_dma_addr_t iovas[] = {PA, PA + 5 * PAGE, PA + 3 * PAGE};

	return it.identity ? -dad_dma_mem_register(it.domain, unit, 3 * PAGE, iovas, 3, PAGE)
			   : -dad_dma_mem_register(it.domain, unit, 3 * PAGE, NULL, 0, PAGE);
}

static void
mem_unregister(void)
{
	assert_int_equal(dad_dma_mem_unregister(it.domain, unit, 3 * PAGE), 0);
}

static int
bar_register(void)
{
	return -dad_dma_bar_register(it.domain, unit, 4 * PAGE, PA);
}

static void
bar_unregister(void)
{
	assert_int_equal(dad_dma_mem_unregister(it.domain, unit, 4 * PAGE), 0);
}

static int
map_resource(void)
{
	made.addr[0] = dad_dma_map_resource(it.dev, PA + UNIT + 100, PAGE, DAD_DMA_FROM_DEVICE);
	return made.addr[0] == DAD_DMA_MAPPING_ERROR ? rte_errno : 0;
}

static void
unmap_resource(void)
{
	dad_dma_unmap_resource(it.dev, made.addr[0], PAGE, DAD_DMA_FROM_DEVICE);
}

static int
slots_create(void)
{
	const struct dad_dma_bounce_conf conf = {.size = 4u << 20, .limit = UINT64_MAX >> 1};

	return -dad_dma_bounce_create(it.domain, &conf);
}

/* They go with what they belong to. */
static void
nothing_to_undo(void)
{
}

static int
own_slots_create(void)
{
	const struct dad_dma_bounce_conf conf = {
		.size = 64u << 10, .limit = UINT64_MAX >> 1, .dev = it.dev};

	return -dad_dma_bounce_create(it.domain, &conf);
}

static int
dev_create(void)
{
	made.dev = dad_dma_dev_create("made", it.domain, SOCKET_ID_ANY);
	return made.dev == NULL ? rte_errno : 0;
}

static void
dev_destroy(void)
{
	assert_int_equal(dad_dma_dev_destroy(made.dev), 0);
}

static void
left(void *arg, const void *va, size_t len)
{
	(void)arg;
	(void)va;
	(void)len;
}

static int
watch(void)
{
	return -dad_dma_domain_watch(it.domain, left, NULL);
}

static void
unwatch(void)
{
	dad_dma_domain_unwatch(it.domain, left, NULL);
}

/* The middle one is no memory of EAL. */
static int
map_burst(void)
{
	void *const va[] = {heap, unit + 8 * PAGE + 10, heap + PAGE};
	const uint32_t size[] = {PAGE, 2 * PAGE, 100};
	unsigned int n;

	if (!on_rung(DAD_DMA_RUNG_STRICT))
		return 0;
	n = dad_dma_map_burst(it.dev, va, size, 3, DAD_DMA_TO_DEVICE, made.addr);
	int error = rte_errno;

	if (n < 3)
		dad_dma_unmap_burst(it.dev, made.addr, size, n, DAD_DMA_TO_DEVICE);
	return n < 3 ? error : 0;
}

static void
unmap_burst(void)
{
	const uint32_t size[] = {PAGE, 2 * PAGE, 100};

	if (on_rung(DAD_DMA_RUNG_STRICT))
		dad_dma_unmap_burst(it.dev, made.addr, size, 3, DAD_DMA_TO_DEVICE);
}

static int
map_by(enum dad_dma_rung rung, char *buffer)
{
	made.addr[0] = DAD_DMA_MAPPING_ERROR;
	if (!on_rung(rung))
		return 0;
	made.addr[0] = dad_dma_map_single(it.dev, buffer, 2 * PAGE, DAD_DMA_BIDIRECTIONAL);
	return made.addr[0] == DAD_DMA_MAPPING_ERROR ? rte_errno : 0;
}

static int
map_window(void)
{
	return map_by(DAD_DMA_RUNG_WINDOW, heap);
}

static int
map_bounced(void)
{
	return map_by(DAD_DMA_RUNG_BOUNCE, foreign + 5);
}

static void
unmap(void)
{
	if (made.addr[0] != DAD_DMA_MAPPING_ERROR)
		dad_dma_unmap_single(it.dev, made.addr[0], 2 * PAGE, DAD_DMA_BIDIRECTIONAL);
}

static int
map_list_by(enum dad_dma_rung rung)
{
	const struct iovec iov[] = {{heap, 100}, {foreign + 2 * PAGE, PAGE}, {foreign + PAGE, 1}};
	struct dad_sg_table table = {.sg = made.sg, .max = 4};

	made.sg[0].dma_length = 0;
	return on_rung(rung) ? -dad_dma_map_iovec(it.dev, iov, 3, &table, DAD_DMA_BIDIRECTIONAL, 0)
			     : 0;
}

static int
map_strict_list(void)
{
	return map_list_by(DAD_DMA_RUNG_STRICT);
}

static int
map_bounced_list(void)
{
	return map_list_by(DAD_DMA_RUNG_BOUNCE);
}

static void
unmap_iovec(void)
{
	if (made.sg[0].dma_length != 0)
		dad_dma_unmap_sg(it.dev, made.sg, 3, DAD_DMA_BIDIRECTIONAL);
}

static int
range_link(void)
{
	made.range.size = 0;
	if (!on_rung(DAD_DMA_RUNG_STRICT))
		return 0;
	if (!dad_dma_iova_try_alloc(it.dev, &made.range, heap, 3 * PAGE))
		return rte_errno;
	int error = -dad_dma_iova_link(
		it.dev, &made.range, heap + 2 * PAGE, PAGE, PAGE, DAD_DMA_TO_DEVICE, 0);

	if (error == 0) {
		error = -dad_dma_iova_sync(it.dev, &made.range, PAGE, PAGE);
		if (error != 0)
			dad_dma_iova_unlink(it.dev, &made.range, PAGE, PAGE, DAD_DMA_TO_DEVICE, 0);
	}
	if (error != 0)
		dad_dma_iova_free(it.dev, &made.range);
	return error;
}

static void
range_unlink(void)
{
	if (made.range.size == 0)
		return;
	dad_dma_iova_unlink(it.dev, &made.range, PAGE, PAGE, DAD_DMA_TO_DEVICE, 0);
	dad_dma_iova_free(it.dev, &made.range);
}

static int
domain_create(void)
{
	const struct dad_dma_domain_conf conf = {
		.name = "made", .type = DAD_DMA_DOMAIN_CUSTOM, .ops = &ops, .socket_id = -1};
	const unsigned int closed = backend.closed;

	/* both would map the same memory at the same IOVAs */
	if (!it.identity)
		return 0;
	made.domain = dad_dma_domain_create(&conf);
	int error = rte_errno;

	assert_int_equal(backend.closed, closed);
	return made.domain == NULL ? error : 0;
}

static void
domain_destroy(void)
{
	dad_dma_domain_put(made.domain);
	made.domain = NULL;
}

static const struct call {
	const char *name;
	int (*call)(void);
	void (*undo)(void);
	int passed_on; /* what the backend said, where it does not become EIO */
	bool slots;    /* needs a pool of them */
	bool stays;    /* a window, or slots, when it was undone */
} calls[] = {
	{"alloc_coherent", alloc_page, free_page, 0, false, false},
	{"alloc_coherent of a unit", alloc_unit, free_unit, 0, false, false},
	{"alloc_noncoherent", alloc_noncoherent, free_noncoherent, 0, false, true},
	{"pool_create", pool_create, pool_destroy, 0, false, false},
	{"pool_alloc_bulk", pool_alloc, pool_free, 0, false, false},
	{"mem_register", mem_register, mem_unregister, EPERM, false, false},
	{"bar_register", bar_register, bar_unregister, EPERM, false, false},
	{"map_resource", map_resource, unmap_resource, 0, false, true},
	{"bounce_create", slots_create, nothing_to_undo, 0, false, true},
	{"bounce_create of a device", own_slots_create, nothing_to_undo, 0, false, true},
	{"dev_create", dev_create, dev_destroy, 0, false, false},
	{"domain_watch", watch, unwatch, 0, false, false},
	{"map_single, window", map_window, unmap, 0, false, true},
	{"map_single, bounce", map_bounced, unmap, 0, true, false},
	{"map_burst", map_burst, unmap_burst, 0, false, false},
	{"map_iovec, strict", map_strict_list, unmap_iovec, 0, false, false},
	{"map_iovec, bounce", map_bounced_list, unmap_iovec, 0, true, false},
	{"iova_link", range_link, range_unlink, 0, false, false},
	{"domain_create", domain_create, domain_destroy, EPERM, false, false},
};

#endif /* TEST_CALLS_H */
