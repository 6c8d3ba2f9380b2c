/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_POOLS_H
#define TEST_POOLS_H

/* Memory in which the buffers of a test program lie: EAL's, and the C library's. */

#include <stdlib.h>

#include <rte_malloc.h>

#include "eal_test.h"

static unsigned char *eal_pool, *libc_pool;

/* With EAL up, size bytes each, the first aligned. 0, or the status that main() shall return. */
static inline int
pools_get(int argc, char **argv, size_t size, unsigned int align)
{
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	eal_pool = rte_malloc(NULL, size, align);
	libc_pool = malloc(size);
	return eal_pool == NULL || libc_pool == NULL;
}

static inline void
pools_put(void)
{
	rte_free(eal_pool);
	free(libc_pool);
	rte_eal_cleanup();
}

/* The group of tests, and EAL around it. */
#define POOLS_MAIN(tests, size, align)                                                             \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		int ret = pools_get(argc, argv, size, align);                                      \
                                                                                                   \
		if (ret != 0)                                                                      \
			return ret;                                                                \
		ret = cmocka_run_group_tests(tests, NULL, NULL);                                   \
		pools_put();                                                                       \
		return ret;                                                                        \
	}

#endif /* TEST_POOLS_H */
