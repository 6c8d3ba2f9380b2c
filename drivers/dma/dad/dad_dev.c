/* SPDX-License-Identifier: BSD-3-Clause */

/* Control path: struct rte_dma_dev_ops. The dmadev library has checked states and ranges. */

#include <errno.h>
#include <inttypes.h>

#include "dad_compat.h"
#include "dad_dev.h"
#include "dad_halt.h"
#include "dad_ops.h"
#include "dad_idle.h"
#include "dad_pool.h"
#include "dad_question.h"
#include "dad_regs.h"
#include "dad_trace.h"

/* How long stop waits for what was submitted. */
#define DRAIN_MS 1000

void
dad_dev_release_vchans(struct dad_dev *d)
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
	dad_dev_release_vchans(d);
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
	/* before anything is changed: what was not gathered can be still */
	if (is_in_use(d) || (d->args.pool[0] != '\0' && !dad_pool_is_open(d->args.pool, d->name))) {
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

const struct rte_dma_dev_ops dad_dev_ops = {
	.dev_info_get = dad_dev_info_get,
	.dev_configure = dad_configure,
	.dev_start = dad_start,
	.dev_stop = dad_stop,
	.dev_close = dad_close,
	.vchan_setup = dad_vchan_op_setup,
	.stats_get = dad_dev_stats_get,
	.stats_reset = dad_dev_stats_reset,
	.vchan_status = dad_dev_vchan_status,
	.dev_dump = dad_dev_dump,
};
