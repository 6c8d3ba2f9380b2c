/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_backend.h"

/* Everything that can fail is made to fail, one call after the other: the right errno, nothing left
 * behind, and the next try works. */

/* ---- everything once
 * --------------------------------------------------------------------------------- */

static const struct dad_dma_domain_conf confs[] = {
	{.name = "strict", .type = DAD_DMA_DOMAIN_CUSTOM, .ops = &ops, .socket_id = -1},
	{.name = "lazy",
		.type = DAD_DMA_DOMAIN_CUSTOM,
		.ops = &ops,
		.flags = DAD_DMA_DOMAIN_LAZY,
		.socket_id = -1},
	{.name = "soft", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = -1},
	{.name = "soft, lazy",
		.type = DAD_DMA_DOMAIN_SOFT,
		.flags = DAD_DMA_DOMAIN_LAZY,
		.socket_id = -1},
	/* maps only strictly, and by bouncing */
	{.name = "noncoherent",
		.type = DAD_DMA_DOMAIN_SOFT,
		.flags = DAD_DMA_DOMAIN_NONCOHERENT,
		.socket_id = -1},
};

static unsigned int
everything(const struct dad_dma_domain_conf *conf)
{
	const unsigned int closed = backend.closed;
	struct dad_dma_domain *domain = dad_dma_domain_create(conf);
	/* if it could not be made, the backend is the caller's still */
	const bool closes = conf->ops != NULL && domain != NULL;
	unsigned int failures = use_domain(domain);

	assert_int_equal(backend.closed, closed + closes);
	return failures;
}

static void
without_failures_all_of_it_works(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(confs); i++) {
		reset();
		long before = test_alloc_live;

		assert_int_equal(everything(&confs[i]), 0);
		assert_int_equal(test_alloc_live, before);
		assert_int_equal(backend.n, 0);
		assert_int_equal(backend.broken_rules, 0);
		assert_true(backend.peak > 3 || confs[i].ops == NULL);
	}
}

/* All that the library allocates, the memory of bounce pools among it. */
static void
each_allocation_may_fail(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(confs); i++) {
		unsigned int n, noticed = 0;

		for (n = 1; n < 10000; n++) {
			reset();
			long before = test_alloc_live;

			expected = ENOMEM;
			test_alloc_countdown = n;
			unsigned int failures = everything(&confs[i]);
			bool was_reached = test_alloc_countdown == 0;

			test_alloc_countdown = 0;
			noticed += failures != 0;
			assert_int_equal(test_alloc_live, before);
			assert_int_equal(backend.n, 0);
			assert_int_equal(backend.broken_rules, 0);
			if (!was_reached) {
				assert_int_equal(failures, 0);
				break;
			}
		}
		assert_in_range(n, 30, 9999);
		assert_true(noticed > 20);
		print_message(
			"%s: %u allocations, %u of them noticed\n", confs[i].name, n - 1, noticed);
	}
}

static void
each_call_of_the_backend_may_fail(void **state)
{
	(void)state;
	for (unsigned int i = 0; confs[i].ops != NULL; i++) {
		unsigned int n, noticed = 0;

		for (n = 1; n < 10000; n++) {
			reset();
			long before = test_alloc_live;

			backend.countdown = n;
			unsigned int failures = everything(&confs[i]);

			noticed += failures != 0;
			assert_int_equal(test_alloc_live, before);
			assert_int_equal(backend.n, 0);
			assert_int_equal(backend.broken_rules, 0);
			if (backend.countdown > 0) {
				assert_int_equal(failures, 0);
				break;
			}
		}
		assert_in_range(n, 20, 9999);
		assert_true(noticed > 15);
		print_message("%s: %u calls, %u of them noticed\n", confs[i].name, n - 1, noticed);
	}
}

/* What cannot be unmapped may still lead to memory: its IOVAs are not used again. */
static void
each_unmap_may_fail_and_loses_iovas(void **state)
{
	unsigned int n;

	(void)state;
	for (n = 1; n < 10000; n++) {
		reset();
		long before = test_alloc_live;

		backend.countdown = n;
		backend.fail_unmap = true;
		everything(&confs[n % 2]);
		assert_int_equal(test_alloc_live, before);
		assert_true(backend.n <= 4); /* what the one call should have unmapped */
		assert_int_equal(backend.broken_rules, 0);
		if (backend.countdown > 0) {
			assert_int_equal(backend.n, 0);
			break;
		}
	}
	assert_in_range(n, 20, 9999);
}

/* The identity has no backend; its allocations fail likewise. */
static void
each_allocation_of_the_identity_may_fail(void **state)
{
	unsigned int n;

	(void)state;
	for (n = 1; n < 1000; n++) {
		long before = test_alloc_live;
		dad_dma_addr_t iovas[8];

		test_alloc_countdown = n;
		struct dad_dma_domain *domain = dad_dma_domain_identity();
		struct dad_dma_dev *dev = NULL;
		int ret = -ENOMEM;

		if (domain != NULL)
			dev = dad_dma_dev_create("dev", domain, SOCKET_ID_ANY);
		if (dev == NULL)
			assert_int_equal(rte_errno, ENOMEM);
		if (dev != NULL) {
			for (unsigned int i = 0; i < 8; i++)
				iovas[i] = UINT64_C(0x777700000000) + 2 * i * PAGE;
			ret = dad_dma_mem_register(domain, foreign, 8 * PAGE, iovas, 8, PAGE);
			assert_true(ret == 0 || ret == -ENOMEM);
			if (ret == 0)
				assert_int_equal(
					dad_dma_mem_unregister(domain, foreign, 8 * PAGE), 0);
			assert_null(dad_dma_bus_to_virt(domain, iovas[0], NULL));
			struct dad_dma_bounce_conf bounce = {.limit = UINT64_MAX};
			int other = dad_dma_bounce_create(domain, &bounce);
			assert_true(other == 0 || other == -ENOMEM);
			ret = ret != 0 ? ret : other;
			assert_int_equal(dad_dma_dev_destroy(dev), 0);
		}
		dad_dma_domain_put(domain);
		bool was_reached = test_alloc_countdown == 0;
		test_alloc_countdown = 0;
		assert_int_equal(test_alloc_live, before);
		if (!was_reached) {
			assert_int_equal(ret, 0);
			break;
		}
	}
	assert_in_range(n, 8, 999);
}

static int
run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_failures_all_of_it_works),
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(each_call_of_the_backend_may_fail),
		cmocka_unit_test(each_unmap_may_fail_and_loses_iovas),
		cmocka_unit_test(each_allocation_of_the_identity_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int
main(int argc, char **argv)
{
	return failure_main(argc, argv, run);
}
