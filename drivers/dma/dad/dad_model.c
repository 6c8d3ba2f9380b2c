/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "dad_free.h"
#include "dad_internal.h"

/* ---- life --------------------------------------------------------------------------------- */

static int
open_window(struct dad_window *w, const char *device, uint64_t size, int numa_node)
{
	if (size == 0)
		return 0;
	w->base = rte_zmalloc_socket("dad_window", size, RTE_CACHE_LINE_SIZE, numa_node);
	if (w->base == NULL) /* perhaps for want of memory on that node */
		w->base = rte_zmalloc("dad_window", size, RTE_CACHE_LINE_SIZE);
	if (w->base == NULL) {
		DAD_LOG(ERR, "%s: window: EAL has no %" PRIu64 " bytes of memory in one piece",
			device, size);
		return -ENOMEM;
	}
	w->size = size;
	return 0;
}

static int
open_inject(
	struct dad_model *m, const char *device, const char *spec, const struct dad_vchan *vchan)
{
	char why[512];

	if (spec[0] == '\0')
		return 0;
	int ret = dad_inject_add(&m->inject, vchan, spec, why, sizeof(why));
	if (ret != 0)
		DAD_LOG(ERR, "%s: inject=%s: %s", device, spec, why);
	return ret;
}

int
dad_model_open(struct dad_model *m, const char *device, const struct dad_model_args *args,
	const struct dad_vchan *vchan, int numa_node)
{
	dad_throttle_open(&m->throttle, args->gbps, args->lat_ns);
	int ret = open_window(&m->window, device, args->window, numa_node);
	if (ret == 0)
		ret = dad_source_open(&m->source, device, args, numa_node);
	if (ret == 0)
		ret = open_inject(m, device, args->inject, vchan);
	if (ret != 0)
		dad_model_close(m);
	return ret;
}

void
dad_model_close(struct dad_model *m)
{
	dad_inject_close(&m->inject);
	dad_source_close(&m->source);
	rte_free(m->window.base);
	m->window.base = NULL;
}

static bool
is_timed(const struct dad_model *m)
{
	return m->throttle.rate > 0 || m->throttle.latency > 0 || m->source.rate > 0;
}

bool
dad_model_is_used(const struct dad_model *m)
{
	return m->window.size > 0 || is_timed(m) || m->inject.set != NULL;
}

int
dad_model_inject(struct dad_model *m, const struct dad_vchan *vchan, struct dad_exec *x,
	const char *spec, char *why, size_t size)
{
	int ret = dad_inject_add(&m->inject, vchan, spec, why, size);

	if (ret == 0)
		dad_exec_play(x, true);
	return ret;
}

void
dad_model_clear(struct dad_model *m, struct dad_exec *x)
{
	dad_inject_clear(&m->inject);
	dad_exec_play(x, dad_model_is_used(m));
}

void
dad_model_start(struct dad_model *m)
{
	m->source.start = rte_rdtsc_precise();
	m->throttle.free = 0;
}

/* ---- directions --------------------------------------------------------------------------- */

/* With a source the window is its alone to write. */
uint64_t
dad_model_directions(const struct dad_model *m)
{
	if (m->window.size == 0)
		return 0;
	if (m->source.kind != DAD_SOURCE_NONE)
		return RTE_DMA_CAPA_DEV_TO_MEM;
	return RTE_DMA_CAPA_MEM_TO_DEV | RTE_DMA_CAPA_DEV_TO_MEM | RTE_DMA_CAPA_DEV_TO_DEV |
		DAD_CAPA_M2D_AUTO_FREE;
}

/* What the PCIe side that is played has. */
#define PORT_CORES 4
#define PORT_PFS   16
#define PORT_VFS   256

static int
check_port(const char *device, unsigned int v, const char *side, bool is_device,
	const struct rte_dma_port_param *port)
{
	const enum rte_dma_port_type wanted = is_device ? RTE_DMA_PORT_PCIE : RTE_DMA_PORT_NONE;

	if (port->port_type != wanted) {
		DAD_LOG(ERR, "%s: vchan %u: %s port_type %d: valid is %s for a side that is %s",
			device, v, side, (int)port->port_type,
			is_device ? "RTE_DMA_PORT_PCIE" : "RTE_DMA_PORT_NONE",
			is_device ? "the device" : "memory");
		return -EINVAL;
	}
	if (!is_device)
		return 0;
	if (port->pcie.coreid >= PORT_CORES || port->pcie.pfid >= PORT_PFS) {
		DAD_LOG(ERR,
			"%s: vchan %u: %s port: coreid %u, pfid %u: valid are 0 to %d, 0 to %d",
			device, v, side, (unsigned int)port->pcie.coreid,
			(unsigned int)port->pcie.pfid, PORT_CORES - 1, PORT_PFS - 1);
		return -EINVAL;
	}
	if (port->pcie.vfid >= (port->pcie.vfen ? PORT_VFS : 1)) {
		DAD_LOG(ERR, "%s: vchan %u: %s port: vfid %u: valid are 0 to %d with vfen, else 0",
			device, v, side, (unsigned int)port->pcie.vfid, PORT_VFS - 1);
		return -EINVAL;
	}
	if (port->reserved[0] != 0 || port->reserved[1] != 0) {
		DAD_LOG(ERR, "%s: vchan %u: %s port: reserved fields must be 0", device, v, side);
		return -EINVAL;
	}
	return 0;
}

int
dad_model_vchan_setup(const struct dad_model *m, const char *device, unsigned int v,
	struct dad_vchan *vc, const struct rte_dma_vchan_conf *conf)
{
	const bool from_device = conf->direction == RTE_DMA_DIR_DEV_TO_MEM ||
		conf->direction == RTE_DMA_DIR_DEV_TO_DEV;
	const bool to_device = conf->direction == RTE_DMA_DIR_MEM_TO_DEV ||
		conf->direction == RTE_DMA_DIR_DEV_TO_DEV;
	int ret = check_port(device, v, "source", from_device, &conf->src_port);

	if (ret == 0)
		ret = check_port(device, v, "destination", to_device, &conf->dst_port);
	if (ret != 0)
		return ret;
	vc->model.src_window = from_device;
	vc->model.dst_window = to_device;
	/* each operation begins, in the stream, where the one before ended */
	vc->model.stream = from_device && m->source.kind != DAD_SOURCE_NONE;
	vc->ordered |= vc->model.stream;
	ret = dad_free_setup(vc, device, v, conf);
	if (ret != 0 || !is_timed(m))
		return ret;
	vc->due = rte_zmalloc("dad_due", dad_vchan_size(vc) * sizeof(*vc->due), 0);
	return vc->due != NULL ? 0 : -ENOMEM;
}

/* ---- operations --------------------------------------------------------------------------- */

/* One that the kernel's loop does not know how to do. */
static uint16_t
do_one(const struct dad_exec *x, struct dad_vchan *vc, uint64_t ticket)
{
	const struct dad_source *s = &x->model->source;
	const uint64_t taken = vc->model.acquired.taken;
	const struct dad_desc desc = dad_vchan_desc(vc, ticket);
	uint16_t status = dad_slow_op(x, vc, &desc);

	dad_stat_done_one(vc, &desc, status);

	if (!vc->model.stream)
		return status;
	if (status != RTE_DMA_STATUS_SUCCESSFUL)
		dad_source_lose(vc, taken);
	else if (s->rate > 0 && vc->model.acquired.taken != taken)
		dad_throttle_hold(&x->model->throttle, vc, ticket,
			dad_source_time(s, vc->model.acquired.cursor));
	return status;
}

static bool
do_run(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n,
	unsigned int after)
{
	bool failed = false;

	if (!vc->model.src_window && !vc->model.dst_window)
		return x->kernel_run(x, vc, first, n, after);
	for (uint64_t ticket = first; ticket < first + n; ticket++) {
		uint16_t status = do_one(x, vc, ticket);

		if (status == RTE_DMA_STATUS_SUCCESSFUL)
			continue;
		dad_vchan_set_status(vc, ticket, (uint8_t)status);
		failed = true;
	}
	return failed;
}

/* Those that shall fail do; what is between them is done. */
static bool
do_injected(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_inject_set *set,
	uint64_t first, unsigned int n, unsigned int after)
{
	const uint64_t end = first + n;
	bool failed = false;

	for (uint64_t ticket = first; ticket < end; ticket++) {
		const struct dad_desc desc = dad_vchan_desc(vc, ticket);
		const uint8_t status = dad_inject_status(set, vc, &desc);

		if (status == RTE_DMA_STATUS_SUCCESSFUL)
			continue;
		if (ticket > first)
			do_run(x, vc, first, (unsigned int)(ticket - first), 0);
		dad_vchan_set_status(vc, ticket, status);
		dad_stat_done_one(vc, &desc, status);
		first = ticket + 1;
		failed = true;
	}
	if (first < end)
		failed |= do_run(x, vc, first, (unsigned int)(end - first), after);
	return failed;
}

bool
dad_model_run(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n,
	unsigned int after)
{
	const struct dad_inject_set *set = dad_inject_rules(&x->model->inject);

	if (vc->due != NULL)
		dad_throttle_begin(&x->model->throttle, vc, first, n);
	const bool failed = set == NULL ? do_run(x, vc, first, n, after)
					: do_injected(x, vc, set, first, n, after);

	if (vc->auto_free != NULL)
		dad_free_sources(x, vc, first, n);
	return failed;
}

/* ---- dump --------------------------------------------------------------------------------- */

#define GB 1e9

/* Telemetry tells them all. */
#define DUMPED_RULES 6u

static void
dump_rules(const struct dad_inject *in, FILE *f)
{
	const struct dad_inject_set *set = dad_inject_rules(in);

	if (set == NULL)
		return;
	for (unsigned int i = 0; i < RTE_MIN(set->n, DUMPED_RULES); i++)
		fprintf(f, "    inject: %s: %" PRIu64 " of %" PRIu64 "\n", set->rule[i]->text,
			dad_inject_failed(set->rule[i]),
			__atomic_load_n(&set->rule[i]->seen, __ATOMIC_RELAXED));
	if (set->n > DUMPED_RULES)
		fprintf(f, "    inject: and %u more\n", set->n - DUMPED_RULES);
}

void
dad_model_dump(
	const struct dad_model *m, const struct dad_vchan *vchan, unsigned int nb_vchans, FILE *f)
{
	if (m->window.size > 0)
		fprintf(f, "    window: %" PRIu64 " bytes\n", m->window.size);
	if (m->throttle.rate > 0 || m->throttle.latency > 0)
		fprintf(f, "    link: %.9g GB/s%s, latency %" PRIu64 " ns\n",
			(double)m->throttle.rate / GB, m->throttle.rate == 0 ? " (unlimited)" : "",
			(uint64_t)((double)m->throttle.latency * 1e9 / (double)m->throttle.hz));
	dump_rules(&m->inject, f);
	if (m->source.kind == DAD_SOURCE_NONE)
		return;

	struct dad_acquired sum = {0};
	for (unsigned int v = 0; v < nb_vchans; v++)
		dad_source_stats(&vchan[v], &sum);
	fprintf(f, "    source: %s, %.9g GB/s%s; bytes taken, skipped, lost; overruns: ",
		dad_source_name(m->source.kind), (double)m->source.rate / GB,
		m->source.rate == 0 ? " (unlimited)" : "");
	fprintf(f, "%" PRIu64 ", %" PRIu64 ", %" PRIu64 "; %" PRIu64 "\n", sum.taken, sum.skipped,
		sum.lost, sum.overruns);
}
