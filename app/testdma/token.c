/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "token.h"

static const struct word_token *
word_of(cmdline_parse_token_hdr_t *hdr)
{
	return (const struct word_token *)(const void *)hdr;
}

static int
word_parse(cmdline_parse_token_hdr_t *hdr, const char *text, void *result, unsigned int size)
{
	size_t len = 0;

	(void)hdr;
	while (!cmdline_isendoftoken(text[len]))
		len++;
	if (len == 0 || len >= WORD_SIZE || (result != NULL && size < WORD_SIZE))
		return -1;
	if (result != NULL) {
		memcpy(result, text, len);
		((char *)result)[len] = '\0';
	}
	return (int)len;
}

static const char *
choices_of(cmdline_parse_token_hdr_t *hdr)
{
	const struct word_token *w = word_of(hdr);

	return w->choices != NULL ? w->choices : "";
}

static int
word_choices(cmdline_parse_token_hdr_t *hdr)
{
	int n = 0;

	for (const char *c = choices_of(hdr); *c != '\0'; c++)
		n += *c == ' ';
	return n;
}

static int
word_choice(cmdline_parse_token_hdr_t *hdr, int index, char *dst, unsigned int size)
{
	const char *at = choices_of(hdr);

	for (; index > 0; index--) {
		at = strchr(at, ' ');
		if (at == NULL)
			return -1;
		at++;
	}
	size_t len = strcspn(at, " ");
	if (len == 0 || len >= size)
		return -1;
	memcpy(dst, at, len);
	dst[len] = '\0';
	return 0;
}

static int
word_help(cmdline_parse_token_hdr_t *hdr, char *dst, unsigned int size)
{
	snprintf(dst, size, "%s", word_of(hdr)->help);
	return 0;
}

struct cmdline_token_ops word_token_ops = {
	.parse = word_parse,
	.complete_get_nb = word_choices,
	.complete_get_elt = word_choice,
	.get_help = word_help,
};
