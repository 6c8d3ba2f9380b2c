/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The loop of dad_exec.h, included once by each exec_*.c with EXEC_RUN naming the function.
 */

#include <string.h>

#include <rte_branch_prediction.h>

#include "dad_exec.h"

/* Above, the C library's memcpy: its own choice by CPU and size is as good as it gets. */
#define INLINE_MOVE_MAX 256

/* The widest register; compilers split wider vectors badly. */
#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX2__)
#define WIDTH 32
#else
#define WIDTH 16
#endif
typedef uint8_t wide __attribute__((vector_size(WIDTH), aligned(1), may_alias));
typedef uint64_t wide64 __attribute__((vector_size(WIDTH), aligned(1), may_alias));
typedef uint8_t v32 __attribute__((vector_size(WIDTH < 32 ? WIDTH : 32), aligned(1), may_alias));
typedef uint8_t v16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t u64 __attribute__((aligned(1), may_alias));
typedef uint32_t u32 __attribute__((aligned(1), may_alias));
typedef uint16_t u16 __attribute__((aligned(1), may_alias));

/*
 * Move len bytes, size <= len <= 2 * size: size from the start, and size up to the end, which
 * overlap where the length is less than double. All loads come before all stores.
 */
#define MOVE_PAIR(type, size)                                                                      \
	do {                                                                                       \
		type head[(size) / sizeof(type)], tail[(size) / sizeof(type)];                     \
		const type *from = (const type *)src;                                              \
		const type *from_end = (const type *)(src + len - (size));                         \
		type *to = (type *)dst;                                                            \
		type *to_end = (type *)(dst + len - (size));                                       \
		for (unsigned int w = 0; w < (size) / sizeof(type); w++)                           \
			head[w] = from[w];                                                         \
		for (unsigned int w = 0; w < (size) / sizeof(type); w++)                           \
			tail[w] = from_end[w];                                                     \
		for (unsigned int w = 0; w < (size) / sizeof(type); w++)                           \
			to[w] = head[w];                                                           \
		for (unsigned int w = 0; w < (size) / sizeof(type); w++)                           \
			to_end[w] = tail[w];                                                       \
	} while (0)

static inline __attribute__((always_inline)) void
move(uint8_t *dst, const uint8_t *src, size_t len)
{
	if (len > INLINE_MOVE_MAX)
		memcpy(dst, src, len);
	else if (len > 128)
		MOVE_PAIR(wide, 128);
	else if (len > 64)
		MOVE_PAIR(wide, 64);
	else if (len >= 32)
		MOVE_PAIR(v32, 32);
	else if (len >= 16)
		MOVE_PAIR(v16, 16);
	else if (len >= 8)
		MOVE_PAIR(u64, 8);
	else if (len >= 4)
		MOVE_PAIR(u32, 4);
	else if (len >= 2)
		MOVE_PAIR(u16, 2);
	else
		*dst = *src;
}

static inline __attribute__((always_inline)) void
fill(uint8_t *dst, uint64_t pattern, size_t len)
{
	wide64 block;

	for (unsigned int w = 0; w < WIDTH / sizeof(pattern); w++)
		block[w] = pattern;
	for (; len >= WIDTH; len -= WIDTH, dst += WIDTH)
		*(wide64 *)dst = block;
	for (; len >= sizeof(pattern); len -= sizeof(pattern), dst += sizeof(pattern))
		*(u64 *)dst = pattern;
	memcpy(dst, &pattern, len);
}

/* An operation whose addresses are good for all of its length, or dst NULL. */
struct step {
	uint8_t *dst;
	const uint8_t *src;
};

/* Look an operation's addresses up, and let its data come while the others are looked at. */
static inline __attribute__((always_inline)) struct step
prepare(const struct dad_dma_table *table, const struct dad_desc *desc)
{
	const struct step none = {NULL, NULL};
	uint64_t dst_room = 0, src_room = 0;
	uint64_t dst = dad_dma_table_find(table, desc->dst, &dst_room);

	if (unlikely(desc->length > dst_room || desc->opcode == DAD_OP_SG))
		return none;
	__builtin_prefetch((void *)(uintptr_t)dst, 1);
	if (unlikely(desc->opcode == DAD_OP_FILL))
		return (struct step){(uint8_t *)(uintptr_t)dst, NULL};

	uint64_t src = dad_dma_table_find(table, desc->src, &src_room);
	if (unlikely(desc->length > src_room))
		return none;
	__builtin_prefetch((void *)(uintptr_t)src, 0);
	return (struct step){(uint8_t *)(uintptr_t)dst, (const uint8_t *)(uintptr_t)src};
}

static __rte_noinline uint16_t
slow(const struct dad_exec *x, const struct dad_vchan *vc, const struct dad_desc *desc)
{
	switch (desc->opcode) {
	case DAD_OP_COPY:
		return dad_slow_copy(x, desc->src, desc->dst, desc->length);
	case DAD_OP_FILL:
		return dad_slow_fill(x, desc->src, desc->dst, desc->length);
	default:
		return dad_slow_sg(x, vc, desc);
	}
}

bool
EXEC_RUN(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n)
{
	const struct dad_dma_table *table = x->table;
	struct step step[DAD_GROUP_OPS_MAX];
	bool failed = false;

	for (unsigned int i = 0; i < n; i++)
		step[i] = prepare(table, dad_vchan_desc(vc, first + i));

	for (unsigned int i = 0; i < n; i++) {
		struct dad_desc *desc = dad_vchan_desc(vc, first + i);

		if (likely(step[i].src != NULL)) {
			move(step[i].dst, step[i].src, desc->length);
		} else if (step[i].dst != NULL) {
			fill(step[i].dst, desc->src, desc->length);
		} else {
			uint16_t status = slow(x, vc, desc);

			if (status != RTE_DMA_STATUS_SUCCESSFUL) {
				desc->status = (uint8_t)status;
				failed = true;
			}
		}
	}
	return failed;
}
