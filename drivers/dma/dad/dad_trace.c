/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_trace_point_register.h>

#include "dad_trace.h"

/* There may be two copies of the driver in a process, one that is installed and one that -d names;
 * EAL ends the program over a name that comes twice. The first copy has the trace points. */
static int
register_once(rte_trace_point_t *point, const char *name, void (*describe)(void))
{
	return rte_trace_point_lookup(name) != NULL
		? 0
		: __rte_trace_point_register(point, name, describe);
}

#define __rte_trace_point_register register_once

RTE_TRACE_POINT_REGISTER(dad_trace_probe, pmd.dma.dad.probe)
RTE_TRACE_POINT_REGISTER(dad_trace_configure, pmd.dma.dad.configure)
RTE_TRACE_POINT_REGISTER(dad_trace_vchan_setup, pmd.dma.dad.vchan_setup)
RTE_TRACE_POINT_REGISTER(dad_trace_start, pmd.dma.dad.start)
RTE_TRACE_POINT_REGISTER(dad_trace_stop, pmd.dma.dad.stop)
RTE_TRACE_POINT_REGISTER(dad_trace_abort, pmd.dma.dad.abort)
RTE_TRACE_POINT_REGISTER(dad_trace_close, pmd.dma.dad.close)
RTE_TRACE_POINT_REGISTER(dad_trace_worker_start, pmd.dma.dad.worker.start)
RTE_TRACE_POINT_REGISTER(dad_trace_worker_stop, pmd.dma.dad.worker.stop)

RTE_TRACE_POINT_REGISTER(dad_trace_enqueue, pmd.dma.dad.enqueue)
RTE_TRACE_POINT_REGISTER(dad_trace_submit, pmd.dma.dad.submit)
RTE_TRACE_POINT_REGISTER(dad_trace_group, pmd.dma.dad.group)
RTE_TRACE_POINT_REGISTER(dad_trace_completed, pmd.dma.dad.completed)
