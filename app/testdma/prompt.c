/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmdline.h>
#include <cmdline_parse.h>
#include <cmdline_socket.h>

#include "command.h"
#include "interrupt.h"
#include "prompt.h"

#define PROMPT	"dad-testdma> "
#define POLL_MS 20

static int
run_line(struct prompt *p, struct cmdline *cl, const char *line)
{
	int ret;

	p->result = 0;
	ret = cmdline_parse(cl, line);
	if (ret < 0) {
		fprintf(stderr, "%s: help lists the commands\n",
			ret == CMDLINE_PARSE_BAD_ARGS ? "bad arguments" : "no such command");
		return -EINVAL;
	}
	return p->result;
}

static int
run_lines(struct prompt *p, FILE *f, const char *path, struct cmdline *cl)
{
	char *line = NULL;
	size_t room = 0;
	unsigned int number = 0;
	ssize_t len;
	int ret = 0;

	while (ret == 0 && !p->quit && !interrupted() && (len = getline(&line, &room, f)) > 0) {
		char *with_end = NULL;

		number++;
		line[strcspn(line, "\r\n")] = '\0';
		printf("%s%s\n", PROMPT, line);
		fflush(stdout);
		if (asprintf(&with_end, "%s\n", line) < 0) {
			ret = -ENOMEM;
			break;
		}
		ret = run_line(p, cl, with_end);
		free(with_end);
		if (ret != 0)
			fprintf(stderr, "%s:%u: failed: %s\n", path, number, line);
	}
	if (ret == 0 && ferror(f)) {
		fprintf(stderr, "bad cmdline-file '%s': cannot be read: %s\n", path,
			strerror(errno));
		ret = -EINVAL;
	}
	free(line);
	return ret;
}

int
prompt_file(struct prompt *p, const char *path)
{
	FILE *f = fopen(path, "re");
	struct commands *commands;
	struct cmdline *cl;
	int ret;

	if (f == NULL) {
		fprintf(stderr, "bad cmdline-file '%s': cannot be opened: %s\n", path,
			strerror(errno));
		return -EINVAL;
	}
	commands = commands_create(p);
	/* it only parses: no input, no output */
	cl = commands != NULL ? cmdline_new(commands_context(commands), "", -1, -1) : NULL;
	ret = cl != NULL ? run_lines(p, f, path, cl) : -ENOMEM;
	if (cl != NULL)
		cmdline_free(cl);
	commands_free(commands);
	fclose(f);
	return ret;
}

/* rte_cmdline turns all signals from the keyboard off. Here ^C is one, as elsewhere. */
static void
keep_interrupt_key(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) != 0)
		return;
	t.c_lflag |= ISIG;
	t.c_cc[VQUIT] = _POSIX_VDISABLE;
	t.c_cc[VSUSP] = _POSIX_VDISABLE;
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

int
prompt_interactive(struct prompt *p)
{
	struct commands *commands = commands_create(p);
	struct cmdline *cl;
	bool ended = false;
	char c;

	if (commands == NULL)
		return -ENOMEM;
	fflush(stdout);
	cl = cmdline_stdin_new(commands_context(commands), PROMPT);
	if (cl == NULL) {
		commands_free(commands);
		return -ENOMEM;
	}
	keep_interrupt_key();
	while (!ended && !p->quit && !interrupted()) {
		ssize_t n;

		if (!interruptible_wait(STDIN_FILENO, -1))
			continue;
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		ended = n <= 0 || cmdline_in(cl, &c, 1) < 0;
	}
	cmdline_stdin_exit(cl);
	commands_free(commands);
	printf("\n");
	return 0;
}

int
prompt_start(struct prompt *p)
{
	int ret = xfer_start(p->xfer, p->config);

	if (ret != 0)
		return ret;
	while (!xfer_finished(p->xfer) && !interrupted())
		interruptible_wait(-1, POLL_MS);
	return xfer_stop(p->xfer);
}
