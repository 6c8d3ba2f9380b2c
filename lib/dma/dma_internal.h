/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_INTERNAL_H
#define DMA_INTERNAL_H

/* What the parts of lib/dma know of each other. */

#include <inttypes.h>
#include <pthread.h>
#include <sys/queue.h>

#include <rte_log.h>
#include <rte_spinlock.h>

#include "dad_dma.h"
#include "table.h"

extern int dma_logtype;
#define DMA_LOG(level, fmt, ...)                                                                   \
	rte_log(RTE_LOG_##level, dma_logtype, "dad_dma: " fmt "\n", ##__VA_ARGS__)

struct arena;

struct dad_dma_domain {
	struct dad_dma_table *forward; /* virtual → IOVA */
	struct dad_dma_table *reverse; /* IOVA → virtual */
	rte_spinlock_t table_lock;     /* writers of the two; taken inside EAL's memory lock */
	pthread_mutex_t arena_lock;    /* taken outside of EAL's memory lock */
	TAILQ_HEAD(, arena) arenas;
	unsigned int references;
};

struct dad_dma_dev {
	char name[64];
	struct dad_dma_domain *domain;
	int socket_id;
	uint64_t mask;
	uint64_t coherent_mask;
	struct dad_dma_dev_stats stats; /* read and written with relaxed atomics */
};

/* dad_dma_domain_put() for somebody who has no pointer to give: one more reference. */
void domain_ref(struct dad_dma_domain *domain);

/* The table's answer, or EAL's for external memory it did not announce. */
uint64_t domain_virt_to_bus(const struct dad_dma_domain *domain, uint64_t va, uint64_t *contig);

/* Frees all arenas: the domain goes away, and all its devices went before. */
void coherent_release(struct dad_dma_domain *domain);

#endif /* DMA_INTERNAL_H */
