/* SPDX-License-Identifier: BSD-3-Clause */
#include <getopt.h>
#include <string.h>

#include "options.h"
#include "plot.h"
#include "setting.h"

#define SHORT_OPTIONS "h"

enum {
	OPT_HELP = 'h',
	OPT_SETTING = 256, /* plus its index in settings[] */
	OPT_OVERSUBSCRIBE = 512,
	OPT_JSON,
	OPT_CSV,
	OPT_PLOT,
};

static const struct option others[] = {
	{"help", no_argument, NULL, OPT_HELP},
	{"oversubscribe", no_argument, NULL, OPT_OVERSUBSCRIBE},
	{"json", optional_argument, NULL, OPT_JSON},
	{"csv", optional_argument, NULL, OPT_CSV},
	{"plot", required_argument, NULL, OPT_PLOT},
};

void
options_usage(FILE *f, const char *prog)
{
	fprintf(f,
		"usage: %s [EAL options] -- [options]\n"
		"       %s [options]           EAL options that work here are chosen and printed\n"
		"\n"
		"Measures rings against each other: all in one process, in turn, payload checked.\n"
		"\n"
		"what to measure\n",
		prog, prog);
	for (const struct setting *s = settings; s->name != NULL; s++) {
		char option[32];

		snprintf(option, sizeof(option), "--%s %s", s->name, s->arg);
		fprintf(f, "  %-24s %s\n", option, s->help);
	}
	fprintf(f,
		"  --oversubscribe          more threads than CPUs are welcome\n"
		"\n"
		"what to do with the results\n"
		"  --json[=FILE], --csv[=FILE]\n"
		"                           a line for each ring in each cell, instead of the "
		"tables,\n"
		"                           or in a file beside them\n"
		"  --plot FILE              throughput against bulk, in FILE.svg or FILE.png\n"
		"  -h, --help               this text\n"
		"\n"
		"rings\n");
	for (int i = 0; kinds[i] != NULL; i++) {
		fprintf(f, "  %-24s %s\n", kinds[i]->name, kinds[i]->what);
		if (kinds[i]->missing != NULL)
			fprintf(f, "  %-24s (not here: %s)\n", "", kinds[i]->missing);
	}
	fprintf(f, "\nexit: 0 clean, 1 a check failed or not complete, 2 usage\n");
}

/* All options, as getopt_long() wants them; valid until the next call. */
static const struct option *
all_options(void)
{
	static struct option all[RTE_DIM(others) + 64];
	size_t n = 0;

	for (; n < RTE_DIM(others); n++)
		all[n] = others[n];
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

/* Without --shape, leave out those that there are too few CPUs for, but for the first. */
static void
drop_large_shapes(struct config *c)
{
	uint32_t kept = 1;

	for (uint32_t i = 1; i < c->nb_shapes; i++) {
		if (c->oversubscribe || !shape_shares_cpus(c, &c->shapes[i]))
			c->shapes[kept++] = c->shapes[i];
	}
	c->nb_shapes = kept;
}

static bool
shapes_sensible(const struct config *c)
{
	bool any = false;

	for (uint32_t i = 0; i < c->nb_shapes; i++) {
		const struct shape *s = &c->shapes[i];

		if (shape_shares_cpus(c, s) && c->shapes_given && !c->oversubscribe) {
			fprintf(stderr,
				"bad shape '%ux%u': %u threads on %u CPUs need --oversubscribe\n",
				s->producers, s->consumers, shape_threads(s), c->nb_cpus);
			return false;
		}
		for (int k = 0; kinds[k] != NULL; k++)
			any |= (c->rings & 1u << k) != 0 && shape_fits(s, kinds[k]);
	}
	if (!any)
		fprintf(stderr,
			"nothing to measure: the rings given are for one producer and one "
			"consumer, --shape 1x1\n");
	return any;
}

/* Options that contradict each other. */
static bool
sensible(const struct config *c)
{
	for (uint32_t i = 0; i < c->nb_bulks; i++) {
		/* rte_ring keeps one slot back */
		if (c->bulks[i] >= c->count) {
			fprintf(stderr, "bad bulk '%u': must be less than --count, %u\n",
				c->bulks[i], c->count);
			return false;
		}
	}
	if (c->json && c->csv) {
		fprintf(stderr, "--json and --csv: only one can have standard output\n");
		return false;
	}
	if (c->plot_file != NULL && plot_format(c->plot_file) == NULL) {
		fprintf(stderr, "bad plot '%s': must end in .svg or .png\n", c->plot_file);
		return false;
	}
	return shapes_sensible(c);
}

static enum options_result
take_option(struct config *c, int opt, char **argv)
{
	switch (opt) {
	case OPT_HELP:
		return OPTIONS_HELP;
	case OPT_OVERSUBSCRIBE:
		c->oversubscribe = true;
		return OPTIONS_OK;
	case OPT_JSON:
		c->json = optarg == NULL;
		c->json_file = optarg;
		return OPTIONS_OK;
	case OPT_CSV:
		c->csv = optarg == NULL;
		c->csv_file = optarg;
		return OPTIONS_OK;
	case OPT_PLOT:
		c->plot_file = optarg;
		return OPTIONS_OK;
	default:
		arguments_complain(opt, argv[optind - 1]);
		return OPTIONS_BAD;
	}
}

enum options_result
options_parse(struct config *c, int argc, char **argv)
{
	enum options_result result;
	int opt;

	optind = 1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":" SHORT_OPTIONS, all_options(), NULL)) != -1) {
		if (opt >= OPT_SETTING && opt < OPT_OVERSUBSCRIBE) {
			if (setting_apply(c, &settings[opt - OPT_SETTING], optarg) != 0)
				return OPTIONS_BAD;
			continue;
		}
		result = take_option(c, opt, argv);
		if (result != OPTIONS_OK)
			return result;
	}
	if (optind < argc) {
		fprintf(stderr, "unexpected argument '%s': options begin with --\n", argv[optind]);
		return OPTIONS_BAD;
	}
	if (!c->shapes_given)
		drop_large_shapes(c);
	return sensible(c) ? OPTIONS_OK : OPTIONS_BAD;
}
