/* SPDX-License-Identifier: BSD-3-Clause */

/* rte_dma_enqueue_ops() and rte_dma_dequeue_ops(): each operation comes back, once, with its
 * status. */

#include <errno.h>

#include "dad_compat.h"
#include "dad_internal.h"
#include "test_device.h"

enum { RING = 64, SIZE = 256, SEGMENTS = 8, OPS = 128 };

/* An operation with room for its segments, and buffers of its own. */
static struct rte_dma_op *ops[OPS];
static uint8_t *memory;

static uint8_t *
src_of(unsigned int i)
{
	return memory + (size_t)i * 2 * SIZE;
}

static uint8_t *
dst_of(unsigned int i)
{
	return src_of(i) + SIZE;
}

/* Cut SIZE bytes into n pieces, the first n - 1 of them of so many bytes. */
static void
cut(struct rte_dma_sge *seg, const uint8_t *p, unsigned int n, unsigned int piece)
{
	for (unsigned int i = 0; i < n; i++)
		seg[i] = (struct rte_dma_sge){
			iova(p + i * piece), i + 1 < n ? piece : SIZE - i * piece};
}

static void
prepare(unsigned int i, uint16_t nb_src, uint16_t nb_dst)
{
	struct rte_dma_op *op = ops[i];

	*op = (struct rte_dma_op){.nb_src = nb_src,
		.nb_dst = nb_dst,
		.user_meta = i,
		.status = RTE_DMA_STATUS_ERROR_UNKNOWN};
	cut(op->src_dst_seg, src_of(i), nb_src, 31);
	cut(op->src_dst_seg + nb_src, dst_of(i), nb_dst, 17);
	memset(dst_of(i), 0, SIZE);
	for (unsigned int b = 0; b < SIZE; b++)
		src_of(i)[b] = (uint8_t)(b * 3 + i + 1);
}

static int
configure_ops(int16_t id, bool silent)
{
	struct rte_dma_conf conf = {.nb_vchans = 1, .flags = RTE_DMA_CFG_FLAG_ENQ_DEQ};
	const struct rte_dma_vchan_conf vconf = {
		.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = RING};

	if (silent)
		dad_conf_set_silent(&conf);
	int ret = rte_dma_configure(id, &conf);
	return ret != 0 ? ret : rte_dma_vchan_setup(id, 0, &vconf);
}

static int16_t
open_ops_with(const char *more)
{
	char args[128];

	snprintf(args, sizeof(args), "%s,ops=1%s", test_args(), more);
	int16_t id = test_plug_with(args);
	assert_int_equal(configure_ops(id, false), 0);
	assert_int_equal(rte_dma_start(id), 0);
	return id;
}

static int16_t
open_ops(void)
{
	return open_ops_with("");
}

/* Exactly n, within ten seconds. */
static void
gather(int16_t id, struct rte_dma_op **done, uint16_t n)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	uint16_t got = 0;

	while (got < n) {
		got += rte_dma_dequeue_ops(id, 0, done + got, n - got);
		assert_true(rte_get_timer_cycles() < deadline);
	}
}

static void
come_back_in_order_with_their_data(void **state)
{
	struct rte_dma_op *done[OPS];
	int16_t id = open_ops();

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		const uint16_t n = (uint16_t)(1 + round * 7 % RING);

		for (unsigned int i = 0; i < n; i++)
			prepare(i, (uint16_t)(1 + (i + round) % SEGMENTS * (i % 3 > 0)),
				(uint16_t)(1 + i % SEGMENTS * (i % 3 > 0)));
		assert_int_equal(rte_dma_enqueue_ops(id, 0, ops, n), n);
		gather(id, done, n);
		for (unsigned int i = 0; i < n; i++) {
			assert_ptr_equal(done[i], ops[i]);
			assert_int_equal(done[i]->user_meta, i);
			assert_int_equal(done[i]->status, RTE_DMA_STATUS_SUCCESSFUL);
			assert_memory_equal(src_of(i), dst_of(i), SIZE);
		}
		assert_int_equal(rte_dma_dequeue_ops(id, 0, done, OPS), 0);
	}
	test_close(id);
}

static void
no_more_than_the_ring_has_room_for(void **state)
{
	struct rte_dma_op *done[OPS];
	int16_t id = open_ops();

	(void)state;
	for (unsigned int i = 0; i < OPS; i++)
		prepare(i, 1, 1);
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops, OPS), RING);
	gather(id, done, RING);
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops + RING, OPS - RING), RING);
	gather(id, done + RING, RING);
	assert_memory_equal(done, ops, sizeof(ops));
	test_close(id);
}

static void
each_has_its_own_status(void **state)
{
	struct rte_dma_op *done[6];
	int16_t id = open_ops();

	(void)state;
	for (unsigned int i = 0; i < 6; i++)
		prepare(i, 1, 1);
	ops[1]->src_dst_seg[0].addr = 0;
	ops[2]->src_dst_seg[1].length = 100;				   /* the sides differ */
	ops[3]->src_dst_seg[0].length = ops[3]->src_dst_seg[1].length = 0; /* nothing to do */
	ops[5]->flags = RTE_DMA_OP_FLAG_FENCE;
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops, 6), 6);
	gather(id, done, 6);
	assert_memory_equal(done, ops, sizeof(done));
	assert_int_equal(ops[0]->status, RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(ops[1]->status, RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_int_equal(ops[2]->status, RTE_DMA_STATUS_INVALID_LENGTH);
	assert_int_equal(ops[3]->status, RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(ops[4]->status, RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(ops[5]->status, RTE_DMA_STATUS_NOT_ATTEMPTED);
	test_close(id);
}

static void
one_that_cannot_be_is_where_enqueue_ends(void **state)
{
	struct rte_dma_op *done[2];
	int16_t id = open_ops();

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		prepare(i, 1, 1);
	ops[2]->nb_src = 0;
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops, 4), 2);
	assert_int_equal(ops[2]->status, RTE_DMA_STATUS_INVALID_LENGTH);
	assert_int_equal(ops[3]->status, RTE_DMA_STATUS_ERROR_UNKNOWN);
	gather(id, done, 2);
	test_close(id);
}

/* inject=enospc: enqueue ends before one that is refused. */
static void
some_are_refused_for_want_of_room(void **state)
{
	int16_t id = open_ops_with(",inject=enospc:every:4");
	struct rte_dma_op *done[8];

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		prepare(i, (uint16_t)(1 + i % 2), 1);
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops, 8), 3);
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops + 3, 5), 3);
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops + 6, 2), 2);
	gather(id, done, 8);
	for (unsigned int i = 0; i < 8; i++) {
		assert_ptr_equal(done[i], ops[i]);
		assert_int_equal(done[i]->status, RTE_DMA_STATUS_SUCCESSFUL);
	}
	test_close(id);
}

/* Each is counted once by a rule, however often it had no room before. */
static void
without_room_no_rule_counts(void **state)
{
	int16_t id = open_ops_with(",inject=enospc:every:100");
	struct rte_dma_op *done[OPS];

	(void)state;
	for (unsigned int i = 0; i < OPS; i++)
		prepare(i, 1, 1);
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops, OPS), RING);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(rte_dma_enqueue_ops(id, 0, ops + RING, OPS - RING), 0);
	gather(id, done, RING);
	/* up to the hundredth, which is refused, and then the rest */
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops + RING, OPS - RING), 99 - RING);
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops + 99, OPS - 99), OPS - 99);
	gather(id, done + RING, OPS - RING);
	assert_memory_equal(done, ops, sizeof(ops));
	test_close(id);
}

/* What the vchan counts as refused for want of room, and the rule as asked. */
static void
expect_counted(int16_t id, uint64_t refused, uint64_t asked)
{
	const struct dad_dev *d = rte_dma_fp_objs[id].dev_private;
	uint64_t values[DAD_XSTAT_MAX] = {0};

	dad_stat_get(&d->vchan[0], values);
	assert_int_equal(values[DAD_XSTAT_NOSPACE], refused);
	assert_int_equal(d->model.inject.set->rule[0]->seen, asked);
}

/* Lists have less room than descriptors, unless each slot has its own (mt=1). */
static void
one_without_room_for_its_lists_counts_once(void **state)
{
	int16_t id = open_ops_with(",inject=enospc:every:1000");
	struct rte_dma_op *done[OPS];
	uint64_t refused = 0;
	uint16_t n = 0;

	(void)state;
	for (unsigned int i = 0; i < OPS; i++)
		prepare(i, SEGMENTS, SEGMENTS);
	while (n < OPS) {
		const uint16_t more = rte_dma_enqueue_ops(id, 0, ops + n, OPS - n);

		assert_in_range(more, 1, RING - (strstr(test_args(), "mt=1") == NULL));
		refused += n + more < OPS;
		for (unsigned int i = 0; i < 10 && n + more < OPS; i++, refused++)
			assert_int_equal(
				rte_dma_enqueue_ops(id, 0, ops + n + more, OPS - n - more), 0);
		expect_counted(id, refused, n + more);
		gather(id, done + n, more);
		n += more;
	}
	assert_memory_equal(done, ops, sizeof(ops));
	test_close(id);
}

/* halt=1: what is behind a failure waits until that was dequeued. */
static void
a_failure_halts_until_it_is_dequeued(void **state)
{
	(void)state;
	if (strstr(test_args(), "eager=1") != NULL)
		skip(); /* the two exclude each other */
	int16_t id = open_ops_with(",halt=1");
	enum rte_dma_vchan_status halted = RTE_DMA_VCHAN_IDLE;
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	struct rte_dma_op *done[5];

	for (unsigned int i = 0; i < 5; i++)
		prepare(i, 1, 1);
	ops[1]->src_dst_seg[0].addr = 0;
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops, 5), 5);
	gather(id, done, 1);
	while (halted != RTE_DMA_VCHAN_HALTED_ERROR) {
		rte_dma_dequeue_ops(id, 0, done, 0);
		assert_int_equal(rte_dma_vchan_status(id, 0, &halted), 0);
		assert_true(rte_get_timer_cycles() < deadline);
	}
	gather(id, done + 1, 4);
	for (unsigned int i = 0; i < 5; i++) {
		assert_ptr_equal(done[i], ops[i]);
		assert_int_equal(done[i]->status,
			i == 1 ? RTE_DMA_STATUS_INVALID_SRC_ADDR : RTE_DMA_STATUS_SUCCESSFUL);
	}
	test_close(id);
}

static void
is_for_who_configured_it(void **state)
{
	struct rte_dma_info info;

	(void)state;
	prepare(0, 1, 1);
	assert_int_equal(rte_vdev_init(TEST_NAME, "engine=inline,ops=0"), 0);
	int16_t id = (int16_t)rte_dma_get_dev_id_by_name(TEST_NAME);
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_false(info.dev_capa & RTE_DMA_CAPA_OPS_ENQ_DEQ);
	assert_true(configure_ops(id, false) < 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);

	id = test_plug_with("engine=inline,ops=1,silent=1");
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_true(info.dev_capa & RTE_DMA_CAPA_OPS_ENQ_DEQ);
	assert_true(configure_ops(id, true) < 0);
	test_configure(id, 1, RING);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(rte_dma_enqueue_ops(id, 0, ops, 1), 0);
	assert_int_equal(rte_dma_dequeue_ops(id, 0, ops, 1), 0);
	test_close(id);
}

/* With mt=1 some threads enqueue and others dequeue; without it one does both. */
enum { EACH = 20000, PAIRS = 2 };

static struct {
	int16_t id;
	unsigned int left; /* to be dequeued, by all */
	uint64_t deadline;
	unsigned int seen[PAIRS]; /* of whom */
} shared;

static bool
goes_on(void)
{
	return __atomic_load_n(&shared.left, __ATOMIC_RELAXED) > 0 &&
		rte_get_timer_cycles() < shared.deadline;
}

/* An operation is free if its status says so; user_meta is whose it is. */
#define FREE RTE_DMA_STATUS_ERROR_UNKNOWN
#define BUSY RTE_DMA_STATUS_INVALID_OPCODE

/* Beginning where the last call ended, so that each has its turn. */
static unsigned int
enqueue_free_ones(unsigned int *next)
{
	struct rte_dma_op *burst[8];
	uint16_t n = 0;

	for (unsigned int looks = 0; looks < OPS / PAIRS && n < RTE_DIM(burst); looks++) {
		struct rte_dma_op *op = ops[*next];

		*next = (*next + PAIRS) % OPS;
		if (__atomic_load_n(&op->status, __ATOMIC_ACQUIRE) == FREE)
			burst[n++] = op;
	}
	for (unsigned int i = 0; i < n; i++)
		burst[i]->status = BUSY;
	uint16_t sent = rte_dma_enqueue_ops(shared.id, 0, burst, n);
	for (unsigned int i = sent; i < n; i++)
		burst[i]->status = FREE;
	return sent;
}

static void
dequeue_some(void)
{
	struct rte_dma_op *done[16];
	uint16_t n = rte_dma_dequeue_ops(shared.id, 0, done, RTE_DIM(done));

	for (unsigned int i = 0; i < n; i++) {
		if (done[i]->status == RTE_DMA_STATUS_SUCCESSFUL)
			__atomic_fetch_add(
				&shared.seen[done[i]->user_meta % PAIRS], 1, __ATOMIC_RELAXED);
		__atomic_store_n(&done[i]->status, FREE, __ATOMIC_RELEASE);
	}
	__atomic_fetch_sub(&shared.left, n, __ATOMIC_RELAXED);
}

static void *
send(void *arg)
{
	unsigned int next = (unsigned int)(uintptr_t)arg; /* who it is */

	for (unsigned int sent = 0; sent < EACH && goes_on();) {
		unsigned int n = enqueue_free_ones(&next);

		sent += n;
		if (n == 0)
			sched_yield();
	}
	return NULL;
}

static void *
receive(void *arg)
{
	(void)arg;
	while (goes_on())
		dequeue_some();
	return NULL;
}

static void
many_threads_lose_and_double_nothing(void **state)
{
	pthread_t thread[2 * PAIRS];

	(void)state;
	if (strstr(test_args(), "mt=1") == NULL)
		return; /* one thread at a time is what the other tests are about */
	for (unsigned int i = 0; i < OPS; i++)
		prepare(i, (uint16_t)(1 + i % 3), 1);
	shared.id = open_ops();
	shared.left = UINT32_MAX / 2;
	shared.deadline = rte_get_timer_cycles() + 20 * rte_get_timer_hz();
	for (unsigned int i = 0; i < PAIRS; i++) {
		test_thread(&thread[i], send, (void *)(uintptr_t)i);
		test_thread(&thread[PAIRS + i], receive, NULL);
	}
	for (unsigned int i = 0; i < PAIRS; i++)
		pthread_join(thread[i], NULL);
	/* all that was enqueued comes back: each operation is free again */
	bool busy = true;
	while (busy && rte_get_timer_cycles() < shared.deadline) {
		busy = false;
		for (unsigned int i = 0; i < OPS; i++)
			busy |= __atomic_load_n(&ops[i]->status, __ATOMIC_ACQUIRE) != FREE;
		sched_yield();
	}
	__atomic_store_n(&shared.left, 0, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < PAIRS; i++)
		pthread_join(thread[PAIRS + i], NULL);
	assert_false(busy);
	struct rte_dma_stats stats;
	assert_int_equal(rte_dma_stats_get(shared.id, 0, &stats), 0);
	assert_int_equal(stats.submitted, shared.seen[0] + shared.seen[1]);
	assert_int_equal(stats.completed, stats.submitted);
	assert_true(shared.seen[0] >= EACH && shared.seen[1] >= EACH);
	for (unsigned int i = 0; i < OPS; i++)
		assert_memory_equal(src_of(i), dst_of(i), SIZE);
	test_close(shared.id);
}

static int
make_ops(void **state)
{
	(void)state;
	memory = test_buffer((size_t)OPS * 2 * SIZE);
	for (unsigned int i = 0; i < OPS; i++)
		ops[i] = test_buffer(sizeof(*ops[i]) + 2 * SEGMENTS * sizeof(struct rte_dma_sge));
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(come_back_in_order_with_their_data, make_ops),
	cmocka_unit_test(no_more_than_the_ring_has_room_for),
	cmocka_unit_test(each_has_its_own_status),
	cmocka_unit_test(one_that_cannot_be_is_where_enqueue_ends),
	cmocka_unit_test(some_are_refused_for_want_of_room),
	cmocka_unit_test(without_room_no_rule_counts),
	cmocka_unit_test(one_without_room_for_its_lists_counts_once),
	cmocka_unit_test(a_failure_halts_until_it_is_dequeued),
	cmocka_unit_test(is_for_who_configured_it),
	cmocka_unit_test(many_threads_lose_and_double_nothing),
};

TEST_MAIN(tests)
