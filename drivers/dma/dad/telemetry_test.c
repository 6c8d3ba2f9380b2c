/* SPDX-License-Identifier: BSD-3-Clause */

/* /dad/dmadev/...: what a client is told, whatever it asks, and whatever goes on meanwhile. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "dad_internal.h"
#include "test_device.h"

#include "telemetry_client.h"

/* EAL's answers are no longer. */
#define ANSWER_MAX (16 * 1024)

static int fd = -1;
static int16_t dev;

static int
setup(void **state)
{
	(void)state;
	dev = test_open(2, 64);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_close(dev);
	return 0;
}

/* With the device's name, and again with its id. */
static void
assert_tells(const char *command, const char *rest, const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "/dad/dmadev/%s,%s%s", command, TEST_NAME, rest);
	telemetry_assert_says(fd, text, what);
	snprintf(text, sizeof(text), "/dad/dmadev/%s,%d%s", command, dev, rest);
	telemetry_assert_says(fd, text, what);
}

static void
run_some(uint8_t *buf)
{
	enum rte_dma_status_code status[6];

	for (unsigned int i = 0; i < 3; i++)
		assert_true(rte_dma_copy(dev, 1, iova(buf), iova(buf + 1000), 1000, 0) >= 0);
	assert_true(rte_dma_fill(dev, 1, 5, iova(buf), 500, 0) >= 0);
	assert_true(rte_dma_copy(dev, 1, 0, iova(buf), 64, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, 1), 0);
	test_gather(dev, 1, 5, status);
}

static void
counters_are_told(void **state)
{
	uint8_t *buf = test_buffer(2000);

	(void)state;
	run_some(buf);
	telemetry_assert_says(fd, "/dad/dmadev/list", "\"" TEST_NAME "\"");
	assert_tells("xstats", ",1", "\"submitted\":5,");
	assert_tells("xstats", ",1", "\"errors\":1,");
	assert_tells("xstats", ",1", "\"copies\":4,");
	assert_tells("xstats", ",1", "\"fills\":1,");
	assert_tells("xstats", ",1", "\"copy_bytes\":3000,");
	assert_tells("xstats", ",1", "\"fill_bytes\":500,");
	assert_tells("xstats", ",1", "\"errors_invalid_src_addr\":1,");
	assert_tells("xstats", ",1", "\"batches_of_4\":1,");
	assert_tells("xstats", ",0", "\"copies\":0,");
	assert_tells("xstats", "", "\"copies\":4,");
	assert_tells("reset", ",0", "reset");
	assert_tells("xstats", "", "\"copies\":4,");
	assert_tells("reset", ",1", "reset");
	assert_tells("xstats", "", "\"copies\":0,");
	run_some(buf);
	assert_tells("reset", "", "reset");
	assert_tells("xstats", "", "\"submitted\":0,");
	rte_free(buf);
}

static void
a_vchan_tells_its_state_and_last_error(void **state)
{
	uint8_t *buf = test_buffer(2000);
	char text[64];

	(void)state;
	assert_tells("vchan", ",1", "\"state\":\"idle\"");
	assert_null(strstr(telemetry_ask(fd, "/dad/dmadev/vchan," TEST_NAME ",1"), "last_error"));
	run_some(buf);
	assert_tells("vchan", ",1", "\"reported\":5,");
	assert_tells("vchan", ",1", "\"descriptors\":64,");
	assert_tells("vchan", ",1", "\"last_error\":{\"op\":\"copy\",\"index\":4,");
	snprintf(text, sizeof(text), "\"dst\":\"%#" PRIx64 "\",\"length\":64,\"code\":%d,",
		iova(buf), RTE_DMA_STATUS_INVALID_SRC_ADDR);
	assert_tells("vchan", ",1", text);
	assert_int_equal(rte_dma_stop(dev), 0);
	assert_tells("vchan", ",1", "\"state\":\"stopped\"");
	const struct rte_dma_conf conf = {.nb_vchans = 3};
	assert_int_equal(rte_dma_configure(dev, &conf), 0);
	assert_tells("vchan", ",2", "\"state\":\"not set up\"");
	rte_free(buf);
}

static void
the_device_tells_what_it_is_made_of(void **state)
{
	(void)state;
	assert_tells("info", "", "\"max_length\":4294967295,");
	assert_tells("info", "", "\"alignment\":1,");
	assert_tells("info", "", "\"vchans\":2,");
	assert_tells("info", "", strstr(test_args(), "mt=1") != NULL ? "\"mt\":1" : "\"mt\":0");
	assert_tells("kernels", "", "\"from_1\":\"");
	assert_tells("kernels", "", "\"memmove\"");
	const char *workers = strstr(test_args(), "engine=thread") != NULL ||
			strstr(test_args(), "engine=auto") != NULL
		? "\"worker_0\":{\"cpu\":"
		: "{}";
	assert_tells("workers", "", workers);
}

static void
devargs_are_told_as_they_were_given(void **state)
{
	char args[200];

	(void)state;
	snprintf(args, sizeof(args), "%s,gbps=1.5,xstats=0,inject=page_fault:every:7+5:op:fill",
		test_args());
	dev = test_plug_with(args);
	assert_tells("info", "", "\"devargs\":{\"engine\":\"");
	assert_tells("info", "",
		"\"gbps\":\"1.5\",\"xstats\":\"0\",\"inject\":\"page_fault:every:7+5:op:fill\"}");
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	dev = test_plug_with("");
	assert_tells("info", "", "\"devargs\":{}");
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
}

static void
latency_is_switched_by_telemetry(void **state)
{
	uint8_t *buf = test_buffer(2000);

	(void)state;
	assert_tells("latency", "", "\"latency\":\"off\",\"operations\":0}");
	run_some(buf);
	assert_tells("latency", "", "\"operations\":0}");
	assert_tells("latency", ",0,on", "{\"latency\":\"on\"}");
	run_some(buf);
	assert_tells("latency", ",1", "\"operations\":0}");
	assert_tells("latency", ",on", "{\"latency\":\"on\"}");
	run_some(buf);
	assert_tells("latency", ",1", "\"operations\":5,\"mean_ns\":");
	assert_tells("latency", "", "\"from_ns\":{\"");
	assert_tells("latency", "", "\"p99_below_ns\":");
	assert_tells("vchan", ",1", "\"latency\":1");
	/* also of what is set up from now on */
	assert_int_equal(rte_dma_stop(dev), 0);
	test_configure(dev, 2, 128);
	assert_int_equal(rte_dma_start(dev), 0);
	assert_tells("latency", "", "\"latency\":\"on\",\"operations\":0}");
	run_some(buf);
	assert_tells("latency", "", "\"operations\":5,");
	assert_tells("latency", ",off", "{\"latency\":\"off\"}");
	run_some(buf);
	assert_tells("latency", "", "\"latency\":\"off\",\"operations\":5,");
	rte_free(buf);
}

static void
what_was_acquired_is_told(void **state)
{
	static const enum rte_dma_direction direction[] = {RTE_DMA_DIR_DEV_TO_MEM};
	uint8_t *buf = test_buffer(4096);

	(void)state;
	dev = test_open_directions("window=64K,source=pattern", 1, 64, direction);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(rte_dma_copy(dev, 0, i * 4096, iova(buf), 4096, 0) >= 0);
	assert_true(rte_dma_copy(dev, 0, 65536, iova(buf), 64, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, 0), 0);
	enum rte_dma_status_code status[4];
	test_gather(dev, 0, 4, status);
	assert_tells("xstats", "", "\"source_taken_bytes\":12288,");
	assert_tells("xstats", ",0", "\"copies\":4,");
	assert_tells("xstats", ",0", "\"copy_bytes\":12288,");
	assert_tells("xstats", ",0", "\"errors_invalid_src_addr\":1,");
	rte_free(buf);
	test_close(dev);
}

static void
assert_wrong(const char *question, const char *error, const char *valid)
{
	char text[1000];

	snprintf(text, sizeof(text), "/dad/dmadev/%s", question);
	telemetry_assert_says(fd, text, "{\"error\":\"");
	telemetry_assert_says(fd, text, error);
	telemetry_assert_says(fd, text, valid);
}

static void
what_is_wrong_is_said(void **state)
{
	static const char *const commands[] = {
		"info", "xstats", "vchan", "latency", "workers", "kernels", "reset"};
	char text[160];

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(commands); i++) {
		assert_wrong(commands[i], "no device is named", TEST_NAME);
		snprintf(text, sizeof(text), "%s,nobody", commands[i]);
		assert_wrong(text, "no device 'nobody'", TEST_NAME);
		snprintf(text, sizeof(text), "%s,63", commands[i]);
		assert_wrong(text, "no device '63'", TEST_NAME);
		snprintf(text, sizeof(text), "%s,99999999999999999999", commands[i]);
		assert_wrong(text, "no device", TEST_NAME);
		snprintf(text, sizeof(text), "%s,%s,0,on,more", commands[i], TEST_NAME);
		assert_wrong(text, "more", "valid");
		snprintf(text, sizeof(text), "%s,%s,2", commands[i], TEST_NAME);
		assert_wrong(text, "vchan", i == 0 || i == 4 || i == 5 ? "" : "0 to 1");
		snprintf(text, sizeof(text), "%s,%s,-1", commands[i], TEST_NAME);
		assert_wrong(text, "no vchan '-1'", "0 to 1");
	}
	/* nothing is cut: a rule without its end would be another rule */
	char longest[700];
	int at = snprintf(longest, sizeof(longest), "inject,%s,page_fault:min:", TEST_NAME);
	memset(longest + at, '1', sizeof(longest) - 1 - (size_t)at);
	longest[sizeof(longest) - 1] = '\0';
	assert_wrong(longest, "too long", "up to 511");
	assert_wrong("vchan," TEST_NAME, "no vchan is named", "0 to 1");
	assert_wrong("xstats," TEST_NAME ",all", "unknown parameter 'all'", "a device and a vchan");
	assert_wrong("latency," TEST_NAME ",maybe", "unknown parameter 'maybe'", "on, off");
	assert_wrong("kernels," TEST_NAME ",0", "a vchan is of no use", "a device alone");
	/* bytes that would break an answer */
	assert_wrong("xstats,\"\\\n\x01", "no device '?", TEST_NAME);
}

static void
the_largest_answers_fit(void **state)
{
	static const char *const commands[] = {
		"info", "xstats", "latency", "workers", "kernels", "reset"};
	const bool own = strstr(test_args(), "engine=thread") != NULL;
	char text[96];

	(void)state;
	dev = test_plug_with(own ? "engine=thread,workers=64,idle=sleep" : test_args());
	test_configure(dev, 64, 32);
	assert_int_equal(rte_dma_start(dev), 0);
	for (unsigned int i = 0; i < RTE_DIM(commands); i++) {
		snprintf(text, sizeof(text), "/dad/dmadev/%s,%s", commands[i], TEST_NAME);
		const char *answer = telemetry_ask(fd, text);
		const size_t length = strlen(answer);

		assert_true(length > 2 && length < ANSWER_MAX);
		assert_string_equal(answer + length - 1, "}");
		assert_null(strstr(answer, "null"));
	}
	unsigned int workers = 0;
	snprintf(text, sizeof(text), "/dad/dmadev/workers,%s", TEST_NAME);
	for (const char *at = telemetry_ask(fd, text); (at = strstr(at, "\"cpu\"")) != NULL; at++)
		workers++;
	if (own)
		assert_int_equal(workers, 64);
	for (unsigned int v = 0; v < 64; v++) {
		snprintf(text, sizeof(text), "/dad/dmadev/vchan,%s,%u", TEST_NAME, v);
		telemetry_assert_says(fd, text, "\"state\":\"idle\"");
	}
	test_close(dev);
}

/* ---- the dump, which DPDK's own telemetry gives 8 KiB -------------------------------------- */

static const char *
dump(void)
{
	static char text[16384];
	FILE *f = fmemopen(text, sizeof(text), "w");

	assert_non_null(f);
	assert_int_equal(rte_dma_dump(dev, f), 0);
	fclose(f);
	return text;
}

/* As many rules as there may be, as long as they may be. */
static void
add_longest_rules(void)
{
	char rule[DAD_INJECT_TEXT_MAX], question[200];
	const int length = (int)sizeof(rule) - 1;

	snprintf(rule, sizeof(rule), "page_fault:min:1T:every:%0*d", length - 24, 1);
	assert_int_equal(strlen(rule), length);
	snprintf(question, sizeof(question), "/dad/dmadev/inject,%s,%s", TEST_NAME, rule);
	for (unsigned int i = 0; i < DAD_INJECT_RULES_MAX; i++)
		telemetry_assert_says(fd, question, "\"of\":0");
}

/* Whatever there may be to be told, and numbers as large as they can get. */
static void
the_longest_dump_fits(void **state)
{
	const bool own = strstr(test_args(), "engine=thread") != NULL;
	uint8_t *buf = test_buffer(64);
	char args[256];

	(void)state;
	snprintf(args, sizeof(args),
		"%s,window=64M,source=pattern,rate=123.456789,gbps=123.456789,lat_ns=1000000",
		own ? "engine=thread,workers=64,idle=sleep" : test_args());
	dev = test_plug_with(args);
	add_longest_rules();
	test_configure(dev, 64, 4096);
	assert_int_equal(rte_dma_start(dev), 0);
	assert_non_null(strstr(dump(), "    last error: none\n"));
	assert_true(rte_dma_copy(dev, 63, iova(buf), 0, UINT32_MAX, 0) >= 0);
	assert_int_equal(rte_dma_submit(dev, 63), 0);
	enum rte_dma_status_code status;
	test_gather(dev, 63, 1, &status);
	assert_int_not_equal(status, RTE_DMA_STATUS_SUCCESSFUL);
	assert_non_null(
		strstr(dump(), "    last error: vchan 63, index 0: copy of 4294967295 from 0x"));
	assert_non_null(strstr(dump(), "    kernel: from 1 on "));
	assert_non_null(strstr(dump(), "1 to 4294967295 bytes, alignment 1"));
	assert_non_null(strstr(dump(), " 62: 4096, 0; 0, 0, 0; 0\n"));
	assert_non_null(strstr(dump(), "    inject: page_fault:min:1T:every:0"));
	assert_non_null(strstr(dump(), "    inject: and 10 more\n"));
	if (own)
		assert_non_null(strstr(dump(), " and more\n"));
	const size_t with_workers = strlen(dump());
	assert_true(with_workers < 8192);

	assert_int_equal(rte_dma_stop(dev), 0);
	struct dad_dev *d = rte_dma_fp_objs[dev].dev_private;
	for (unsigned int i = 0; i < DAD_INJECT_RULES_MAX; i++)
		d->model.inject.set->rule[i]->seen = UINT64_MAX;
	memset(&d->vchan[0].model.acquired, 0xff, sizeof(d->vchan[0].model.acquired));
	for (unsigned int v = 0; v < 64; v++) {
		struct dad_vchan *vc = &d->vchan[v];

		vc->tail = vc->errors = UINT64_MAX;
		vc->published = UINT64_MAX - 32768;
		vc->done = UINT64_MAX - 65535;
		vc->reaped = vc->done - 32768;
		vc->word = UINT64_MAX;
	}
	const size_t stopped = strlen(dump());
	assert_true(stopped > 64 * 60);
	/* all at once: the CPUs of the workers, long names, many nodes, and the numbers */
	const size_t cpus = 16 * strlen(" 1023 (shared)"), names = 128, nodes = 64 * 3;
	assert_true(stopped + cpus + names + nodes < 8192);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	rte_free(buf);
}

/* ---- meanwhile ------------------------------------------------------------------------------ */

static bool enough;

static void *
ask_all_the_time(void *arg)
{
	static const char *const questions[] = {"/dad/dmadev/list", "/dad/dmadev/info," TEST_NAME,
		"/dad/dmadev/xstats," TEST_NAME, "/dad/dmadev/vchan," TEST_NAME ",1",
		"/dad/dmadev/latency," TEST_NAME ",on", "/dad/dmadev/latency," TEST_NAME,
		"/dad/dmadev/workers," TEST_NAME, "/dad/dmadev/kernels," TEST_NAME,
		"/dad/dmadev/latency," TEST_NAME ",off", "/dad/dmadev/reset," TEST_NAME};
	unsigned int *asked = arg;

	while (!__atomic_load_n(&enough, __ATOMIC_ACQUIRE)) {
		telemetry_ask(fd, questions[*asked % RTE_DIM(questions)]);
		__atomic_store_n(asked, *asked + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Plug, use, set up anew, unplug, while somebody asks. */
static void
questions_disturb_nobody(void **state)
{
	uint8_t *buf = test_buffer(2000);
	unsigned int asked = 0, rounds = 0;
	uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();
	pthread_t thread;

	(void)state;
	enough = false;
	test_thread(&thread, ask_all_the_time, &asked);
	while ((rounds < 20 || __atomic_load_n(&asked, __ATOMIC_ACQUIRE) < 200) &&
		rte_get_timer_cycles() < deadline) {
		dev = test_open(2, 64);
		run_some(buf);
		assert_int_equal(rte_dma_stop(dev), 0);
		test_configure(dev, 4, (uint16_t)(32u << rounds % 8));
		assert_int_equal(rte_dma_start(dev), 0);
		run_some(buf);
		test_close(dev);
		rounds++;
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_true(asked > 20);
	rte_free(buf);
}

static int
connect_to_telemetry(void **state)
{
	(void)state;
	fd = telemetry_connect();
	return fd < 0 ? -1 : 0;
}

static int
disconnect(void **state)
{
	(void)state;
	close(fd);
	return 0;
}

#define with_device(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
	with_device(counters_are_told),
	with_device(a_vchan_tells_its_state_and_last_error),
	with_device(the_device_tells_what_it_is_made_of),
	with_device(latency_is_switched_by_telemetry),
	with_device(what_is_wrong_is_said),
	cmocka_unit_test(devargs_are_told_as_they_were_given),
	cmocka_unit_test(what_was_acquired_is_told),
	cmocka_unit_test(the_largest_answers_fit),
	cmocka_unit_test(the_longest_dump_fits),
	cmocka_unit_test(questions_disturb_nobody),
};

TEST_MAIN_WITH(tests, connect_to_telemetry, disconnect)
