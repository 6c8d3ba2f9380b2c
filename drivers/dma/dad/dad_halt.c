/* SPDX-License-Identifier: BSD-3-Clause */
#include "dad_halt.h"
#include "dad_serve.h"

void
dad_halt_serve(struct dad_vchan *vc)
{
	while (vc->alone && dad_serve(dad_exec_of(vc), vc, false, NULL))
		;
}

void
dad_halt_reported(struct dad_vchan *vc, uint64_t ticket)
{
	const uint64_t halted = __atomic_load_n(&vc->halted, __ATOMIC_RELAXED);

	/* others are not done, or were not attempted */
	if (halted == 0 || halted > ticket)
		return;
	/* H1: pairs with the acquire in dad_halt_is() */
	__atomic_store_n(&vc->halted, 0, __ATOMIC_RELEASE);
	dad_halt_serve(vc);
}
