/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_PROMPT_H
#define TESTDMA_PROMPT_H

/**
 * @file
 * Commands from the user and from a file.
 */

#include "config.h"
#include "device.h"
#include "xfer.h"

struct prompt {
	struct config *config;
	struct devices *devices;
	struct xfer *xfer;
	bool quit;  /**< the user wants to leave */
	int result; /**< of the last command: 0 or -errno, its message printed */
};

/**
 * Run the commands of a file, up to one that fails.
 *
 * @return 0 or -errno: -EINVAL if the file cannot be read or has something that is no command; a
 *         message that names the line has been printed
 */
int prompt_file(struct prompt *p, const char *path);

/** Serve the user until quit, end of input, or a signal. @return 0 or -errno */
int prompt_interactive(struct prompt *p);

/** Start, wait until the count is reached or a signal comes, and stop. @return 0 or -errno */
int prompt_start(struct prompt *p);

#endif /* TESTDMA_PROMPT_H */
