/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dmadev that does wrong on purpose, to test those who use one: --vdev dma_faulty0,fault=KIND
 * with at=N (default 100). Operation N, counted from 0 since start, and every N-th after it is
 *
 *   error    not done, and reported as a bus read error
 *   skip     not done, and reported as a success
 *   flip     done with one bit of its last byte wrong
 *   overrun  done, and the byte after the destination changed
 *   source   done, and the first byte of the source changed
 *   stall    the last one that ever completes
 *
 * and fault=none is a device that does all as it should. Everything happens in submit, on the
 * caller's CPU. IOVAs must be virtual addresses. One descriptor of the ring is never used, as in
 * some hardware.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>
#include <rte_memory.h>

#include "dad_compat.h"

#define RING   1024
#define USABLE (RING - 1)

enum fault {
	FAULT_NONE,
	FAULT_ERROR,
	FAULT_SKIP,
	FAULT_FLIP,
	FAULT_OVERRUN,
	FAULT_SOURCE,
	FAULT_STALL,
};

struct op {
	const uint8_t *src; /* NULL: fill */
	uint8_t *dst;
	uint32_t length;
	uint64_t pattern;
	enum rte_dma_status_code status;
};

/* Free-running: enqueued >= submitted >= finished >= reaped. */
struct faulty {
	enum fault fault;
	uint64_t at;
	uint64_t enqueued, submitted, finished, reaped;
	uint64_t errors;
	struct op ring[RING];
};

static const char *const fault_names[] = {
	[FAULT_NONE] = "none",
	[FAULT_ERROR] = "error",
	[FAULT_SKIP] = "skip",
	[FAULT_FLIP] = "flip",
	[FAULT_OVERRUN] = "overrun",
	[FAULT_SOURCE] = "source",
	[FAULT_STALL] = "stall",
};

/* ---- the data path ----------------------------------------------------------------------- */

static void
move(struct op *op)
{
	for (uint32_t i = 0; op->src == NULL && i < op->length; i++)
		op->dst[i] = (uint8_t)(op->pattern >> (8 * (i % 8)));
	if (op->src != NULL)
		memcpy(op->dst, op->src, op->length);
}

static void
do_wrong(struct op *op, enum fault fault)
{
	switch (fault) {
	case FAULT_ERROR:
		op->status = RTE_DMA_STATUS_BUS_READ_ERROR;
		return;
	case FAULT_SKIP:
		return;
	case FAULT_FLIP:
		move(op);
		op->dst[op->length - 1] ^= 1;
		return;
	case FAULT_OVERRUN:
		move(op);
		op->dst[op->length] ^= 1;
		return;
	case FAULT_SOURCE:
		move(op);
		if (op->src != NULL)
			*(uint8_t *)(uintptr_t)op->src ^= 1;
		return;
	default:
		move(op);
		return;
	}
}

static int
faulty_submit(void *dev_private, uint16_t vchan)
{
	struct faulty *f = dev_private;

	(void)vchan;
	f->submitted = f->enqueued;
	while (f->finished < f->submitted) {
		struct op *op = &f->ring[f->finished % RING];
		bool wrong = f->fault != FAULT_NONE && f->finished > 0 && f->finished % f->at == 0;

		if (wrong && f->fault == FAULT_STALL)
			break;
		op->status = RTE_DMA_STATUS_SUCCESSFUL;
		if (wrong)
			do_wrong(op, f->fault);
		else
			move(op);
		f->errors += op->status != RTE_DMA_STATUS_SUCCESSFUL;
		f->finished++;
	}
	return 0;
}

static int
enqueue(struct faulty *f, struct op op, uint64_t flags)
{
	uint64_t ticket = f->enqueued;

	if (ticket - f->reaped == USABLE)
		return -ENOSPC;
	f->ring[ticket % RING] = op;
	f->enqueued++;
	if ((flags & RTE_DMA_OP_FLAG_SUBMIT) != 0)
		faulty_submit(f, 0);
	return (uint16_t)ticket;
}

static int
faulty_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	struct op op = {.src = (const void *)(uintptr_t)src, .dst = (void *)(uintptr_t)dst};

	op.length = length;

	(void)vchan;
	return enqueue(dev_private, op, flags);
}

static int
faulty_fill(void *dev_private, uint16_t vchan, uint64_t pattern, rte_iova_t dst, uint32_t length,
	uint64_t flags)
{
	struct op op = {.dst = (void *)(uintptr_t)dst, .length = length, .pattern = pattern};

	(void)vchan;
	return enqueue(dev_private, op, flags);
}

static uint16_t
faulty_completed(void *dev_private, uint16_t vchan, const uint16_t nb_cpls, uint16_t *last_idx,
	bool *has_error)
{
	struct faulty *f = dev_private;
	uint16_t n = 0;

	(void)vchan;
	while (n < nb_cpls && f->reaped < f->finished) {
		if (f->ring[f->reaped % RING].status != RTE_DMA_STATUS_SUCCESSFUL) {
			*has_error = true;
			break;
		}
		f->reaped++;
		n++;
	}
	*last_idx = (uint16_t)(f->reaped - 1);
	return n;
}

static uint16_t
faulty_completed_status(void *dev_private, uint16_t vchan, const uint16_t nb_cpls,
	uint16_t *last_idx, enum rte_dma_status_code *status)
{
	struct faulty *f = dev_private;
	uint16_t n = 0;

	(void)vchan;
	while (n < nb_cpls && f->reaped < f->finished)
		status[n++] = f->ring[f->reaped++ % RING].status;
	*last_idx = (uint16_t)(f->reaped - 1);
	return n;
}

static uint16_t
faulty_burst_capacity(const void *dev_private, uint16_t vchan)
{
	const struct faulty *f = dev_private;

	(void)vchan;
	return (uint16_t)(USABLE - (f->enqueued - f->reaped));
}

/* ---- the control path -------------------------------------------------------------------- */

static int
faulty_info(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t size)
{
	(void)dev;
	(void)size;
	info->dev_capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_SVA | RTE_DMA_CAPA_HANDLES_ERRORS |
		RTE_DMA_CAPA_OPS_COPY | RTE_DMA_CAPA_OPS_FILL;
	info->max_vchans = 1;
	info->max_desc = RING;
	info->min_desc = RING;
	return 0;
}

static int
faulty_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf, uint32_t size)
{
	(void)dev;
	(void)conf;
	(void)size;
	return 0;
}

static int
faulty_vchan_setup(struct rte_dma_dev *dev, uint16_t vchan, const struct rte_dma_vchan_conf *conf,
	uint32_t size)
{
	(void)dev;
	(void)vchan;
	(void)conf;
	(void)size;
	return 0;
}

static int
faulty_start(struct rte_dma_dev *dev)
{
	struct faulty *f = dev->data->dev_private;

	f->enqueued = f->submitted = f->finished = f->reaped = f->errors = 0;
	return 0;
}

static int
faulty_stop(struct rte_dma_dev *dev)
{
	(void)dev;
	return 0;
}

static int
faulty_stats_get(
	const struct rte_dma_dev *dev, uint16_t vchan, struct rte_dma_stats *stats, uint32_t size)
{
	const struct faulty *f = dev->data->dev_private;

	(void)vchan;
	(void)size;
	stats->submitted = f->submitted;
	stats->completed = f->finished;
	stats->errors = f->errors;
	return 0;
}

static const struct rte_dma_dev_ops faulty_ops = {
	.dev_info_get = faulty_info,
	.dev_configure = faulty_configure,
	.dev_start = faulty_start,
	.dev_stop = faulty_stop,
	.dev_close = faulty_stop,
	.vchan_setup = faulty_vchan_setup,
	.stats_get = faulty_stats_get,
};

static int
parse(const char *key, const char *value, void *arg)
{
	struct faulty *f = arg;

	if (strcmp(key, "at") == 0) {
		f->at = strtoull(value, NULL, 10);
		return f->at > 0 ? 0 : -EINVAL;
	}
	for (enum fault fault = FAULT_NONE; fault <= FAULT_STALL; fault++) {
		if (strcmp(value, fault_names[fault]) == 0) {
			f->fault = fault;
			return 0;
		}
	}
	return -EINVAL;
}

static int
faulty_probe(struct rte_vdev_device *vdev)
{
	static const char *const keys[] = {"fault", "at", NULL};
	const char *name = rte_vdev_device_name(vdev);
	struct rte_kvargs *args = rte_kvargs_parse(rte_vdev_device_args(vdev), keys);
	struct rte_dma_dev *dev;

	if (args == NULL)
		return -EINVAL;
	dev = rte_dma_pmd_allocate(name, SOCKET_ID_ANY, sizeof(struct faulty));
	if (dev == NULL) {
		rte_kvargs_free(args);
		return -ENOMEM;
	}
	struct faulty *f = dev->data->dev_private;
	f->at = 100;
	int ret = rte_kvargs_process(args, NULL, parse, f);
	rte_kvargs_free(args);
	if (ret != 0) {
		rte_dma_pmd_release(name);
		return -EINVAL;
	}
	dev->device = &vdev->device;
	dev->dev_ops = &faulty_ops;
	dev->fp_obj->dev_private = f;
	dev->fp_obj->copy = faulty_copy;
	dev->fp_obj->fill = faulty_fill;
	dev->fp_obj->submit = faulty_submit;
	dev->fp_obj->completed = faulty_completed;
	dev->fp_obj->completed_status = faulty_completed_status;
	dev->fp_obj->burst_capacity = faulty_burst_capacity;
	dev->state = RTE_DMA_DEV_READY;
	return 0;
}

static int
faulty_remove(struct rte_vdev_device *vdev)
{
	return rte_dma_pmd_release(rte_vdev_device_name(vdev));
}

static struct rte_vdev_driver faulty_driver = {
	.probe = faulty_probe,
	.remove = faulty_remove,
	.drv_flags = RTE_VDEV_DRV_NEED_IOVA_AS_VA,
};

RTE_PMD_REGISTER_VDEV(dma_faulty, faulty_driver);
