/* SPDX-License-Identifier: BSD-3-Clause */
#define EXEC_RUN  dad_exec_run_avx2
#define EXEC_COPY dad_exec_copy_avx2
#define EXEC_MOVE dad_exec_move_avx2
#include "exec_impl.h"
