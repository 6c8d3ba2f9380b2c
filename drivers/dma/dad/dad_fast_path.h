/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_FAST_PATH_H
#define DAD_FAST_PATH_H

/*
 * Which functions a dmadev's fast path calls: by mt, by process, and, while a rule refuses enqueues
 * (dad_inject.h), those that ask the rules first. So without such a rule nobody asks, but for
 * secondary processes.
 */

#include "dad_compat.h"
#include "dad_internal.h"

/* Set them, as the device is now. Others may be calling them: they get these or those. */
void dad_fast_path_set(struct rte_dma_fp_object *fp, struct dad_dev *d);

#endif /* DAD_FAST_PATH_H */
