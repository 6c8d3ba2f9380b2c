/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

/**
 * @file
 * A program's own arguments, beside those that are EAL's.
 */

#include <getopt.h>
#include <stdint.h>

enum options_result {
	OPTIONS_OK,
	OPTIONS_HELP,
	OPTIONS_BAD, /**< what is wrong has been said */
};

/**
 * Where do the application's arguments begin? After "--" if there is one; otherwise all arguments
 * are the application's if the first is one of its options, not shortened, and EAL's if not.
 *
 * @param all     its options; the last one has no name
 * @param shorts  its options of one letter
 * @return index of the first of them in argv, argc if there are none
 */
int arguments_begin(int argc, char **argv, const struct option *all, const char *shorts);

/** Say what is wrong on stderr. @param opt  ':' or '?' as getopt_long() returned it for arg */
void arguments_complain(int opt, const char *arg);

/** Decimal digits and nothing else. @return 0; -EINVAL changes nothing */
int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/** The same for 32 bits. */
int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *number);

#endif /* ARGUMENTS_H */
