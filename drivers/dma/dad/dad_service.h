/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_SERVICE_H
#define DAD_SERVICE_H

/*
 * engine=service: EAL's service cores are the workers. The service is there from probe on, so that
 * EAL maps it to the cores of -s or -S, or the application does; it runs while the device does.
 */

#include <stdbool.h>
#include <stdint.h>

struct dad_engine;

struct dad_service {
	uint32_t id;
	bool open;
};

/* Register the service of a name. 0 or -errno. */
int dad_service_open(
	struct dad_service *s, const char *name, int numa_node, struct dad_engine *engine);
void dad_service_close(struct dad_service *s);

/* Let it run: on the cores that it is mapped to, else on all service cores. Without any it starts
 * all the same, with a warning: the application may add one, or run it itself. 0 or -errno. */
int dad_service_start(struct dad_service *s, const char *name);

/* No core is in it any more when this returns 0; -EBUSY: one does not leave. */
int dad_service_stop(struct dad_service *s, const char *name);

/* Do service cores share a CPU with other lcores? */
bool dad_service_is_crowded(void);

#endif /* DAD_SERVICE_H */
