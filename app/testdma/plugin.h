/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTDMA_PLUGIN_H
#define TESTDMA_PLUGIN_H

/**
 * Load the driver that lies in the build folder beside this program, if it does. EAL's -d refuses
 * plugins below folders that everybody may write to; an installed driver is found by EAL itself.
 * Nor one that an argument names. Call before rte_eal_init().
 */
void plugin_load_beside(int argc, char **argv);

#endif /* TESTDMA_PLUGIN_H */
