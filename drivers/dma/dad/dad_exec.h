/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_EXEC_H
#define DAD_EXEC_H

/*
 * The device side of one group: check every address as an IOMMU would, move the bytes, write the
 * statuses that are not success. The loop is compiled once for each instruction set, so that the
 * choice costs one indirect call a group and small moves are inlined.
 */

#include "dad_dma_table.h"
#include "dad_vchan.h"

/* Do n operations from ticket first on. True if one of them failed. */
typedef bool (*dad_exec_run_t)(
	const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n);

struct dad_exec {
	dad_exec_run_t run;
	const struct dad_dma_table *table; /* IOVA → virtual */
	const struct dad_dma_domain *domain;
	bool identity; /* EAL's IOVAs are its virtual addresses */
	bool sva;      /* addresses EAL does not know are virtual ones of this process */
	const char *kernel;
};

/* Choose the kernels for this CPU, within EAL's --force-max-simd-bitwidth. */
void dad_exec_init(struct dad_exec *x, const struct dad_dma_domain *domain);

/* Do the n operations from ticket first on, which are of one batch. True if one of them failed. */
bool dad_exec_group(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n);

/* Has anything failed from ticket first on? If first is where a batch starts, a fence in that batch
 * then poisons the rest of it: it is skipped. */
bool dad_exec_has_failed(const struct dad_vchan *vc, uint64_t first);

/* Do not attempt the group of n operations at ticket first. */
void dad_exec_skip(struct dad_vchan *vc, uint64_t first, unsigned int n);

bool dad_exec_run_generic(
	const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n);
bool dad_exec_run_avx2(
	const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n);
bool dad_exec_run_avx512(
	const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n);

/* ---- what the fast loop does not do itself (dad_slow.c); all return an rte_dma_status_code -- */

/* Any length, over any seams in the address spaces. */
uint16_t dad_slow_copy(const struct dad_exec *x, uint64_t src, uint64_t dst, uint64_t length);
uint16_t dad_slow_fill(const struct dad_exec *x, uint64_t pattern, uint64_t dst, uint64_t length);
uint16_t dad_slow_sg(
	const struct dad_exec *x, const struct dad_vchan *vc, const struct dad_desc *desc);

/* ---- memory EAL does not know (dad_sva.c) --------------------------------------------------- */

/* Does the kernel let us move bytes through it? */
bool dad_sva_works(void);

/* Move bytes between addresses that may be wrong: the kernel checks them. Returns SUCCESSFUL,
 * INVALID_SRC_ADDR or INVALID_DST_ADDR; bytes before the bad one may have been moved. */
uint16_t dad_sva_copy(uint64_t src, uint64_t dst, uint64_t length);

#endif /* DAD_EXEC_H */
