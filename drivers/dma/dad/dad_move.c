/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Large moves in other ways than the C library's: rep movsb, and stores that go past the caches.
 *
 * The latter are slower while source and destination would fit the last-level cache, and faster by
 * far where they do not: the lines that are written need not be read. The C library does that, too,
 * but never learns of an operation that is done in parts; and it asks the CPU for the size of the
 * cache, which a virtual CPU may put ten times too high. So this asks the kernel.
 */

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_common.h>

#include "dad_exec.h"

#ifdef RTE_ARCH_X86_64
#include <emmintrin.h>
#include <string.h>

void *
dad_move_erms(void *dst, const void *src, size_t len)
{
	void *to = dst;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(len) : : "memory");
	return dst;
}

#define NT_LINE 64

void *
dad_move_nt(void *dst, const void *src, size_t len)
{
	uint8_t *to = dst;
	const uint8_t *from = src;
	const size_t head = -(uintptr_t)to % NT_LINE;

	if (len < DAD_MOVE_NT_MIN)
		return dad_exec_move_sse2(dst, src, len);
	memmove(to, from, head);
	to += head;
	from += head;
	len -= head;
	for (; len >= NT_LINE; len -= NT_LINE, to += NT_LINE, from += NT_LINE) {
		__m128i line[NT_LINE / 16];

		/* the CPU's prefetchers stop at the end of a page */
		__builtin_prefetch(from + 512);
		for (unsigned int i = 0; i < RTE_DIM(line); i++)
			line[i] = _mm_loadu_si128((const __m128i *)from + i);
		for (unsigned int i = 0; i < RTE_DIM(line); i++)
			_mm_stream_si128((__m128i *)to + i, line[i]);
	}
	memmove(to, from, len);
	/* such stores are not ordered with the tag that says the data is there */
	_mm_sfence();
	return dst;
}
#endif

/* Bytes; 0: not known. */
static uint64_t
last_level_cache(void)
{
	unsigned long kib = 0;
	char path[80];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/cache/index3/size",
		sched_getcpu());
	FILE *f = fopen(path, "r");
	if (f != NULL) {
		if (fscanf(f, "%luK", &kib) != 1)
			kib = 0;
		fclose(f);
	}
	if (kib > 0)
		return (uint64_t)kib << 10;
	const long size = sysconf(_SC_LEVEL3_CACHE_SIZE);

	return size > 0 ? (uint64_t)size : 0;
}

/* Source and destination take two thirds of the cache then: see the figures in
 * doc/guides/dmadevs/dad.md. */
uint32_t
dad_move_past_from(void)
{
	return (uint32_t)RTE_MIN(last_level_cache() / 3, (uint64_t)UINT32_MAX);
}
