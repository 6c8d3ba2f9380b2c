/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EDU_HW_H
#define EDU_HW_H

/*
 * The device: one transfer at a time between memory and its own buffer. Who uses it keeps the
 * memory mapped from edu_hw_start() until edu_hw_poll() has said that it is over.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dad_dma.h"
#include "edu_regs.h"

struct edu_hw {
	volatile uint8_t *regs;
	uint64_t timeout;  /* timer cycles that a transfer may take */
	uint64_t deadline; /* of the one that runs */
	/* Keep the device off the bus, or let it on again: the only way to stop a transfer. */
	int (*set_bus_master)(void *bus, bool on);
	void *bus;
};

enum edu_state {
	EDU_RUNNING,
	EDU_DONE,
	EDU_GONE, /* it does not answer any more */
	EDU_LATE, /* it does, but the transfer takes too long */
};

/* Is it an edu device, and does it answer? 0, -ENODEV or -EBUSY (a transfer runs). */
int edu_hw_check(struct edu_hw *hw);

/* Let the device read len bytes of memory into its buffer, from offset on; or write them. Neither
 * may leave the buffer. */
void edu_hw_start(
	struct edu_hw *hw, dad_dma_addr_t addr, uint32_t offset, uint32_t len, bool to_ram);

/* How is it doing? Not to be asked when nothing was started. */
enum edu_state edu_hw_poll(struct edu_hw *hw);

#endif /* EDU_HW_H */
