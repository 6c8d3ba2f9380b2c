/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_PROBE_H
#define DAD_PROBE_H

/* Probe and remove, whatever the bus. */

#include "dad_compat.h"
#include "dad_internal.h"

/* A device as its bus found it. */
struct dad_found {
	struct rte_device *device;
	const char *name;
	const char *args;      /* devargs, or NULL */
	struct dad_regs *regs; /* a PCI function's; its node is the bus's word then. Mapped by
				* dad_pci.c, unmapped by whoever has it last: dad_dev_fini() */
};

/* Make the dmadev; in a secondary process attach to the primary's. 0, or -errno: then regs are
 * still the caller's. */
int dad_probe(const struct dad_found *found);

/* Stop and release it. 0 or -errno. */
int dad_remove(const char *name);

#endif /* DAD_PROBE_H */
