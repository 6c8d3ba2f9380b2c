/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_STAT_H
#define TEST_STAT_H

/* A device with two vchans, what they count, and a tally of what was done to them. */

#include <stdio.h>

#include "dad_internal.h"
#include "test_device.h"

#define LEN  4096u
#define RING 256u

static int16_t dev;
static uint8_t *buf;

static inline int
setup_with(const char *args)
{
	dev = test_plug_with(args);
	test_configure(dev, 2, RING);
	assert_int_equal(rte_dma_start(dev), 0);
	buf = test_buffer(2 * LEN);
	return 0;
}

static inline int
setup(void **state)
{
	(void)state;
	return setup_with(test_args());
}

static inline int
teardown(void **state)
{
	(void)state;
	rte_free(buf);
	test_close(dev);
	return 0;
}

/* The driver's own view: this program has its parts linked in. */
static inline struct dad_vchan *
vchan_of(uint16_t vchan)
{
	return &((struct dad_dev *)rte_dma_fp_objs[dev].dev_private)->vchan[vchan];
}

static inline uint64_t
value(uint16_t vchan, unsigned int which)
{
	uint64_t values[DAD_XSTAT_MAX] = {0};

	dad_stat_get(vchan_of(vchan), values);
	return values[which];
}

static inline uint64_t
sum(uint16_t vchan, unsigned int first, unsigned int n)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < n; i++)
		total += value(vchan, first + i);
	return total;
}

/* What a test did itself. */
struct tally {
	uint64_t ops[DAD_STAT_OPCODES];
	uint64_t bytes[DAD_STAT_OPCODES];
	uint64_t batches[DAD_STAT_BATCHES];
	uint64_t errors[DAD_STAT_CODES];
	uint64_t done;
};

static inline void
assert_tally(uint16_t vchan, const struct tally *t)
{
	for (unsigned int i = 0; i < DAD_STAT_OPCODES; i++) {
		assert_int_equal(value(vchan, DAD_XSTAT_OPS + i), t->ops[i]);
		assert_int_equal(value(vchan, DAD_XSTAT_BYTES + i), t->bytes[i]);
	}
	for (unsigned int i = 0; i < DAD_STAT_BATCHES; i++)
		assert_int_equal(value(vchan, DAD_XSTAT_BATCHES + i), t->batches[i]);
	for (unsigned int i = 0; i < DAD_STAT_CODES; i++)
		assert_int_equal(value(vchan, DAD_XSTAT_ERRORS + i), t->errors[i]);
}

/* One of any kind; good, or from nowhere. */
static inline void
enqueue(uint16_t vchan, unsigned int op, uint32_t length, bool good, struct tally *t)
{
	const rte_iova_t from = good ? iova(buf) : 0, to = iova(buf + LEN);
	struct rte_dma_sge src[2] = {{from, length / 2}, {from + length / 2, (length + 1) / 2}};
	struct rte_dma_sge dst = {to, length};
	int ret;

	if (op == DAD_OP_COPY)
		ret = rte_dma_copy(dev, vchan, from, to, length, 0);
	else if (op == DAD_OP_FILL)
		ret = rte_dma_fill(dev, vchan, 7, good ? to : 0, length, 0);
	else
		ret = rte_dma_copy_sg(dev, vchan, src, &dst, 2, 1, 0);
	assert_true(ret >= 0);
	t->ops[op]++;
	if (good)
		t->bytes[op] += length;
	else
		t->errors[op == DAD_OP_FILL ? RTE_DMA_STATUS_INVALID_DST_ADDR
					    : RTE_DMA_STATUS_INVALID_SRC_ADDR]++;
}

static inline void
submit_and_gather(uint16_t vchan, uint16_t n, struct tally *t)
{
	enum rte_dma_status_code status[RING];

	assert_int_equal(rte_dma_submit(dev, vchan), 0);
	t->batches[31 - __builtin_clz(n)]++;
	test_gather(dev, vchan, n, status);
	t->done += n;
}

#define with_device(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif /* TEST_STAT_H */
