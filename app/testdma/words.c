/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "words.h"

int
parse_size(const char *text, uint64_t max, uint64_t *size)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	unsigned int shift = 0;
	if (errno != 0)
		return -EINVAL;
	if (*end == 'k' || *end == 'K')
		shift = 10;
	else if (*end == 'm' || *end == 'M')
		shift = 20;
	else if (*end == 'g' || *end == 'G')
		shift = 30;
	if (shift != 0)
		end++;
	if (*end != '\0' || n > max >> shift)
		return -EINVAL;
	*size = n << shift;
	return 0;
}

const char *
list_next(const char *list, char *word, size_t size)
{
	size_t len;

	if (*list == '\0')
		return NULL;
	len = strcspn(list, ",");
	snprintf(word, size, "%.*s", (int)len, list);
	list += len;
	return *list == ',' ? list + 1 : list;
}

int
parse_bits(uint32_t *to, const char *value, const char *const names[], size_t nb_names)
{
	uint32_t bits = 0;
	char word[64];

	while ((value = list_next(value, word, sizeof(word))) != NULL) {
		size_t i = 0;

		while (i < nb_names && strcmp(word, names[i]) != 0)
			i++;
		if (i == nb_names)
			return -EINVAL;
		bits |= 1u << i;
	}
	if (bits == 0)
		return -EINVAL;
	*to = bits;
	return 0;
}

int
list_has(const char *list, unsigned int n)
{
	char word[32];
	int found = 0;

	if (strcmp(list, "all") == 0)
		return 1;
	if (*list == '\0')
		return -EINVAL;
	while ((list = list_next(list, word, sizeof(word))) != NULL) {
		char *dash = strchr(word, '-');
		uint64_t first, last;

		if (dash != NULL)
			*dash++ = '\0';
		if (parse_number(word, 0, UINT32_MAX, &first) != 0 ||
			parse_number(dash != NULL ? dash : word, first, UINT32_MAX, &last) != 0)
			return -EINVAL;
		if (n >= first && n <= last)
			found = 1;
	}
	return found;
}
