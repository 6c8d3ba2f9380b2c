/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared virtual addressing without trust: an address that EAL does not know may be good (memory
 * of the C library) or bad (anything). Only the kernel can move bytes there and report a fault
 * instead of raising one: a copy from this process to itself.
 */

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dad_exec.h"

/* Bytes moved, from 0 on; an error counts as 0. */
static uint64_t
kernel_copy(uint64_t src, uint64_t dst, uint64_t length)
{
	struct iovec from = {(void *)(uintptr_t)src, length};
	struct iovec to = {(void *)(uintptr_t)dst, length};
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	return n < 0 ? 0 : (uint64_t)n;
}

static bool
is_readable(uint64_t src)
{
	uint8_t byte;

	return kernel_copy(src, (uintptr_t)&byte, 1) == 1;
}

bool
dad_sva_works(void)
{
	const uint8_t byte = 0x5a;

	/* a container's system call filter may forbid it */
	return is_readable((uintptr_t)&byte);
}

uint16_t
dad_sva_copy(uint64_t src, uint64_t dst, uint64_t length)
{
	while (length > 0) {
		uint64_t n = kernel_copy(src, dst, length);

		if (n == 0)
			return is_readable(src) ? RTE_DMA_STATUS_INVALID_DST_ADDR
						: RTE_DMA_STATUS_INVALID_SRC_ADDR;
		src += n;
		dst += n;
		length -= n;
	}
	return RTE_DMA_STATUS_SUCCESSFUL;
}
