/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_ALLOC_H
#define TEST_ALLOC_H

/* Makes one allocation of the library fail, and counts what was not given back. The test is linked
 * with --wrap for these names, so that its own calls and the library's come here. */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

static long test_alloc_live;	  /* allocated and not freed */
static long test_alloc_countdown; /* 1: the next one fails; 0: none does */

static int
test_alloc_fails(void)
{
	return __atomic_load_n(&test_alloc_countdown, __ATOMIC_RELAXED) != 0 &&
		__atomic_sub_fetch(&test_alloc_countdown, 1, __ATOMIC_RELAXED) == 0;
}

static void *
test_alloc_count(void *p)
{
	if (p != NULL)
		__atomic_fetch_add(&test_alloc_live, 1, __ATOMIC_RELAXED);
	return p;
}

void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void __real_free(void *p);
void *__real_mmap64(void *where, size_t size, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *p, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __wrap_free(void *p);
void *__wrap_mmap64(void *where, size_t size, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *p, size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	return test_alloc_fails() ? NULL : test_alloc_count(__real_calloc(n, size));
}

void *
__wrap_aligned_alloc(size_t align, size_t size)
{
	return test_alloc_fails() ? NULL : test_alloc_count(__real_aligned_alloc(align, size));
}

void
__wrap_free(void *p)
{
	if (p != NULL)
		__atomic_fetch_sub(&test_alloc_live, 1, __ATOMIC_RELAXED);
	__real_free(p);
}

/* What mmap() is called, with large files: tables, and the memory of bounce pools, which has a
 * second choice where its first was hugepages or a place. */
void *
__wrap_mmap64(void *where, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (test_alloc_fails()) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	void *p = __real_mmap64(where, size, prot, flags, fd, offset);
	return p != MAP_FAILED ? test_alloc_count(p) : p;
}

int
__wrap_munmap(void *p, size_t size)
{
	__atomic_fetch_sub(&test_alloc_live, 1, __ATOMIC_RELAXED);
	return __real_munmap(p, size);
}

#endif /* TEST_ALLOC_H */
