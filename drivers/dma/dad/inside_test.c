/* SPDX-License-Identifier: BSD-3-Clause */

/* Who takes memory away waits for threads that are in the middle of operations, and for no others.
 */

#include <sys/wait.h>

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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_that_is_inside_is_waited_for),
	cmocka_unit_test(many_do_not_get_into_each_other_s_way),
	cmocka_unit_test(a_new_process_waits_for_none_of_the_old_one_s_threads),
};

TEST_MAIN(tests)
