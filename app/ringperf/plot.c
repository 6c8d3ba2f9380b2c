/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_version.h>

#include "plot.h"

#define GNUPLOT	    "gnuplot"
#define PANE_WIDTH  430
#define PANE_HEIGHT 360

extern char **environ;

const char *
plot_format(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot != NULL && strcmp(dot, ".svg") == 0)
		return "svg";
	if (dot != NULL && strcmp(dot, ".png") == 0)
		return "png";
	return NULL;
}

/* ---- the child --------------------------------------------------------------------------- */

/* in: its standard input, or -1; path: its standard output. @return 0 or -errno */
static int
start(pid_t *pid, int in, const char *path, char *const *argv)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t defaults;
	int ret;

	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_addopen(
		&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	/* ours are handled or ignored */
	posix_spawnattr_init(&attr);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	ret = posix_spawnp(pid, GNUPLOT, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -ret;
}

/* @return 0, or -EIO if it failed */
static int
finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int
plot_check(const char *path)
{
	char *const argv[] = {(char *)(uintptr_t)GNUPLOT, (char *)(uintptr_t) "--version", NULL};
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	pid_t pid;
	int ret;

	if (fd < 0) {
		ret = -errno;
		fprintf(stderr, "%s: %s\n", path, strerror(-ret));
		return ret;
	}
	close(fd);
	ret = start(&pid, -1, "/dev/null", argv);
	if (ret == 0)
		ret = finish(pid);
	if (ret == -ENOENT)
		fprintf(stderr,
			"--plot needs gnuplot, which is not installed "
			"(on Debian: apt-get install gnuplot-nox)\n");
	else if (ret != 0)
		fprintf(stderr, "--plot: gnuplot does not run: %s\n", strerror(-ret));
	return ret;
}

/* ---- what it is told --------------------------------------------------------------------- */

static bool
shown(const struct sweep *sweep, const struct shape *shape, int kind)
{
	return (sweep->config->rings & 1u << kind) != 0 && shape_fits(shape, kinds[kind]);
}

static const struct cell *
find_cell(const struct sweep *sweep, const struct shape *shape, uint32_t elem, uint32_t bulk)
{
	for (uint32_t i = 0; i < sweep->nb_cells; i++) {
		const struct cell *cell = &sweep->cells[i];

		if (cell->shape.producers == shape->producers &&
			cell->shape.consumers == shape->consumers && cell->elem == elem &&
			cell->bulk == bulk)
			return cell;
	}
	return NULL;
}

/* A line for each bulk, a column for each ring; "?" where there is nothing. */
static void
write_data(FILE *f, const struct sweep *sweep, const struct shape *shape, uint32_t elem)
{
	const struct config *c = sweep->config;

	fprintf(f, "$data << END\n");
	for (uint32_t b = 0; b < c->nb_bulks; b++) {
		const struct cell *cell = find_cell(sweep, shape, elem, c->bulks[b]);

		fprintf(f, "%u", c->bulks[b]);
		for (int k = 0; kinds[k] != NULL; k++) {
			if (cell != NULL && cell->result[k].rounds > 0 && cell->result[k].mops > 0)
				fprintf(f, " %g", cell->result[k].mops);
			else
				fprintf(f, " ?");
		}
		fprintf(f, "\n");
	}
	fprintf(f, "END\n");
}

static void
write_pane(FILE *f, const struct sweep *sweep, const struct shape *shape, uint32_t elem)
{
	const char *separator = "plot";

	write_data(f, sweep, shape, elem);
	fprintf(f, "set title '%ux%u, elements of %u bytes'\n", shape->producers, shape->consumers,
		elem);
	for (int k = 0; kinds[k] != NULL; k++) {
		if (!shown(sweep, shape, k))
			continue;
		fprintf(f, "%s $data using 1:%d with linespoints lt %d title '%s'", separator,
			k + 2, k + 1, kinds[k]->name);
		separator = ",";
	}
	fprintf(f, "\n");
}

static bool
pane_empty(const struct sweep *sweep, const struct shape *shape)
{
	for (int k = 0; kinds[k] != NULL; k++) {
		if (shown(sweep, shape, k))
			return false;
	}
	return true;
}

static void
write_picture(FILE *f, const struct sweep *sweep)
{
	const struct config *c = sweep->config;

	fprintf(f, "set terminal %s size %u,%u noenhanced background 'white'\n",
		strcmp(plot_format(c->plot_file), "png") == 0 ? "pngcairo" : "svg",
		PANE_WIDTH * c->nb_elems, PANE_HEIGHT * c->nb_shapes + 30);
	fprintf(f,
		"set multiplot layout %u,%u title 'rings of %u slots, %s: "
		"million elements a second by bulk'\n",
		c->nb_shapes, c->nb_elems, c->count, rte_version());
	fprintf(f,
		"set datafile missing '?'\n"
		"set logscale x 2\nset logscale y 10\nset grid\n"
		"set key below horizontal\nset xlabel 'bulk'\n");
	for (uint32_t s = 0; s < c->nb_shapes; s++) {
		for (uint32_t e = 0; e < c->nb_elems; e++) {
			if (pane_empty(sweep, &c->shapes[s]))
				fprintf(f, "set multiplot next\n");
			else
				write_pane(f, sweep, &c->shapes[s], c->elems[e]);
		}
	}
	fprintf(f, "unset multiplot\n");
}

int
plot_draw(const struct sweep *sweep)
{
	char *const argv[] = {(char *)(uintptr_t)GNUPLOT, NULL};
	const char *path = sweep->config->plot_file;
	int ends[2], ret;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	ret = start(&pid, ends[0], path, argv);
	close(ends[0]);
	if (ret == 0) {
		FILE *f = fdopen(ends[1], "w");

		if (f != NULL) {
			write_picture(f, sweep);
			fclose(f);
		} else {
			close(ends[1]);
		}
		ret = finish(pid);
	} else {
		close(ends[1]);
	}
	if (ret != 0)
		fprintf(stderr, "%s: not drawn: gnuplot: %s\n", path, strerror(-ret));
	return ret;
}
