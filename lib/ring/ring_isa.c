/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>

#include <rte_common.h>
#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "ring_isa.h"

const struct ring_isa *ring_isa = &ring_isa_generic;

static bool
cpu_has(const struct ring_isa *isa)
{
#ifdef RTE_ARCH_X86_64
	if (isa->simd_bits == RTE_VECT_SIMD_512)
		return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) == 1 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) == 1 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) == 1;
	if (isa->simd_bits == RTE_VECT_SIMD_256)
		return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) == 1;
#endif
	return isa->simd_bits == 0;
}

void
ring_isa_choose(void)
{
	static const struct ring_isa *const all[] = {
#ifdef RTE_ARCH_X86_64
		&ring_isa_avx512,
		&ring_isa_avx2,
#endif
		&ring_isa_generic,
	};
	const struct ring_isa *const *isa = all;
	unsigned int allowed = rte_vect_get_max_simd_bitwidth();

	if (allowed == 0) /* EAL has not been started, and may never be */
		allowed = RTE_VECT_DEFAULT_SIMD_BITWIDTH;
	while ((*isa)->simd_bits > allowed || !cpu_has(*isa))
		isa++;
	/* Relaxed: whichever of them a thread finds does the same. */
	__atomic_store_n(&ring_isa, *isa, __ATOMIC_RELAXED);
}

RTE_INIT(ring_isa_begin)
{
	ring_isa_choose();
}
