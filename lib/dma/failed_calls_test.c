/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_calls.h"

/* Each call that can fail, by itself: whatever fails inside it, it says so by the right errno and
 * all is as it was before; and where it succeeds, it can be undone. */

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
