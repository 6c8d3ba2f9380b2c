/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cpuflags.h>
#include <rte_eal.h>
#include <rte_vect.h>

#include "dad_exec.h"

static const struct kernel {
	const char *name;
	dad_exec_run_t run;
	unsigned int simd_bits; /* what EAL must allow */
} kernels[] = {
#ifdef RTE_ARCH_X86_64
	{"avx512", dad_exec_run_avx512, RTE_VECT_SIMD_512},
	{"avx2", dad_exec_run_avx2, RTE_VECT_SIMD_256},
#endif
	{"generic", dad_exec_run_generic, 0},
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

void
dad_exec_init(struct dad_exec *x, const struct dad_dma_domain *domain)
{
	const struct kernel *k = kernels;

	while (k->simd_bits > rte_vect_get_max_simd_bitwidth() || !cpu_has(k))
		k++;
	x->run = k->run;
	x->kernel = k->name;
	x->domain = domain;
	x->table = dad_dma_domain_reverse(domain);
	x->identity = rte_eal_iova_mode() == RTE_IOVA_VA;
	x->sva = x->identity && dad_sva_works();
}

/* Several workers may fail at once, and speak of it late: the latest ticket counts. */
static void
note_failure(struct dad_vchan *vc, uint64_t first)
{
	uint64_t latest = __atomic_load_n(&vc->failed, __ATOMIC_RELAXED);

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
dad_exec_group(const struct dad_exec *x, struct dad_vchan *vc, uint64_t first, unsigned int n)
{
	if (likely(!x->run(x, vc, first, n)))
		return false;
	note_failure(vc, first);
	return true;
}

void
dad_exec_skip(struct dad_vchan *vc, uint64_t first, unsigned int n)
{
	for (uint64_t ticket = first; ticket < first + n; ticket++)
		dad_vchan_desc(vc, ticket)->status = RTE_DMA_STATUS_NOT_ATTEMPTED;
}
