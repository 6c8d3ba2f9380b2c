/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dad_halt.h"
#include "dad_internal.h"
#include "dad_pool.h"
#include "dad_question.h"

/* ---- answers --------------------------------------------------------------------------------- */

static void
add_name(const struct dad_dev *d, void *answer)
{
	rte_tel_data_add_array_string(answer, d->name);
}

static int
list(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	(void)params;
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	dad_devices_walk(add_name, d);
	return 0;
}

/* Each as it was given, in the order of that. */
static void
add_devargs(struct rte_tel_data *answer, const char *given)
{
	struct rte_tel_data *d = rte_tel_data_alloc();
	char text[sizeof(((struct dad_dev *)0)->given)], *rest = text;

	if (d == NULL)
		return;
	rte_tel_data_start_dict(d);
	snprintf(text, sizeof(text), "%s", given);
	dad_question_clean(text);
	while (rest != NULL) {
		char *value = strsep(&rest, ",");
		const char *key = strsep(&value, "=");

		if (value != NULL)
			rte_tel_data_add_dict_string(d, key, value);
	}
	rte_tel_data_add_dict_container(answer, "devargs", d, 0);
}

static void
tell_info(struct dad_question *q)
{
	const struct dad_dev *dev = q->dev;
	struct rte_tel_data *d = q->answer;

	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", dev->name);
	rte_tel_data_add_dict_uint(d, "id", dev->dev_id);
	rte_tel_data_add_dict_string(d, "engine", dad_engine_name(dev->args.engine));
	rte_tel_data_add_dict_uint(d, "mt", dev->args.mt);
	rte_tel_data_add_dict_uint(d, "halt", dev->args.halt);
	rte_tel_data_add_dict_uint(d, "xstats", dev->args.xstats);
	rte_tel_data_add_dict_uint(d, "iommu_soft", dev->args.iommu);
	rte_tel_data_add_dict_uint(d, "workers", dev->args.workers);
	rte_tel_data_add_dict_string(
		d, "idle", dev->args.workers > 0 ? dad_idle_name(dev->args.idle) : "");
	rte_tel_data_add_dict_uint(
		d, "threshold", dev->args.engine == DAD_ENGINE_AUTO ? dev->args.threshold : 0);
	rte_tel_data_add_dict_uint(d, "vchans", dev->nb_vchans);
	rte_tel_data_add_dict_uint(d, "max_vchans", DAD_VCHANS_MAX);
	rte_tel_data_add_dict_uint(d, "min_desc", DAD_DESC_MIN);
	rte_tel_data_add_dict_uint(d, "max_desc", DAD_DESC_MAX);
	rte_tel_data_add_dict_uint(d, "max_sges", DAD_SGES_MAX);
	/* what rte_dma_info has no room for */
	rte_tel_data_add_dict_uint(d, "max_length", DAD_LENGTH_MAX);
	rte_tel_data_add_dict_uint(d, "alignment", DAD_ALIGNMENT);
	rte_tel_data_add_dict_uint(d, "max_in_flight", DAD_DESC_MAX);
	rte_tel_data_add_dict_uint(d, "max_sges_in_flight", DAD_SGES_IN_FLIGHT);
	rte_tel_data_add_dict_uint(d, "split_from", DAD_SPLIT_MIN);
	rte_tel_data_add_dict_uint(d, "group_ops", DAD_GROUP_OPS_MAX);
	add_devargs(d, dev->given);
}

static int
info(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(params, d, 0, tell_info);
}

/* Of the device's source, if it has one. */
static void
add_acquired(const struct dad_question *q)
{
	struct dad_acquired sum = {0};

	if (q->dev->model.source.kind == DAD_SOURCE_NONE)
		return;
	for (unsigned int v = dad_question_first(q); v < dad_question_end(q); v++)
		dad_source_stats(&q->dev->vchan[v], &sum);
	rte_tel_data_add_dict_uint(q->answer, "source_taken_bytes", sum.taken);
	rte_tel_data_add_dict_uint(q->answer, "source_skipped_bytes", sum.skipped);
	rte_tel_data_add_dict_uint(q->answer, "source_lost_bytes", sum.lost);
	rte_tel_data_add_dict_uint(q->answer, "source_overruns", sum.overruns);
}

static void
tell_xstats(struct dad_question *q)
{
	uint64_t values[DAD_XSTAT_MAX];
	struct rte_dma_stats stats = {0};
	char name[RTE_TEL_MAX_STRING_LEN];

	dad_question_xstats(q, values);
	for (unsigned int v = dad_question_first(q); v < dad_question_end(q); v++)
		dad_vchan_stats(&q->dev->vchan[v], &stats);
	rte_tel_data_start_dict(q->answer);
	rte_tel_data_add_dict_uint(q->answer, "submitted", stats.submitted);
	rte_tel_data_add_dict_uint(q->answer, "completed", stats.completed);
	rte_tel_data_add_dict_uint(q->answer, "errors", stats.errors);
	for (unsigned int i = 0; i < DAD_XSTAT_LATENCY; i++) {
		if (i == DAD_XSTAT_ERRORS) /* successful ones are no errors */
			continue;
		dad_stat_name((enum dad_xstat)i, name, sizeof(name));
		rte_tel_data_add_dict_uint(q->answer, name, values[i]);
	}
	add_acquired(q);
}

static int
xstats(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(params, d, DAD_QUESTION_MAY_VCHAN, tell_xstats);
}

static void
add_address(struct rte_tel_data *d, const char *name, uint64_t address)
{
	char text[32];

	snprintf(text, sizeof(text), "%#" PRIx64, address);
	rte_tel_data_add_dict_string(d, name, text);
}

static void
add_last_error(struct rte_tel_data *d, const struct dad_vchan *vc)
{
	struct rte_tel_data *e;
	struct dad_failure f;

	if (!dad_stat_last(vc, &f) || (e = rte_tel_data_alloc()) == NULL)
		return;
	rte_tel_data_start_dict(e);
	rte_tel_data_add_dict_string(e, "op", dad_stat_opcode_name(f.opcode));
	rte_tel_data_add_dict_uint(e, "index", f.index);
	add_address(e, "src", f.src);
	add_address(e, "dst", f.dst);
	rte_tel_data_add_dict_uint(e, "length", f.length);
	rte_tel_data_add_dict_uint(e, "code", f.status);
	rte_tel_data_add_dict_string(e, "name", dad_stat_code_name(f.status));
	rte_tel_data_add_dict_container(d, "last_error", e, 0);
}

static const char *
state_of(const struct dad_dev *dev, const struct dad_vchan *vc)
{
	if (vc->ring == NULL)
		return "not set up";
	if (dev->engine.halted)
		return "halted";
	if (vc->capacity == 0)
		return "stopped";
	if (dad_halt_is(vc))
		return "halted";
	return dad_vchan_is_idle(vc) ? "idle" : "active";
}

static void
tell_vchan(struct dad_question *q)
{
	const struct dad_vchan *vc = &q->dev->vchan[q->vchan];
	struct rte_tel_data *d = q->answer;
	struct rte_dma_stats stats = {0};

	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "state", state_of(q->dev, vc));
	if (vc->ring == NULL)
		return;
	const uint64_t reaped = __atomic_load_n(&vc->reaped, __ATOMIC_RELAXED);
	const uint64_t done = dad_vchan_done(vc), published = dad_vchan_published(vc);
	const uint64_t tail = dad_vchan_tail(vc);

	dad_vchan_stats(vc, &stats);
	rte_tel_data_add_dict_uint(d, "descriptors", dad_vchan_size(vc)); /* all may be in flight */
	rte_tel_data_add_dict_uint(d, "scatter_entries", vc->sge_mask + 1u);
	rte_tel_data_add_dict_uint(d, "enqueued", tail);
	rte_tel_data_add_dict_uint(d, "submitted", published);
	rte_tel_data_add_dict_uint(d, "claimed",
		vc->in_submit && !vc->mt ? published
					 : __atomic_load_n(&vc->claimed, __ATOMIC_RELAXED) >> 1);
	rte_tel_data_add_dict_uint(d, "done", done);
	rte_tel_data_add_dict_uint(d, "reported", reaped);
	rte_tel_data_add_dict_uint(d, "errors", stats.errors);
	rte_tel_data_add_dict_uint(d, "latency", vc->timed);
	add_last_error(d, vc);
}

static int
vchan(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(params, d, DAD_QUESTION_MUST_VCHAN, tell_vchan);
}

/* ---- workers, kernels ------------------------------------------------------------------------ */

static void
add_worker(struct dad_worker *w, void *answer)
{
	const struct dad_work_seen s = dad_work_get(&w->work);
	struct rte_tel_data *c = rte_tel_data_alloc();
	char name[32];

	if (c == NULL)
		return;
	rte_tel_data_start_dict(c);
	rte_tel_data_add_dict_int(c, "cpu", w->cpu);
	rte_tel_data_add_dict_uint(
		c, "busy_permille", s.elapsed > 0 ? s.busy / (s.elapsed / 1000 + 1) : 0);
	rte_tel_data_add_dict_uint(c, "groups", s.groups);
	rte_tel_data_add_dict_uint(c, "wakeups", s.wakeups);
	snprintf(name, sizeof(name), "worker_%u", w->index);
	rte_tel_data_add_dict_container(answer, name, c, 0);
}

static void
tell_workers(struct dad_question *q)
{
	rte_tel_data_start_dict(q->answer);
	dad_pool_walk_workers(&q->dev->engine, add_worker, q->answer);
}

static int
workers(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(params, d, 0, tell_workers);
}

static void
tell_kernels(struct dad_question *q)
{
	const struct dad_exec *x = dad_exec_table[q->dev->dev_id];
	struct rte_tel_data *d = q->answer, *there = rte_tel_data_alloc();
	struct dad_exec_size sizes[DAD_EXEC_SIZES];
	const char *name;
	char text[32];

	rte_tel_data_start_dict(d);
	const unsigned int n = dad_exec_by_size(x, sizes);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "from_%u", sizes[i].from);
		rte_tel_data_add_dict_string(d, text, sizes[i].name);
	}
	if (there == NULL)
		return;
	rte_tel_data_start_array(there, RTE_TEL_STRING_VAL);
	for (unsigned int i = 0; (name = dad_exec_kernel_name(i)) != NULL; i++)
		if (dad_exec_kernel_is_there(i))
			rte_tel_data_add_array_string(there, name);
	rte_tel_data_add_dict_container(d, "there", there, 0);
}

static int
kernels(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(params, d, 0, tell_kernels);
}

static void
do_reset(struct dad_question *q)
{
	const uint16_t which =
		q->vchan == DAD_QUESTION_NO_VCHAN ? RTE_DMA_ALL_VCHAN : (uint16_t)q->vchan;
	int ret = rte_dma_stats_reset((int16_t)q->dev->dev_id, which);

	if (ret != 0) {
		dad_question_wrong(q, "not reset:", strerror(-ret), "a device that is configured");
		return;
	}
	rte_tel_data_start_dict(q->answer);
	rte_tel_data_add_dict_string(q->answer, "reset", q->dev->name);
}

static int
reset(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(params, d, DAD_QUESTION_MAY_VCHAN, do_reset);
}

RTE_INIT(dad_telemetry_register)
{
	static const struct {
		const char *cmd;
		telemetry_cb fn;
		const char *help;
	} commands[] = {
		{"/dad/dmadev/list", list, "Names of the dma_dad devices. No parameters"},
		{"/dad/dmadev/info", info, "Devargs and limits. Parameters: device (name or id)"},
		{"/dad/dmadev/xstats", xstats, "All counters. Parameters: device[,vchan]"},
		{"/dad/dmadev/vchan", vchan,
			"State, cursors, last error. Parameters: device,vchan"},
		{"/dad/dmadev/workers", workers, "CPU and load of each. Parameters: device"},
		{"/dad/dmadev/kernels", kernels, "What moves bytes, by size. Parameters: device"},
		{"/dad/dmadev/reset", reset, "All counters to 0. Parameters: device[,vchan]"},
	};

	for (unsigned int i = 0; i < RTE_DIM(commands); i++)
		rte_telemetry_register_cmd(commands[i].cmd, commands[i].fn, commands[i].help);
}
