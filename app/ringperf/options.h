/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_OPTIONS_H
#define RINGPERF_OPTIONS_H

#include <stdio.h>

#include "config.h"

/** The defaults; the CPUs are those that this thread may use now. */
void config_defaults(struct config *c);

/**
 * Where do the application's arguments begin? After "--" if there is one; otherwise all arguments
 * are the application's if the first is one of its options, and EAL's if not.
 *
 * @return index of the first of them in argv, argc if there are none
 */
int options_begin(int argc, char **argv);

enum options_result {
	OPTIONS_OK,
	OPTIONS_HELP,
	OPTIONS_BAD, /**< what is wrong has been said */
};

/** Parse argv[1] and what follows; argv[0] is the program's name. */
enum options_result options_parse(struct config *c, int argc, char **argv);

void options_usage(FILE *f, const char *prog);

#endif /* RINGPERF_OPTIONS_H */
