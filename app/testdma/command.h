/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_COMMAND_H
#define TESTDMA_COMMAND_H

/**
 * @file
 * The commands of the prompt, as rte_cmdline wants them: one table for parser, TAB and help.
 */

#include <cmdline_parse.h>

#include "prompt.h"

struct commands;

/** The commands, bound to that prompt. @return NULL when out of memory */
struct commands *commands_create(struct prompt *p);

void commands_free(struct commands *c);

cmdline_parse_ctx_t *commands_context(struct commands *c);

#endif /* TESTDMA_COMMAND_H */
