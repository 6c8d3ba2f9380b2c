/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "layout.h"

/* @return 0, or -EINVAL with a message printed */
static int
find_memory(struct layout *l)
{
	const struct config *c = l->config;
	char text[64];

	l->at = c->window_base;
	l->size = c->window_size;
	if (l->size != 0)
		return 0;
	if (device_devarg(l->dev, "window", text, sizeof(text)) != NULL &&
		parse_size(text, UINT64_MAX, &l->size) == 0 && l->size != 0)
		return 0;
	fprintf(stderr, "%s does not say how large its memory is: set window\n", l->dev->name);
	return -EINVAL;
}

/* A source is told by its devargs, and by that nobody else can write to its window. */
static int
find_stream(struct layout *l)
{
	const struct config *c = l->config;
	char source[64];

	if (c->direction != RTE_DMA_DIR_DEV_TO_MEM || c->op == OP_FILL ||
		device_devarg(l->dev, "source", source, sizeof(source)) == NULL)
		return 0;
	l->stream = true;
	if (c->size == 0 || l->size % c->size != 0) {
		fprintf(stderr,
			"%s: a stream is read in pieces that divide the window: size %u does not "
			"divide %" PRIu64 "\n",
			l->dev->name, c->size, l->size);
		return -EINVAL;
	}
	l->counting = c->verify != VERIFY_OFF && strcmp(source, "pattern") == 0;
	if (l->counting && c->size % sizeof(uint64_t) != 0) {
		fprintf(stderr,
			"%s: to tell where in the stream bytes are from, size must be a multiple "
			"of 8, or verify off\n",
			l->dev->name);
		return -EINVAL;
	}
	return 0;
}

/* Can what is in the device be written and read beside the transfers, to check them? */
static int
find_checks(struct layout *l)
{
	const struct config *c = l->config;

	l->written = c->verify != VERIFY_OFF && !l->stream;
	if (!l->written ||
		(device_can(l->dev, OP_COPY, RTE_DMA_DIR_MEM_TO_DEV) &&
			device_can(l->dev, OP_COPY, RTE_DMA_DIR_DEV_TO_MEM)))
		return 0;
	fprintf(stderr,
		"%s cannot copy to its memory and back, which the check needs: set verify off\n",
		l->dev->name);
	return -ENOTSUP;
}

static int
configure(const struct layout *l)
{
	const unsigned int n = l->nb_flows, total = l->written ? 3 * n : n;
	enum rte_dma_direction *d = calloc(total, sizeof(*d));
	int ret;

	if (d == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < total; i++) {
		if (i < n)
			d[i] = l->config->direction;
		else
			d[i] = (i - n) % 2 == 0 ? RTE_DMA_DIR_MEM_TO_DEV : RTE_DMA_DIR_DEV_TO_MEM;
	}
	ret = device_configure_directions(l->dev, d, total, l->config->qdepth);
	free(d);
	return ret;
}

int
layout_make(struct layout *l, struct device *dev, const struct config *c, uint16_t nb_flows)
{
	int ret = 0;

	*l = (struct layout){.dev = dev, .config = c, .nb_flows = nb_flows};
	if (c->direction != RTE_DMA_DIR_MEM_TO_MEM) {
		ret = find_memory(l);
		if (ret == 0)
			ret = find_stream(l);
		if (ret == 0)
			ret = find_checks(l);
	}
	return ret == 0 ? configure(l) : ret;
}

void
layout_flow(const struct layout *l, uint16_t n, struct flow *f)
{
	/* whole cache lines to each */
	const uint64_t part = RTE_ALIGN_FLOOR(l->size / l->nb_flows, RTE_CACHE_LINE_SIZE);

	f->slots.dev = l->dev;
	f->slots.vchan = n;
	f->slots.direction = l->config->direction;
	f->slots.device_at = l->stream ? l->at : l->at + n * part;
	f->slots.device_size = l->stream || l->nb_flows == 1 ? l->size : part;
	if (l->written)
		f->window = (struct window){
			.dev = l->dev,
			.to_dev = l->nb_flows + 2 * n,
			.from_dev = l->nb_flows + 2 * n + 1,
		};
	if (l->counting)
		f->stream.window = l->size;
}
