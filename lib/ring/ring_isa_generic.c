/* SPDX-License-Identifier: BSD-3-Clause */
#define RING_ISA      ring_isa_generic
#define RING_ISA_NAME "generic"
#define RING_ISA_BITS 0
#include "ring_impl.h"
