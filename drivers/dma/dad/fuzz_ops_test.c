/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random operations on several vchans, one thread each, beside a model in plain C: every byte,
 * every status, every index and every count agrees.
 *
 * The device may do operations in any order unless fenced. So an operation that touches what one
 * before it, since the last fence, has written (or writes what it has read) is fenced; all others
 * are fenced at random only. Everything else is as wild as the API allows.
 *
 * fuzz_ops_test [OPERATIONS [SEED]]: in all; default some, for a short run.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "test_device.h"

#define VCHANS	     3
#define ARENA	     (1u << 20)
#define FOREIGN_SIZE 8192
#define WINDOW	     48 /* operations since the last fence */
#define RANGES	     8
#define DEFAULT_OPS  600000

/* At a place of its own, after which nothing may have been written. */
#define SCRATCH 16384
#define GUARD	256

struct range {
	uint32_t from, len;
};

struct op {
	unsigned int nb_reads, nb_writes;
	struct range reads[RANGES], writes[RANGES];
};

struct lane {
	int16_t dev;
	uint16_t vchan;
	uint64_t seed, target;
	bool sva;
	/* the device's memory, what it should be, and memory of the C library */
	uint8_t *arena, *model, *scratch, *foreign;
	rte_iova_t arena_iova, scratch_iova; /* to ask is a system call, with physical ones */
	/* since the last fence */
	struct op window[WINDOW];
	unsigned int in_window;
	/* what was enqueued and not yet reported, by index */
	uint8_t expected[65536];
	uint64_t sent, submitted, reported, errors;
	bool batch_failed, batch_poisoned;
	uint64_t deadline;
	char wrong[200];
};

static uint64_t
rnd(struct lane *l)
{
	/* xorshift */
	l->seed ^= l->seed << 13;
	l->seed ^= l->seed >> 7;
	l->seed ^= l->seed << 17;
	return l->seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static uint32_t
below(struct lane *l, uint32_t n)
{
	return (uint32_t)(rnd(l) % n);
}

#define agree(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			if (l->wrong[0] == '\0')                                                   \
				snprintf(l->wrong, sizeof(l->wrong),                               \
					"line %d: %s, after %llu operations of vchan %u",          \
					__LINE__, #condition, (unsigned long long)l->sent,         \
					l->vchan);                                                 \
			return false;                                                              \
		}                                                                                  \
	} while (0)

/* ---- order ---------------------------------------------------------------------------------- */

static bool
overlap(const struct range *a, unsigned int na, const struct range *b, unsigned int nb)
{
	for (unsigned int i = 0; i < na; i++)
		for (unsigned int j = 0; j < nb; j++)
			if (a[i].from < b[j].from + b[j].len && b[j].from < a[i].from + a[i].len)
				return true;
	return false;
}

static bool
needs_fence(const struct lane *l, const struct op *op)
{
	for (unsigned int i = 0; i < l->in_window; i++) {
		const struct op *before = &l->window[i];

		if (overlap(op->writes, op->nb_writes, before->writes, before->nb_writes) ||
			overlap(op->writes, op->nb_writes, before->reads, before->nb_reads) ||
			overlap(op->reads, op->nb_reads, before->writes, before->nb_writes))
			return true;
	}
	return l->in_window == WINDOW;
}

/* ---- completions ---------------------------------------------------------------------------- */

/* Take some. False: something does not agree. */
static bool
reap(struct lane *l)
{
	enum rte_dma_status_code status[64];
	uint16_t ask = (uint16_t)below(l, 65), last = 0, n;
	bool error = false;

	if (below(l, 2)) {
		n = rte_dma_completed(l->dev, l->vchan, ask, &last, &error);
		agree(n <= ask);
		for (uint16_t i = 0; i < n; i++)
			agree(l->expected[(uint16_t)(l->reported + i)] == 0);
		if (error)
			agree(l->expected[(uint16_t)(l->reported + n)] != 0);
	} else {
		n = rte_dma_completed_status(l->dev, l->vchan, ask, &last, status);
		agree(n <= ask);
		for (uint16_t i = 0; i < n; i++) {
			agree(status[i] == l->expected[(uint16_t)(l->reported + i)]);
			l->errors += status[i] != 0;
		}
	}
	l->reported += n;
	agree(l->reported <= l->submitted);
	agree(last == (uint16_t)(l->reported - 1));
	return true;
}

static void
submit(struct lane *l)
{
	rte_dma_submit(l->dev, l->vchan);
	l->submitted = l->sent;
	l->batch_failed = l->batch_poisoned = false;
}

/* All is done: compare. */
static bool
settle(struct lane *l)
{
	struct rte_dma_stats stats;

	submit(l);
	while (l->reported < l->sent) {
		uint64_t before = l->reported;

		if (!reap(l))
			return false;
		agree(rte_get_timer_cycles() < l->deadline);
		if (l->reported == before)
			sched_yield();
	}
	l->in_window = 0;
	agree(memcmp(l->arena, l->model, ARENA) == 0);
	for (unsigned int i = 0; i < GUARD; i++)
		agree(l->scratch[SCRATCH + i] == 0xa5);
	agree(rte_dma_stats_get(l->dev, l->vchan, &stats) == 0);
	agree(stats.submitted == l->sent && stats.completed == l->sent);
	agree(stats.errors == l->errors);
	return true;
}

/* ---- operations ----------------------------------------------------------------------------- */

static uint32_t
any_length(struct lane *l)
{
	switch (below(l, 1000)) {
	case 0:
		return 1 + below(l, ARENA / 3); /* some are shared by workers */
	case 1 ... 9:
		return 1 + below(l, 40000);
	case 10 ... 99:
		return 1 + below(l, 5000);
	case 100 ... 399:
		return 1 + below(l, 600);
	default:
		return 1 + below(l, 130);
	}
}

/* Two ranges of the arena that have nothing in common. */
static void
two_ranges(struct lane *l, uint32_t len, uint32_t *from, uint32_t *to)
{
	/* mostly in a small part, so that operations meet */
	uint32_t space = below(l, 4) == 0 || len > 8192 ? ARENA : 65536;

	do {
		*from = below(l, space - len + 1);
		*to = below(l, space - len + 1);
	} while (*from < *to + len && *to < *from + len);
}

/* Cut [at, at + len) into n entries, some empty. */
static void
cut(struct lane *l, uint64_t at, uint32_t len, struct rte_dma_sge *list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint32_t part = i + 1 == n ? len : below(l, len + 1);

		list[i] = (struct rte_dma_sge){at, part};
		at += part;
		len -= part;
	}
}

/* Addresses that are nowhere, in any mode, for any length used here. */
static uint64_t
nowhere(struct lane *l)
{
	static const uint64_t all[] = {0, 8, 4096, UINT64_C(0x800000000000),
		UINT64_C(0x123456789abcdef0), UINT64_MAX - (1u << 22)};

	return all[below(l, RTE_DIM(all))];
}

struct request {
	enum { REQ_COPY, REQ_FILL, REQ_SG } kind;
	uint64_t src, dst, pattern;
	uint32_t len;
	struct rte_dma_sge from[64], to[64];
	uint16_t nb_from, nb_to;
	enum rte_dma_status_code status; /* if it is attempted */
	uint32_t model_from, model_to;	 /* in the arena */
	bool from_foreign, to_scratch;
};

static void
make_bad(struct lane *l, struct request *r)
{
	bool bad_src = r->kind != REQ_FILL && below(l, 2);

	if (r->kind == REQ_SG) {
		switch (below(l, 4)) {
		case 0: /* sums differ */
			r->to[r->nb_to - 1].length++;
			r->status = RTE_DMA_STATUS_INVALID_LENGTH;
			return;
		case 1: /* in the middle: bytes before may have been moved */
			r->to_scratch = true;
			r->len = RTE_MIN(r->len, (uint32_t)SCRATCH);
			cut(l, l->arena_iova + r->model_from, r->len, r->from, r->nb_from);
			cut(l, l->scratch_iova, r->len, r->to, r->nb_to);
			break;
		default: /* at the front: nothing was moved */
			r->nb_from = r->nb_to = 1;
			cut(l, r->src, r->len, r->from, 1);
			cut(l, r->dst, r->len, r->to, 1);
		}
		struct rte_dma_sge *list = bad_src ? r->from : r->to;
		unsigned int n = bad_src ? r->nb_from : r->nb_to;
		unsigned int i = below(l, n);

		while (list[i].length == 0)
			i = (i + 1) % n;
		list[i].addr = nowhere(l);
	} else if (below(l, 8) == 0) { /* wraps */
		r->len = RTE_MAX(r->len, 2u);
		*(bad_src ? &r->src : &r->dst) = UINT64_MAX - below(l, r->len - 1);
		r->status = RTE_DMA_STATUS_INVALID_LENGTH;
		return;
	} else {
		*(bad_src ? &r->src : &r->dst) = nowhere(l);
	}
	r->status = bad_src ? RTE_DMA_STATUS_INVALID_SRC_ADDR : RTE_DMA_STATUS_INVALID_DST_ADDR;
}

static void
make_request(struct lane *l, struct request *r)
{
	r->kind = below(l, 100) < 60 ? REQ_COPY : below(l, 2) ? REQ_FILL : REQ_SG;
	r->len = any_length(l);
	r->status = RTE_DMA_STATUS_SUCCESSFUL;
	r->from_foreign = r->to_scratch = false;
	r->pattern = rnd(l) ^ rnd(l) << 40;
	two_ranges(l, r->len, &r->model_from, &r->model_to);
	r->src = l->arena_iova + r->model_from;
	r->dst = l->arena_iova + r->model_to;
	r->nb_from = (uint16_t)(below(l, 4) ? 1 + below(l, 4) : 1 + below(l, 64));
	r->nb_to = (uint16_t)(below(l, 4) ? 1 + below(l, 4) : 1 + below(l, 64));
	if (r->kind == REQ_SG) {
		cut(l, r->src, r->len, r->from, r->nb_from);
		cut(l, r->dst, r->len, r->to, r->nb_to);
	}
	if (below(l, 40) == 0) {
		make_bad(l, r);
	} else if (r->kind == REQ_COPY && r->len < FOREIGN_SIZE && below(l, 200) == 0) {
		/* memory of the C library: with SVA it is as good as any */
		r->from_foreign = true;
		r->src = (uintptr_t)l->foreign;
		if (!l->sva)
			r->status = RTE_DMA_STATUS_INVALID_SRC_ADDR;
	}
}

static int
enqueue(struct lane *l, struct request *r, uint64_t flags)
{
	switch (r->kind) {
	case REQ_COPY:
		return rte_dma_copy(l->dev, l->vchan, r->src, r->dst, r->len, flags);
	case REQ_FILL:
		return rte_dma_fill(l->dev, l->vchan, r->pattern, r->dst, r->len, flags);
	default:
		return rte_dma_copy_sg(
			l->dev, l->vchan, r->from, r->to, r->nb_from, r->nb_to, flags);
	}
}

/* What plain C makes of it. */
static void
apply(struct lane *l, const struct request *r)
{
	uint8_t *to = l->model + r->model_to;

	if (r->kind != REQ_FILL) {
		memcpy(to, r->from_foreign ? l->foreign : l->model + r->model_from, r->len);
		return;
	}
	for (uint32_t i = 0; i < r->len; i++)
		to[i] = (uint8_t)(r->pattern >> i % 8 * 8);
}

static bool
one_operation(struct lane *l)
{
	struct request r;
	struct op op = {0};
	uint64_t flags = 0;

	make_request(l, &r);
	/* one that fails may have read and written all the same */
	if (r.kind != REQ_FILL)
		op.reads[op.nb_reads++] = (struct range){r.model_from, r.len};
	if (!r.to_scratch)
		op.writes[op.nb_writes++] = (struct range){r.model_to, r.len};
	if (needs_fence(l, &op) || below(l, 50) == 0)
		flags |= RTE_DMA_OP_FLAG_FENCE;
	if (below(l, 20) == 0)
		flags |= RTE_DMA_OP_FLAG_SUBMIT;
	if (below(l, 20) == 0)
		flags |= RTE_DMA_OP_FLAG_LLC;

	int index = enqueue(l, &r, flags);
	if (index == -ENOSPC) {
		/* an empty ring takes anything */
		agree(l->sent > l->reported);
		submit(l);
		return reap(l);
	}
	agree(index == (int)(uint16_t)l->sent);

	enum rte_dma_status_code status = r.status;
	if (flags & RTE_DMA_OP_FLAG_FENCE) {
		l->batch_poisoned |= l->batch_failed;
		l->in_window = 0;
	}
	if (l->batch_poisoned)
		status = RTE_DMA_STATUS_NOT_ATTEMPTED;
	l->batch_failed |= status != RTE_DMA_STATUS_SUCCESSFUL;
	l->window[l->in_window++] = op;
	l->expected[(uint16_t)l->sent++] = (uint8_t)status;
	if (status == RTE_DMA_STATUS_SUCCESSFUL)
		apply(l, &r);
	if (flags & RTE_DMA_OP_FLAG_SUBMIT) {
		l->submitted = l->sent;
		l->batch_failed = l->batch_poisoned = false;
	}
	return true;
}

/* A length of 0, and lists of wrong length, are refused at once, and leave no trace. */
static bool
refused(struct lane *l)
{
	struct rte_dma_sge list[65] = {{l->arena_iova, 1}};
	const uint16_t room = rte_dma_burst_capacity(l->dev, l->vchan);

	agree(rte_dma_copy(l->dev, l->vchan, l->arena_iova, l->arena_iova, 0, 0) == -EINVAL);
	agree(rte_dma_fill(l->dev, l->vchan, 1, l->arena_iova, 0, 0) == -EINVAL);
	agree(rte_dma_copy_sg(l->dev, l->vchan, list, list, 0, 1, 0) == -EINVAL);
	agree(rte_dma_copy_sg(l->dev, l->vchan, list, list, 1, 65, 0) == -EINVAL);
	agree(rte_dma_burst_capacity(l->dev, l->vchan) == room);
	return true;
}

static void *
lane_main(void *arg)
{
	struct lane *l = arg;

	while (l->sent < l->target) {
		uint32_t what = below(l, 1000);
		bool ok = true;

		if (what < 60) {
			submit(l);
		} else if (what < 200) {
			ok = reap(l);
		} else if (what == 200) {
			ok = refused(l);
		} else {
			ok = one_operation(l);
		}
		if (!ok || (l->sent % 5000 == 0 && l->sent > 0 && !settle(l)))
			return NULL;
	}
	settle(l);
	return NULL;
}

static uint64_t operations = DEFAULT_OPS, first_seed = 1;

static void
random_operations_agree_with_a_model(void **state)
{
	static const uint16_t descs[VCHANS] = {32, 256, 4096};
	static struct lane lane[VCHANS];
	pthread_t thread[VCHANS];
	struct rte_dma_info info;
	int16_t dev = test_plug_with(test_args());
	uint64_t sent = 0, errors = 0;

	(void)state;
	test_configure(dev, VCHANS, 32);
	for (uint16_t v = 0; v < VCHANS; v++) {
		const struct rte_dma_vchan_conf conf = {
			.direction = RTE_DMA_DIR_MEM_TO_MEM, .nb_desc = descs[v]};

		assert_int_equal(rte_dma_vchan_setup(dev, v, &conf), 0);
	}
	assert_int_equal(rte_dma_start(dev), 0);
	assert_int_equal(rte_dma_info_get(dev, &info), 0);
	for (uint16_t v = 0; v < VCHANS; v++) {
		struct lane *l = &lane[v];

		*l = (struct lane){.dev = dev, .vchan = v, .target = operations / VCHANS};
		l->seed = (first_seed + v) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		l->sva = info.dev_capa & RTE_DMA_CAPA_SVA;
		/* in one hugepage: contiguous whatever the mode */
		l->arena = rte_zmalloc(NULL, ARENA, ARENA);
		l->scratch = rte_malloc(NULL, SCRATCH + GUARD, 32768);
		l->model = malloc(ARENA);
		l->foreign = malloc(FOREIGN_SIZE);
		assert_true(l->arena && l->scratch && l->model && l->foreign);
		memset(l->scratch, 0xa5, SCRATCH + GUARD);
		l->arena_iova = iova(l->arena);
		l->scratch_iova = iova(l->scratch);
		for (unsigned int i = 0; i < ARENA; i++)
			l->arena[i] = l->model[i] = (uint8_t)rnd(l);
		for (unsigned int i = 0; i < FOREIGN_SIZE; i++)
			l->foreign[i] = (uint8_t)rnd(l);
		l->deadline =
			rte_get_timer_cycles() + (10 + operations / 20000) * rte_get_timer_hz();
		test_thread(&thread[v], lane_main, l);
	}
	for (uint16_t v = 0; v < VCHANS; v++) {
		struct lane *l = &lane[v];

		pthread_join(thread[v], NULL);
		sent += l->sent;
		errors += l->errors;
		rte_free(l->arena);
		rte_free(l->scratch);
		free(l->model);
		free(l->foreign);
	}
	for (uint16_t v = 0; v < VCHANS; v++)
		if (lane[v].wrong[0] != '\0')
			fail_msg("%s", lane[v].wrong);
	print_message("%llu operations, %llu of them with an error\n", (unsigned long long)sent,
		(unsigned long long)errors);
	assert_true(sent >= operations / VCHANS * VCHANS);
	test_close(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(random_operations_agree_with_a_model),
};

int
main(int argc, char **argv)
{
	if (argc > 1)
		operations = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 10);
	int ret = eal_test_init(argv[0]);

	if (ret == 0 && !test_can_run())
		return EAL_TEST_SKIP;
	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		rte_eal_cleanup();
	}
	return ret;
}
