/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SOFT_H
#define SOFT_H

/* The software IOMMU: a backend of domains, and what the device side asks it. */

#include <stdbool.h>
#include <stdint.h>

#include "dad_dma_domain.h"
#include "dad_dma_soft.h"

extern const struct dad_dma_domain_ops soft_ops;

/* Its private part, or NULL. with_copies: caches that are not coherent can be emulated. */
void *soft_create(bool with_copies);

struct soft_piece {
	uint64_t va; /* memory, or the copy of it that the device sees */
	uint64_t len;
	unsigned int access; /* DAD_SOFT_* that are allowed */
};

/* What is at an IOVA: 0, EFAULT (nothing), or EMSGSIZE (nothing, but in the same page). */
int soft_find(const void *priv, uint64_t iova, struct soft_piece *piece);

/* What will be mapped there the device shall see as a copy, until it is unmapped. 0 or -ENOMEM. */
int soft_shadow(void *priv, uint64_t iova, uint64_t size);

/* Bring the device's copy, or the memory, up to date. Returns the bytes copied. */
uint64_t soft_update(void *priv, uint64_t iova, uint64_t size, bool to_device);

/* Keep a fault at this IOVA, after adding its number and the nearest mapping, as the device
 * has it. */
uint64_t soft_fault(void *priv, struct dad_soft_fault *fault, uint64_t iova);
uint64_t soft_faults_count(void *priv);
unsigned int soft_faults_copy(void *priv, struct dad_soft_fault faults[], unsigned int max);

#endif /* SOFT_H */
