/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EDU_ARGS_H
#define EDU_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/* How the device reaches the application's memory. */
enum edu_map {
	EDU_MAP_WINDOW, /* a second, low address that stays; bounced where that cannot be */
	EDU_MAP_STRICT, /* an address for each hop, with the rights that it needs */
	EDU_MAP_LAZY,	/* the same, taken away in batches */
	EDU_MAP_BOUNCE, /* copied to where the device can reach it */
	EDU_MAP_EAL,	/* at the addresses that EAL has */
};

#define EDU_ARGS_HELP                                                                              \
	"map=window|strict|lazy|bounce|eal mask=12-64 (bits) timeout=1-60000 (ms) verify=0|1"

struct edu_args {
	enum edu_map map;
	unsigned int address_bits;
	unsigned int timeout_ms;
	bool verify;
};

/* Read devargs, which may be NULL; 0 or -EINVAL, with a line in the log. */
int edu_args_parse(const char *device, const char *text, struct edu_args *args);

#endif /* EDU_ARGS_H */
