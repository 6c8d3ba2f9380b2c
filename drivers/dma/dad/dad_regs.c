/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sys/mman.h>

#include "dad_internal.h"
#include "dad_regs.h"

int
dad_regs_set(struct dad_dev *d)
{
	struct dad_regs *regs = d->regs;

	if (regs == NULL)
		return 0;
	if (__atomic_load_n(&regs->id, __ATOMIC_RELAXED) != DAD_REGS_ID) {
		DAD_LOG(ERR, "%s: does not answer: probe it again", d->name);
		return -ENODEV;
	}
	for (unsigned int v = 0; v < d->nb_vchans; v++) {
		regs->vchan[v].ring = d->vchan[v].ring_handle;
		regs->vchan[v].nb_desc = dad_vchan_size(&d->vchan[v]);
	}
	regs->nb_vchans = d->nb_vchans;
	return 0;
}

uint32_t *
dad_regs_control(struct dad_dev *d)
{
	return d->regs != NULL ? &d->regs->control : &d->engine.own_control;
}

bool
dad_regs_is_halted(const struct dad_dev *d)
{
	/* a secondary process has not mapped them */
	return d->regs != NULL && dad_foreign == 0 &&
		__atomic_load_n(&d->regs->control, __ATOMIC_RELAXED) != DAD_CONTROL_RUN;
}

void
dad_regs_release(struct dad_dev *d)
{
	if (d->regs != NULL)
		munmap(d->regs, DAD_REGS_SIZE);
	d->regs = NULL;
}
