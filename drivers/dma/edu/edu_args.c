/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_kvargs.h>

#include "edu_args.h"
#include "edu_internal.h"

static const char *const maps[] = {
	[EDU_MAP_WINDOW] = "window",
	[EDU_MAP_STRICT] = "strict",
	[EDU_MAP_LAZY] = "lazy",
	[EDU_MAP_BOUNCE] = "bounce",
	[EDU_MAP_EAL] = "eal",
};

static int
parse_number(const char *value, unsigned long min, unsigned long max, unsigned int *number)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (!isdigit((unsigned char)value[0]) || *end != '\0' || n < min || n > max)
		return -EINVAL;
	*number = (unsigned int)n;
	return 0;
}

static int
parse_map(const char *value, enum edu_map *map)
{
	for (unsigned int i = 0; i < RTE_DIM(maps); i++)
		if (strcmp(value, maps[i]) == 0) {
			*map = i;
			return 0;
		}
	return -EINVAL;
}

static int
parse_pair(const char *key, const char *value, void *opaque)
{
	struct edu_args *args = opaque;
	unsigned int number;

	if (value == NULL)
		return -EINVAL;
	if (strcmp(key, "map") == 0)
		return parse_map(value, &args->map);
	if (strcmp(key, "mask") == 0)
		return parse_number(value, 12, 64, &args->address_bits);
	if (strcmp(key, "timeout") == 0)
		return parse_number(value, 1, 60000, &args->timeout_ms);
	if (strcmp(key, "verify") == 0 && parse_number(value, 0, 1, &number) == 0) {
		args->verify = number == 1;
		return 0;
	}
	return -EINVAL;
}

int
edu_args_parse(const char *device, const char *text, struct edu_args *args)
{
	*args = (struct edu_args){
		.map = EDU_MAP_WINDOW,
		.address_bits = EDU_ADDR_BITS,
		.timeout_ms = 2000, /* a transfer takes 100 ms; a busy host may add some */
	};
	if (text == NULL || text[0] == '\0')
		return 0;

	struct rte_kvargs *pairs = rte_kvargs_parse(text, NULL);
	int ret = pairs == NULL ? -EINVAL : rte_kvargs_process(pairs, NULL, parse_pair, args);

	rte_kvargs_free(pairs);
	if (ret != 0) {
		EDU_LOG(ERR, "%s: devargs '%s': valid are " EDU_ARGS_HELP, device, text);
		return -EINVAL;
	}
	return 0;
}
