/* SPDX-License-Identifier: BSD-3-Clause */
#define EXEC_RUN dad_exec_run_generic
#include "exec_impl.h"
