/* SPDX-License-Identifier: BSD-3-Clause */
#define EXEC_RUN  dad_exec_run_generic
#define EXEC_COPY dad_exec_copy_generic
#include "exec_impl.h"
