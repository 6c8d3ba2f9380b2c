/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LCORE_H
#define LCORE_H

/* The caller's lcore; RTE_MAX_LCORE, one more than there are, for a thread that is none. Asked for
 * out of line: what a shared library pays for a variable of the thread
 * depends on how it is compiled, and that is chosen for one small file (meson.build). */
unsigned int dma_lcore_id(void);

#endif /* LCORE_H */
