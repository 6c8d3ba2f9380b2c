/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLACEMENT_H
#define PLACEMENT_H

/* The NUMA node on which a page lies now, or -errno: -ENOENT where there is no page yet. */
int placement_node(const void *va);

#endif /* PLACEMENT_H */
