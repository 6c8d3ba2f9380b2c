/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "dad_ring.h"

int
dad_ring_stats_get(struct dad_ring *r, struct dad_ring_stats *stats)
{
	RTE_SET_USED(r);
	memset(stats, 0, sizeof(*stats));
	return -ENOTSUP;
}

int
dad_ring_stats_reset(struct dad_ring *r)
{
	RTE_SET_USED(r);
	return -ENOTSUP;
}
