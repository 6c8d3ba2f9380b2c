/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_DEVICE_H
#define TESTDMA_DEVICE_H

/**
 * @file
 * The DMA devices of the process: who they are, and their life between configure and close.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_dmadev.h>

#include "dad_dma.h"
#include "direction.h"
#include "op.h"

#define DEVICE_MAX 64

struct device {
	int16_t id;
	bool started;
	uint16_t nb_vchans; /**< configured */
	uint16_t nb_desc;
	char name[64];
	char driver[64]; /**< "unknown" if DPDK does not tell */
	char engine[64]; /**< what moves the bytes, as the driver's dump says; empty if it does not
			  */
	char devargs[192]; /**< as the user gave them; empty without */
	struct rte_dma_info info;
	struct dad_dma_dev *dma;
	bool own_dma; /* made here, not the driver's */
};

struct devices {
	struct device dev[DEVICE_MAX];
	unsigned int count;
	struct dad_dma_domain *domain;
};

/** Find all dmadevs, in the order of their ids. @return 0, or -errno with a message printed */
int devices_open(struct devices *d);

/** Stop and close them all. */
void devices_close(struct devices *d);

/**
 * The devices of a list of names, in its order.
 *
 * @param list      "all" or names
 * @param selected  DEVICE_MAX entries
 * @return how many, or -EINVAL with a message printed
 */
int devices_select(struct devices *d, const char *list, struct device **selected);

/** Can it do that in that direction? */
bool device_can(const struct device *dev, enum op op, enum rte_dma_direction direction);

/** The value of one of its devargs. @return it, in buf, or NULL */
const char *device_devarg(const struct device *dev, const char *key, char *buf, size_t size);

/** Segments of an sg operation: as many as wanted, if device and length allow. */
uint16_t device_segments(const struct device *dev, uint32_t wanted, uint32_t length);

/**
 * Configure nb_vchans from memory to memory, each with room for depth operations if the device has
 * it.
 *
 * @return 0, or -errno with a message printed
 */
int device_configure(struct device *dev, uint16_t nb_vchans, uint32_t depth);

/** The same, each vchan with a direction of its own. */
int device_configure_directions(struct device *dev, const enum rte_dma_direction *directions,
	uint16_t nb_vchans, uint32_t depth);

int device_start(struct device *dev);
int device_stop(struct device *dev);

/** Room for device_title(). */
#define DEVICE_TITLE 200

/** "dma_dad0 (dma_dad, thread)". */
const char *device_title(const struct device *dev, char *buf, size_t size);

/** Several lines. */
void device_show(const struct device *dev);

/** Configured vchans: state and the device's own counters. */
void device_show_vchans(const struct device *dev);

#endif /* TESTDMA_DEVICE_H */
