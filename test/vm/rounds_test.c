/* SPDX-License-Identifier: BSD-3-Clause */

/* Coming and going a thousand times: of address spaces, and of the device with its drivers, the
 * kernel's and ours. After each round all is as it was before the first. */

#include "dad_dma_vfio.h"
#include "guest_device.h"
#include "raw_vfio.h"

#define ROUNDS 1000u

/* ---- what there is of everything ----------------------------------------------------------- */

struct usage {
	unsigned long files, allocations, hugepages;
	unsigned long pinned; /* KiB, by mappings of vfio: of all containers, those gone included */
};

/* The number after a key in a file of the kernel. */
static unsigned long
number_in(const char *path, const char *key)
{
	char line[128];
	unsigned long n = 0;
	bool found = false;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			found = sscanf(line + strlen(key), "%lu", &n) == 1;
	fclose(f);
	assert_true(found);
	return n;
}

static struct usage
usage(void)
{
	struct rte_malloc_socket_stats stats;
	struct usage u = {
		.files = open_files(),
		.hugepages =
			number_in("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", ""),
		.pinned = number_in("/proc/self/status", "VmLck:"),
	};

	for (int node = 0; node < 2; node++) {
		assert_int_equal(rte_malloc_get_socket_stats(node, &stats), 0);
		u.allocations += stats.alloc_count;
	}
	return u;
}

static void
assert_same(const struct usage *before)
{
	struct usage now = usage();

	assert_int_equal(now.files, before->files);
	assert_int_equal(now.allocations, before->allocations);
	assert_int_equal(now.hugepages, before->hugepages);
	assert_int_equal(now.pinned, before->pinned);
}

/* All ways to be served, in turn. */
static const struct way {
	const char *args;
	unsigned int rung, flags;
} ways[] = {
	{"map=window", DAD_DMA_RUNG_WINDOW, 0},
	{"map=strict", DAD_DMA_RUNG_STRICT, 0},
	{"map=lazy", DAD_DMA_RUNG_STRICT, DAD_DMA_DOMAIN_LAZY},
	{"map=bounce", DAD_DMA_RUNG_BOUNCE, 0},
};

static void *memory;

/* A thousand rounds after one of each way, which may leave something for the next. */
static void
go_round(void (*round)(const struct way *way))
{
	for (unsigned int i = 0; i < RTE_DIM(ways); i++)
		round(&ways[i]);
	struct usage before = usage();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		round(&ways[i % RTE_DIM(ways)]);
		assert_same(&before);
	}
}

static dad_dma_addr_t
map(struct dad_dma_dev *dev)
{
	dad_dma_addr_t addr = dad_dma_map_single(dev, memory, 64, DAD_DMA_TO_DEVICE);

	assert_int_equal(dad_dma_mapping_error(dev, addr), 0);
	return addr;
}

/* Two mappings are made, one is undone, and the other, and counted in the container's entries by
 * the kernel: a window takes them at the first mapping and stays; strict ones have one each. */
static void
map_and_unmap(struct dad_dma_dev *dev, const struct way *way, int container)
{
	const unsigned int each = way->rung == DAD_DMA_RUNG_STRICT;
	const uint32_t none = entries_left(container);
	dad_dma_addr_t first = map(dev);
	const uint32_t left = entries_left(container);
	dad_dma_addr_t second = map(dev);

	assert_int_equal(left - entries_left(container), each);
	dad_dma_unmap_single(dev, second, 64, DAD_DMA_TO_DEVICE);
	dad_dma_domain_flush(dad_dma_dev_domain(dev));
	assert_int_equal(entries_left(container), left);
	dad_dma_unmap_single(dev, first, 64, DAD_DMA_TO_DEVICE);
	dad_dma_domain_flush(dad_dma_dev_domain(dev));
	assert_int_equal(entries_left(container), each ? none : left);
}

/* ---- address spaces ------------------------------------------------------------------------ */

/* A container, with a domain in it, with a device attached to that; and all back. The container
 * outlives the domain, to be asked what that has left in it. */
static void
attach_and_detach(const struct way *way)
{
	static struct dad_dma_domain_ops ops;
	struct dad_dma_domain_conf conf = {
		.name = "round",
		.type = DAD_DMA_DOMAIN_CUSTOM,
		.ops = &ops,
		.rungs = DAD_DMA_RUNG_BIT(way->rung),
		.flags = way->flags,
		.socket_id = SOCKET_ID_ANY,
	};
	const struct dad_dma_bounce_conf bounce = {.size = 64u << 10, .limit = UINT32_MAX};
	struct dad_dma_vfio_info info;

	ops = *dad_dma_vfio_ops();
	ops.close = NULL;
	struct dad_dma_vfio *vfio = conf.priv = dad_dma_vfio_open(edu_name());
	assert_non_null(vfio);
	const int container = container_fd();
	const uint32_t all = entries_left(container);
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);
	assert_non_null(domain);
	if (way->rung == DAD_DMA_RUNG_BOUNCE)
		assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	struct dad_dma_dev *dev = dad_dma_dev_create("round", domain, SOCKET_ID_ANY);
	assert_non_null(dev);
	map_and_unmap(dev, way, container);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
	assert_int_equal(entries_left(container), all);
	assert_int_equal(dad_dma_vfio_info(vfio, &info), 0);
	assert_int_equal(info.maps, 0);
	assert_int_equal(info.bytes, 0);
	dad_dma_vfio_close(vfio);
}

static void
test_a_thousand_address_spaces_leak_nothing(void **state)
{
	(void)state;
	go_round(attach_and_detach);
}

/* ---- drivers ------------------------------------------------------------------------------- */

/* The kernel's driver, then ours: container and group, registers, mappings, the dmadev. */
static void
bind_and_unbind(const struct way *way)
{
	static uint32_t left[RTE_DIM(ways)];
	uint32_t *first = &left[way - ways];

	unbind();
	bind();
	int16_t id = plug(way->args);
	const int container = container_fd();
	map_and_unmap(queue_of(id)->dma, way, container);
	if (*first == 0)
		*first = entries_left(container);
	assert_int_equal(entries_left(container), *first);
	assert_int_equal(domain_of(id).lost, 0);
	assert_int_equal(unplug(id), 0);
}

static void
test_binding_a_thousand_times_leaks_nothing(void **state)
{
	(void)state;
	go_round(bind_and_unbind);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thousand_address_spaces_leak_nothing),
		cmocka_unit_test(test_binding_a_thousand_times_leaks_nothing),
	};

	(void)argc;
	int ret = guest_init(argv[0], "64");
	if (ret != 0)
		return ret;
	/* EAL reports each probe and removal */
	rte_log_set_level_pattern("lib.eal", RTE_LOG_WARNING);
	memory = rte_malloc(NULL, 64, 0);
	return memory == NULL ? 1 : guest_run(tests);
}
