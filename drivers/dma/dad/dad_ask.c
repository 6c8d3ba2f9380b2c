/* SPDX-License-Identifier: BSD-3-Clause */

/* What any process may do to a device: ask. And the operations of a secondary, which may do nothing
 * else. */

#include <errno.h>
#include <sched.h>

#include "dad_compat.h"
#include "dad_dev.h"
#include "dad_halt.h"
#include "dad_pool.h"
#include "dad_question.h"
#include "dad_regs.h"

int
dad_dev_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz)
{
	(void)info_sz;
	/* telemetry may ask while the device goes */
	dad_devices_lock();
	const struct dad_exec *x = dad_exec_table[dev->data->dev_id];
	const bool sva = x != NULL && x->sva;
	dad_devices_unlock();
	if (x == NULL || dad_of(dev) == NULL)
		return -ENODEV;
	info->dev_capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_HANDLES_ERRORS |
		RTE_DMA_CAPA_OPS_COPY | RTE_DMA_CAPA_OPS_COPY_SG | RTE_DMA_CAPA_OPS_FILL;
	/* this process's own: addresses of the C library are good in the primary only */
	if (sva)
		info->dev_capa |= RTE_DMA_CAPA_SVA;
	/* on request: tests of DPDK 24.03 to 26.07 take it for an error */
	if (dad_of(dev)->args.silent)
		info->dev_capa |= RTE_DMA_CAPA_SILENT;
	if (dad_of(dev)->args.ops)
		info->dev_capa |= DAD_CAPA_OPS_ENQ_DEQ;
	if (dad_of(dev)->args.pool[0] != '\0')
		dad_info_set_priorities(info, DAD_PRIORITIES);
	info->dev_capa |= dad_model_directions(&dad_of(dev)->model);
	info->max_vchans = DAD_VCHANS_MAX;
	info->min_desc = DAD_DESC_MIN;
	info->max_desc = DAD_DESC_MAX;
	info->max_sges = DAD_SGES_MAX;
	return 0;
}

/* One vchan, or all of them, as vchan says. */
static unsigned int
first_vchan(uint16_t vchan)
{
	return vchan == RTE_DMA_ALL_VCHAN ? 0 : vchan;
}

static unsigned int
end_vchan(const struct dad_dev *d, uint16_t vchan)
{
	return vchan == RTE_DMA_ALL_VCHAN ? d->nb_vchans : vchan + 1u;
}

int
dad_dev_stats_get(const struct rte_dma_dev *dev, uint16_t vchan, struct rte_dma_stats *stats,
	uint32_t stats_sz)
{
	const struct dad_dev *d = dad_of(dev);

	(void)stats_sz;
	*stats = (struct rte_dma_stats){0};
	if (d == NULL)
		return -ENODEV;
	/* of a silent one tags are looked at, and telemetry may ask while they go */
	if (d->silent)
		dad_devices_lock();
	for (unsigned int v = first_vchan(vchan); v < end_vchan(d, vchan); v++)
		dad_vchan_stats(&d->vchan[v], stats);
	if (d->silent)
		dad_devices_unlock();
	return 0;
}

static void
reset_worker(struct dad_worker *w, void *arg)
{
	(void)arg;
	dad_work_reset(&w->work);
}

int
dad_dev_stats_reset(struct rte_dma_dev *dev, uint16_t vchan)
{
	struct dad_dev *d = dad_of(dev);

	if (d == NULL)
		return -ENODEV;
	for (unsigned int v = first_vchan(vchan); v < end_vchan(d, vchan); v++)
		dad_vchan_stats_reset(&d->vchan[v]);
	if (vchan == RTE_DMA_ALL_VCHAN)
		dad_pool_walk_workers(&d->engine, reset_worker, NULL);
	return 0;
}

int
dad_dev_vchan_status(
	const struct rte_dma_dev *dev, uint16_t vchan, enum rte_dma_vchan_status *status)
{
	struct dad_dev *d = dad_of(dev);
	struct dad_vchan *vc = &d->vchan[vchan];

	/* who asks may be the only one who comes by */
	dad_mt_help(vc);
	bool idle = vc->ring == NULL || dad_vchan_is_idle(vc);

	*status = idle ? RTE_DMA_VCHAN_IDLE : RTE_DMA_VCHAN_ACTIVE;
	if (d->engine.halted || (vc->capacity != 0 && (dad_halt_is(vc) || dad_regs_is_halted(d))))
		*status = RTE_DMA_VCHAN_HALTED_ERROR;
	/* who asks may be what a worker on the same CPU waits for */
	if (!idle && dad_flag_is_up(&d->engine.crowded))
		sched_yield();
	return 0;
}

/* ---- in a secondary process: look, use, but change nothing ------------------------------------
 *
 * Each operation is there: for start and stop the dmadev library takes a missing one for one that
 * has nothing to do.
 */

static int
refuse(const struct rte_dma_dev *dev, const char *what)
{
	DAD_LOG(ERR, "%s: %s: only the primary process may", dev->device->name, what);
	return -EPERM;
}

static int
refuse_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf, uint32_t conf_sz)
{
	(void)conf;
	(void)conf_sz;
	return refuse(dev, "configure");
}

static int
refuse_vchan_setup(struct rte_dma_dev *dev, uint16_t vchan, const struct rte_dma_vchan_conf *conf,
	uint32_t conf_sz)
{
	(void)vchan;
	(void)conf;
	(void)conf_sz;
	return refuse(dev, "vchan_setup");
}

static int
refuse_start(struct rte_dma_dev *dev)
{
	return refuse(dev, "start");
}

static int
refuse_stop(struct rte_dma_dev *dev)
{
	return refuse(dev, "stop");
}

static int
refuse_close(struct rte_dma_dev *dev)
{
	return refuse(dev, "close");
}

const struct rte_dma_dev_ops dad_secondary_ops = {
	.dev_info_get = dad_dev_info_get,
	.dev_configure = refuse_configure,
	.dev_start = refuse_start,
	.dev_stop = refuse_stop,
	.dev_close = refuse_close,
	.vchan_setup = refuse_vchan_setup,
	.stats_get = dad_dev_stats_get,
	.stats_reset = dad_dev_stats_reset,
	.vchan_status = dad_dev_vchan_status,
	.dev_dump = dad_dev_dump,
};
