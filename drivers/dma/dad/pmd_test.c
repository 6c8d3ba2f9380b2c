/* SPDX-License-Identifier: BSD-3-Clause */

/* rte_pmd_dad.h: what a device tells of itself, in any process, and what others do not. */

#include <errno.h>

#include "rte_pmd_dad.h"
#include "test_secondary.h"

static struct rte_pmd_dma_dad_info
info_of(int16_t id)
{
	struct rte_pmd_dma_dad_info info;

	memset(&info, 0xee, sizeof(info));
	assert_int_equal(rte_pmd_dma_dad_info_get(id, &info), 0);
	return info;
}

static void
limits_that_dmadev_has_no_field_for(void **state)
{
	int16_t id = test_plug_with("engine=inline");
	struct rte_pmd_dma_dad_info info = info_of(id);
	struct rte_dma_info general;

	(void)state;
	assert_int_equal(rte_dma_info_get(id, &general), 0);
	assert_int_equal(info.max_length, UINT32_MAX);
	assert_int_equal(info.alignment, 1);
	assert_int_equal(info.max_in_flight, general.max_desc);
	assert_true(info.max_sges_in_flight >= 2u * general.max_sges);
	assert_true(info.split_from > 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

static void
what_does_the_work(void **state)
{
	static const struct {
		const char *args;
		enum rte_pmd_dma_dad_engine engine;
		unsigned int workers;
		bool mt, halt;
	} devices[] = {
		{"engine=inline", RTE_PMD_DMA_DAD_INLINE, 0, false, false},
		{"engine=inline,mt=1", RTE_PMD_DMA_DAD_INLINE, 0, true, false},
		{"engine=thread,workers=3", RTE_PMD_DMA_DAD_THREAD, 3, false, false},
		{"engine=auto,halt=1,mt=1", RTE_PMD_DMA_DAD_AUTO, 1, true, true},
		{"engine=service", RTE_PMD_DMA_DAD_SERVICE, 0, false, false},
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(devices); i++) {
		struct rte_pmd_dma_dad_info info = info_of(test_plug_with(devices[i].args));

		assert_int_equal(info.engine, devices[i].engine);
		assert_int_equal(info.nb_workers, devices[i].workers);
		assert_int_equal(info.multi_thread, devices[i].mt);
		assert_int_equal(info.halts_on_error, devices[i].halt);
		assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	}
}

static void
its_kernels(void **state)
{
	struct rte_pmd_dma_dad_info info;

	(void)state;
	info = info_of(test_plug_with("nt=0"));
	assert_true(info.large_kernel[0] != '\0');
	assert_true(info.kernel[0] != '\0');
	assert_int_equal(info.past_from, 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
#ifdef RTE_ARCH_X86_64
	info = info_of(test_plug_with("kernel=sse2,nt=1048576"));
	assert_string_equal(info.kernel, "sse2");
	assert_string_equal(info.large_kernel, "sse2");
	assert_int_equal(info.past_from, 1048576);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	info = info_of(test_plug_with("kernel=nt"));
	assert_int_equal(info.past_from, 16384);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
#endif
	info = info_of(test_plug_with("kernel=memmove"));
	assert_string_equal(info.large_kernel, "memmove");
	assert_int_equal(info.past_from, 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

static void
not_of_others(void **state)
{
	struct rte_pmd_dma_dad_info info, before;

	(void)state;
	memset(&info, 0x5a, sizeof(info));
	before = info;
	assert_int_equal(rte_pmd_dma_dad_info_get(-1, &info), -EINVAL);
	assert_int_equal(rte_pmd_dma_dad_info_get(63, &info), -EINVAL);
	assert_int_equal(rte_pmd_dma_dad_info_get(INT16_MAX, &info), -EINVAL);
	int16_t id = test_plug_with("engine=inline");
	assert_int_equal(rte_pmd_dma_dad_info_get(id, NULL), -EINVAL);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	assert_int_equal(rte_pmd_dma_dad_info_get(id, &info), -EINVAL);
	/* DPDK's own, in the place where ours was */
	if (rte_vdev_init("dma_skeleton0", NULL) == 0) {
		int other = rte_dma_get_dev_id_by_name("dma_skeleton0");

		assert_int_equal(other, id);
		assert_int_equal(rte_pmd_dma_dad_info_get((int16_t)other, &info), -ENOTSUP);
		assert_int_equal(rte_vdev_uninit("dma_skeleton0"), 0);
	}
	assert_memory_equal(&info, &before, sizeof(info));
}

/* As secondary: the same as the primary says. */
static int
tell(const char *what)
{
	struct rte_pmd_dma_dad_info info;
	int ret = rte_pmd_dma_dad_info_get((int16_t)rte_dma_get_dev_id_by_name(TEST_NAME), &info);

	(void)what;
	return !(ret == 0 && info.engine == RTE_PMD_DMA_DAD_THREAD && info.nb_workers == 2 &&
		info.multi_thread && info.max_in_flight == 32768 && info.kernel[0] != '\0');
}

static void
in_a_secondary_process(void **state)
{
	(void)state;
	test_plug_with("engine=thread,workers=2,mt=1");
	assert_int_equal(secondary_wait(secondary_start("")), 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(limits_that_dmadev_has_no_field_for),
	cmocka_unit_test(what_does_the_work),
	cmocka_unit_test(its_kernels),
	cmocka_unit_test(not_of_others),
	cmocka_unit_test(in_a_secondary_process),
};

int
main(int argc, char **argv)
{
	return secondary_main(argc, argv, tell, tests, RTE_DIM(tests));
}
