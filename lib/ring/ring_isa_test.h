/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_ISA_TEST_H
#define RING_ISA_TEST_H

/* The same tests for each instruction set: DAD_TEST_SIMD has the width of vectors in bits. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_vect.h>

#include "ring_isa.h"

static inline void
ring_isa_test_choose(void)
{
	const char *bits = getenv("DAD_TEST_SIMD");

	if (bits != NULL)
		rte_vect_set_max_simd_bitwidth((uint16_t)atoi(bits));
	ring_isa_choose();
	print_message("instruction set: %s\n", ring_isa->name);
}

#endif /* RING_ISA_TEST_H */
