/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "progress.h"

void
progress_begin(struct progress *p, unsigned int total)
{
	p->shown = isatty(STDERR_FILENO) == 1;
	p->dirty = false;
	p->done = 0;
	p->total = total;
	p->start = rte_rdtsc();
}

void
progress_step(struct progress *p, const char *what)
{
	const double spent = (double)(rte_rdtsc() - p->start) / (double)rte_get_tsc_hz();

	p->done++;
	if (!p->shown)
		return;
	fprintf(stderr, "\r\033[K%u/%u %s", p->done, p->total, what);
	if (p->done > 10)
		fprintf(stderr, ", %.0f s to go",
			spent / (p->done - 1) * (double)(p->total - p->done + 1));
	fflush(stderr);
	p->dirty = true;
}

void
progress_clear(struct progress *p)
{
	if (!p->dirty)
		return;
	fprintf(stderr, "\r\033[K");
	fflush(stderr);
	p->dirty = false;
}
