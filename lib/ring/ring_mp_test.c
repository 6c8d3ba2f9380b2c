/* SPDX-License-Identifier: BSD-3-Clause */
/* Named rings between a primary and a secondary EAL process. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "dad_ring.h"
#include "mp_test.h"

#define TIME_LIMIT_S 60 /* a hang ends the test */
#define ELEMENTS     200000
#define BURST	     24

struct element {
	uint64_t seq, inverse;
};

/* ---- the secondary ---------------------------------------------------------------------- */

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "secondary: line %d: %s (rte_errno %d)\n", __LINE__,       \
				#condition, rte_errno);                                            \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

/* Take numbers from one ring and give them back, negated, in the other. */
static int
echo_as_secondary(const char *what)
{
	struct dad_ring *there, *back, *own;
	struct element e[BURST];
	uint64_t seq = 0;

	(void)what;
	must(dad_ring_lookup("nobody") == NULL && rte_errno == ENOENT);
	there = dad_ring_lookup("there");
	must(there != NULL);
	back = dad_ring_lookup("back");
	must(back != NULL);
	must(dad_ring_capacity(there) == 64);
	must(dad_ring_create("there", 16, 64, SOCKET_ID_ANY, 0) == NULL && rte_errno == EEXIST);
	own = dad_ring_create("own", 4, 8, SOCKET_ID_ANY, 0);
	must(own != NULL);
	must(dad_ring_enqueue_bulk(own, "abcdefgh", 2, NULL) == 2);

	while (seq < ELEMENTS) {
		size_t n = dad_ring_dequeue_burst(there, e, BURST, NULL);

		for (size_t i = 0; i < n; i++, seq++) {
			must(e[i].seq == seq && e[i].inverse == ~seq);
			e[i].seq = ~seq;
			e[i].inverse = seq;
		}
		for (size_t sent = 0; sent < n;) {
			size_t more = dad_ring_enqueue_burst(back, e + sent, n - sent, NULL);

			sent += more;
			if (more == 0)
				sched_yield();
		}
		if (n == 0)
			sched_yield();
	}
	return 0;
}

/* ---- the primary ------------------------------------------------------------------------ */

static void
a_secondary_finds_rings_and_moves_elements_through_them(void **state)
{
	struct dad_ring *there =
		dad_ring_create("there", sizeof(struct element), 64, SOCKET_ID_ANY, 0);
	struct dad_ring *back =
		dad_ring_create("back", sizeof(struct element), 32, SOCKET_ID_ANY, 0);
	uint64_t sent = 0, received = 0;
	int status = -1;

	(void)state;
	assert_non_null(there);
	assert_non_null(back);
	/* Some are waiting before the secondary is born. */
	for (; sent < 40; sent++)
		assert_int_equal(
			dad_ring_enqueue_bulk(there, &(struct element){sent, ~sent}, 1, NULL), 1);
	pid_t pid = secondary_start("");
	assert_true(pid > 0);

	while (received < ELEMENTS) {
		struct element e[BURST];
		size_t n = RTE_MIN((uint64_t)BURST, ELEMENTS - sent);

		for (size_t i = 0; i < n; i++)
			e[i] = (struct element){sent + i, ~(sent + i)};
		n = dad_ring_enqueue_burst(there, e, n, NULL);
		sent += n;
		size_t m = dad_ring_dequeue_burst(back, e, BURST, NULL);
		for (size_t i = 0; i < m; i++, received++) {
			assert_int_equal(e[i].seq, ~received);
			assert_int_equal(e[i].inverse, received);
		}
		if (n + m == 0) {
			assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
			sched_yield();
		}
	}
	assert_int_equal(secondary_wait(pid), 0);

	/* A ring outlives the process that made it. */
	char text[9] = "";
	struct dad_ring *own = dad_ring_lookup("own");
	assert_non_null(own);
	assert_int_equal(dad_ring_dequeue_burst(own, text, 2, NULL), 2);
	assert_string_equal(text, "abcdefgh");
	assert_int_equal(dad_ring_free(own), 0);
	assert_int_equal(dad_ring_free(there), 0);
	assert_int_equal(dad_ring_free(back), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secondary_finds_rings_and_moves_elements_through_them),
	};

	alarm(TIME_LIMIT_S);
	return secondary_main(argc, argv, echo_as_secondary, tests, RTE_DIM(tests));
}
