/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_XFER_H
#define TESTDMA_XFER_H

/**
 * @file
 * Transfers in the background: what "start" starts.
 *
 * lcores and devices are paired in turn until each of both is used: lcores 0,1 and devices a,b,c
 * give 0-a, 1-b, 0-c; lcores 0,1 and device a give 0-a and 1-a. Each pair has as many vchans of the
 * device as the setting says. A worker lcore
 * runs its vchans by rte_eal_remote_launch(). The main lcore has the prompt to serve: its share
 * runs on a thread with the same CPU affinity, and the prompt sleeps in poll() meanwhile.
 */

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "device.h"

struct xfer;

/** @return state without a transfer, or NULL */
struct xfer *xfer_create(struct devices *devices);

/** Stops a transfer that runs. */
void xfer_free(struct xfer *x);

/** Would these lcores do? @return 0, or -EINVAL with a message printed */
int xfer_check_lcores(const char *list);

/** Configure and start the devices, and begin. @return 0, or -errno with a message printed */
int xfer_start(struct xfer *x, const struct config *c);

/**
 * End, wait for what is in flight, stop the devices, print statistics.
 *
 * @return 0, -EIO if anything went wrong in this transfer, -EALREADY if there is none
 */
int xfer_stop(struct xfer *x);

/** Between start and stop. */
bool xfer_running(const struct xfer *x);

/** All vchans have done their count, or have given up. */
bool xfer_finished(const struct xfer *x);

/** Has anything gone wrong since the program began? */
bool xfer_failed(const struct xfer *x);

/** Statistics by vchan and of all, with the rate since they were shown last. */
void xfer_show(struct xfer *x);

/** Forget statistics, the devices' own as well. @return 0, or -EBUSY with a message printed */
int xfer_clear(struct xfer *x);

#endif /* TESTDMA_XFER_H */
