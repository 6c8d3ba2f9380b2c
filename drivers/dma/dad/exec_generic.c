/* SPDX-License-Identifier: BSD-3-Clause */
#define EXEC_RUN  dad_exec_run_generic
#define EXEC_COPY dad_exec_copy_generic
#ifdef __SSE2__
#define EXEC_MOVE dad_exec_move_sse2
#endif
#include "exec_impl.h"
