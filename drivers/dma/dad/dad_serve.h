/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_SERVE_H
#define DAD_SERVE_H

/*
 * Take groups of operations from a vchan, and do them: what workers do, and, depending on the
 * engine, who submits and who polls for completions. Any number of threads where vc->shared.
 */

#include "dad_exec.h"
#include "dad_vchan.h"

/*
 * Claim a group and do it, or a part of a large operation; with backlog_only not if it is the only
 * group that waits. False if there was none. quiet is where the caller keeps what the bell said
 * when there was nothing to do, for this vchan, 0 at first; or NULL.
 */
bool dad_serve(const struct dad_exec *x, struct dad_vchan *vc, bool backlog_only, uint64_t *quiet);

/* The submitter's own: do the group of n operations at ticket, if everything before it was claimed.
 * Its tags are not set, and the bell has not been rung for it. */
bool dad_serve_own(const struct dad_exec *x, struct dad_vchan *vc, uint64_t ticket, unsigned int n,
	enum dad_kind kind);

#endif /* DAD_SERVE_H */
