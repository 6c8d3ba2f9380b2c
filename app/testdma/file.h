/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_FILE_H
#define TESTDMA_FILE_H

#include "config.h"
#include "device.h"

/**
 * The bytes of one file through a device into another, in order.
 *
 * @return exit code: 0, 1 for a transfer that failed or was interrupted, 2 for a usage error
 */
int file_transfer(struct devices *devices, const struct config *c);

#endif /* TESTDMA_FILE_H */
