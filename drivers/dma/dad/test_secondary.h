/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_SECONDARY_H
#define TEST_SECONDARY_H

/*
 * A test program that is its own secondary process. EAL shares memory through files on hugetlbfs
 * only: one is mounted in a mount namespace of the test's own, so nothing is left behind and
 * nobody else's processes are met. Where that may not be done it is skipped.
 */

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_device.h"

#define SECONDARY_SELF "/proc/self/exe"

static struct eal_defaults secondary_eal;

/* In a secondary, EAL's bus keeps the devices that the primary told it of when it goes. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:librte_bus_vdev\n";
}

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

	for (unsigned int ms = 0; ms < 20000; ms++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		rte_delay_us_sleep(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	fail_msg("the secondary hangs");
	return -1;
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
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(huge, sizeof(huge), "%s/huge", dir);
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("tmpfs", dir, "tmpfs", 0, "mode=0700") != 0 || mkdir(huge, 0700) != 0 ||
		mount("hugetlbfs", huge, "hugetlbfs", 0, "pagesize=2M") != 0 ||
		setenv("RUNTIME_DIRECTORY", dir, 1) != 0) {
		print_message("no right to mount a hugetlbfs: not run\n");
		goto out;
	}
	const char *more = getenv("DAD_TEST_EAL");
	if (eal_defaults_append(&secondary_eal, argv[0]) != 0 ||
		eal_defaults_append(&secondary_eal,
			"-l 0 --no-pci --file-prefix dad_mp " EAL_TEST_SHARED " --huge-dir") != 0 ||
		eal_defaults_append(&secondary_eal, huge) != 0 ||
		(more != NULL && eal_defaults_append(&secondary_eal, more) != 0)) {
		ret = 1;
		goto out;
	}
	/* EAL shuffles the list it is given; the secondary needs ours */
	char *args[EAL_DEFAULTS_MAX_ARGS + 1];
	memcpy(args, secondary_eal.argv, sizeof(args));
	if (rte_eal_init(secondary_eal.argc, args) < 0) {
		print_message("no EAL, perhaps for want of hugepages: not run\n");
		goto out;
	}
	ret = _cmocka_run_group_tests("mp", tests, n, NULL, NULL);
	rte_eal_cleanup();
out:
	umount2(huge, MNT_DETACH);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return ret;
}

#endif /* TEST_SECONDARY_H */
