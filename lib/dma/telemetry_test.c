/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "eal_test.h"

/* Telemetry as a client sees it. */

static char *memory;

/* Programs with the same prefix number their sockets; the greeting tells whose it is. */
static int
try_socket(unsigned int number)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 5};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	char greeting[2048] = "", mine[32], suffix[16] = "";

	if (number > 0)
		snprintf(suffix, sizeof(suffix), ":%u", number);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk_telemetry.v2%s",
		rte_eal_get_runtime_dir(), suffix);
	snprintf(mine, sizeof(mine), "\"pid\":%d,", getpid());
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		read(fd, greeting, sizeof(greeting) - 1) <= 0 || strstr(greeting, mine) == NULL) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
connected(void)
{
	int fd = -1;

	for (unsigned int number = 0; number < 10 && fd < 0; number++)
		fd = try_socket(number);
	return fd;
}

static const char *
ask(int fd, const char *command)
{
	static char answer[64u << 10];

	assert_int_equal(write(fd, command, strlen(command)), strlen(command));
	ssize_t n = read(fd, answer, sizeof(answer) - 1);
	assert_true(n > 0);
	answer[n] = '\0';
	return answer;
}

static void
assert_says(int fd, const char *command, const char *what)
{
	const char *answer = ask(fd, command);

	if (strstr(answer, what) == NULL)
		fail_msg("%s: %s: no %s", command, answer, what);
}

static void
numbers_and_names_are_told(void **state)
{
	struct dad_dma_domain_conf conf = {
		.name = "told", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = SOCKET_ID_ANY};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);
	struct dad_dma_bounce_conf bounce = {.size = 1u << 20};
	int fd = connected();
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

	assert_says(fd, "/dad/dma/domains", "\"told\"");
	assert_says(fd, "/dad/dma/devices", "\"teller\"");
	assert_says(fd, "/dad/dma/domain,told", "\"strict_maps\":1");
	assert_says(fd, "/dad/dma/domain,told", "\"faults\":1");
	assert_says(fd, "/dad/dma/domain,told", "\"arena_bytes\":");
	assert_says(fd, "/dad/dma/domain,told", "direct window strict bounce");
	assert_says(fd, "/dad/dma/device,teller", "\"strict\":1");
	assert_says(fd, "/dad/dma/device,teller", "\"bounce\":1");
	assert_says(fd, "/dad/dma/device,teller", "\"alive\":2");
	assert_says(fd, "/dad/dma/device,teller", "\"copied_in\":5000");
	assert_says(fd, "/dad/dma/device,teller", "\"error_invalid\":1");
	assert_says(fd, "/dad/dma/bounce,told", "\"slots\":512");
	assert_says(fd, "/dad/dma/faults,told", "1: teller: write of 1 at");
	assert_says(fd, "/dad/dma/mappings,told", "bounce: 1048576 at");
	assert_says(fd, "/dad/dma/mappings,told", "strict: 4096 at");
	assert_says(fd, "/dad/dma/domain,nobody", "null");
	assert_says(fd, "/dad/dma/device", "null");
	dad_dma_unmap_single(dev, a, 1, DAD_DMA_TO_DEVICE);
	dad_dma_unmap_single(dev, b, 5000, DAD_DMA_TO_DEVICE);
	assert_says(fd, "/dad/dma/device,teller", "\"alive\":0");
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
