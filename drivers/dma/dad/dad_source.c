/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "dad_internal.h"

/* ---- a file ------------------------------------------------------------------------------- */

static int
read_all(struct dad_source *s, FILE *f, const char *device, const char *path, int numa_node)
{
	struct stat st;

	if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		DAD_LOG(ERR, "%s: source=file:%s: not a regular file with at least one byte",
			device, path);
		return -EINVAL;
	}
	s->n = (uint64_t)st.st_size;
	s->bytes = rte_malloc_socket("dad_source", s->n, 0, numa_node);
	if (s->bytes == NULL) {
		DAD_LOG(ERR, "%s: source=file:%s: no memory of EAL for its %" PRIu64 " bytes",
			device, path, s->n);
		return -ENOMEM;
	}
	if (fread(s->bytes, 1, s->n, f) != s->n) {
		DAD_LOG(ERR, "%s: source=file:%s: it can not be read to its end", device, path);
		dad_source_close(s);
		return -EIO;
	}
	return 0;
}

static int
open_file(struct dad_source *s, const char *device, const char *path, int numa_node)
{
	FILE *f = fopen(path, "rb");

	if (f == NULL) {
		int ret = -errno;

		DAD_LOG(ERR, "%s: source=file:%s: %s", device, path, strerror(-ret));
		return ret;
	}
	int ret = read_all(s, f, device, path, numa_node);

	fclose(f);
	return ret;
}

int
dad_source_open(
	struct dad_source *s, const char *device, const struct dad_model_args *args, int numa_node)
{
	s->kind = args->source;
	s->rate = args->rate;
	s->hz = rte_get_tsc_hz();
	return s->kind == DAD_SOURCE_FILE ? open_file(s, device, args->file, numa_node) : 0;
}

void
dad_source_close(struct dad_source *s)
{
	rte_free(s->bytes);
	s->bytes = NULL;
}

/* ---- time --------------------------------------------------------------------------------- */

uint64_t
dad_source_time(const struct dad_source *s, uint64_t position)
{
	return s->rate == 0 ? 0 : s->start + dad_throttle_ticks(s->hz, s->rate, position);
}

/* How many bytes of the stream exist by now. */
static uint64_t
head_of(const struct dad_source *s)
{
	const uint64_t ticks = rte_rdtsc() - s->start;

	return (uint64_t)((unsigned __int128)ticks * s->rate / s->hz);
}

/* ---- who takes ---------------------------------------------------------------------------- */

/* One writes at a time, and others may look. */
static void
add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static void
note_overrun(struct dad_vchan *vc, uint64_t oldest)
{
	struct dad_acquired *a = &vc->model.acquired;

	if (a->overruns == 0)
		DAD_LOG(WARNING,
			"device %u: overrun: %" PRIu64 " bytes of the source were overwritten "
			"before they were taken; from here on overruns are only counted",
			vc->dev_id, oldest - a->cursor);
	add(&a->overruns, 1);
	add(&a->lost, oldest - a->cursor);
	add(&a->cursor, oldest - a->cursor);
	vc->model.out_of_step = true;
}

uint16_t
dad_source_take(const struct dad_source *s, uint64_t window, struct dad_vchan *vc, uint64_t addr,
	uint64_t length, uint64_t *position)
{
	struct dad_acquired *a = &vc->model.acquired;

	if (addr >= window || length > window - addr)
		return RTE_DMA_STATUS_INVALID_SRC_ADDR;
	const uint64_t gap = (addr + window - a->cursor % window) % window;
	const uint64_t first = a->cursor + gap;
	const uint64_t head = s->rate == 0 ? 0 : head_of(s);

	if (head > first + window) {
		note_overrun(vc, head - window);
		return RTE_DMA_STATUS_DATA_POISION;
	}
	add(vc->model.out_of_step ? &a->lost : &a->skipped, gap);
	add(&a->taken, length);
	add(&a->cursor, gap + length);
	vc->model.out_of_step = false;
	*position = first;
	return RTE_DMA_STATUS_SUCCESSFUL;
}

void
dad_source_lose(struct dad_vchan *vc, uint64_t taken)
{
	struct dad_acquired *a = &vc->model.acquired;
	const uint64_t gone = a->taken - taken;

	add(&a->lost, gone);
	add(&a->taken, -gone);
}

static uint64_t
since(const uint64_t *now, const uint64_t *base)
{
	const uint64_t value = __atomic_load_n(now, __ATOMIC_RELAXED);

	/* another thread may reset meanwhile */
	return value > *base ? value - *base : 0;
}

void
dad_source_stats(const struct dad_vchan *vc, struct dad_acquired *sum)
{
	const struct dad_acquired *now = &vc->model.acquired, *base = &vc->model.base;

	sum->cursor += since(&now->cursor, &base->cursor);
	sum->taken += since(&now->taken, &base->taken);
	sum->skipped += since(&now->skipped, &base->skipped);
	sum->lost += since(&now->lost, &base->lost);
	sum->overruns += since(&now->overruns, &base->overruns);
}

/* ---- bytes -------------------------------------------------------------------------------- */

/* Words of 64 bits, little endian, that count: the word at position p, a multiple of 8, is p / 8.
 */
static void
make_pattern(uint64_t position, uint8_t *to, uint64_t length)
{
	typedef uint64_t u64 __attribute__((aligned(1), may_alias));
	uint64_t word = position / sizeof(word);
	const uint64_t into = position % sizeof(word);

	if (into != 0) {
		const uint64_t n = RTE_MIN(length, sizeof(word) - into);

		memcpy(to, (const uint8_t *)&word + into, n);
		to += n;
		length -= n;
		word++;
	}
	for (; length >= sizeof(word); length -= sizeof(word), to += sizeof(word))
		*(u64 *)to = word++;
	memcpy(to, &word, length);
}

/* The file again and again. */
static void
make_file(const struct dad_source *s, uint64_t position, uint8_t *to, uint64_t length)
{
	uint64_t at = position % s->n;

	while (length > 0) {
		const uint64_t n = RTE_MIN(length, s->n - at);

		memcpy(to, s->bytes + at, n);
		to += n;
		length -= n;
		at = 0;
	}
}

void
dad_source_make(const void *source, uint64_t position, uint8_t *to, uint64_t length)
{
	const struct dad_source *s = source;

	switch (s->kind) {
	case DAD_SOURCE_PATTERN:
		make_pattern(position, to, length);
		break;
	case DAD_SOURCE_FILE:
		make_file(s, position, to, length);
		break;
	default:
		memset(to, 0, length);
	}
}
