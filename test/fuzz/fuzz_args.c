/* SPDX-License-Identifier: BSD-3-Clause */

/* Any text as devargs: refused, or parsed to what the driver can work with. */

#include <stdlib.h>
#include <string.h>

#include "dad_internal.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	rte_log_set_global_level(0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct dad_args args;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (dad_args_parse("fuzz", text, &args) == 0) {
		bool works = args.engine == DAD_ENGINE_THREAD || args.engine == DAD_ENGINE_AUTO;

		if (args.engine > DAD_ENGINE_AUTO || args.idle > DAD_IDLE_SLEEP ||
			args.workers > DAD_WORKERS_MAX || (args.workers > 0) != works ||
			args.lcores.n > DAD_CPUS_MAX || args.threshold > DAD_THRESHOLD_MAX ||
			(args.kernel[0] != '\0' && !dad_exec_is_kernel(args.kernel)))
			abort();
		/* what excludes each other */
		if ((args.halt && args.silent) ||
			(args.eager &&
				(args.engine != DAD_ENGINE_INLINE || args.mt || args.halt)) ||
			(args.pool[0] != '\0' && !works))
			abort();
	}
	free(text);
	return 0;
}
