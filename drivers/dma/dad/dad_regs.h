/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_REGS_H
#define DAD_REGS_H

/*
 * The registers of a dma_dad that is a PCI function: BAR 0, one page, little-endian words. The
 * driver writes what the engine has to know and then DAD_CONTROL_RUN; the engine, on the other side
 * of the same page, works while it reads that word. There is no doorbell: tags are in memory.
 *
 * A device that is gone reads as all ones, and so runs no more.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dad_vchan.h"

/* PCI vendor and device: no vendor has the number; QEMU uses it for devices of its own, with other
 * device numbers. */
#define DAD_PCI_VENDOR 0x1234
#define DAD_PCI_DEVICE 0xdad0
#define DAD_PCI_BAR    0

#define DAD_REGS_ID	0x01646164u /* "dad", and the version of what follows */
#define DAD_REGS_SIZE	4096u
#define DAD_CONTROL_RUN 1u

struct dad_vchan_regs {
	uint64_t ring;	  /* IOVA of the descriptors */
	uint32_t nb_desc; /* 0: none */
	uint32_t reserved;
};

struct dad_regs {
	uint32_t id;	    /* read only: DAD_REGS_ID */
	uint32_t control;   /* DAD_CONTROL_RUN, or 0 */
	uint32_t nb_vchans; /* how many of the following count */
	uint32_t reserved[13];
	struct dad_vchan_regs vchan[DAD_VCHANS_MAX];
};

static_assert(offsetof(struct dad_regs, vchan) == 0x40 && sizeof(struct dad_regs) <= DAD_REGS_SIZE,
	"as doc/guides/dmadevs/dad.md has it");

/* ---- the driver's side; for a vdev, which has none, they do nothing ----------------------------
 */

struct dad_dev;

/* Write what the engine has to know before it runs. 0, or -ENODEV: the device is gone. */
int dad_regs_set(struct dad_dev *d);

/* The word that the engine runs by: the register, or one of the engine's own. */
uint32_t *dad_regs_control(struct dad_dev *d);

/* Has somebody else than the driver stopped a device that was started? */
bool dad_regs_is_halted(const struct dad_dev *d);

void dad_regs_release(struct dad_dev *d);

#endif /* DAD_REGS_H */
