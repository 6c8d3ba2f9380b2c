/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any pair of scatter lists: the status is the one that plain C finds, and so is every byte.
 *
 * Input: the number of entries on either side, then three bytes an entry: where it is, and how
 * long; some places are nowhere, or at the end of the address space.
 */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "dad_internal.h"
#include "dad_lists.h"

#define ARENA 4096

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *src, *dst, model[ARENA];
static struct dad_sge sges[256];
static struct dad_packed ring;
static struct dad_slot slot;
static uint8_t status_of_slot;
static struct dad_vchan vc = {
	.ring = &ring, .slots = &slot, .status = &status_of_slot, .sges = sges, .sge_mask = 255};
static const struct dad_exec *x;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char cpu[16];
	char *eal[] = {(*argv)[0], "--no-huge", "-m", "64", "--no-pci", "--iova-mode=va",
		"--no-telemetry", "--no-shconf", "--log-level=1", "-l", cpu, NULL};

	(void)argc;
	snprintf(cpu, sizeof(cpu), "%d", sched_getcpu()); /* one that there is */
	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0 || dad_exec_open(0, NULL, 0) != 0)
		abort();
	/* what EAL does not know is wrong then, and the oracle need not ask the kernel */
	dad_exec_table[0]->sva = false;
	x = dad_exec_table[0];
	src = rte_malloc(NULL, ARENA, 64);
	dst = rte_malloc(NULL, ARENA, 64);
	if (src == NULL || dst == NULL)
		abort();
	for (unsigned int i = 0; i < ARENA; i++)
		src[i] = (uint8_t)(i * 7 + i / 256);
	return 0;
}

static void
make_entry(struct rte_dma_sge *e, const uint8_t *data, const uint8_t *arena)
{
	uint32_t at = (data[0] & 15) * 256u + data[1];

	e->length = data[2] >> 6 == 3 ? data[2] * 16u : data[2];
	switch (data[0] >> 4) {
	case 15:
		e->addr = UINT64_MAX - at;
		break;
	case 14:
		e->addr = at;
		break;
	case 13:
		e->addr = (uintptr_t)arena + at % (ARENA / 2);
		e->length = UINT32_MAX - at; /* sums of many do not fit 32 bits */
		break;
	default:
		e->length = RTE_MIN(e->length, ARENA - at);
		e->addr = (uintptr_t)arena + at;
	}
}

static bool
sum(const struct rte_dma_sge *list, unsigned int n, uint64_t *bytes)
{
	*bytes = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (list[i].length > 0 && list[i].addr + (list[i].length - 1) < list[i].addr)
			return false;
		*bytes += list[i].length;
	}
	return true;
}

static bool
is_in(const uint8_t *arena, uint64_t addr)
{
	return addr >= (uintptr_t)arena && addr < (uintptr_t)arena + ARENA;
}

/* Byte by byte. */
static uint16_t
oracle(const struct rte_dma_sge *from, unsigned int nb_from, const struct rte_dma_sge *to,
	unsigned int nb_to)
{
	unsigned int i = 0, j = 0;
	uint32_t at_i = 0, at_j = 0;
	uint64_t a, b;

	if (!sum(from, nb_from, &a) || !sum(to, nb_to, &b) || a != b)
		return RTE_DMA_STATUS_INVALID_LENGTH;
	for (; a > 0; a--, at_i++, at_j++) {
		while (at_i == from[i].length)
			i++, at_i = 0;
		while (at_j == to[j].length)
			j++, at_j = 0;
		if (!is_in(src, from[i].addr + at_i))
			return RTE_DMA_STATUS_INVALID_SRC_ADDR;
		if (!is_in(dst, to[j].addr + at_j))
			return RTE_DMA_STATUS_INVALID_DST_ADDR;
		model[to[j].addr + at_j - (uintptr_t)dst] = *(uint8_t *)(from[i].addr + at_i);
	}
	return RTE_DMA_STATUS_SUCCESSFUL;
}

static uint16_t
in_one(struct dad_desc desc)
{
	dad_vchan_put(&vc, 0, desc);
	dad_vchan_clear_statuses(&vc, 0, 1);
	x->run(x, &vc, 0, 1, 0);
	return status_of_slot;
}

static uint16_t
in_parts(struct dad_desc desc, uint64_t length)
{
	uint16_t status = RTE_DMA_STATUS_SUCCESSFUL;

	for (uint64_t at = 0; at < desc.length && status == RTE_DMA_STATUS_SUCCESSFUL; at += length)
		status = dad_exec_part(x, &vc, &desc, at, length);
	return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	unsigned int nb_from = 1 + data[0] % 64, nb_to = 1 + data[1] % 64;
	struct rte_dma_sge from[64], to[64];
	uint64_t a, b;

	if (size < 2 + 3 * (nb_from + nb_to))
		return 0;
	data += 2;
	for (unsigned int i = 0; i < nb_from; i++, data += 3)
		make_entry(&from[i], data, src);
	for (unsigned int i = 0; i < nb_to; i++, data += 3)
		make_entry(&to[i], data, dst);
	/* long ones are there for their sums: they would run on into EAL's other memory */
	if (sum(from, nb_from, &a) && sum(to, nb_to, &b) && a == b && a > 128 * ARENA)
		return 0;
	for (unsigned int i = 0; i < nb_from; i++)
		if (is_in(src, from[i].addr) && from[i].length > ARENA)
			from[i].addr = 8;
	for (unsigned int i = 0; i < nb_to; i++)
		if (is_in(dst, to[i].addr) && to[i].length > ARENA)
			to[i].addr = 8;
	/* equal sums are rare: the last entry makes up for the difference where it can */
	if (sum(from, nb_from, &a) && sum(to, nb_to, &b) && a > b &&
		a - b + to[nb_to - 1].length <= ARENA && is_in(dst, to[nb_to - 1].addr)) {
		to[nb_to - 1].addr = (uintptr_t)dst;
		to[nb_to - 1].length += (uint32_t)(a - b);
	}

	const struct dad_lists lists =
		dad_lists_put(&vc, 1, from, to, (uint16_t)nb_from, (uint16_t)nb_to);

	const struct dad_desc desc = {
		.opcode = DAD_OP_SG, .dst = lists.word, .length = lists.length};
	memset(dst, 0, ARENA);
	memset(model, 0, ARENA);
	uint16_t expected = oracle(from, nb_from, to, nb_to);
	uint16_t status = size % 2 == 1 && dad_exec_can_part(x, &desc)
		? in_parts(desc, 8 + size % 97 * 8)
		: in_one(desc);

	/* one that fails may have moved a part, by entries and not by bytes */
	if (status != expected ||
		(status == RTE_DMA_STATUS_SUCCESSFUL && memcmp(dst, model, ARENA) != 0))
		abort();
	return 0;
}
