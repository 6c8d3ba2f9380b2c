/* SPDX-License-Identifier: BSD-3-Clause */

/* rte_dma_dump(): telemetry has 8 KiB for it. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <rte_eal.h>

#include "dad_dev.h"
#include "dad_pool.h"
#include "dad_question.h"

/* Asked of the kernel, in the order of the vchans, each node once. */
static void
dump_rings(const struct dad_dev *d, FILE *f)
{
	uint64_t seen = 0;

	fprintf(f, "    rings on nodes:");
	for (unsigned int v = 0; v < d->nb_vchans; v++) {
		int node = d->vchan[v].ring != NULL ? dad_dma_node_of(d->vchan[v].ring) : -1;

		if (node >= 0 && node < 64 && !(seen >> node & 1)) {
			seen |= UINT64_C(1) << node;
			fprintf(f, " %d", node);
		}
	}
	fprintf(f, seen == 0 ? " -\n" : "\n");
}

/* Telemetry tells them all. */
#define WORKERS_MAX 16

struct cpus {
	unsigned int n;
	FILE *f;
};

static void
dump_cpu(struct dad_worker *w, void *arg)
{
	struct cpus *cpus = arg;

	if (cpus->n++ < WORKERS_MAX)
		fprintf(cpus->f, " %d%s", w->cpu, dad_engine_is_crowded(w) ? " (shared)" : "");
}

static void
dump_workers(struct dad_dev *d, FILE *f)
{
	struct cpus cpus = {0, f};

	fprintf(f, "    workers: ");
	if (d->args.pool[0] != '\0')
		fprintf(f, "of pool %s, priority %u", d->args.pool, d->engine.priority);
	else
		fprintf(f, "%u, idle: %s", d->args.workers, dad_idle_name(d->args.idle));
	fprintf(f, ", CPUs:");
	dad_pool_walk_workers(&d->engine, dump_cpu, &cpus);
	/* dad-testdma takes each number for a CPU */
	if (cpus.n > WORKERS_MAX)
		fprintf(f, " and more");
	fprintf(f, cpus.n == 0 ? " not running\n" : "\n");
}

static void
dump_vchan(unsigned int v, const struct dad_vchan *vc, FILE *f)
{
	const uint64_t tail = dad_vchan_tail(vc), published = dad_vchan_published(vc);
	const uint64_t done = dad_vchan_done(vc);

	fprintf(f, "    %u: %u, %" PRIu64 "; %u, %u, %u; %" PRIu64 "\n", v, dad_vchan_size(vc),
		tail, (uint16_t)(tail - published), (uint16_t)(published - done),
		(uint16_t)(done - vc->reaped), vc->errors);
}

static void
dump_kernels(const struct dad_exec *x, FILE *f)
{
	struct dad_exec_size sizes[DAD_EXEC_SIZES];
	const unsigned int n = dad_exec_by_size(x, sizes);

	fprintf(f, "    kernel:");
	for (unsigned int i = 0; i < n; i++)
		fprintf(f, "%s from %u on %s", i > 0 ? "," : "", sizes[i].from, sizes[i].name);
	fprintf(f, "\n");
}

/* Of all vchans the latest. */
static void
dump_last_error(const struct dad_dev *d, FILE *f)
{
	struct dad_failure last = {.tsc = 0}, one;
	unsigned int vchan = 0;

	for (unsigned int v = 0; v < d->nb_vchans; v++)
		if (dad_stat_last(&d->vchan[v], &one) && one.tsc >= last.tsc) {
			last = one;
			vchan = v;
		}
	if (last.tsc == 0)
		fprintf(f, "    last error: none\n");
	else
		fprintf(f,
			"    last error: vchan %u, index %u: %s of %u from %#" PRIx64
			" to %#" PRIx64 ": %s (%u)\n",
			vchan, last.index, dad_stat_opcode_name(last.opcode), last.length, last.src,
			last.dst, dad_stat_code_name(last.status), last.status);
}

/* A line a vchan, 80 bytes at most whatever the numbers. */
static void
dump(const struct rte_dma_dev *dev, const struct dad_exec *x, FILE *f)
{
	struct dad_dev *d = dev->data->dev_private;

	fprintf(f, "    engine: %s%s%s%s\n", dad_engine_name(d->args.engine),
		d->args.mt ? ", mt" : "", d->args.halt ? ", halt" : "",
		d->silent	 ? ", silent"
			: d->ops ? ", ops"
				 : "");
	dump_kernels(x, f);
	fprintf(f,
		"    operations: 1 to %u bytes, alignment %u; in flight: all of a ring, up to %zu "
		"entries of lists\n",
		DAD_LENGTH_MAX, DAD_ALIGNMENT, DAD_SGES_IN_FLIGHT);
	fprintf(f, "    addresses: %s%s\n",
		x->iommu != NULL			     ? "its own, iommu=soft"
			: rte_eal_iova_mode() == RTE_IOVA_PA ? "physical"
							     : "virtual",
		x->sva ? ", any of the process" : "");
	fprintf(f, "    NUMA node: %d\n", dev->device->numa_node);
	dump_rings(d, f);
	if (d->args.workers > 0)
		dump_workers(d, f);
	dad_model_dump(&d->model, d->vchan, d->nb_vchans, f);
	dump_last_error(d, f);
	fprintf(f, "    vchan: size, tail; not submitted, not done, not reaped; errors\n");
	for (unsigned int v = 0; v < d->nb_vchans; v++) {
		const struct dad_vchan *vc = &d->vchan[v];

		if (vc->ring == NULL)
			fprintf(f, "    %u: not set up\n", v);
		else
			dump_vchan(v, vc, f);
	}
}

int
dad_dev_dump(const struct rte_dma_dev *dev, FILE *f)
{
	/* telemetry may ask while the device goes */
	dad_devices_lock();
	const struct dad_exec *x = dad_exec_table[dev->data->dev_id];

	/* in a secondary the primary may have closed it */
	const bool there = x != NULL && dev->data->dev_private != NULL;

	if (there)
		dump(dev, x, f);
	dad_devices_unlock();
	return there ? 0 : -ENODEV;
}
