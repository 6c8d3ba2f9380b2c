/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "dad_dma.h"
#include "eal_test.h"
#include "test_identity.h"

/* Coherent buffers in another process, which is this program once more. */

#define PAGE 4096u

static const char *self;

/* What the other process does: it maps the file, and adds one to each byte. */
static int
be_the_other(char **argv)
{
	int fd = atoi(argv[2]);
	size_t page = strtoull(argv[3], NULL, 0), offset = strtoull(argv[4], NULL, 0);
	size_t size = strtoull(argv[5], NULL, 0), delta = offset & (page - 1);
	size_t len = (delta + size + page - 1) & ~(page - 1);
	unsigned char *map =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(offset - delta));

	if (map == MAP_FAILED)
		return 2;
	for (size_t i = 0; i < size; i++)
		if (map[delta + i]++ != (unsigned char)(i * 7))
			return 3;
	return 0;
}

static int
run_the_other(const struct dad_dma_export *e, size_t size)
{
	char args[4][32];
	int status;

	snprintf(args[0], sizeof(args[0]), "%d", e->fd);
	snprintf(args[1], sizeof(args[1]), "%zu", e->page_size);
	snprintf(args[2], sizeof(args[2]), "%zu", e->offset);
	snprintf(args[3], sizeof(args[3]), "%zu", size);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		fcntl(e->fd, F_SETFD, 0);
		execl("/proc/self/exe", self, "--map", args[0], args[1], args[2], args[3],
			(char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void
another_process_maps_an_exported_buffer(void **state)
{
	const size_t size = 3 * PAGE + 100;
	struct dad_dma_export export;
	dad_dma_addr_t first, handle;

	(void)state;
	/* not the first of its hugepage */
	void *other = dad_dma_alloc_coherent(dev, PAGE, &first);
	unsigned char *va = dad_dma_alloc_coherent(dev, size, &handle);
	assert_true(other != NULL && va != NULL);
	int ret = dad_dma_export_fd(va, size, &export);
	if (!rte_eal_has_hugepages() && ret == -ENOTSUP) {
		print_message("EAL has no files without hugepages\n");
	} else {
		assert_int_equal(ret, 0);
		assert_true(fcntl(export.fd, F_GETFD) & FD_CLOEXEC);
		for (size_t i = 0; i < size; i++)
			va[i] = (unsigned char)(i * 7);
		assert_int_equal(run_the_other(&export, size), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(va[i], (unsigned char)(i * 7 + 1));
		close(export.fd);
	}
	dad_dma_free_coherent(dev, size, va, handle);
	dad_dma_free_coherent(dev, PAGE, other, first);
}

static void
what_has_no_file_is_not_exported(void **state)
{
	struct dad_dma_export export;
	int on_stack = 0;

	(void)state;
	assert_int_equal(dad_dma_export_fd(&on_stack, 4, &export), -ENOENT);
	assert_int_equal(dad_dma_export_fd(NULL, 4, &export), -ENOENT);
	dad_dma_addr_t handle;
	void *va = dad_dma_alloc_coherent(dev, PAGE, &handle);
	assert_int_equal(dad_dma_export_fd(va, 0, &export), -EINVAL);
	assert_int_equal(dad_dma_export_fd(va, SIZE_MAX, &export), -EINVAL);
	assert_int_equal(dad_dma_export_fd(va, PAGE, NULL), -EINVAL);
	if (rte_eal_has_hugepages()) {
		/* a file a hugepage, unless EAL was told otherwise */
		const size_t size = 6u << 20;
		unsigned char *large = rte_malloc(NULL, size, 2u << 20);
		const char *more = getenv("DAD_TEST_EAL");
		assert_non_null(large);
		if (more != NULL && strstr(more, "--single-file-segments") != NULL) {
			for (size_t i = 0; i < size; i++)
				large[i] = (unsigned char)(i * 7);
			assert_int_equal(dad_dma_export_fd(large, size, &export), 0);
			assert_int_equal(run_the_other(&export, size), 0);
			close(export.fd);
		} else {
			assert_int_equal(dad_dma_export_fd(large, size, &export), -E2BIG);
		}
		rte_free(large);
	}
	dad_dma_free_coherent(dev, PAGE, va, handle);

	void *external =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(rte_extmem_register(external, 4 * PAGE, NULL, 0, PAGE), 0);
	assert_int_equal(dad_dma_export_fd(external, PAGE, &export), -ENOTSUP);
	assert_int_equal(rte_extmem_unregister(external, 4 * PAGE), 0);
	munmap(external, 4 * PAGE);
}

/* Nothing is exported, and there is no descriptor more; later there are some again. */
static void
without_descriptors_the_reason_is_told(void **state)
{
	struct dad_dma_export untouched = {.fd = -7}, export = untouched;
	struct rlimit limit, none;
	dad_dma_addr_t handle;

	(void)state;
	void *va = dad_dma_alloc_coherent(dev, PAGE, &handle);
	assert_non_null(va);
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int ret = dad_dma_export_fd(va, PAGE, &export);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (!rte_eal_has_hugepages()) {
		/* EAL may have no file: that is told first */
		assert_true(ret == -ENOTSUP || ret == -EMFILE);
	} else {
		assert_int_equal(ret, -EMFILE);
		assert_memory_equal(&export, &untouched, sizeof(export));
		assert_int_equal(dad_dma_export_fd(va, PAGE, &export), 0);
		assert_int_equal(export.fd, next);
		close(export.fd);
	}
	dad_dma_free_coherent(dev, PAGE, va, handle);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_process_maps_an_exported_buffer),
		cmocka_unit_test(what_has_no_file_is_not_exported),
		cmocka_unit_test(without_descriptors_the_reason_is_told),
	};

	if (argc == 6 && strcmp(argv[1], "--map") == 0)
		return be_the_other(argv);
	self = argv[0];
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, setup, teardown);
		rte_eal_cleanup();
	}
	return ret;
}
