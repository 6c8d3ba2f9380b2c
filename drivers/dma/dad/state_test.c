/* SPDX-License-Identifier: BSD-3-Clause */

/* Every call in every state, right or wrong, has the documented result, and breaks nothing. */

#include "state_calls.h"

/* A device in a state, made for the purpose. */
static int16_t
device_in(enum state state)
{
	int16_t id = test_plug_with(test_args());

	if (state >= CONFIGURED)
		assert_int_equal(configure_with(id, 2), 0);
	if (state >= PARTLY)
		assert_int_equal(set_up_with(id, 0, 64, M2M), 0);
	if (state >= SET_UP)
		assert_int_equal(set_up_with(id, 1, 64, M2M), 0);
	if (state >= STARTED)
		assert_int_equal(rte_dma_start(id), 0);
	if (state >= STOPPED)
		assert_int_equal(rte_dma_stop(id), 0);
	if (state >= GONE)
		assert_int_equal(rte_dma_close(id), 0);
	return id;
}

/* Whatever was called before, a device that is there can be used. */
static void
assert_usable(int16_t id)
{
	assert_int_equal(rte_dma_stop(id), 0);
	test_configure(id, 2, 64);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(call_copy(id), 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(rte_dma_stop(id), 0);
}

static void
each_call_in_each_state(void **unused)
{
	(void)unused;
	state_buf = test_buffer(2 * STATE_LEN);
	for (unsigned int s = 0; s <= GONE; s++)
		for (unsigned int i = 0; i < RTE_DIM(state_calls); i++) {
			const struct state_call *c = &state_calls[i];
			int16_t id = device_in((enum state)s);
			int ret = c->call(id);

			if (ret != c->primary[s])
				fail_msg("%s: %s: %d instead of %d", state_names[s], c->name, ret,
					c->primary[s]);
			const bool gone = s == GONE || (c->call == rte_dma_close && ret == 0);

			assert_int_equal(rte_dma_is_valid(id), !gone);
			if (!gone)
				assert_usable(id);
			assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
			assert_true(rte_dma_get_dev_id_by_name(TEST_NAME) < 0);
		}
	rte_free(state_buf);
}

/* The fast path where it has no business: it refuses, and touches nothing. */
static void
assert_fast_path_is_shut(int16_t id)
{
	for (unsigned int again = 0; again < 2; again++) {
		assert_int_equal(call_copy(id), -ENOSPC);
		assert_int_equal(call_copy_and_submit(id), -ENOSPC);
		assert_int_equal(call_fill(id), -ENOSPC);
		assert_int_equal(call_copy_sg(id), -ENOSPC);
		assert_int_equal(rte_dma_burst_capacity(id, 0), 0);
		assert_int_equal(rte_dma_submit(id, 0), 0);
		assert_int_equal(call_completed(id), 0);
		assert_int_equal(call_completed_status(id), 0);
	}
}

/* One device through all of them, and back. */
static void
a_life_with_everything_in_it(void **unused)
{
	int16_t id = test_plug_with(test_args());
	enum rte_dma_status_code status[8];

	(void)unused;
	state_buf = test_buffer(2 * STATE_LEN);
	memset(state_buf, 0x55, 128);
	assert_fast_path_is_shut(id);
	assert_int_equal(configure_with(id, 2), 0);
	assert_fast_path_is_shut(id);
	assert_int_equal(set_up_with(id, 0, 64, M2M), 0);
	assert_fast_path_is_shut(id);
	assert_int_equal(rte_dma_start(id), -EINVAL);
	assert_fast_path_is_shut(id);
	assert_int_equal(set_up_with(id, 1, 64, M2M), 0);
	assert_fast_path_is_shut(id);
	assert_int_equal(state_buf[0], 0x55);
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(rte_dma_start(id), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(call_copy(id), i);
	assert_int_equal(rte_dma_submit(id, 0), 0);
	/* stopped: what was done can still be taken, nothing can be added, before and after */
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(call_copy(id), -ENOSPC);
	assert_int_equal(rte_dma_completed_status(id, 0, 8, NULL, status), 3);
	assert_fast_path_is_shut(id);
	/* again, and set up anew */
	assert_int_equal(rte_dma_start(id), 0);
	assert_int_equal(call_copy(id), 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(configure_with(id, 2), 0);
	assert_fast_path_is_shut(id);
	assert_int_equal(rte_dma_start(id), -EINVAL);
	assert_int_equal(rte_dma_close(id), 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	rte_free(state_buf);
}

/* A vchan that is not set up says nothing of whose it is: not even that there is a device 0. */
static void
a_device_that_is_not_the_first_is_shut_as_well(void **unused)
{
	static const char first[] = "dma_dad_first";

	(void)unused;
	assert_int_equal(rte_vdev_init(first, test_args()), 0);
	assert_int_equal(rte_dma_get_dev_id_by_name(first), 0);
	int16_t id = test_plug_with(test_args());

	assert_int_equal(rte_vdev_uninit(first), 0);
	assert_int_not_equal(id, 0);
	state_buf = test_buffer(2 * STATE_LEN);
	assert_int_equal(configure_with(id, 2), 0);
	assert_fast_path_is_shut(id);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	rte_free(state_buf);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_call_in_each_state),
	cmocka_unit_test(a_life_with_everything_in_it),
	cmocka_unit_test(a_device_that_is_not_the_first_is_shut_as_well),
};

TEST_MAIN(tests)
