/* SPDX-License-Identifier: BSD-3-Clause */
#include <getopt.h>
#include <string.h>

#include <rte_common.h>

#include "options.h"

#define MAX_MAPPED (1u << 20)

#define SHORT_OPTIONS "hi"

enum {
	OPT_HELP = 'h',
	OPT_INTERACTIVE = 'i',
	OPT_SETTING = 256, /* plus its index in settings[] */
	OPT_START = 512,
	OPT_CMDLINE_FILE,
	OPT_INPUT,
	OPT_OUTPUT,
	OPT_BENCH,
	OPT_MAPBENCH,
	OPT_JSON,
};

static const struct option modes[] = {
	{"help", no_argument, NULL, OPT_HELP},
	{"interactive", no_argument, NULL, OPT_INTERACTIVE},
	{"start", no_argument, NULL, OPT_START},
	{"cmdline-file", required_argument, NULL, OPT_CMDLINE_FILE},
	{"input", required_argument, NULL, OPT_INPUT},
	{"output", required_argument, NULL, OPT_OUTPUT},
	{"bench", no_argument, NULL, OPT_BENCH},
	{"mapbench", no_argument, NULL, OPT_MAPBENCH},
	{"json", optional_argument, NULL, OPT_JSON},
};

void
options_usage(FILE *f, const char *prog)
{
	fprintf(f,
		"usage: %s [EAL options] -- [options]\n"
		"       %s [options]           EAL options that work here are chosen and printed\n"
		"\n"
		"what to do (default: the prompt)\n"
		"  --start                  transfer until --count is reached, or a signal\n"
		"  --cmdline-file FILE      commands of the prompt from a file; ends at one that "
		"fails\n"
		"  -i, --interactive        the prompt, after those\n"
		"  --input FILE --output FILE\n"
		"                           the bytes of one file through a device into another\n"
		"  --bench                  sweep sizes and operations over the devices and "
		"memcpy\n"
		"  --mapbench               what mapping and allocating memory for DMA costs, "
		"beside "
		"EAL\n"
		"  --json[=FILE]            bench, mapbench: one JSON object a line, instead of "
		"the "
		"tables,\n"
		"                           or in a file beside them\n"
		"  -h, --help               this text\n"
		"\n"
		"settings (set NAME VALUE at the prompt, but for those of bench)\n",
		prog, prog);
	for (const struct setting *s = settings; s->name != NULL; s++) {
		char option[32];

		snprintf(option, sizeof(option), "--%s %s", s->name, s->arg);
		fprintf(f, "  %-24s %s\n", option, s->help);
	}
	fprintf(f, "\nexit: 0 clean, 1 transfer error or mismatch, 2 usage\n");
}

/* All options, as getopt_long() wants them; valid until the next call. */
static const struct option *
all_options(void)
{
	static struct option all[RTE_DIM(modes) + 64];
	size_t n = 0;

	for (; n < RTE_DIM(modes); n++)
		all[n] = modes[n];
	for (int i = 0; settings[i].name != NULL; i++)
		all[n++] =
			(struct option){settings[i].name, required_argument, NULL, OPT_SETTING + i};
	return all;
}

int
options_begin(int argc, char **argv)
{
	return arguments_begin(argc, argv, all_options(), SHORT_OPTIONS);
}

/* Options that contradict each other, or lack another. */
static bool
sensible(const struct config *c)
{
	if ((c->input == NULL) != (c->output == NULL)) {
		fprintf(stderr, "--input and --output belong together: no %s given\n",
			c->input == NULL ? "--input" : "--output");
		return false;
	}
	if ((c->input != NULL) + c->bench + c->mapbench +
			(c->start || c->interactive || c->cmdline_file) >
		1) {
		fprintf(stderr,
			"only one of --bench, --mapbench, --input with --output, and transfers "
			"(--start, --interactive, --cmdline-file) at a time\n");
		return false;
	}
	if (c->start && c->cmdline_file != NULL) {
		fprintf(stderr, "--start and --cmdline-file: put start in the file\n");
		return false;
	}
	if ((c->json || c->json_file != NULL) && !c->bench && !c->mapbench) {
		fprintf(stderr, "--json is for --bench and --mapbench\n");
		return false;
	}
	for (uint32_t i = 0; c->mapbench && i < c->nb_sizes; i++) {
		if (c->sizes[i] > MAX_MAPPED) {
			fprintf(stderr, "bad sizes '%u': must be at most 1m with --mapbench\n",
				c->sizes[i]);
			return false;
		}
	}
	if (c->input != NULL && c->size_given && c->size == 0) {
		fprintf(stderr, "bad size '0': a file needs pieces of 1 to 64m\n");
		return false;
	}
	return true;
}

enum options_result
options_parse(struct config *c, int argc, char **argv)
{
	int opt;

	optind = 1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":" SHORT_OPTIONS, all_options(), NULL)) != -1) {
		if (opt >= OPT_SETTING && opt < OPT_START) {
			if (setting_apply(c, &settings[opt - OPT_SETTING], optarg) != 0)
				return OPTIONS_BAD;
			continue;
		}
		switch (opt) {
		case OPT_HELP:
			return OPTIONS_HELP;
		case OPT_INTERACTIVE:
			c->interactive = true;
			break;
		case OPT_START:
			c->start = true;
			break;
		case OPT_CMDLINE_FILE:
			c->cmdline_file = optarg;
			break;
		case OPT_INPUT:
			c->input = optarg;
			break;
		case OPT_OUTPUT:
			c->output = optarg;
			break;
		case OPT_BENCH:
			c->bench = true;
			break;
		case OPT_MAPBENCH:
			c->mapbench = true;
			break;
		case OPT_JSON:
			c->json = optarg == NULL;
			c->json_file = optarg;
			break;
		default:
			arguments_complain(opt, argv[optind - 1]);
			return OPTIONS_BAD;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "unexpected argument '%s': options begin with --\n", argv[optind]);
		return OPTIONS_BAD;
	}
	if (c->mapbench)
		config_for_mapbench(c);
	return sensible(c) ? OPTIONS_OK : OPTIONS_BAD;
}
