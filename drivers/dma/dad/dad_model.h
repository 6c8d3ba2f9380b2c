/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_MODEL_H
#define DAD_MODEL_H

/*
 * The device that is played: memory of its own, a source that fills it, a link that is no faster
 * than it says, operations that fail when they shall. All of it is off by default, and then costs
 * nothing: what is here runs in the place of the kernel that moves bytes (dad_exec.run), and only
 * for a device that has any of it.
 *
 * Memory that several processes use is EAL's, so a secondary that moves bytes itself finds it.
 */

#include <stdio.h>

#include <rte_dmadev.h>

#include "dad_inject.h"
#include "dad_model_args.h"
#include "dad_source.h"
#include "dad_throttle.h"

struct dad_exec;
struct dad_vchan;

/* Where a vchan's direction says "device", addresses are offsets from 0 to size - 1 in it. */
struct dad_window {
	uint8_t *base;
	uint64_t size;
};

struct dad_model {
	struct dad_window window;
	struct dad_source source;
	struct dad_throttle throttle;
	struct dad_inject inject;
};

/* Make it of zeroed memory, for a device with these vchans. 0 or, after logging why, -errno. */
int dad_model_open(struct dad_model *m, const char *device, const struct dad_model_args *args,
	const struct dad_vchan *vchan, int numa_node);
void dad_model_close(struct dad_model *m);

/* Is there anything to it? */
bool dad_model_is_used(const struct dad_model *m);

/* The directions it adds to MEM_TO_MEM: RTE_DMA_CAPA_*. */
uint64_t dad_model_directions(const struct dad_model *m);

/* A vchan of a direction and with ports; its memory is there. 0 or, after logging why, -EINVAL or
 * -ENOMEM. */
int dad_model_vchan_setup(const struct dad_model *m, const char *device, unsigned int v,
	struct dad_vchan *vc, const struct rte_dma_vchan_conf *conf);

/* Add rules by which operations fail, or end them all, while others may be at work. 0, or -errno
 * with why. */
int dad_model_inject(struct dad_model *m, const struct dad_vchan *vchan, struct dad_exec *x,
	const char *spec, char *why, size_t size);
void dad_model_clear(struct dad_model *m, struct dad_exec *x);

/* The device starts: time does. */
void dad_model_start(struct dad_model *m);

/* A few lines. */
void dad_model_dump(
	const struct dad_model *m, const struct dad_vchan *vchan, unsigned int nb_vchans, FILE *f);

/* A dad_exec_run_t. */
bool dad_model_run(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n,
	unsigned int after);

#endif /* DAD_MODEL_H */
