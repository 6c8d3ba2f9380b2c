/* SPDX-License-Identifier: BSD-3-Clause */

/* Devargs, each by itself and those that go together, or do not. */

#include "test_device.h"

static void
assert_refused(const char *args)
{
	if (rte_vdev_init(TEST_NAME, args) == 0)
		fail_msg("devargs '%s' were accepted", args);
	assert_true(rte_dma_get_dev_id_by_name(TEST_NAME) < 0);
}

static void
wrong_devargs_are_refused(void **state)
{
	(void)state;
	assert_refused("engine=");
	assert_refused("engine=fast");
	assert_refused("engine");
	assert_refused("engine=inline,engine=inline");
	assert_refused("engine=inline,workers=1");
	assert_refused("engine=inline,lcores=0");
	assert_refused("workers=0");
	assert_refused("workers=65");
	assert_refused("workers=-1");
	assert_refused("workers= 1");
	assert_refused("workers=1x");
	assert_refused("workers=99999999999999999999");
	assert_refused("lcores=");
	assert_refused("lcores=x");
	assert_refused("lcores=1-");
	assert_refused("lcores=-1");
	assert_refused("lcores=1-0");
	assert_refused("lcores=0+");
	assert_refused("lcores=0++0");
	assert_refused("lcores=1000");
	assert_refused("lcores=100000");
	assert_refused("lcores=0-1023");
	assert_refused("worker=1");
	assert_refused("engine=inline,idle=poll");
	assert_refused("engine=service,workers=1");
	assert_refused("engine=inline,register=1");
	assert_refused("engine=thread,threshold=1");
	assert_refused("engine=auto,threshold=");
	assert_refused("engine=auto,threshold=1k");
	assert_refused("engine=auto,threshold=1073741825");
	assert_refused("engine=auto,threshold=-1");
	assert_refused("idle=nap");
	assert_refused("mt=2");
	assert_refused("mt=yes");
	assert_refused("mt=1,mt=1");
	assert_refused("register=");
	assert_refused("kernel=mmx");
	assert_refused("kernel=");
	assert_refused("kernel=sse2sse2sse2");
	assert_refused("silent=2");
	assert_refused("ops=2");
	assert_refused("pool=");
	assert_refused("pool=a b");
	assert_refused("pool=sixteen-letters-");
	assert_refused("engine=inline,pool=a");
	assert_refused("engine=service,pool=a");
	assert_refused("window=4095");
	assert_refused("window=64Q");
	assert_refused("window=2T");
	assert_refused("window=99999999999999999999");
	assert_refused("window=-1");
	assert_refused("source=pattern"); /* without a window */
	assert_refused("window=64K,source=noise");
	assert_refused("window=64K,source=file:");
	assert_refused("window=64K,source=file:/nowhere/at/all");
	assert_refused("window=64K,source=file:/");
	assert_refused("window=64K,source=file:/dev/null");
	assert_refused("rate=1");
	assert_refused("window=64K,rate=1");
	assert_refused("window=64K,source=null,rate=fast");
	assert_refused("window=64K,source=null,rate=1.0000000001");
	assert_refused("window=64K,source=null,rate=1001");
	assert_refused("window=64K,source=null,rate=-1");
	assert_refused("window=64K,source=null,rate=.5");
	assert_refused("gbps=0");
	assert_refused("gbps=x");
	assert_refused("lat_ns=1000000001");
	assert_refused("lat_ns=1us");
	assert_refused("inject=");
	assert_refused("inject=bus_trouble");
	assert_refused("inject=0");
	assert_refused("inject=15");
	assert_refused("inject=successful");
	assert_refused("inject=page_fault:");
	assert_refused("inject=page_fault+");
	assert_refused("inject=page_fault:every");
	assert_refused("inject=page_fault:every:");
	assert_refused("inject=page_fault:every:0");
	assert_refused("inject=page_fault:each:1");
	assert_refused("inject=page_fault:vchan:64");
	assert_refused("inject=page_fault:op:move");
	assert_refused("inject=page_fault:min:2T");
	assert_refused("inject=page_fault:min:10:max:9");
	assert_refused("inject=1+2+3+4+5+6+7+8+9+10+11+12+13+14+1+2+3");
	assert_refused("engine=inline,eager=2");
	assert_refused("engine=thread,eager=1");
	assert_refused("engine=inline,eager=1,mt=1");
	assert_refused("engine=inline,eager=1,halt=1");
	assert_refused("=");
}

static void
good_devargs_are_taken(void **state)
{
	static const char *const good[] = {NULL, "", "engine=inline", "engine=thread", "workers=64",
		"lcores=0", "lcores=0-0", "lcores=0+0,workers=3",
		"engine=thread,workers=2,lcores=0", "engine=auto,threshold=0,idle=pause",
		"mt=1,idle=sleep", "engine=inline,mt=1,kernel=auto", "engine=inline,eager=1",
		"mt=0,register=0", "engine=thread,register=1,workers=2", "window=4096",
		"window=1m,gbps=0.000000001", "window=64K,source=null,rate=1000", "lat_ns=0",
		"lat_ns=1000000000,gbps=12.5", "window=5000,source=pattern,rate=0.5",
		"inject=page_fault", "inject=1+2+3+4+5+6+7+8+9+10+11+12+13+14+1+2",
		"inject=Bus_Read_Error:every:3:count:10:min:1K:max:2K:vchan:63:op:sg"};

	(void)state;
	for (unsigned int i = 0; i < RTE_DIM(good); i++) {
		int16_t id = test_plug_with(good[i]);

		test_configure(id, 2, 32);
		assert_int_equal(rte_dma_start(id), 0);
		test_close(id);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(wrong_devargs_are_refused),
	cmocka_unit_test(good_devargs_are_taken),
};

TEST_MAIN(tests)
