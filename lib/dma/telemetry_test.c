/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "eal_test.h"
#include "telemetry_client.h"

/* Telemetry as a client sees it. */

static char *memory;

static void
numbers_and_names_are_told(void **state)
{
	struct dad_dma_domain_conf conf = {
		.name = "told", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};
	int fd = telemetry_connect();
	char byte;

	(void)state;
	if (fd < 0) {
		dad_dma_domain_put(domain);
		skip(); /* another process may have the socket */
	}
	assert_int_equal(dad_dma_bounce_create(domain, &bounce), 0);
	struct dad_dma_dev *dev = dad_dma_dev_create("teller", domain, SOCKET_ID_ANY);
	dad_dma_addr_t a = dad_dma_map_single(dev, &byte, 1, DAD_DMA_TO_DEVICE);
	dad_dma_addr_t b = dad_dma_map_single_attrs(
		dev, memory, 5000, DAD_DMA_TO_DEVICE, DAD_DMA_ATTR_FORCE_BOUNCE);
	dad_dma_map_single(dev, memory, 0, DAD_DMA_TO_DEVICE);
	dad_soft_dma_write(dev, a, &byte, 1);

	telemetry_assert_says(fd, "/dad/dma/domains", "\"told\"");
	telemetry_assert_says(fd, "/dad/dma/devices", "\"teller\"");
	telemetry_assert_says(fd, "/dad/dma/domain,told", "\"strict_maps\":1");
	telemetry_assert_says(fd, "/dad/dma/domain,told", "\"faults\":1");
	telemetry_assert_says(fd, "/dad/dma/domain,told", "\"arena_bytes\":");
	telemetry_assert_says(fd, "/dad/dma/domain,told", "direct window strict bounce");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"strict\":1");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"bounce\":1");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"alive\":2");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"copied_in\":5000");
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"error_invalid\":1");
	telemetry_assert_says(fd, "/dad/dma/bounce,told", "\"slots\":512");
	telemetry_assert_says(fd, "/dad/dma/faults,told", "1: teller: write of 1 at");
	telemetry_assert_says(fd, "/dad/dma/mappings,told", "bounce: 1048576 at");
	telemetry_assert_says(fd, "/dad/dma/mappings,told", "strict: 4096 at");
	telemetry_assert_says(fd, "/dad/dma/domain,nobody", "null");
	telemetry_assert_says(fd, "/dad/dma/device", "null");
	dad_dma_unmap_single(dev, a, 1, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dev, b, 5000, DAD_DMA_TO_DEVICE);
	telemetry_assert_says(fd, "/dad/dma/device,teller", "\"alive\":0");
	close(fd);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	dad_dma_domain_put(domain);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_and_names_are_told)};
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	memory = rte_malloc(NULL, 2 * 4096, 4096);
	if (memory == NULL)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_free(memory);
	rte_eal_cleanup();
	return ret;
}
