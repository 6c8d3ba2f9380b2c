/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_EXEC_H
#define DAD_EXEC_H

/*
 * The device side of one group: check every address as an IOMMU would, move the bytes, write the
 * statuses that are not success. The loop is compiled once for each instruction set, so that the
 * choice costs one indirect call a group and small moves are inlined.
 */

#include <string.h>

#include <rte_branch_prediction.h>

#include "dad_dma_table.h"
#include "dad_vchan.h"

struct dad_model;

/* Do n operations from ticket first on. True if one of them failed. The `after` ones behind them
 * come next, and will not change meanwhile: what they move is fetched in time. */
typedef bool (*dad_exec_run_t)(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first,
	unsigned int n, unsigned int after);

/* Up to here moves are inlined, without a call. Above, the device's move_large. */
#define DAD_EXEC_INLINE_MAX 2048

/* Past the caches: shorter ones stay in them, and are better there. */
#define DAD_MOVE_NT_MIN 16384

/* rte_dma_copy() that does it at once, or else as dad_inline_copy(). */
typedef int (*dad_exec_copy_t)(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst,
	uint32_t length, uint64_t flags);

/* Bytes between memory that both is known. */
typedef void *(*dad_exec_move_t)(void *dst, const void *src, size_t len);

/* What a process moves bytes with; of its own, as it has pointers to code and tables. */
struct dad_exec {
	dad_exec_run_t run; /* the kernel's loop, or dad_model_run(), which calls it */
	dad_exec_run_t kernel_run;
	dad_exec_copy_t eager_copy;
	struct dad_model *model; /* the device that is played */
	dad_exec_move_t move_large;
	dad_exec_move_t move_past; /* past the caches, for operations of past_from bytes and more */
	uint32_t past_from;	   /* 0: none */
	const struct dad_dma_table *table; /* IOVA → virtual */
	struct dad_dma_domain *domain;
	struct dad_dma_dev *iommu; /* iommu=soft: whose mappings are asked; NULL: the table is */
	bool identity;		   /* EAL's IOVAs are its virtual addresses */
	bool sva; /* addresses EAL does not know are virtual ones of this process */
	const char *kernel;
	const char *large; /* what moves large ones */
	char device[64];   /* whose it is: in a secondary, which outlives devices */
};

/* What moves the bytes of a large operation: through the caches if that was asked for, else past
 * them if they would not fit. */
static inline dad_exec_move_t
dad_exec_mover(const struct dad_exec *x, uint8_t opcode)
{
	if (unlikely((opcode & (DAD_OP_LLC | DAD_OP_PAST)) == DAD_OP_PAST))
		return x->move_past;
	return x->move_large;
}

/* Devices whose parts of a process can be kept. */
#define DAD_EXEC_DEVS_MAX 1024

extern struct dad_exec *dad_exec_table[DAD_EXEC_DEVS_MAX];

/* This process's, of the device that a vchan belongs to. */
static inline const struct dad_exec *
dad_exec_of(const struct dad_vchan *vc)
{
	return dad_exec_table[vc->dev_id];
}

/*
 * Make this process's for a device, and put it in the table. The kernels are those asked for, or,
 * with NULL, the best for this CPU, within EAL's --force-max-simd-bitwidth. Operations of past_from
 * bytes and more go past the caches, unless it is 0, or a kernel was asked for that moves large
 * ones itself. 0, -ENOTSUP if the CPU or EAL does not allow the kernel, -ENOSPC, -ENOMEM.
 */
int dad_exec_open(uint16_t dev_id, const char *kernel, uint32_t past_from);

/* From now on nothing is reached but what is mapped in this domain, which takes the place of EAL's;
 * its reference is the callee's. Then for whom: dma is a device of it. 0 or -ENOMEM. */
int dad_exec_confine(struct dad_exec *x, struct dad_dma_domain *domain, struct dad_dma_dev *dma);

/* From now on operations are done as x->model, which is set before the device works, would do
 * them; or no longer. Others may be at work. */
void dad_exec_play(struct dad_exec *x, bool on);

void dad_exec_close(uint16_t dev_id);

/* The device's id, by its name, or -1. */
int dad_exec_find(const char *device);

/* Is it the name of a kernel, of any CPU? Of one that moves large operations? */
bool dad_exec_is_kernel(const char *name);
bool dad_exec_is_large(const char *name);

/* The kernels by number, NULL after the last; and whether CPU and EAL allow it. */
const char *dad_exec_kernel_name(unsigned int i);
bool dad_exec_kernel_is_there(unsigned int i);

/* What moves operations from a number of bytes on: DAD_EXEC_SIZES at most. Returns how many. */
#define DAD_EXEC_SIZES 3
struct dad_exec_size {
	unsigned int from;
	const char *name;
};
unsigned int dad_exec_by_size(const struct dad_exec *x, struct dad_exec_size sizes[DAD_EXEC_SIZES]);

/* Do the n operations from ticket first on, which are of one batch. True if one of them failed.
 * After them, see dad_exec_run_t. */
bool dad_exec_group(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n,
	unsigned int after);

/* Has anything failed from ticket first on? If first is where a batch starts, a fence in that batch
 * then poisons the rest of it: it is skipped. */
bool dad_exec_has_failed(const struct dad_vchan *vc, uint64_t first);

/* Do not attempt the group of n operations at ticket first. */
void dad_exec_skip(struct dad_vchan *vc, uint64_t first, unsigned int n);

/* The operation failed: its status, and what a fence behind it will ask for. */
void dad_exec_fail(struct dad_vchan *vc, uint64_t ticket, uint8_t status);

/* Can it be done in parts? Not if addresses wrap or lists do not match: that fails as a whole. Nor
 * where a device is played. */
bool dad_exec_can_part(const struct dad_exec *x, const struct dad_desc *desc);

/* Do length bytes, or what there is, of one from offset on, a multiple of 8. An
 * rte_dma_status_code. */
uint16_t dad_exec_part(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_desc *desc,
	uint64_t offset, uint64_t length);

int dad_exec_copy_generic(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst,
	uint32_t length, uint64_t flags);
int dad_exec_copy_avx2(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst,
	uint32_t length, uint64_t flags);
int dad_exec_copy_avx512(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst,
	uint32_t length, uint64_t flags);

void *dad_exec_move_sse2(void *dst, const void *src, size_t len);
void *dad_exec_move_avx2(void *dst, const void *src, size_t len);

bool dad_exec_run_generic(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first,
	unsigned int n, unsigned int after);
bool dad_exec_run_avx2(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first,
	unsigned int n, unsigned int after);
bool dad_exec_run_avx512(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first,
	unsigned int n, unsigned int after);

/* ---- what the fast loop does not do itself (dad_slow.c); all return an rte_dma_status_code -- */

/* Any operation: any length, over any seams in the address spaces, addresses of the kind that the
 * vchan's direction says. */
uint16_t dad_slow_op(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_desc *desc);

/* Any memory of the process, where x has sva and the operation is of this process. */
uint16_t dad_slow_copy(const struct dad_exec *x, struct dad_vchan *vc, uint8_t opcode, uint64_t src,
	uint64_t dst, uint64_t length);
uint16_t dad_slow_fill(const struct dad_exec *x, const struct dad_vchan *vc, uint8_t opcode,
	uint64_t pattern, uint64_t dst, uint64_t length);
/* Of lists that match, length bytes from offset on, or what there is; from a source, all. */
uint16_t dad_slow_sg_part(const struct dad_exec *x, struct dad_vchan *vc,
	const struct dad_desc *desc, uint64_t offset, uint64_t length);

/* Where in EAL's memory a source address is; NULL: nowhere. */
const void *dad_slow_source(const struct dad_exec *x, uint64_t address);

/* ---- large moves (dad_move.c) -----------------------------------------------------------------
 */

/* By rep movsb; and by stores that go past the caches, from a length on. */
void *dad_move_erms(void *dst, const void *src, size_t len);
void *dad_move_nt(void *dst, const void *src, size_t len);

/* From how many bytes on operations are better moved past the caches; 0: not known. */
uint32_t dad_move_past_from(void);

/* ---- memory EAL does not know (dad_sva.c) --------------------------------------------------- */

/* Does the kernel let us move bytes through it? */
bool dad_sva_works(void);

/* Move bytes between addresses that may be wrong: the kernel checks them. Returns SUCCESSFUL,
 * INVALID_SRC_ADDR or INVALID_DST_ADDR; bytes before the bad one may have been moved. */
uint16_t dad_sva_copy(uint64_t src, uint64_t dst, uint64_t length);

#endif /* DAD_EXEC_H */
