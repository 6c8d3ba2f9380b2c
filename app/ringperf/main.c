/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dad-ringperf: rings against each other.
 *
 * 1. the application's options are parsed, so that a mistake shows before anything starts
 * 2. EAL starts, with the user's options or with ones that work here
 * 3. all cells are measured, and reported as they are done
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "eal_defaults.h"
#include "interrupt.h"
#include "options.h"
#include "plot.h"
#include "report.h"
#include "sweep.h"

#define DEFAULT_QUIET "--log-level lib.*:error --no-telemetry"

static int
start_eal(int argc, char **argv, const struct config *c)
{
	static struct eal_defaults defaults;

	if (argc == 1) {
		/* one lcore, which sleeps while threads of our own measure */
		eal_defaults_choose(&defaults, argv[0], EAL_DEFAULTS_ONE_CPU);
		eal_defaults_append(&defaults, DEFAULT_QUIET);
		eal_defaults_print(&defaults, !report_tables(c));
		argc = defaults.argc;
		argv = defaults.argv;
	}
	if (rte_eal_init(argc, argv) >= 0)
		return EXIT_CLEAN;
	fprintf(stderr, "EAL not started: %s\n", rte_strerror(rte_errno));
	return rte_errno == EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

static int
run(const struct config *c)
{
	int code;

	if (interrupt_install() != 0) {
		fprintf(stderr, "signals not handled: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	code = sweep_run(c);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "standard output cannot be written: %s\n", strerror(errno));
		code = code == EXIT_CLEAN ? EXIT_FAILED : code;
	}
	return code;
}

int
main(int argc, char **argv)
{
	static struct config config;
	int begin = options_begin(argc, argv);
	bool separated = begin > 1 && strcmp(argv[begin - 1], "--") == 0;
	/* without "--" all arguments are of one kind */
	int eal_argc = separated ? begin - 1 : begin == argc ? argc : 1;
	char *kept = argv[begin - 1];
	enum options_result parsed;
	int code;

	/* before EAL pins this thread */
	config_defaults(&config);
	argv[begin - 1] = argv[0];
	parsed = options_parse(&config, argc - begin + 1, argv + begin - 1);
	argv[begin - 1] = kept;
	if (parsed == OPTIONS_HELP) {
		options_usage(stdout, argv[0]);
		return EXIT_CLEAN;
	}
	if (parsed == OPTIONS_BAD)
		return EXIT_USAGE;
	if (config.plot_file != NULL && plot_check(config.plot_file) != 0)
		return EXIT_FAILED;

	argv[eal_argc] = NULL;
	code = start_eal(eal_argc, argv, &config);
	if (code != EXIT_CLEAN)
		return code;
	code = run(&config);
	if (code == SWEEP_STUCK)
		_exit(EXIT_FAILED);
	rte_eal_cleanup();
	return code;
}
