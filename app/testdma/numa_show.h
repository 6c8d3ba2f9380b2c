/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_NUMA_SHOW_H
#define TESTDMA_NUMA_SHOW_H

/**
 * @file
 * Where things are: the NUMA nodes of devices, of their memory, and of the CPUs that work for them.
 */

#include "config.h"
#include "device.h"

/**
 * Print for each device: its node; on which nodes its descriptor rings lie, as the driver's dump
 * tells; where a transfer's buffers would lie, found by making some; its workers' CPUs and lcores'.
 *
 * @return 0, or -errno with a message printed
 */
int numa_show(const struct devices *devices, const struct config *c);

#endif /* TESTDMA_NUMA_SHOW_H */
