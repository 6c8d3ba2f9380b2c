/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"

static bool
is_ours(const char *arg, const struct option *all, const char *shorts)
{
	const char *name = arg + 2;
	size_t len;

	if (strncmp(arg, "--", 2) != 0)
		return arg[0] == '-' && strlen(arg) == 2 && strchr(shorts, arg[1]) != NULL;
	len = strcspn(name, "=");
	for (const struct option *o = all; o->name != NULL; o++) {
		if (strncmp(name, o->name, len) == 0 && o->name[len] == '\0')
			return true;
	}
	return false;
}

int
arguments_begin(int argc, char **argv, const struct option *all, const char *shorts)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1;
	}
	return argc > 1 && is_ours(argv[1], all, shorts) ? 1 : argc;
}

void
arguments_complain(int opt, const char *arg)
{
	if (opt == ':')
		fprintf(stderr, "option '%s' needs a value\n", arg);
	else
		fprintf(stderr, "unknown option '%s': --help lists the valid ones\n", arg);
}

int
parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || n < min || n > max)
		return -EINVAL;
	*number = n;
	return 0;
}

int
parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *number)
{
	uint64_t n;
	int ret = parse_number(text, min, max, &n);

	if (ret == 0)
		*number = (uint32_t)n;
	return ret;
}
