/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "dad_internal.h"

#define WINDOW_MIN UINT64_C(4096)
#define WINDOW_MAX (UINT64_C(1) << 40)
#define RATE_MAX   1000 /* GB/s */

static const char *const sources[] = {
	[DAD_SOURCE_NONE] = "none",
	[DAD_SOURCE_PATTERN] = "pattern",
	[DAD_SOURCE_FILE] = "file",
	[DAD_SOURCE_NULL] = "null",
};

const char *
dad_source_name(enum dad_source_kind kind)
{
	return sources[kind];
}

bool
dad_parse_bytes(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	uint64_t n = strtoull(text, &end, 10);
	const char *unit = *end != '\0' ? strchr(units, toupper((unsigned char)*end)) : NULL;
	unsigned int shift = unit != NULL ? 10 * (unsigned int)(unit - units + 1) : 0;

	if (errno != 0 || (*end != '\0' && (unit == NULL || end[1] != '\0')) ||
		n > UINT64_MAX >> shift)
		return false;
	*bytes = n << shift;
	return true;
}

/* GB/s with up to nine decimals, in bytes a second. */
static bool
parse_rate(const char *text, uint64_t *rate)
{
	uint64_t whole = 0, part = 0, digit = 1000000000;

	if (!isdigit((unsigned char)text[0]))
		return false;
	for (; isdigit((unsigned char)*text); text++) {
		whole = whole * 10 + (uint64_t)(*text - '0');
		if (whole > RATE_MAX)
			return false;
	}
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text) && digit > 1; text++) {
			digit /= 10;
			part += (uint64_t)(*text - '0') * digit;
		}
	*rate = whole * 1000000000 + part;
	return *text == '\0';
}

int
dad_model_parse_window(const char *device, const char *value, struct dad_model_args *args)
{
	if (dad_parse_bytes(value, &args->window) && args->window >= WINDOW_MIN &&
		args->window <= WINDOW_MAX)
		return 0;
	DAD_LOG(ERR, "%s: window=%s: valid are 4K to 1T, in bytes or with K, M, G, T", device,
		value);
	return -EINVAL;
}

int
dad_model_parse_source(const char *device, const char *value, struct dad_model_args *args)
{
	static const char file[] = "file:";

	if (strcmp(value, "pattern") == 0) {
		args->source = DAD_SOURCE_PATTERN;
	} else if (strcmp(value, "null") == 0) {
		args->source = DAD_SOURCE_NULL;
	} else if (strncmp(value, file, strlen(file)) == 0 && value[strlen(file)] != '\0' &&
		strlen(value) - strlen(file) < sizeof(args->file)) {
		args->source = DAD_SOURCE_FILE;
		snprintf(args->file, sizeof(args->file), "%s", value + strlen(file));
	} else {
		DAD_LOG(ERR,
			"%s: source=%s: valid are pattern, file:PATH (up to %zu characters), null",
			device, value, sizeof(args->file) - 1);
		return -EINVAL;
	}
	return 0;
}

int
dad_model_parse_rate(const char *device, const char *value, struct dad_model_args *args)
{
	if (parse_rate(value, &args->rate))
		return 0;
	DAD_LOG(ERR,
		"%s: rate=%s: valid are 0 (unlimited) to %d GB/s, with up to nine decimals, as "
		"1.25",
		device, value, RATE_MAX);
	return -EINVAL;
}

int
dad_model_parse_gbps(const char *device, const char *value, struct dad_model_args *args)
{
	if (parse_rate(value, &args->gbps) && args->gbps > 0)
		return 0;
	DAD_LOG(ERR, "%s: gbps=%s: valid are 0.000000001 to %d GB/s, as 1.25", device, value,
		RATE_MAX);
	return -EINVAL;
}

int
dad_model_parse_inject(const char *device, const char *value, struct dad_model_args *args)
{
	char why[512];

	if (strlen(value) >= sizeof(args->inject)) {
		DAD_LOG(ERR, "%s: inject: %zu characters are too many: valid are up to %zu", device,
			strlen(value), sizeof(args->inject) - 1);
		return -EINVAL;
	}
	if (dad_inject_check(value, why, sizeof(why)) != 0) {
		DAD_LOG(ERR, "%s: inject=%s: %s", device, value, why);
		return -EINVAL;
	}
	snprintf(args->inject, sizeof(args->inject), "%s", value);
	return 0;
}

int
dad_model_args_check(const char *device, const struct dad_model_args *args)
{
	if (args->source != DAD_SOURCE_NONE && args->window == 0) {
		DAD_LOG(ERR, "%s: source=%s needs a window=<bytes> that it goes through", device,
			dad_source_name(args->source));
		return -EINVAL;
	}
	if (args->rate != 0 && args->source == DAD_SOURCE_NONE) {
		DAD_LOG(ERR, "%s: rate is that of a source=<pattern|file:PATH|null>", device);
		return -EINVAL;
	}
	return 0;
}
