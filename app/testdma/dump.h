/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_DUMP_H
#define TESTDMA_DUMP_H

/**
 * @file
 * What a driver tells in its dump only: a word and, behind it, what there is to say.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The rest of the first line that has the key, from the first character that is neither blank nor
 * one of ":=".
 *
 * @return is there such a line? If not, value is empty
 */
bool dump_find(int16_t dev_id, const char *key, char *value, size_t size);

#endif /* TESTDMA_DUMP_H */
