/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TRACE_FP_H
#define TRACE_FP_H

/* -Dtrace_fp=true: before all others, so that trace points of the fast path are compiled although
 * DPDK was built without them. DPDK's own header takes the macro back. */

#include <rte_config.h>

#ifndef RTE_ENABLE_TRACE_FP
#define RTE_ENABLE_TRACE_FP 1
#endif

#endif /* TRACE_FP_H */
