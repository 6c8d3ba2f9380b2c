/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_errno.h>

#include "dad_dma_soft.h"
#include "dad_exec.h"
#include "dad_inside.h"
#include "dad_model.h"

/* What the addresses of a range mean. */
enum place {
	MEMORY, /* the device's address space */
	WINDOW, /* offsets in the device's own memory */
	STREAM, /* positions in what its source gives */
};

/* A range of addresses, consumed from its front. */
struct range {
	uint64_t addr;
	uint64_t len;
	enum place place;
};

static inline enum place
src_place(const struct dad_vchan *vc)
{
	return vc->model.src_window ? WINDOW : MEMORY;
}

static inline enum place
dst_place(const struct dad_vchan *vc)
{
	return vc->model.dst_window ? WINDOW : MEMORY;
}

/* The longest piece at the front of a range that is contiguous for the CPU. */
struct piece {
	uint8_t *va;
	uint64_t len;
	bool known; /* by the domain: safe to touch */
	bool asked; /* EAL, from outside: it may be gone, and what was looked up before */
};

static inline bool
may_be_gone(const struct piece *p, uint64_t departed)
{
	return p->asked && dad_inside_departed() != departed;
}

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
front_unknown(const struct dad_exec *x, uint8_t opcode, unsigned int access, const struct range *r,
	struct piece *p)
{
	size_t contig;

	if (x->iommu != NULL)
		return front_mapped(x, access, r, p);
	/* under EAL's lock, which may be held by who waits for memory to be left alone */
	const bool paused = dad_inside_pause();

	p->va = dad_dma_bus_to_virt(x->domain, r->addr, &contig);
	dad_inside_resume(paused);
	p->asked = true;
	p->known = p->va != NULL;
	if (!p->known) {
		if (!x->sva || (opcode & DAD_OP_FOREIGN))
			return false;
		p->va = (uint8_t *)(uintptr_t)r->addr;
		contig = r->len;
	}
	p->len = RTE_MIN(contig, r->len);
	return true;
}

static bool
front_window(const struct dad_window *w, const struct range *r, struct piece *p)
{
	p->asked = false;
	if (r->addr >= w->size)
		return false;
	p->va = w->base + r->addr;
	p->len = RTE_MIN(w->size - r->addr, r->len);
	p->known = true;
	return true;
}

static inline bool
front(const struct dad_exec *x, uint8_t opcode, unsigned int access, const struct range *r,
	struct piece *p)
{
	if (r->place == WINDOW)
		return front_window(&x->model->window, r, p);

	uint64_t contig;
	uint64_t va = dad_dma_table_find(x->table, r->addr, &contig);

	p->asked = false;
	if (unlikely(va == DAD_DMA_ABSENT))
		return front_unknown(x, opcode, access, r, p);
	p->va = (uint8_t *)(uintptr_t)va;
	p->len = RTE_MIN(contig, r->len);
	p->known = true;
	return true;
}

const void *
dad_slow_source(const struct dad_exec *x, uint64_t address)
{
	const struct range r = {address, 1, MEMORY};
	struct piece p;

	return front(x, false, DAD_SOFT_READ, &r, &p) ? p.va : NULL;
}

static void
advance(struct range *r, uint64_t len)
{
	r->addr += len;
	r->len -= len;
}

/* What makes bytes: those at a position of whatever it makes them of. */
typedef void (*make_t)(const void *what, uint64_t position, uint8_t *to, uint64_t len);

/* Make the bytes of a piece. */
static uint16_t
make_piece(make_t make, const void *what, uint64_t position, const struct piece *to)
{
	uint8_t block[2048];

	if (to->known) {
		make(what, position, to->va, to->len);
		return RTE_DMA_STATUS_SUCCESSFUL;
	}
	for (uint64_t at = 0; at < to->len; at += sizeof(block)) {
		uint64_t n = RTE_MIN(to->len - at, sizeof(block));

		make(what, position + at, block, n);
		if (dad_sva_copy((uintptr_t)block, (uintptr_t)to->va + at, n) !=
			RTE_DMA_STATUS_SUCCESSFUL)
			return RTE_DMA_STATUS_INVALID_DST_ADDR;
	}
	return RTE_DMA_STATUS_SUCCESSFUL;
}

/* Move the fronts of two ranges, as far as one piece on each side goes. */
static uint16_t
copy_fronts(const struct dad_exec *x, uint8_t opcode, struct range *src, struct range *dst)
{
	struct piece from = {.len = src->len}, to;
	uint16_t status = RTE_DMA_STATUS_SUCCESSFUL;
	uint64_t departed;

	do {
		departed = dad_inside_departed();
		if (src->place != STREAM && !front(x, opcode, DAD_SOFT_READ, src, &from))
			return RTE_DMA_STATUS_INVALID_SRC_ADDR;
		if (!front(x, opcode, DAD_SOFT_WRITE, dst, &to))
			return RTE_DMA_STATUS_INVALID_DST_ADDR;
	} while (may_be_gone(&from, departed) || may_be_gone(&to, departed));

	uint64_t len = RTE_MIN(from.len, to.len);
	to.len = len;
	if (src->place == STREAM)
		status = make_piece(dad_source_make, &x->model->source, src->addr, &to);
	else if (from.known && to.known)
		dad_exec_mover(x, opcode)(to.va, from.va, len);
	else
		status = dad_sva_copy((uintptr_t)from.va, (uintptr_t)to.va, len);
	advance(src, len);
	advance(dst, len);
	return status;
}

/* Addresses of the window become what is passing there, where a source fills it. */
static uint16_t
take_from_source(const struct dad_exec *x, struct dad_vchan *vc, struct range *src)
{
	src->place = STREAM;
	return dad_source_take(
		&x->model->source, x->model->window.size, vc, src->addr, src->len, &src->addr);
}

uint16_t
dad_slow_copy(const struct dad_exec *x, struct dad_vchan *vc, uint8_t opcode, uint64_t src,
	uint64_t dst, uint64_t length)
{
	struct range from = {src, length, src_place(vc)}, to = {dst, length, dst_place(vc)};
	uint16_t status = RTE_DMA_STATUS_SUCCESSFUL;

	if (wraps(src, length) || wraps(dst, length))
		return RTE_DMA_STATUS_INVALID_LENGTH;
	if (vc->model.stream)
		status = take_from_source(x, vc, &from);
	while (status == RTE_DMA_STATUS_SUCCESSFUL && from.len > 0)
		status = copy_fronts(x, opcode, &from, &to);
	return status;
}

/* A pattern of eight bytes, again and again. */
static void
make_fill(const void *pattern, uint64_t position, uint8_t *to, uint64_t len)
{
	uint64_t block[256];
	const uint64_t phase = position % sizeof(*block), most = sizeof(block) - sizeof(*block);

	for (unsigned int i = 0; i < RTE_DIM(block); i++)
		memcpy(&block[i], pattern, sizeof(*block));
	/* most is a multiple of it: the phase stays */
	for (; len > most; len -= most, to += most)
		memcpy(to, (const uint8_t *)block + phase, most);
	memcpy(to, (const uint8_t *)block + phase, len);
}

uint16_t
dad_slow_fill(const struct dad_exec *x, const struct dad_vchan *vc, uint8_t opcode,
	uint64_t pattern, uint64_t dst, uint64_t length)
{
	struct range to = {dst, length, dst_place(vc)};
	uint16_t status = RTE_DMA_STATUS_SUCCESSFUL;
	struct piece p;

	if (wraps(dst, length))
		return RTE_DMA_STATUS_INVALID_LENGTH;
	while (status == RTE_DMA_STATUS_SUCCESSFUL && to.len > 0) {
		uint64_t departed;

		do {
			departed = dad_inside_departed();
			if (!front(x, opcode, DAD_SOFT_WRITE, &to, &p))
				return RTE_DMA_STATUS_INVALID_DST_ADDR;
		} while (may_be_gone(&p, departed));
		/* pieces may end anywhere: the pattern goes on where it was */
		status = make_piece(make_fill, &pattern, to.addr - dst, &p);
		advance(&to, p.len);
	}
	return status;
}

/* A list's entries, consumed from the front; empty ones are allowed and skipped. */
struct list {
	uint64_t next; /* sge ticket */
	unsigned int left;
	enum place place;
	struct range range;
};

static struct list
list_from(const struct dad_vchan *vc, const struct dad_desc *desc)
{
	return (struct list){
		.next = desc->src + 1, .left = dad_sg_nb_src(desc), .place = src_place(vc)};
}

static struct list
list_to(const struct dad_vchan *vc, const struct dad_desc *desc)
{
	return (struct list){.next = desc->src + 1 + dad_sg_nb_src(desc),
		.left = dad_sg_nb_dst(desc),
		.place = dst_place(vc)};
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
		l->range = (struct range){sge->addr, sge->length, l->place};
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
dad_slow_sg_part(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_desc *desc,
	uint64_t offset, uint64_t length)
{
	struct list src = list_from(vc, desc), dst = list_to(vc, desc);
	uint16_t status = RTE_DMA_STATUS_SUCCESSFUL;

	list_skip(vc, &src, offset);
	list_skip(vc, &dst, offset);
	while (status == RTE_DMA_STATUS_SUCCESSFUL && length > 0 && list_front(vc, &src) &&
		list_front(vc, &dst)) {
		if (vc->model.stream && src.range.place != STREAM) {
			status = take_from_source(x, vc, &src.range);
			continue;
		}
		struct range from = src.range, to = dst.range;

		/* copy_fronts() bounds by pieces; entries bound each other here */
		const uint64_t both = RTE_MIN(from.len, to.len);
		const uint64_t asked = RTE_MIN(both, length);

		from.len = to.len = asked;
		status = copy_fronts(x, desc->opcode, &from, &to);
		advance(&src.range, asked - from.len);
		advance(&dst.range, asked - from.len);
		length -= asked - from.len;
	}
	return status;
}

uint16_t
dad_slow_op(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_desc *desc)
{
	switch (desc->opcode & DAD_OP_MASK) {
	case DAD_OP_COPY:
		return dad_slow_copy(x, vc, desc->opcode, desc->src, desc->dst, desc->length);
	case DAD_OP_FILL:
		return dad_slow_fill(x, vc, desc->opcode, desc->src, desc->dst, desc->length);
	default:
		return dad_sg_match(desc) ? dad_slow_sg_part(x, vc, desc, 0, UINT64_MAX)
					  : RTE_DMA_STATUS_INVALID_LENGTH;
	}
}
