/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The loop of dad_exec.h, and the copy without it, included once by each exec_*.c with EXEC_RUN and
 * EXEC_COPY naming the functions.
 */

#include <string.h>

#include <rte_branch_prediction.h>

#include "dad_compat.h"
#include "dad_exec.h"
#include "dad_inside.h"
#include "dad_trace.h"

/* Sources of small moves that are not in the cache are fetched so many operations ahead. For larger
 * ones the CPU's own prefetchers do better alone. */
#define FETCH_AHEAD 4
#define FETCH_MAX   256

/* So many addresses are looked up at once. */
#define FOUND_MAX 16

/* They begin again with each buffer, though, and with each page: the first lines of the next larger
 * move are fetched while this one is under way. */
#define FETCH_HEAD (8 * RTE_CACHE_LINE_SIZE)

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

#define BLOCK	    128
#define BLOCK_WORDS (BLOCK / WIDTH)

static inline __attribute__((always_inline)) void
move_block(uint8_t *dst, const uint8_t *src)
{
	wide block[BLOCK_WORDS];

	for (unsigned int w = 0; w < BLOCK_WORDS; w++)
		block[w] = ((const wide *)src)[w];
	for (unsigned int w = 0; w < BLOCK_WORDS; w++)
		((wide *)dst)[w] = block[w];
}

/* More than 256 bytes: the last 256 are loaded first and stored last, blocks go in between. */
static inline __attribute__((always_inline)) void
move_blocks(uint8_t *dst, const uint8_t *src, size_t len)
{
	const uint8_t *src_end = src + len - 2 * BLOCK;
	uint8_t *dst_end = dst + len - 2 * BLOCK;
	wide tail[2 * BLOCK_WORDS];

	for (unsigned int w = 0; w < 2 * BLOCK_WORDS; w++)
		tail[w] = ((const wide *)src_end)[w];
	do {
		move_block(dst, src);
		src += BLOCK;
		dst += BLOCK;
	} while (src < src_end);
	for (unsigned int w = 0; w < 2 * BLOCK_WORDS; w++)
		((wide *)dst_end)[w] = tail[w];
}

/* 1 to 256 bytes. */
static inline __attribute__((always_inline)) void
move_little(uint8_t *dst, const uint8_t *src, size_t len)
{
	if (len > 128)
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

#ifdef EXEC_MOVE
/* Such long ones go through registers of 16 bytes: no slower in caches, and in memory faster. */
#define NARROW_MIN 65536

/* Of any length; from the first byte to the last, as the CPU's prefetchers like it. */
void *
EXEC_MOVE(void *dst, const void *src, size_t len)
{
	const uint8_t *from = src;
	uint8_t *to = dst;

#if WIDTH > 16
	if (len >= NARROW_MIN)
		return dad_exec_move_sse2(dst, src, len);
#endif
	for (; len >= BLOCK; len -= BLOCK, from += BLOCK, to += BLOCK)
		move_block(to, from);
	if (len > 0)
		move_little(to, from, len);
	return dst;
}
#endif

static inline __attribute__((always_inline)) void
move(dad_exec_move_t large, uint8_t *dst, const uint8_t *src, size_t len)
{
	if (len > DAD_EXEC_INLINE_MAX)
		large(dst, src, len);
	else if (len > 256)
		move_blocks(dst, src, len);
	else
		move_little(dst, src, len);
}

static inline __attribute__((always_inline)) void
fill(uint8_t *dst, uint64_t pattern, size_t len)
{
	wide64 word;

	for (unsigned int w = 0; w < WIDTH / sizeof(pattern); w++)
		word[w] = pattern;
	for (; len >= BLOCK; len -= BLOCK, dst += BLOCK)
		for (unsigned int w = 0; w < BLOCK_WORDS; w++)
			((wide64 *)dst)[w] = word;
	for (; len >= WIDTH; len -= WIDTH, dst += WIDTH)
		*(wide64 *)dst = word;
	for (; len >= sizeof(pattern); len -= sizeof(pattern), dst += sizeof(pattern))
		*(u64 *)dst = pattern;
	memcpy(dst, &pattern, len);
}

/* An entry of a list, as far as it is not yet moved. */
struct stretch {
	uint8_t *at;
	uint64_t len, room; /* of the entry; and of memory that is contiguous for the CPU */
};

static inline __attribute__((always_inline)) struct stretch
stretch_of(const struct dad_dma_table *table, const struct dad_sge *sge)
{
	struct stretch s = {.len = sge->length, .room = 0};

	s.at = (uint8_t *)(uintptr_t)dad_dma_table_find(table, sge->addr, &s.room);
	return s;
}

static inline __attribute__((always_inline)) void
stretch_advance(struct stretch *s, uint64_t n)
{
	s->at += n;
	s->len -= n;
	s->room -= n;
}

/* Lists that match, so both end together. What is not all in one piece is left to the slow way. */
static __rte_noinline uint16_t
lists(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_desc *desc)
{
	uint64_t src_next = desc->src + 1, dst_next = src_next + dad_sg_nb_src(desc);
	const uint64_t src_end = dst_next, dst_end = dst_next + dad_sg_nb_dst(desc);
	struct stretch src = {.len = 0}, dst = {.len = 0};
	uint64_t done = 0;

	if (!dad_sg_match(desc))
		return RTE_DMA_STATUS_INVALID_LENGTH;
	for (;;) {
		while (src.len == 0 && src_next != src_end)
			src = stretch_of(x->table, dad_vchan_sge(vc, src_next++));
		while (dst.len == 0 && dst_next != dst_end)
			dst = stretch_of(x->table, dad_vchan_sge(vc, dst_next++));
		const uint64_t n = RTE_MIN(src.len, dst.len);

		if (n == 0)
			return RTE_DMA_STATUS_SUCCESSFUL;
		if (unlikely(n > src.room || n > dst.room))
			return dad_slow_sg_part(x, vc, desc, done, UINT64_MAX);
		move(dad_exec_mover(x, desc->opcode), dst.at, src.at, n);
		stretch_advance(&src, n);
		stretch_advance(&dst, n);
		done += n;
	}
}

static __rte_noinline uint16_t
slow(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_desc *desc)
{
	if ((desc->opcode & DAD_OP_MASK) == DAD_OP_SG)
		return lists(x, vc, desc);
	return dad_slow_op(x, vc, desc);
}

/* An operation whose addresses are good over all of its length: a copy, or without src a fill.
 * Without dst: one for slow(). */
struct step {
	uint8_t *dst;
	const uint8_t *src;
};

static inline __attribute__((always_inline)) struct step
look_up(const struct dad_dma_table *table, const struct dad_desc *desc)
{
	uint64_t dst_room = 0, src_room = 0;
	uint64_t dst = dad_dma_table_find(table, desc->dst, &dst_room);
	struct step step = {NULL, NULL};

	if (likely((desc->opcode & DAD_OP_MASK) == DAD_OP_COPY)) {
		uint64_t src = dad_dma_table_find(table, desc->src, &src_room);

		if (likely(desc->length <= src_room && desc->length <= dst_room)) {
			step.src = (const uint8_t *)(uintptr_t)src;
			step.dst = (uint8_t *)(uintptr_t)dst;
		}
	} else if ((desc->opcode & DAD_OP_MASK) == DAD_OP_FILL && desc->length <= dst_room) {
		step.dst = (uint8_t *)(uintptr_t)dst;
	}
	return step;
}

/* The source of an operation to come, if there is one before end. To fetch from a wrong address
 * does nothing. */
static inline __attribute__((always_inline)) void
fetch_source(const struct dad_packed *packed, const struct dad_packed *end)
{
	if (packed < end)
		__builtin_prefetch((const void *)(uintptr_t)(packed->src & DAD_PACKED_ADDRESS));
}

/* Of the operation in a slot, if it is a larger copy, the first lines. */
static __rte_noinline void
fetch_head(const struct dad_exec *x, const struct dad_vchan *vc, uint64_t slot)
{
	const struct dad_desc desc = dad_vchan_desc(vc, slot);
	/* numbers, as they may be no addresses */
	uintptr_t src = desc.src, dst = desc.dst;

	if (desc.length < FETCH_HEAD || (desc.opcode & DAD_OP_MASK) != DAD_OP_COPY)
		return;
	/* IOVAs that are virtual addresses need no look-up */
	if (!x->identity) {
		const struct step next = look_up(x->table, &desc);

		src = (uintptr_t)next.src;
		dst = (uintptr_t)next.dst;
	}
	for (unsigned int at = 0; at < FETCH_HEAD; at += RTE_CACHE_LINE_SIZE) {
		__builtin_prefetch((const void *)(src + at));
		__builtin_prefetch((const void *)(dst + at), 1);
	}
}

/* What is done in a group. */
struct sums {
	uint64_t copied, filled, fills;
	bool failed;
};

/* Neighbours in the ring: its slots from first on, up to end, are to be done; up to known there are
 * operations that will not change meanwhile. */
struct neighbours {
	uint32_t first, end, known;
};

/* Any operation. */
static __rte_noinline void
do_one(const struct dad_exec *x, struct dad_vchan *vc, const struct neighbours *all, uint32_t slot,
	struct sums *sums)
{
	const struct dad_desc desc = dad_vchan_desc(vc, slot);
	const struct step step = look_up(x->table, &desc);

	if (desc.length > FETCH_MAX) {
		if (slot + 1 < all->known)
			fetch_head(x, vc, slot + 1);
	} else if (x->identity) {
		fetch_source(vc->ring + slot + FETCH_AHEAD, vc->ring + all->end);
	}
	if (likely(step.src != NULL)) {
		move(dad_exec_mover(x, desc.opcode), step.dst, step.src, desc.length);
		sums->copied += desc.length;
	} else if (step.dst != NULL) {
		fill(step.dst, desc.src, desc.length);
		sums->filled += desc.length;
		sums->fills++;
	} else {
		uint16_t status = slow(x, vc, &desc);

		dad_stat_done_one(vc, &desc, status);
		if (status != RTE_DMA_STATUS_SUCCESSFUL) {
			dad_vchan_set_status(vc, slot, (uint8_t)status);
			sums->failed = true;
		}
	}
}

/* Small copies between addresses that have to be looked up: where these are known of a few, their
 * sources can be fetched. It stays inside meanwhile. Returns how many it did from slot on; 0: see
 * do_one(). */
static __rte_noinline unsigned int
do_found(const struct dad_exec *x, struct dad_vchan *vc, const struct neighbours *all,
	uint32_t slot, struct sums *sums)
{
	const struct dad_packed *packed = vc->ring + slot;
	const unsigned int most = RTE_MIN(all->end - slot, (unsigned int)FOUND_MAX);
	struct step steps[FOUND_MAX];
	unsigned int found;

	for (found = 0; found < most; found++) {
		const uint64_t length = packed[found].src >> DAD_PACKED_SHIFT;
		const struct dad_desc desc = dad_unpack(packed[found]);

		if (length - 1 >= FETCH_MAX || (desc.opcode & ~DAD_OP_FOREIGN) != DAD_OP_COPY)
			break;
		steps[found] = look_up(x->table, &desc);
		if (steps[found].dst == NULL)
			break;
		__builtin_prefetch(steps[found].src);
	}
	for (unsigned int i = 0; i < found; i++) {
		const uint64_t length = packed[i].src >> DAD_PACKED_SHIFT;

		move_little(steps[i].dst, steps[i].src, length);
		sums->copied += length;
	}
	return found;
}

static inline __attribute__((always_inline)) void
do_neighbours(const struct dad_exec *x, struct dad_vchan *vc, const struct neighbours *all,
	struct sums *sums)
{
	/* where both addresses lie in it, they need no look-up */
	struct dad_dma_span span = dad_dma_table_span(x->table);
	uint64_t most = span.len > 0 ? DAD_PACKED_LENGTH_MAX : 0;
	const struct dad_packed *packed = vc->ring + all->first;
	const struct dad_packed *const end = vc->ring + all->end;
	uint64_t copied = 0;

	while (packed != end) {
		const uint64_t length = packed->src >> DAD_PACKED_SHIFT;
		const uint64_t src = packed->src & DAD_PACKED_ADDRESS;
		/* of a plain copy; of all else it is too high for any address */
		const uint64_t dst = packed->dst & DAD_PACKED_COPY_MASK;
		const uint64_t last = span.len - length;

		if (unlikely(length - 1 >= most || src - span.first > last ||
			    dst - span.first > last)) {
			const uint32_t slot = (uint32_t)(packed - vc->ring);
			const unsigned int found = do_found(x, vc, all, slot, sums);

			packed += found;
			if (found > 0)
				continue;
			do_one(x, vc, all, slot, sums);
			packed++;
			/* it may have been outside meanwhile: dad_inside_pause() */
			span = dad_dma_table_span(x->table);
			most = span.len > 0 ? DAD_PACKED_LENGTH_MAX : 0;
			continue;
		}
		if (length <= 256) {
			fetch_source(packed + FETCH_AHEAD, end);
			move_little(
				(uint8_t *)(uintptr_t)dst, (const uint8_t *)(uintptr_t)src, length);
		} else {
			if (packed + 1 < vc->ring + all->known)
				fetch_head(x, vc, (uint32_t)(packed + 1 - vc->ring));
			move(x->move_large, (uint8_t *)(uintptr_t)dst,
				(const uint8_t *)(uintptr_t)src, length);
		}
		copied += length;
		packed++;
	}
	sums->copied += copied;
}

bool
EXEC_RUN(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n,
	unsigned int after)
{
	const uint32_t size = dad_vchan_size(vc);
	struct sums sums = {.failed = false};
	uint32_t slot = first & vc->mask;

	while (n > 0) {
		const struct neighbours all = {
			.first = slot,
			.end = RTE_MIN(slot + n, size),
			.known = RTE_MIN(slot + n + after, size),
		};

		do_neighbours(x, vc, &all, &sums);
		n -= all.end - slot;
		slot = 0;
	}
	if (vc->counted)
		dad_stat_done(vc, sums.copied, sums.filled, sums.fills);
	return sums.failed;
}

/* ---- devarg eager ---------------------------------------------------------------------------
 *
 * What is done at the enqueue needs no descriptor: the open batch and group begin behind it. So it
 * is done only where nothing of the batch waits to be submitted; a fence has nothing to wait for
 * then. It is reported from the submit on, as all. Smaller copies are faster in groups; larger
 * ones, too, as in a group the next one's first lines are fetched.
 */
#define EAGER_MIN 512
#define EAGER_MAX DAD_EXEC_INLINE_MAX

/* The thread's first one: it is known from now on. */
static __rte_noinline int
copy_first(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	const bool known = dad_inside_first() == dad_inside_mine;

	return (known ? EXEC_COPY : dad_copy)(dev_private, vchan, src, dst, length, flags);
}

/* Other functions are called in tail position only, so that it saves few registers. */
static __rte_noinline int
copy_now(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	/* which is what private data begins with */
	struct dad_vchan *vc = (struct dad_vchan *)dev_private + vchan;
	const uint64_t ticket = vc->tail;
	struct dad_inside *me = dad_inside_mine;

	/* without room there may be no device behind it */
	if (unlikely(ticket >= vc->limit || ticket != vc->group ||
		    (flags & (DAD_FLAG_AUTO_FREE | RTE_DMA_OP_FLAG_LLC))))
		return dad_copy(dev_private, vchan, src, dst, length, flags);
	if (unlikely(me == NULL))
		return copy_first(dev_private, vchan, src, dst, length, flags);
	const struct dad_exec *x = dad_exec_of(vc);
	if (unlikely(__atomic_load_n(&x->run, __ATOMIC_RELAXED) != x->kernel_run))
		return dad_copy(dev_private, vchan, src, dst, length, flags);

	dad_inside_enter();
	const struct dad_dma_span span = dad_dma_table_span(x->table);
	const uint64_t last = span.len - length;
	const bool known = length <= span.len && src - span.first <= last &&
		dst - span.first <= last && dad_packed_fits(src, dst, length);

	if (likely(known))
		move_blocks((uint8_t *)(uintptr_t)dst, (const uint8_t *)(uintptr_t)src, length);
	dad_inside_leave(me);
	if (unlikely(!known))
		return dad_copy(dev_private, vchan, src, dst, length, flags);

	/* for who asks about an operation that was never submitted */
	dad_vchan_put_packed(vc, ticket, dad_pack(DAD_OP_COPY, src, dst, length));
	dad_vchan_set_status(vc, ticket, RTE_DMA_STATUS_SUCCESSFUL);
	if (vc->counted)
		dad_stat_add(&vc->bytes[DAD_OP_COPY], length, false);
	vc->tail = vc->group = vc->batch = ticket + 1;
	dad_trace_enqueue(vc, ticket, DAD_OP_COPY, length, flags);
	return flags & RTE_DMA_OP_FLAG_SUBMIT ? dad_submit_at(vc, ticket) : (uint16_t)ticket;
}

int
EXEC_COPY(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	const bool fits = length >= EAGER_MIN && length <= EAGER_MAX;

	return (fits ? copy_now : dad_inline_copy)(dev_private, vchan, src, dst, length, flags);
}
