/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "edu_internal.h"

/* ---- the ring ------------------------------------------------------------------------------ */

int
edu_queue_setup(struct edu_queue *q, const struct rte_dma_vchan_conf *conf, int node)
{
	uint32_t slots = rte_align32pow2(conf->nb_desc);

	edu_queue_release(q);
	q->job = rte_calloc_socket("edu_jobs", slots, sizeof(*q->job), 0, node);
	if (q->job == NULL) {
		EDU_LOG(NOTICE, "node %d has no memory left: the ring is on another one", node);
		q->job = rte_calloc("edu_jobs", slots, sizeof(*q->job), 0);
	}
	if (q->job == NULL)
		return -ENOMEM;
	q->mask = (uint16_t)(slots - 1);
	q->capacity = conf->nb_desc;
	q->direction = conf->direction;
	return 0;
}

void
edu_queue_release(struct edu_queue *q)
{
	rte_free(q->job);
	q->job = NULL;
}

void
edu_queue_reset(struct edu_queue *q)
{
	q->enqueued = q->submitted = q->current = q->reported = 0;
	q->done = 0;
	q->in_buffer = false;
	q->halted = false;
	memset(&q->stats, 0, sizeof(q->stats));
}

bool
edu_queue_is_idle(const struct edu_queue *q)
{
	return q->current == q->submitted;
}

static struct edu_job *
job_at(const struct edu_queue *q, uint16_t index)
{
	return &q->job[index & q->mask];
}

/* ---- hops ---------------------------------------------------------------------------------- */

/* Is there memory to read at va? An IOVA that is a virtual address may be anything. */
static bool
is_readable(const void *va, size_t len)
{
	char page[EDU_BUFFER_SIZE];
	struct iovec here = {.iov_base = page, .iov_len = len};
	struct iovec there = {.iov_base = (void *)(uintptr_t)va, .iov_len = len};

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)len;
}

/* What the application calls by this IOVA, or NULL. len, at most that of a hop, shrinks where the
 * memory behind the IOVAs goes on elsewhere. */
static void *
memory_at(const struct edu_queue *q, uint64_t iova, uint32_t *len)
{
	size_t contig;
	void *va = dad_dma_bus_to_virt(q->eal, iova, &contig);

	if (va != NULL) {
		*len = RTE_MIN(*len, contig);
		return va;
	}
	if (!q->any_memory)
		return NULL;
	/* not EAL's, perhaps the C library's: we might have to copy it, and must not crash */
	va = (void *)(uintptr_t)iova;
	return is_readable(va, *len) ? va : NULL;
}

static bool
is_in_buffer(uint64_t address, uint32_t len)
{
	return address >= EDU_BUFFER_ADDR && len <= EDU_BUFFER_SIZE &&
		address - EDU_BUFFER_ADDR <= EDU_BUFFER_SIZE - len;
}

/* How much of a job goes in one piece, and where that lies: memory on each side, except that of
 * the device, where it stays NULL. */
struct piece {
	void *src, *dst;
	uint32_t len;
};

static enum rte_dma_status_code
find_piece(const struct edu_queue *q, const struct edu_job *job, uint32_t done, struct piece *piece)
{
	*piece = (struct piece){.len = RTE_MIN(job->len - done, EDU_BUFFER_SIZE)};

	if (q->direction == RTE_DMA_DIR_DEV_TO_MEM) {
		if (!is_in_buffer(job->src, job->len))
			return RTE_DMA_STATUS_INVALID_SRC_ADDR;
	} else {
		piece->src = memory_at(q, job->src + done, &piece->len);
		if (piece->src == NULL)
			return RTE_DMA_STATUS_INVALID_SRC_ADDR;
	}
	if (q->direction == RTE_DMA_DIR_MEM_TO_DEV) {
		if (!is_in_buffer(job->dst, job->len))
			return RTE_DMA_STATUS_INVALID_DST_ADDR;
	} else {
		piece->dst = memory_at(q, job->dst + done, &piece->len);
		if (piece->dst == NULL)
			return RTE_DMA_STATUS_INVALID_DST_ADDR;
	}
	return RTE_DMA_STATUS_SUCCESSFUL;
}

/* Start the next hop of the current job, or tell why not. */
static enum rte_dma_status_code
start_hop(struct edu_queue *q)
{
	const struct edu_job *job = job_at(q, q->current);
	bool to_ram = q->direction == RTE_DMA_DIR_DEV_TO_MEM || q->in_buffer;
	uint32_t offset = 0;
	struct piece piece;
	enum rte_dma_status_code status = find_piece(q, job, q->done, &piece);

	if (status != RTE_DMA_STATUS_SUCCESSFUL)
		return status;
	/* what came in goes out again whole: somebody changed the memory under a job */
	if (q->in_buffer && piece.len != q->len)
		return RTE_DMA_STATUS_INVALID_DST_ADDR;
	if (q->direction != RTE_DMA_DIR_MEM_TO_MEM)
		offset = (uint32_t)((to_ram ? job->src : job->dst) - EDU_BUFFER_ADDR) + q->done;
	q->dir = to_ram ? DAD_DMA_FROM_DEVICE : DAD_DMA_TO_DEVICE;
	q->addr = dad_dma_map_single(q->dma, to_ram ? piece.dst : piece.src, piece.len, q->dir);
	if (dad_dma_mapping_error(q->dma, q->addr) != 0)
		return to_ram ? RTE_DMA_STATUS_INVALID_DST_ADDR : RTE_DMA_STATUS_INVALID_SRC_ADDR;
	q->len = piece.len;
	q->busy = true;
	edu_hw_start(&q->hw, q->addr, offset, piece.len, to_ram);
	return RTE_DMA_STATUS_SUCCESSFUL;
}

static void
end_job(struct edu_queue *q, enum rte_dma_status_code status)
{
	job_at(q, q->current)->status = status;
	q->current++;
	q->done = 0;
	q->in_buffer = false;
	q->stats.completed++;
	if (status != RTE_DMA_STATUS_SUCCESSFUL)
		q->stats.errors++;
}

static void
give_up(struct edu_queue *q, enum rte_dma_status_code status)
{
	while (q->current != q->submitted)
		end_job(q, status);
}

/* An IOMMU that stops a transfer tells the kernel's log, not the device, and not us. */
static bool
is_copied(const struct edu_queue *q, const struct edu_job *job)
{
	struct piece piece;

	for (uint32_t done = 0; done < job->len; done += piece.len)
		if (find_piece(q, job, done, &piece) != RTE_DMA_STATUS_SUCCESSFUL ||
			memcmp(piece.src, piece.dst, piece.len) != 0)
			return false;
	return true;
}

/* The hop is over: whose turn is it? */
static void
end_hop(struct edu_queue *q)
{
	const struct edu_job *job = job_at(q, q->current);

	q->busy = false;
	dad_dma_unmap_single(q->dma, q->addr, q->len, q->dir);
	if (q->direction == RTE_DMA_DIR_MEM_TO_MEM) {
		q->in_buffer = !q->in_buffer;
		if (q->in_buffer)
			return;
	}
	q->done += q->len;
	if (q->done < job->len)
		return;
	bool bad = q->verify && q->direction == RTE_DMA_DIR_MEM_TO_MEM && !is_copied(q, job);
	end_job(q, bad ? RTE_DMA_STATUS_BUS_ERROR : RTE_DMA_STATUS_SUCCESSFUL);
}

/* The device failed. It is kept off the bus first: then its memory can be taken away. */
static void
halt(struct edu_queue *q, enum edu_state state)
{
	EDU_LOG(ERR, "the device %s: halted",
		state == EDU_GONE ? "does not answer any more" : "takes too long for a transfer");
	if (q->hw.set_bus_master(q->hw.bus, false) != 0)
		EDU_LOG(ERR, "and cannot be kept off the bus");
	q->halted = true;
	q->gone = state == EDU_GONE;
	q->busy = false;
	dad_dma_unmap_single(q->dma, q->addr, q->len, q->dir);
	end_job(q, state == EDU_GONE ? RTE_DMA_STATUS_DEV_LINK_ERROR : RTE_DMA_STATUS_BUS_ERROR);
	give_up(q, RTE_DMA_STATUS_NOT_ATTEMPTED);
}

void
edu_queue_poll(struct edu_queue *q)
{
	for (;;) {
		if (q->busy) {
			enum edu_state state = edu_hw_poll(&q->hw);

			if (state == EDU_RUNNING)
				return;
			if (state != EDU_DONE) {
				halt(q, state);
				return;
			}
			end_hop(q);
		}
		if (edu_queue_is_idle(q))
			return;
		enum rte_dma_status_code status = start_hop(q);
		if (status != RTE_DMA_STATUS_SUCCESSFUL)
			end_job(q, status);
	}
}

void
edu_queue_stop(struct edu_queue *q)
{
	/* what was never submitted is given up like the rest */
	q->submitted = q->enqueued;
	if (q->busy) {
		enum edu_state state;

		while ((state = edu_hw_poll(&q->hw)) == EDU_RUNNING)
			rte_pause();
		if (state == EDU_DONE)
			end_hop(q);
		else
			halt(q, state);
	}
	give_up(q, RTE_DMA_STATUS_USER_ABORT);
}

/* ---- struct rte_dma_fp_object -------------------------------------------------------------- */

int
edu_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	struct edu_queue *q = dev_private;

	/* one copy after the other is as fenced as can be: RTE_DMA_OP_FLAG_FENCE needs nothing */
	if (q->halted)
		return -EIO;
	if (length == 0)
		return -EINVAL;
	if (edu_burst_capacity(q, vchan) == 0)
		return -ENOSPC;
	*job_at(q, q->enqueued) = (struct edu_job){.src = src, .dst = dst, .len = length};

	uint16_t index = q->enqueued++;
	if (flags & RTE_DMA_OP_FLAG_SUBMIT)
		edu_submit(q, vchan);
	return index;
}

int
edu_submit(void *dev_private, uint16_t vchan)
{
	struct edu_queue *q = dev_private;

	(void)vchan;
	if (q->halted)
		return -EIO;
	q->stats.submitted += (uint16_t)(q->enqueued - q->submitted);
	q->submitted = q->enqueued;
	edu_queue_poll(q);
	return 0;
}

uint16_t
edu_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
	bool *has_error)
{
	struct edu_queue *q = dev_private;
	uint16_t n = 0;

	(void)vchan;
	edu_queue_poll(q);
	while (n < nb_cpls && q->reported != q->current) {
		if (job_at(q, q->reported)->status != RTE_DMA_STATUS_SUCCESSFUL) {
			*has_error = true;
			break;
		}
		q->reported++;
		n++;
	}
	*last_idx = (uint16_t)(q->reported - 1);
	return n;
}

uint16_t
edu_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
	enum rte_dma_status_code *status)
{
	struct edu_queue *q = dev_private;
	uint16_t n = 0;

	(void)vchan;
	edu_queue_poll(q);
	while (n < nb_cpls && q->reported != q->current) {
		status[n++] = job_at(q, q->reported)->status;
		q->reported++;
	}
	*last_idx = (uint16_t)(q->reported - 1);
	return n;
}

uint16_t
edu_burst_capacity(const void *dev_private, uint16_t vchan)
{
	const struct edu_queue *q = dev_private;

	(void)vchan;
	return (uint16_t)(q->capacity - (uint16_t)(q->enqueued - q->reported));
}
