/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "clamp.h"
#include "config.h"
#include "device.h"
#include "dump.h"

/* Buses that carry dmadevs. */
static const char *const buses[] = {
	"vdev",
	"pci",
	"dsa",
	"auxiliary",
	"platform",
	"fslmc",
	"dpaa_bus",
};

/*
 * The name of the driver, and devargs. dmadev does not tell; the device of the same name on some
 * bus does. A device of a part of a PCI function has that function's name and more.
 */
static void
find_driver(struct device *dev)
{
	snprintf(dev->driver, sizeof(dev->driver), "unknown");
	for (size_t i = 0; i < RTE_DIM(buses); i++) {
		struct rte_dev_iterator it;
		struct rte_device *on_bus;
		char devstr[32];

		snprintf(devstr, sizeof(devstr), "bus=%s", buses[i]);
		RTE_DEV_FOREACH(on_bus, devstr, &it)
		{
			const struct rte_driver *driver = rte_dev_driver(on_bus);
			const struct rte_devargs *devargs = rte_dev_devargs(on_bus);
			const char *name = rte_dev_name(on_bus);
			size_t len = strlen(name);

			if (driver == NULL || strncmp(dev->name, name, len) != 0 ||
				isalnum((unsigned char)dev->name[len]))
				continue;
			snprintf(dev->driver, sizeof(dev->driver), "%s", rte_driver_name(driver));
			if (devargs != NULL && devargs->args != NULL)
				snprintf(dev->devargs, sizeof(dev->devargs), "%s", devargs->args);
		}
	}
}

/* A driver that has several engines says in its dump which one it uses: "engine: name". */
static void
find_engine(struct device *dev)
{
	dump_find(dev->id, "engine", dev->engine, sizeof(dev->engine));
	dev->engine[strcspn(dev->engine, " \t,;()")] = '\0';
}

static int
open_one(struct devices *d, int16_t id)
{
	struct device *dev = &d->dev[d->count];
	int ret;

	*dev = (struct device){.id = id};
	ret = rte_dma_info_get(id, &dev->info);
	if (ret != 0) {
		fprintf(stderr, "DMA device %d tells nothing about itself: %s\n", id,
			strerror(-ret));
		return ret;
	}
	snprintf(dev->name, sizeof(dev->name), "%s", dev->info.dev_name);
	dev->info.dev_name = dev->name;
	find_driver(dev);
	find_engine(dev);
	/* a driver may have an address space of its own, and tells by which device to map there */
	dev->dma = dad_dma_dev_lookup(dev->name);
	dev->own_dma = dev->dma == NULL;
	if (dev->own_dma)
		dev->dma = dad_dma_dev_create(dev->name, d->domain, dev->info.numa_node);
	if (dev->dma == NULL) {
		ret = -rte_errno;
	} else {
		if (dev->own_dma)
			ret = dad_dma_set_mask_and_coherent(dev->dma, DAD_DMA_BIT_MASK(64));
		d->count++;
	}
	if (ret != 0)
		fprintf(stderr, "%s: no DMA mapping: %s\n", dev->name, strerror(-ret));
	return ret;
}

int
devices_open(struct devices *d)
{
	/* asking for a bus that this DPDK was built without is no error of the user's */
	uint32_t level = rte_log_get_level(RTE_LOGTYPE_EAL);
	int16_t id;
	int ret = 0;

	memset(d, 0, sizeof(*d));
	d->domain = dad_dma_domain_identity();
	if (d->domain == NULL) {
		ret = -rte_errno;
		fprintf(stderr, "no DMA domain: %s\n", strerror(-ret));
		return ret;
	}
	rte_log_set_level(RTE_LOGTYPE_EAL, RTE_LOG_CRIT);
	RTE_DMA_FOREACH_DEV (id) {
		if (ret != 0 || d->count == DEVICE_MAX)
			break;
		ret = open_one(d, id);
	}
	rte_log_set_level(RTE_LOGTYPE_EAL, level);
	if (ret != 0)
		devices_close(d);
	return ret;
}

void
devices_close(struct devices *d)
{
	while (d->count > 0) {
		struct device *dev = &d->dev[--d->count];

		device_stop(dev);
		if (dev->own_dma)
			dad_dma_dev_destroy(dev->dma);
		rte_dma_close(dev->id);
	}
	dad_dma_domain_put(d->domain);
	d->domain = NULL;
}

static struct device *
find(struct devices *d, const char *name)
{
	for (unsigned int i = 0; i < d->count; i++) {
		if (strcmp(d->dev[i].name, name) == 0)
			return &d->dev[i];
	}
	return NULL;
}

int
devices_select(struct devices *d, const char *list, struct device **selected)
{
	char name[CONFIG_LIST_SIZE];
	int n = 0;

	if (strcmp(list, "all") == 0) {
		for (unsigned int i = 0; i < d->count; i++)
			selected[n++] = &d->dev[i];
		return n;
	}
	while ((list = list_next(list, name, sizeof(name))) != NULL) {
		struct device *dev = find(d, name);

		if (dev == NULL) {
			fprintf(stderr, "no DMA device '%s': there is", name);
			for (unsigned int i = 0; i < d->count; i++)
				fprintf(stderr, "%s %s", i > 0 ? "," : "", d->dev[i].name);
			fprintf(stderr, "%s\n", d->count == 0 ? " none" : "");
			return -EINVAL;
		}
		for (int i = 0; i < n; i++) {
			if (selected[i] == dev) {
				fprintf(stderr, "DMA device '%s' is named twice\n", name);
				return -EINVAL;
			}
		}
		selected[n++] = dev;
	}
	return n;
}

bool
device_can(const struct device *dev, enum op op, enum rte_dma_direction direction)
{
	uint64_t needed = direction_capability(direction) | op_capability(op);

	return (dev->info.dev_capa & needed) == needed;
}

uint16_t
device_segments(const struct device *dev, uint32_t wanted, uint32_t length)
{
	return clamp(RTE_MIN(wanted, length), 1, RTE_MAX(dev->info.max_sges, 1));
}

const char *
device_devarg(const struct device *dev, const char *key, char *buf, size_t size)
{
	const size_t len = strlen(key);
	const char *list = dev->devargs;

	while ((list = list_next(list, buf, size)) != NULL) {
		if (strncmp(buf, key, len) == 0 && buf[len] == '=')
			return memmove(buf, buf + len + 1, strlen(buf + len));
	}
	return NULL;
}

static int
setup_vchan(const struct device *dev, uint16_t vchan, enum rte_dma_direction direction,
	uint16_t nb_desc)
{
	/* which port of the device it is matters to nobody here: the first, of PCIe */
	struct rte_dma_vchan_conf conf = {.direction = direction, .nb_desc = nb_desc};

	if (direction_from_device(direction))
		conf.src_port.port_type = RTE_DMA_PORT_PCIE;
	if (direction_to_device(direction))
		conf.dst_port.port_type = RTE_DMA_PORT_PCIE;
	return rte_dma_vchan_setup(dev->id, vchan, &conf);
}

int
device_configure_directions(struct device *dev, const enum rte_dma_direction *directions,
	uint16_t nb_vchans, uint32_t depth)
{
	const struct rte_dma_conf conf = {.nb_vchans = nb_vchans};
	uint16_t nb_desc;
	int ret;

	if (nb_vchans > dev->info.max_vchans) {
		fprintf(stderr, "%s has %u vchans, and %u are to be used\n", dev->name,
			dev->info.max_vchans, nb_vchans);
		return -EINVAL;
	}
	/* some drivers cannot use the last descriptor of a ring */
	depth = rte_align32pow2(depth + 1);
	nb_desc = clamp(depth, dev->info.min_desc, dev->info.max_desc);

	ret = rte_dma_configure(dev->id, &conf);
	for (uint16_t i = 0; ret == 0 && i < nb_vchans; i++)
		ret = setup_vchan(dev, i,
			directions != NULL ? directions[i] : RTE_DMA_DIR_MEM_TO_MEM, nb_desc);
	if (ret != 0) {
		fprintf(stderr, "%s: not configured with %u vchans of %u descriptors: %s\n",
			dev->name, nb_vchans, nb_desc, strerror(-ret));
		return ret;
	}
	dev->nb_vchans = nb_vchans;
	dev->nb_desc = nb_desc;
	return 0;
}

int
device_configure(struct device *dev, uint16_t nb_vchans, uint32_t depth)
{
	return device_configure_directions(dev, NULL, nb_vchans, depth);
}

int
device_start(struct device *dev)
{
	int ret = rte_dma_start(dev->id);

	if (ret != 0)
		fprintf(stderr, "%s: not started: %s\n", dev->name, strerror(-ret));
	dev->started = ret == 0;
	return ret;
}

int
device_stop(struct device *dev)
{
	int ret;

	if (!dev->started)
		return 0;
	ret = rte_dma_stop(dev->id);
	if (ret != 0)
		fprintf(stderr, "%s: not stopped: %s\n", dev->name, strerror(-ret));
	dev->started = ret != 0;
	return ret;
}

const char *
device_title(const struct device *dev, char *buf, size_t size)
{
	bool engine = dev->engine[0] != '\0';

	snprintf(buf, size, "%s (%s%s%s)", dev->name, dev->driver, engine ? ", " : "", dev->engine);
	return buf;
}

static void
show_capabilities(uint64_t capa)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} names[] = {
		{RTE_DMA_CAPA_MEM_TO_MEM, "mem-to-mem"},
		{RTE_DMA_CAPA_MEM_TO_DEV, "mem-to-dev"},
		{RTE_DMA_CAPA_DEV_TO_MEM, "dev-to-mem"},
		{RTE_DMA_CAPA_DEV_TO_DEV, "dev-to-dev"},
		{RTE_DMA_CAPA_SVA, "sva"},
		{RTE_DMA_CAPA_SILENT, "silent"},
		{RTE_DMA_CAPA_HANDLES_ERRORS, "handles-errors"},
#ifdef RTE_DMA_CAPA_M2D_AUTO_FREE
		{RTE_DMA_CAPA_M2D_AUTO_FREE, "auto-free"},
#endif
#ifdef RTE_DMA_CAPA_PRI_POLICY_SP
		{RTE_DMA_CAPA_PRI_POLICY_SP, "strict-priority"},
#endif
#ifdef RTE_DMA_CAPA_INTER_PROCESS_DOMAIN
		{RTE_DMA_CAPA_INTER_PROCESS_DOMAIN, "inter-process"},
		{RTE_DMA_CAPA_INTER_OS_DOMAIN, "inter-os"},
#endif
		{RTE_DMA_CAPA_OPS_COPY, "copy"},
		{RTE_DMA_CAPA_OPS_COPY_SG, "sg"},
		{RTE_DMA_CAPA_OPS_FILL, "fill"},
#ifdef RTE_DMA_CAPA_OPS_ENQ_DEQ
		{RTE_DMA_CAPA_OPS_ENQ_DEQ, "enq-deq"},
#endif
	};

	printf("  capabilities:");
	for (size_t i = 0; i < RTE_DIM(names); i++) {
		if ((capa & names[i].bit) != 0)
			printf(" %s", names[i].name);
		capa &= ~names[i].bit;
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		if ((capa >> bit & 1) != 0)
			printf(" bit-%u", bit);
	}
	printf("\n");
}

/* What struct rte_dma_info has no field for, of a driver that says it in its dump. */
static void
show_dumped(const struct device *dev, const char *what)
{
	char value[160];

	if (dump_find(dev->id, what, value, sizeof(value)))
		printf("  %s: %s\n", what, value);
}

void
device_show(const struct device *dev)
{
	char title[DEVICE_TITLE];

	printf("device %d: %s%s\n", dev->id, device_title(dev, title, sizeof(title)),
		dev->started ? ", started" : "");
	show_capabilities(dev->info.dev_capa);
	printf("  vchans: up to %u, descriptors: %u to %u, segments: up to %u, NUMA node: %d\n",
		dev->info.max_vchans, dev->info.min_desc, dev->info.max_desc, dev->info.max_sges,
		dev->info.numa_node);
	show_dumped(dev, "operations");
	show_dumped(dev, "kernel");
}

void
device_show_vchans(const struct device *dev)
{
	static const char *const states[] = {
		[RTE_DMA_VCHAN_IDLE] = "idle",
		[RTE_DMA_VCHAN_ACTIVE] = "active",
		[RTE_DMA_VCHAN_HALTED_ERROR] = "halted by an error",
	};

	if (dev->nb_vchans == 0)
		printf("%s: not configured before the first start\n", dev->name);
	for (uint16_t v = 0; v < dev->nb_vchans; v++) {
		enum rte_dma_vchan_status status;
		struct rte_dma_stats stats;
		const char *state = "state not told";

		if (!dev->started)
			state = "stopped";
		else if (rte_dma_vchan_status(dev->id, v, &status) == 0 &&
			(size_t)status < RTE_DIM(states))
			state = states[status];
		printf("%s vchan %u: %u descriptors, %s", dev->name, v, dev->nb_desc, state);
		if (rte_dma_stats_get(dev->id, v, &stats) == 0)
			printf(", the device counts %" PRIu64 " submitted, %" PRIu64
			       " completed, %" PRIu64 " errors",
				stats.submitted, stats.completed, stats.errors);
		printf("\n");
	}
}
