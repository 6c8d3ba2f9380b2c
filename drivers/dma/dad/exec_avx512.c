/* SPDX-License-Identifier: BSD-3-Clause */
#define EXEC_RUN dad_exec_run_avx512
#include "exec_impl.h"
