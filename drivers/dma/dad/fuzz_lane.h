/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_LANE_H
#define FUZZ_LANE_H

/*
 * A lane of the fuzz tests: memory of its own for random operations, of any direction, and a model
 * of what it should be.
 *
 * The device may do operations in any order unless fenced. So an operation that touches what one
 * before it, since the last fence, has written (or writes what it has read) is fenced; all others
 * are fenced at random only. Everything else is as wild as the API allows.
 */

#include "dad_internal.h"
#include "test_device.h"

#define ARENA	     (1u << 20)
#define FOREIGN_SIZE 8192
#define WINDOW	     48 /* operations since the last fence */
#define RANGES	     8

/* Where source and destination overlap in part. What such an operation leaves in its destination is
 * undefined, but made of bytes of its source: here they all have the same upper half, ever. */
#define BLUR	 (1u << 19)
#define BLUR_TOP 0xa0

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
	uint16_t vchan, number; /* of all lanes of the device */
	uint64_t seed, target;
	bool sva, silent;
	bool src_dev, dst_dev; /* the device's side: addresses are offsets in its window */
	/* the device's memory, what it should be, and memory of the C library */
	uint8_t *arena, *model, *scratch, *foreign;
	/* what it was when last looked at, and which bytes may have changed since */
	uint8_t *blur, *blur_model, *blurred;
	/* the lane's part of the window, what it should be, and where it begins */
	uint8_t *window_part, *window_model;
	uint64_t window_at, window_size;
	rte_iova_t arena_iova, scratch_iova,
		blur_iova; /* to ask is a system call, with physical ones */
	/* since the last fence */
	struct op window[WINDOW];
	unsigned int in_window;
	uint64_t sent;
	uint64_t deadline;
	char wrong[200];
};

static inline uint64_t
rnd(struct lane *l)
{
	/* xorshift */
	l->seed ^= l->seed << 13;
	l->seed ^= l->seed >> 7;
	l->seed ^= l->seed << 17;
	return l->seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static inline uint32_t
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

/* Of a side: addresses, and what should be there. */
static inline uint64_t
address_of(const struct lane *l, bool dev, uint32_t at)
{
	return dev ? l->window_at + at : l->arena_iova + at;
}

static inline uint8_t *
model_of(const struct lane *l, bool dev)
{
	return dev ? l->window_model : l->model;
}

/* Offsets of both sides in one order: the device's after those of memory. */
static inline struct range
range_of(bool dev, uint32_t at, uint32_t len)
{
	return (struct range){at + (dev ? ARENA : 0), len};
}

/* ---- order ---------------------------------------------------------------------------------- */

static inline bool
overlap(const struct range *a, unsigned int na, const struct range *b, unsigned int nb)
{
	for (unsigned int i = 0; i < na; i++)
		for (unsigned int j = 0; j < nb; j++)
			if (a[i].from < b[j].from + b[j].len && b[j].from < a[i].from + a[i].len)
				return true;
	return false;
}

static inline bool
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

/* A fence where the model needs one, and elsewhere; and a submit now and then. */
static inline uint64_t
random_flags(struct lane *l, const struct op *op)
{
	uint64_t flags = 0;

	if (needs_fence(l, op) || below(l, 50) == 0)
		flags |= RTE_DMA_OP_FLAG_FENCE;
	if (below(l, 20) == 0)
		flags |= RTE_DMA_OP_FLAG_SUBMIT;
	return flags;
}

/* ---- memory --------------------------------------------------------------------------------- */

static inline void
lane_fill(struct lane *l, uint8_t *a, uint8_t *b, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		a[i] = b[i] = (uint8_t)rnd(l);
}

/* Memory of the lane, and of its part of the window if there is one. */
static inline void
lane_open(struct lane *l, enum rte_dma_direction direction, uint64_t seed)
{
	const struct dad_dev *d = rte_dma_fp_objs[l->dev].dev_private;
	const struct dad_window *w = &d->model.window;
	struct rte_dma_info info;

	assert_int_equal(rte_dma_info_get(l->dev, &info), 0);
	l->sva = info.dev_capa & RTE_DMA_CAPA_SVA;
	l->src_dev = direction == RTE_DMA_DIR_DEV_TO_MEM || direction == RTE_DMA_DIR_DEV_TO_DEV;
	l->dst_dev = direction == RTE_DMA_DIR_MEM_TO_DEV || direction == RTE_DMA_DIR_DEV_TO_DEV;
	l->seed = (seed + l->number) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	/* each in one hugepage: contiguous whatever the mode */
	l->arena = rte_zmalloc(NULL, ARENA, ARENA);
	l->blur = rte_zmalloc(NULL, BLUR, BLUR);
	l->scratch = rte_malloc(NULL, SCRATCH + GUARD, 32768);
	l->model = malloc(ARENA);
	l->window_model = malloc(ARENA);
	l->foreign = malloc(FOREIGN_SIZE);
	l->blur_model = malloc(BLUR);
	l->blurred = calloc(1, BLUR);
	assert_true(l->arena && l->blur && l->scratch && l->model && l->window_model);
	assert_true(l->foreign && l->blur_model && l->blurred);
	memset(l->scratch, 0xa5, SCRATCH + GUARD);
	l->arena_iova = iova(l->arena);
	l->blur_iova = iova(l->blur);
	l->scratch_iova = iova(l->scratch);
	lane_fill(l, l->arena, l->model, ARENA);
	lane_fill(l, l->foreign, l->foreign, FOREIGN_SIZE);
	for (uint32_t i = 0; i < BLUR; i++)
		l->blur[i] = l->blur_model[i] = BLUR_TOP | below(l, 16);
	if (w->size == 0)
		return;
	l->window_size = w->size;
	l->window_at = (uint64_t)l->number * ARENA;
	l->window_part = w->base + l->window_at;
	lane_fill(l, l->window_part, l->window_model, ARENA);
}

static inline void
lane_close(struct lane *l)
{
	rte_free(l->arena);
	rte_free(l->blur);
	rte_free(l->scratch);
	free(l->model);
	free(l->window_model);
	free(l->foreign);
	free(l->blur_model);
	free(l->blurred);
}

/* Nothing is in flight: is all memory as it should be? */
static inline bool
lane_agrees(struct lane *l)
{
	uint8_t wrong = 0;

	agree(memcmp(l->arena, l->model, ARENA) == 0);
	if (l->window_part != NULL)
		agree(memcmp(l->window_part, l->window_model, ARENA) == 0);
	for (unsigned int i = 0; i < GUARD; i++)
		agree(l->scratch[SCRATCH + i] == 0xa5);
	for (uint32_t i = 0; i < BLUR; i++)
		wrong |= l->blurred[i] ? (l->blur[i] ^ BLUR_TOP) & 0xf0
				       : l->blur[i] ^ l->blur_model[i];
	agree(wrong == 0);
	memcpy(l->blur_model, l->blur, BLUR);
	memset(l->blurred, 0, BLUR);
	return true;
}

/* ---- statistics ----------------------------------------------------------------------------- */

/* What a vchan should count. */
struct tally {
	uint64_t sent, ops[DAD_STAT_OPCODES], bytes[DAD_STAT_OPCODES], nospace;
	uint64_t status[DAD_STAT_CODES];
};

/* An operation whose status is known. */
static inline void
tally_add(struct tally *t, unsigned int opcode, uint32_t len, unsigned int status)
{
	t->sent++;
	t->status[status]++;
	t->ops[opcode] += status != RTE_DMA_STATUS_NOT_ATTEMPTED;
	if (status == RTE_DMA_STATUS_SUCCESSFUL)
		t->bytes[opcode] += len;
}

/* Nothing is in flight: does the driver say the same? */
static inline bool
tally_agrees(struct lane *l, const struct tally *t)
{
	const struct dad_dev *d = rte_dma_fp_objs[l->dev].dev_private;
	uint64_t x[DAD_XSTAT_MAX] = {0};
	struct rte_dma_stats stats;

	agree(rte_dma_stats_get(l->dev, l->vchan, &stats) == 0);
	agree(stats.submitted == t->sent && stats.completed == t->sent);
	agree(stats.errors == t->sent - t->status[0]);
	dad_stat_get(&d->vchan[l->vchan], x);
	for (unsigned int op = 0; op < DAD_STAT_OPCODES; op++) {
		agree(x[DAD_XSTAT_OPS + op] == t->ops[op]);
		agree(x[DAD_XSTAT_BYTES + op] == t->bytes[op]);
	}
	agree(x[DAD_XSTAT_NOSPACE] == t->nospace);
	/* in silence they are counted when slots are taken back */
	for (unsigned int code = 1; !l->silent && code < DAD_STAT_CODES; code++)
		agree(x[DAD_XSTAT_ERRORS + code] == t->status[code]);
	return true;
}

/* ---- the program ---------------------------------------------------------------------------- */

/* Operations of each kind of run, and where random numbers begin: [OPERATIONS [SEED]]. */
static uint64_t fuzz_operations, fuzz_seed = 1;

#define FUZZ_MAIN(tests, default_operations)                                                       \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		fuzz_operations = argc > 1 ? strtoull(argv[1], NULL, 10) : (default_operations);   \
		if (argc > 2)                                                                      \
			fuzz_seed = strtoull(argv[2], NULL, 10);                                   \
		int ret = eal_test_init(argv[0]);                                                  \
                                                                                                   \
		if (ret == 0 && !test_can_run())                                                   \
			return EAL_TEST_SKIP;                                                      \
		if (ret == 0) {                                                                    \
			ret = cmocka_run_group_tests(tests, NULL, NULL);                           \
			rte_eal_cleanup();                                                         \
		}                                                                                  \
		return ret;                                                                        \
	}

#endif /* FUZZ_LANE_H */
