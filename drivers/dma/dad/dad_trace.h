/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_TRACE_H
#define DAD_TRACE_H

/*
 * Trace points, pmd.dma.dad.*: EAL's --trace. Those of the control path are always there, and begin
 * with the device's name. Those of the fast path are there only where EAL's header says so
 * (RTE_ENABLE_TRACE_FP), else no code is made of them. Workers are spoken of by who starts and
 * stops them: EAL keeps a buffer for each thread that traces, until the end.
 */

#include <rte_trace_point.h>

#include "dad_vchan.h"

/* tables, not statements */
/* clang-format off */

RTE_TRACE_POINT(dad_trace_probe,
	RTE_TRACE_POINT_ARGS(
		const char *name, int16_t dev_id, const char *engine, const char *kernel, int ret),
	rte_trace_point_emit_string(name); rte_trace_point_emit_i16(dev_id);
	rte_trace_point_emit_string(engine); rte_trace_point_emit_string(kernel);
	rte_trace_point_emit_int(ret);)

RTE_TRACE_POINT(dad_trace_configure,
	RTE_TRACE_POINT_ARGS(const char *name, uint16_t nb_vchans),
	rte_trace_point_emit_string(name); rte_trace_point_emit_u16(nb_vchans);)

RTE_TRACE_POINT(dad_trace_vchan_setup,
	RTE_TRACE_POINT_ARGS(const char *name, uint16_t vchan, uint16_t nb_desc, int ret),
	rte_trace_point_emit_string(name); rte_trace_point_emit_u16(vchan);
	rte_trace_point_emit_u16(nb_desc); rte_trace_point_emit_int(ret);)

RTE_TRACE_POINT(dad_trace_start, RTE_TRACE_POINT_ARGS(const char *name, int ret),
	rte_trace_point_emit_string(name); rte_trace_point_emit_int(ret);)

RTE_TRACE_POINT(dad_trace_stop, RTE_TRACE_POINT_ARGS(const char *name, uint8_t drained),
	rte_trace_point_emit_string(name); rte_trace_point_emit_u8(drained);)

RTE_TRACE_POINT(dad_trace_abort,
	RTE_TRACE_POINT_ARGS(const char *name, uint16_t vchan, uint64_t operations),
	rte_trace_point_emit_string(name); rte_trace_point_emit_u16(vchan);
	rte_trace_point_emit_u64(operations);)

RTE_TRACE_POINT(dad_trace_close, RTE_TRACE_POINT_ARGS(const char *name),
	rte_trace_point_emit_string(name);)

RTE_TRACE_POINT(dad_trace_worker_start,
	RTE_TRACE_POINT_ARGS(const char *name, uint32_t worker, int cpu, int ret),
	rte_trace_point_emit_string(name); rte_trace_point_emit_u32(worker);
	rte_trace_point_emit_int(cpu); rte_trace_point_emit_int(ret);)

RTE_TRACE_POINT(dad_trace_worker_stop,
	RTE_TRACE_POINT_ARGS(const char *name, uint32_t worker, uint64_t groups),
	rte_trace_point_emit_string(name); rte_trace_point_emit_u32(worker);
	rte_trace_point_emit_u64(groups);)

/* ---- fast path ------------------------------------------------------------------------------ */

RTE_TRACE_POINT_FP(dad_trace_enqueue,
	RTE_TRACE_POINT_ARGS(const struct dad_vchan *vc, uint64_t ticket, uint32_t opcode,
		uint32_t length, uint64_t flags),
	rte_trace_point_emit_ptr(vc); rte_trace_point_emit_u64(ticket);
	rte_trace_point_emit_u32(opcode); rte_trace_point_emit_u32(length);
	rte_trace_point_emit_u64(flags);)

RTE_TRACE_POINT_FP(dad_trace_submit,
	RTE_TRACE_POINT_ARGS(const struct dad_vchan *vc, uint64_t ticket, uint64_t operations),
	rte_trace_point_emit_ptr(vc); rte_trace_point_emit_u64(ticket);
	rte_trace_point_emit_u64(operations);)

RTE_TRACE_POINT_FP(dad_trace_group,
	RTE_TRACE_POINT_ARGS(
		const struct dad_vchan *vc, uint64_t ticket, uint32_t operations, uint8_t failed),
	rte_trace_point_emit_ptr(vc); rte_trace_point_emit_u64(ticket);
	rte_trace_point_emit_u32(operations); rte_trace_point_emit_u8(failed);)

RTE_TRACE_POINT_FP(dad_trace_completed,
	RTE_TRACE_POINT_ARGS(const struct dad_vchan *vc, uint64_t ticket, uint64_t operations),
	rte_trace_point_emit_ptr(vc); rte_trace_point_emit_u64(ticket);
	rte_trace_point_emit_u64(operations);)

/* clang-format on */

#endif /* DAD_TRACE_H */
