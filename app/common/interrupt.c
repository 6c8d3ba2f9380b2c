/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "interrupt.h"

static volatile sig_atomic_t flag;
static int wake[2] = {-1, -1};

static void
on_signal(int number)
{
	int saved = errno;

	(void)number;
	flag = 1;
	/* stays readable for ever after: a sleep that starts later ends at once */
	ssize_t n = write(wake[1], "", 1);
	(void)n;
	errno = saved;
}

int
interrupt_install(void)
{
	/*
	 * No SA_RESTART: a read or a write that blocks must come back. The second signal has its
	 * default action: a driver that hangs must not keep the user from ending the program.
	 */
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
		return -errno;
	/* a reader of our output that went away shows as an error of the write */
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

bool
interrupted(void)
{
	return flag != 0;
}

bool
interruptible_wait(int fd, int timeout_ms)
{
	struct pollfd fds[2] = {
		{.fd = wake[0], .events = POLLIN},
		{.fd = fd, .events = POLLIN},
	};

	if (poll(fds, 2, timeout_ms) <= 0)
		return false;
	return fds[1].revents != 0;
}
