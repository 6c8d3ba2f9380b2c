/* SPDX-License-Identifier: BSD-3-Clause */

/* Who takes memory away waits for threads that are in the middle of operations, and for no others.
 */

#include <sys/wait.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_inside.h"
#include "test_device.h"

#define THREADS 300 /* more than there is room for without asking for memory */

static pthread_barrier_t barrier;

/* Inside between the first two meetings, and there until the third. */
static void *
stay(void *arg)
{
	struct dad_inside *me = dad_inside_enter();

	(void)arg;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	dad_inside_leave(me);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void
one_that_is_inside_is_waited_for(void **state)
{
	pthread_t thread;

	(void)state;
	assert_true(dad_inside_await());
	pthread_barrier_init(&barrier, NULL, 2);
	test_thread(&thread, stay, NULL);
	pthread_barrier_wait(&barrier);
	assert_false(dad_inside_await());
	pthread_barrier_wait(&barrier);
	assert_true(dad_inside_await());
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
}

/* Each of many has a place of its own, again and again. */
static void
many_do_not_get_into_each_other_s_way(void **state)
{
	pthread_t thread[THREADS];

	(void)state;
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < THREADS; i++)
			test_thread(&thread[i], stay, NULL);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		assert_true(dad_inside_await());
		for (unsigned int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
	}
	pthread_barrier_destroy(&barrier);
}

static void *
pass(void *arg)
{
	struct dad_inside *me = dad_inside_enter();

	*(struct dad_inside **)arg = me;
	dad_inside_leave(me);
	return NULL;
}

/* What a forked process does: 0, or which step has failed. */
static int
child_main(const struct dad_inside *mine)
{
	struct dad_inside *other = NULL;
	pthread_t thread;

	if (!dad_inside_await())
		return 1;
	struct dad_inside *me = dad_inside_enter();
	dad_inside_leave(me);
	if (me != mine)
		return 2;
	/* one of those that were left behind is taken */
	if (pthread_create(&thread, NULL, pass, &other) != 0 || pthread_join(thread, NULL) != 0)
		return 3;
	return other != NULL && other != mine && dad_inside_await() ? 0 : 4;
}

static void
a_new_process_waits_for_none_of_the_old_one_s_threads(void **state)
{
	struct dad_inside *mine = dad_inside_enter();
	pthread_t thread;
	int status;

	(void)state;
	dad_inside_leave(mine);
	pthread_barrier_init(&barrier, NULL, 2);
	test_thread(&thread, stay, NULL);
	pthread_barrier_wait(&barrier);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child_main(mine));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* which says nothing of this one */
	assert_false(dad_inside_await());
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
}

/* ---- what goes while EAL is asked ------------------------------------------------------------ */

#define LEN 64

/* Memory that no table has: at addresses where there is nothing else. */
static struct place {
	uint64_t addr;
	uint8_t *va; /* NULL: it is gone */
} places[2] = {{UINT64_C(0x123456000000), NULL}, {UINT64_C(0x123457000000), NULL}};

static unsigned int questions, leaves_at;
static struct place *leaver;

/* In the place of lib/dma's, which asks EAL. Somebody takes memory away while it does. */
void *
dad_dma_bus_to_virt(const struct dad_dma_domain *domain, dad_dma_addr_t addr, size_t *contig)
{
	uint8_t *va = NULL;

	(void)domain;
	for (unsigned int i = 0; i < RTE_DIM(places); i++)
		if (addr == places[i].addr)
			va = places[i].va;
	*contig = LEN;
	if (++questions == leaves_at) {
		leaver->va = NULL;
		assert_true(dad_inside_await());
	}
	return va;
}

/* The status of a copy, or without src a fill, while a place leaves at the nth question. */
static enum rte_dma_status_code
status_of(int16_t dev, rte_iova_t src, rte_iova_t dst, struct place *who, unsigned int when)
{
	enum rte_dma_status_code status;

	questions = 0;
	leaves_at = when;
	leaver = who;
	assert_true((src != 0 ? rte_dma_copy(dev, 0, src, dst, LEN, RTE_DMA_OP_FLAG_SUBMIT)
			      : rte_dma_fill(dev, 0, UINT64_MAX, dst, LEN,
					RTE_DMA_OP_FLAG_SUBMIT)) >= 0);
	test_gather(dev, 0, 1, &status);
	return status;
}

static void
what_goes_while_eal_is_asked_is_not_touched(void **state)
{
	int16_t dev = test_open(1, 32);
	uint8_t *known = test_buffer(LEN), *buf = test_buffer(2 * LEN);
	const rte_iova_t from = places[0].addr, to = places[1].addr;
	static const uint8_t zeros[LEN];

	(void)state;
	memset(known, 0x11, LEN);
	for (unsigned int when = 0; when < 5; when++)
		for (unsigned int who = 0; who < 2; who++) {
			/* copies from place to place */
			const bool left = when == 1 || when == 2;

			places[0].va = memset(buf, 0x22, LEN);
			places[1].va = memset(buf + LEN, 0, LEN);
			assert_int_equal(status_of(dev, from, to, &places[who], when),
				!left		   ? RTE_DMA_STATUS_SUCCESSFUL
					: who == 0 ? RTE_DMA_STATUS_INVALID_SRC_ADDR
						   : RTE_DMA_STATUS_INVALID_DST_ADDR);
			assert_memory_equal(buf + LEN, left ? zeros : buf, LEN);
		}
	/* with one side that the table has; and a fill */
	memset(buf + LEN, 0, LEN);
	places[0].va = buf;
	assert_int_equal(status_of(dev, from, iova(buf + LEN), &places[0], 1),
		RTE_DMA_STATUS_INVALID_SRC_ADDR);
	places[1].va = buf + LEN;
	assert_int_equal(
		status_of(dev, iova(known), to, &places[1], 1), RTE_DMA_STATUS_INVALID_DST_ADDR);
	places[1].va = buf + LEN;
	assert_int_equal(status_of(dev, 0, to, &places[1], 1), RTE_DMA_STATUS_INVALID_DST_ADDR);
	assert_memory_equal(buf + LEN, zeros, LEN);
	rte_free(known);
	rte_free(buf);
	test_close(dev);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_that_is_inside_is_waited_for),
	cmocka_unit_test(many_do_not_get_into_each_other_s_way),
	cmocka_unit_test(a_new_process_waits_for_none_of_the_old_one_s_threads),
	cmocka_unit_test(what_goes_while_eal_is_asked_is_not_touched),
};

TEST_MAIN(tests)
