/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "pattern.h"

/* Not zero, so that the guard of no buffer is all zeros. */
#define GUARD_SALT UINT64_C(0x6775617264)

/* A bijection of 64 bits in which every input bit reaches every output byte. */
static uint64_t
mix(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 29;
	return x;
}

static uint64_t
word_at(struct pattern p, size_t index)
{
	return p.repeat ? p.seed : mix((p.seed << 24) + index);
}

static void
write_words(uint8_t *to, size_t length, struct pattern p, uint64_t flip)
{
	size_t index = 0;

	while (length > 0) {
		uint64_t word = word_at(p, index++) ^ flip;
		size_t n = length < sizeof(word) ? length : sizeof(word);

		memcpy(to, &word, n);
		to += n;
		length -= n;
	}
}

void
pattern_write(void *buf, size_t length, struct pattern p)
{
	write_words(buf, length, p, 0);
}

void
pattern_spoil(void *buf, size_t length, struct pattern p)
{
	write_words(buf, length, p, ~UINT64_C(0));
}

bool
pattern_check(const void *buf, size_t length, struct pattern p, struct mismatch *m)
{
	const uint8_t *at = buf;

	for (size_t index = 0, done = 0; done < length; index++) {
		uint64_t word = word_at(p, index);
		size_t n = length - done < sizeof(word) ? length - done : sizeof(word);

		if (memcmp(at + done, &word, n) != 0) {
			uint8_t expected[sizeof(word)];
			size_t i = 0;

			memcpy(expected, &word, sizeof(word));
			while (at[done + i] == expected[i])
				i++;
			*m = (struct mismatch){at + done + i, done + i, at[done + i], expected[i]};
			return false;
		}
		done += n;
	}
	m->at = NULL;
	return true;
}

/* Each guard is made of its own address: one that was copied elsewhere is not a guard there. */
static struct pattern
guard_pattern(const void *at)
{
	return (struct pattern){.seed = mix((uintptr_t)at ^ GUARD_SALT)};
}

void
pattern_guard(void *buf, size_t length)
{
	uint8_t *before = (uint8_t *)buf - PATTERN_GUARD;
	uint8_t *after = (uint8_t *)buf + length;

	pattern_write(before, PATTERN_GUARD, guard_pattern(before));
	pattern_write(after, PATTERN_GUARD, guard_pattern(after));
}

bool
pattern_guard_check(const void *buf, size_t length, struct mismatch *m)
{
	const uint8_t *before = (const uint8_t *)buf - PATTERN_GUARD;
	const uint8_t *after = (const uint8_t *)buf + length;

	return pattern_check(before, PATTERN_GUARD, guard_pattern(before), m) &&
		pattern_check(after, PATTERN_GUARD, guard_pattern(after), m);
}
