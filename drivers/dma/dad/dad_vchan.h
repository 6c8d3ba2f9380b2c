/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_VCHAN_H
#define DAD_VCHAN_H

/*
 * A vchan: one descriptor ring, and the cursors of its two sides.
 *
 *   reaped ≤ done ≤ published ≤ tail ≤ reaped + size
 *                └─ claimed ─┘
 *
 * The submitting side (one thread at a time, as dmadev demands) owns all cursors but `claimed`,
 * which workers move by CAS. The sides share nothing but `claimed`, the tags, and what failed.
 * With mt=1 all cursors are moved by CAS: see dad_mt.c.
 *
 * It lies in memory that EAL maps at the same address in each process, and has no pointer to
 * anything else.
 */

#include <stdbool.h>
#include <stddef.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_dmadev.h>

#include "dad_desc.h"
#include "dad_dma.h"
#include "dad_source.h"
#include "dad_throttle.h"
#include "dad_stat.h"

#define DAD_VCHANS_MAX	   64
#define DAD_DESC_MIN	   32
#define DAD_DESC_MAX	   32768
#define DAD_SGES_MAX	   64 /* a side */
/* Of all lists of a vchan: what fits one hugepage. With physical addresses more is hard to get. */
#define DAD_SGES_IN_FLIGHT ((2u << 20) / sizeof(struct dad_sge))
#define DAD_LENGTH_MAX	   UINT32_MAX
#define DAD_ALIGNMENT	   1

/* A group takes 32 operations of up to 4 KiB; a larger one takes the room of as many as it has of
 * 4 KiB. Large operations so spread over workers. */
#define DAD_GROUP_OPS_MAX  32
#define DAD_GROUP_OP_BYTES 4096

struct dad_exec;
struct dad_free;

/*
 * Operations of many bytes are cut into parts, which workers (and who helps them) take one by one.
 * One operation of a vchan at a time; who finds it taken does its own in one piece.
 */
struct dad_split {
	uint64_t word; /* ticket + 1, times 2^16, plus the next part to be taken; 0: nothing is open
			*/
	uint32_t parts; /* of the open operation */
	uint32_t left;	/* of them not done */
	uint32_t bad;	/* the first part that failed << 8 | its status; UINT32_MAX: none has */
	uint32_t taken; /* 1 from before word is set to after it is 0 again */
};

#define DAD_SPLIT_MIN  (256u << 10)
#define DAD_SPLIT_PART (128u << 10)

/* What a vchan of a device that is more than a mover of bytes has of its own: dad_model.h. */
struct dad_vchan_model {
	bool src_window; /* addresses of this side are offsets in the device's window */
	bool dst_window;
	bool stream;	  /* what the source side gives is the device's source */
	bool out_of_step; /* since an overrun nothing was taken */
	uint64_t latest;  /* due time: nothing that began is due later */
	struct dad_acquired acquired;
	struct dad_acquired base; /* what stats_reset() took away */
};

struct dad_vchan {
	/* read by both sides, written by setup only: in a line that stays shared */
	struct dad_packed *ring;
	uint8_t *filled;      /* tags, written by the submitter, read by workers */
	uint8_t *emptied;     /* tags, written by workers, read by who completes */
	uint8_t *status;      /* of each slot: 0, unless it has failed */
	struct dad_sge *sges; /* scatter lists: a ring of entries beside that of descriptors */
	uint32_t mask;
	uint32_t sge_mask;
	uint32_t capacity; /* the ring's size while the device runs, else 0: all is full then */
	uint16_t dev_id;   /* names what each process has of its own: dad_exec_of() */
	uint8_t size_log2;
	/* engine=inline: submit does it all; without tags, if it is for one thread and nothing is
	 * due later */
	bool in_submit : 1;
	bool mt : 1;	  /* many submit and complete: dad_mt.c */
	bool shared : 1;  /* several may claim: by CAS, and they count what they finish */
	bool belled : 1;  /* workers look at the bell before they look at tags */
	bool helped : 1;  /* who completes may claim, too */
	bool silent : 1;  /* nothing is reported: who enqueues takes back what is done */
	bool pooled : 1;  /* workers look for something more urgent after each part, too */
	bool ordered : 1; /* a group begins when all before it is done */
	bool counted : 1; /* statistics beside rte_dma_stats: dad_stat.h */
	bool halts : 1;	  /* stops at what fails: dad_halt.h */
	bool alone : 1;	  /* halts, and nobody but the submitter does operations */
	bool timed;	  /* latencies as well; of a byte of its own: another thread switches it */
	uint8_t most;	  /* operations that are claimed at once */
	uint32_t past;	  /* operations of more bytes are moved past the caches */

	/* submitting, by one thread at a time */
	uint64_t tail __rte_cache_aligned; /* next ticket */
	uint64_t limit;			   /* reaped + capacity: tail must not pass it */
	uint64_t group;			   /* first ticket of the open group */
	uint64_t batch;			   /* first ticket since the last submit */
	uint64_t group_end;		   /* where it ends at the latest */
	uint64_t stop;	    /* the lesser of limit and group_end: no enqueue without a look */
	uint64_t fetched;   /* up to here descriptors' lines were asked for */
	uint16_t fence;	    /* DAD_DEPTH_FENCE if the open group starts with one */
	uint32_t threshold; /* engine=auto: batches of up to so many bytes are done in submit */

	/* completing */
	uint64_t published __rte_cache_aligned; /* up to here submitted */
	uint64_t done;				/* up to here known to be done */
	uint64_t reaped;			/* up to here reported to the application */
	uint64_t careful;			/* below, statuses must be looked at one by one */
	uint64_t errors;			/* reported with a status other than 0 */
	uint64_t waited;			/* polls in vain, where who completes may help */
	uint64_t *due;	     /* of each slot, see dad_throttle.h; NULL: what is done is due */
	const bool *crowded; /* a worker shares its CPU: let it run, do not just poll */

	/* workers */
	uint64_t claimed __rte_cache_aligned; /* up to here taken by workers: see dad_serve.c */
	uint64_t finished;		      /* operations done, or skipped, in any order */
	uint64_t failed; /* 1 + the first ticket of the latest group in which something failed */
	uint64_t bytes[DAD_STAT_OPCODES]; /* moved by those that succeeded */
	uint64_t fills;			  /* of those finished; what is neither, is a copy */
	uint64_t lists;

	/* what idle workers look at */
	uint64_t bell __rte_cache_aligned; /* up to here there is something for workers */
	struct dad_split split;
	uint64_t halted; /* 1 + ticket of what has failed and was not reported; 0: goes on */
	uint32_t left;	 /* 1: something waits for who is in its way; in_submit, dad_mt.c */

	/* submitting, by many threads */
	uint64_t word __rte_cache_aligned; /* next ticket, and how far into its batch: dad_mt.c */
	uint64_t room;			   /* below this ticket there is room; lags */

	/* seldom needed: of groups, lists, what does not fit its descriptor */
	struct dad_slot *slots __rte_cache_aligned;
	uint64_t sge_tail;
	uint64_t sge_head;
	struct rte_dma_op **ops; /* which operation is in which slot: dad_ops.c; else NULL */
	struct dad_free
		*auto_free; /* where sources go when they were copied: dad_free.h; or NULL */

	struct rte_dma_stats base __rte_cache_aligned; /* what stats_reset() took away */
	/* to free the arrays */
	dad_dma_addr_t ring_handle;
	dad_dma_addr_t byte_handle; /* filled, emptied, status */
	dad_dma_addr_t slot_handle;
	dad_dma_addr_t sge_handle;

	struct dad_vchan_model model __rte_cache_aligned;
	struct dad_stat stat;
} __rte_cache_aligned;

static_assert(
	offsetof(struct dad_vchan, model) == 8 * RTE_CACHE_LINE_SIZE, "a line for each purpose");

static inline uint32_t
dad_vchan_size(const struct dad_vchan *vc)
{
	return vc->mask + 1;
}

static inline struct dad_packed *
dad_vchan_packed(const struct dad_vchan *vc, uint64_t ticket)
{
	return &vc->ring[ticket & vc->mask];
}

static inline struct dad_slot *
dad_vchan_slot(const struct dad_vchan *vc, uint64_t ticket)
{
	return &vc->slots[ticket & vc->mask];
}

/* Relaxed, all of it: a claimer who is late may look at what is being written, and is then
 * overtaken; and with mt=1 who completes may look at the next lap's. */

static inline void
dad_vchan_put_packed(struct dad_vchan *vc, uint64_t ticket, struct dad_packed packed)
{
	struct dad_packed *desc = dad_vchan_packed(vc, ticket);

	__atomic_store_n(&desc->src, packed.src, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->dst, packed.dst, __ATOMIC_RELAXED);
}

/* Write an operation to a slot. */
static inline void
dad_vchan_put(struct dad_vchan *vc, uint64_t ticket, struct dad_desc desc)
{
	struct dad_packed packed = {0, 0};

	if (likely(dad_packed_fits(desc.src, desc.dst, desc.length))) {
		packed = dad_pack(desc.opcode, desc.src, desc.dst, desc.length);
	} else {
		struct dad_desc *cold = &dad_vchan_slot(vc, ticket)->desc;

		__atomic_store_n(&cold->src, desc.src, __ATOMIC_RELAXED);
		__atomic_store_n(&cold->dst, desc.dst, __ATOMIC_RELAXED);
		__atomic_store_n(&cold->word, desc.word, __ATOMIC_RELAXED);
	}
	dad_vchan_put_packed(vc, ticket, packed);
}

/* The operation in a slot. */
static inline struct dad_desc
dad_vchan_desc(const struct dad_vchan *vc, uint64_t ticket)
{
	const struct dad_packed *slot = dad_vchan_packed(vc, ticket);
	const struct dad_packed packed = {
		__atomic_load_n(&slot->src, __ATOMIC_RELAXED),
		__atomic_load_n(&slot->dst, __ATOMIC_RELAXED),
	};

	if (likely(packed.src >> DAD_PACKED_SHIFT != 0))
		return dad_unpack(packed);
	const struct dad_desc *cold = &dad_vchan_slot(vc, ticket)->desc;

	return (struct dad_desc){
		.src = __atomic_load_n(&cold->src, __ATOMIC_RELAXED),
		.dst = __atomic_load_n(&cold->dst, __ATOMIC_RELAXED),
		.word = __atomic_load_n(&cold->word, __ATOMIC_RELAXED),
	};
}

/* The rte_dma_status_code of a slot. */
static inline uint8_t
dad_vchan_status_at(const struct dad_vchan *vc, uint64_t ticket)
{
	return __atomic_load_n(&vc->status[ticket & vc->mask], __ATOMIC_RELAXED);
}

static inline void
dad_vchan_set_status(struct dad_vchan *vc, uint64_t ticket, uint8_t status)
{
	__atomic_store_n(&vc->status[ticket & vc->mask], status, __ATOMIC_RELAXED);
}

/* Nothing has failed yet of n operations from a ticket on. For a group at once, before it is handed
 * over: a store less in each enqueue. */
static inline void
dad_vchan_clear_statuses(struct dad_vchan *vc, uint64_t ticket, uint64_t n)
{
	const uint64_t slot = ticket & vc->mask;
	const uint64_t to_wrap = RTE_MIN(n, dad_vchan_size(vc) - slot);

	ring_tags_set(vc->status, slot, to_wrap, RTE_DMA_STATUS_SUCCESSFUL);
	if (unlikely(to_wrap < n))
		ring_tags_set(vc->status, 0, n - to_wrap, RTE_DMA_STATUS_SUCCESSFUL);
}

/* Tags, for lib/ring's functions: what the submitter handed over, what workers gave back. */
static inline struct ring_track
dad_vchan_filled(const struct dad_vchan *vc)
{
	return (struct ring_track){vc->filled, vc->mask, vc->size_log2};
}

static inline struct ring_track
dad_vchan_emptied(const struct dad_vchan *vc)
{
	return (struct ring_track){vc->emptied, vc->mask, vc->size_log2};
}

static inline struct dad_sge *
dad_vchan_sge(const struct dad_vchan *vc, uint64_t ticket)
{
	return &vc->sges[ticket & vc->sge_mask];
}

/* Called when limit or group_end has changed. */
static inline void
dad_vchan_set_stop(struct dad_vchan *vc)
{
	vc->stop = RTE_MIN(vc->limit, vc->group_end);
}

/* A group opens at the tail. */
static inline void
dad_vchan_open_group(struct dad_vchan *vc)
{
	vc->group = vc->tail;
	vc->group_end = vc->tail + DAD_GROUP_OPS_MAX;
	vc->fence = 0;
	dad_vchan_set_stop(vc);
}

/*
 * The lines that the next operations will be written to were last read by a worker. To get one back
 * takes longer than to write it: ask in time, for many at once, but not before the worker is done
 * with them. Called when the tail or the limit has moved.
 */
#define DAD_FETCH_AHEAD 64

static inline void
dad_vchan_fetch(struct dad_vchan *vc)
{
	uint64_t end = RTE_MIN(vc->tail + DAD_FETCH_AHEAD, vc->limit);
	uint64_t ticket = RTE_MAX(vc->fetched, vc->tail);

	for (; ticket < end; ticket += DAD_LINE_DESCS)
		__builtin_prefetch(dad_vchan_packed(vc, ticket), 1);
	vc->fetched = ticket;
}

/* A run of plain copies and fills is done: so many bytes, and fills. */
static inline void
dad_stat_done(struct dad_vchan *vc, uint64_t copied, uint64_t filled, uint64_t fills)
{
	if (likely(copied > 0))
		dad_stat_add(&vc->bytes[DAD_OP_COPY], copied, vc->shared);
	if (unlikely(fills > 0)) {
		dad_stat_add(&vc->bytes[DAD_OP_FILL], filled, vc->shared);
		dad_stat_add(&vc->fills, fills, vc->shared);
	}
}

/* Are latencies measured? T1: pairs with the release in dad_stat_latency_switch() */
static inline bool
dad_vchan_is_timed(const struct dad_vchan *vc)
{
	return unlikely(__atomic_load_n(&vc->timed, __ATOMIC_ACQUIRE));
}

/* ---- life (dad_vchan.c) ------------------------------------------------------------------- */

/* Memory for nb_desc descriptors, for one thread or many; frees what was there before. 0 or
 * -ENOMEM. */
int dad_vchan_setup(struct dad_vchan *vc, struct dad_dma_dev *dma, uint16_t nb_desc, bool mt);
void dad_vchan_release(struct dad_vchan *vc, struct dad_dma_dev *dma);

/* All cursors and statistics to zero, no descriptor pending, and closed: all is full. */
void dad_vchan_reset(struct dad_vchan *vc);

/* The device runs: operations may be enqueued until dad_vchan_abort(). */
void dad_vchan_open(struct dad_vchan *vc);

/* How many from ticket on are done and due, up to max, and either none of them has failed or,
 * perhaps, some have: then statuses must be looked at. */
uint64_t dad_vchan_run_done(
	const struct dad_vchan *vc, uint64_t ticket, uint64_t max, bool *failed);

/* The cursors, of any kind of vchan. Another thread than the submitter gets a snapshot. */
uint64_t dad_vchan_tail(const struct dad_vchan *vc);
uint64_t dad_vchan_published(const struct dad_vchan *vc);
uint64_t dad_vchan_done(const struct dad_vchan *vc);

/* The oldest operation that somebody has begun and not finished; UINT64_MAX: there is none. */
uint64_t dad_vchan_held_up(const struct dad_vchan *vc);

/* Nothing more can be enqueued. */
void dad_vchan_shut(struct dad_vchan *vc);

/* Is everything that was submitted done? Another thread than the submitter gets a snapshot. */
bool dad_vchan_is_idle(const struct dad_vchan *vc);

/* Nobody works any more: what is not done, and what was never submitted, is USER_ABORT. How many.
 */
uint64_t dad_vchan_abort(struct dad_vchan *vc);

/* Of a silent vchan, what is done is completed. */
void dad_vchan_stats(const struct dad_vchan *vc, struct rte_dma_stats *stats);
void dad_vchan_stats_reset(struct dad_vchan *vc);

/* ---- fast path (dad_submit.c, dad_complete.c), signatures of rte_dmadev_core.h ------------- */

int dad_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags);
int dad_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags);
int dad_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst, uint32_t length,
	uint64_t flags);
int dad_submit(void *dev_private, uint16_t vchan);
/* And then, as an enqueue with RTE_DMA_OP_FLAG_SUBMIT, return that ticket's index. */
int dad_submit_at(struct dad_vchan *vc, uint64_t ticket);
uint16_t dad_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
	uint16_t *last_idx, bool *has_error);
uint16_t dad_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
	uint16_t *last_idx, enum rte_dma_status_code *status);
uint16_t dad_burst_capacity(const void *dev_private, uint16_t vchan);

/* dad_copy() where who submits does it, and IOVAs are virtual addresses. */
int dad_inline_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst,
	uint32_t length, uint64_t flags);

/* Silent: slots of what is done are free again, its errors counted. With nothing done, as a poll in
 * vain: the caller helps, or yields, where it may. */
void dad_recycle(struct dad_vchan *vc);

/* ---- enqueue in a secondary process ---------------------------------------------------------- */

int dad_foreign_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst,
	uint32_t length, uint64_t flags);
int dad_foreign_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags);
int dad_foreign_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst,
	uint32_t length, uint64_t flags);

/* ---- the same for mt=1 (dad_mt.c) ----------------------------------------------------------- */

int dad_mt_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags);
int dad_mt_copy_sg(void *dev_private, uint16_t vchan, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags);
int dad_mt_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst,
	uint32_t length, uint64_t flags);
int dad_mt_submit(void *dev_private, uint16_t vchan);
uint16_t dad_mt_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
	uint16_t *last_idx, bool *has_error);
uint16_t dad_mt_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
	uint16_t *last_idx, enum rte_dma_status_code *status);
uint16_t dad_mt_burst_capacity(const void *dev_private, uint16_t vchan);

/* engine=inline, mt=1: the caller does what was submitted and is left, as far as it can be done
 * now. Of other vchans nothing. */
void dad_mt_help(struct dad_vchan *vc);

/* ---- the same for dad_ops.c: op is kept in the slot, and found there ------------------------- */

int dad_mt_copy_op(struct dad_vchan *vc, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint64_t flags, struct rte_dma_op *op);
int dad_mt_copy_sg_op(struct dad_vchan *vc, const struct rte_dma_sge *src,
	const struct rte_dma_sge *dst, uint16_t nb_src, uint16_t nb_dst, uint64_t flags,
	struct rte_dma_op *op);
uint64_t dad_mt_take_ops(struct dad_vchan *vc, uint16_t max, enum rte_dma_status_code *status,
	struct rte_dma_op **ops);

#endif /* DAD_VCHAN_H */
