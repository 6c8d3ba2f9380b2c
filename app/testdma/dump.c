/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dmadev.h>

#include "dump.h"

bool
dump_find(int16_t dev_id, const char *key, char *value, size_t size)
{
	char *text = NULL, *at = NULL;
	size_t length = 0;
	FILE *f = open_memstream(&text, &length);

	value[0] = '\0';
	if (f == NULL)
		return false;
	int ret = rte_dma_dump(dev_id, f);
	fclose(f);
	if (ret == 0 && text != NULL && (at = strstr(text, key)) != NULL) {
		at += strlen(key);
		at += strspn(at, " \t:=");
		snprintf(value, size, "%.*s", (int)strcspn(at, "\n"), at);
	}
	free(text);
	return at != NULL;
}
