/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_INTERNAL_H
#define DAD_INTERNAL_H

/* The device: what probe makes, configure and start change, and the fast path reads. */

#include <rte_log.h>

#include "dad_args.h"
#include "dad_engine.h"
#include "dad_exec.h"
#include "dad_model.h"
#include "dad_vchan.h"

extern int dad_logtype;
#define DAD_LOG(level, fmt, ...)                                                                   \
	rte_log(RTE_LOG_##level, dad_logtype, "dma_dad: " fmt "\n", ##__VA_ARGS__)

/* In memory of all processes. Below the vchans, what is the primary's: others may look at numbers,
 * but follow no pointer. */
struct dad_dev {
	struct dad_vchan vchan[DAD_VCHANS_MAX]; /* first: the fast path needs nothing else,
						   exec_impl.h neither */
	struct dad_args args;
	uint16_t nb_vchans;
	uint16_t dev_id;
	bool timed;  /* latencies are measured, also of vchans that are set up later */
	bool silent; /* as configured */
	bool ops;    /* as configured */
	char name[32];
	char given[1024]; /* devargs, to be told */
	struct dad_dma_dev *dma;
	struct dad_regs *regs; /* a PCI function's, else NULL */
	struct dad_engine engine;
	struct dad_model model; /* its pointers are of memory that is the same in all processes */
};

/* DAD_OP_FOREIGN in a secondary process, 0 in the primary. */
extern unsigned int dad_foreign;

#endif /* DAD_INTERNAL_H */
