/* SPDX-License-Identifier: BSD-3-Clause */

/* All accesses to registers. Each names its section of docs/specs/edu, in QEMU's sources. */

#include <errno.h>

#include <rte_cycles.h>
#include <rte_io.h>

#include "edu_hw.h"

/* "MMIO area spec", 0x00. A device that left the bus reads as all ones, or as zeros. */
static bool
is_present(const struct edu_hw *hw)
{
	return (rte_read32(hw->regs + EDU_REG_ID) & EDU_ID_MASK) == EDU_ID_VALUE;
}

int
edu_hw_check(struct edu_hw *hw)
{
	if (!is_present(hw))
		return -ENODEV;
	/* "MMIO area spec", 0x98 */
	if (rte_read32(hw->regs + EDU_REG_DMA_CMD) & EDU_CMD_RUN)
		return -EBUSY;
	return 0;
}

void
edu_hw_start(struct edu_hw *hw, dad_dma_addr_t addr, uint32_t offset, uint32_t len, bool to_ram)
{
	uint64_t inside = EDU_BUFFER_ADDR + offset;

	/* "DMA controller": source, destination, count; then the command starts it. Each write is
	 * ordered behind what the CPU wrote before, memory included. */
	rte_write64(to_ram ? inside : addr, hw->regs + EDU_REG_DMA_SRC);
	rte_write64(to_ram ? addr : inside, hw->regs + EDU_REG_DMA_DST);
	rte_write64(len, hw->regs + EDU_REG_DMA_LEN);
	rte_write32(EDU_CMD_RUN | (to_ram ? EDU_CMD_TO_RAM : 0), hw->regs + EDU_REG_DMA_CMD);
	hw->deadline = rte_get_timer_cycles() + hw->timeout;
}

enum edu_state
edu_hw_poll(struct edu_hw *hw)
{
	/* "DMA controller": bit 0 of the command stays set until the transfer is over */
	bool runs = (rte_read32(hw->regs + EDU_REG_DMA_CMD) & EDU_CMD_RUN) != 0;

	/* a device that is gone would seem to run for ever, or to be done */
	if (!is_present(hw))
		return EDU_GONE;
	if (!runs)
		return EDU_DONE;
	return rte_get_timer_cycles() > hw->deadline ? EDU_LATE : EDU_RUNNING;
}
