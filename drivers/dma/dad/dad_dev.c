/* SPDX-License-Identifier: BSD-3-Clause */

/* Control path: struct rte_dma_dev_ops. The dmadev library has checked states and ranges. */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "dad_compat.h"
#include "dad_dev.h"
#include "dad_halt.h"
#include "dad_ops.h"
#include "dad_pool.h"
#include "dad_dma_domain.h"
#include "dad_idle.h"
#include "dad_question.h"
#include "dad_regs.h"
#include "dad_trace.h"

/* How long stop waits for what was submitted. */
#define DRAIN_MS 1000

/* NULL: the primary has closed it, and in this process it was not removed. */
static struct dad_dev *
dad_of(const struct rte_dma_dev *dev)
{
	return dev->data->dev_private;
}

static int
dad_info_get(const struct rte_dma_dev *dev, struct rte_dma_info *info, uint32_t info_sz)
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

static void
release_vchans(struct dad_dev *d)
{
	for (unsigned int v = 0; v < DAD_VCHANS_MAX; v++)
		dad_vchan_release(&d->vchan[v], d->dma);
	d->nb_vchans = 0;
}

/* By a worker that has not left, of a start that failed? */
static bool
is_in_use(struct dad_dev *d)
{
	return d->engine.halted && dad_engine_stop(&d->engine, d->name) != 0;
}

static int
dad_configure(struct rte_dma_dev *dev, const struct rte_dma_conf *conf, uint32_t conf_sz)
{
	struct dad_dev *d = dad_of(dev);

	(void)conf_sz;
	if (dad_conf_wants_ops(conf) && (!d->args.ops || dad_conf_is_silent(conf))) {
		DAD_LOG(ERR, "%s: operations are dequeued with ops=1 only, and never in silence",
			d->name);
		return -EINVAL;
	}
	dad_devices_lock();
	if (is_in_use(d)) {
		dad_devices_unlock();
		return -EBUSY;
	}
	release_vchans(d);
	d->nb_vchans = conf->nb_vchans;
	d->silent = dad_conf_is_silent(conf);
	d->ops = dad_conf_wants_ops(conf);
	d->engine.priority = dad_conf_priority(conf);
	dad_devices_unlock();
	dad_trace_configure(d->name, conf->nb_vchans);
	return 0;
}

/* What a vchan knows of its device. */
static void
set_up_for(struct dad_dev *d, struct dad_vchan *vc)
{
	const enum dad_engine_kind engine = d->args.engine;
	const bool is_inline = engine == DAD_ENGINE_INLINE, is_auto = engine == DAD_ENGINE_AUTO;

	vc->dev_id = d->dev_id;
	vc->crowded = &d->engine.crowded;
	vc->past = dad_exec_table[d->dev_id]->past_from - 1; /* of 0: none is that long */
	vc->halts = vc->ordered = d->args.halt;
	vc->alone = vc->halts && is_inline && !d->args.mt;
	vc->most = vc->halts ? 1 : DAD_GROUP_OPS_MAX;
	vc->in_submit = is_inline && !vc->alone;
	vc->threshold = is_auto && (!vc->halts || d->args.mt) ? d->args.threshold : 0;
	vc->helped = is_auto || (is_inline && d->args.mt);
	vc->belled = is_auto || d->args.mt || vc->alone;
	vc->counted = d->args.xstats;
	vc->silent = d->silent;
	vc->pooled = d->args.pool[0] != '\0';
	vc->shared =
		vc->helped || engine == DAD_ENGINE_SERVICE || d->args.workers > 1 || vc->pooled;
	if (d->timed && dad_stat_latency_switch(vc, true) != 0)
		DAD_LOG(WARNING, "%s: no memory to measure latencies", d->name);
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
	dad_devices_lock();
	if (is_in_use(d)) {
		dad_devices_unlock();
		return -EBUSY;
	}
	int ret = dad_vchan_setup(vc, d->dma, conf->nb_desc, d->args.mt);
	if (ret == 0 && d->ops)
		ret = dad_ops_setup(vc);
	if (ret != 0) {
		DAD_LOG(ERR, "%s: vchan %u: no coherent memory for %u descriptors", d->name, vchan,
			conf->nb_desc);
	} else {
		set_up_for(d, vc);
		ret = dad_model_vchan_setup(&d->model, d->name, vchan, vc, conf);
	}
	if (ret != 0)
		dad_vchan_release(vc, d->dma);
	dad_devices_unlock();
	dad_trace_vchan_setup(d->name, vchan, conf->nb_desc, ret);
	return ret;
}

static int
start_engine(struct dad_dev *d, int numa_node)
{
	uint32_t *control = dad_regs_control(d);

	if (d->args.engine == DAD_ENGINE_INLINE) {
		d->engine.control = control;
		__atomic_store_n(control, DAD_CONTROL_RUN, __ATOMIC_RELEASE);
		return 0;
	}
	return dad_engine_start(&d->engine, d->name, &d->args, numa_node, dad_exec_table[d->dev_id],
		d->vchan, d->nb_vchans, control);
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
	dad_devices_lock();
	if (is_in_use(d)) {
		dad_devices_unlock();
		return -EBUSY;
	}
	for (unsigned int v = 0; v < d->nb_vchans; v++)
		dad_vchan_reset(&d->vchan[v]);
	int ret = dad_regs_set(d);
	if (ret == 0) {
		dad_model_start(&d->model);
		ret = start_engine(d, dev->device->numa_node);
	}
	for (unsigned int v = 0; ret == 0 && v < d->nb_vchans; v++)
		dad_vchan_open(&d->vchan[v]);
	dad_devices_unlock();
	dad_trace_start(d->name, ret);
	return ret;
}

/* Is all done that was submitted? What waits for nobody but the caller is done now. */
static bool
is_idle(struct dad_dev *d)
{
	bool idle = true;

	for (unsigned int v = 0; v < d->nb_vchans; v++) {
		dad_mt_help(&d->vchan[v]);
		/* a halted one waits for an application that is just stopping it */
		idle &= dad_vchan_is_idle(&d->vchan[v]) || dad_halt_is(&d->vchan[v]);
	}
	return idle;
}

/* A worker has not left: it may still write to memory, so nothing is aborted, and nothing freed.
 * Whatever is done can be taken. */
static void
halt(struct dad_dev *d)
{
	for (unsigned int v = 0; v < d->nb_vchans; v++) {
		const uint64_t ticket = dad_vchan_held_up(&d->vchan[v]);

		dad_vchan_shut(&d->vchan[v]);
		if (ticket == UINT64_MAX)
			continue;
		const struct dad_desc desc = dad_vchan_desc(&d->vchan[v], ticket);
		DAD_LOG(ERR,
			"%s: vchan %u: index %u is not done: %s of %u bytes, %#" PRIx64
			" to %#" PRIx64,
			d->name, v, (uint16_t)ticket,
			dad_stat_opcode_name(desc.opcode & DAD_OP_MASK), desc.length, desc.src,
			desc.dst);
	}
}

static int
dad_stop(struct rte_dma_dev *dev)
{
	struct dad_dev *d = dad_of(dev);

	const uint64_t deadline = dad_wait_until(d->engine.halted ? 0 : DRAIN_MS);

	while (!is_idle(d) && dad_wait(deadline))
		;
	const bool drained = is_idle(d);

	if (!drained && !d->engine.halted)
		DAD_LOG(WARNING, "%s: still busy after %d ms", d->name, DRAIN_MS);
	dad_devices_lock();
	if (dad_engine_stop(&d->engine, d->name) != 0) {
		halt(d);
		dad_devices_unlock();
		return -EBUSY;
	}
	for (unsigned int v = 0; v < d->nb_vchans; v++) {
		const uint64_t aborted = dad_vchan_abort(&d->vchan[v]);

		if (aborted > 0)
			dad_trace_abort(d->name, (uint16_t)v, aborted);
	}
	dad_devices_unlock();
	dad_trace_stop(d->name, drained);
	return 0;
}

static int
dad_close(struct rte_dma_dev *dev)
{
	struct dad_dev *d = dad_of(dev);

	if (is_in_use(d))
		return -EBUSY;
	dad_trace_close(d->name);
	dad_dev_fini(d);
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

static int
dad_stats_reset(struct rte_dma_dev *dev, uint16_t vchan)
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

static int
dad_vchan_status(const struct rte_dma_dev *dev, uint16_t vchan, enum rte_dma_vchan_status *status)
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
	.dev_dump = dad_dev_dump,
};

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
	.dev_info_get = dad_info_get,
	.dev_configure = refuse_configure,
	.dev_start = refuse_start,
	.dev_stop = refuse_stop,
	.dev_close = refuse_close,
	.vchan_setup = refuse_vchan_setup,
	.stats_get = dad_stats_get,
	.stats_reset = dad_stats_reset,
	.vchan_status = dad_vchan_status,
	.dev_dump = dad_dev_dump,
};

/* iommu=soft: an address space of the device's own. Whoever gives it work maps the memory for the
 * device that dad_dma_dev_lookup() finds by the dmadev's name. */
static int
confine(struct dad_dev *d, const char *name, int numa_node)
{
	const struct dad_dma_domain_conf conf = {
		.name = name,
		.type = DAD_DMA_DOMAIN_SOFT,
		.rungs = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT),
		.iova_first = 1 << 12,
		.iova_last = DAD_DMA_BIT_MASK(40),
		.socket_id = numa_node,
	};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);

	if (domain == NULL)
		return -rte_errno;
	d->dma = dad_dma_dev_create(name, domain, numa_node);
	if (d->dma == NULL) {
		dad_dma_domain_put(domain);
		return -ENOMEM;
	}
	int ret = dad_exec_confine(dad_exec_table[d->dev_id], domain, d->dma);
	return ret != 0 ? ret : dad_dma_dev_publish(d->dma);
}

static int
create_dma_dev(struct dad_dev *d, const char *name, int numa_node)
{
	int ret = 0;

	if (d->args.iommu)
		ret = confine(d, name, numa_node);
	else
		d->dma = dad_dma_dev_create(name, dad_exec_table[d->dev_id]->domain, numa_node);
	if (ret == 0 && d->dma == NULL)
		ret = -ENOMEM;
	/* the engine is a CPU: it reaches everything */
	return ret != 0 ? ret : dad_dma_set_mask_and_coherent(d->dma, DAD_DMA_BIT_MASK(64));
}

int
dad_dev_init(struct dad_dev *d, uint16_t dev_id, const char *name, const struct dad_args *args,
	int numa_node)
{
	int ret = dad_exec_open(
		dev_id, args->kernel[0] != '\0' ? args->kernel : NULL, args->past_from);

	if (ret == -ENOTSUP)
		DAD_LOG(ERR, "%s: kernel=%s: not on this CPU, or not allowed by EAL", name,
			args->kernel);
	if (ret != 0)
		return ret;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->args = *args;
	d->dev_id = dev_id;
	ret = create_dma_dev(d, name, numa_node);
	if (ret == 0)
		ret = dad_model_open(&d->model, name, &args->model, d->vchan, numa_node);
	dad_exec_table[dev_id]->model = &d->model;
	dad_exec_play(dad_exec_table[dev_id], ret == 0 && dad_model_is_used(&d->model));
	if (ret == 0 && args->engine == DAD_ENGINE_SERVICE)
		ret = dad_service_open(&d->engine.service, name, numa_node, &d->engine);
	if (ret == 0)
		return 0;

	dad_service_close(&d->engine.service);
	dad_model_close(&d->model);
	dad_dma_dev_destroy(d->dma);
	d->dma = NULL;
	dad_devices_lock();
	dad_exec_close(dev_id);
	dad_devices_unlock();
	return ret;
}

void
dad_dev_fini(struct dad_dev *d)
{
	dad_devices_remove(d->dev_id);
	dad_service_close(&d->engine.service);
	/* nobody asks meanwhile who has found it otherwise */
	dad_devices_lock();
	release_vchans(d);
	dad_model_close(&d->model);
	dad_dma_dev_destroy(d->dma);
	d->dma = NULL;
	dad_regs_release(d);
	dad_exec_close(d->dev_id);
	dad_devices_unlock();
}
