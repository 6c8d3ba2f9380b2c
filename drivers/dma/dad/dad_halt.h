/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_HALT_H
#define DAD_HALT_H

/*
 * halt=1: a vchan stops at the first operation that fails. Nothing behind it is attempted until
 * rte_dma_completed_status() has reported it, and then the vchan goes on behind it.
 *
 * Operations are claimed one by one, each when all before it are done. Who fails notes so before it
 * says that it is done; who would claim the next one looks at that. Without halt=1 none of this is
 * looked at: the check is where claims wait for others anyway.
 */

#include <rte_branch_prediction.h>

#include "dad_vchan.h"

/* By who did the operation: it has failed. */
static inline void
dad_halt_at(struct dad_vchan *vc, uint64_t ticket)
{
	/* relaxed: others see it through F1 and D1, dad_serve.c */
	__atomic_store_n(&vc->halted, ticket + 1, __ATOMIC_RELAXED);
}

/* Does a failure wait for being reported? */
static inline bool
dad_halt_is(const struct dad_vchan *vc)
{
	/* H1: pairs with the release in dad_halt_reported(): what the application has mended */
	return __atomic_load_n(&vc->halted, __ATOMIC_ACQUIRE) != 0;
}

/* engine=inline: the caller does what was submitted, as far as it goes. For other engines without
 * effect. */
void dad_halt_serve(struct dad_vchan *vc);

/* Statuses of operations before this ticket were reported, errors among them. */
void dad_halt_reported(struct dad_vchan *vc, uint64_t ticket);

#endif /* DAD_HALT_H */
