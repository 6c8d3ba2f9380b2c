/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random operations of several threads on each vchan (mt=1), and of devices that let operations
 * fail or refuse them (inject), beside a model in plain C: every byte, every status, every index
 * and every count agrees, as far as it can be known: see fuzz_history.h.
 *
 * fuzz_threads_test [OPERATIONS [SEED]]: of each kind; default some, for a short run.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "dad_compat.h"
#include "fuzz_history.h"

#define VCHANS	    2
#define LANES	    3 /* of a vchan with mt=1 */
#define DEFAULT_OPS 300000

static_assert(LANES <= HISTORY_LANES, "room for each");

struct world;

struct worker {
	struct lane lane;
	struct world *world;
	unsigned int number; /* of the vchan's */
};

/* A vchan and its lanes, which meet at the end of each round. */
struct world {
	struct history history;
	struct worker worker[LANES];
	pthread_barrier_t barrier;
	unsigned int first_rule; /* of the device's */
	bool over;
};

/* ---- completions ---------------------------------------------------------------------------- */

static bool
took(struct lane *l, struct history *h, uint16_t index, uint8_t status)
{
	/* once, whoever is told */
	agree(__atomic_exchange_n(&h->reported[index], status, __ATOMIC_RELAXED) == NOT_YET);
	return true;
}

static bool
reap(struct worker *w)
{
	struct lane *l = &w->lane;
	struct history *h = &w->world->history;
	enum rte_dma_status_code status[64] = {RTE_DMA_STATUS_SUCCESSFUL};
	uint16_t ask = (uint16_t)below(l, 65), last = 0, n;
	bool error = false;

	if (below(l, 2)) {
		n = rte_dma_completed(l->dev, l->vchan, ask, &last, &error);
		memset(status, 0, sizeof(status));
	} else {
		n = rte_dma_completed_status(l->dev, l->vchan, ask, &last, status);
	}
	agree(n <= ask);
	for (uint16_t i = 0; i < n; i++)
		if (!took(l, h, (uint16_t)(last - n + 1 + i), (uint8_t)status[i]))
			return false;
	__atomic_fetch_add(&h->nb_reported, n, __ATOMIC_RELAXED);
	if (n == 0)
		sched_yield();
	return true;
}

static void
note_submit(struct worker *w, uint64_t begin, uint64_t end, uint32_t owner)
{
	struct history *h = &w->world->history;

	h->submits[w->number][h->nb_submits[w->number]++] = (struct ended){begin, end, owner};
}

static void
submit(struct worker *w)
{
	struct history *h = &w->world->history;
	const uint64_t begin = tick(h);

	rte_dma_submit(w->lane.dev, w->lane.vchan);
	note_submit(w, begin, tick(h), NOBODY);
}

/* ---- operations ----------------------------------------------------------------------------- */

/* There was no room, or it was to be refused. */
static bool
refused(struct worker *w)
{
	struct history *h = &w->world->history;

	__atomic_fetch_add(&h->tally.nospace, 1, __ATOMIC_RELAXED);
	submit(w);
	return reap(w);
}

static bool
one_operation(struct worker *w)
{
	struct lane *l = &w->lane;
	struct history *h = &w->world->history;
	bool to_refuse = false;
	struct request r;

	make_request(l, &r);
	const struct op op = touched_by(l, &r.effect);
	uint64_t flags = random_flags(l, &op);

	if (r.effect.kind == REQ_COPY) {
		const uint64_t copies = __atomic_add_fetch(&h->copies, 1, __ATOMIC_RELAXED);

		to_refuse = h->refuse_every > 0 && copies % h->refuse_every == 0;
	}

	const uint64_t begin = tick(h);
	int index = enqueue(l, &r, flags);
	const uint64_t end = tick(h);

	if (h->nb_lanes == 1) {
		if (to_refuse)
			agree(index == -ENOSPC);
		else if (index == -ENOSPC)
			agree(h->nb_reported < h->enqueued); /* an empty ring takes anything */
	}
	if (index == -ENOSPC)
		return refused(w);
	agree(index >= 0 && index < 65536);
	struct event *e = &h->event[index];
	agree(e->lane == 0);
	*e = (struct event){.effect = r.effect,
		.begin = begin,
		.end = end,
		.lane = (uint8_t)(w->number + 1),
		.own = (uint8_t)r.status,
		.fenced = flags & RTE_DMA_OP_FLAG_FENCE};
	if (flags & RTE_DMA_OP_FLAG_SUBMIT)
		note_submit(w, begin, end, (uint16_t)(index - h->first));
	if (flags & RTE_DMA_OP_FLAG_FENCE)
		l->in_window = 0;
	l->window[l->in_window++] = op;
	l->sent++;
	__atomic_fetch_add(&h->enqueued, 1, __ATOMIC_RELAXED);
	return true;
}

/* ---- rounds --------------------------------------------------------------------------------- */

/* What a lane does in a round. */
static bool
act(struct worker *w)
{
	const unsigned int share = ROUND_OPS / w->world->history.nb_lanes;
	struct lane *l = &w->lane;
	const uint64_t target = l->sent + share;
	unsigned int steps = 0;

	while (l->sent < target && ++steps < ROUND_OPS) {
		const uint32_t what = below(l, 1000);

		agree(rte_get_timer_cycles() < l->deadline);
		if (what < 60)
			submit(w);
		else if (!(what < 200 ? reap(w) : one_operation(w)))
			return false;
	}
	return true;
}

/* All have acted: the first of them gathers the rest, and looks at what was said. */
static bool
settle(struct worker *w)
{
	struct lane *l = &w->lane;
	struct history *h = &w->world->history;
	const struct dad_dev *d = rte_dma_fp_objs[l->dev].dev_private;

	submit(w);
	while (h->nb_reported < h->enqueued) {
		if (!reap(w))
			return false;
		agree(rte_get_timer_cycles() < l->deadline);
	}
	if (!history_agrees(l, h))
		return false;
	return h->nb_rules == 0 ||
		rules_agree(l, h, &d->model.inject.set->rule[w->world->first_rule]);
}

static bool
is_over(const struct world *world)
{
	uint64_t sent = 0;

	for (unsigned int i = 0; i < world->history.nb_lanes; i++) {
		if (world->worker[i].lane.wrong[0] != '\0')
			return true;
		sent += world->worker[i].lane.sent;
	}
	return sent >= world->worker[0].lane.target;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct world *world = w->world;
	bool ok = true;

	while (!world->over) {
		ok = act(w);
		pthread_barrier_wait(&world->barrier);
		if (w->number == 0)
			ok = ok && settle(w);
		pthread_barrier_wait(&world->barrier);
		history_replay(&w->lane, &world->history, w->number);
		w->lane.in_window = 0;
		ok = ok && lane_agrees(&w->lane);
		pthread_barrier_wait(&world->barrier);
		if (w->number == 0) {
			world->over = is_over(world);
			history_begin_round(&world->history);
		}
		pthread_barrier_wait(&world->barrier);
	}
	return NULL;
}

/* ---- runs ----------------------------------------------------------------------------------- */

static bool
has(const char *arg)
{
	return strstr(test_args(), arg) != NULL;
}

/* A device that injects failures. */
static const struct rule rules[RULES] = {
	{"page_fault", RTE_DMA_STATUS_PAGE_FAULT, REQ_COPY, 1, 37, 1u << 30, 0, 0},
	{"bus_write_error", RTE_DMA_STATUS_BUS_WRITE_ERROR, REQ_FILL, 100, 11, 1u << 30, 0, 0},
	{"dev_link_error", RTE_DMA_STATUS_DEV_LINK_ERROR, REQ_SG, 1, 5, 300, 0, 0},
};

static void
open_world(struct world *world, uint16_t vchan, bool injects)
{
	struct history *h = &world->history;

	memset(world, 0, sizeof(*world));
	h->nb_lanes = has("mt=1") ? LANES : 1;
	/* by one worker, and nobody who helps it */
	h->in_order = !has("mt=1") && !has("engine=auto") && !has("workers=");
	if (injects) {
		h->nb_rules = RULES;
		memcpy(h->rule, rules, sizeof(rules));
		h->refuse_every = 53;
	}
	world->first_rule = vchan * (RULES + 1);
	history_begin_round(h);
	pthread_barrier_init(&world->barrier, NULL, h->nb_lanes);
}

static void
open_workers(
	struct world *world, int16_t dev, uint16_t vchan, enum rte_dma_direction dir, uint64_t ops)
{
	for (unsigned int i = 0; i < world->history.nb_lanes; i++) {
		struct worker *w = &world->worker[i];
		struct lane *l = &w->lane;

		w->world = world;
		w->number = i;
		l->dev = dev;
		l->vchan = vchan;
		l->number = (uint16_t)(vchan * LANES + i);
		l->target = ops;
		lane_open(l, dir, fuzz_seed);
		l->deadline = rte_get_timer_cycles() + (10 + ops / 10000) * rte_get_timer_hz();
	}
}

static uint64_t
close_world(struct world *world, const char **wrong)
{
	for (unsigned int i = 0; i < world->history.nb_lanes; i++) {
		if (*wrong == NULL && world->worker[i].lane.wrong[0] != '\0')
			*wrong = world->worker[i].lane.wrong;
		lane_close(&world->worker[i].lane);
	}
	pthread_barrier_destroy(&world->barrier);
	return world->history.tally.sent;
}

static void
run(const char *more, bool injects, const enum rte_dma_direction dir[VCHANS], uint64_t ops)
{
	static const uint16_t descs[VCHANS] = {64, 1024};
	static struct world worlds[VCHANS];
	const struct rte_dma_conf conf = {.nb_vchans = VCHANS};
	pthread_t thread[VCHANS][LANES];
	char args[1024], inject[512] = "";
	const char *wrong = NULL;
	uint64_t sent = 0, failed = 0, skipped = 0;

	for (uint16_t v = 0; v < VCHANS; v++) {
		open_world(&worlds[v], v, injects);
		rules_print(&worlds[v].history, v, inject, sizeof(inject));
	}
	snprintf(args, sizeof(args), "%s%s%s%s", test_args(), more, injects ? ",inject=" : "",
		inject);
	int16_t dev = test_plug_with(args);
	assert_int_equal(rte_dma_configure(dev, &conf), 0);
	for (uint16_t v = 0; v < VCHANS; v++)
		assert_int_equal(test_setup_direction(dev, v, descs[v], dir[v]), 0);
	assert_int_equal(rte_dma_start(dev), 0);
	for (uint16_t v = 0; v < VCHANS; v++)
		open_workers(&worlds[v], dev, v, dir[v], ops / VCHANS);
	for (uint16_t v = 0; v < VCHANS; v++)
		for (unsigned int i = 0; i < worlds[v].history.nb_lanes; i++)
			test_thread(&thread[v][i], worker_main, &worlds[v].worker[i]);
	for (uint16_t v = 0; v < VCHANS; v++) {
		const struct tally *t = &worlds[v].history.tally;

		for (unsigned int i = 0; i < worlds[v].history.nb_lanes; i++)
			pthread_join(thread[v][i], NULL);
		sent += close_world(&worlds[v], &wrong);
		skipped += t->status[RTE_DMA_STATUS_NOT_ATTEMPTED];
		failed += t->sent - t->status[0];
	}
	if (wrong != NULL)
		fail_msg("%s", wrong);
	print_message("%llu operations, %llu of them with an error, %llu of these not attempted\n",
		(unsigned long long)sent, (unsigned long long)failed, (unsigned long long)skipped);
	assert_true(sent >= ops / VCHANS * VCHANS);
	test_close(dev);
}

#define M2M RTE_DMA_DIR_MEM_TO_MEM

static const enum rte_dma_direction memory[VCHANS] = {M2M, M2M};

static void
operations_of_threads_that_share_a_vchan_agree_with_a_model(void **state)
{
	(void)state;
	if (!has("mt=1"))
		skip();
	run("", false, memory, fuzz_operations);
}

static void
those_of_a_device_with_memory_or_that_halts_too(void **state)
{
	static const enum rte_dma_direction mixed[VCHANS] = {
		RTE_DMA_DIR_MEM_TO_DEV, RTE_DMA_DIR_DEV_TO_DEV};

	(void)state;
	if (!has("mt=1"))
		skip();
	run(",window=6M", false, mixed, fuzz_operations / 8);
	run(",halt=1", false, memory, fuzz_operations / 8);
}

static void
operations_that_shall_fail_do_and_no_others(void **state)
{
	(void)state;
	run("", true, memory, fuzz_operations / 4);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(operations_of_threads_that_share_a_vchan_agree_with_a_model),
	cmocka_unit_test(those_of_a_device_with_memory_or_that_halts_too),
	cmocka_unit_test(operations_that_shall_fail_do_and_no_others),
};

FUZZ_MAIN(tests, DEFAULT_OPS)
