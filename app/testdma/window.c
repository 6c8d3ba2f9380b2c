/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "op.h"
#include "window.h"

int
window_open(struct window *w)
{
	const int socket_id = w->dev->info.numa_node;

	w->out = buffers_create(w->dev->dma, 1, w->size, DAD_DMA_TO_DEVICE, true, socket_id);
	w->in = w->out == NULL
		? NULL
		: buffers_create(w->dev->dma, 1, w->size, DAD_DMA_FROM_DEVICE, true, socket_id);
	if (w->in != NULL)
		return 0;
	int err = rte_errno;

	fprintf(stderr, "%s: no buffers of %u bytes to check the device's memory with: %s\n",
		w->dev->name, w->size, rte_strerror(err));
	window_close(w);
	return -err;
}

void
window_close(struct window *w)
{
	buffers_free(w->out);
	buffers_free(w->in);
	w->out = w->in = NULL;
}

uint8_t *
window_staging(const struct window *w)
{
	return buffers_array(w->out)[0].va;
}

/* One copy, waited for. */
static bool
copy(const struct window *w, uint16_t vchan, uint64_t src, uint64_t dst, uint32_t length,
	const char *what)
{
	const struct op_args args = {.src = src, .dst = dst, .length = length};
	enum rte_dma_status_code status[OP_REAP_BURST];
	const char *why = "no completion for too long (see stall)";
	const uint64_t start = rte_rdtsc();
	bool failed = false;
	int ret;

	if (length == 0)
		return true;
	ret = op_enqueue(w->dev->id, vchan, OP_COPY, &args);
	if (ret < 0) {
		why = strerror(-ret);
	} else {
		uint16_t n = 0;

		rte_dma_submit(w->dev->id, vchan);
		while (n == 0 && rte_rdtsc() - start < w->stall_tsc)
			n = op_reap(w->dev->id, vchan, status, &failed);
		failed = failed && status[0] != RTE_DMA_STATUS_SUCCESSFUL;
		if (n > 0 && !failed)
			return true;
		if (failed)
			why = op_status_name(status[0]);
	}
	fprintf(stderr, "%s vchan %u: %u bytes %s the device's memory at 0x%" PRIx64 ": %s\n",
		w->dev->name, vchan, length, what, vchan == w->to_dev ? dst : src, why);
	return false;
}

bool
window_put(const struct window *w, uint64_t addr, uint32_t length)
{
	buffers_for_device(w->out, 0);
	return copy(w, w->to_dev, buffers_array(w->out)[0].addr, addr, length, "to");
}

const uint8_t *
window_get(const struct window *w, uint64_t addr, uint32_t length)
{
	const struct buffer *b = &buffers_array(w->in)[0];

	buffers_for_device(w->in, 0);
	if (!copy(w, w->from_dev, addr, b->addr, length, "from"))
		return NULL;
	buffers_for_cpu(w->in, 0);
	return b->va;
}
