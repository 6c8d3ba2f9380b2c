/* SPDX-License-Identifier: BSD-3-Clause */

/* dma_dad as a PCI function, on a bus made of files. What the device does beside that is the same
 * code as on the vdev bus, which the other tests are for. */

#include <dirent.h>
#include <errno.h>
#include <numa.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "fake_pci.h"
#include "test_device.h"
#include "test_log.h"
#include "test_threads.h"

static int
probe(const char *more)
{
	char devargs[256];

	snprintf(devargs, sizeof(devargs), FAKE_ADDRESS ",%s%s", test_args(), more);
	return rte_dev_probe(devargs);
}

static int16_t
plug(void)
{
	assert_int_equal(probe(""), 0);
	int id = rte_dma_get_dev_id_by_name(FAKE_ADDRESS);
	assert_true(id >= 0);
	return (int16_t)id;
}

static void
unplug(void)
{
	struct rte_dev_iterator it;
	struct rte_device *device, *found = NULL;

	RTE_DEV_FOREACH(device, "bus=pci,addr=" FAKE_ADDRESS, &it)
	found = device;
	assert_non_null(found);
	assert_int_equal(rte_dev_remove(found), 0);
	assert_true(rte_dma_get_dev_id_by_name(FAKE_ADDRESS) < 0);
}

static void
copy_works(int16_t id)
{
	char *src = test_buffer(4096), *dst = test_buffer(4096);

	memset(src, 'x', 4096);
	assert_true(rte_dma_copy(id, 0, iova(src), iova(dst), 4096, 0) >= 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	assert_memory_equal(src, dst, 4096);
	rte_free(src);
	rte_free(dst);
}

static void
test_the_function_is_found_and_copies(void **state)
{
	int16_t id = plug();
	struct rte_dma_info info;

	(void)state;
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	assert_string_equal(info.dev_name, FAKE_ADDRESS);
	assert_int_equal(info.numa_node, 0);
	test_configure(id, 2, 64);
	assert_int_equal(rte_dma_start(id), 0);
	copy_works(id);
	assert_int_equal(rte_dma_stop(id), 0);
	unplug();
}

static void
test_registers_say_what_the_engine_has_to_know(void **state)
{
	int16_t id = plug();
	struct dad_regs *regs = fake_regs();

	(void)state;
	test_configure(id, 2, 64);
	assert_int_equal(regs->control, 0);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(regs->control, DAD_CONTROL_RUN);
	assert_int_equal(regs->nb_vchans, 2);
	for (unsigned int v = 0; v < 2; v++) {
		assert_int_equal(regs->vchan[v].nb_desc, 64);
		assert_non_null(rte_mem_iova2virt(regs->vchan[v].ring));
	}
	assert_true(regs->vchan[0].ring != regs->vchan[1].ring);
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(regs->control, 0);
	munmap(regs, DAD_REGS_SIZE);
	unplug();
}

static void
test_a_device_that_stops_by_itself_is_halted(void **state)
{
	int16_t id = plug();
	struct dad_regs *regs = fake_regs();
	enum rte_dma_vchan_status status;

	(void)state;
	test_configure(id, 1, 64);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(rte_dma_vchan_status(id, 0, &status), 0);
	assert_int_equal(status, RTE_DMA_VCHAN_IDLE);

	/* as all registers of a device that is gone */
	const uint32_t before = regs->id;
	regs->id = regs->control = ~0u;
	assert_int_equal(rte_dma_vchan_status(id, 0, &status), 0);
	assert_int_equal(status, RTE_DMA_VCHAN_HALTED_ERROR);
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_vchan_status(id, 0, &status), 0);
	assert_int_equal(status, RTE_DMA_VCHAN_IDLE);
	log_begin();
	assert_int_equal(rte_dma_start(id), -ENODEV);
	log_has("does not answer");
	unplug();

	regs->id = before;
	id = plug();
	test_configure(id, 1, 64);
	assert_int_equal(rte_dma_start(id), 0);
	copy_works(id);
	assert_int_equal(rte_dma_stop(id), 0);
	munmap(regs, DAD_REGS_SIZE);
	unplug();
}

/* Where nobody but workers does it. */
static void
test_what_waits_when_it_stops_by_itself_is_aborted(void **state)
{
	int16_t id = plug();
	struct dad_regs *regs = fake_regs();
	char *memory = test_buffer(4096);

	(void)state;
	test_configure(id, 1, 64);
	assert_int_equal(rte_dma_start(id), 0);
	__atomic_store_n(&regs->control, 0, __ATOMIC_RELEASE);
	rte_delay_us_sleep(100000); /* workers are gone by then, or see no difference */
	assert_true(rte_dma_copy(id, 0, iova(memory), iova(memory), 64, 0) >= 0);
	assert_int_equal(rte_dma_submit(id, 0), 0);
	assert_int_equal(rte_dma_stop(id), 0);
	enum rte_dma_status_code code;
	test_gather(id, 0, 1, &code);
	assert_int_equal(code, RTE_DMA_STATUS_USER_ABORT);
	munmap(regs, DAD_REGS_SIZE);
	rte_free(memory);
	unplug();
}

static void
test_a_wrong_device_is_refused_with_the_reason(void **state)
{
	static const struct {
		uint64_t said;
		off_t size;
		uint32_t id;
		const char *words;
	} wrong[] = {
		{8192, 8192, DAD_REGS_ID, "BAR 0 has 8192 bytes, and should have 4096"},
		{256, 4096, DAD_REGS_ID, "BAR 0 has 256 bytes, and should have 4096"},
		{4096, 2048, DAD_REGS_ID, "resource0 has 2048 bytes instead of 4096"},
		{4096, 4096, ~0u, "0xffffffff instead of 0x1646164"},
	};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		fake_bar(4096, 4096);
		fake_set_id(wrong[i].id);
		fake_bar(wrong[i].said, wrong[i].size);
		log_begin();
		assert_true(probe("") < 0);
		log_has(wrong[i].words);
		assert_true(rte_dma_get_dev_id_by_name(FAKE_ADDRESS) < 0);
	}
	fake_bar(4096, 4096);
	fake_set_id(DAD_REGS_ID);
	assert_int_equal(unlink(fake_path("resource0")), 0);
	log_begin();
	assert_true(probe("") < 0);
	log_has("No such file");
	fake_write("resource0", "-");
	fake_bar(4096, 4096);
	fake_set_id(DAD_REGS_ID);
	plug();
	unplug();
}

static void
test_its_node_is_what_the_bus_says(void **state)
{
	struct rte_dma_info info;

	(void)state;
	log_begin();
	assert_true(probe(",numa=0") < 0);
	log_has("numa is for vdevs");
	fake_write("numa_node", "-1\n");
	int16_t id = plug();
	assert_int_equal(rte_dma_info_get(id, &info), 0);
	/* which EAL takes for the first, where there is one only */
	assert_true(info.numa_node == SOCKET_ID_ANY || info.numa_node == 0);
	test_configure(id, 1, 64);
	assert_int_equal(rte_dma_start(id), 0);
	copy_works(id);
	assert_int_equal(rte_dma_stop(id), 0);
	unplug();
	fake_write("numa_node", "0\n");
}

static unsigned int
count_in(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static unsigned int
count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "resource0") != NULL;
	fclose(f);
	return n;
}

static void
test_it_comes_and_goes_a_thousand_times(void **state)
{
	const unsigned int files = count_in("/proc/self/fd");

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		int16_t id = plug();

		test_configure(id, 1, 64);
		assert_int_equal(rte_dma_start(id), 0);
		if (i % 100 == 0)
			copy_works(id);
		if (i % 2 == 0) /* else it is removed while it runs */
			assert_int_equal(rte_dma_stop(id), 0);
		unplug();
		assert_int_equal(count_mappings(), 0);
	}
	assert_int_equal(count_in("/proc/self/fd"), files);
	threads_expect("", threads_at_rest);
}

static void
test_one_that_a_killed_process_left_running_can_be_had(void **state)
{
	struct dad_regs *regs = fake_regs();

	(void)state;
	regs->control = DAD_CONTROL_RUN;
	int16_t id = plug();
	assert_int_equal(regs->control, 0);
	test_configure(id, 1, 64);
	assert_int_equal(rte_dma_start(id), 0);
	copy_works(id);
	assert_int_equal(rte_dma_stop(id), 0);
	munmap(regs, DAD_REGS_SIZE);
	unplug();
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_function_is_found_and_copies),
		cmocka_unit_test(test_registers_say_what_the_engine_has_to_know),
		cmocka_unit_test(test_a_device_that_stops_by_itself_is_halted),
		cmocka_unit_test(test_a_wrong_device_is_refused_with_the_reason),
		cmocka_unit_test(test_its_node_is_what_the_bus_says),
		cmocka_unit_test(test_it_comes_and_goes_a_thousand_times),
		cmocka_unit_test(test_one_that_a_killed_process_left_running_can_be_had),
		/* the last one: */
		cmocka_unit_test(test_what_waits_when_it_stops_by_itself_is_aborted),
	};
	const bool workers_alone = strstr(test_args(), "engine=thread") != NULL ||
		strstr(test_args(), "engine=service") != NULL;
	char allow[64] = "--allow=0000:00:00.0"; /* which the tree has not: plugged in by each */

	fake_create(0);
	int ret = argc > 0 ? eal_test_init_pci(argv[0], allow) : 1;
	if (ret == 0 && !test_give_service_core()) {
		print_message("no lcore to spare for a service core: not run\n");
		ret = EAL_TEST_SKIP;
	}
	if (ret == 0) {
		rte_log_set_level_pattern("lib.eal", RTE_LOG_WARNING); /* each probe */
		rte_log_set_level_pattern("lib.dma", RTE_LOG_ERR);
		ret = _cmocka_run_group_tests(
			"tests", tests, RTE_DIM(tests) - !workers_alone, threads_note_rest, NULL);
		rte_eal_cleanup();
	}
	fake_remove();
	return ret;
}
