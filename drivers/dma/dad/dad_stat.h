/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_STAT_H
#define DAD_STAT_H

/*
 * What a vchan counts beside struct rte_dma_stats.
 *
 * A counter lies with what its writer writes anyway: the submitter, who does the operations, who
 * completes them. Where these are several (mt=1, or several workers) they add by atomics, once a
 * group or batch. Nothing is set to zero while the device runs: a reset notes what there was, and
 * a reader subtracts that. When nothing is in flight all numbers are exact.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_dmadev.h>

struct dad_desc;
struct dad_vchan;

#define DAD_STAT_OPCODES   3  /* of enum dad_opcode */
#define DAD_STAT_CODES	   16 /* statuses that are counted apart; the last: all others */
#define DAD_STAT_BATCHES   16 /* batches of 1, 2–3, 4–7, … 32768 operations */
#define DAD_STAT_LATENCIES 36 /* less than 2, 2–3, 4–7, … 2^35 ns and more */

/* All that is told of a vchan, as one array. */
enum dad_xstat {
	DAD_XSTAT_OPS,					    /* attempted, by opcode */
	DAD_XSTAT_BYTES = DAD_XSTAT_OPS + DAD_STAT_OPCODES, /* of those that succeeded */
	DAD_XSTAT_NOSPACE = DAD_XSTAT_BYTES + DAD_STAT_OPCODES,
	DAD_XSTAT_PARTS,	 /* that large operations were cut into */
	DAD_XSTAT_SUBMIT_SERVED, /* engine=auto: groups done in submit, */
	DAD_XSTAT_POLL_SERVED,	 /* and groups and parts by who polled in vain */
	DAD_XSTAT_ERRORS,	 /* by status, those reported */
	DAD_XSTAT_BATCHES = DAD_XSTAT_ERRORS + DAD_STAT_CODES,
	DAD_XSTAT_LATENCY = DAD_XSTAT_BATCHES + DAD_STAT_BATCHES,
	DAD_XSTAT_LATENCY_NS = DAD_XSTAT_LATENCY + DAD_STAT_LATENCIES, /* their sum */
	DAD_XSTAT_MAX,
};

/* An operation that failed, and was reported. */
struct dad_failure {
	uint64_t src; /* of a scatter list the first entry's; of a fill the pattern */
	uint64_t dst;
	uint32_t length;
	uint16_t index;
	uint8_t opcode;
	uint8_t status;
	uint64_t tsc; /* when it was reported */
};

/* The latest one: written by one at a time, read by anybody at any time. */
struct dad_last_failure {
	uint64_t turn; /* odd: being written; 0: there was none */
	struct dad_failure failure;
};

/* What a run of operations adds. */
struct dad_errors {
	uint64_t count[DAD_STAT_CODES];
	struct dad_failure last;
};

struct dad_latency {
	uint64_t bucket[DAD_STAT_LATENCIES];
	uint64_t ns;
};

/* In each vchan: a line or more for each side. */
struct dad_stat {
	/* submitting */
	uint64_t nospace __rte_cache_aligned;
	uint64_t submit_served;
	uint64_t batch[DAD_STAT_BATCHES];

	/* completing */
	uint64_t error[DAD_STAT_CODES] __rte_cache_aligned;
	uint64_t poll_served;
	struct dad_last_failure last;
	struct dad_latency latency;

	/* doing operations, where it is rare; what is not is in the vchan's own line of workers */
	uint64_t skipped __rte_cache_aligned;
	uint64_t parts;

	uint64_t *stamps; /* when each slot's operation was submitted; NULL: never asked for */
	uint64_t base[DAD_XSTAT_MAX];
};

/* Add to a counter of which there is one writer, or, if shared, several. */
static inline void
dad_stat_add(uint64_t *counter, uint64_t n, bool shared)
{
	if (shared)
		__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
	else
		__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline void
dad_stat_batch(struct dad_stat *s, uint64_t n, bool shared)
{
	dad_stat_add(&s->batch[63 - __builtin_clzll(n)], 1, shared);
}

/* ---- slow paths ----------------------------------------------------------------------------- */

/* An enqueue found no room: -ENOSPC. */
int dad_stat_nospace(struct dad_vchan *vc);

/* An operation is done that was not one of a run of plain copies or fills. */
void dad_stat_done_one(struct dad_vchan *vc, const struct dad_desc *desc, uint16_t status);

/* Of the n operations from ticket on, which are not yet free, some failed: what is to be counted if
 * it is the caller who reports them; and then count it. */
void dad_stat_see_errors(
	const struct dad_vchan *vc, uint64_t ticket, uint64_t n, struct dad_errors *e);
void dad_stat_errors(struct dad_vchan *vc, const struct dad_errors *e);

/* The latest failure since the start. False if there was none. */
bool dad_stat_last(const struct dad_vchan *vc, struct dad_failure *f);

/* "SUCCESSFUL" … "ERROR_UNKNOWN"; and "copy", "fill", "sg". */
const char *dad_stat_code_name(unsigned int status);
const char *dad_stat_opcode_name(unsigned int opcode);

/* ---- latency, if it is on ------------------------------------------------------------------- */

/* Measure, or stop measuring; what was measured stays. 0 or -ENOMEM. By one thread at a time. */
int dad_stat_latency_switch(struct dad_vchan *vc, bool on);

/* The operations from ticket to end are submitted now. */
void dad_stat_stamp(struct dad_vchan *vc, uint64_t ticket, uint64_t end);

/* The n operations from ticket on are completed, and not yet free: where they go is added to. */
void dad_stat_latency(
	const struct dad_vchan *vc, uint64_t ticket, uint64_t n, struct dad_latency *to);

/* What was put aside while it was not clear whether the caller reports them; many may. */
void dad_stat_latency_add(struct dad_vchan *vc, const struct dad_latency *l);

/* ---- all of it ------------------------------------------------------------------------------- */

/* All to zero; nobody uses the vchan. */
void dad_stat_clear(struct dad_vchan *vc);

/* Since the start or the last reset; added to what is there. */
void dad_stat_get(const struct dad_vchan *vc, uint64_t values[DAD_XSTAT_MAX]);
void dad_stat_reset(struct dad_vchan *vc);

/* The name of a number, as in telemetry: "copy_bytes", "error_page_fault", "batches_of_4". */
void dad_stat_name(enum dad_xstat which, char *name, unsigned int size);

#endif /* DAD_STAT_H */
