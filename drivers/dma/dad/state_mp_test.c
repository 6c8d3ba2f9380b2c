/* SPDX-License-Identifier: BSD-3-Clause */

/* The same table in a secondary process: it may look and use, and change nothing. */

#include "test_secondary.h"

#include "state_calls.h"

/* As secondary: all calls in their order, on the device as the primary left it. */
static int
call_all(const char *what)
{
	const unsigned int s = (unsigned int)atoi(what);
	int id = rte_dma_get_dev_id_by_name(TEST_NAME);
	int wrong = 0;

	if (s >= STATES || id < 0) {
		fprintf(stderr, "secondary: no device\n");
		return 1;
	}
	state_buf = rte_zmalloc(NULL, 128, 64);
	if (state_buf == NULL)
		return 1;
	for (unsigned int i = 0; i < RTE_DIM(state_calls); i++) {
		const struct state_call *c = &state_calls[i];
		int ret = c->call((int16_t)id);

		if (ret != c->secondary[s] && c->secondary[s] != STATE_ANY) {
			fprintf(stderr, "secondary: %s: %s: %d instead of %d\n", state_names[s],
				c->name, ret, c->secondary[s]);
			wrong++;
		}
	}
	rte_free(state_buf);
	return wrong > 0;
}

static void
in_state(unsigned int s)
{
	char what[8];

	snprintf(what, sizeof(what), "%u", s);
	assert_int_equal(secondary_wait(secondary_start(what)), 0);
}

static void
each_call_in_each_state(void **unused)
{
	(void)unused;
	int16_t id = test_plug_with(test_args());
	in_state(PLUGGED);
	assert_int_equal(configure_with(id, 2), 0);
	in_state(CONFIGURED);
	assert_int_equal(set_up_with(id, 0, 64, M2M), 0);
	in_state(PARTLY);
	assert_int_equal(set_up_with(id, 1, 64, M2M), 0);
	in_state(SET_UP);
	assert_int_equal(rte_dma_start(id), 0);
	in_state(STARTED);
	/* what it left is gone with the stop; and the device is the primary's as ever */
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(rte_dma_stop(id), 0);
	in_state(STOPPED);
	assert_int_equal(rte_dma_start(id), 0);
	state_buf = test_buffer(128);
	assert_int_equal(call_copy(id), 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	rte_free(state_buf);
	test_close(id);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_call_in_each_state),
};

int
main(int argc, char **argv)
{
	return secondary_main(argc, argv, call_all, tests, RTE_DIM(tests));
}
