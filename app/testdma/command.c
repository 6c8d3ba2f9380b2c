/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cmdline.h>
#include <cmdline_parse_string.h>

#include "command.h"
#include "interrupt.h"
#include "numa_show.h"
#include "token.h"

#define MAX_WORDS    2
#define MAX_COMMANDS 48
#define POLL_MS	     20

/* What rte_cmdline leaves of a line. */
struct parsed {
	cmdline_fixed_string_t word[MAX_WORDS];
	char value[WORD_SIZE];
};

struct command {
	const char *word[MAX_WORDS];
	const char *arg; /* NULL: takes none */
	const char *help;
	int (*run)(struct prompt *p, const char *value);
};

/* A command with its tokens. */
struct bound {
	struct commands *owner;
	const struct setting *setting; /* of a "set" command */
	const struct command *command; /* of any other */
	cmdline_parse_token_string_t word[MAX_WORDS];
	struct word_token value;
	struct cmdline_inst *inst;
};

struct commands {
	struct prompt *prompt;
	unsigned int count;
	char device_names[DEVICE_MAX * 8 + CONFIG_LIST_SIZE];
	struct bound bound[MAX_COMMANDS];
	cmdline_parse_ctx_t context[MAX_COMMANDS + 1];
};

static int run_help(struct prompt *p, const char *value);

/* ---- what the commands do ---------------------------------------------------------------- */

static int
run_show_device(struct prompt *p, const char *value)
{
	(void)value;
	if (p->devices->count == 0)
		printf("no DMA device\n");
	for (unsigned int i = 0; i < p->devices->count; i++)
		device_show(&p->devices->dev[i]);
	return 0;
}

static int
run_show_vchan(struct prompt *p, const char *value)
{
	(void)value;
	if (p->devices->count == 0)
		printf("no DMA device\n");
	for (unsigned int i = 0; i < p->devices->count; i++)
		device_show_vchans(&p->devices->dev[i]);
	return 0;
}

static int
run_show_numa(struct prompt *p, const char *value)
{
	(void)value;
	return numa_show(p->devices, p->config);
}

static int
run_show_stats(struct prompt *p, const char *value)
{
	(void)value;
	xfer_show(p->xfer);
	return 0;
}

static int
run_show_config(struct prompt *p, const char *value)
{
	const struct config *c = p->config;

	(void)value;
	printf("op %s, size %u, batch %u, qdepth %u, segments %u, vchans %u\n", op_name(c->op),
		c->size, c->batch, c->qdepth, c->segments, c->vchans);
	printf("direction %s, window ", direction_name(c->direction));
	if (c->window_size != 0)
		printf("%" PRIu64 "+%" PRIu64, c->window_base, c->window_size);
	else
		printf("as devargs say");
	printf(", retries %u\n", c->retries);
	printf("verify %s, count %" PRIu64 ", stall %u s, stats-period %u s\n",
		verify_name(c->verify), c->count, c->stall_s, c->period_s);
	printf("devices %s, lcores %s; %s\n", c->devices, c->lcores,
		xfer_running(p->xfer) ? "a transfer is running" : "stopped");
	return 0;
}

static int
run_start(struct prompt *p, const char *value)
{
	(void)value;
	return xfer_start(p->xfer, p->config);
}

static int
run_stop(struct prompt *p, const char *value)
{
	(void)value;
	return xfer_stop(p->xfer);
}

static int
run_wait(struct prompt *p, const char *value)
{
	(void)value;
	if (!xfer_running(p->xfer)) {
		fprintf(stderr, "no transfer is running\n");
		return -EALREADY;
	}
	while (!xfer_finished(p->xfer) && !interrupted())
		interruptible_wait(-1, POLL_MS);
	return 0;
}

static int
run_sleep(struct prompt *p, const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	(void)p;
	if (end == value || *end != '\0' || !(seconds >= 0 && seconds <= 86400)) {
		fprintf(stderr, "bad sleep '%s': must be seconds, 0 to 86400\n", value);
		return -EINVAL;
	}
	if (!interrupted())
		interruptible_wait(-1, (int)(seconds * 1000));
	return 0;
}

static int
run_clear(struct prompt *p, const char *value)
{
	(void)value;
	return xfer_clear(p->xfer);
}

static int
run_dump(struct prompt *p, const char *value)
{
	int ret = 0;

	(void)value;
	for (unsigned int i = 0; i < p->devices->count && ret == 0; i++) {
		ret = rte_dma_dump(p->devices->dev[i].id, stdout);
		if (ret != 0)
			fprintf(stderr, "%s: no dump: %s\n", p->devices->dev[i].name,
				strerror(-ret));
	}
	return ret;
}

static int
run_quit(struct prompt *p, const char *value)
{
	(void)value;
	p->quit = true;
	return 0;
}

/* A setting is tried on a copy, and what only the machine can tell is checked. */
static int
run_set(struct prompt *p, const struct setting *s, const char *value)
{
	struct config c = *p->config;
	struct device *selected[DEVICE_MAX];
	int ret = setting_apply(&c, s, value);

	if (ret == 0 && strcmp(s->name, "devices") == 0)
		ret = RTE_MIN(devices_select(p->devices, c.devices, selected), 0);
	if (ret == 0 && strcmp(s->name, "lcores") == 0)
		ret = xfer_check_lcores(c.lcores);
	if (ret != 0)
		return ret;
	*p->config = c;
	if (xfer_running(p->xfer))
		printf("from the next start on\n");
	return 0;
}

static const struct command table[] = {
	{{"help"}, NULL, "this text", run_help},
	{{"show", "device"}, NULL, "devices: driver, engine, capabilities, limits",
		run_show_device},
	{{"show", "vchan"}, NULL, "vchans: state, and what the device counts", run_show_vchan},
	{{"show", "numa"}, NULL, "nodes of devices, rings, buffers, workers", run_show_numa},
	{{"show", "stats"}, NULL, "statistics, and rates since shown last", run_show_stats},
	{{"show", "config"}, NULL, "settings", run_show_config},
	{{"start"}, NULL, "begin to transfer, in the background", run_start},
	{{"wait"}, NULL, "until the transfer has done its count", run_wait},
	{{"sleep"}, "SECONDS", "do nothing for a while", run_sleep},
	{{"stop"}, NULL, "end the transfer and print statistics", run_stop},
	{{"clear", "stats"}, NULL, "forget statistics", run_clear},
	{{"dump"}, NULL, "what the devices print of themselves", run_dump},
	{{"quit"}, NULL, "stop and leave", run_quit},
};

static int
run_help(struct prompt *p, const char *value)
{
	(void)p;
	(void)value;
	for (size_t i = 0; i < RTE_DIM(table); i++) {
		const struct command *c = &table[i];
		char line[64];

		snprintf(line, sizeof(line), "%s%s%s%s%s", c->word[0],
			c->word[1] != NULL ? " " : "", c->word[1] != NULL ? c->word[1] : "",
			c->arg != NULL ? " " : "", c->arg != NULL ? c->arg : "");
		printf("  %-26s %s\n", line, c->help);
	}
	for (const struct setting *s = settings; s->name != NULL; s++) {
		char line[64];

		if (!s->at_prompt)
			continue;
		snprintf(line, sizeof(line), "set %s %s", s->name, s->arg);
		printf("  %-26s %s: %s\n", line, s->help, s->valid);
	}
	return 0;
}

/* ---- what rte_cmdline gets --------------------------------------------------------------- */

static void
run_bound(void *result, struct cmdline *cl, void *data)
{
	const struct bound *b = data;
	const struct parsed *r = result;
	struct prompt *p = b->owner->prompt;

	(void)cl;
	p->result = b->setting != NULL ? run_set(p, b->setting, r->value)
				       : b->command->run(p, r->value);
	fflush(stdout);
}

static int
bind(struct commands *c, const char *const *words, const char *arg, const char *choices,
	const char *help)
{
	struct bound *b = &c->bound[c->count];
	unsigned int n = 0;

	b->inst = calloc(1, sizeof(*b->inst) + (MAX_WORDS + 2) * sizeof(b->inst->tokens[0]));
	if (b->inst == NULL || c->count == MAX_COMMANDS) {
		free(b->inst);
		return -ENOMEM;
	}
	b->owner = c;
	for (; n < MAX_WORDS && words[n] != NULL; n++) {
		b->word[n] = (cmdline_parse_token_string_t){
			.hdr = {&cmdline_token_string_ops,
				offsetof(struct parsed, word) + n * sizeof(cmdline_fixed_string_t)},
			.string_data = {.str = words[n]},
		};
		b->inst->tokens[n] = &b->word[n].hdr;
	}
	if (arg != NULL) {
		b->value = (struct word_token){
			.hdr = {&word_token_ops, offsetof(struct parsed, value)},
			.choices = choices,
			.help = arg,
		};
		b->inst->tokens[n] = &b->value.hdr;
	}
	b->inst->f = run_bound;
	b->inst->data = b;
	b->inst->help_str = help;
	c->context[c->count++] = b->inst;
	return 0;
}

struct commands *
commands_create(struct prompt *p)
{
	struct commands *c = calloc(1, sizeof(*c));
	size_t used;
	int ret = 0;

	if (c == NULL)
		return NULL;
	c->prompt = p;
	used = snprintf(c->device_names, sizeof(c->device_names), "all ");
	for (unsigned int i = 0; i < p->devices->count; i++) {
		const char *name = p->devices->dev[i].name;

		if (used + strlen(name) + 2 > sizeof(c->device_names))
			break;
		used += snprintf(
			c->device_names + used, sizeof(c->device_names) - used, "%s ", name);
	}
	for (size_t i = 0; i < RTE_DIM(table) && ret == 0; i++) {
		c->bound[c->count].command = &table[i];
		ret = bind(c, table[i].word, table[i].arg, NULL, table[i].help);
	}
	for (const struct setting *s = settings; s->name != NULL && ret == 0; s++) {
		const char *words[MAX_WORDS] = {"set", s->name};

		if (!s->at_prompt)
			continue;
		c->bound[c->count].setting = s;
		ret = bind(c, words, s->arg,
			strcmp(s->name, "devices") == 0 ? c->device_names : s->choices, s->valid);
	}
	if (ret != 0) {
		commands_free(c);
		return NULL;
	}
	return c;
}

void
commands_free(struct commands *c)
{
	if (c == NULL)
		return;
	for (unsigned int i = 0; i < c->count; i++)
		free(c->bound[i].inst);
	free(c);
}

cmdline_parse_ctx_t *
commands_context(struct commands *c)
{
	return c->context;
}
