/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_backend.h"

#include "dad_dma_pool.h"

/* Each call that can fail, by itself: whatever fails inside it, it says so by the right errno and
 * all is as it was before; and where it succeeds, it can be undone. */

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

/* ---- what can fail ----------------------------------------------------------------------------
 */

enum source { ALLOCATION, BACKEND, UNMAP, EAL, SOURCES };
static const char *const source_names[] = {
	"allocations", "calls of the backend", "unmaps", "of EAL"};

static long eal_countdown; /* what memory EAL has is at an end then */

static bool
eal_fails(void)
{
	if (eal_countdown == 0 || (eal_countdown > 0 && --eal_countdown > 0))
		return false;
	eal_countdown = -1;
	rte_errno = ENOMEM;
	return true;
}

const struct rte_memzone *__real_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align);
const struct rte_memzone *__wrap_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align);
int __real_rte_mem_event_callback_register(
	const char *name, rte_mem_event_callback_t call, void *arg);
int __wrap_rte_mem_event_callback_register(
	const char *name, rte_mem_event_callback_t call, void *arg);

const struct rte_memzone *
__wrap_rte_memzone_reserve_aligned(
	const char *name, size_t len, int socket_id, unsigned int flags, unsigned int align)
{
	return eal_fails() ? NULL
			   : __real_rte_memzone_reserve_aligned(name, len, socket_id, flags, align);
}

int
__wrap_rte_mem_event_callback_register(const char *name, rte_mem_event_callback_t call, void *arg)
{
	return eal_fails() ? -1 : __real_rte_mem_event_callback_register(name, call, arg);
}

static void
arm(enum source source, long n)
{
	test_alloc_countdown = source == ALLOCATION ? n : 0;
	backend.countdown = source == BACKEND || source == UNMAP ? n : 0;
	backend.fail_unmap = source == UNMAP;
	eal_countdown = source == EAL ? n : 0;
}

/* @return whether it came so far that something failed */
static bool
disarm(void)
{
	bool reached = test_alloc_countdown == 0 && backend.countdown == 0 && eal_countdown <= 0;

	arm(SOURCES, 0);
	return reached;
}

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

/* ---- as it was --------------------------------------------------------------------------------
 */

struct state {
	struct dad_dma_domain_info info;
	struct dad_dma_dev_stats stats;
	struct dad_dma_coherent_info coherent;
	struct dad_dma_bounce_stats slots;
	struct dad_dma_pool_stats pool;
	unsigned int maps;
};

static void
look(struct state *s)
{
	dad_dma_domain_flush(it.domain);
	dad_dma_domain_info(it.domain, &s->info);
	dad_dma_dev_stats(it.dev, &s->stats);
	dad_dma_coherent_info(it.domain, &s->coherent);
	dad_dma_bounce_stats(it.domain, NULL, &s->slots);
	dad_dma_pool_stats(it.pool, &s->pool);
	s->maps = backend.n;
}

static uint64_t
alive(const struct dad_dma_dev_stats *s)
{
	return s->direct + s->window + s->strict + s->bounce - s->unmapped;
}

/* stays: a window, or slots that a call made. */
static void
assert_as_before(const struct state *a, bool stays, bool unmap_failed)
{
	struct state b;

	look(&b);
	assert_int_equal(b.info.strict_maps, a->info.strict_maps);
	assert_int_equal(b.info.waiting, 0);
	assert_int_equal(b.info.regions, a->info.regions);
	assert_int_equal(b.info.devices, a->info.devices);
	assert_int_equal(alive(&b.stats), alive(&a->stats));
	assert_int_equal(b.stats.coherent_bytes - b.pool.slabs * b.pool.slab_size,
		a->stats.coherent_bytes - a->pool.slabs * a->pool.slab_size);
	assert_int_equal(b.pool.used, a->pool.used);
	assert_int_equal(b.slots.used - b.slots.cached, a->slots.used - a->slots.cached);
	if (b.pool.slabs != a->pool.slabs)
		return; /* slabs stay */
	/* an empty zone, too */
	assert_true(b.coherent.memzones <= a->coherent.memzones + 1);
	assert_int_equal(b.coherent.bytes - b.coherent.free_bytes,
		a->coherent.bytes - a->coherent.free_bytes);
	if (b.info.lost > 0 || stays)
		return;
	assert_int_equal(b.info.window_bytes, a->info.window_bytes);
	assert_int_equal(b.info.registers_used, a->info.registers_used);
	if (b.coherent.memzones == a->coherent.memzones && !unmap_failed)
		assert_int_equal(b.maps, a->maps);
}

static void
make(const struct dad_dma_domain_conf *conf, bool slots)
{
	const struct dad_dma_bounce_conf pool = {.size = 64u << 10, .limit = UINT64_MAX >> 1};
	const uint64_t at = PA + 2 * UNIT;
	const dad_dma_addr_t iovas[] = {at, at + PAGE, at + 2 * PAGE, at + 3 * PAGE};

	it.identity = conf == NULL;
	it.domain = it.identity ? dad_dma_domain_identity() : dad_dma_domain_create(conf);
	assert_non_null(it.domain);
	it.dev = dad_dma_dev_create("dev", it.domain, SOCKET_ID_ANY);
	assert_non_null(it.dev);
	if (it.identity)
		assert_int_equal(dad_dma_set_mask_and_coherent(it.dev, UINT64_MAX), 0);
	assert_int_equal(dad_dma_mem_register(it.domain, foreign, 4 * PAGE,
				 it.identity ? iovas : NULL, it.identity ? 4 : 0, PAGE),
		0);
	assert_int_equal(
		dad_dma_bar_register(it.domain, foreign + 4 * PAGE, 4 * PAGE, PA + UNIT), 0);
	if (slots)
		assert_int_equal(dad_dma_bounce_create(it.domain, &pool), 0);
	it.pool = dad_dma_pool_create("pool", it.dev, 1000, 0, 0);
	assert_non_null(it.pool);
}

static void
unmake(void)
{
	assert_int_equal(dad_dma_pool_destroy(it.pool), 0);
	assert_int_equal(dad_dma_mem_unregister(it.domain, foreign + 4 * PAGE, 4 * PAGE), 0);
	assert_int_equal(dad_dma_mem_unregister(it.domain, foreign, 4 * PAGE), 0);
	assert_int_equal(dad_dma_dev_destroy(it.dev), 0);
	dad_dma_domain_put(it.domain);
}

static int
errno_of(enum source source, const struct call *c)
{
	if (source == ALLOCATION || source == EAL)
		return ENOMEM;
	return c->passed_on != 0 ? c->passed_on : EIO;
}

/* The n-th thing fails. @return false: there are not so many */
static bool
call_once(const struct dad_dma_domain_conf *conf, const struct call *c, enum source source, long n,
	unsigned int *noticed)
{
	struct state before;

	reset();
	const long live = test_alloc_live;
	make(conf, c->slots);
	look(&before);
	memset(&made, 0, sizeof(made));
	arm(source, n);
	int error = c->call();
	if (error == 0 && source == UNMAP)
		c->undo();
	bool reached = disarm();
	if (error == 0 && source != UNMAP)
		c->undo();
	if (error != 0) {
		(*noticed)++;
		assert_true(reached);
		assert_int_equal(error, errno_of(source, c));
		assert_as_before(&before, false, source == UNMAP);
		error = c->call();
		assert_int_equal(error, 0);
		c->undo();
	}
	assert_as_before(&before, c->stays, reached && source == UNMAP);
	unmake();
	assert_int_equal(test_alloc_live, live);
	assert_int_equal(backend.broken_rules, 0);
	if (source != UNMAP)
		assert_int_equal(backend.n, 0);
	else
		assert_true(backend.n <= 3); /* of a list */
	return reached;
}

static void
fail_each(const struct dad_dma_domain_conf *conf)
{
	/* so that it does not pass as nothing failed */
	const bool own = conf != NULL && conf->ops != NULL;
	const unsigned int least[] = {50, own ? 25 : 0, own ? 25 : 0, 2};

	for (enum source source = 0; source < SOURCES; source++) {
		unsigned int times = 0, noticed = 0;

		for (unsigned int c = 0; c < RTE_DIM(calls); c++) {
			/* with pages of 4 KiB some have hundreds of maps, all alike */
			for (long n = 1; call_once(conf, &calls[c], source, n, &noticed);
				n += 1 + n / 32)
				times++;
		}
		assert_true(noticed >= least[source]);
		print_message("%s: %u %s failed, %u noticed\n",
			conf != NULL ? conf->name : "identity", times, source_names[source],
			noticed);
	}
}

static const struct dad_dma_domain_conf confs[] = {
	{.name = "custom", .type = DAD_DMA_DOMAIN_CUSTOM, .ops = &ops, .socket_id = -1},
	{.name = "lazy",
		.type = DAD_DMA_DOMAIN_CUSTOM,
		.ops = &ops,
		.flags = DAD_DMA_DOMAIN_LAZY,
		.socket_id = -1},
	{.name = "soft", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = -1},
	{.name = "noncoherent",
		.type = DAD_DMA_DOMAIN_SOFT,
		.flags = DAD_DMA_DOMAIN_NONCOHERENT,
		.socket_id = -1},
};

static void
a_call_that_fails_leaves_a_remapping_domain_as_it_was(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(confs); i++)
		fail_each(&confs[i]);
}

static void
a_call_that_fails_leaves_the_identity_as_it_was(void **state)
{
	(void)state;
	fail_each(NULL);
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_that_fails_leaves_the_identity_as_it_was),
		cmocka_unit_test(a_call_that_fails_leaves_a_remapping_domain_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return failure_main(argc, argv, run);
}
