/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EAL_TEST_H
#define EAL_TEST_H

/* EAL for a unit test: our defaults, and what the variant adds by DAD_TEST_EAL. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "eal_defaults.h"

/* meson's word for a test that could not run */
#define EAL_TEST_SKIP 77

/* For a primary that has secondaries: where neither a C library nor a sanitizer maps anything, so
 * that its memory has the same place free in each of them. */
#define EAL_TEST_SHARED "--base-virtaddr=0x200000000000"

/* With a PCI bus that has one device at most, unless allow is NULL: "--allow=address". */
static inline void
eal_test_allow_pci(struct eal_defaults *d, char *allow)
{
	for (int i = 0; allow != NULL && i < d->argc; i++)
		if (strcmp(d->argv[i], "--no-pci") == 0)
			d->argv[i] = allow;
}

/* 0, or the status that main() shall return. */
static inline int
eal_test_init_pci(char *prog, char *allow)
{
	struct eal_defaults d;
	const char *more = getenv("DAD_TEST_EAL");

	eal_defaults_choose(&d, prog, EAL_DEFAULTS_ALL_CPUS);
	if (more != NULL && strstr(more, "--iova-mode=pa") != NULL &&
		(geteuid() != 0 || !d.hugepages)) {
		printf("physical addresses need root and hugepages: not run\n");
		return EAL_TEST_SKIP;
	}
	if (more != NULL && eal_defaults_append(&d, more) != 0)
		return 1;
	eal_test_allow_pci(&d, allow);
	eal_defaults_print(&d, false);
	return rte_eal_init(d.argc, d.argv) < 0 ? 1 : 0;
}

static inline int
eal_test_init(char *prog)
{
	return eal_test_init_pci(prog, NULL);
}

#endif /* EAL_TEST_H */
