/* SPDX-License-Identifier: BSD-3-Clause */

/* Every byte where it belongs, none elsewhere; nothing lost, nothing twice, all in order. */

#include <errno.h>
#include <pthread.h>

#include "test_device.h"

/* Source and destination worlds of one thread, and what plain C makes of the same operations. */
#define WORLD	(5u << 20) /* more than two 2 MiB units */
#define OPS_MAX 64

struct world {
	uint8_t *src, *dst, *oracle;
	unsigned int seed;
};

static unsigned int
rnd(struct world *w, unsigned int n)
{
	return (unsigned int)rand_r(&w->seed) % n;
}

static void
world_open(struct world *w, unsigned int seed)
{
	w->seed = seed;
	w->src = test_buffer(WORLD);
	w->dst = test_buffer(WORLD);
	w->oracle = malloc(WORLD);
	assert_non_null(w->oracle);
	for (unsigned int i = 0; i < WORLD; i++)
		w->src[i] = (uint8_t)rand_r(&w->seed);
	memset(w->oracle, 0, WORLD);
}

static void
world_close(struct world *w)
{
	rte_free(w->src);
	rte_free(w->dst);
	free(w->oracle);
}

static uint32_t
random_length(struct world *w)
{
	switch (rnd(w, 4)) {
	case 0:
		return 1 + rnd(w, 64);
	case 1:
		return 1 + rnd(w, 600);
	case 2:
		return 1 + rnd(w, 9000);
	default:
		return 1 + rnd(w, 140000);
	}
}

/* IOVA of a byte of a world: in PA mode, neighbours in different pages may be strangers. A range
 * for one operation must not cross them; scatter lists may. */
static uint32_t
contiguous(const uint8_t *p, uint32_t len)
{
	uint32_t to_page = 4096 - (uint32_t)((uintptr_t)p & 4095);
	uint32_t n = RTE_MIN(to_page, len);

	while (n < len && iova(p + n) == iova(p) + n)
		n += RTE_MIN(4096u, len - n);
	return n;
}

static int
enqueue_copy(int16_t dev, uint16_t vchan, struct world *w, uint32_t len, uint64_t flags)
{
	uint32_t from = rnd(w, WORLD - len), to = rnd(w, WORLD - len);

	len = RTE_MIN(contiguous(w->src + from, len), contiguous(w->dst + to, len));
	int ret = rte_dma_copy(dev, vchan, iova(w->src + from), iova(w->dst + to), len, flags);
	if (ret >= 0)
		memcpy(w->oracle + to, w->src + from, len);
	return ret;
}

static int
enqueue_fill(int16_t dev, uint16_t vchan, struct world *w, uint32_t len, uint64_t flags)
{
	uint32_t to = rnd(w, WORLD - len);
	uint64_t pattern = (uint64_t)rand_r(&w->seed) << 33 ^ (uint64_t)rand_r(&w->seed);

	len = contiguous(w->dst + to, len);
	int ret = rte_dma_fill(dev, vchan, pattern, iova(w->dst + to), len, flags);
	if (ret >= 0)
		for (uint32_t i = 0; i < len; i++)
			w->oracle[to + i] = ((uint8_t *)&pattern)[i % 8];
	return ret;
}

/* Cut [p, p + len) into n or fewer contiguous entries, some of them empty. */
static uint16_t
cut(struct world *w, const uint8_t *p, uint32_t len, struct rte_dma_sge *list, uint16_t n)
{
	uint16_t used = 0;

	while (len > 0 && used < n) {
		uint32_t part = used == n - 1 ? len : rnd(w, len + 1);

		part = RTE_MIN(part, contiguous(p, part));
		list[used++] = (struct rte_dma_sge){iova(p), part};
		p += part;
		len -= part;
	}
	return len == 0 ? used : 0;
}

static int
enqueue_sg(int16_t dev, uint16_t vchan, struct world *w, uint32_t len, uint64_t flags)
{
	struct rte_dma_sge src[64], dst[64];
	uint32_t from = rnd(w, WORLD - len), to = rnd(w, WORLD - len);
	uint16_t nb_src = cut(w, w->src + from, len, src, (uint16_t)(1 + rnd(w, 64)));
	uint16_t nb_dst = cut(w, w->dst + to, len, dst, (uint16_t)(1 + rnd(w, 64)));

	if (nb_src == 0 || nb_dst == 0)
		return enqueue_copy(dev, vchan, w, len, flags);
	int ret = rte_dma_copy_sg(dev, vchan, src, dst, nb_src, nb_dst, flags);
	if (ret >= 0)
		memcpy(w->oracle + to, w->src + from, len);
	return ret;
}

/* Destinations may overlap: every operation is fenced, so that order is defined. */
static void
random_operations(int16_t dev, uint16_t vchan, struct world *w, unsigned int batches)
{
	uint16_t expected = 0;

	for (unsigned int b = 0; b < batches; b++) {
		unsigned int n = 1 + rnd(w, OPS_MAX), sent = 0;

		while (sent < n) {
			uint32_t len = random_length(w);
			uint64_t flags = RTE_DMA_OP_FLAG_FENCE |
				(rnd(w, 8) == 0 ? RTE_DMA_OP_FLAG_SUBMIT : 0);
			int ret;

			switch (rnd(w, 3)) {
			case 0:
				ret = enqueue_fill(dev, vchan, w, len, flags);
				break;
			case 1:
				ret = enqueue_sg(dev, vchan, w, len, flags);
				break;
			default:
				ret = enqueue_copy(dev, vchan, w, len, flags);
			}
			if (ret == -ENOSPC) {
				assert_true(sent > 0); /* an empty ring takes anything */
				break;
			}
			assert_int_equal(ret, expected);
			expected++;
			sent++;
		}
		assert_int_equal(rte_dma_submit(dev, vchan), 0);

		uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
		for (unsigned int got = 0; got < sent;) {
			uint16_t last;
			bool error;
			uint16_t ask = (uint16_t)(1 + rnd(w, 40));

			got += rte_dma_completed(dev, vchan, ask, &last, &error);
			assert_false(error);
			assert_int_equal(last, (uint16_t)(expected - sent + got - 1));
			assert_true(rte_get_timer_cycles() < deadline);
		}
	}
	assert_memory_equal(w->dst, w->oracle, WORLD);
}

static void
random_operations_agree_with_plain_c(void **state)
{
	int16_t dev = test_open(1, 128);
	struct world w;

	(void)state;
	world_open(&w, 1);
	random_operations(dev, 0, &w, 400);
	world_close(&w);
	test_close(dev);
}

struct thread_arg {
	int16_t dev;
	uint16_t vchan;
	struct world world;
};

static void *
run_one_vchan(void *arg)
{
	struct thread_arg *t = arg;

	random_operations(t->dev, t->vchan, &t->world, 60);
	return NULL;
}

static void
vchans_work_in_parallel(void **state)
{
	enum { N = 5 };
	int16_t dev = test_open(N, 64);
	static struct thread_arg args[N];
	pthread_t threads[N];

	(void)state;
	for (uint16_t i = 0; i < N; i++) {
		args[i].dev = dev;
		args[i].vchan = i;
		world_open(&args[i].world, 100u + i);
		test_thread(&threads[i], run_one_vchan, &args[i]);
	}
	for (unsigned int i = 0; i < N; i++) {
		pthread_join(threads[i], NULL);
		world_close(&args[i].world);
	}
	test_close(dev);
}

/* Each moves what was submitted to it, and reports it. */
static void
there_may_be_as_many_vchans_as_are_told(void **state)
{
	enum { SIZE = 64, DESCS = 32 };
	const struct rte_dma_conf too_many = {.nb_vchans = 65};
	struct rte_dma_info info;
	int16_t dev = test_open(64, DESCS);

	(void)state;
	assert_int_equal(rte_dma_info_get(dev, &info), 0);
	const uint16_t n = info.max_vchans;
	assert_int_equal(n, 64);
	uint8_t *src = test_buffer((size_t)n * SIZE), *dst = test_buffer((size_t)n * SIZE);
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < n * SIZE; i++)
			src[i] = (uint8_t)(i * 5 + i / SIZE + round);
		for (uint16_t v = 0; v < n; v++)
			assert_int_equal(
				rte_dma_copy(dev, v, iova(src + v * SIZE), iova(dst + v * SIZE),
					SIZE, RTE_DMA_OP_FLAG_SUBMIT),
				round);
		for (uint16_t v = n; v-- > 0;) {
			enum rte_dma_status_code status;

			test_gather(dev, v, 1, &status);
			assert_int_equal(status, RTE_DMA_STATUS_SUCCESSFUL);
		}
		assert_memory_equal(src, dst, n * SIZE);
	}
	test_stop(dev);
	assert_int_equal(rte_dma_configure(dev, &too_many), -EINVAL);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	rte_free(src);
	rte_free(dst);
}

/* Without fences: disjoint destinations, a full ring, single submits and large ones, and indices
 * that wrap at 65536 several times. */
static void
a_full_ring_loses_nothing_and_repeats_nothing(void **state)
{
	enum { SIZE = 96, DESCS = 256, ROUNDS = 1000 };
	int16_t dev = test_open(1, DESCS);
	uint8_t *src = test_buffer(DESCS * SIZE), *dst = test_buffer(DESCS * SIZE);
	uint16_t expected = 0, last;
	bool error;

	(void)state;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < DESCS * SIZE; i++)
			src[i] = (uint8_t)(i * 31 + round);
		for (unsigned int i = 0; i < DESCS; i++) {
			assert_int_equal(rte_dma_burst_capacity(dev, 0), DESCS - i);
			assert_int_equal(
				rte_dma_copy(dev, 0, iova(src + i * SIZE), iova(dst + i * SIZE),
					SIZE, i % 7 == round % 9 ? RTE_DMA_OP_FLAG_SUBMIT : 0),
				expected++);
		}
		assert_int_equal(rte_dma_copy(dev, 0, iova(src), iova(dst), SIZE, 0), -ENOSPC);
		assert_int_equal(rte_dma_burst_capacity(dev, 0), 0);
		assert_int_equal(rte_dma_submit(dev, 0), 0);

		uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
		for (unsigned int got = 0; got < DESCS;) {
			got += rte_dma_completed(dev, 0, DESCS, &last, &error);
			assert_false(error);
			assert_true(rte_get_timer_cycles() < deadline);
		}
		assert_int_equal(last, (uint16_t)(expected - 1));
		assert_int_equal(rte_dma_completed(dev, 0, 1, &last, &error), 0);
		assert_memory_equal(src, dst, DESCS * SIZE);
	}
	rte_free(src);
	rte_free(dst);
	test_close(dev);
}

/* Nor reported; but where it may, a copy of some length is done when it is enqueued. */
static void
what_is_not_submitted_is_not_done(void **state)
{
	const bool eager = strstr(test_args(), "eager=1") != NULL;
	const uint32_t len = eager ? 1024 : 64;
	int16_t dev = test_open(1, 32);
	uint8_t *buf = test_buffer(2 * len);
	bool error;

	(void)state;
	buf[0] = 1;
	assert_int_equal(rte_dma_copy(dev, 0, iova(buf), iova(buf + len), len, 0), 0);
	rte_delay_us_sleep(20000);
	assert_int_equal(rte_dma_completed(dev, 0, 1, NULL, &error), 0);
	assert_int_equal(buf[len], eager ? 1 : 0);
	test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(buf[len], 1);
	rte_free(buf);
	test_close(dev);
}

/* Each length moves exactly its bytes, at any alignment. */
static void
every_length_up_to_2200_is_exact(void **state)
{
	int16_t dev = test_open(1, 32);
	uint8_t *src = test_buffer(2560), *dst = test_buffer(2560);

	(void)state;
	for (unsigned int i = 0; i < 2560; i++)
		src[i] = (uint8_t)(i % 251 + 1);
	for (uint32_t len = 1; len <= 2200; len += len < 600 ? 1 : 7)
		for (unsigned int shift = 0; shift < 4; shift++) {
			uint32_t from = 64 + shift * 13 % 64, to = 64 + (shift * 7 + len) % 64;
			uint64_t pattern = UINT64_C(0x8796a5b4c3d2e1f0);

			memset(dst, 0, 2560);
			assert_true(rte_dma_copy(
					    dev, 0, iova(src + from), iova(dst + to), len, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
			assert_memory_equal(dst + to, src + from, len);
			for (unsigned int i = 0; i < 2560; i++)
				if (i < to || i >= to + len)
					assert_int_equal(dst[i], 0);

			assert_true(rte_dma_fill(dev, 0, pattern, iova(dst + to), len, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
			for (unsigned int i = 0; i < 2560; i++)
				assert_int_equal(dst[i],
					i < to || i >= to + len
						? 0
						: ((uint8_t *)&pattern)[(i - to) % 8]);
		}
	rte_free(src);
	rte_free(dst);
	test_close(dev);
}

/* A descriptor has so many bits for a length, and for an address: what needs one more is no other
 * operation. */
static void
what_fills_a_descriptor_and_what_does_not_are_exact(void **state)
{
	enum { SIZE = 1 << 20, GUARD = 4096 };
	uint8_t *src = rte_malloc(NULL, SIZE, SIZE), *dst = rte_malloc(NULL, SIZE, SIZE);
	int16_t dev = test_open(1, 32);

	(void)state;
	assert_true(src != NULL && dst != NULL);
	for (unsigned int i = 0; i < SIZE; i++)
		src[i] = (uint8_t)(i % 251 + 1);
	for (unsigned int bits = 15; bits < 20; bits++)
		for (uint32_t len = (1u << bits) - 2; len < (1u << bits) + 2; len++) {
			memset(dst, 0, SIZE);
			assert_true(
				rte_dma_copy(dev, 0, iova(src), iova(dst + GUARD), len, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
			assert_memory_equal(dst + GUARD, src, len);
			assert_int_equal(dst[GUARD - 1], 0);
			assert_int_equal(dst[GUARD + len], 0);
		}
	memset(dst, 0, SIZE);
	for (unsigned int bits = 46; bits < 64; bits++) {
		const rte_iova_t wrong = UINT64_C(1) << bits;

		/* under ASan EAL's memory lies where it would be right */
		if ((iova(src) | iova(dst)) & wrong)
			continue;

		for (unsigned int i = 0; i < 2; i++) {
			/* nor are bits taken for others: behind them are good addresses */
			const rte_iova_t from = i == 0 ? wrong : wrong | iova(src);
			const rte_iova_t to = i == 0 ? wrong : wrong | iova(dst);

			assert_true(rte_dma_copy(dev, 0, from, iova(dst), 64, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_INVALID_SRC_ADDR);
			assert_true(rte_dma_copy(dev, 0, iova(src), to, 64, 0) >= 0);
			test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
		}
	}
	for (unsigned int i = 0; i < SIZE; i++)
		assert_int_equal(dst[i], 0);
	rte_free(src);
	rte_free(dst);
	test_close(dev);
}

/* n entries, each a little longer than the one before, for [p, p + len). */
static void
slice(uint8_t *p, uint32_t len, struct rte_dma_sge *list, uint32_t n)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t part = i + 1 == n ? len - done : len / n - n + i;

		list[i] = (struct rte_dma_sge){iova(p) + done, part};
		done += part;
	}
}

/* Workers share such a list: what they make of it is what one would. */
static void
long_lists_are_moved_as_one(void **state)
{
	enum { LEN = (2 << 20) - 777, NB_SRC = 64, NB_DST = 37, BAD = 20 };
	uint8_t *src = rte_malloc(NULL, 2 << 20, 2 << 20),
		*dst = rte_zmalloc(NULL, 2 << 20, 2 << 20);
	int16_t dev = test_open(1, 32);
	struct rte_dma_sge from[NB_SRC], to[NB_DST];

	(void)state;
	assert_true(src != NULL && dst != NULL);
	for (unsigned int i = 0; i < LEN; i++)
		src[i] = (uint8_t)(i * 7 + i / 253);
	slice(src, LEN, from, NB_SRC);
	slice(dst, LEN, to, NB_DST);
	for (unsigned int i = 0; i < 20; i++) {
		memset(dst, 0, 2 << 20);
		assert_int_equal(rte_dma_copy_sg(dev, 0, from, to, NB_SRC, NB_DST, 0), i);
		test_expect(dev, RTE_DMA_STATUS_SUCCESSFUL);
		assert_memory_equal(dst, src, LEN);
		assert_int_equal(dst[LEN], 0);
	}

	/* of two bad addresses the first in the list counts */
	from[NB_SRC - 2].addr = 8;
	to[BAD].addr = 8;
	for (unsigned int i = 0; i < 20; i++) {
		assert_true(rte_dma_copy_sg(dev, 0, from, to, NB_SRC, NB_DST, 0) >= 0);
		test_expect(dev, RTE_DMA_STATUS_INVALID_DST_ADDR);
	}
	to[NB_DST - 1].length--;
	assert_true(rte_dma_copy_sg(dev, 0, from, to, NB_SRC, NB_DST, 0) >= 0);
	test_expect(dev, RTE_DMA_STATUS_INVALID_LENGTH);
	rte_free(src);
	rte_free(dst);
	test_close(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(random_operations_agree_with_plain_c),
	cmocka_unit_test(vchans_work_in_parallel),
	cmocka_unit_test(there_may_be_as_many_vchans_as_are_told),
	cmocka_unit_test(a_full_ring_loses_nothing_and_repeats_nothing),
	cmocka_unit_test(what_is_not_submitted_is_not_done),
	cmocka_unit_test(every_length_up_to_2200_is_exact),
	cmocka_unit_test(what_fills_a_descriptor_and_what_does_not_are_exact),
	cmocka_unit_test(long_lists_are_moved_as_one),
};

TEST_MAIN(tests)
