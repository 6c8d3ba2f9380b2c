/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include <rte_lcore.h>
#include <rte_service.h>
#include <rte_service_component.h>

#include "dad_idle.h"
#include "dad_internal.h"
#include "dad_service.h"

static int32_t
run(void *engine)
{
	return dad_engine_serve_all(engine) ? 0 : -EAGAIN;
}

int
dad_service_open(struct dad_service *s, const char *name, int numa_node, struct dad_engine *engine)
{
	struct rte_service_spec spec = {
		.callback = run,
		.callback_userdata = engine,
		.capabilities = RTE_SERVICE_CAP_MT_SAFE,
		.socket_id = numa_node,
	};

	snprintf(spec.name, sizeof(spec.name), "%s_service", name);
	int ret = rte_service_component_register(&spec, &s->id);
	s->open = ret == 0;
	/* the component says when it may run; whether the application wants it, it has said by the
	 * devarg */
	return ret == 0 ? rte_service_runstate_set(s->id, 1) : ret;
}

void
dad_service_close(struct dad_service *s)
{
	if (!s->open)
		return;
	rte_service_component_unregister(s->id);
	s->open = false;
}

static bool
is_mapped(const struct dad_service *s, const uint32_t *lcores, int n)
{
	for (int i = 0; i < n; i++)
		if (rte_service_map_lcore_get(s->id, lcores[i]) == 1)
			return true;
	return false;
}

int
dad_service_start(struct dad_service *s, const char *name)
{
	uint32_t lcores[RTE_MAX_LCORE];
	int n = rte_service_lcore_list(lcores, RTE_MAX_LCORE);

	if (n <= 0)
		DAD_LOG(WARNING, "%s: there are no service cores (EAL's -s): nothing will be done",
			name);
	if (!is_mapped(s, lcores, n))
		for (int i = 0; i < n; i++) {
			rte_service_map_lcore_set(s->id, lcores[i], 1);
			rte_service_lcore_start(lcores[i]); /* -EALREADY is well */
		}
	return rte_service_component_runstate_set(s->id, 1);
}

int
dad_service_stop(struct dad_service *s, const char *name)
{
	const uint64_t deadline = dad_wait_until(DAD_LEAVE_MS);

	rte_service_component_runstate_set(s->id, 0);
	while (rte_service_may_be_active(s->id) == 1) {
		if (!dad_wait(deadline)) {
			DAD_LOG(ERR, "%s: a service core does not leave", name);
			return -EBUSY;
		}
	}
	return 0;
}

bool
dad_service_is_crowded(void)
{
	for (unsigned int a = 0; a < RTE_MAX_LCORE; a++) {
		rte_cpuset_t on_a = rte_lcore_cpuset(a);

		if (rte_eal_lcore_role(a) != ROLE_SERVICE)
			continue;
		for (unsigned int b = 0; b < RTE_MAX_LCORE; b++) {
			rte_cpuset_t on_b = rte_lcore_cpuset(b);

			if (a != b && rte_eal_lcore_role(b) != ROLE_OFF && CPU_EQUAL(&on_a, &on_b))
				return true;
		}
	}
	return false;
}
