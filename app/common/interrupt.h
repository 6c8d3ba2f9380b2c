/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_INTERRUPT_H
#define APP_INTERRUPT_H

/**
 * @file
 * SIGINT and SIGTERM: a flag for loops that poll, a descriptor for those that sleep. A second one
 * ends the process.
 */

#include <stdbool.h>

/** From now on the signals only set the flag. @return 0 or -errno */
int interrupt_install(void);

/** Has one come? */
bool interrupted(void);

/**
 * Sleep until input on fd, a signal, or the end of the time.
 *
 * @param fd          -1: no input
 * @param timeout_ms  -1: no limit
 * @return true if fd has input (or its end)
 */
bool interruptible_wait(int fd, int timeout_ms);

#endif /* APP_INTERRUPT_H */
