/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_SECONDARY_H
#define TEST_SECONDARY_H

/* A real dma_dad in a test program that is its own secondary process. */

#include "test_device.h"

#include "mp_test.h"

/* In a secondary, EAL's bus keeps the devices that the primary told it of when it goes. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:librte_bus_vdev\n";
}

#endif /* TEST_SECONDARY_H */
