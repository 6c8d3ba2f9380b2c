/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TELEMETRY_CLIENT_H
#define TELEMETRY_CLIENT_H

/* Telemetry of this process as a client sees it, for unit tests. After cmocka.h. */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_eal.h>

/* Programs with the same prefix number their sockets; the greeting tells whose it is. */
static inline int
telemetry_try_socket(unsigned int number)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 5};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	char greeting[2048] = "", mine[32], suffix[16] = "";

	if (number > 0)
		snprintf(suffix, sizeof(suffix), ":%u", number);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/dpdk_telemetry.v2%s",
		rte_eal_get_runtime_dir(), suffix);
	snprintf(mine, sizeof(mine), "\"pid\":%d,", getpid());
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		read(fd, greeting, sizeof(greeting) - 1) <= 0 || strstr(greeting, mine) == NULL) {
		close(fd);
		return -1;
	}
	return fd;
}

/* -1 if there is none: another process may have the socket. */
static inline int
telemetry_connect(void)
{
	int fd = -1;

	for (unsigned int number = 0; number < 10 && fd < 0; number++)
		fd = telemetry_try_socket(number);
	return fd;
}

/* The answer stays until the next question. */
static inline const char *
telemetry_ask(int fd, const char *command)
{
	static char answer[64u << 10];

	assert_int_equal(write(fd, command, strlen(command)), strlen(command));
	ssize_t n = read(fd, answer, sizeof(answer) - 1);
	assert_true(n > 0);
	answer[n] = '\0';
	return answer;
}

static inline void
telemetry_assert_says(int fd, const char *command, const char *what)
{
	const char *answer = telemetry_ask(fd, command);

	if (strstr(answer, what) == NULL)
		fail_msg("%s: %s: no %s", command, answer, what);
}

#endif /* TELEMETRY_CLIENT_H */
