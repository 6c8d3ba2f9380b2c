/* SPDX-License-Identifier: BSD-3-Clause */
/* /dad/dmadev/latency,<device>[,<vchan>][,on|off] */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dad_internal.h"
#include "dad_question.h"

/* Where the given share of the operations are done, in ns: the end of its bucket. */
static uint64_t
quantile(const uint64_t bucket[DAD_STAT_LATENCIES], uint64_t count, unsigned int per_mille)
{
	const uint64_t wanted = (count * per_mille + 999) / 1000;
	uint64_t seen = 0;

	for (unsigned int i = 0; i < DAD_STAT_LATENCIES; i++) {
		seen += bucket[i];
		if (seen >= wanted)
			return UINT64_C(2) << i;
	}
	return UINT64_C(2) << DAD_STAT_LATENCIES;
}

static void
switch_latency(struct dad_question *q)
{
	const bool on = strcmp(q->word, "on") == 0;

	if (!on && strcmp(q->word, "off") != 0) {
		dad_question_wrong(q, "unknown parameter", q->word, "on, off, or nothing");
		return;
	}
	if (dad_foreign != 0) {
		dad_question_wrong(q, "only the primary process switches it:", q->word, "to look");
		return;
	}
	if (q->vchan == DAD_QUESTION_NO_VCHAN)
		q->dev->timed = on;
	for (unsigned int v = dad_question_first(q); v < dad_question_end(q); v++) {
		struct dad_vchan *vc = &q->dev->vchan[v];

		if (vc->ring != NULL && dad_stat_latency_switch(vc, on) != 0) {
			dad_question_wrong(q, "no memory for", q->word, "off");
			return;
		}
	}
	rte_tel_data_start_dict(q->answer);
	rte_tel_data_add_dict_string(q->answer, "latency", q->word);
}

static void
tell_latency(struct dad_question *q)
{
	uint64_t values[DAD_XSTAT_MAX], count = 0;
	const uint64_t *bucket = &values[DAD_XSTAT_LATENCY];
	struct rte_tel_data *d = q->answer, *b;
	char name[32];
	bool on = false;

	if (q->word[0] != '\0') {
		switch_latency(q);
		return;
	}
	dad_question_xstats(q, values);
	for (unsigned int v = dad_question_first(q); v < dad_question_end(q); v++)
		on |= q->dev->vchan[v].timed;
	for (unsigned int i = 0; i < DAD_STAT_LATENCIES; i++)
		count += bucket[i];
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "latency", on ? "on" : "off");
	rte_tel_data_add_dict_uint(d, "operations", count);
	if (count == 0)
		return;
	rte_tel_data_add_dict_uint(d, "mean_ns", values[DAD_XSTAT_LATENCY_NS] / count);
	rte_tel_data_add_dict_uint(d, "p50_below_ns", quantile(bucket, count, 500));
	rte_tel_data_add_dict_uint(d, "p90_below_ns", quantile(bucket, count, 900));
	rte_tel_data_add_dict_uint(d, "p99_below_ns", quantile(bucket, count, 990));
	rte_tel_data_add_dict_uint(d, "p999_below_ns", quantile(bucket, count, 999));
	b = rte_tel_data_alloc();
	if (b == NULL)
		return;
	rte_tel_data_start_dict(b);
	for (unsigned int i = 0; i < DAD_STAT_LATENCIES; i++) {
		if (bucket[i] == 0)
			continue;
		snprintf(name, sizeof(name), "%" PRIu64, i == 0 ? 0 : UINT64_C(1) << i);
		rte_tel_data_add_dict_uint(b, name, bucket[i]);
	}
	rte_tel_data_add_dict_container(d, "from_ns", b, 0);
}

static int
latency(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(
		params, d, DAD_QUESTION_MAY_VCHAN | DAD_QUESTION_MAY_WORD, tell_latency);
}

RTE_INIT(dad_telemetry_latency_register)
{
	rte_telemetry_register_cmd("/dad/dmadev/latency", latency,
		"From submit to completed; measured while on. Parameters: "
		"device[,vchan][,on|off]");
}
