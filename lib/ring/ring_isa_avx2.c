/* SPDX-License-Identifier: BSD-3-Clause */
#define RING_ISA      ring_isa_avx2
#define RING_ISA_NAME "avx2"
#define RING_ISA_BITS 256
#include "ring_impl.h"
