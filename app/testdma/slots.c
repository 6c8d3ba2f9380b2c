/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "clamp.h"
#include "slots.h"

/* Sources and destinations of one vchan together. */
#define MEMORY_PER_VCHAN (64u << 20)

/* Mismatches printed for one vchan; all are counted. */
#define MAX_REPORTED 4

static struct pattern
pattern_of(const struct slots *s, uint32_t i)
{
	/* the odd constant puts something in each of the eight bytes that a fill repeats */
	uint64_t seed = (uint64_t)s->dev->id << 48 | (uint64_t)s->vchan << 32 | (i + 1);

	if (s->op == OP_FILL)
		return (struct pattern){seed * UINT64_C(0x9e3779b97f4a7c15), true};
	return (struct pattern){seed, false};
}

int
slots_create(struct slots *s, uint32_t count)
{
	uint64_t most = MEMORY_PER_VCHAN / (2 * ((uint64_t)s->size + 2 * PATTERN_GUARD));
	int socket_id = s->dev->info.numa_node;

	s->count = clamp(count, 1, RTE_MAX(most, UINT64_C(1)));
	s->reported = 0;
	if (s->count < count)
		printf("%s vchan %u: %u operations in flight instead of %u, as their buffers take "
		       "%u MiB\n",
			s->dev->name, s->vchan, s->count, count, MEMORY_PER_VCHAN >> 20);
	s->src = NULL;
	s->dst = buffers_create(
		s->dev->dma, s->count, s->size, DAD_DMA_FROM_DEVICE, true, socket_id);
	if (s->dst != NULL && s->op != OP_FILL)
		s->src = buffers_create(
			s->dev->dma, s->count, s->size, DAD_DMA_TO_DEVICE, true, socket_id);
	if (s->dst == NULL || (s->src == NULL && s->op != OP_FILL)) {
		int err = rte_errno;

		fprintf(stderr, "%s vchan %u: no %u buffers of %u contiguous bytes: %s\n",
			s->dev->name, s->vchan, s->count, s->size, rte_strerror(err));
		slots_free(s);
		return -err;
	}
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->src != NULL) {
			buffers_for_cpu(s->src, i);
			pattern_write(buffers_array(s->src)[i].va, s->size, pattern_of(s, i));
			buffers_for_device(s->src, i);
		}
		slots_arm(s, i);
	}
	return 0;
}

void
slots_free(struct slots *s)
{
	buffers_free(s->src);
	buffers_free(s->dst);
	s->src = NULL;
	s->dst = NULL;
}

void
slots_args(const struct slots *s, uint32_t i, struct op_args *args)
{
	*args = (struct op_args){
		.src = s->src != NULL ? buffers_array(s->src)[i].addr : 0,
		.dst = buffers_array(s->dst)[i].addr,
		.pattern = pattern_of(s, i).seed,
		.length = s->size,
		.segments = s->segments,
	};
}

void
slots_arm(const struct slots *s, uint32_t i)
{
	buffers_for_cpu(s->dst, i);
	pattern_spoil(buffers_array(s->dst)[i].va, s->size, pattern_of(s, i));
	buffers_for_device(s->dst, i);
}

static void
report(struct slots *s, uint64_t sequence, const char *what, const void *va,
	const struct mismatch *m)
{
	if (s->reported++ >= MAX_REPORTED)
		return;
	fprintf(stderr,
		"miscompare: %s vchan %u, %s number %" PRIu64 " of %u bytes: %s at %p (%td bytes "
		"after the start of the buffer) is 0x%02x, and should be 0x%02x\n",
		s->dev->name, s->vchan, op_name(s->op), sequence, s->size, what,
		(const void *)m->at, m->at - (const uint8_t *)va, m->found, m->expected);
}

static bool
check_buffer(struct slots *s, const struct buffers *b, uint32_t i, uint64_t sequence,
	const char *what, const char *guard, bool payload)
{
	const void *va = buffers_array(b)[i].va;
	struct mismatch m;
	bool good = true;

	/* what is found wrong is put right, to be said once and not for each operation from now on
	 */
	buffers_for_cpu(b, i);
	if (payload && !pattern_check(va, s->size, pattern_of(s, i), &m)) {
		report(s, sequence, what, va, &m);
		if (b == s->src)
			pattern_write(buffers_array(b)[i].va, s->size, pattern_of(s, i));
		good = false;
	}
	if (!pattern_guard_check(va, s->size, &m)) {
		report(s, sequence, guard, va, &m);
		pattern_guard(buffers_array(b)[i].va, s->size);
		good = false;
	}
	buffers_for_device(b, i);
	return good;
}

bool
slots_check(struct slots *s, uint32_t i, uint64_t sequence, bool succeeded)
{
	bool good = check_buffer(
		s, s->dst, i, sequence, "destination", "guard of the destination", succeeded);

	if (s->src != NULL &&
		!check_buffer(s, s->src, i, sequence, "source", "guard of the source", true))
		good = false;
	return good;
}
