/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_TOKEN_H
#define TESTDMA_TOKEN_H

/**
 * @file
 * A token of rte_cmdline that takes any word and completes some.
 *
 * The tokens that rte_cmdline has refuse a word that is not among their choices, and the user
 * reads "Bad arguments". With this one the command says which values are valid.
 */

#include <cmdline_parse.h>

#define WORD_SIZE 256

struct word_token {
	struct cmdline_token_hdr hdr; /**< a word goes to a char[WORD_SIZE] in the result */
	const char *choices;	      /**< for TAB, each followed by a blank; NULL for none */
	const char *help;
};

extern struct cmdline_token_ops word_token_ops;

#endif /* TESTDMA_TOKEN_H */
