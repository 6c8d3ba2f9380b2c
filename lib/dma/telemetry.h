/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TELEMETRY_H
#define TELEMETRY_H

/* What the parts of telemetry know of each other. */

#include <rte_telemetry.h>

#include "dma_internal.h"

/* ---- telemetry.c */

void telemetry_add_address(struct rte_tel_data *d, const char *name, uint64_t address);
/* Answers for the first domain of that name, which does not go meanwhile. 0 or -errno. */
int telemetry_about_domain(const char *params, struct rte_tel_data *d,
	void (*answer)(struct dad_dma_domain *, struct rte_tel_data *));
/* The same for a device, under its domain's lock. */
int telemetry_about_device(const char *params, struct rte_tel_data *d,
	void (*answer)(const struct dma_dev *, struct rte_tel_data *));

/* ---- telemetry_memory.c: commands */

int telemetry_bounce(const char *cmd, const char *params, struct rte_tel_data *d);
int telemetry_device_bounce(const char *cmd, const char *params, struct rte_tel_data *d);
int telemetry_arenas(const char *cmd, const char *params, struct rte_tel_data *d);
int telemetry_mappings(const char *cmd, const char *params, struct rte_tel_data *d);
int telemetry_pools(const char *cmd, const char *params, struct rte_tel_data *d);
int telemetry_pool(const char *cmd, const char *params, struct rte_tel_data *d);

#endif /* TELEMETRY_H */
