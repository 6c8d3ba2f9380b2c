/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_memory.h>
#include <rte_memzone.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "mp_test.h"

/* A secondary process translates what the primary has, with tables of its own. */

#define TEXT "written by the primary"

/* ---- the child: it returns what it found wrong ---------------------------------------------- */

static int
translate(const char *what)
{
	uint64_t va, iova;
	struct dad_dma_domain_conf conf = {
		.name = "own", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = SOCKET_ID_ANY};
	const struct rte_memzone *mz = rte_memzone_lookup("shared");
	char text[sizeof(TEXT)];

	if (sscanf(what, "%" SCNu64 " %" SCNu64, &va, &iova) != 2)
		return 9;
	if (mz == NULL || mz->addr_64 != va)
		return 2;
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_domain *soft = dad_dma_domain_create(&conf);
	if (domain == NULL || soft == NULL)
		return 3;
	if (dad_dma_virt_to_bus(domain, mz->addr, NULL) != iova ||
		dad_dma_bus_to_virt(domain, iova + 5, NULL) != RTE_PTR_ADD(mz->addr, 5))
		return 4;
	struct dad_dma_domain *domains[] = {domain, soft};
	for (unsigned int i = 0; i < RTE_DIM(domains); i++) {
		struct dad_dma_dev *dev = dad_dma_dev_create("dev", domains[i], SOCKET_ID_ANY);

		if (dev == NULL || dad_dma_set_mask(dev, UINT64_MAX) != 0)
			return 5;
		dad_dma_addr_t a =
			dad_dma_map_single(dev, mz->addr, sizeof(text), DAD_DMA_TO_DEVICE);
		if (dad_dma_mapping_error(dev, a) != 0)
			return 6;
		if (dad_soft_dma_read(dev, a, text, sizeof(text)) != 0 || strcmp(text, TEXT) != 0)
			return 7;
		dad_dma_unmap_single(dev, a, sizeof(text), DAD_DMA_TO_DEVICE);
		if (dad_dma_dev_destroy(dev) != 0)
			return 8;
		dad_dma_domain_put(domains[i]);
	}
	return 0;
}

/* ---- the primary ---------------------------------------------------------------------------- */

static void
a_secondary_translates_as_the_primary_does(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	const struct rte_memzone *mz = rte_memzone_reserve("shared", 3u << 20, SOCKET_ID_ANY, 0);
	char what[64];

	(void)state;
	assert_non_null(mz);
	strcpy(mz->addr, TEXT);
	snprintf(what, sizeof(what), "%" PRIu64 " %" PRIu64, mz->addr_64,
		(uint64_t)dad_dma_virt_to_bus(domain, mz->addr, NULL));
	assert_int_equal(secondary_wait(secondary_start(what)), 0);
	rte_memzone_free(mz);
	dad_dma_domain_put(domain);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secondary_translates_as_the_primary_does),
	};

	return secondary_main(argc, argv, translate, tests, RTE_DIM(tests));
}
