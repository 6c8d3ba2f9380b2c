/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_PCI_H
#define FAKE_PCI_H

/*
 * A PCI bus with one function, a dma_dad, as EAL sees buses: files in a sysfs tree. The function's
 * BAR is one of the files, and both sides map it.
 */

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dad_regs.h"

#define FAKE_ADDRESS "0000:ff:00.0"

static char fake_top[] = "/tmp/dad-pci-XXXXXX";

static inline const char *
fake_path(const char *file)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" FAKE_ADDRESS "/%s", fake_top, file);
	return path;
}

static inline void
fake_write(const char *file, const char *format, ...)
{
	va_list args;
	FILE *f = fopen(fake_path(file), "w");

	assert_non_null(f);
	va_start(args, format);
	assert_true(vfprintf(f, format, args) > 0);
	va_end(args);
	assert_int_equal(fclose(f), 0);
}

/* How long BAR 0 is said to be, and how long its file is. */
static inline void
fake_bar(uint64_t said, off_t size)
{
	fake_write("resource", "0x%016x 0x%016llx 0x0000000000040200\n", 0xfe000000u,
		(unsigned long long)(0xfe000000u + said - 1));
	for (unsigned int i = 1; i < 6; i++) {
		FILE *f = fopen(fake_path("resource"), "a");

		assert_non_null(f);
		fprintf(f, "0x%016x 0x%016x 0x%016x\n", 0, 0, 0);
		fclose(f);
	}
	assert_int_equal(truncate(fake_path("resource0"), size), 0);
}

/* The device's side of its registers. */
static inline struct dad_regs *
fake_regs(void)
{
	int fd = open(fake_path("resource0"), O_RDWR);

	assert_true(fd >= 0);
	struct dad_regs *regs =
		mmap(NULL, DAD_REGS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(regs, MAP_FAILED);
	close(fd);
	return regs;
}

static inline void
fake_set_id(uint32_t id)
{
	struct dad_regs *regs = fake_regs();

	__atomic_store_n(&regs->id, id, __ATOMIC_RELEASE);
	munmap(regs, DAD_REGS_SIZE);
}

/* A whole bus, for the EAL that is initialised next. */
static inline void
fake_create(int node)
{
	assert_non_null(mkdtemp(fake_top));
	assert_int_equal(mkdir(fake_path(""), 0755), 0);
	fake_write("vendor", "0x%04x\n", DAD_PCI_VENDOR);
	fake_write("device", "0x%04x\n", DAD_PCI_DEVICE);
	fake_write("subsystem_vendor", "0x0000\n");
	fake_write("subsystem_device", "0x0000\n");
	fake_write("class", "0x088000\n"); /* a system peripheral of no other kind */
	fake_write("max_vfs", "0\n");
	fake_write("numa_node", "%d\n", node);
	/* EAL passes over what no kernel driver has */
	assert_int_equal(symlink("/", fake_path("driver")), 0);
	fake_write("resource0", "-");
	fake_bar(DAD_REGS_SIZE, DAD_REGS_SIZE);
	fake_set_id(DAD_REGS_ID);
	assert_int_equal(setenv("SYSFS_PCI_DEVICES", fake_top, 1), 0);
}

static inline void
fake_remove(void)
{
	static const char *const files[] = {"vendor", "device", "subsystem_vendor",
		"subsystem_device", "class", "max_vfs", "numa_node", "driver", "resource",
		"resource0"};

	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(fake_path(files[i]));
	rmdir(fake_path(""));
	rmdir(fake_top);
}

#endif /* FAKE_PCI_H */
