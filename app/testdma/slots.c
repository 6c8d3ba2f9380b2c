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

static bool
has_source(const struct slots *s)
{
	return s->op != OP_FILL;
}

/* Where slot i is in the device's memory: sources first, then destinations. */
static uint64_t
device_source(const struct slots *s, uint32_t i, uint64_t sequence)
{
	if (s->stream != NULL)
		return s->device_at + sequence * s->size % s->device_size;
	return s->device_at + (uint64_t)i * s->size;
}

static uint64_t
device_destination(const struct slots *s, uint32_t i)
{
	const bool behind = direction_from_device(s->direction) && has_source(s);

	return s->device_at + ((uint64_t)i + (behind ? s->count : 0)) * s->size;
}

/* How many operations in flight there is memory for, in the host and in the device. */
static uint32_t
most_in_flight(const struct slots *s, uint32_t wanted)
{
	uint64_t most = MEMORY_PER_VCHAN / (2 * ((uint64_t)s->size + 2 * PATTERN_GUARD));
	unsigned int in_device = direction_to_device(s->direction) +
		(direction_from_device(s->direction) && s->stream == NULL && has_source(s));

	most = clamp(wanted, 1, RTE_MAX(most, UINT64_C(1)));
	if (most < wanted)
		printf("%s vchan %u: %u operations in flight instead of %u, as their buffers take "
		       "%u MiB\n",
			s->dev->name, s->vchan, (uint32_t)most, wanted, MEMORY_PER_VCHAN >> 20);
	if (in_device > 0 && s->size > 0)
		most = RTE_MIN(most, s->device_size / in_device / s->size);
	return most;
}

/* @return 0, or -errno with a message printed */
static int
write_sources(const struct slots *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->src != NULL) {
			buffers_for_cpu(s->src, i);
			pattern_write(buffers_array(s->src)[i].va, s->size, pattern_of(s, i));
			buffers_for_device(s->src, i);
		} else if (has_source(s) && s->window != NULL) {
			pattern_write(window_staging(s->window), s->size, pattern_of(s, i));
			if (!window_put(s->window, device_source(s, i, i), s->size))
				return -EIO;
		}
	}
	return 0;
}

int
slots_create(struct slots *s, uint32_t count)
{
	const bool host_src = has_source(s) && !direction_from_device(s->direction);
	const bool host_dst = !direction_to_device(s->direction);
	int socket_id = s->dev->info.numa_node;
	int ret;

	s->reported = 0;
	s->src = s->dst = NULL;
	s->count = most_in_flight(s, count);
	if (s->count == 0) {
		fprintf(stderr,
			"%s vchan %u: %u bytes do not fit in its part of the device's memory, "
			"%" PRIu64 " bytes\n",
			s->dev->name, s->vchan, s->size, s->device_size);
		return -EINVAL;
	}
	if (host_dst)
		s->dst = buffers_create(
			s->dev->dma, s->count, s->size, DAD_DMA_FROM_DEVICE, true, socket_id);
	if (host_src && (s->dst != NULL || !host_dst))
		s->src = buffers_create(
			s->dev->dma, s->count, s->size, DAD_DMA_TO_DEVICE, true, socket_id);
	if ((s->dst == NULL && host_dst) || (s->src == NULL && host_src)) {
		ret = -rte_errno;
		fprintf(stderr, "%s vchan %u: no %u buffers of %u contiguous bytes: %s\n",
			s->dev->name, s->vchan, s->count, s->size, rte_strerror(-ret));
		slots_free(s);
		return ret;
	}
	ret = write_sources(s);
	if (ret != 0) {
		slots_free(s);
		return ret;
	}
	for (uint32_t i = 0; i < s->count; i++)
		slots_arm(s, i);
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
slots_args(const struct slots *s, uint32_t i, uint64_t sequence, struct op_args *args)
{
	*args = (struct op_args){
		.src = s->src != NULL ? buffers_array(s->src)[i].addr
				      : device_source(s, i, sequence),
		.dst = s->dst != NULL ? buffers_array(s->dst)[i].addr : device_destination(s, i),
		.pattern = pattern_of(s, i).seed,
		.length = s->size,
		.segments = s->segments,
	};
}

void
slots_arm(const struct slots *s, uint32_t i)
{
	if (s->dst != NULL) {
		buffers_for_cpu(s->dst, i);
		pattern_spoil(buffers_array(s->dst)[i].va, s->size, pattern_of(s, i));
		buffers_for_device(s->dst, i);
	} else if (s->window != NULL) {
		/* if that fails it is said, and the check will find it */
		pattern_spoil(window_staging(s->window), s->size, pattern_of(s, i));
		window_put(s->window, device_destination(s, i), s->size);
	}
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

/* The same in the device's memory. */
static bool
check_device(struct slots *s, uint64_t addr, uint32_t i, uint64_t sequence, const char *what)
{
	const uint8_t *found = window_get(s->window, addr, s->size);
	struct mismatch m;

	if (found == NULL)
		return false;
	if (pattern_check(found, s->size, pattern_of(s, i), &m))
		return true;
	report(s, sequence, what, found, &m);
	return false;
}

/* From the device comes what was written to it, or what a stream has, which slots_take() knows. */
static bool
payload_is_known(const struct slots *s)
{
	return !direction_from_device(s->direction) || !has_source(s) || s->window != NULL;
}

static bool
check_destination(struct slots *s, uint32_t i, uint64_t sequence, bool succeeded)
{
	if (s->dst != NULL)
		return check_buffer(s, s->dst, i, sequence, "destination",
			"guard of the destination", succeeded && payload_is_known(s));
	return !succeeded || s->window == NULL ||
		check_device(s, device_destination(s, i), i, sequence,
			"destination in the device (a copy of it)");
}

static bool
check_source(struct slots *s, uint32_t i, uint64_t sequence)
{
	if (s->src != NULL)
		return check_buffer(s, s->src, i, sequence, "source", "guard of the source", true);
	return !has_source(s) || s->window == NULL ||
		check_device(s, device_source(s, i, sequence), i, sequence,
			"source in the device (a copy of it)");
}

bool
slots_check(struct slots *s, uint32_t i, uint64_t sequence, bool succeeded)
{
	bool good = check_destination(s, i, sequence, succeeded);

	return check_source(s, i, sequence) && good;
}

bool
slots_take(struct slots *s, uint32_t i, uint64_t sequence, bool all, uint64_t *lost)
{
	const uint8_t *va = buffers_array(s->dst)[i].va;
	struct mismatch m;
	bool good;

	buffers_for_cpu(s->dst, i);
	good = stream_take(s->stream, va, s->size, device_source(s, i, sequence) - s->device_at,
		all, lost, &m);
	if (!good)
		report(s, sequence, "destination, from the stream,", va, &m);
	buffers_for_device(s->dst, i);
	return good;
}
