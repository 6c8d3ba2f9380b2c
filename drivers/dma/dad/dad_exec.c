/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cpuflags.h>
#include <rte_eal.h>
#include <rte_vect.h>

#include "dad_dma_domain.h"
#include "dad_exec.h"
#include "dad_inside.h"
#include "dad_halt.h"
#include "dad_lists.h"
#include "dad_model.h"
#include "dad_trace.h"

struct dad_exec *dad_exec_table[DAD_EXEC_DEVS_MAX];

static const struct kernel {
	const char *name;
	dad_exec_run_t run;
	dad_exec_copy_t eager_copy;
	/* What moves large ones, which may overlap. Registers wider than AVX2's are slower in
	 * memory. */
	dad_exec_move_t move;
	const char *large;
	unsigned int simd_bits; /* what EAL must allow */
} kernels[] = {
#ifdef RTE_ARCH_X86_64
	{"avx512", dad_exec_run_avx512, dad_exec_copy_avx512, dad_exec_move_avx2, "avx2",
		RTE_VECT_SIMD_512},
	{"avx2", dad_exec_run_avx2, dad_exec_copy_avx2, dad_exec_move_avx2, "avx2",
		RTE_VECT_SIMD_256},
	{"sse2", dad_exec_run_generic, dad_exec_copy_generic, dad_exec_move_sse2, "sse2", 0},
#else
	{"generic", dad_exec_run_generic, dad_exec_copy_generic, memmove, "memmove", 0},
#endif
};

/* How else large ones are moved, if it is asked for by name. The C library chooses by CPU and size
 * itself: often rep movsb, which some CPUs are very slow at where the two addresses differ by a few
 * bytes more than whole pages. */
static const struct large {
	const char *name;
	dad_exec_move_t move; /* NULL: as ever */
	uint32_t past_from;
} larges[] = {
	{"memmove", memmove, 0},
#ifdef RTE_ARCH_X86_64
	{"erms", dad_move_erms, 0},
	{"nt", NULL, DAD_MOVE_NT_MIN},
#endif
};

static bool
cpu_has(const struct kernel *k)
{
#ifdef RTE_ARCH_X86_64
	if (k->simd_bits == RTE_VECT_SIMD_512)
		return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) == 1 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) == 1 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) == 1;
	if (k->simd_bits == RTE_VECT_SIMD_256)
		return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) == 1;
#endif
	return k->simd_bits == 0;
}

static bool
is_allowed(const struct kernel *k)
{
	return k->simd_bits <= rte_vect_get_max_simd_bitwidth() && cpu_has(k);
}

static const struct kernel *
find_kernel(const char *name)
{
	for (unsigned int i = 0; i < RTE_DIM(kernels); i++)
		if (strcmp(name, kernels[i].name) == 0)
			return &kernels[i];
	return NULL;
}

static const struct large *
find_large(const char *name)
{
	for (unsigned int i = 0; i < RTE_DIM(larges); i++)
		if (strcmp(name, larges[i].name) == 0)
			return &larges[i];
	return NULL;
}

bool
dad_exec_is_large(const char *name)
{
	return find_large(name) != NULL;
}

bool
dad_exec_is_kernel(const char *name)
{
	return find_kernel(name) != NULL || dad_exec_is_large(name);
}

static bool
large_is_allowed(const struct large *l)
{
#ifdef RTE_ARCH_X86_64
	if (l->move == dad_move_erms)
		return rte_cpu_get_flag_enabled(RTE_CPUFLAG_ERMS) == 1;
#endif
	(void)l;
	return true;
}

const char *
dad_exec_kernel_name(unsigned int i)
{
	if (i < RTE_DIM(kernels))
		return kernels[i].name;
	i -= RTE_DIM(kernels);
	return i < RTE_DIM(larges) ? larges[i].name : NULL;
}

bool
dad_exec_kernel_is_there(unsigned int i)
{
	return i < RTE_DIM(kernels) ? is_allowed(&kernels[i])
				    : large_is_allowed(&larges[i - RTE_DIM(kernels)]);
}

unsigned int
dad_exec_by_size(const struct dad_exec *x, struct dad_exec_size sizes[DAD_EXEC_SIZES])
{
	unsigned int n = 0;

	/* behind an IOMMU all goes the slow way, piece by piece */
	if (x->iommu == NULL)
		sizes[n++] = (struct dad_exec_size){1, x->kernel};
	if (n == 0 || strcmp(x->large, x->kernel) != 0) {
		sizes[n] = (struct dad_exec_size){n == 0 ? 1 : DAD_EXEC_INLINE_MAX + 1, x->large};
		n++;
	}
	if (x->past_from > 0)
		sizes[n++] = (struct dad_exec_size){x->past_from, "nt"};
	return n;
}

/* NULL: the CPU has not got it, or EAL does not allow it. */
static const struct kernel *
choose_kernel(const char *name)
{
	const struct kernel *k = name != NULL ? find_kernel(name) : NULL;

	if (k != NULL)
		return is_allowed(k) ? k : NULL;
	for (k = kernels; !is_allowed(k);)
		k++;
	return k;
}

/* Memory that is about to go waits for operations that are at it. */
static int
watch(const struct dad_exec *x)
{
	return dad_dma_domain_watch(x->domain, dad_inside_on_left, NULL);
}

static void
give_up(struct dad_exec *x)
{
	dad_dma_domain_unwatch(x->domain, dad_inside_on_left, NULL);
	dad_dma_domain_put(x->domain);
}

int
dad_exec_open(uint16_t dev_id, const char *kernel, uint32_t past_from)
{
	const struct kernel *k = choose_kernel(kernel);
	const struct large *l = kernel != NULL ? find_large(kernel) : NULL;

	if (k == NULL || (l != NULL && !large_is_allowed(l)))
		return -ENOTSUP;
	if (dev_id >= DAD_EXEC_DEVS_MAX)
		return -ENOSPC;
	struct dad_exec *x = calloc(1, sizeof(*x));

	if (x != NULL)
		x->domain = dad_dma_domain_identity();
	if (x == NULL || x->domain == NULL || watch(x) != 0) {
		if (x != NULL)
			dad_dma_domain_put(x->domain);
		free(x);
		return -ENOMEM;
	}
	x->run = x->kernel_run = k->run;
	x->eager_copy = k->eager_copy;
	x->kernel = k->name;
	x->move_large = k->move;
	x->large = k->large;
	if (l != NULL)
		past_from = l->past_from;
	if (l != NULL && l->move != NULL) {
		x->move_large = l->move;
		x->large = l->name;
	}
	x->move_past = x->move_large;
#ifdef RTE_ARCH_X86_64
	if (past_from > 0) {
		x->move_past = dad_move_nt;
		x->past_from = RTE_MAX(past_from, (uint32_t)DAD_MOVE_NT_MIN);
	}
#endif
	x->table = dad_dma_domain_reverse(x->domain);
	x->identity = rte_eal_iova_mode() == RTE_IOVA_VA;
	/* in a secondary the addresses would be those of the primary's workers */
	x->sva = x->identity && rte_eal_process_type() == RTE_PROC_PRIMARY && dad_sva_works();
	dad_exec_table[dev_id] = x;
	return 0;
}

/* What the fast loop finds nothing in: never written. */
static struct dad_dma_table no_table;

int
dad_exec_confine(struct dad_exec *x, struct dad_dma_domain *domain, struct dad_dma_dev *dma)
{
	give_up(x);
	x->domain = domain;
	x->iommu = dma;
	x->table = &no_table;
	x->identity = x->sva = false;
	return watch(x);
}

void
dad_exec_play(struct dad_exec *x, bool on)
{
	/* X1: pairs with the acquire in dad_exec_group(): what the model says */
	__atomic_store_n(&x->run, on ? dad_model_run : x->kernel_run, __ATOMIC_RELEASE);
}

void
dad_exec_close(uint16_t dev_id)
{
	struct dad_exec *x = dad_exec_table[dev_id];

	if (x == NULL)
		return;
	dad_exec_table[dev_id] = NULL;
	give_up(x);
	free(x);
}

int
dad_exec_find(const char *device)
{
	for (unsigned int id = 0; id < RTE_DIM(dad_exec_table); id++)
		if (dad_exec_table[id] != NULL && strcmp(dad_exec_table[id]->device, device) == 0)
			return (int)id;
	return -1;
}

/* Several workers may fail at once, and speak of it late: the latest ticket counts. */
static void
note_failure(struct dad_vchan *vc, uint64_t first)
{
	uint64_t latest = __atomic_load_n(&vc->failed, __ATOMIC_RELAXED);

	if (vc->halts)
		dad_halt_at(vc, first);
	while (latest < first + 1 &&
		!__atomic_compare_exchange_n(
			&vc->failed, &latest, first + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

bool
dad_exec_has_failed(const struct dad_vchan *vc, uint64_t first)
{
	return __atomic_load_n(&vc->failed, __ATOMIC_RELAXED) > first;
}

bool
dad_exec_group(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n,
	unsigned int after)
{
	/* X1: pairs with the release in dad_exec_play() */
	const dad_exec_run_t run = __atomic_load_n(&x->run, __ATOMIC_ACQUIRE);
	struct dad_inside *me = dad_inside_enter();
	const bool failed = run(x, vc, first, n, after);

	dad_inside_leave(me);
	dad_trace_group(vc, first, n, failed);
	if (unlikely(failed))
		note_failure(vc, first);
	return failed;
}

void
dad_exec_skip(struct dad_vchan *vc, uint64_t first, unsigned int n)
{
	for (uint64_t ticket = first; ticket < first + n; ticket++)
		dad_vchan_set_status(vc, ticket, RTE_DMA_STATUS_NOT_ATTEMPTED);
	dad_stat_add(&vc->stat.skipped, n, vc->shared);
}

void
dad_exec_fail(struct dad_vchan *vc, uint64_t ticket, uint8_t status)
{
	dad_vchan_set_status(vc, ticket, status);
	note_failure(vc, ticket);
}

static bool
wraps(uint64_t addr, uint64_t len)
{
	return addr + (len - 1) < addr;
}

bool
dad_exec_can_part(const struct dad_exec *x, const struct dad_desc *desc)
{
	const unsigned int op = desc->opcode & DAD_OP_MASK;

	if (__atomic_load_n(&x->run, __ATOMIC_RELAXED) != x->kernel_run)
		return false;
	if (op == DAD_OP_SG)
		return dad_sg_match(desc) && !dad_lists_are_huge(desc);
	return !wraps(desc->dst, desc->length) &&
		(op == DAD_OP_FILL || !wraps(desc->src, desc->length));
}

static uint16_t
part(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_desc *desc, uint64_t offset,
	uint64_t length)
{
	length = RTE_MIN(length, desc->length - offset);
	switch (desc->opcode & DAD_OP_MASK) {
	case DAD_OP_FILL:
		return dad_slow_fill(x, vc, desc->opcode, desc->src, desc->dst + offset, length);
	case DAD_OP_SG:
		return dad_slow_sg_part(x, vc, desc, offset, length);
	default:
		return dad_slow_copy(
			x, vc, desc->opcode, desc->src + offset, desc->dst + offset, length);
	}
}

uint16_t
dad_exec_part(const struct dad_exec *x, struct dad_vchan *vc, const struct dad_desc *desc,
	uint64_t offset, uint64_t length)
{
	struct dad_inside *me = dad_inside_enter();
	const uint16_t status = part(x, vc, desc, offset, length);

	dad_inside_leave(me);
	return status;
}
