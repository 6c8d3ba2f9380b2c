/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_LOG_H
#define TEST_LOG_H

/* What EAL and the driver log between two moments. */

#include <rte_log.h>

#include "test_device.h"

static FILE *log_stream;
static char *log_text;
static size_t log_size;

static inline void
log_begin(void)
{
	log_stream = open_memstream(&log_text, &log_size);
	assert_non_null(log_stream);
	assert_int_equal(rte_openlog_stream(log_stream), 0);
}

/* What was logged since then; to be freed. */
static inline char *
log_end(void)
{
	rte_openlog_stream(stderr);
	fclose(log_stream);
	return log_text;
}

/* The same, which has to have these words in it. */
static inline void
log_has(const char *words)
{
	char *text = log_end();

	if (strstr(text, words) == NULL)
		fail_msg("'%s' is not in the log: %s", words, text);
	free(text);
}

#endif /* TEST_LOG_H */
