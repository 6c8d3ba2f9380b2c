/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "iova.h"
#include "test_alloc.h"
#include "test_random.h"
#include "test_thread.h"

#define SHIFT	 12u
#define GRANULE	 (UINT64_C(1) << SHIFT)
#define GIB	 (UINT64_C(1) << 30)
#define ANYWHERE UINT64_MAX
/* more than the magazines of an lcore have room for: the depot gets some */
#define MANY	 2500u

static uint64_t
used_of(struct dad_iova *a)
{
	struct dad_iova_stats stats;

	dad_iova_stats(a, &stats);
	return stats.used;
}

/* ---- against an oracle --------------------------------------------------------------------- */

#define WORLD_MAX 65536u

struct live {
	uint64_t addr;
	uint64_t size;
};

struct world {
	struct dad_iova *a;
	uint64_t base;
	uint64_t n; /* granules */
	bool taken[WORLD_MAX];
	uint64_t n_taken;
	struct live live[WORLD_MAX];
	unsigned int n_live;
};

static struct world world;

/* Is there a free run of n granules at an aligned address, its last byte at most at limit? */
static bool
has_room(const struct world *w, uint64_t size, uint64_t align, uint64_t limit)
{
	uint64_t n = (size + GRANULE - 1) / GRANULE, run = 0;

	for (uint64_t i = w->n; i-- > 0;) {
		uint64_t addr = w->base + i * GRANULE;

		run = w->taken[i] ? 0 : run + 1;
		if (run >= n && (addr & (align - 1)) == 0 && addr <= limit &&
			size - 1 <= limit - addr)
			return true;
	}
	return false;
}

static void
one_alloc(struct world *w, uint64_t size, uint64_t align, uint64_t limit)
{
	rte_errno = 0;
	dad_dma_addr_t addr = dad_iova_alloc(w->a, size, align, limit);

	if (addr == DAD_DMA_MAPPING_ERROR) {
		assert_int_equal(rte_errno, ENOSPC);
		assert_false(has_room(w, size, align, limit));
		return;
	}
	uint64_t first = (addr - w->base) / GRANULE, n = (size + GRANULE - 1) / GRANULE;

	assert_true(addr >= w->base && first + n <= w->n);
	assert_true((addr & (align - 1)) == 0 && (addr & (GRANULE - 1)) == 0);
	assert_true(addr <= limit && size - 1 <= limit - addr);
	for (uint64_t i = first; i < first + n; i++) {
		assert_false(w->taken[i]);
		w->taken[i] = true;
	}
	w->n_taken += n;
	w->live[w->n_live++] = (struct live){.addr = addr, .size = size};
}

static void
one_free(struct world *w)
{
	struct live *live = &w->live[below(w->n_live)];
	uint64_t first = (live->addr - w->base) / GRANULE;
	uint64_t n = (live->size + GRANULE - 1) / GRANULE;

	memset(&w->taken[first], 0, n);
	w->n_taken -= n;
	dad_iova_free(w->a, live->addr, live->size);
	*live = w->live[--w->n_live];
}

static uint64_t
some_size(const struct world *w)
{
	switch (below(16)) {
	case 0:
		return (1 + below(w->n / 2)) * GRANULE; /* long runs, of no magazine */
	case 1:
	case 2:
		return 1 + below(40 * GRANULE);
	default:
		return GRANULE << below(4);
	}
}

static uint64_t
some_limit(const struct world *w)
{
	switch (below(8)) {
	case 0:
		return w->base + below(w->n * GRANULE);
	case 1:
		return w->base + w->n * GRANULE / 2 - 1;
	default:
		return ANYWHERE;
	}
}

static unsigned int played; /* operations, in all tests together */

/* From nearly empty to nearly full and back, on changing lcores; ENOSPC only when it is true. */
static void
play(uint64_t base, uint64_t n, unsigned int operations, unsigned int period)
{
	static const unsigned int lcores[] = {0, 1, 5, RTE_MAX_LCORE - 1, LCORE_ID_ANY};
	struct world *w = &world;

	memset(w, 0, sizeof(*w));
	w->base = base;
	w->n = n;
	w->a = dad_iova_create(base, n * GRANULE, SHIFT, SOCKET_ID_ANY);
	assert_non_null(w->a);
	random_state = base ^ n ^ operations;
	for (unsigned int i = 0; i < operations; i++) {
		bool filling = i / period % 2 == 0;

		be_lcore(lcores[below(5)]);
		if (w->n_live > 0 && below(16) < (filling ? 6 : 9))
			one_free(w);
		else
			one_alloc(w, some_size(w), GRANULE << (below(4) == 0 ? below(7) : 0),
				some_limit(w));
		if (i % 100000 == 0)
			assert_int_equal(used_of(w->a), w->n_taken);
	}
	played += operations;
	while (w->n_live > 0)
		one_free(w);
	assert_int_equal(used_of(w->a), 0);
	/* what the magazines hold comes back, and grows together again */
	assert_int_equal(dad_iova_alloc(w->a, n * GRANULE, 0, ANYWHERE), base);
	dad_iova_destroy(w->a);
}

static void
agrees_with_an_oracle_below_4_gib(void **state)
{
	(void)state;
	play(0, 512, 3000000, 1000);
	play(5 * GRANULE, 333, 1000000, 500);
}

static void
agrees_with_an_oracle_above_4_gib(void **state)
{
	(void)state;
	play(4 * GIB, 512, 2000000, 1000);
	play(-77 * GRANULE, 77, 500000, 300);
}

static void
agrees_with_an_oracle_across_4_gib(void **state)
{
	(void)state;
	play(4 * GIB - 200 * GRANULE, 512, 2500000, 1000);
	play(4 * GIB - 64 * GRANULE, 65, 500000, 300);
}

static void
agrees_with_an_oracle_in_a_28_bit_window(void **state)
{
	(void)state;
	play(0, 65536, 500000, 50000);
}

static void
there_were_ten_million_operations(void **state)
{
	(void)state;
	assert_true(played >= 10000000);
}

/* ---- limits, alignment, holes --------------------------------------------------------------- */

/* Magazines full of high addresses serve nobody who cannot reach them. */
static void
a_limit_holds_whatever_was_freed_before(void **state)
{
	struct dad_iova *a = dad_iova_create(0, 64 * GIB, SHIFT, 0);
	dad_dma_addr_t addr[1000];

	(void)state;
	be_lcore(3);
	for (unsigned int i = 0; i < 1000; i++) {
		addr[i] = dad_iova_alloc(a, GRANULE, 0, ANYWHERE);
		/* who can reach high addresses gets them */
		assert_true(addr[i] != DAD_DMA_MAPPING_ERROR && addr[i] >= 4 * GIB);
	}
	for (unsigned int i = 0; i < 1000; i++)
		dad_iova_free(a, addr[i], GRANULE);
	for (unsigned int bits = 12; bits <= 40; bits++) {
		uint64_t limit = DAD_DMA_BIT_MASK(bits);
		dad_dma_addr_t got = dad_iova_alloc(a, GRANULE, 0, limit);

		/* the one granule under 12 bits is there the first time */
		assert_true(got <= limit - (GRANULE - 1));
	}
	assert_int_equal(dad_iova_alloc(a, GRANULE, 0, GRANULE - 2), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, ENOSPC);
	assert_int_equal(dad_iova_alloc(a, GRANULE, 0, GRANULE - 1), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, ENOSPC);
	dad_iova_destroy(a);
}

/* The limit is one of bytes: a granule may reach beyond it, what was asked for may not. */
static void
a_limit_within_a_granule_is_exact(void **state)
{
	struct dad_iova *a = dad_iova_create(0, 4 * GRANULE, SHIFT, SOCKET_ID_ANY);

	(void)state;
	assert_int_equal(dad_iova_alloc(a, 100, 0, 2 * GRANULE + 99), 2 * GRANULE);
	assert_int_equal(dad_iova_alloc(a, 100, 0, GRANULE + 98), 0);
	dad_iova_destroy(a);
}

static void
nonsense_is_refused(void **state)
{
	static const struct {
		uint64_t base, size;
		unsigned int shift;
	} bad[] = {
		{0, 0, SHIFT},
		{1, GRANULE, SHIFT},
		{0, GRANULE + 1, SHIFT},
		{-GRANULE, 2 * GRANULE, SHIFT},
		{0, GIB, 7},
		{0, GIB, 31},
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rte_errno = 0;
		assert_null(dad_iova_create(bad[i].base, bad[i].size, bad[i].shift, 0));
		assert_int_equal(rte_errno, EINVAL);
	}
	struct dad_iova *a = dad_iova_create(0, GIB, SHIFT, 0);
	assert_int_equal(dad_iova_alloc(a, 0, 0, ANYWHERE), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, EINVAL);
	assert_int_equal(dad_iova_alloc(a, 1, 3, ANYWHERE), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, EINVAL);
	assert_int_equal(dad_iova_alloc(a, UINT64_MAX, 0, ANYWHERE), DAD_DMA_MAPPING_ERROR);
	assert_int_equal(rte_errno, ENOSPC);
	assert_int_equal(
		dad_iova_alloc(a, 1, UINT64_C(1) << 63, ANYWHERE), 0); /* 0 is aligned to all */
	dad_iova_destroy(a);
	dad_iova_destroy(NULL);
}

static void
a_reserved_range_is_never_handed_out(void **state)
{
	const uint64_t msi = 0xfee00000, msi_size = 0x100000;
	struct dad_iova *a =
		dad_iova_create(4 * GIB - 64 * 1024 * 1024, 80 * 1024 * 1024, SHIFT, 0);
	struct dad_iova_stats stats;
	uint64_t got = 0;

	(void)state;
	be_lcore(0);
	assert_int_equal(dad_iova_reserve(a, msi, msi_size), 0);
	assert_int_equal(dad_iova_reserve(a, msi, 1), -EBUSY);
	/* over the border and over the end, in odd bytes */
	assert_int_equal(dad_iova_reserve(a, 4 * GIB - 1, 2), 0);
	assert_int_equal(dad_iova_reserve(a, 4 * GIB + 16 * 1024 * 1024 - 1, GIB), 0);
	assert_int_equal(dad_iova_reserve(a, 0, GIB), 0);
	assert_int_equal(dad_iova_reserve(a, 0, 0), -EINVAL);
	assert_int_equal(dad_iova_reserve(a, 2, UINT64_MAX), -EINVAL);
	for (;;) {
		dad_dma_addr_t addr = dad_iova_alloc(a, GRANULE, 0, ANYWHERE);

		if (addr == DAD_DMA_MAPPING_ERROR)
			break;
		assert_true(addr + GRANULE <= msi || addr >= msi + msi_size);
		assert_true(addr != 4 * GIB && addr != 4 * GIB - GRANULE);
		got++;
	}
	dad_iova_stats(a, &stats);
	assert_int_equal(stats.granules, 80 * 256);
	assert_int_equal(stats.reserved, 256 + 2 + 1);
	assert_int_equal(stats.used, got);
	assert_int_equal(got, 80 * 256 - stats.reserved);
	dad_iova_destroy(a);
}

static void
what_is_taken_cannot_be_reserved(void **state)
{
	struct dad_iova *a = dad_iova_create(4 * GIB - 8 * GRANULE, 16 * GRANULE, SHIFT, 0);

	(void)state;
	be_lcore(0);
	dad_dma_addr_t low = dad_iova_alloc(a, GRANULE, 0, 4 * GIB - 1);
	dad_dma_addr_t high = dad_iova_alloc(a, GRANULE, 0, ANYWHERE);
	assert_true(low < 4 * GIB && high >= 4 * GIB);
	assert_int_equal(dad_iova_reserve(a, low, 1), -EBUSY);
	assert_int_equal(dad_iova_reserve(a, high, 1), -EBUSY);
	assert_int_equal(dad_iova_reserve(a, 0, ANYWHERE), -EBUSY);
	assert_int_equal(used_of(a), 2);
	/* freed, though it lies in a magazine */
	dad_iova_free(a, low, GRANULE);
	dad_iova_free(a, high, GRANULE);
	assert_int_equal(dad_iova_reserve(a, 0, ANYWHERE), 0);
	assert_int_equal(used_of(a), 0);
	dad_iova_destroy(a);
}

static void
a_wrong_free_is_counted_and_changes_nothing(void **state)
{
	struct dad_iova *a = dad_iova_create(GIB, 6 * GIB, SHIFT, 0);
	struct dad_iova_stats stats;

	(void)state;
	be_lcore(0);
	dad_dma_addr_t low = dad_iova_alloc(a, 64 * GRANULE, 0, 4 * GIB - 1);
	dad_dma_addr_t high = dad_iova_alloc(a, 64 * GRANULE, 0, ANYWHERE);
	dad_iova_free(a, 0, GRANULE);			     /* not in the range */
	dad_iova_free(a, 7 * GIB, GRANULE);		     /* nor this */
	dad_iova_free(a, 7 * GIB - GRANULE, 2 * GRANULE);    /* its end is not */
	dad_iova_free(a, low + 1, GRANULE);		     /* not a granule's */
	dad_iova_free(a, low, 0);			     /* nothing */
	dad_iova_free(a, low - 64 * GRANULE, 128 * GRANULE); /* half of it is free */
	dad_iova_free(a, high, 65 * GRANULE);		     /* another size */
	dad_iova_free(a, high + 64 * GRANULE, 64 * GRANULE); /* not taken */
	dad_iova_stats(a, &stats);
	assert_int_equal(stats.bad_frees, 8);
	assert_int_equal(stats.used, 128);
	dad_iova_free(a, low, 64 * GRANULE);
	dad_iova_free(a, high, 64 * GRANULE);
	dad_iova_stats(a, &stats);
	assert_int_equal(stats.bad_frees, 8);
	assert_int_equal(stats.used, 0);
	dad_iova_destroy(a);
}

static void
the_second_use_comes_from_the_magazine(void **state)
{
	struct dad_iova *a = dad_iova_create(0, GIB, SHIFT, 0);
	struct dad_iova_stats stats;

	(void)state;
	be_lcore(7);
	for (unsigned int i = 0; i < 1000; i++)
		dad_iova_free(a, dad_iova_alloc(a, 3 * GRANULE, 0, ANYWHERE), 3 * GRANULE);
	dad_iova_stats(a, &stats);
	assert_int_equal(stats.allocs, 1000);
	assert_int_equal(stats.frees, 1000);
	assert_int_equal(stats.magazine_hits, 999);
	assert_int_equal(stats.cached, 3);
	assert_int_equal(stats.high_water, 3);
	/* one lcore frees, the other allocates: by way of the depot */
	dad_dma_addr_t addr[MANY];
	for (unsigned int i = 0; i < MANY; i++)
		addr[i] = dad_iova_alloc(a, GRANULE, 0, ANYWHERE);
	for (unsigned int i = 0; i < MANY; i++)
		dad_iova_free(a, addr[i], GRANULE);
	be_lcore(8);
	dad_iova_free(a, dad_iova_alloc(a, GRANULE, 0, ANYWHERE), GRANULE);
	for (unsigned int i = 0; i < 500; i++)
		assert_true(dad_iova_alloc(a, GRANULE, 0, ANYWHERE) != DAD_DMA_MAPPING_ERROR);
	dad_iova_stats(a, &stats);
	assert_true(stats.magazine_hits >= 999 + 499);
	assert_int_equal(stats.high_water, MANY + 3 + 1);
	dad_iova_destroy(a);
}

/* ---- threads ------------------------------------------------------------------------------ */

#define THREADS 5u
#define EACH	40u /* the most that a thread holds */
#define SPACE	(THREADS * EACH)

static uint8_t owner[SPACE];

struct thread {
	pthread_t id;
	unsigned int lcore;
	struct dad_iova *a;
	pthread_barrier_t *start;
	unsigned int rounds;
	unsigned int errors;
};

/* Nobody holds more than a share: so there is always room, wherever it is cached. */
static void *
hold_a_share(void *arg)
{
	struct thread *t = arg;
	dad_dma_addr_t held[EACH];
	unsigned int n = 0;
	uint32_t random = 12345 + t->lcore;

	be_lcore(t->lcore);
	pthread_barrier_wait(t->start);
	for (unsigned int i = 0; i < t->rounds; i++) {
		random = random * 1664525 + 1013904223;
		bool filling = i / EACH % 2 == 0;
		if (n < EACH && (n == 0 || (random >> 16) % 8 < (filling ? 6 : 2))) {
			held[n] = dad_iova_alloc(t->a, GRANULE, 0, ANYWHERE);
			if (held[n] == DAD_DMA_MAPPING_ERROR ||
				__atomic_exchange_n(&owner[held[n] / GRANULE % SPACE], 1,
					__ATOMIC_RELAXED) != 0)
				t->errors++;
			else
				n++;
		} else {
			n--;
			__atomic_store_n(&owner[held[n] / GRANULE % SPACE], 0, __ATOMIC_RELAXED);
			dad_iova_free(t->a, held[n], GRANULE);
		}
	}
	while (n-- > 0) {
		__atomic_store_n(&owner[held[n] / GRANULE % SPACE], 0, __ATOMIC_RELAXED);
		dad_iova_free(t->a, held[n], GRANULE);
	}
	return NULL;
}

static void
threads_share_all_there_is(void **state)
{
	const uint64_t bases[] = {0, 4 * GIB - SPACE / 2 * GRANULE, 8 * GIB};

	(void)state;
	for (unsigned int b = 0; b < 3; b++) {
		struct dad_iova *a = dad_iova_create(bases[b], SPACE * GRANULE, SHIFT, 0);
		struct thread thread[THREADS];
		pthread_barrier_t start;

		pthread_barrier_init(&start, NULL, THREADS);

		for (unsigned int i = 0; i < THREADS; i++) {
			/* the last two are no lcores */
			thread[i] = (struct thread){.a = a,
				.start = &start,
				.rounds = 400000,
				.lcore = i < THREADS - 2 ? i : LCORE_ID_ANY};
			assert_int_equal(
				pthread_create(&thread[i].id, NULL, hold_a_share, &thread[i]), 0);
		}
		for (unsigned int i = 0; i < THREADS; i++) {
			pthread_join(thread[i].id, NULL);
			assert_int_equal(thread[i].errors, 0);
		}
		pthread_barrier_destroy(&start);
		assert_int_equal(used_of(a), 0);
		assert_int_equal(dad_iova_alloc(a, SPACE * GRANULE, 0, ANYWHERE), bases[b]);
		dad_iova_destroy(a);
	}
}

/* ---- failures ------------------------------------------------------------------------------- */

/* All that allocates: create, the first frees of a size, nodes of the tree, the depot. Every call
 * either works or reports ENOMEM; nothing is lost either way. */
static bool
life_with_failure(long countdown)
{
	long before = test_alloc_live;
	dad_dma_addr_t addr[MANY];
	unsigned int n = 0;

	test_alloc_countdown = countdown;
	struct dad_iova *a = dad_iova_create(3 * GIB, 2 * GIB, SHIFT, 0);
	if (a == NULL) {
		assert_int_equal(rte_errno, ENOMEM);
		assert_int_equal(test_alloc_live, before);
		return true;
	}
	be_lcore(2);
	for (unsigned int i = 0; i < MANY; i++) {
		rte_errno = 0;
		addr[n] = dad_iova_alloc(a, GRANULE, 0, i % 2 == 0 ? ANYWHERE : 4 * GIB - 1);
		if (addr[n] != DAD_DMA_MAPPING_ERROR)
			n++;
		else
			assert_int_equal(rte_errno, ENOMEM);
	}
	assert_true(n >= MANY - 1);
	int ret = dad_iova_reserve(a, 5 * GIB - GRANULE * MANY, GRANULE);
	assert_true(ret == 0 || ret == -ENOMEM);
	/* twice: the second time by way of the depot */
	for (unsigned int i = 0; i < n; i++)
		dad_iova_free(a, addr[i], GRANULE);
	for (unsigned int i = 0; i < n; i++) {
		addr[i] = dad_iova_alloc(a, GRANULE, 0, ANYWHERE);
		if (addr[i] == DAD_DMA_MAPPING_ERROR) {
			assert_int_equal(rte_errno, ENOMEM);
			n = i;
		}
	}
	for (unsigned int i = 0; i < n; i++)
		dad_iova_free(a, addr[i], GRANULE);
	bool failed = test_alloc_countdown == 0;
	test_alloc_countdown = 0;
	assert_int_equal(used_of(a), 0);
	if (ret != 0)
		assert_int_equal(dad_iova_alloc(a, 2 * GIB, 0, ANYWHERE), 3 * GIB);
	dad_iova_destroy(a);
	assert_int_equal(test_alloc_live, before);
	return failed;
}

static void
no_allocation_that_fails_loses_anything(void **state)
{
	long n = 1;

	(void)state;
	while (life_with_failure(n))
		n++;
	/* struct, bitmap of three, tree and its nodes, more nodes, magazines */
	assert_true(n > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_an_oracle_below_4_gib),
		cmocka_unit_test(agrees_with_an_oracle_above_4_gib),
		cmocka_unit_test(agrees_with_an_oracle_across_4_gib),
		cmocka_unit_test(agrees_with_an_oracle_in_a_28_bit_window),
		cmocka_unit_test(there_were_ten_million_operations),
		cmocka_unit_test(a_limit_holds_whatever_was_freed_before),
		cmocka_unit_test(a_limit_within_a_granule_is_exact),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_reserved_range_is_never_handed_out),
		cmocka_unit_test(what_is_taken_cannot_be_reserved),
		cmocka_unit_test(a_wrong_free_is_counted_and_changes_nothing),
		cmocka_unit_test(the_second_use_comes_from_the_magazine),
		cmocka_unit_test(threads_share_all_there_is),
		cmocka_unit_test(no_allocation_that_fails_loses_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
