/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "dad_lists.h"

static const char *const codes[DAD_STAT_CODES] = {
	[RTE_DMA_STATUS_SUCCESSFUL] = "successful",
	[RTE_DMA_STATUS_USER_ABORT] = "user_abort",
	[RTE_DMA_STATUS_NOT_ATTEMPTED] = "not_attempted",
	[RTE_DMA_STATUS_INVALID_SRC_ADDR] = "invalid_src_addr",
	[RTE_DMA_STATUS_INVALID_DST_ADDR] = "invalid_dst_addr",
	[RTE_DMA_STATUS_INVALID_ADDR] = "invalid_addr",
	[RTE_DMA_STATUS_INVALID_LENGTH] = "invalid_length",
	[RTE_DMA_STATUS_INVALID_OPCODE] = "invalid_opcode",
	[RTE_DMA_STATUS_BUS_READ_ERROR] = "bus_read_error",
	[RTE_DMA_STATUS_BUS_WRITE_ERROR] = "bus_write_error",
	[RTE_DMA_STATUS_BUS_ERROR] = "bus_error",
	[RTE_DMA_STATUS_DATA_POISION] = "data_poision",
	[RTE_DMA_STATUS_DESCRIPTOR_READ_ERROR] = "descriptor_read_error",
	[RTE_DMA_STATUS_DEV_LINK_ERROR] = "dev_link_error",
	[RTE_DMA_STATUS_PAGE_FAULT] = "page_fault",
	[DAD_STAT_CODES - 1] = "error_unknown",
};

static const char *const opcodes[DAD_STAT_OPCODES] = {
	[DAD_OP_COPY] = "copy",
	[DAD_OP_FILL] = "fill",
	[DAD_OP_SG] = "sg",
};

const char *
dad_stat_code_name(unsigned int status)
{
	return codes[RTE_MIN(status, DAD_STAT_CODES - 1u)];
}

const char *
dad_stat_opcode_name(unsigned int opcode)
{
	return opcode < DAD_STAT_OPCODES ? opcodes[opcode] : "unknown";
}

/* ---- counting -------------------------------------------------------------------------------- */

int
dad_stat_nospace(struct dad_vchan *vc)
{
	dad_stat_add(&vc->stat.nospace, 1, vc->mt);
	return -ENOSPC;
}

void
dad_stat_done_one(struct dad_vchan *vc, const struct dad_desc *desc, uint16_t status)
{
	const unsigned int op = desc->opcode & DAD_OP_MASK;

	if (!vc->counted || op >= DAD_STAT_OPCODES)
		return;
	if (op == DAD_OP_FILL)
		dad_stat_add(&vc->fills, 1, vc->shared);
	if (op == DAD_OP_SG)
		dad_stat_add(&vc->lists, 1, vc->shared);
	if (status == RTE_DMA_STATUS_SUCCESSFUL)
		dad_stat_add(&vc->bytes[op], dad_lists_bytes(vc, desc), vc->shared);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void
describe(const struct dad_vchan *vc, uint64_t ticket, struct dad_failure *f)
{
	/* with mt=1 it may be another lap's by now, and then the caller reports nothing */
	const struct dad_desc d = dad_vchan_desc(vc, ticket);

	f->src = d.src;
	f->dst = d.dst;
	f->length = d.length;
	f->opcode = d.opcode & DAD_OP_MASK;
	f->status = dad_vchan_status_at(vc, ticket);
	f->index = (uint16_t)ticket;
	f->tsc = rte_get_tsc_cycles();
	if (f->opcode == DAD_OP_SG) {
		const uint64_t dst = d.src + 1 + dad_sg_nb_src(&d);

		f->src = __atomic_load_n(&dad_vchan_sge(vc, d.src + 1)->addr, __ATOMIC_RELAXED);
		f->dst = __atomic_load_n(&dad_vchan_sge(vc, dst)->addr, __ATOMIC_RELAXED);
	}
}

void
dad_stat_see_errors(const struct dad_vchan *vc, uint64_t ticket, uint64_t n, struct dad_errors *e)
{
	*e = (struct dad_errors){.count = {0}};
	for (uint64_t end = ticket + n; ticket != end; ticket++) {
		const unsigned int status = dad_vchan_status_at(vc, ticket);

		if (status == RTE_DMA_STATUS_SUCCESSFUL)
			continue;
		e->count[RTE_MIN(status, DAD_STAT_CODES - 1u)]++;
		describe(vc, ticket, &e->last);
	}
}

/* Who finds that another one is writing leaves it at that. */
static void
keep_failure(struct dad_last_failure *last, const struct dad_failure *f)
{
	uint64_t turn = __atomic_load_n(&last->turn, __ATOMIC_RELAXED);
	const uint64_t *from = (const uint64_t *)f;
	uint64_t *to = (uint64_t *)&last->failure;

	if ((turn & 1) != 0 ||
		!__atomic_compare_exchange_n(
			&last->turn, &turn, turn + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	/* E1: pairs with the fence in dad_stat_last() */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (unsigned int i = 0; i < sizeof(*f) / sizeof(*from); i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
	/* E2: pairs with the acquire in dad_stat_last() */
	__atomic_store_n(&last->turn, turn + 2, __ATOMIC_RELEASE);
}

static_assert(sizeof(struct dad_failure) == 32, "whole words");

bool
dad_stat_last(const struct dad_vchan *vc, struct dad_failure *f)
{
	const struct dad_last_failure *last = &vc->stat.last;
	const uint64_t *from = (const uint64_t *)&last->failure;
	uint64_t *to = (uint64_t *)f;

	for (unsigned int tries = 0; tries < 1000; tries++) {
		/* E2: pairs with the release in keep_failure() */
		uint64_t turn = __atomic_load_n(&last->turn, __ATOMIC_ACQUIRE);

		if (turn == 0)
			return false;
		for (unsigned int i = 0; i < sizeof(*f) / sizeof(*to); i++)
			to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
		/* E1: pairs with the fence in keep_failure() */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if ((turn & 1) == 0 && __atomic_load_n(&last->turn, __ATOMIC_RELAXED) == turn)
			return true;
	}
	return false; /* its writer was stopped, or killed */
}

void
dad_stat_errors(struct dad_vchan *vc, const struct dad_errors *e)
{
	for (unsigned int i = 0; i < DAD_STAT_CODES; i++)
		if (e->count[i] > 0)
			dad_stat_add(&vc->stat.error[i], e->count[i], vc->mt);
	keep_failure(&vc->stat.last, &e->last);
}

/* ---- latency --------------------------------------------------------------------------------- */

int
dad_stat_latency_switch(struct dad_vchan *vc, bool on)
{
	const size_t n = dad_vchan_size(vc);

	if (on && vc->stat.stamps == NULL)
		vc->stat.stamps =
			rte_malloc(NULL, n * sizeof(*vc->stat.stamps), RTE_CACHE_LINE_SIZE);
	if (on && vc->stat.stamps == NULL)
		return -ENOMEM;
	/* 0: not measured, as it was under way before. Who saw it on before it went off may still
	 * be in dad_stat_stamp(). */
	for (size_t i = 0; on && !vc->timed && i < n; i++)
		__atomic_store_n(&vc->stat.stamps[i], 0, __ATOMIC_RELAXED);
	/* T1: pairs with the loads in is_timed(): the array */
	__atomic_store_n(&vc->timed, on, __ATOMIC_RELEASE);
	return 0;
}

void
dad_stat_stamp(struct dad_vchan *vc, uint64_t ticket, uint64_t end)
{
	const uint64_t now = rte_get_tsc_cycles();

	for (; ticket != end; ticket++)
		__atomic_store_n(&vc->stat.stamps[ticket & vc->mask], now, __ATOMIC_RELAXED);
}

static unsigned int
bucket_of(uint64_t ns)
{
	const unsigned int log2 = 63u - (unsigned int)__builtin_clzll(ns | 1);

	return RTE_MIN(log2, DAD_STAT_LATENCIES - 1u);
}

void
dad_stat_latency(const struct dad_vchan *vc, uint64_t ticket, uint64_t n, struct dad_latency *to)
{
	const double ns_per_tick = 1e9 / (double)rte_get_tsc_hz();
	const uint64_t now = rte_get_tsc_cycles(), end = ticket + n;
	const uint64_t *stamps = vc->stat.stamps;

	while (ticket != end) {
		const uint64_t stamp =
			__atomic_load_n(&stamps[ticket & vc->mask], __ATOMIC_RELAXED);
		uint64_t run = 1;

		/* those of a batch have the same */
		while (ticket + run != end &&
			__atomic_load_n(&stamps[(ticket + run) & vc->mask], __ATOMIC_RELAXED) ==
				stamp)
			run++;
		ticket += run;
		if (stamp == 0)
			continue;
		const uint64_t ns =
			stamp < now ? (uint64_t)((double)(now - stamp) * ns_per_tick) : 0;

		dad_stat_add(&to->bucket[bucket_of(ns)], run, false);
		dad_stat_add(&to->ns, run * ns, false);
	}
}

void
dad_stat_latency_add(struct dad_vchan *vc, const struct dad_latency *l)
{
	for (unsigned int i = 0; i < DAD_STAT_LATENCIES; i++)
		if (l->bucket[i] > 0)
			dad_stat_add(&vc->stat.latency.bucket[i], l->bucket[i], true);
	dad_stat_add(&vc->stat.latency.ns, l->ns, true);
}

/* ---- all of it ------------------------------------------------------------------------------- */

void
dad_stat_clear(struct dad_vchan *vc)
{
	uint64_t *stamps = vc->stat.stamps;

	memset(&vc->stat, 0, sizeof(vc->stat));
	memset(vc->bytes, 0, sizeof(vc->bytes));
	vc->fills = vc->lists = 0;
	vc->stat.stamps = stamps;
	if (stamps != NULL)
		memset(stamps, 0, dad_vchan_size(vc) * sizeof(*stamps));
}

static void
copy_counters(uint64_t *to, const uint64_t *from, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

/* Since the start. */
static void
read_all(const struct dad_vchan *vc, uint64_t v[DAD_XSTAT_MAX])
{
	const struct dad_stat *s = &vc->stat;
	uint64_t finished, skipped;

	copy_counters(&finished, &vc->finished, 1);
	copy_counters(&skipped, &s->skipped, 1);
	copy_counters(&v[DAD_XSTAT_OPS + DAD_OP_FILL], &vc->fills, 1);
	copy_counters(&v[DAD_XSTAT_OPS + DAD_OP_SG], &vc->lists, 1);
	copy_counters(&v[DAD_XSTAT_BYTES], vc->bytes, DAD_STAT_OPCODES);
	/* the rest are copies; read at different moments it may be less than there were */
	const uint64_t others =
		v[DAD_XSTAT_OPS + DAD_OP_FILL] + v[DAD_XSTAT_OPS + DAD_OP_SG] + skipped;
	v[DAD_XSTAT_OPS + DAD_OP_COPY] = vc->counted && finished > others ? finished - others : 0;

	copy_counters(&v[DAD_XSTAT_NOSPACE], &s->nospace, 1);
	copy_counters(&v[DAD_XSTAT_PARTS], &s->parts, 1);
	copy_counters(&v[DAD_XSTAT_SUBMIT_SERVED], &s->submit_served, 1);
	copy_counters(&v[DAD_XSTAT_POLL_SERVED], &s->poll_served, 1);
	copy_counters(&v[DAD_XSTAT_ERRORS], s->error, DAD_STAT_CODES);
	copy_counters(&v[DAD_XSTAT_BATCHES], s->batch, DAD_STAT_BATCHES);
	copy_counters(&v[DAD_XSTAT_LATENCY], s->latency.bucket, DAD_STAT_LATENCIES);
	copy_counters(&v[DAD_XSTAT_LATENCY_NS], &s->latency.ns, 1);
}

void
dad_stat_get(const struct dad_vchan *vc, uint64_t values[DAD_XSTAT_MAX])
{
	uint64_t now[DAD_XSTAT_MAX];

	read_all(vc, now);
	for (unsigned int i = 0; i < DAD_XSTAT_MAX; i++) {
		/* a reset in another thread may be later than what was read */
		const uint64_t base = __atomic_load_n(&vc->stat.base[i], __ATOMIC_RELAXED);

		values[i] += now[i] > base ? now[i] - base : 0;
	}
}

void
dad_stat_reset(struct dad_vchan *vc)
{
	uint64_t now[DAD_XSTAT_MAX];

	read_all(vc, now);
	for (unsigned int i = 0; i < DAD_XSTAT_MAX; i++)
		__atomic_store_n(&vc->stat.base[i], now[i], __ATOMIC_RELAXED);
}

void
dad_stat_name(enum dad_xstat which, char *name, unsigned int size)
{
	static const char *const ops[] = {"copies", "fills", "scatter_lists"};
	static const char *const bytes[] = {"copy_bytes", "fill_bytes", "scatter_bytes"};
	static const char *const others[] = {
		[DAD_XSTAT_NOSPACE - DAD_XSTAT_NOSPACE] = "enospc",
		[DAD_XSTAT_PARTS - DAD_XSTAT_NOSPACE] = "parts",
		[DAD_XSTAT_SUBMIT_SERVED - DAD_XSTAT_NOSPACE] = "served_in_submit",
		[DAD_XSTAT_POLL_SERVED - DAD_XSTAT_NOSPACE] = "served_in_poll",
	};

	if (which < DAD_XSTAT_BYTES)
		snprintf(name, size, "%s", ops[which - DAD_XSTAT_OPS]);
	else if (which < DAD_XSTAT_NOSPACE)
		snprintf(name, size, "%s", bytes[which - DAD_XSTAT_BYTES]);
	else if (which < DAD_XSTAT_ERRORS)
		snprintf(name, size, "%s", others[which - DAD_XSTAT_NOSPACE]);
	else if (which < DAD_XSTAT_BATCHES)
		snprintf(name, size, "errors_%s", codes[which - DAD_XSTAT_ERRORS]);
	else if (which < DAD_XSTAT_LATENCY)
		snprintf(name, size, "batches_of_%u", 1u << (which - DAD_XSTAT_BATCHES));
	else if (which < DAD_XSTAT_LATENCY_NS)
		snprintf(name, size, "latency_ns_%" PRIu64,
			UINT64_C(1) << (which - DAD_XSTAT_LATENCY));
	else
		snprintf(name, size, "latency_ns_sum");
}
