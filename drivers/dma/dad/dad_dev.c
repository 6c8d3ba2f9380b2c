/* SPDX-License-Identifier: BSD-3-Clause */

/* Control path: struct rte_dma_dev_ops. The dmadev library has checked states and ranges. */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "dad_compat.h"
#include "dad_dev.h"

/* How long stop waits for what was submitted. */
#define DRAIN_MS 1000

static struct dad_dev *
dad_of(const struct rte_dma_dev *dev)
{
	return dev->data->dev_private;
}

static int
dad_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz)
{
	(void)info_sz;
	info->dev_capa = RTE_DMA_CAPA_MEM_TO_MEM | RTE_DMA_CAPA_HANDLES_ERRORS |
		RTE_DMA_CAPA_OPS_COPY | RTE_DMA_CAPA_OPS_COPY_SG | RTE_DMA_CAPA_OPS_FILL;
	if (dad_of(dev)->exec.sva)
		info->dev_capa |= RTE_DMA_CAPA_SVA;
	info->max_vchans = DAD_VCHANS_MAX;
	info->min_desc = DAD_DESC_MIN;
	info->max_desc = DAD_DESC_MAX;
	info->max_sges = DAD_SGES_MAX;
	return 0;
}

static void
release_vchans(struct dad_dev *d)
{
	for (unsigned int v = 0; v < DAD_VCHANS_MAX; v++)
		dad_vchan_release(&d->vchan[v], d->dma);
	d->nb_vchans = 0;
}

static int
dad_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf, uint32_t conf_sz)
{
	struct dad_dev *d = dad_of(dev);

	(void)conf_sz;
	release_vchans(d);
	d->nb_vchans = conf->nb_vchans;
	return 0;
}

static int
dad_vchan_op_setup(struct rte_dma_dev *dev, uint16_t vchan, const struct rte_dma_vchan_conf *conf,
	uint32_t conf_sz)
{
	struct dad_dev *d = dad_of(dev);
	struct dad_vchan *vc = &d->vchan[vchan];

	(void)conf_sz;
	if (!rte_is_power_of_2(conf->nb_desc)) {
		DAD_LOG(ERR, "%s: vchan %u: nb_desc %u: valid are powers of two from %d to %d",
			d->name, vchan, conf->nb_desc, DAD_DESC_MIN, DAD_DESC_MAX);
		return -EINVAL;
	}
	int ret = dad_vchan_setup(vc, d->dma, conf->nb_desc);
	if (ret != 0) {
		DAD_LOG(ERR, "%s: vchan %u: no coherent memory for %u descriptors", d->name, vchan,
			conf->nb_desc);
		return ret;
	}
	vc->inline_exec = d->args.engine == DAD_ENGINE_INLINE ? &d->exec : NULL;
	vc->crowded = &d->engine.crowded;
	return 0;
}

static int
dad_start(struct rte_dma_dev *dev)
{
	struct dad_dev *d = dad_of(dev);

	for (unsigned int v = 0; v < d->nb_vchans; v++)
		if (d->vchan[v].ring == NULL) {
			DAD_LOG(ERR, "%s: vchan %u of %u was not set up", d->name, v, d->nb_vchans);
			return -EINVAL;
		}
	for (unsigned int v = 0; v < d->nb_vchans; v++)
		dad_vchan_reset(&d->vchan[v]);
	if (d->args.engine == DAD_ENGINE_INLINE)
		return 0;
	return dad_engine_start(&d->engine, d->name, &d->args, dev->device->numa_node, &d->exec,
		d->vchan, d->nb_vchans);
}

static bool
is_idle(const struct dad_dev *d)
{
	for (unsigned int v = 0; v < d->nb_vchans; v++)
		if (!dad_vchan_is_idle(&d->vchan[v]))
			return false;
	return true;
}

static int
dad_stop(struct rte_dma_dev *dev)
{
	struct dad_dev *d = dad_of(dev);

	for (unsigned int ms = 0; ms < DRAIN_MS && !is_idle(d); ms++)
		rte_delay_us_sleep(1000);
	if (!is_idle(d))
		DAD_LOG(WARNING, "%s: still busy after %d ms: the rest is aborted", d->name,
			DRAIN_MS);
	dad_engine_stop(&d->engine);
	for (unsigned int v = 0; v < d->nb_vchans; v++)
		dad_vchan_abort(&d->vchan[v]);
	return 0;
}

static int
dad_close(struct rte_dma_dev *dev)
{
	dad_dev_fini(dad_of(dev));
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

static int
dad_stats_get(const struct rte_dma_dev *dev, uint16_t vchan, struct rte_dma_stats *stats,
	uint32_t stats_sz)
{
	const struct dad_dev *d = dad_of(dev);

	(void)stats_sz;
	*stats = (struct rte_dma_stats){0};
	for (unsigned int v = first_vchan(vchan); v < end_vchan(d, vchan); v++)
		dad_vchan_stats(&d->vchan[v], stats);
	return 0;
}

static int
dad_stats_reset(struct rte_dma_dev *dev, uint16_t vchan)
{
	struct dad_dev *d = dad_of(dev);

	for (unsigned int v = first_vchan(vchan); v < end_vchan(d, vchan); v++)
		dad_vchan_stats_reset(&d->vchan[v]);
	return 0;
}

static int
dad_vchan_status(const struct rte_dma_dev *dev, uint16_t vchan, enum rte_dma_vchan_status *status)
{
	const struct dad_dev *d = dad_of(dev);
	const struct dad_vchan *vc = &d->vchan[vchan];
	bool idle = vc->ring == NULL || dad_vchan_is_idle(vc);

	*status = idle ? RTE_DMA_VCHAN_IDLE : RTE_DMA_VCHAN_ACTIVE;
	/* who asks may be what a worker on the same CPU waits for */
	if (!idle && d->engine.crowded)
		sched_yield();
	return 0;
}

static void
dump_workers(const struct dad_dev *d, FILE *f)
{
	fprintf(f, "    workers: %u, CPUs:", d->args.workers);
	for (unsigned int i = 0; i < d->engine.nb_workers; i++)
		fprintf(f, " %d%s", d->engine.worker[i].cpu,
			dad_engine_is_crowded(&d->engine.worker[i]) ? " (shared)" : "");
	fprintf(f, d->engine.nb_workers == 0 ? " not running\n" : "\n");
}

/* Telemetry has 8 KiB: a line a vchan, 80 bytes at most whatever the numbers. */
static int
dad_dump(const struct rte_dma_dev *dev, FILE *f)
{
	const struct dad_dev *d = dad_of(dev);

	fprintf(f, "    engine: %s\n    kernel: %s\n    addresses: %s%s\n    NUMA node: %d\n",
		dad_engine_name(d->args.engine), d->exec.kernel,
		rte_eal_iova_mode() == RTE_IOVA_PA ? "physical" : "virtual",
		d->exec.sva ? ", any of the process" : "", dev->device->numa_node);
	if (d->args.engine == DAD_ENGINE_THREAD)
		dump_workers(d, f);
	fprintf(f, "    vchan: size, tail; not submitted, not done, not reaped; errors\n");
	for (unsigned int v = 0; v < d->nb_vchans; v++) {
		const struct dad_vchan *vc = &d->vchan[v];

		if (vc->ring == NULL)
			fprintf(f, "    %u: not set up\n", v);
		else
			fprintf(f, "    %u: %u, %" PRIu64 "; %u, %u, %u; %" PRIu64 "\n", v,
				dad_vchan_size(vc), vc->tail, (uint16_t)(vc->tail - vc->published),
				(uint16_t)(vc->published - vc->done),
				(uint16_t)(vc->done - vc->reaped), vc->errors);
	}
	return 0;
}

const struct rte_dma_dev_ops dad_dev_ops = {
	.dev_info_get = dad_info_get,
	.dev_configure = dad_configure,
	.dev_start = dad_start,
	.dev_stop = dad_stop,
	.dev_close = dad_close,
	.vchan_setup = dad_vchan_op_setup,
	.stats_get = dad_stats_get,
	.stats_reset = dad_stats_reset,
	.vchan_status = dad_vchan_status,
	.dev_dump = dad_dump,
};

int
dad_dev_init(struct dad_dev *d, const char *name, const struct dad_args *args, int numa_node)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();

	if (domain == NULL)
		return -ENOMEM;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->args = *args;
	d->dma = dad_dma_dev_create(name, domain, numa_node);
	dad_dma_domain_put(domain); /* the device has a reference */
	if (d->dma == NULL)
		return -ENOMEM;
	/* the engine is a CPU: it reaches everything */
	int ret = dad_dma_set_mask_and_coherent(d->dma, DAD_DMA_BIT_MASK(64));
	if (ret != 0) {
		dad_dma_dev_destroy(d->dma);
		return ret;
	}
	dad_exec_init(&d->exec, domain);
	return 0;
}

void
dad_dev_fini(struct dad_dev *d)
{
	release_vchans(d);
	dad_dma_dev_destroy(d->dma);
	d->dma = NULL;
}
