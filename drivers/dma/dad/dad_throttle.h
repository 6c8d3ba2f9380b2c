/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_THROTTLE_H
#define DAD_THROTTLE_H

/*
 * A device that takes its time. Bytes are moved at once, by whoever moves them; beside the tags,
 * due[] then has the TSC from which on the operation may be seen to be done. So nobody waits for a
 * time to come, and all engines can be slow.
 *
 * The link is the device's, and all its vchans share it: operations take length / gbps one after
 * another. The latency comes on top of each and overlaps, but for a fence, which waits for what is
 * before it.
 */

#include <stdbool.h>
#include <stdint.h>

struct dad_vchan;

struct dad_throttle {
	uint64_t rate;	  /* of the link, bytes a second; 0: unlimited */
	uint64_t latency; /* of an operation, in TSC ticks */
	uint64_t hz;	  /* of the TSC */
	uint64_t free;	  /* TSC from which on nobody has the link */
};

/* Ticks that length bytes take at a rate, rounded up. */
static inline uint64_t
dad_throttle_ticks(uint64_t hz, uint64_t rate, uint64_t length)
{
	return (uint64_t)(((unsigned __int128)length * hz + rate - 1) / rate);
}

void dad_throttle_open(struct dad_throttle *t, uint64_t rate, uint32_t latency_ns);

/* Operations are handed over now: from here on the device could begin them, however late who plays
 * it comes to them. due[] has that time until they are done. */
void dad_throttle_submit(struct dad_vchan *vc, uint64_t ticket, uint64_t end);

/* The n operations of a group begin: note when each is due. */
void dad_throttle_begin(
	struct dad_throttle *t, struct dad_vchan *vc, uint64_t first, unsigned int n);

/* This one is not due before a time, and the latency after it. */
void dad_throttle_hold(
	const struct dad_throttle *t, struct dad_vchan *vc, uint64_t ticket, uint64_t time);

/* Of n operations that are done, how many are due, from the first on. */
uint64_t dad_throttle_ripe(const struct dad_vchan *vc, uint64_t ticket, uint64_t n);

#endif /* DAD_THROTTLE_H */
