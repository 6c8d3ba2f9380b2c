/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_SOURCE_H
#define DAD_SOURCE_H

/*
 * A source: an endless stream that goes through the device's window of W bytes, lap after lap. Byte
 * p of the stream passes window address p mod W. It exists from start + p / rate on, and until byte
 * p + W takes its place. What a byte is follows from p alone, so nobody needs to write the window.
 *
 * An operation of a vchan that takes from the device asks for addresses; its cursor says which
 * passage is meant: the next one at or after where the last operation ended.
 *
 *      cursor                      first = next passage of the address
 *   ───┴───────── skipped ─────────┴──────── taken ────────┴───►  position in the stream
 *
 * cursor = taken + skipped + lost, always: lost is what was overwritten, or passed over to get in
 * step again after that.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dad_model_args.h"

struct dad_vchan;

struct dad_source {
	enum dad_source_kind kind;
	uint8_t *bytes; /* source=file: the file's, in memory of all processes */
	uint64_t n;
	uint64_t rate;	/* bytes a second; 0: all of the stream exists, and stays */
	uint64_t hz;	/* of the time below */
	uint64_t start; /* TSC */
};

/* Of a vchan. Who does its operations does them in order, and writes; others may read. */
struct dad_acquired {
	uint64_t cursor;
	uint64_t taken;
	uint64_t skipped;
	uint64_t lost;
	uint64_t overruns; /* operations that failed for it */
};

int dad_source_open(
	struct dad_source *s, const char *device, const struct dad_model_args *args, int numa_node);
void dad_source_close(struct dad_source *s);

/*
 * The vchan takes the next passage of the length bytes at an address of the window: its position in
 * the stream. SUCCESSFUL, INVALID_SRC_ADDR beyond the window, DATA_POISION if it was overwritten.
 */
uint16_t dad_source_take(const struct dad_source *s, uint64_t window, struct dad_vchan *vc,
	uint64_t addr, uint64_t length, uint64_t *position);

/* What an operation took is lost: it failed later. taken is what was before it. */
void dad_source_lose(struct dad_vchan *vc, uint64_t taken);

/* The stream's length bytes at a position. */
void dad_source_make(const void *source, uint64_t position, uint8_t *to, uint64_t length);

/* The TSC at which all bytes before a position exist; 0 if it is no matter of time. */
uint64_t dad_source_time(const struct dad_source *s, uint64_t position);

/* Since start or the last reset of statistics. */
void dad_source_stats(const struct dad_vchan *vc, struct dad_acquired *sum);

#endif /* DAD_SOURCE_H */
