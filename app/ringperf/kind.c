/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "kind.h"

const uint32_t kind_esizes[KIND_ESIZES] = {8, 16, 32, 64};

const struct kind *const kinds[] = {
	&kind_dad,
	&kind_dad_zc,
	&kind_dad_spsc,
	&kind_rte_mpmc,
	&kind_rte_rts,
	&kind_rte_hts,
	&kind_rte_spsc,
	&kind_soring,
	&kind_mutex,
	NULL,
};

int
kind_by_name(const char *name)
{
	for (int i = 0; kinds[i] != NULL; i++) {
		if (strcmp(kinds[i]->name, name) == 0)
			return i;
	}
	return -1;
}

int
kind_esize_index(uint32_t esize)
{
	for (int i = 0; i < KIND_ESIZES; i++) {
		if (kind_esizes[i] == esize)
			return i;
	}
	return -1;
}
