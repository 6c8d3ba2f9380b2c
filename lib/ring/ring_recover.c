/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_common.h>

#include "dad_ring.h"

int
dad_ring_recover(struct dad_ring *r, struct dad_ring_recovered *res)
{
	RTE_SET_USED(r);
	RTE_SET_USED(res);
	return -ENOTSUP;
}
