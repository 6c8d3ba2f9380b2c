/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_WORDS_H
#define TESTDMA_WORDS_H

/**
 * @file
 * What the values of settings are made of: sizes, and lists with commas between the words.
 */

#include <stddef.h>
#include <stdint.h>

/** "4096", "4k", "1m", "1g" (powers of 1024). @return 0 or -EINVAL */
int parse_size(const char *text, uint64_t max, uint64_t *size);

/** Words of a list, the n-th name bit n. @return 0 or -EINVAL, which changes nothing */
int parse_bits(uint32_t *to, const char *value, const char *const names[], size_t nb_names);

/** Is the 64-bit number n one of "0,2-4"? @return 1, 0, or -EINVAL for a list that is none */
int list_has(const char *list, unsigned int n);

/** Copy the next name of a list to word (size bytes). @return the rest, or NULL at the end */
const char *list_next(const char *list, char *word, size_t size);

#endif /* TESTDMA_WORDS_H */
