/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random operations as structs, by rte_dma_enqueue_ops(), beside a model in plain C: every byte,
 * every status and every count agrees, and each struct comes back once, in its turn.
 *
 * fuzz_structs_test [OPERATIONS [SEED]]: default some, for a short run.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "dad_compat.h"
#include "fuzz_request.h"

#define VCHANS	    3
#define RING	    256
#define BURST	    40
#define DEFAULT_OPS 200000

/* An operation with room for one segment too many. */
struct entry {
	struct rte_dma_op op;
	struct rte_dma_sge room[2 * 64 + 1];
	uint8_t expected;
};

struct taker {
	struct lane lane;
	struct tally tally;
	uint64_t reported;
	bool lost_fence; /* of an operation that there was no room for: the next one has it */
	/* the operation that is enqueued as the nth lies in entry[n % size] */
	struct entry entry[RING + BURST];
};

static struct entry *
entry_of(struct taker *t, uint64_t n)
{
	return &t->entry[n % RTE_DIM(t->entry)];
}

/* ---- dequeue -------------------------------------------------------------------------------- */

static bool
take(struct taker *t)
{
	struct lane *l = &t->lane;
	struct rte_dma_op *ops[96];
	const uint16_t ask = (uint16_t)below(l, RTE_DIM(ops) + 1);
	const uint16_t n = rte_dma_dequeue_ops(l->dev, l->vchan, ops, ask);

	agree(n <= ask && t->reported + n <= l->sent);
	for (uint16_t i = 0; i < n; i++) {
		const struct entry *e = entry_of(t, t->reported++);

		agree(ops[i] == &e->op);
		agree(ops[i]->status == (enum rte_dma_status_code)e->expected);
	}
	if (n == 0)
		sched_yield();
	return true;
}

static bool
settle(struct taker *t)
{
	struct lane *l = &t->lane;

	while (t->reported != l->sent) {
		if (!take(t))
			return false;
		agree(rte_get_timer_cycles() < l->deadline);
	}
	l->in_window = 0;
	return lane_agrees(l) && tally_agrees(l, &t->tally);
}

/* ---- enqueue -------------------------------------------------------------------------------- */

static void
fill_in(struct entry *e, struct request *r, uint64_t flags)
{
	struct rte_dma_op *op = &e->op;

	if (r->effect.kind == REQ_COPY) {
		r->nb_from = r->nb_to = 1;
		r->from[0] = (struct rte_dma_sge){r->src, r->effect.len};
		r->to[0] = (struct rte_dma_sge){r->dst, r->effect.len};
	}
	*op = (struct rte_dma_op){.flags = flags,
		.nb_src = r->nb_from,
		.nb_dst = r->nb_to,
		.status = RTE_DMA_STATUS_ERROR_UNKNOWN};
	memcpy(op->src_dst_seg, r->from, r->nb_from * sizeof(*r->from));
	memcpy(op->src_dst_seg + r->nb_from, r->to, r->nb_to * sizeof(*r->to));
	/* the driver takes such a one for a copy, too */
	if (r->nb_from == 1 && r->nb_to == 1 && r->from[0].length == r->to[0].length)
		r->effect.kind = REQ_COPY;
}

/* What can be no operation. */
static void
spoil(struct lane *l, struct entry *e)
{
	*(below(l, 2) ? &e->op.nb_src : &e->op.nb_dst) = below(l, 2) ? 0 : 65;
}

/* A burst is a batch. */
static bool
burst(struct taker *t)
{
	static __thread struct request requests[BURST];
	struct lane *l = &t->lane;
	struct rte_dma_op *ops[BURST];
	const uint64_t room = RTE_DIM(t->entry) - (l->sent - t->reported);
	const uint16_t n = (uint16_t)RTE_MIN(1 + below(l, BURST), room);
	const uint16_t bad = (uint16_t)below(l, 40 * BURST); /* mostly none of them */
	bool failed = false, poisoned = false;

	for (uint16_t i = 0; i < n; i++) {
		struct request *r = &requests[i];

		do
			make_request(l, r);
		while (r->effect.kind == REQ_FILL);
		const struct op op = touched_by(l, &r->effect);
		const bool fence =
			needs_fence(l, &op) || (i == 0 && t->lost_fence) || below(l, 50) == 0;

		if (fence)
			l->in_window = 0;
		l->window[l->in_window++] = op;
		fill_in(entry_of(t, l->sent + i), r, fence ? RTE_DMA_OP_FLAG_FENCE : 0);
		ops[i] = &entry_of(t, l->sent + i)->op;
		if (i == bad)
			spoil(l, entry_of(t, l->sent + i));
	}
	const uint64_t before = l->sent;
	const uint16_t taken = rte_dma_enqueue_ops(l->dev, l->vchan, ops, n);

	agree(taken <= n && (taken <= bad || bad >= n));
	if (taken == bad && bad < n)
		agree(ops[bad]->status == RTE_DMA_STATUS_INVALID_LENGTH);
	else if (taken < n)
		t->tally.nospace++;
	/* an empty ring takes one of them */
	agree(taken > 0 || bad == 0 || before > t->reported);
	t->lost_fence &= taken == 0;
	for (uint16_t i = taken; i < n; i++)
		t->lost_fence |= (entry_of(t, before + i)->op.flags & RTE_DMA_OP_FLAG_FENCE) != 0;
	for (uint16_t i = 0; i < taken; i++) {
		struct entry *e = entry_of(t, l->sent++);
		const struct effect *effect = &requests[i].effect;

		poisoned |= failed && (e->op.flags & RTE_DMA_OP_FLAG_FENCE);
		e->expected =
			(uint8_t)(poisoned ? RTE_DMA_STATUS_NOT_ATTEMPTED : requests[i].status);
		failed |= e->expected != RTE_DMA_STATUS_SUCCESSFUL;
		tally_add(&t->tally, effect->kind, effect->len, e->expected);
		if (e->expected == RTE_DMA_STATUS_SUCCESSFUL)
			apply(l, effect);
	}
	return true;
}

static void *
taker_main(void *arg)
{
	struct taker *t = arg;
	struct lane *l = &t->lane;
	uint64_t next = 5000;

	while (l->sent < l->target) {
		const bool full = l->sent - t->reported == RTE_DIM(t->entry);

		if (!(full || below(l, 4) == 0 ? take(t) : burst(t)))
			return NULL;
		if (l->sent < next)
			continue;
		if (!settle(t))
			return NULL;
		next += 5000;
	}
	settle(t);
	return NULL;
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void
run(const char *more, uint64_t target)
{
	static struct taker takers[VCHANS];
	const struct rte_dma_conf conf = {.nb_vchans = VCHANS, .flags = RTE_DMA_CFG_FLAG_ENQ_DEQ};
	pthread_t thread[VCHANS];
	uint64_t sent = 0, errors = 0;
	const char *wrong = NULL;
	char args[256];

	snprintf(args, sizeof(args), "%s,ops=1%s", test_args(), more);
	int16_t dev = test_plug_with(args);
	assert_int_equal(rte_dma_configure(dev, &conf), 0);
	for (uint16_t v = 0; v < VCHANS; v++)
		assert_int_equal(test_setup_direction(dev, v, RING, RTE_DMA_DIR_MEM_TO_MEM), 0);
	assert_int_equal(rte_dma_start(dev), 0);
	for (uint16_t v = 0; v < VCHANS; v++) {
		struct lane *l = &takers[v].lane;

		takers[v] = (struct taker){.lane = {.dev = dev, .vchan = v, .number = v}};
		l->target = target / VCHANS;
		lane_open(l, RTE_DMA_DIR_MEM_TO_MEM, fuzz_seed);
		l->deadline = rte_get_timer_cycles() + (10 + target / 20000) * rte_get_timer_hz();
		test_thread(&thread[v], taker_main, &takers[v]);
	}
	for (uint16_t v = 0; v < VCHANS; v++) {
		pthread_join(thread[v], NULL);
		if (wrong == NULL && takers[v].lane.wrong[0] != '\0')
			wrong = takers[v].lane.wrong;
		sent += takers[v].lane.sent;
		errors += takers[v].tally.sent - takers[v].tally.status[0];
		lane_close(&takers[v].lane);
	}
	if (wrong != NULL)
		fail_msg("%s", wrong);
	print_message("%llu operations, %llu of them with an error\n", (unsigned long long)sent,
		(unsigned long long)errors);
	assert_true(sent >= target / VCHANS * VCHANS);
	test_close(dev);
}

static void
structs_agree_with_a_model(void **state)
{
	(void)state;
	run("", fuzz_operations);
}

static void
those_of_a_device_that_halts_too(void **state)
{
	(void)state;
	if (strstr(test_args(), "eager=1") != NULL)
		skip(); /* the two exclude each other */
	run(",halt=1", fuzz_operations / 4);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(structs_agree_with_a_model),
	cmocka_unit_test(those_of_a_device_that_halts_too),
};

FUZZ_MAIN(tests, DEFAULT_OPS)
