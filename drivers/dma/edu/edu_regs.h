/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EDU_REGS_H
#define EDU_REGS_H

/*
 * The registers of QEMU's "edu" device, as far as DMA without interrupts needs them. Names and
 * sections are those of its specification, docs/specs/edu in QEMU's sources.
 */

#define EDU_VENDOR_ID 0x1234 /* "Command line switches ... PCI IDs" */
#define EDU_DEVICE_ID 0x11e8

#define EDU_BAR 0 /* "PCI specs": region 0, 1 MiB of memory */

/* "MMIO area spec". Below 0x80 all accesses are of 4 bytes, from there on of 4 or 8. */
#define EDU_REG_ID	0x00 /* read only: 0xRRrr00ed, RRrr being the version */
#define EDU_REG_DMA_SRC 0x80
#define EDU_REG_DMA_DST 0x88
#define EDU_REG_DMA_LEN 0x90
#define EDU_REG_DMA_CMD 0x98

#define EDU_ID_MASK  0x0000ffffu
#define EDU_ID_VALUE 0xedu

/* Bits of EDU_REG_DMA_CMD. 0x04 would raise an interrupt at the end: never set here. */
#define EDU_CMD_RUN    0x01u /* set to start; reads as 1 until the transfer is over */
#define EDU_CMD_TO_RAM 0x02u /* the device's buffer is the source; else RAM is */

/* "DMA controller": the buffer, at an address that means something to the device only. */
#define EDU_BUFFER_ADDR 0x40000u
/* The buffer has 4096 bytes. QEMU up to 7.2 takes a transfer that includes the last of them for
 * one that leaves the buffer, and aborts itself: that byte is left alone. */
#define EDU_BUFFER_SIZE 4095u

/* "DMA mask": addresses have 28 bits unless QEMU's option dma_mask says otherwise, which no
 * register tells. Higher ones are not refused: the device drops their upper bits. */
#define EDU_ADDR_BITS 28

#endif /* EDU_REGS_H */
