/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "buffers.h"
#include "clamp.h"
#include "dump.h"
#include "numa_show.h"

/* Enough to see where buffers go, and little enough to be made for a look. */
#define SAMPLE_BYTES (8u << 20)
#define NODES_MAX    64

static void
print_asked(const char *what, int node)
{
	if (node == SOCKET_ID_ANY)
		printf("  %s: no node asked for", what);
	else
		printf("  %s: node %d asked for", what, node);
}

/* The kernel is asked page by page. */
static void
print_found(const struct buffer *buf, uint32_t n)
{
	uint32_t on[NODES_MAX] = {0}, elsewhere = 0;

	for (uint32_t i = 0; i < n; i++) {
		int node = dad_dma_node_of(buf[i].va);

		if (node >= 0 && node < NODES_MAX)
			on[node]++;
		else
			elsewhere++;
	}
	printf(", found on");
	for (unsigned int node = 0; node < NODES_MAX; node++)
		if (on[node] == n)
			printf(" node %u", node);
		else if (on[node] > 0)
			printf(" node %u (%u of %u)", node, on[node], n);
	if (elsewhere > 0)
		printf(" an unknown node (%u of %u)", elsewhere, n);
	printf("\n");
}

static int
show_buffers(const struct device *dev, const struct config *c)
{
	uint32_t n = clamp(
		c->qdepth, 1, clamp(SAMPLE_BYTES / clamp(c->size, 1, SAMPLE_BYTES), 1, c->qdepth));
	struct buffers *b =
		buffers_create(NULL, n, c->size, DAD_DMA_BIDIRECTIONAL, true, dev->info.numa_node);

	if (b == NULL) {
		int error = rte_errno;

		fprintf(stderr, "%s: no %u buffers of %u bytes: %s\n", dev->name, n, c->size,
			rte_strerror(error));
		return -error;
	}
	print_asked("buffers", dev->info.numa_node);
	print_found(buffers_array(b), n);
	buffers_free(b);
	return 0;
}

static void
show_rings(const struct device *dev)
{
	char nodes[128];

	if (!dump_find(dev->id, "rings on nodes", nodes, sizeof(nodes))) {
		printf("  descriptor rings: not told by the driver\n");
		return;
	}
	print_asked("descriptor rings", dev->info.numa_node);
	if (nodes[0] == '-')
		printf(", not set up before the first start\n");
	else
		printf(", found on %s %s\n", strchr(nodes, ' ') != NULL ? "nodes" : "node", nodes);
}

static int
node_of_cpu(int cpu)
{
	return numa_available() >= 0 ? numa_node_of_cpu(cpu) : 0;
}

/* "CPUs: 1 2 (shared)" in the dump. */
static void
show_workers(const struct device *dev)
{
	char cpus[512];
	unsigned int n = 0;

	if (!dump_find(dev->id, "CPUs", cpus, sizeof(cpus))) {
		printf("  workers: none of its own\n");
		return;
	}
	printf("  workers:");
	for (char *at = cpus; *at != '\0';) {
		char *end;
		long cpu = strtol(at, &end, 10);

		if (end == at) {
			at++;
			continue;
		}
		at = end;
		printf("%s CPU %ld on node %d", n++ > 0 ? "," : "", cpu, node_of_cpu((int)cpu));
	}
	printf("%s\n", n == 0 ? " not running before start" : "");
}

static void
show_lcores(void)
{
	unsigned int lcore, n = 0;

	printf("lcores:");
	RTE_LCORE_FOREACH (lcore)
		printf("%s %u on node %u", n++ > 0 ? "," : "", lcore,
			rte_lcore_to_socket_id(lcore));
	printf("\n");
}

int
numa_show(const struct devices *devices, const struct config *c)
{
	int ret = 0;

	show_lcores();
	for (unsigned int i = 0; i < devices->count && ret == 0; i++) {
		const struct device *dev = &devices->dev[i];
		char title[DEVICE_TITLE];

		printf("%s: ", device_title(dev, title, sizeof(title)));
		if (dev->info.numa_node == SOCKET_ID_ANY)
			printf("on no node\n");
		else
			printf("on node %d\n", dev->info.numa_node);
		show_rings(dev);
		ret = show_buffers(dev, c);
		show_workers(dev);
	}
	return ret;
}
