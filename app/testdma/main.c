/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dad-testdma: drive bulk transfers on any DMA device that DPDK knows.
 *
 * 1. the application's options are parsed, so that a mistake shows before anything starts
 * 2. EAL starts, with the user's options or with ones that work here
 * 3. the devices are opened
 * 4. one of: benchmark, file transfer, commands
 * 5. all of it is taken down again, after a signal as well
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "bench.h"
#include "config.h"
#include "device.h"
#include "eal_defaults.h"
#include "file.h"
#include "interrupt.h"
#include "mapbench.h"
#include "measure.h"
#include "options.h"
#include "plugin.h"
#include "prompt.h"
#include "xfer.h"

enum {
	EXIT_CLEAN = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* What a user without EAL options gets; the second device is there to compare with. */
#define DEFAULT_DEVICE "--vdev dma_dad0"
#define DEFAULT_PEER   "--vdev dma_skeleton0"
/* What EAL and its parts tell of themselves is nothing to somebody who did not ask for EAL. */
#define DEFAULT_QUIET  "--log-level lib.*:error --log-level pmd.dma.skeleton:warning"

static int
start_eal(int argc, char **argv, const struct config *c)
{
	static struct eal_defaults defaults;
	int ret;

	plugin_load_beside(argc, argv);
	if (argc == 1) {
		eal_defaults_choose(&defaults, argv[0],
			c->mapbench && c->map.threads > 1 ? EAL_DEFAULTS_ALL_CPUS
							  : EAL_DEFAULTS_ONE_CPU);
		eal_defaults_append(&defaults, DEFAULT_QUIET);
		if (!c->mapbench)
			eal_defaults_append(&defaults, DEFAULT_DEVICE);
		if (c->bench)
			eal_defaults_append(&defaults, DEFAULT_PEER);
		eal_defaults_print(&defaults, c->json);
		argc = defaults.argc;
		argv = defaults.argv;
	}
	ret = rte_eal_init(argc, argv);
	if (ret >= 0)
		return EXIT_CLEAN;
	fprintf(stderr, "EAL not started: %s\n", rte_strerror(rte_errno));
	return rte_errno == EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

static int
exit_code(int ret)
{
	if (ret == 0)
		return EXIT_CLEAN;
	return ret == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

static int
run_commands(struct devices *devices, struct config *c)
{
	struct prompt p = {.config = c, .devices = devices};
	struct device *selected[DEVICE_MAX];
	int code, ret = 0;

	/* the settings from the command line that only the machine can tell good from bad */
	if (devices_select(devices, c->devices, selected) < 0 || xfer_check_lcores(c->lcores) != 0)
		return EXIT_USAGE;
	p.xfer = xfer_create(devices);
	if (p.xfer == NULL) {
		fprintf(stderr, "no memory\n");
		return EXIT_FAILED;
	}
	if (c->start)
		ret = prompt_start(&p);
	if (c->cmdline_file != NULL)
		ret = prompt_file(&p, c->cmdline_file);
	if (ret == 0 && (c->interactive || (!c->start && c->cmdline_file == NULL)))
		ret = p.quit ? 0 : prompt_interactive(&p);
	if (xfer_running(p.xfer))
		xfer_stop(p.xfer);
	code = exit_code(ret);
	if (code == EXIT_CLEAN && xfer_failed(p.xfer))
		code = EXIT_FAILED;
	xfer_free(p.xfer);
	return code;
}

/* @return exit code */
static int
run_devices(struct config *c)
{
	static struct devices devices;
	int code = EXIT_FAILED;

	if (devices_open(&devices) != 0)
		return code;
	if (devices.count == 0)
		fprintf(stderr, "warning: no DMA device found (--vdev dma_dad0 makes one)\n");
	if (c->bench)
		code = bench_run(&devices, c);
	else if (c->input != NULL)
		code = file_transfer(&devices, c);
	else
		code = run_commands(&devices, c);
	devices_close(&devices);
	return code;
}

static int
run(struct config *c)
{
	int code = EXIT_FAILED;

	if (interrupt_install() != 0) {
		fprintf(stderr, "signals not handled: %s\n", strerror(errno));
		return code;
	}
	code = c->mapbench ? mapbench_run(c) : run_devices(c);
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
	int code;

	measure_note_cpus();
	config_defaults(&config);
	if (begin < argc) {
		char *kept = argv[begin - 1];
		enum options_result parsed;

		argv[begin - 1] = argv[0];
		parsed = options_parse(&config, argc - begin + 1, argv + begin - 1);
		argv[begin - 1] = kept;
		if (parsed == OPTIONS_HELP) {
			options_usage(stdout, argv[0]);
			return EXIT_CLEAN;
		}
		if (parsed == OPTIONS_BAD)
			return EXIT_USAGE;
	}
	argv[eal_argc] = NULL;
	code = start_eal(eal_argc, argv, &config);
	if (code != EXIT_CLEAN)
		return code;
	code = run(&config);
	rte_eal_cleanup();
	return code;
}
