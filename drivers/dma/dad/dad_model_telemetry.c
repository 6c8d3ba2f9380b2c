/* SPDX-License-Identifier: BSD-3-Clause */
/* /dad/dmadev/inject,<device>[,clear|<rules>] and /dad/dmadev/source,<device>[,<vchan>] */

#include <stdio.h>
#include <string.h>

#include "dad_fast_path.h"
#include "dad_question.h"

static void
add_rule(struct rte_tel_data *answer, unsigned int i, const struct dad_inject_rule *rule)
{
	struct rte_tel_data *r = rte_tel_data_alloc();
	char name[16];

	if (r == NULL)
		return;
	snprintf(name, sizeof(name), "rule_%u", i);
	rte_tel_data_start_dict(r);
	rte_tel_data_add_dict_string(r, "rule", rule->text);
	rte_tel_data_add_dict_uint(r, "failed", dad_inject_failed(rule));
	rte_tel_data_add_dict_uint(r, "of", __atomic_load_n(&rule->seen, __ATOMIC_RELAXED));
	rte_tel_data_add_dict_container(answer, name, r, 0);
}

/* Change the rules, if that is asked for; tell those that there are. */
static void
answer_inject(struct dad_question *q)
{
	struct dad_exec *x = dad_exec_table[q->dev->dev_id];
	struct dad_model *m = &q->dev->model;
	char why[512];

	if (q->word[0] != '\0' && dad_foreign != 0) {
		dad_question_wrong(q, "only the primary process may", "", "a device alone");
		return;
	}
	if (strcmp(q->word, "clear") == 0) {
		dad_model_clear(m, x);
	} else if (q->word[0] != '\0' &&
		dad_model_inject(m, q->dev->vchan, x, q->word, why, sizeof(why)) != 0) {
		dad_question_wrong(q, "no rule", q->word, why);
		return;
	}
	if (q->word[0] != '\0')
		dad_fast_path_set(&rte_dma_fp_objs[q->dev->dev_id], q->dev);
	rte_tel_data_start_dict(q->answer);
	for (unsigned int i = 0; m->inject.set != NULL && i < m->inject.set->n; i++)
		add_rule(q->answer, i, m->inject.set->rule[i]);
}

static int
inject(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(params, d, DAD_QUESTION_MAY_REST, answer_inject);
}

static void
tell_source(struct dad_question *q)
{
	const bool all = q->vchan == DAD_QUESTION_NO_VCHAN;
	const struct dad_model *m = &q->dev->model;
	struct dad_acquired sum = {0};

	for (unsigned int v = 0; v < q->dev->nb_vchans; v++)
		if (all || v == (unsigned int)q->vchan)
			dad_source_stats(&q->dev->vchan[v], &sum);
	rte_tel_data_start_dict(q->answer);
	rte_tel_data_add_dict_string(q->answer, "source", dad_source_name(m->source.kind));
	rte_tel_data_add_dict_uint(q->answer, "window_bytes", m->window.size);
	rte_tel_data_add_dict_uint(q->answer, "bytes_per_second", m->source.rate);
	rte_tel_data_add_dict_uint(q->answer, "taken", sum.taken);
	rte_tel_data_add_dict_uint(q->answer, "skipped", sum.skipped);
	rte_tel_data_add_dict_uint(q->answer, "lost", sum.lost);
	rte_tel_data_add_dict_uint(q->answer, "overruns", sum.overruns);
}

static int
source(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return dad_question_answer(params, d, DAD_QUESTION_MAY_VCHAN, tell_source);
}

RTE_INIT(dad_model_telemetry_register)
{
	rte_telemetry_register_cmd("/dad/dmadev/inject", inject,
		"Operations that shall fail. Parameters: device[,clear|<rules>]");
	rte_telemetry_register_cmd("/dad/dmadev/source", source,
		"Bytes taken, skipped, lost. Parameters: device[,vchan]");
}
