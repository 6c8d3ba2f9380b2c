/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_string_fns.h>

#include "soft.h"
#include "telemetry.h"

/* What /dad/dma/... answers. A domain is named by its name, a device by its own; where several have
 * the same name, the first is meant. */

#define TEXT 96

void
telemetry_add_address(struct rte_tel_data *d, const char *name, uint64_t address)
{
	char text[TEXT];

	snprintf(text, sizeof(text), "%#" PRIx64, address);
	rte_tel_data_add_dict_string(d, name, text);
}

static void
add_rungs(struct rte_tel_data *d, unsigned int rungs)
{
	static const char *const names[] = {
		[DAD_DMA_RUNG_DIRECT] = "direct ",
		[DAD_DMA_RUNG_WINDOW] = "window ",
		[DAD_DMA_RUNG_STRICT] = "strict ",
		[DAD_DMA_RUNG_BOUNCE] = "bounce ",
	};
	char text[TEXT] = "";

	for (unsigned int r = DAD_DMA_RUNG_DIRECT; r <= DAD_DMA_RUNG_BOUNCE; r++)
		if (rungs & DAD_DMA_RUNG_BIT(r))
			rte_strlcat(text, names[r], sizeof(text));
	if (text[0] != '\0')
		text[strlen(text) - 1] = '\0';
	rte_tel_data_add_dict_string(d, "rungs", text);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static void
name_domain(struct dad_dma_domain *domain, void *arg)
{
	rte_tel_data_add_array_string(arg, domain->name);
}

static int
list_domains(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	(void)params;
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	domain_walk(name_domain, d);
	return 0;
}

static void
name_devices(struct dad_dma_domain *domain, void *arg)
{
	const struct dma_dev *dev;

	pthread_mutex_lock(&domain->lock);
	TAILQ_FOREACH (dev, &domain->devs, next)
		rte_tel_data_add_array_string(arg, dev->name);
	pthread_mutex_unlock(&domain->lock);
}

static int
list_devices(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	(void)params;
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	domain_walk(name_devices, d);
	return 0;
}

/* ---- one of them ----------------------------------------------------------------------------- */

/* What a command is about, and where its answer goes. */
struct question {
	const char *name;
	struct rte_tel_data *d;
	void (*domain)(struct dad_dma_domain *domain, struct rte_tel_data *d); /* or */
	void (*device)(const struct dma_dev *dev, struct rte_tel_data *d);
	bool found;
};

static void
ask_domain(struct dad_dma_domain *domain, void *arg)
{
	struct question *q = arg;

	if (q->found || strcmp(domain->name, q->name) != 0)
		return;
	q->found = true;
	q->domain(domain, q->d);
}

int
telemetry_about_domain(const char *params, struct rte_tel_data *d,
	void (*answer)(struct dad_dma_domain *, struct rte_tel_data *))
{
	struct question q = {.name = params, .d = d, .domain = answer};

	if (params == NULL || params[0] == '\0')
		return -EINVAL;
	domain_walk(ask_domain, &q);
	return q.found ? 0 : -ENOENT;
}

static void
ask_devices(struct dad_dma_domain *domain, void *arg)
{
	struct question *q = arg;
	const struct dma_dev *dev;

	pthread_mutex_lock(&domain->lock);
	TAILQ_FOREACH (dev, &domain->devs, next)
		if (!q->found && strcmp(dev->name, q->name) == 0) {
			q->found = true;
			q->device(dev, q->d);
		}
	pthread_mutex_unlock(&domain->lock);
}

int
telemetry_about_device(const char *params, struct rte_tel_data *d,
	void (*answer)(const struct dma_dev *, struct rte_tel_data *))
{
	struct question q = {.name = params, .d = d, .device = answer};

	if (params == NULL || params[0] == '\0')
		return -EINVAL;
	domain_walk(ask_devices, &q);
	return q.found ? 0 : -ENOENT;
}

static void
describe_domain(struct dad_dma_domain *domain, struct rte_tel_data *d)
{
	static const char *const types[] = {"identity", "soft", "custom"};
	struct dad_dma_domain_info i;
	struct dad_dma_coherent_info c;

	dad_dma_domain_info(domain, &i);
	dad_dma_coherent_info(domain, &c);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "type", types[i.type]);
	add_rungs(d, i.rungs);
	rte_tel_data_add_dict_int(d, "lazy", (i.flags & DAD_DMA_DOMAIN_LAZY) != 0);
	rte_tel_data_add_dict_int(d, "noncoherent", (i.flags & DAD_DMA_DOMAIN_NONCOHERENT) != 0);
	rte_tel_data_add_dict_int(d, "granule", 1 << i.granule_shift);
	telemetry_add_address(d, "iova_first", i.iova_first);
	telemetry_add_address(d, "iova_last", i.iova_last);
	rte_tel_data_add_dict_uint(d, "registers_used", i.registers_used);
	rte_tel_data_add_dict_uint(d, "registers_high", i.registers_high);
	rte_tel_data_add_dict_uint(d, "registers_max", i.registers_max);
	rte_tel_data_add_dict_uint(d, "window_bytes", i.window_bytes);
	rte_tel_data_add_dict_uint(d, "strict_maps", i.strict_maps);
	rte_tel_data_add_dict_uint(d, "waiting", i.waiting);
	rte_tel_data_add_dict_uint(d, "flushes", i.flushes);
	rte_tel_data_add_dict_uint(d, "regions", i.regions);
	rte_tel_data_add_dict_uint(d, "devices", i.devices);
	rte_tel_data_add_dict_uint(d, "lost", i.lost);
	rte_tel_data_add_dict_uint(d, "faults", i.faults);
	rte_tel_data_add_dict_uint(d, "arenas", c.arenas);
	rte_tel_data_add_dict_uint(d, "arena_memzones", c.memzones);
	rte_tel_data_add_dict_uint(d, "arena_bytes", c.bytes);
	rte_tel_data_add_dict_uint(d, "arena_free_bytes", c.free_bytes);
}

static int
show_domain(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return telemetry_about_domain(params, d, describe_domain);
}

/* A line of its own: both would not fit in one. */
static void
add_nearest(struct rte_tel_data *d, const struct dad_soft_fault *f)
{
	char text[RTE_TEL_MAX_STRING_LEN];

	if (f->nearest.size == 0)
		snprintf(text, sizeof(text), "%" PRIu64 ": nothing is mapped", f->number);
	else
		snprintf(text, sizeof(text),
			"%" PRIu64 ": nearest: %" PRIu64 " at %#" PRIx64 "%s%s", f->number,
			f->nearest.size, f->nearest.addr,
			f->nearest.access & DAD_SOFT_READ ? ", readable" : "",
			f->nearest.access & DAD_SOFT_WRITE ? ", writable" : "");
	rte_tel_data_add_array_string(d, text);
}

static void
describe_faults(struct dad_dma_domain *domain, struct rte_tel_data *d)
{
	struct dad_soft_fault faults[8];
	unsigned int n = dad_soft_faults(domain, faults, RTE_DIM(faults));

	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (unsigned int i = 0; i < n; i++) {
		const struct dad_soft_fault *f = &faults[i];
		char text[RTE_TEL_MAX_STRING_LEN];

		snprintf(text, sizeof(text),
			"%" PRIu64 ": %s: %s of %" PRIu64 " at %#" PRIx64 ": %s", f->number,
			f->device, f->access == DAD_SOFT_READ ? "read" : "write", f->size, f->addr,
			strerror(-f->error));
		rte_tel_data_add_array_string(d, text);
		add_nearest(d, f);
	}
}

static int
show_faults(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return telemetry_about_domain(params, d, describe_faults);
}

/* ---- devices
 * --------------------------------------------------------------------------------------- */

static void
add_limits(struct rte_tel_data *d, const struct dad_dma_limits *l)
{
	char offset[32];

	rte_tel_data_add_dict_uint(d, "max_seg_size", l->max_seg_size);
	telemetry_add_address(d, "seg_boundary", l->seg_boundary);
	rte_tel_data_add_dict_uint(d, "alignment", l->alignment);
	telemetry_add_address(d, "min_align_mask", l->min_align_mask);
	telemetry_add_address(d, "excl_low", l->excl_low);
	telemetry_add_address(d, "excl_high", l->excl_high);
	/* an integer there has 32 bits */
	snprintf(offset, sizeof(offset), "%s%#" PRIx64, l->bus_offset < 0 ? "-" : "",
		l->bus_offset < 0 ? -(uint64_t)l->bus_offset : (uint64_t)l->bus_offset);
	rte_tel_data_add_dict_string(d, "bus_offset", offset);
}

static void
describe_device(const struct dma_dev *dev, struct rte_tel_data *d)
{
	struct dad_dma_dev_stats s;

	dad_dma_dev_stats(&dev->pub, &s);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "domain", dev->domain->name);
	telemetry_add_address(d, "mask", dev->pub.mask);
	telemetry_add_address(d, "coherent_mask", dev->coherent_mask);
	add_rungs(d, dev->rungs);
	add_limits(d, &dev->limits);
	rte_tel_data_add_dict_int(d, "direct_is_counted", dev->count_direct);
	rte_tel_data_add_dict_uint(d, "coherent_bytes", s.coherent_bytes);
	rte_tel_data_add_dict_uint(d, "direct", s.direct);
	rte_tel_data_add_dict_uint(d, "window", s.window);
	rte_tel_data_add_dict_uint(d, "strict", s.strict);
	rte_tel_data_add_dict_uint(d, "bounce", s.bounce);
	rte_tel_data_add_dict_uint(d, "unmapped", s.unmapped);
	rte_tel_data_add_dict_uint(d, "alive", dev_live(dev));
	rte_tel_data_add_dict_uint(d, "copied_in", s.copied_in);
	rte_tel_data_add_dict_uint(d, "copied_out", s.copied_out);
	rte_tel_data_add_dict_uint(d, "error_invalid", s.map_error_invalid);
	rte_tel_data_add_dict_uint(d, "error_unknown", s.map_error_unknown);
	rte_tel_data_add_dict_uint(d, "error_contiguity", s.map_error_contiguity);
	rte_tel_data_add_dict_uint(d, "error_mask", s.map_error_mask);
	rte_tel_data_add_dict_uint(d, "error_space", s.map_error_space);
	rte_tel_data_add_dict_uint(d, "error_memory", s.map_error_memory);
	rte_tel_data_add_dict_uint(d, "error_backend", s.map_error_backend);
}

static int
show_device(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	return telemetry_about_device(params, d, describe_device);
}

void
telemetry_register(void)
{
	static const struct {
		const char *cmd;
		telemetry_cb fn;
		const char *help;
	} commands[] = {
		{"/dad/dma/domains", list_domains, "Names of the domains. No parameters"},
		{"/dad/dma/devices", list_devices, "Names of the devices. No parameters"},
		{"/dad/dma/pools", telemetry_pools, "Names of pools of objects. No parameters"},
		{"/dad/dma/domain", show_domain, "A domain's counters. Parameter: its name"},
		{"/dad/dma/device", show_device,
			"A device's limits and counters. Parameter: its name"},
		{"/dad/dma/pool", telemetry_pool, "A pool's counters. Parameter: its name"},
		{"/dad/dma/bounce", telemetry_bounce,
			"A domain's pool of slots. Parameter: its name"},
		{"/dad/dma/device_bounce", telemetry_device_bounce,
			"The pool of slots that a device uses. Parameter: its name"},
		{"/dad/dma/arenas", telemetry_arenas,
			"A domain's coherent memory, the newest first. Parameter: its name"},
		{"/dad/dma/faults", show_faults, "A domain's last faults. Parameter: its name"},
		{"/dad/dma/mappings", telemetry_mappings,
			"A domain's largest mappings. Parameter: its name"},
	};

	for (unsigned int i = 0; i < RTE_DIM(commands); i++)
		rte_telemetry_register_cmd(commands[i].cmd, commands[i].fn, commands[i].help);
}
