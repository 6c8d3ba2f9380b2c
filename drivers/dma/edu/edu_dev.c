/* SPDX-License-Identifier: BSD-3-Clause */

/* Control path: struct rte_dma_dev_ops. The dmadev library has checked states and ranges. */

#include <errno.h>
#include <inttypes.h>

#include <rte_memory.h>

#include "edu_internal.h"

static struct edu_dev *
edu_of(const struct rte_dma_dev *dev)
{
	return dev->data->dev_private;
}

static int
edu_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz)
{
	(void)info_sz;
	info->dev_capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_MEM_TO_DEV |
		RTE_DMA_CAPA_DEV_TO_MEM | RTE_DMA_CAPA_HANDLES_ERRORS | RTE_DMA_CAPA_OPS_COPY;
	if (edu_of(dev)->queue.any_memory)
		info->dev_capa |= RTE_DMA_CAPA_SVA;
	info->max_vchans = 1; /* the device has one DMA engine */
	info->min_desc = EDU_DESC_MIN;
	info->max_desc = EDU_DESC_MAX;
	return 0;
}

static int
edu_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf, uint32_t conf_sz)
{
	(void)conf;
	(void)conf_sz;
	edu_queue_release(&edu_of(dev)->queue);
	return 0;
}

static int
edu_vchan_setup(struct rte_dma_dev *dev, uint16_t vchan, const struct rte_dma_vchan_conf *conf,
	uint32_t conf_sz)
{
	struct edu_dev *d = edu_of(dev);

	(void)vchan;
	(void)conf_sz;
	return edu_queue_setup(&d->queue, conf, d->node);
}

static int
edu_start(struct rte_dma_dev *dev)
{
	struct edu_queue *q = &edu_of(dev)->queue;

	if (q->job == NULL)
		return -EINVAL;
	int ret = q->gone ? -ENODEV : edu_hw_check(&q->hw);
	if (ret == 0)
		ret = q->hw.set_bus_master(q->hw.bus, true);
	if (ret != 0) {
		EDU_LOG(ERR, "the device %s",
			ret == -EBUSY ? "is busy" : "does not answer: probe it again");
		return ret;
	}
	edu_queue_reset(q);
	return 0;
}

static int
edu_stop(struct rte_dma_dev *dev)
{
	edu_queue_stop(&edu_of(dev)->queue);
	return 0;
}

static int
edu_close(struct rte_dma_dev *dev)
{
	struct edu_dev *d = edu_of(dev);

	edu_queue_release(&d->queue);
	d->release(d);
	return 0;
}

static int
edu_stats_get(const struct rte_dma_dev *dev, uint16_t vchan, struct rte_dma_stats *stats,
	uint32_t stats_sz)
{
	(void)vchan;
	(void)stats_sz;
	*stats = edu_of(dev)->queue.stats;
	return 0;
}

static int
edu_stats_reset(struct rte_dma_dev *dev, uint16_t vchan)
{
	(void)vchan;
	edu_of(dev)->queue.stats = (struct rte_dma_stats){0};
	return 0;
}

static int
edu_vchan_status(const struct rte_dma_dev *dev, uint16_t vchan, enum rte_dma_vchan_status *status)
{
	struct edu_queue *q = &edu_of(dev)->queue;

	(void)vchan;
	edu_queue_poll(q);
	if (q->halted)
		*status = RTE_DMA_VCHAN_HALTED_ERROR;
	else
		*status = edu_queue_is_idle(q) ? RTE_DMA_VCHAN_IDLE : RTE_DMA_VCHAN_ACTIVE;
	return 0;
}

static int
edu_dump(const struct rte_dma_dev *dev, FILE *f)
{
	const struct edu_dev *d = edu_of(dev);
	const struct edu_queue *q = &d->queue;
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(q->dma, &stats);
	fprintf(f, "    NUMA node: %d\n    address mask: %#" PRIx64 "\n", d->node,
		dad_dma_get_mask(q->dma));
	if (q->job != NULL)
		fprintf(f, "    rings on nodes: %d\n", dad_dma_node_of(q->job));
	else
		fprintf(f, "    rings on nodes: -\n");
	fprintf(f, "    queue: %s, enqueued %u, submitted %u, done %u, reported %u of %u\n",
		q->halted	  ? "halted"
			: q->busy ? "busy"
				  : "idle",
		q->enqueued, q->submitted, q->current, q->reported, q->capacity);
	return 0;
}

static const struct rte_dma_dev_ops edu_dev_ops = {
	.dev_info_get = edu_info_get,
	.dev_configure = edu_configure,
	.dev_start = edu_start,
	.dev_stop = edu_stop,
	.dev_close = edu_close,
	.vchan_setup = edu_vchan_setup,
	.stats_get = edu_stats_get,
	.stats_reset = edu_stats_reset,
	.vchan_status = edu_vchan_status,
	.dev_dump = edu_dump,
};

struct rte_dma_dev *
edu_dev_create(const char *name, struct rte_device *device, const struct edu_dev *init)
{
	struct rte_dma_dev *dev = rte_dma_pmd_allocate(name, init->node, sizeof(struct edu_dev));

	if (dev == NULL) /* perhaps for want of memory on that node */
		dev = rte_dma_pmd_allocate(name, SOCKET_ID_ANY, sizeof(struct edu_dev));
	if (dev == NULL) {
		EDU_LOG(ERR, "%s: no memory, or no room for one more dmadev", name);
		return NULL;
	}
	struct edu_dev *d = dev->data->dev_private;
	*d = *init;
	dev->device = device;
	dev->dev_ops = &edu_dev_ops;
	dev->fp_obj->dev_private = &d->queue;
	dev->fp_obj->copy = edu_copy;
	dev->fp_obj->submit = edu_submit;
	dev->fp_obj->completed = edu_completed;
	dev->fp_obj->completed_status = edu_completed_status;
	dev->fp_obj->burst_capacity = edu_burst_capacity;
	dev->state = RTE_DMA_DEV_READY;
	return dev;
}
