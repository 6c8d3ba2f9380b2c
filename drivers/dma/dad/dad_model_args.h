/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_MODEL_ARGS_H
#define DAD_MODEL_ARGS_H

/* What the devargs of dma_dad say about the device that it plays: see dad_model.h. */

#include <stdbool.h>
#include <stdint.h>

enum dad_source_kind {
	DAD_SOURCE_NONE,
	DAD_SOURCE_PATTERN,
	DAD_SOURCE_FILE,
	DAD_SOURCE_NULL,
};

struct dad_model_args {
	uint64_t window; /* bytes; 0: the device has no memory of its own */
	enum dad_source_kind source;
	char file[256];	  /* of source=file:PATH */
	uint64_t rate;	  /* of the source, bytes a second; 0: unlimited */
	uint64_t gbps;	  /* of the device's link, bytes a second; 0: unlimited */
	uint32_t lat_ns;  /* of each operation */
	char inject[512]; /* see dad_inject.h */
};

#define DAD_MODEL_ARGS_HELP                                                                        \
	"window=<bytes, as 65536 or 64K or 16M or 1G> source=<pattern|file:PATH|null> "            \
	"rate=<GB/s, as 1.25; 0: unlimited> gbps=<GB/s> lat_ns=<0-1000000000> "                    \
	"inject=<status|enospc[:every:N][:count:K][:min:BYTES][:max:BYTES][:vchan:V]"              \
	"[:op:copy|fill|sg][+...]>"

/* Each returns 0, or -EINVAL after logging what is wrong and what is valid. */
int dad_model_parse_window(const char *device, const char *value, struct dad_model_args *args);
int dad_model_parse_source(const char *device, const char *value, struct dad_model_args *args);
int dad_model_parse_rate(const char *device, const char *value, struct dad_model_args *args);
int dad_model_parse_gbps(const char *device, const char *value, struct dad_model_args *args);
int dad_model_parse_inject(const char *device, const char *value, struct dad_model_args *args);

/* Is the whole of them something that can be? */
int dad_model_args_check(const char *device, const struct dad_model_args *args);

/* Digits, and perhaps K, M, G or T for powers of 1024. */
bool dad_parse_bytes(const char *text, uint64_t *bytes);

const char *dad_source_name(enum dad_source_kind kind);

#endif /* DAD_MODEL_ARGS_H */
