/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TABLE_H
#define TABLE_H

/* The writing side of dad_dma_table.h. Writers exclude each other by a lock of the caller. */

#include "dad_dma_table.h"

/* An empty table, or NULL. */
struct dad_dma_table *table_create(void);

/* Free it; nobody reads any more. */
void table_free(struct dad_dma_table *table);

/* Make [key, key + len) answer with [address, address + len). All three are multiples of 4 KiB.
 * Returns 0, -ERANGE (a key of 2^48 or more) or -ENOMEM; a failed call may have set a part. */
int table_set(struct dad_dma_table *table, uint64_t key, uint64_t address, uint64_t len);

/* Make [key, key + len) absent; what is absent already stays so. Returns 0 or -ENOMEM (splitting a
 * unit; the range stays present then). */
int table_clear(struct dad_dma_table *table, uint64_t key, uint64_t len);

/* The lowest present key, or DAD_DMA_ABSENT. */
uint64_t table_lowest(const struct dad_dma_table *table);

#endif /* TABLE_H */
