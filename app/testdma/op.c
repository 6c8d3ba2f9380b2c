/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "op.h"

static const struct {
	const char *name;
	uint64_t capability;
} ops[OP_COUNT] = {
	[OP_COPY] = {"copy", RTE_DMA_CAPA_OPS_COPY},
	[OP_FILL] = {"fill", RTE_DMA_CAPA_OPS_FILL},
	[OP_SG] = {"sg", RTE_DMA_CAPA_OPS_COPY_SG},
};

const char *
op_name(enum op op)
{
	return ops[op].name;
}

enum op
op_by_name(const char *name)
{
	enum op op = OP_COPY;

	while (op < OP_COUNT && strcmp(name, ops[op].name) != 0)
		op++;
	return op;
}

uint64_t
op_capability(enum op op)
{
	return ops[op].capability;
}

const char *
op_status_name(unsigned int code)
{
	static _Thread_local char unknown[32];

	switch (code) {
	case RTE_DMA_STATUS_SUCCESSFUL:
		return "successful";
	case RTE_DMA_STATUS_USER_ABORT:
		return "aborted by the user";
	case RTE_DMA_STATUS_NOT_ATTEMPTED:
		return "not attempted";
	case RTE_DMA_STATUS_INVALID_SRC_ADDR:
		return "invalid source address";
	case RTE_DMA_STATUS_INVALID_DST_ADDR:
		return "invalid destination address";
	case RTE_DMA_STATUS_INVALID_ADDR:
		return "invalid address";
	case RTE_DMA_STATUS_INVALID_LENGTH:
		return "invalid length";
	case RTE_DMA_STATUS_INVALID_OPCODE:
		return "invalid operation";
	case RTE_DMA_STATUS_BUS_READ_ERROR:
		return "bus read error";
	case RTE_DMA_STATUS_BUS_WRITE_ERROR:
		return "bus write error";
	case RTE_DMA_STATUS_BUS_ERROR:
		return "bus error";
	case RTE_DMA_STATUS_DATA_POISION:
		return "poisoned data";
	case RTE_DMA_STATUS_DESCRIPTOR_READ_ERROR:
		return "descriptor read error";
	case RTE_DMA_STATUS_DEV_LINK_ERROR:
		return "device link error";
	case RTE_DMA_STATUS_PAGE_FAULT:
		return "page fault";
	case RTE_DMA_STATUS_ERROR_UNKNOWN:
		return "unknown error";
	default:
		snprintf(unknown, sizeof(unknown), "status %u", code);
		return unknown;
	}
}
