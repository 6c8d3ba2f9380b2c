/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MP_TEST_H
#define MP_TEST_H

/*
 * A test program that is its own secondary process. EAL shares memory through files on hugetlbfs
 * only: one is mounted in a mount namespace of the test's own, beside EAL's runtime files, so
 * nothing is left behind and nobody else's processes are met. Where that may not be done, or there
 * are too few hugepages, it is skipped; whatever else goes wrong is a failure. After cmocka.h.
 */

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "eal_test.h"

#define SECONDARY_SELF	    "/proc/self/exe"
/* Of 2 MiB each: what any of these tests needs at most. */
#define SECONDARY_HUGEPAGES 64

/* Of the primary; with one more option those of a secondary. */
static struct eal_defaults secondary_eal;

/* Start this program again, with a word that says what it shall do. */
static inline pid_t
secondary_start(const char *what)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
	eal_defaults_append(&secondary_eal, "--proc-type=secondary");
	char *argv[EAL_DEFAULTS_MAX_ARGS + 3] = {SECONDARY_SELF, "secondary", (char *)what};
	for (int i = 1; i <= secondary_eal.argc; i++)
		argv[i + 2] = secondary_eal.argv[i];
	execv(SECONDARY_SELF, argv);
	raise(SIGKILL);
	return -1;
}

/* Its exit status, within a time; -1 if a signal ended it. */
static inline int
secondary_wait(pid_t pid)
{
	int status = 0;

	for (unsigned int ms = 0; ms < 60000; ms++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		rte_delay_us_sleep(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	fail_msg("the secondary hangs");
	return -1;
}

static inline unsigned long
secondary_free_hugepages(void)
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

/* A tmpfs for EAL's runtime files with a hugetlbfs in it, seen by us and our children alone.
 * @return NULL, or why there can be none */
static inline const char *
secondary_make_place(const char *dir, const char *huge)
{
	if (getenv("DAD_NO_HUGE") != NULL)
		return "no hugepages, as DAD_NO_HUGE says";
	if (secondary_free_hugepages() < SECONDARY_HUGEPAGES)
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

/* On one CPU that there is. @return 0, or the status that main() shall return */
static inline int
secondary_init_primary(const char *huge)
{
	const char *more = getenv("DAD_TEST_EAL");
	struct eal_defaults chosen;

	eal_defaults_choose(&chosen, "test", EAL_DEFAULTS_ONE_CPU);
	if (eal_defaults_append(&secondary_eal, "test -l") != 0 ||
		eal_defaults_append(&secondary_eal, chosen.argv[2]) != 0 ||
		eal_defaults_append(&secondary_eal,
			"--no-pci --file-prefix=dad_mp " EAL_TEST_SHARED " --huge-dir") != 0 ||
		eal_defaults_append(&secondary_eal, huge) != 0 ||
		(more != NULL && eal_defaults_append(&secondary_eal, more) != 0))
		return 1;
	/* EAL shuffles the list it is given; the secondary needs ours */
	char *args[EAL_DEFAULTS_MAX_ARGS + 1];
	memcpy(args, secondary_eal.argv, sizeof(args));
	return rte_eal_init(secondary_eal.argc, args) < 0 ? 1 : 0;
}

/* What main() calls: as secondary, the function; as primary, the tests. */
static inline int
secondary_main(int argc, char **argv, int (*as_secondary)(const char *what),
	const struct CMUnitTest *tests, size_t n)
{
	char dir[] = "/tmp/dad_mp_XXXXXX", huge[sizeof(dir) + 5];
	int ret = EAL_TEST_SKIP;

	if (argc > 2 && strcmp(argv[1], "secondary") == 0) {
		const char *what = argv[2];

		if (rte_eal_init(argc - 2, argv + 2) < 0)
			return 1;
		ret = as_secondary(what);
		rte_eal_cleanup();
		return ret;
	}
	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 1;
	}
	snprintf(huge, sizeof(huge), "%s/huge", dir);
	const char *why_not = secondary_make_place(dir, huge);
	if (why_not != NULL)
		print_message("%s: not run\n", why_not);
	else
		ret = secondary_init_primary(huge);
	if (why_not == NULL && ret == 0) {
		ret = _cmocka_run_group_tests("mp", tests, n, NULL, NULL);
		rte_eal_cleanup();
	}
	umount2(huge, MNT_DETACH);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return ret;
}

#endif /* MP_TEST_H */
