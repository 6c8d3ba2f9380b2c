/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_errno.h>

#include "dad_dma_soft.h"
#include "dad_exec.h"

/* A range of the device's address space, consumed from its front. */
struct range {
	uint64_t addr;
	uint64_t len;
};

/* The longest piece at the front of a range that is contiguous for the CPU. */
struct piece {
	uint8_t *va;
	uint64_t len;
	bool known; /* by the domain: safe to touch */
};

static bool
wraps(uint64_t addr, uint64_t len)
{
	return addr + (len - 1) < addr;
}

/* Through the software IOMMU, which says no as a real one does, and remembers. */
static bool
front_mapped(const struct dad_exec *x, unsigned int access, const struct range *r, struct piece *p)
{
	size_t contig;

	p->va = dad_soft_dma_translate(x->iommu, r->addr, access, &contig);
	if (p->va == NULL) {
		dad_soft_dma_fault(x->iommu, r->addr, r->len, access, rte_errno);
		return false;
	}
	p->known = true;
	p->len = RTE_MIN(contig, r->len);
	return true;
}

/* What the table does not know: external memory of EAL, or with SVA anything of the process. */
static __rte_noinline bool
front_unknown(const struct dad_exec *x, bool sva, unsigned int access, const struct range *r,
	struct piece *p)
{
	size_t contig;

	if (x->iommu != NULL)
		return front_mapped(x, access, r, p);
	p->va = dad_dma_bus_to_virt(x->domain, r->addr, &contig);
	p->known = p->va != NULL;
	if (!p->known) {
		if (!x->sva || !sva)
			return false;
		p->va = (uint8_t *)(uintptr_t)r->addr;
		contig = r->len;
	}
	p->len = RTE_MIN(contig, r->len);
	return true;
}

static inline bool
front(const struct dad_exec *x, bool sva, unsigned int access, const struct range *r,
	struct piece *p)
{
	uint64_t contig;
	uint64_t va = dad_dma_table_find(x->table, r->addr, &contig);

	if (unlikely(va == DAD_DMA_ABSENT))
		return front_unknown(x, sva, access, r, p);
	p->va = (uint8_t *)(uintptr_t)va;
	p->len = RTE_MIN(contig, r->len);
	p->known = true;
	return true;
}

static void
advance(struct range *r, uint64_t len)
{
	r->addr += len;
	r->len -= len;
}

/* Move the fronts of two ranges, as far as one piece on each side goes. */
static uint16_t
copy_fronts(const struct dad_exec *x, bool sva, struct range *src, struct range *dst)
{
	struct piece from, to;
	uint16_t status = RTE_DMA_STATUS_SUCCESSFUL;

	if (!front(x, sva, DAD_SOFT_READ, src, &from))
		return RTE_DMA_STATUS_INVALID_SRC_ADDR;
	if (!front(x, sva, DAD_SOFT_WRITE, dst, &to))
		return RTE_DMA_STATUS_INVALID_DST_ADDR;

	uint64_t len = RTE_MIN(from.len, to.len);
	if (from.known && to.known)
		x->move_large(to.va, from.va, len);
	else
		status = dad_sva_copy((uintptr_t)from.va, (uintptr_t)to.va, len);
	advance(src, len);
	advance(dst, len);
	return status;
}

uint16_t
dad_slow_copy(const struct dad_exec *x, bool sva, uint64_t src, uint64_t dst, uint64_t length)
{
	struct range from = {src, length}, to = {dst, length};
	uint16_t status = RTE_DMA_STATUS_SUCCESSFUL;

	if (wraps(src, length) || wraps(dst, length))
		return RTE_DMA_STATUS_INVALID_LENGTH;
	while (status == RTE_DMA_STATUS_SUCCESSFUL && from.len > 0)
		status = copy_fronts(x, sva, &from, &to);
	return status;
}

uint16_t
dad_slow_fill(const struct dad_exec *x, bool sva, uint64_t pattern, uint64_t dst, uint64_t length)
{
	enum { BLOCK = 2048 }; /* of whole patterns */
	uint64_t block[BLOCK / sizeof(pattern)];
	struct range to = {dst, length};
	struct piece p;

	if (wraps(dst, length))
		return RTE_DMA_STATUS_INVALID_LENGTH;
	for (unsigned int i = 0; i < RTE_DIM(block); i++)
		block[i] = pattern;

	while (to.len > 0) {
		/* pieces may end anywhere: the pattern goes on where it was */
		const uint8_t *phase = (const uint8_t *)block + (to.addr - dst) % sizeof(pattern);

		if (!front(x, sva, DAD_SOFT_WRITE, &to, &p))
			return RTE_DMA_STATUS_INVALID_DST_ADDR;
		uint64_t len = RTE_MIN(p.len, (uint64_t)(BLOCK - sizeof(pattern)));
		if (p.known)
			memcpy(p.va, phase, len);
		else if (dad_sva_copy((uintptr_t)phase, (uintptr_t)p.va, len) !=
			RTE_DMA_STATUS_SUCCESSFUL)
			return RTE_DMA_STATUS_INVALID_DST_ADDR;
		advance(&to, len);
	}
	return RTE_DMA_STATUS_SUCCESSFUL;
}

/* A list's entries, consumed from the front; empty ones are allowed and skipped. */
struct list {
	uint64_t next; /* sge ticket */
	unsigned int left;
	struct range range;
};

static struct list
list_from(const struct dad_desc *desc)
{
	return (struct list){.next = desc->src + 1, .left = dad_sg_nb_src(desc)};
}

static struct list
list_to(const struct dad_desc *desc)
{
	return (struct list){
		.next = desc->src + 1 + dad_sg_nb_src(desc), .left = dad_sg_nb_dst(desc)};
}

/* False: there is no more. */
static bool
list_front(const struct dad_vchan *vc, struct list *l)
{
	while (l->range.len == 0) {
		if (l->left == 0)
			return false;
		const struct dad_sge *sge = dad_vchan_sge(vc, l->next++);

		l->left--;
		l->range = (struct range){sge->addr, sge->length};
	}
	return true;
}

static void
list_skip(const struct dad_vchan *vc, struct list *l, uint64_t bytes)
{
	while (bytes > 0 && list_front(vc, l)) {
		uint64_t n = RTE_MIN(bytes, l->range.len);

		advance(&l->range, n);
		bytes -= n;
	}
}

uint16_t
dad_slow_sg_part(const struct dad_exec *x, const struct dad_vchan *vc, const struct dad_desc *desc,
	uint64_t offset, uint64_t length)
{
	const bool sva = !(desc->opcode & DAD_OP_FOREIGN);
	struct list src = list_from(desc), dst = list_to(desc);
	uint16_t status = RTE_DMA_STATUS_SUCCESSFUL;

	list_skip(vc, &src, offset);
	list_skip(vc, &dst, offset);
	while (status == RTE_DMA_STATUS_SUCCESSFUL && length > 0 && list_front(vc, &src) &&
		list_front(vc, &dst)) {
		struct range from = src.range, to = dst.range;

		/* copy_fronts() bounds by pieces; entries bound each other here */
		const uint64_t both = RTE_MIN(from.len, to.len);
		const uint64_t asked = RTE_MIN(both, length);

		from.len = to.len = asked;

		status = copy_fronts(x, sva, &from, &to);
		advance(&src.range, asked - from.len);
		advance(&dst.range, asked - from.len);
		length -= asked - from.len;
	}
	return status;
}
