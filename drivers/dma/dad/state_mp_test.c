/* SPDX-License-Identifier: BSD-3-Clause */

/* The same table in a secondary process: it may look and use, and change nothing. */

#include <errno.h>

#include <rte_memzone.h>

#include "test_secondary.h"

#include "rte_pmd_dad.h"
#include "state_calls.h"

/* What primary and secondary tell each other. */
#define SIGN_NAME "state_mp_sign"

enum sign {
	NOBODY,
	THERE,	  /* the secondary has found the device */
	GONE_NOW, /* the primary has closed it */
};

/* Until the other one says so, ten seconds at most. */
static bool
await_sign(const int *sign, enum sign what)
{
	for (unsigned int ms = 0; ms < 10000; ms++) {
		if (__atomic_load_n(sign, __ATOMIC_ACQUIRE) == (int)what)
			return true;
		rte_delay_us_sleep(1000);
	}
	return false;
}

/* As secondary: what looks at the device as a whole, when the primary has closed it meanwhile. */
static int
look_at_a_closed_one(int16_t id)
{
	const struct rte_memzone *mz = rte_memzone_lookup(SIGN_NAME);
	struct rte_dma_info info;
	struct rte_dma_stats stats;
	int wrong = 0;

	if (mz == NULL || rte_dma_info_get(id, &info) != 0)
		return 1;
	int *sign = mz->addr;
	__atomic_store_n(sign, THERE, __ATOMIC_RELEASE);
	if (!await_sign(sign, GONE_NOW))
		return 1;
	struct rte_pmd_dma_dad_info extras;
	FILE *f = fopen("/dev/null", "w");

	wrong += rte_dma_info_get(id, &info) != -ENODEV;
	wrong += rte_dma_stats_get(id, RTE_DMA_ALL_VCHAN, &stats) != -ENODEV;
	wrong += rte_dma_stats_reset(id, RTE_DMA_ALL_VCHAN) != -ENODEV;
	wrong += f != NULL && rte_dma_dump(id, f) >= 0;
	wrong += rte_dma_start(id) >= 0;
	wrong += rte_pmd_dma_dad_info_get(id, &extras) != -ENODEV;
	if (f != NULL)
		fclose(f);
	if (wrong > 0)
		fprintf(stderr, "secondary: %d calls were wrong\n", wrong);
	return wrong;
}

/* As secondary: all calls in their order, on the device as the primary left it. */
static int
call_all(const char *what)
{
	const unsigned int s = (unsigned int)atoi(what);
	int id = rte_dma_get_dev_id_by_name(TEST_NAME);
	int wrong = 0;

	if (s > GONE || id < 0) {
		fprintf(stderr, "secondary: no device\n");
		return 1;
	}
	if (s == GONE)
		return look_at_a_closed_one((int16_t)id);
	state_buf = rte_zmalloc(NULL, 2 * STATE_LEN, 64);
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
	state_buf = test_buffer(2 * STATE_LEN);
	assert_int_equal(call_copy(id), 0);
	test_expect(id, RTE_DMA_STATUS_SUCCESSFUL);
	rte_free(state_buf);
	test_close(id);
}

static void
a_secondary_finds_it_closed(void **unused)
{
	const struct rte_memzone *mz =
		rte_memzone_reserve(SIGN_NAME, sizeof(int), SOCKET_ID_ANY, 0);
	char what[8];

	(void)unused;
	assert_non_null(mz);
	int *sign = mz->addr;
	*sign = NOBODY;
	int16_t id = test_open(2, 64);
	snprintf(what, sizeof(what), "%u", (unsigned int)GONE);
	const pid_t pid = secondary_start(what);
	assert_true(await_sign(sign, THERE));
	assert_int_equal(rte_dma_stop(id), 0);
	assert_int_equal(rte_dma_close(id), 0);
	__atomic_store_n(sign, GONE_NOW, __ATOMIC_RELEASE);
	assert_int_equal(secondary_wait(pid), 0);
	assert_int_equal(rte_vdev_uninit(TEST_NAME), 0);
	rte_memzone_free(mz);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_call_in_each_state),
	cmocka_unit_test(a_secondary_finds_it_closed),
};

int
main(int argc, char **argv)
{
	return secondary_main(argc, argv, call_all, tests, RTE_DIM(tests));
}
