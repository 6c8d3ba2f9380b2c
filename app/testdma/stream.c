/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_byteorder.h>

#include "stream.h"

static uint64_t
word_at(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return rte_le_to_cpu_64(word);
}

/* The first byte of a word that is not as it should be. */
static void
point_out(const uint8_t *buf, uint32_t offset, uint64_t expected, struct mismatch *m)
{
	const uint64_t stored = rte_cpu_to_le_64(expected);
	uint8_t bytes[sizeof(stored)];
	uint32_t i = 0;

	memcpy(bytes, &stored, sizeof(stored));
	while (i < sizeof(bytes) - 1 && buf[offset + i] == bytes[i])
		i++;
	*m = (struct mismatch){buf + offset + i, offset + i, buf[offset + i], bytes[i]};
}

bool
stream_take(struct stream *s, const uint8_t *buf, uint32_t length, uint64_t addr, bool all,
	uint64_t *lost, struct mismatch *m)
{
	const uint64_t first = word_at(buf);
	/* the next time that the stream passes there */
	const uint64_t wanted = s->next + (addr + s->window - s->next % s->window) % s->window;
	const uint64_t position = first * sizeof(first);

	*lost = 0;
	if (first > UINT64_MAX / sizeof(first) || position < s->next ||
		position % s->window != addr) {
		point_out(buf, 0, wanted / sizeof(first), m);
		s->next = wanted + length;
		return false;
	}
	for (uint32_t i = 0; all && i < length; i += sizeof(first)) {
		if (word_at(buf + i) == first + i / sizeof(first))
			continue;
		point_out(buf, i, first + i / sizeof(first), m);
		/* perhaps it is the first one that is wrong: what follows will tell */
		s->next = wanted + length;
		return false;
	}
	*lost = position - s->next;
	s->next = position + length;
	return true;
}
