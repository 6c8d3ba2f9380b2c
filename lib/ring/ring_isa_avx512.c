/* SPDX-License-Identifier: BSD-3-Clause */
#define RING_ISA      ring_isa_avx512
#define RING_ISA_NAME "avx512"
#define RING_ISA_BITS 512
#include "ring_impl.h"
