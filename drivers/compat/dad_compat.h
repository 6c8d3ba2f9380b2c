/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_COMPAT_H
#define DAD_COMPAT_H

/*
 * DPDK's driver-side headers, and the only place that knows DPDK versions apart.
 * Features are told by their macros where there is one: backports stay right.
 */

#include <stdbool.h>

#include <rte_version.h>

#include <dev_driver.h>
#include <bus_vdev_driver.h>
#include <rte_dmadev_pmd.h>

/* The macro that names the devargs moved from rte_dev.h to dev_driver.h in 25.07. */
#ifndef RTE_PMD_REGISTER_PARAM_STRING
#include <rte_dev.h>
#endif

/* Silent mode is a bool of struct rte_dma_conf up to 25.07, and one of its flags from then on. */
static inline bool
dad_conf_is_silent(const struct rte_dma_conf *conf)
{
#ifdef RTE_DMA_CFG_FLAG_SILENT
	return conf->flags & RTE_DMA_CFG_FLAG_SILENT;
#else
	return conf->enable_silent;
#endif
}

static inline void
dad_conf_set_silent(struct rte_dma_conf *conf)
{
#ifdef RTE_DMA_CFG_FLAG_SILENT
	conf->flags |= RTE_DMA_CFG_FLAG_SILENT;
#else
	conf->enable_silent = true;
#endif
}

/* From 25.11 on: operations are structs of the application's, enqueued and dequeued. */
#ifdef RTE_DMA_CAPA_OPS_ENQ_DEQ
#define DAD_HAVE_OPS	     1
#define DAD_CAPA_OPS_ENQ_DEQ RTE_DMA_CAPA_OPS_ENQ_DEQ
#else
#define DAD_HAVE_OPS	     0
#define DAD_CAPA_OPS_ENQ_DEQ 0
#endif

static inline bool
dad_conf_wants_ops(const struct rte_dma_conf *conf)
{
#if DAD_HAVE_OPS
	return conf->flags & RTE_DMA_CFG_FLAG_ENQ_DEQ;
#else
	(void)conf;
	return false;
#endif
}

/* From 24.11 on devices have priorities. */
#ifdef RTE_DMA_CAPA_PRI_POLICY_SP
#define DAD_HAVE_PRIORITIES 1
#else
#define DAD_HAVE_PRIORITIES 0
#endif

static inline uint16_t
dad_conf_priority(const struct rte_dma_conf *conf)
{
#if DAD_HAVE_PRIORITIES
	return conf->priority;
#else
	(void)conf;
	return 0;
#endif
}

static inline void
dad_conf_set_priority(struct rte_dma_conf *conf, uint16_t priority)
{
#if DAD_HAVE_PRIORITIES
	conf->priority = priority;
#else
	(void)conf;
	(void)priority;
#endif
}

/* The device has so many, of which a higher one goes before all lower ones. */
static inline void
dad_info_set_priorities(struct rte_dma_info *info, uint16_t n)
{
#if DAD_HAVE_PRIORITIES
	info->dev_capa |= RTE_DMA_CAPA_PRI_POLICY_SP;
	info->nb_priorities = n;
#else
	(void)info;
	(void)n;
#endif
}

/* From 23.11 on a device may free what was copied to it. */
#ifdef RTE_DMA_CAPA_M2D_AUTO_FREE
#define DAD_HAVE_AUTO_FREE     1
#define DAD_CAPA_M2D_AUTO_FREE RTE_DMA_CAPA_M2D_AUTO_FREE
#define DAD_FLAG_AUTO_FREE     RTE_DMA_OP_FLAG_AUTO_FREE
#else
#define DAD_HAVE_AUTO_FREE     0
#define DAD_CAPA_M2D_AUTO_FREE 0
#define DAD_FLAG_AUTO_FREE     0
#endif

struct rte_mempool;

/* Where to; NULL: nowhere. */
static inline struct rte_mempool *
dad_conf_auto_free(const struct rte_dma_vchan_conf *conf)
{
#if DAD_HAVE_AUTO_FREE
	return conf->auto_free.m2d.pool;
#else
	(void)conf;
	return NULL;
#endif
}

/*
 * What dpdk-pmdinfo.py looks for in a binary. In the DPDK tree a tool generates it from the
 * registration macros; that tool is not installed anywhere. ids: "", or a list of [vendor, device,
 * subsystem vendor, subsystem device], 65535 for any.
 */
#define DAD_PMD_INFO(name, params, ids)                                                            \
	__attribute__((used)) static const char name##_pmd_info[] =                                \
		"PMD_INFO_STRING= {\"name\": \"" RTE_STR(name) "\", \"params\": \"" params "\", "  \
							       "\"pci_ids\": [" ids "]}"

#endif /* DAD_COMPAT_H */
