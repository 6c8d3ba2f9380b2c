/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The loop of dad_exec.h, included once by each exec_*.c with EXEC_RUN naming the function. The
 * compiler makes of a 64-byte vector what its flags allow: one register, two or four.
 */

#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "dad_exec.h"

/* Above, the C library's memcpy: its own choice by CPU and size is as good as it gets. */
#define INLINE_MOVE_MAX 256

typedef uint8_t v16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint8_t v32 __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint8_t v64 __attribute__((vector_size(64), aligned(1), may_alias));
typedef uint64_t w64 __attribute__((vector_size(64), aligned(1), may_alias));
typedef uint64_t u64 __attribute__((aligned(1), may_alias));
typedef uint32_t u32 __attribute__((aligned(1), may_alias));
typedef uint16_t u16 __attribute__((aligned(1), may_alias));

/* Two moves, from the start and up to the end, that overlap where the length is no power of two. */
#define MOVE_PAIR(type)                                                                            \
	do {                                                                                       \
		const size_t last = len - sizeof(type);                                            \
		type a = *(const type *)src;                                                       \
		type b = *(const type *)(src + last);                                              \
		*(type *)dst = a;                                                                  \
		*(type *)(dst + last) = b;                                                         \
	} while (0)

static inline void
move(uint8_t *dst, const uint8_t *src, size_t len)
{
	if (len > INLINE_MOVE_MAX)
		memcpy(dst, src, len);
	else if (len > 128) {
		v64 a = *(const v64 *)src;
		v64 b = *(const v64 *)(src + 64);
		v64 c = *(const v64 *)(src + len - 128);
		v64 d = *(const v64 *)(src + len - 64);

		*(v64 *)dst = a;
		*(v64 *)(dst + 64) = b;
		*(v64 *)(dst + len - 128) = c;
		*(v64 *)(dst + len - 64) = d;
	} else if (len >= 64)
		MOVE_PAIR(v64);
	else if (len >= 32)
		MOVE_PAIR(v32);
	else if (len >= 16)
		MOVE_PAIR(v16);
	else if (len >= 8)
		MOVE_PAIR(u64);
	else if (len >= 4)
		MOVE_PAIR(u32);
	else if (len >= 2)
		MOVE_PAIR(u16);
	else
		*dst = *src;
}

static inline void
fill(uint8_t *dst, uint64_t pattern, size_t len)
{
	w64 wide = {pattern, pattern, pattern, pattern, pattern, pattern, pattern, pattern};

	for (; len >= 64; len -= 64, dst += 64)
		*(w64 *)dst = wide;
	for (; len >= 8; len -= 8, dst += 8)
		*(u64 *)dst = pattern;
	memcpy(dst, &pattern, len);
}

bool
EXEC_RUN(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n)
{
	const struct dad_dma_table *table = x->table;
	bool failed = false;

	for (uint64_t ticket = first; ticket < first + n; ticket++) {
		struct dad_desc *desc = dad_vchan_desc(vc, ticket);
		uint64_t len = desc->length, src_room = 0, dst_room = 0;
		uint64_t dst = dad_dma_table_find(table, desc->dst, &dst_room);
		uint16_t status;

		if (likely(desc->opcode == DAD_OP_COPY)) {
			uint64_t src = dad_dma_table_find(table, desc->src, &src_room);

			if (likely(len <= src_room && len <= dst_room)) {
				move((uint8_t *)(uintptr_t)dst, (const uint8_t *)(uintptr_t)src,
					len);
				continue;
			}
			status = dad_slow_copy(x, desc->src, desc->dst, len);
		} else if (desc->opcode == DAD_OP_FILL) {
			if (likely(len <= dst_room)) {
				fill((uint8_t *)(uintptr_t)dst, desc->src, len);
				continue;
			}
			status = dad_slow_fill(x, desc->src, desc->dst, len);
		} else {
			status = dad_slow_sg(x, vc, desc);
		}
		if (unlikely(status != RTE_DMA_STATUS_SUCCESSFUL)) {
			desc->status = status;
			failed = true;
		}
	}
	return failed;
}
