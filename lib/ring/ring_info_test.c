/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be learnt about a ring: statistics, telemetry, waiting, the list of rings. */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "dad_ring.h"
#include "eal_test.h"

static struct dad_ring *
new_ring(const char *name, size_t count, unsigned int flags)
{
	struct dad_ring *r = dad_ring_create(name, 8, count, SOCKET_ID_ANY, flags);

	assert_non_null(r);
	return r;
}

/* ---- statistics ------------------------------------------------------------------------- */

/* The same calls, by whichever thread. */
static void *
some_calls(void *ring)
{
	struct dad_ring *r = ring;
	uint64_t objs[16] = {0};
	struct dad_ring_span s;

	dad_ring_enqueue_bulk(r, objs, 10, NULL);
	dad_ring_enqueue_bulk(r, objs, 7, NULL); /* refused */
	dad_ring_enqueue_burst(r, objs, 0, NULL);
	dad_ring_reserve_burst(r, 99, &s, NULL);
	dad_ring_commit(r, &s, 6);
	dad_ring_enqueue_burst(r, objs, 1, NULL); /* refused */
	dad_ring_dequeue_burst(r, objs, 16, NULL);
	dad_ring_dequeue_burst(r, objs, 16, NULL); /* refused */
	return NULL;
}

static void
expect_calls(struct dad_ring *r, uint64_t times)
{
	struct dad_ring_stats s;

	assert_int_equal(dad_ring_stats_get(r, &s), 0);
	assert_int_equal(s.enqueue.calls, 2 * times);
	assert_int_equal(s.enqueue.elements, 16 * times);
	assert_int_equal(s.enqueue.refused, 2 * times);
	assert_int_equal(s.enqueue.retries, 0);
	assert_int_equal(s.dequeue.calls, times);
	assert_int_equal(s.dequeue.elements, 16 * times);
	assert_int_equal(s.dequeue.refused, times);
	assert_int_equal(s.high_water, times > 0 ? 16 : 0);
}

static void
calls_are_counted_by_lcores_and_by_other_threads(void **state)
{
	struct dad_ring *r = new_ring("counting", 16, DAD_RING_STATS);
	pthread_t thread;

	(void)state;
	assert_int_not_equal(rte_lcore_id(), LCORE_ID_ANY);
	expect_calls(r, 0);
	some_calls(r);
	expect_calls(r, 1);
	assert_int_equal(pthread_create(&thread, NULL, some_calls, r), 0);
	pthread_join(thread, NULL);
	expect_calls(r, 2);
	assert_int_equal(dad_ring_stats_reset(r), 0);
	expect_calls(r, 0);
	assert_int_equal(dad_ring_free(r), 0);
}

static void
a_ring_that_does_not_count_says_so(void **state)
{
	struct dad_ring *r = new_ring("silent", 16, 0);
	struct dad_ring_stats s;

	(void)state;
	some_calls(r);
	assert_int_equal(dad_ring_stats_get(r, &s), -ENOTSUP);
	assert_int_equal(s.enqueue.calls, 0);
	assert_int_equal(dad_ring_stats_reset(r), -ENOTSUP);
	assert_int_equal(dad_ring_free(r), 0);
}

static void
slots_in_hands_are_counted_and_grow_old(void **state)
{
	struct dad_ring *r = new_ring("held", 16, DAD_RING_STATS);
	struct dad_ring_span a, b, c;
	struct dad_ring_stats s;
	uint64_t objs[4] = {0};

	(void)state;
	dad_ring_enqueue_bulk(r, objs, 4, NULL);
	dad_ring_reserve_bulk(r, 3, &a, NULL);
	dad_ring_reserve_bulk(r, 2, &b, NULL);
	dad_ring_claim_bulk(r, 4, &c, NULL);
	assert_int_equal(dad_ring_stats_get(r, &s), 0);
	assert_int_equal(s.filling, 5);
	assert_int_equal(s.emptying, 4);
	usleep(2000);
	assert_int_equal(dad_ring_stats_get(r, &s), 0);
	assert_true(s.hole_ns >= 2000000);
	assert_true(s.slow_read_ns >= 2000000);
	dad_ring_release(r, &c);
	dad_ring_commit(r, &a, 3); /* the oldest hole is a younger one now */
	assert_int_equal(dad_ring_stats_get(r, &s), 0);
	assert_int_equal(s.filling, 2);
	assert_int_equal(s.emptying, 0);
	assert_true(s.hole_ns < 2000000);
	assert_int_equal(s.slow_read_ns, 0);
	dad_ring_commit(r, &b, 2);
	assert_int_equal(dad_ring_stats_get(r, &s), 0);
	assert_int_equal(s.hole_ns, 0);
	assert_int_equal(dad_ring_free(r), 0);
}

/* ---- the list ---------------------------------------------------------------------------- */

static void
count_ring(struct dad_ring *r, void *arg)
{
	unsigned int *seen = arg;

	*seen += strcmp(dad_ring_name(r), "walk a") == 0 ? 1 : 0;
	*seen += strcmp(dad_ring_name(r), "walk b") == 0 ? 100 : 0;
}

static void
every_named_ring_is_visited_once(void **state)
{
	struct dad_ring *a = new_ring("walk a", 16, 0), *b = new_ring("walk b", 16, 0);
	unsigned int seen = 0;

	(void)state;
	dad_ring_walk(count_ring, &seen);
	assert_int_equal(seen, 101);
	dad_ring_free(a);
	seen = 0;
	dad_ring_walk(count_ring, &seen);
	assert_int_equal(seen, 100);
	dad_ring_free(b);
}

/* ---- telemetry --------------------------------------------------------------------------- */

static char answer[16384];

static const char *
ask(int fd, const char *what)
{
	assert_true(send(fd, what, strlen(what), 0) > 0);
	ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
	assert_true(n > 0);
	answer[n] = '\0';
	return answer;
}

/* EAL processes that share a folder number their sockets: ours is the one that says so. */
static int
connect_to_own_telemetry(void)
{
	const struct timeval limit = {.tv_sec = 5};
	char pid[32];

	snprintf(pid, sizeof(pid), "\"pid\":%d,", getpid());
	for (int i = 0; i < 64; i++) {
		struct sockaddr_un addr = {.sun_family = AF_UNIX};
		char suffix[16] = "";
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		assert_true(fd >= 0);
		if (i > 0)
			snprintf(suffix, sizeof(suffix), ":%d", i);
		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk_telemetry.v2%s",
			rte_eal_get_runtime_dir(), suffix);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0) {
			ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);

			answer[n > 0 ? n : 0] = '\0';
			if (strstr(answer, pid) != NULL)
				return fd;
		}
		close(fd);
	}
	return -1;
}

static void
telemetry_lists_describes_and_counts(void **state)
{
	struct dad_ring *r = new_ring("told", 100, DAD_RING_STATS | DAD_RING_EXACT | DAD_RING_SC);
	uint64_t objs[7] = {0};
	int fd = connect_to_own_telemetry();

	(void)state;
	if (fd < 0) {
		print_message("EAL has no telemetry here\n");
		dad_ring_free(r);
		skip();
	}
	assert_int_equal(dad_ring_enqueue_bulk(r, objs, 7, NULL), 7);

	assert_non_null(strstr(ask(fd, "/dad/ring/list"), "\"told\""));
	ask(fd, "/dad/ring/info,told");
	assert_non_null(strstr(answer, "\"element_bytes\":8"));
	assert_non_null(strstr(answer, "\"capacity\":100"));
	assert_non_null(strstr(answer, "\"count\":7"));
	assert_non_null(strstr(answer, "\"producers\":\"many\""));
	assert_non_null(strstr(answer, "\"consumers\":\"single\""));
	ask(fd, "/dad/ring/stats,told");
	assert_non_null(strstr(answer, "\"enqueue\":{\"calls\":1,\"elements\":7,\"refused\":0"));
	assert_non_null(strstr(answer, "\"high_water\":7"));
	assert_non_null(strstr(ask(fd, "/dad/ring/info,nobody"), "null"));
	assert_non_null(strstr(ask(fd, "/dad/ring/stats"), "null"));
	close(fd);
	assert_int_equal(dad_ring_free(r), 0);
}

/* ---- waiting ----------------------------------------------------------------------------- */

static void
waiting_ends_when_there_is_something_or_time_is_up(void **state)
{
	struct dad_ring *r = new_ring("waited for", 16, 0);
	struct dad_ring_span s;
	uint64_t obj = 0;

	(void)state;
	assert_int_equal(dad_ring_wait(r, 0), -ETIMEDOUT);
	assert_int_equal(dad_ring_wait(r, 1000000), -ETIMEDOUT);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(dad_ring_reserve_bulk(r, 1, &s, NULL), 1);
		assert_int_equal(dad_ring_wait(r, 1000), -ETIMEDOUT);
		dad_ring_commit(r, &s, 1);
		assert_int_equal(dad_ring_wait(r, 0), 0);
		assert_int_equal(dad_ring_wait(r, UINT64_MAX), 0);
		assert_int_equal(dad_ring_dequeue_bulk(r, &obj, 1, NULL), 1);
	}
	assert_int_equal(dad_ring_free(r), 0);
}

static void *
enqueue_later(void *ring)
{
	usleep(20000);
	dad_ring_enqueue_bulk(ring, &(uint64_t){1}, 1, NULL);
	return NULL;
}

static void
a_waiting_thread_sees_what_another_enqueues(void **state)
{
	struct dad_ring *r = new_ring("woken", 16, 0);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, enqueue_later, r), 0);
	assert_int_equal(dad_ring_wait(r, UINT64_C(30000000000)), 0);
	pthread_join(thread, NULL);
	assert_int_equal(dad_ring_count(r), 1);
	assert_int_equal(dad_ring_free(r), 0);
}

int
main(int argc, char **argv)
{
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_counted_by_lcores_and_by_other_threads),
		cmocka_unit_test(a_ring_that_does_not_count_says_so),
		cmocka_unit_test(slots_in_hands_are_counted_and_grow_old),
		cmocka_unit_test(every_named_ring_is_visited_once),
		cmocka_unit_test(telemetry_lists_describes_and_counts),
		cmocka_unit_test(waiting_ends_when_there_is_something_or_time_is_up),
		cmocka_unit_test(a_waiting_thread_sees_what_another_enqueues),
	};
	int failed = cmocka_run_group_tests_name("ring_info", tests, NULL, NULL);

	rte_eal_cleanup();
	return failed;
}
