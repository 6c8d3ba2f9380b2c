/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EAL_DEFAULTS_H
#define EAL_DEFAULTS_H

/**
 * @file
 * EAL options that work on this machine, for a program whose user gave none.
 *
 * The choice depends on what is there when it is made: CPUs that the process may use, free
 * hugepages, privileges. Nothing is shared with other EAL processes and no file is left behind
 * (--in-memory or --no-shconf), and PCI devices are left alone. With DAD_NO_HUGE in the environment
 * hugepages are not used even where there are some.
 */

#include <stdbool.h>

#define EAL_DEFAULTS_MAX_ARGS 24

struct eal_defaults {
	int argc;			       /**< arguments in argv, the program's name first */
	char *argv[EAL_DEFAULTS_MAX_ARGS + 1]; /**< NULL-terminated; points into text */
	bool hugepages;			       /**< false: --no-huge */
	char text[512];			       /**< storage */
};

/** Which of the process's CPUs become lcores. */
enum eal_defaults_cpus {
	EAL_DEFAULTS_ONE_CPU,  /**< the first: the others are left to the drivers' own threads */
	EAL_DEFAULTS_ALL_CPUS, /**< all of them */
};

/**
 * Choose options.
 *
 * @param d     filled
 * @param prog  becomes argv[0]
 * @param cpus  lcores to ask for
 */
void eal_defaults_choose(struct eal_defaults *d, const char *prog, enum eal_defaults_cpus cpus);

/**
 * Append options, split at blanks (a user's or a test's wish from the environment).
 *
 * @return 0, or -E2BIG when they do not fit
 */
int eal_defaults_append(struct eal_defaults *d, const char *options);

/**
 * Print the options on one line, and on stdout in a second line that hugepages are missing if they
 * are.
 *
 * @param objects  stdout is for objects only: the options go to stderr
 */
void eal_defaults_print(const struct eal_defaults *d, bool objects);

#endif /* EAL_DEFAULTS_H */
