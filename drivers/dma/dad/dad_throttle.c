/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>

#include "dad_throttle.h"
#include "dad_lists.h"

void
dad_throttle_open(struct dad_throttle *t, uint64_t rate, uint32_t latency_ns)
{
	t->hz = rte_get_tsc_hz();
	t->rate = rate;
	t->latency = latency_ns > 0 ? dad_throttle_ticks(t->hz, 1000000000, latency_ns) : 0;
}

static inline uint64_t *
due_of(const struct dad_vchan *vc, uint64_t ticket)
{
	return &vc->due[ticket & vc->mask];
}

/* Other workers have groups of the same vchan: it only grows. */
static void
raise_latest(struct dad_vchan *vc, uint64_t due)
{
	uint64_t latest = __atomic_load_n(&vc->model.latest, __ATOMIC_RELAXED);

	while (latest < due &&
		!__atomic_compare_exchange_n(
			&vc->model.latest, &latest, due, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Does the group wait for all before it? With mt=1 the tag says so, or where groups are claimed in
 * pieces; else the first descriptor. */
static bool
is_fenced(const struct dad_vchan *vc, uint64_t first)
{
	if (vc->mt || vc->halts)
		return (ring_tag_at(dad_vchan_filled(vc), first, __ATOMIC_RELAXED) &
			       DAD_KIND_MASK) == DAD_KIND_FENCE;
	return dad_vchan_slot(vc, first)->depth & DAD_DEPTH_FENCE;
}

static uint64_t
ticks_of(const struct dad_throttle *t, const struct dad_vchan *vc, uint64_t ticket)
{
	if (t->rate == 0)
		return 0;
	const struct dad_desc desc = dad_vchan_desc(vc, ticket);

	return dad_throttle_ticks(t->hz, t->rate, dad_lists_bytes(vc, &desc));
}

/* Times stay below what can be added to without a wrap, some centuries from now. */
#define FOR_EVER (UINT64_MAX / 4)

static uint64_t
later(uint64_t time, uint64_t ticks)
{
	return ticks < FOR_EVER - time ? time + ticks : FOR_EVER;
}

/* Reserve the link for so many ticks, not before a time: from when on. */
static uint64_t
take_link(struct dad_throttle *t, uint64_t submitted, uint64_t ticks)
{
	uint64_t free = __atomic_load_n(&t->free, __ATOMIC_RELAXED), start;

	do
		start = RTE_MAX(submitted, free);
	while (!__atomic_compare_exchange_n(
		&t->free, &free, later(start, ticks), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return start;
}

void
dad_throttle_submit(struct dad_vchan *vc, uint64_t ticket, uint64_t end)
{
	const uint64_t now = rte_rdtsc();

	for (; ticket != end; ticket++)
		__atomic_store_n(due_of(vc, ticket), now, __ATOMIC_RELAXED);
}

void
dad_throttle_begin(struct dad_throttle *t, struct dad_vchan *vc, uint64_t first, unsigned int n)
{
	uint64_t time = 0, ticks = 0;

	for (unsigned int i = 0; i < n; i++) {
		/* when it was submitted: with mt=1 not all of them at a time */
		time = RTE_MAX(time, __atomic_load_n(due_of(vc, first + i), __ATOMIC_RELAXED));
		ticks = later(ticks, ticks_of(t, vc, first + i));
	}
	if (ticks > 0)
		time = take_link(t, time, ticks);
	if (is_fenced(vc, first))
		time = RTE_MAX(time, __atomic_load_n(&vc->model.latest, __ATOMIC_RELAXED));
	for (unsigned int i = 0; i < n; i++) {
		time = later(time, ticks_of(t, vc, first + i));
		__atomic_store_n(due_of(vc, first + i), time + t->latency, __ATOMIC_RELAXED);
	}
	raise_latest(vc, time + t->latency);
}

void
dad_throttle_hold(
	const struct dad_throttle *t, struct dad_vchan *vc, uint64_t ticket, uint64_t time)
{
	uint64_t *due = due_of(vc, ticket);

	if (time + t->latency <= *due)
		return;
	__atomic_store_n(due, time + t->latency, __ATOMIC_RELAXED);
	raise_latest(vc, time + t->latency);
}

uint64_t
dad_throttle_ripe(const struct dad_vchan *vc, uint64_t ticket, uint64_t n)
{
	const uint64_t now = rte_rdtsc();
	uint64_t i = 0;

	while (i < n && __atomic_load_n(due_of(vc, ticket + i), __ATOMIC_RELAXED) <= now)
		i++;
	return i;
}
