/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_SETTING_H
#define RINGPERF_SETTING_H

#include "config.h"

/** One option with a value. */
struct setting {
	const char *name;
	const char *arg; /**< "N", "LIST", … for the usage */
	const char *help;
	const char *valid; /**< what the value must be */
	int (*set)(struct config *c, const char *value);
};

/** All of them; the last one has no name. */
extern const struct setting settings[];

/** Set it, or say what is wrong on stderr. @return 0, or -EINVAL */
int setting_apply(struct config *c, const struct setting *s, const char *value);

#endif /* RINGPERF_SETTING_H */
