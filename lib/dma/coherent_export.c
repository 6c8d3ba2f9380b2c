/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>

#include <rte_errno.h>
#include <rte_memory.h>

#include "dma_internal.h"

/* The file behind a page, and where in it the page begins. 0 or -errno. */
static int
file_of(const struct rte_memseg *ms, int *fd, size_t *offset)
{
	*fd = rte_memseg_get_fd(ms);
	if (*fd < 0 || rte_memseg_get_fd_offset(ms, offset) != 0)
		/* EAL has words of its own for each way to have none */
		return rte_errno == ENOENT ? -ENOENT : -ENOTSUP;
	return 0;
}

int
dad_dma_export_fd(const void *va, size_t size, struct dad_dma_export *out)
{
	const struct rte_memseg_list *msl = rte_mem_virt2memseg_list(va);
	const struct rte_memseg *ms = rte_mem_virt2memseg(va, msl);
	int fd, ret;
	size_t start;

	if (size == 0 || out == NULL || (uintptr_t)va + (size - 1) < (uintptr_t)va)
		return -EINVAL;
	if (ms == NULL || msl == NULL)
		return -ENOENT;
	if (msl->external)
		return -ENOTSUP;
	ret = file_of(ms, &fd, &start);
	if (ret != 0)
		return ret;

	/* the other pages lie side by side in the same file, or not */
	uint64_t first = ms->addr_64, last = (uintptr_t)va + (size - 1);
	for (uint64_t at = first + ms->len; at <= last; at += ms->len) {
		const struct rte_memseg *next = rte_mem_virt2memseg((void *)(uintptr_t)at, msl);
		size_t offset;
		int other;

		if (next == NULL)
			return -ENOENT;
		ret = file_of(next, &other, &offset);
		if (ret != 0)
			return ret;
		if (other != fd || offset != start + (at - first))
			return -E2BIG;
	}
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	out->fd = fd;
	out->page_size = ms->len;
	out->offset = start + ((uintptr_t)va - first);
	return 0;
}
