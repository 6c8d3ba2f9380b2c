/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_OPTIONS_H
#define RINGPERF_OPTIONS_H

#include <stdio.h>

#include "arguments.h"
#include "config.h"

/** The defaults; the CPUs are those that this thread may use now. */
void config_defaults(struct config *c);

/** Where the application's arguments begin: arguments_begin() with its options. */
int options_begin(int argc, char **argv);

/** Parse argv[1] and what follows; argv[0] is the program's name. */
enum options_result options_parse(struct config *c, int argc, char **argv);

void options_usage(FILE *f, const char *prog);

#endif /* RINGPERF_OPTIONS_H */
