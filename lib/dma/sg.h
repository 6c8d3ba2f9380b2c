/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SG_H
#define SG_H

/* What a list becomes: segments, made of entries, and entries found again in them. */

#include <errno.h>

#include "dad_dma_sg.h"
#include "stream.h"

struct segments {
	const struct dad_dma_limits *limits;
	struct dad_sg *sg;
	unsigned int max;
	unsigned int n;
	bool open; /* the last one may be continued */
};

/* Can these bytes be one segment? */
static inline bool
fits(const struct dad_dma_limits *limits, dad_dma_addr_t addr, uint64_t len)
{
	return len <= limits->max_seg_size &&
		len - 1 <= limits->seg_boundary - (addr & limits->seg_boundary);
}

/* What a segment takes of these bytes, so that the next one begins aligned, too. 0: nothing, as the
 * longest segment is shorter than the alignment. */
static inline uint64_t
part_of(const struct dad_dma_limits *limits, uint64_t len)
{
	return len <= limits->max_seg_size ? len : limits->max_seg_size & ~(limits->alignment - 1);
}

/* The same of bytes that begin at addr. */
static inline uint64_t
cut(const struct dad_dma_limits *limits, dad_dma_addr_t addr, uint64_t len)
{
	uint64_t part = part_of(limits, len);
	uint64_t to_boundary = limits->seg_boundary - (addr & limits->seg_boundary); /* less 1 */

	return part == 0 ? 0 : RTE_MIN(part - 1, to_boundary) + 1;
}

static inline bool
can_continue(const struct segments *s, dad_dma_addr_t addr, uint64_t len)
{
	const struct dad_sg *last = &s->sg[s->n - 1];

	return s->open && last->dma_address + last->dma_length == addr &&
		fits(s->limits, last->dma_address, last->dma_length + len);
}

/* The next entry. Whole into the last segment, or as new ones. 0 or E2BIG. */
static inline int
append(struct segments *s, dad_dma_addr_t addr, uint64_t len, bool mergeable)
{
	if (s->n > 0 && mergeable && can_continue(s, addr, len)) {
		s->sg[s->n - 1].dma_length += len;
		return 0;
	}
	while (len > 0) {
		uint64_t part = cut(s->limits, addr, len);

		if (s->n == s->max || part == 0)
			return E2BIG;
		s->sg[s->n].dma_address = addr;
		s->sg[s->n++].dma_length = part;
		addr += part;
		len -= part;
	}
	s->open = mergeable;
	return 0;
}

static inline void
finish(struct segments *s)
{
	if (s->n < s->max)
		s->sg[s->n].dma_length = 0;
}

/* Where in the segments an entry begins: they hold the same bytes in the same order. */
struct cursor {
	const struct dad_sg *sg;
	unsigned int n;
	unsigned int at;
	uint64_t offset;
};

static inline dad_dma_addr_t
entry_address(const struct cursor *c)
{
	return c->at < c->n ? c->sg[c->at].dma_address + c->offset : DAD_DMA_MAPPING_ERROR;
}

static inline void
next_entry(struct cursor *c, uint64_t len)
{
	while (c->at < c->n && len > 0) {
		uint64_t left = c->sg[c->at].dma_length - c->offset;

		if (left == 0)
			break; /* not mapped like this */
		if (len < left) {
			c->offset += len;
			return;
		}
		len -= left;
		c->offset = 0;
		c->at++;
	}
}

/* ---- sg_strict.c: all of a list in one range of IOVAs */

/* 0 or errno. */
int sg_map_strict(struct dma_dev *dev, struct dad_sg sg[], unsigned int n, enum dad_dma_dir dir,
	unsigned int attrs, unsigned int *segments);
void sg_unmap_strict(struct dma_dev *dev, const struct dad_sg sg[], unsigned int n,
	enum dad_dma_dir dir, unsigned int attrs);

#endif /* SG_H */
