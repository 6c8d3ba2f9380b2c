/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Named rings between a primary and a secondary EAL process. The secondary is this program again.
 *
 * EAL shares memory through files on hugetlbfs only. The test mounts one of its own, in a mount
 * namespace of its own, so nothing is left behind and nobody else's processes are met; where it
 * may not do that, or has no hugepages, it is skipped (EAL_TEST_SKIP).
 */

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "dad_ring.h"
#include "eal_test.h"

#define HUGEPAGES    32 /* 2 MiB each: what the two processes need at most */
#define TIME_LIMIT_S 60 /* a hang ends the test */
#define ELEMENTS     200000
#define BURST	     24
#define SELF	     "/proc/self/exe"
#define AS_SECONDARY "secondary"

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
echo_as_secondary(void)
{
	struct dad_ring *there, *back, *own;
	struct element e[BURST];
	uint64_t seq = 0;

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

/* Of the running test; its first argument is argv[0]. */
static struct eal_defaults eal;

static pid_t
start_secondary(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
	eal_defaults_append(&eal, "--proc-type=secondary");
	char *argv[EAL_DEFAULTS_MAX_ARGS + 2] = {SELF, AS_SECONDARY};
	for (int i = 1; i <= eal.argc; i++)
		argv[i + 1] = eal.argv[i];
	execv(SELF, argv);
	_exit(126);
}

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
	pid_t pid = start_secondary();
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
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);

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

/* ---- a place for EAL's files ------------------------------------------------------------ */

static unsigned long
free_hugepages(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages;
}

/* A tmpfs for EAL's runtime files with a hugetlbfs in it, seen by us and our children alone. */
static const char *
make_place(const char *dir, const char *huge)
{
	if (free_hugepages() < HUGEPAGES)
		return "not enough free 2 MiB hugepages";
	if (unshare(CLONE_NEWNS) != 0)
		return "no right to a mount namespace";
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("tmpfs", dir, "tmpfs", 0, "mode=0700") != 0)
		return "no right to mount";
	if (mkdir(huge, 0700) != 0 || mount("hugetlbfs", huge, "hugetlbfs", 0, "pagesize=2M") != 0)
		return "no hugetlbfs";
	/* where EAL keeps its runtime files */
	if (setenv("RUNTIME_DIRECTORY", dir, 1) != 0)
		return "no memory";
	return NULL;
}

static int
run_as_primary(const char *prog, const char *huge)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secondary_finds_rings_and_moves_elements_through_them),
	};
	const char *more = getenv("DAD_TEST_EAL");

	if (eal_defaults_append(&eal, prog) < 0 ||
		eal_defaults_append(&eal,
			"--no-pci --file-prefix dad_ring_mp_test " EAL_TEST_SHARED
			" --huge-dir") < 0 ||
		eal_defaults_append(&eal, huge) < 0 ||
		(more != NULL && eal_defaults_append(&eal, more) < 0))
		return 1;
	/* EAL shuffles the list it is given; the secondary needs ours. */
	char *argv[EAL_DEFAULTS_MAX_ARGS + 1];
	memcpy(argv, eal.argv, sizeof(argv));
	if (rte_eal_init(eal.argc, argv) < 0)
		return 1;
	int failed = cmocka_run_group_tests_name("ring_mp", tests, NULL, NULL);
	rte_eal_cleanup();
	return failed;
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/dad_ring_mp_XXXXXX";
	char huge[sizeof(dir) + 5];

	alarm(TIME_LIMIT_S);
	if (argc > 1 && strcmp(argv[1], AS_SECONDARY) == 0) {
		if (rte_eal_init(argc - 1, argv + 1) < 0)
			return 1;
		int ret = echo_as_secondary();
		rte_eal_cleanup();
		return ret;
	}

	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 1;
	}
	snprintf(huge, sizeof(huge), "%s/huge", dir);
	const char *why_not = make_place(dir, huge);
	int ret = EAL_TEST_SKIP;
	if (why_not == NULL)
		ret = run_as_primary(argv[0], huge);
	else
		printf("skipped: %s\n", why_not);
	umount2(huge, MNT_DETACH);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return ret;
}
