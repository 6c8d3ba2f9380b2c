/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_string_fns.h>

#include "dma_internal.h"
#include "soft.h"

/* The page table of a software IOMMU. A word is a page, with rights and the bytes in it that are
 * really mapped, so that an access is checked to the byte:
 *
 *   63      28 27      16 15       4   3    2    1    0
 *   va >> 12 | last byte | first byte | W  | R  | - | present
 *
 * Units of 2 MiB that are mapped whole are one such word. */
#define WORD_READ   (UINT64_C(1) << 2)
#define WORD_WRITE  (UINT64_C(1) << 3)
#define FIRST_SHIFT 4
#define LAST_SHIFT  16
#define VA_SHIFT    28
#define EDGE_MASK   (DAD_DMA_PAGE_SIZE - 1)
#define STEP	    (UINT64_C(1) << VA_SHIFT)

#define FAULTS_KEPT 64u

struct soft {
	struct dad_dma_table *pages;
	struct dad_dma_table *copies; /* not coherent: IOVA → what the device sees instead */
	struct lock lock;	      /* writers of the tables */

	struct lock fault_lock;
	uint64_t n_faults;
	struct dad_soft_fault faults[FAULTS_KEPT];
};

void *
soft_create(bool with_copies)
{
	struct soft *soft = calloc(1, sizeof(*soft));

	if (soft == NULL)
		return NULL;
	soft->pages = table_create();
	soft->copies = with_copies ? table_create() : NULL;
	if (soft->pages == NULL || (with_copies && soft->copies == NULL)) {
		soft_ops.close(soft);
		return NULL;
	}
	return soft;
}

static void
soft_close(void *priv)
{
	struct soft *soft = priv;

	table_free(soft->pages);
	table_free(soft->copies);
	free(soft);
}

static uint64_t
word_of(uint64_t va, uint64_t first, uint64_t last, enum dad_dma_dir dir)
{
	return DAD_DMA_WORD_PRESENT | (dir != DAD_DMA_FROM_DEVICE ? WORD_READ : 0) |
		(dir != DAD_DMA_TO_DEVICE ? WORD_WRITE : 0) | first << FIRST_SHIFT |
		last << LAST_SHIFT | (va >> DAD_DMA_PAGE_SHIFT) << VA_SHIFT;
}

/* ---- the device's own copies of pages, where caches are not coherent ----------------------------
 */

static void
copies_free(struct soft *soft, uint64_t page, uint64_t end)
{
	for (; page < end; page += DAD_DMA_PAGE_SIZE) {
		uint64_t contig;
		uint64_t copy = dad_dma_table_find(soft->copies, page, &contig);

		if (copy == DAD_DMA_ABSENT)
			continue;
		table_clear(soft->copies, page, DAD_DMA_PAGE_SIZE);
		free((void *)(uintptr_t)copy);
	}
}

static int
copies_make(struct soft *soft, uint64_t page, uint64_t end)
{
	if (soft->copies == NULL)
		return 0;
	for (uint64_t at = page; at < end; at += DAD_DMA_PAGE_SIZE) {
		char *copy = aligned_alloc(DAD_DMA_PAGE_SIZE, DAD_DMA_PAGE_SIZE);

		if (copy == NULL ||
			table_set(soft->copies, at, (uintptr_t)copy, DAD_DMA_PAGE_SIZE) != 0) {
			free(copy);
			copies_free(soft, page, at);
			return -ENOMEM;
		}
		/* what nobody synced is easy to recognise */
		memset(copy, 0xda, DAD_DMA_PAGE_SIZE);
	}
	return 0;
}

int
soft_shadow(void *priv, uint64_t iova, uint64_t size)
{
	struct soft *soft = priv;

	lock_take(&soft->lock);
	int ret = copies_make(
		soft, iova & ~EDGE_MASK, RTE_ALIGN_CEIL(iova + size, DAD_DMA_PAGE_SIZE));
	lock_drop(&soft->lock);
	return ret;
}

uint64_t
soft_update(void *priv, uint64_t iova, uint64_t size, bool to_device)
{
	struct soft *soft = priv;
	uint64_t done = 0;

	while (done < size) {
		uint64_t page_size, contig;
		uint64_t at = iova + done, offset = at & EDGE_MASK;
		uint64_t word = table_word(soft->pages, at, &page_size);
		uint64_t copy = dad_dma_table_find(soft->copies, at, &contig);

		if (word == 0 || copy == DAD_DMA_ABSENT)
			break;
		uint64_t va = (word >> VA_SHIFT) << DAD_DMA_PAGE_SHIFT;
		uint64_t n = RTE_MIN(DAD_DMA_PAGE_SIZE - offset, size - done);

		va += at & (page_size - 1);
		if (to_device)
			memcpy((void *)(uintptr_t)copy, (void *)(uintptr_t)va, n);
		else
			memcpy((void *)(uintptr_t)va, (void *)(uintptr_t)copy, n);
		done += n;
	}
	return done;
}

/* ---- the backend
 * --------------------------------------------------------------------------------- */

/* The head and the tail are words of their own where they are less than a page. */
static int
fill(struct soft *soft, uint64_t iova, uint64_t va, uint64_t size, enum dad_dma_dir dir)
{
	while (size > 0) {
		uint64_t first = iova & EDGE_MASK;
		uint64_t len = size;
		int ret;

		if (first != 0 || size < DAD_DMA_PAGE_SIZE) {
			len = RTE_MIN(size, DAD_DMA_PAGE_SIZE - first);
			ret = table_fill(soft->pages, iova & ~EDGE_MASK,
				word_of(va, first, first + len - 1, dir), 0, DAD_DMA_PAGE_SIZE);
		} else {
			len &= ~EDGE_MASK;
			ret = table_fill(
				soft->pages, iova, word_of(va, 0, EDGE_MASK, dir), STEP, len);
		}
		if (ret != 0)
			return ret;
		iova += len;
		va += len;
		size -= len;
	}
	return 0;
}

static int
soft_unmap(void *priv, dad_dma_addr_t iova, size_t size)
{
	struct soft *soft = priv;
	uint64_t page = iova & ~EDGE_MASK, end = RTE_ALIGN_CEIL(iova + size, DAD_DMA_PAGE_SIZE);

	lock_take(&soft->lock);
	int ret = table_clear_step(soft->pages, page, STEP, end - page);
	if (ret == 0 && soft->copies != NULL)
		copies_free(soft, page, end);
	lock_drop(&soft->lock);
	return ret;
}

static int
soft_map(void *priv, dad_dma_addr_t iova, void *va, size_t size, enum dad_dma_dir dir)
{
	struct soft *soft = priv;

	lock_take(&soft->lock);
	int ret = fill(soft, iova, (uintptr_t)va, size, dir);
	lock_drop(&soft->lock);
	if (ret != 0)
		soft_unmap(priv, iova, size);
	return ret;
}

const struct dad_dma_domain_ops soft_ops = {
	.map = soft_map,
	.unmap = soft_unmap,
	.close = soft_close,
};

/* ---- look-ups of the device side
 * ----------------------------------------------------------------- */

int
soft_find(const void *priv, uint64_t iova, struct soft_piece *piece)
{
	const struct soft *soft = priv;
	uint64_t size, contig;
	uint64_t word = table_word(soft->pages, iova, &size);

	piece->access = 0;
	if (word == 0)
		return EFAULT;
	uint64_t offset = iova & (size - 1);
	uint64_t first = (word >> FIRST_SHIFT) & EDGE_MASK;
	uint64_t last = (word >> LAST_SHIFT) & EDGE_MASK;

	/* a unit has no edges: it is mapped whole */
	if (size > DAD_DMA_PAGE_SIZE)
		last = size - 1;
	if (offset < first || offset > last)
		return EMSGSIZE;
	piece->va = ((word >> VA_SHIFT) << DAD_DMA_PAGE_SHIFT) + offset;
	piece->len = last - offset + 1;
	piece->access = ((word & WORD_READ) ? (unsigned int)DAD_SOFT_READ : 0) |
		((word & WORD_WRITE) ? (unsigned int)DAD_SOFT_WRITE : 0);
	if (soft->copies == NULL)
		return 0;
	/* what is coherent has no copies */
	uint64_t copy = dad_dma_table_find(soft->copies, iova, &contig);
	if (copy != DAD_DMA_ABSENT) {
		piece->va = copy;
		piece->len = RTE_MIN(piece->len, contig);
	}
	return 0;
}

/* ---- faults
 * ---------------------------------------------------------------------------------------- */

/* The mapped bytes of one word. */
static bool
bytes_at(const struct soft *soft, uint64_t iova, uint64_t *start, uint64_t *end, uint64_t *rights)
{
	uint64_t size;
	uint64_t word = table_word(soft->pages, iova, &size);
	uint64_t base = iova & ~(size - 1);

	if (word == 0)
		return false;
	*start = base + ((word >> FIRST_SHIFT) & EDGE_MASK);
	*end = base + ((size > DAD_DMA_PAGE_SIZE) ? size : ((word >> LAST_SHIFT) & EDGE_MASK) + 1);
	*rights = word & (WORD_READ | WORD_WRITE);
	return true;
}

/* The next mapped word from iova on, upwards or downwards. */
static bool
next_mapped(const struct soft *soft, uint64_t iova, bool up, uint64_t *found)
{
	const uint64_t end = UINT64_C(1) << DAD_DMA_KEY_BITS;

	while (iova < end) {
		uint64_t size;

		if (table_word(soft->pages, iova, &size) != 0) {
			*found = iova;
			return true;
		}
		uint64_t base = iova & ~(size - 1);
		if (!up && base == 0)
			return false;
		iova = up ? base + size : base - 1;
	}
	return false;
}

/* The mapping around a mapped word: as far as neighbours have the same rights. */
static void
describe(const struct soft *soft, uint64_t iova, struct dad_soft_fault *fault)
{
	uint64_t start, end, rights, s, e, r;

	if (!bytes_at(soft, iova, &start, &end, &rights))
		return; /* unmapped just now */
	while (start > 0 && bytes_at(soft, start - 1, &s, &e, &r) && e == start && r == rights)
		start = s;
	while (bytes_at(soft, end, &s, &e, &r) && s == end && r == rights)
		end = e;
	fault->nearest.addr = start;
	fault->nearest.size = end - start;
	fault->nearest.access = ((rights & WORD_READ) ? (unsigned int)DAD_SOFT_READ : 0) |
		((rights & WORD_WRITE) ? (unsigned int)DAD_SOFT_WRITE : 0);
}

static void
find_nearest(const struct soft *soft, struct dad_soft_fault *fault, uint64_t iova)
{
	const uint64_t top = (UINT64_C(1) << DAD_DMA_KEY_BITS) - 1;
	uint64_t below, above, start, end, rights;

	if (iova > top)
		iova = top;
	bool has_below = next_mapped(soft, iova, false, &below);
	bool has_above = next_mapped(soft, iova, true, &above);

	if (has_below && has_above) {
		uint64_t down = 0, up = 0;

		if (bytes_at(soft, below, &start, &end, &rights) && end <= iova)
			down = iova - end + 1;
		if (bytes_at(soft, above, &start, &end, &rights) && start > iova)
			up = start - iova;
		has_below = down <= up;
	}
	if (has_below)
		describe(soft, below, fault);
	else if (has_above)
		describe(soft, above, fault);
}

uint64_t
soft_fault(void *priv, struct dad_soft_fault *fault, uint64_t iova)
{
	struct soft *soft = priv;

	find_nearest(soft, fault, iova);
	if (fault->nearest.size != 0)
		fault->nearest.addr += fault->addr - iova;
	lock_take(&soft->fault_lock);
	fault->number = ++soft->n_faults;
	soft->faults[(fault->number - 1) % FAULTS_KEPT] = *fault;
	lock_drop(&soft->fault_lock);
	return fault->number;
}

uint64_t
soft_faults_count(void *priv)
{
	struct soft *soft = priv;

	lock_take(&soft->fault_lock);
	uint64_t n = soft->n_faults;
	lock_drop(&soft->fault_lock);
	return n;
}

unsigned int
soft_faults_copy(void *priv, struct dad_soft_fault faults[], unsigned int max)
{
	struct soft *soft = priv;

	lock_take(&soft->fault_lock);
	uint64_t kept = RTE_MIN(soft->n_faults, (uint64_t)FAULTS_KEPT);
	unsigned int n = RTE_MIN(max, (unsigned int)kept);

	for (unsigned int i = 0; i < n; i++)
		faults[i] = soft->faults[(soft->n_faults - 1 - i) % FAULTS_KEPT];
	lock_drop(&soft->fault_lock);
	return n;
}
