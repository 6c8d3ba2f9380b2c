/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * For a program that gives its device a second where edu needs more: loaded before it, this makes
 * the question whether that is still busy wait until it is not, for a minute at most. dpdk-test
 * asks before it looks at what was copied, and only then.
 */

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_dmadev.h>

int
rte_dma_vchan_status(int16_t dev_id, uint16_t vchan, enum rte_dma_vchan_status *status)
{
	static int (*ask)(int16_t, uint16_t, enum rte_dma_vchan_status *);

	if (ask == NULL)
		*(void **)&ask = dlsym(RTLD_NEXT, "rte_dma_vchan_status");
	int ret = ask(dev_id, vchan, status);

	if (dev_id != rte_dma_get_dev_id_by_name(getenv("DAD_EDU")))
		return ret;
	/* a little longer than the device takes for a transfer */
	for (int i = 0; i < 600 && ret == 0 && *status == RTE_DMA_VCHAN_ACTIVE; i++) {
		usleep(101000);
		ret = ask(dev_id, vchan, status);
	}
	return ret;
}
