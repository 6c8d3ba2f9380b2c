/* SPDX-License-Identifier: BSD-3-Clause */

/* Large moves in other ways than the C library's, for kernel=erms and kernel=nt. */

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
		return memcpy(dst, src, len);
	memcpy(to, from, head);
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
	memcpy(to, from, len);
	/* such stores are not ordered with the tag that says the data is there */
	_mm_sfence();
	return dst;
}
#endif
