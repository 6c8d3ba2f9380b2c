/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RINGPERF_DISTANCE_H
#define RINGPERF_DISTANCE_H

/**
 * How far are two CPUs from each other now? On a virtual machine that changes as the host moves
 * its CPUs, and every ring's figures with it.
 *
 * @return median time for a cache line to go from the one to the other and back, in ns; 0 if it
 *         cannot be told
 */
double distance_ns(unsigned int cpu, unsigned int other);

#endif /* RINGPERF_DISTANCE_H */
