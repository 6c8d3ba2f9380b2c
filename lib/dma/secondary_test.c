/* SPDX-License-Identifier: BSD-3-Clause */
#include <glob.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "dad_dma_soft.h"
#include "eal_test.h"

/* A secondary process translates what the primary has, with tables of its own. The primary runs the
 * same program as its child. */

#define HUGE_DIR "/dev/hugepages"
#define MAGIC	 0x958458f6 /* hugetlbfs */
#define TEXT	 "written by the primary"

static char prefix[32];
static const char *program;

static int
eal(const char *proc_type)
{
	char name[] = "prog", cpus[] = "-l", cpu[] = "0", no_pci[] = "--no-pci";
	char base[] = EAL_TEST_SHARED;
	char files[64], type[64], *mode = getenv("DAD_TEST_EAL"); /* one option at most */
	char *argv[] = {name, cpus, cpu, no_pci, base, files, type, mode, NULL};

	snprintf(files, sizeof(files), "--file-prefix=%s", prefix);
	snprintf(type, sizeof(type), "--proc-type=%s", proc_type);
	return rte_eal_init((int)RTE_DIM(argv) - (mode != NULL ? 1 : 2), argv);
}

/* ---- the child: it returns what it found wrong ---------------------------------------------- */

static int
secondary(uint64_t va, uint64_t iova)
{
	struct dad_dma_domain_conf conf = {
		.name = "own", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = SOCKET_ID_ANY};
	const struct rte_memzone *mz = rte_memzone_lookup("shared");
	char text[sizeof(TEXT)];

	if (mz == NULL || mz->addr_64 != va)
		return 2;
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	struct dad_dma_domain *soft = dad_dma_domain_create(&conf);
	if (domain == NULL || soft == NULL)
		return 3;
	if (dad_dma_virt_to_bus(domain, mz->addr, NULL) != iova ||
		dad_dma_bus_to_virt(domain, iova + 5, NULL) != RTE_PTR_ADD(mz->addr, 5))
		return 4;
	struct dad_dma_domain *domains[] = {domain, soft};
	for (unsigned int i = 0; i < RTE_DIM(domains); i++) {
		struct dad_dma_dev *dev = dad_dma_dev_create("dev", domains[i], SOCKET_ID_ANY);

		if (dev == NULL || dad_dma_set_mask(dev, UINT64_MAX) != 0)
			return 5;
		dad_dma_addr_t a =
			dad_dma_map_single(dev, mz->addr, sizeof(text), DAD_DMA_TO_DEVICE);
		if (dad_dma_mapping_error(dev, a) != 0)
			return 6;
		if (dad_soft_dma_read(dev, a, text, sizeof(text)) != 0 || strcmp(text, TEXT) != 0)
			return 7;
		dad_dma_unmap_single(dev, a, sizeof(text), DAD_DMA_TO_DEVICE);
		if (dad_dma_dev_destroy(dev) != 0)
			return 8;
		dad_dma_domain_put(domains[i]);
	}
	return 0;
}

/* ---- the primary ---------------------------------------------------------------------------- */

static void
a_secondary_translates_as_the_primary_does(void **state)
{
	struct dad_dma_domain *domain = dad_dma_domain_identity();
	const struct rte_memzone *mz = rte_memzone_reserve("shared", 3u << 20, SOCKET_ID_ANY, 0);
	char va[32], iova[32];
	int status;

	(void)state;
	assert_non_null(mz);
	strcpy(mz->addr, TEXT);
	snprintf(va, sizeof(va), "%" PRIu64, mz->addr_64);
	snprintf(iova, sizeof(iova), "%" PRIu64, dad_dma_virt_to_bus(domain, mz->addr, NULL));
	pid_t pid = fork();
	if (pid == 0) {
		execl(program, program, prefix, va, iova, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	rte_memzone_free(mz);
	dad_dma_domain_put(domain);
}

/* EAL leaves the pages of a primary behind, for secondaries that outlive it. */
static void
remove_pages(void)
{
	char pattern[128];
	glob_t files;

	snprintf(pattern, sizeof(pattern), HUGE_DIR "/%smap_*", prefix);
	if (glob(pattern, 0, NULL, &files) != 0)
		return;
	for (size_t i = 0; i < files.gl_pathc; i++)
		unlink(files.gl_pathv[i]);
	globfree(&files);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secondary_translates_as_the_primary_does),
	};
	struct statfs fs;

	if (argc == 4) {
		snprintf(prefix, sizeof(prefix), "%s", argv[1]);
		if (eal("secondary") < 0)
			return 1;
		int ret = secondary(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
		rte_eal_cleanup();
		return ret;
	}
	if (getenv("DAD_NO_HUGE") != NULL || statfs(HUGE_DIR, &fs) != 0 || fs.f_type != MAGIC ||
		access(HUGE_DIR, W_OK) != 0) {
		printf("no hugetlbfs that can be written: not run\n");
		return EAL_TEST_SKIP;
	}
	const char *mode = getenv("DAD_TEST_EAL");
	if (mode != NULL && strstr(mode, "=pa") != NULL && geteuid() != 0) {
		printf("physical addresses need root: not run\n");
		return EAL_TEST_SKIP;
	}
	program = argv[0];
	snprintf(prefix, sizeof(prefix), "dadsec%d", getpid());
	if (eal("primary") < 0)
		return 1;
	int ret = cmocka_run_group_tests(tests, NULL, NULL);
	rte_eal_cleanup();
	remove_pages();
	return ret;
}
