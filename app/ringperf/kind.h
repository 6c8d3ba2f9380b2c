/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_KIND_H
#define RINGPERF_KIND_H

/**
 * @file
 * The kinds of ring that can be measured.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

#define KIND_ESIZES    4
#define KIND_ESIZE_MAX 64
#define KIND_BULK_MAX  1024
#define KIND_MAX       16 /**< kinds */

/** Sizes of elements that there are loops for. */
extern const uint32_t kind_esizes[KIND_ESIZES];

/** For one size of element. */
struct loops {
	void (*produce)(struct worker *w);
	void (*consume)(struct worker *w);
	void (*ping)(struct worker *w);
	void (*pong)(struct worker *w);
};

struct kind {
	const char *name; /**< as in --rings */
	const char *what;
	const char *missing; /**< why it cannot be measured here, or NULL */
	bool one_by_one;     /**< one producer and one consumer only */
	bool sleeps;	     /**< its threads do, when they have to wait */

	/** An empty ring. @return NULL with rte_errno */
	void *(*create)(const char *name, uint32_t esize, uint32_t count, int socket_id);
	void (*free)(void *ring);
	const struct loops *loops; /**< in the order of kind_esizes[] */
};

/** All of them; the last is NULL. */
extern const struct kind *const kinds[];

extern const struct kind kind_dad, kind_dad_zc, kind_dad_spsc;
extern const struct kind kind_rte_mpmc, kind_rte_rts, kind_rte_hts, kind_rte_spsc;
extern const struct kind kind_soring;
extern const struct kind kind_mutex;

/** @return its index in kinds[], or -1 */
int kind_by_name(const char *name);

/** @return the index of a size in kind_esizes[], or -1 */
int kind_esize_index(uint32_t esize);

#endif /* RINGPERF_KIND_H */
