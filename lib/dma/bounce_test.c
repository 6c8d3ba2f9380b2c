/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dad_dma.h"
#include "dad_dma_domain.h"
#include "eal_test.h"
#include "test_random.h"

/* Whose pool it is, and who keeps its slots. */

#define SLOT 2048u

static struct dad_dma_domain *domain;

static struct dad_dma_dev *
make(const char *name)
{
	struct dad_dma_dev *dev = dad_dma_dev_create(name, domain, SOCKET_ID_ANY);

	assert_non_null(dev);
	assert_int_equal(dad_dma_set_mask(dev, DAD_DMA_BIT_MASK(64)), 0);
	return dev;
}

static void
give_pool(struct dad_dma_dev *dev, size_t size)
{
	const struct dad_dma_bounce_conf conf = {
		.size = size,
		.limit = DAD_DMA_BIT_MASK(64),
		.dev = dev,
	};

	assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
}

static struct dad_dma_bounce_stats
stats_of(const struct dad_dma_dev *dev)
{
	struct dad_dma_bounce_stats stats;

	assert_int_equal(dad_dma_bounce_stats(domain, dev, &stats), 0);
	return stats;
}

static unsigned int
map_all(struct dad_dma_dev *dev, char *buffer, dad_dma_addr_t addr[], unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		addr[i] = dad_dma_map_single(dev, buffer, SLOT, DAD_DMA_TO_DEVICE);
		if (addr[i] == DAD_DMA_MAPPING_ERROR)
			return i;
	}
	return n;
}

static void
unmap_all(struct dad_dma_dev *dev, const dad_dma_addr_t addr[], unsigned int n)
{
	while (n-- > 0)
		dad_dma_unmap_single(dev, addr[n], SLOT, DAD_DMA_TO_DEVICE);
}

static void
a_devices_own_pool_is_nothing_to_others(void **state)
{
	struct dad_dma_dev *owner = make("owner"), *other = make("other"), *late;
	char *buffer = rte_malloc(NULL, SLOT, SLOT);
	static dad_dma_addr_t addr[1024];

	(void)state;
	assert_non_null(buffer);
	give_pool(owner, 2u << 20);
	late = make("late");
	/* each slot there is, one after the other: known as one, and copied from and to */
	assert_int_equal(map_all(owner, buffer, addr, 1024), 1024);
	for (unsigned int i = 0; i < 1024; i++) {
		assert_true(dad_dma_need_unmap(owner, addr[i]));
		assert_true(dad_dma_need_sync(owner, addr[i]));
		assert_false(dad_dma_need_unmap(other, addr[i]));
		assert_false(dad_dma_need_sync(late, addr[i]));
		buffer[i % SLOT] = (char)i;
		dad_dma_sync_single_for_device(owner, addr[i] + i % SLOT, 1, DAD_DMA_BIDIRECTIONAL);
		char *slot = dad_dma_bus_to_virt(domain, addr[i], NULL);
		assert_int_equal(slot[i % SLOT], (char)i);
		slot[i % SLOT] = 42;
	}
	assert_int_equal(stats_of(owner).used, 1024);
	unmap_all(owner, addr, 1024);
	dad_dma_addr_t a = dad_dma_map_single(owner, buffer, SLOT, DAD_DMA_FROM_DEVICE);
	char *slot = dad_dma_bus_to_virt(domain, a, NULL);
	memset(slot, 77, SLOT);
	dad_dma_unmap_single(owner, a, SLOT, DAD_DMA_FROM_DEVICE);
	assert_int_equal(buffer[0], 77);
	assert_int_equal(buffer[SLOT - 1], 77);
	assert_int_equal(stats_of(owner).used, stats_of(owner).cached);

	/* all that is direct is nothing to be undone, as long as there is no pool for all */
	a = dad_dma_map_single(other, buffer, SLOT, DAD_DMA_BIDIRECTIONAL);
	assert_false(dad_dma_need_unmap(other, a) || dad_dma_need_sync(other, a));
	rte_free(buffer);
	assert_int_equal(dad_dma_dev_destroy(owner), 0);
	assert_int_equal(dad_dma_dev_destroy(other), 0);
	assert_int_equal(dad_dma_dev_destroy(late), 0);
}

static void
a_pool_for_all_is_everybodys(void **state)
{
	struct dad_dma_dev *early = make("early");
	char *buffer = rte_malloc(NULL, SLOT, SLOT);

	(void)state;
	assert_non_null(buffer);
	give_pool(NULL, 8u << 20);
	struct dad_dma_dev *late = make("late");
	struct dad_dma_dev *both[] = {early, late};
	for (unsigned int i = 0; i < RTE_DIM(both); i++) {
		dad_dma_addr_t a = dad_dma_map_single_attrs(
			both[i], buffer, SLOT, DAD_DMA_TO_DEVICE, DAD_DMA_ATTR_FORCE_BOUNCE);

		assert_int_not_equal(a, DAD_DMA_MAPPING_ERROR);
		assert_true(dad_dma_need_unmap(both[i], a));
		assert_true(dad_dma_need_unmap(both[i], stats_of(NULL).lowest));
		assert_true(dad_dma_need_sync(both[i], stats_of(NULL).highest));
		dad_dma_unmap_single(both[i], a, SLOT, DAD_DMA_TO_DEVICE);
	}
	assert_int_equal(stats_of(NULL).used, stats_of(NULL).cached);
	rte_free(buffer);
	assert_int_equal(dad_dma_dev_destroy(early), 0);
	assert_int_equal(dad_dma_dev_destroy(late), 0);
}

struct idler {
	struct dad_dma_dev *dev;
	char *buffer;
	unsigned int mapped;
};

/* An lcore that uses many slots once, and then does nothing any more. */
static void *
idle(void *arg)
{
	struct idler *it = arg;
	dad_dma_addr_t addr[384];

	if (rte_thread_register() != 0)
		return NULL;
	for (unsigned int round = 0; round < 100; round++) {
		it->mapped = map_all(it->dev, it->buffer, addr, RTE_DIM(addr));
		unmap_all(it->dev, addr, it->mapped);
	}
	return NULL;
}

static void
lcores_hold_back_a_quarter_of_the_slots_at_most(void **state)
{
	static dad_dma_addr_t addr[1024];
	struct dad_dma_dev *dev = make("shared");
	struct idler it = {.dev = dev, .buffer = rte_malloc(NULL, SLOT, SLOT)};
	pthread_t thread;

	(void)state;
	assert_non_null(it.buffer);
	give_pool(dev, 1u << 20); /* 512 slots */
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&thread, NULL, idle, &it), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(it.mapped, 384);
		assert_true(stats_of(dev).cached <= 512 / 4);
		assert_int_equal(stats_of(dev).used, stats_of(dev).cached);
	}
	assert_true(stats_of(dev).cached > 0);
	/* this lcore gets all but those */
	unsigned int n = map_all(dev, it.buffer, addr, RTE_DIM(addr));
	assert_true(n >= 384 && n <= 512);
	assert_int_equal(rte_errno, ENOSPC);
	unmap_all(dev, addr, n);
	assert_int_equal(stats_of(dev).used, stats_of(dev).cached);
	rte_free(it.buffer);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
}

/* ---- coherent memory ------------------------------------------------------------------------- */

#define BLOCKS 64u

struct held {
	unsigned char *va;
	dad_dma_addr_t addr;
	size_t size;
	bool coherent;
};

static void
check_block(const struct dad_dma_dev *dev, const struct held *h)
{
	const uint64_t aligned = rte_align64pow2(RTE_MAX(h->size, 4096u)) - 1;
	const struct dad_dma_bounce_stats stats = stats_of(dev);

	assert_true(h->addr >= stats.lowest && h->addr + h->size - 1 <= stats.highest);
	assert_int_equal(((uintptr_t)h->va | h->addr) & aligned, 0);
	assert_ptr_equal(dad_dma_bus_to_virt(domain, h->addr, NULL), h->va);
	assert_int_equal(dad_dma_effective_attrs(dev, h->addr + h->size - 1),
		DAD_DMA_EFFECTIVE_CACHED | DAD_DMA_EFFECTIVE_COHERENT);
	for (size_t i = 0; i < h->size; i++)
		assert_int_equal(h->va[i], 0);
}

/* Of one kind or the other, as it comes, each full of its own number. */
static bool
hold(struct dad_dma_dev *dev, struct held *h, unsigned int number)
{
	static unsigned char buffer[SLOT];

	h->coherent = below(2) == 0;
	h->size = 1 + below(h->coherent ? 5 * 4096 : SLOT);
	if (h->coherent) {
		h->va = dad_dma_alloc_coherent(dev, h->size, &h->addr);
		if (h->va == NULL) {
			assert_int_equal(rte_errno, ENOMEM);
			return false;
		}
		check_block(dev, h);
	} else {
		h->addr = dad_dma_map_single(dev, buffer, h->size, DAD_DMA_TO_DEVICE);
		if (h->addr == DAD_DMA_MAPPING_ERROR) {
			assert_int_equal(rte_errno, ENOSPC);
			return false;
		}
		h->va = dad_dma_bus_to_virt(domain, h->addr, NULL);
	}
	memset(h->va, (int)number, h->size);
	return true;
}

static void
drop(struct dad_dma_dev *dev, const struct held *h, unsigned int number)
{
	for (size_t i = 0; i < h->size; i++)
		assert_int_equal(h->va[i], (unsigned char)number);
	if (h->coherent)
		dad_dma_free_coherent(dev, h->size, h->va, h->addr);
	else
		dad_dma_unmap_single(dev, h->addr, h->size, DAD_DMA_TO_DEVICE);
}

/* Blocks and slots side by side: none is anybody else's, and all of it can be had again. */
static void
play_restricted(struct dad_dma_dev *dev)
{
	static struct held held[BLOCKS];
	unsigned int full = 0;
	bool live[BLOCKS] = {false};

	for (unsigned int i = 0; i < 20000; i++) {
		const unsigned int one = (unsigned int)below(BLOCKS);

		if (live[one])
			drop(dev, &held[one], one);
		live[one] = !live[one] && hold(dev, &held[one], one);
		full += !live[one];
	}
	assert_true(full > 0);
	for (unsigned int one = 0; one < BLOCKS; one++)
		if (live[one])
			drop(dev, &held[one], one);
	assert_int_equal(stats_of(dev).used, stats_of(dev).cached);
}

static void
wrong_frees_change_nothing(struct dad_dma_dev *dev)
{
	struct dad_dma_dev *other = make("other");
	dad_dma_addr_t handle, more;
	char *va = dad_dma_alloc_coherent(dev, 3 * 4096, &handle);

	assert_non_null(va);
	memset(va, 0, 4 * 4096);
	assert_int_equal(dad_dma_dev_destroy(dev), -EBUSY);
	dad_dma_free_coherent(dev, 3 * 4096, va, handle + 4096);
	dad_dma_free_coherent(dev, 3 * 4096, va + 4096, handle + 4096);
	dad_dma_free_coherent(dev, 3 * 4096, va + 4096, handle);
	dad_dma_free_coherent(dev, 2 * 4096, va, handle);
	dad_dma_free_coherent(dev, 5 * 4096, va, handle);
	dad_dma_free_coherent(dev, 0, va, handle);
	dad_dma_free_coherent(other, 3 * 4096, va, handle);
	dad_dma_unmap_single(dev, handle, 3 * 4096, DAD_DMA_BIDIRECTIONAL);
	assert_int_equal(stats_of(dev).used - stats_of(dev).cached, 8);
	dad_dma_free_flags(dev, 4 * 4096, DAD_DMA_ALLOC_NEVER_GROW, va, handle);
	assert_int_equal(stats_of(dev).used, stats_of(dev).cached);
	/* twice, while somebody has a part of it */
	void *again = dad_dma_alloc_flags(dev, 4096, DAD_DMA_ALLOC_NEVER_GROW, &more);
	assert_non_null(again);
	dad_dma_free_coherent(dev, 3 * 4096, va, handle);
	assert_int_equal(stats_of(dev).used - stats_of(dev).cached, 2);
	dad_dma_free_coherent(dev, 1, again, more);
	assert_int_equal(dad_dma_dev_destroy(other), 0);
}

/* A device with a pool of its own reaches nothing else: neither is its coherent memory elsewhere.
 */
static void
a_restricted_device_has_its_coherent_memory_in_the_pool(void **state)
{
	struct dad_dma_domain *identity = domain;
	const struct dad_dma_domain_conf conf = {
		.name = "soft", .type = DAD_DMA_DOMAIN_SOFT, .socket_id = SOCKET_ID_ANY};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		domain = i == 0 ? identity : dad_dma_domain_create(&conf);
		assert_non_null(domain);
		struct dad_dma_dev *dev = make("restricted");
		dad_dma_addr_t early_handle, handle;

		assert_int_equal(dad_dma_set_coherent_mask(dev, UINT64_MAX), 0);
		void *early = dad_dma_alloc_coherent(dev, 4096, &early_handle);
		assert_non_null(early);
		give_pool(dev, 256u << 10);
		play_restricted(dev);
		wrong_frees_change_nothing(dev);
		/* all of it, and no more; not beyond the mask */
		const struct dad_dma_bounce_stats stats = stats_of(dev);
		assert_null(dad_dma_alloc_coherent(dev, (256u << 10) + 1, &handle));
		assert_int_equal(rte_errno, ENOMEM);
		void *all = dad_dma_alloc_coherent(dev, 256u << 10, &handle);
		assert_non_null(all);
		assert_int_equal(handle, stats.lowest);
		dad_dma_addr_t none;
		assert_null(dad_dma_alloc_coherent(dev, 1, &none));
		assert_int_equal(rte_errno, ENOMEM);
		dad_dma_free_coherent(dev, 256u << 10, all, handle);
		const struct dad_dma_limits limits = {
			.excl_low = stats.lowest, .excl_high = stats.highest - 4096};
		assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
		all = dad_dma_alloc_coherent(dev, 4096, &handle);
		assert_non_null(all);
		assert_int_equal(handle, stats.highest - 4095);
		dad_dma_free_coherent(dev, 4096, all, handle);
		assert_null(dad_dma_alloc_coherent(dev, 4097, &handle));
		assert_int_equal(rte_errno, ERANGE);
		assert_null(dad_dma_alloc_coherent(dev, 0, &handle));
		assert_int_equal(rte_errno, EINVAL);
		/* what it had before is where it was */
		dad_dma_free_coherent(dev, 4096, early, early_handle);
		assert_int_equal(dad_dma_dev_destroy(dev), 0);
	}
	dad_dma_domain_put(domain);
	domain = identity;
}

/* What a device owns in turns is mapped as any buffer: beyond its mask it is bounced. */
static void
noncoherent_memory_out_of_reach_is_bounced(void **state)
{
	struct dad_dma_dev *dev = make("in turns");
	const struct dad_dma_bounce_conf conf = {
		.size = 1u << 20, .limit = DAD_DMA_BIT_MASK(32), .dev = dev};
	dad_dma_addr_t handle;

	(void)state;
	if (rte_eal_iova_mode() == RTE_IOVA_PA) { /* memory may be in reach, and slots be not */
		assert_int_equal(dad_dma_dev_destroy(dev), 0);
		return;
	}
	assert_int_equal(dad_dma_bounce_create(domain, &conf), 0);
	assert_int_equal(dad_dma_set_mask(dev, DAD_DMA_BIT_MASK(32)), 0);
	char *va = dad_dma_alloc_noncoherent(dev, 8192, 0, DAD_DMA_TO_DEVICE, &handle);
	assert_non_null(va);
	assert_true(dad_dma_is_bounced(dev, handle) && handle + 8191 <= UINT32_MAX);
	va[8191] = 5;
	dad_dma_sync_single_for_device(dev, handle, 8192, DAD_DMA_TO_DEVICE);
	assert_int_equal(((char *)dad_dma_bus_to_virt(domain, handle, NULL))[8191], 5);
	dad_dma_free_noncoherent(dev, 8192, DAD_DMA_TO_DEVICE, va, handle);
	assert_int_equal(stats_of(dev).used, stats_of(dev).cached);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
}

/* ---- EAL's container, played ------------------------------------------------------------------
 */

static struct {
	bool enabled;
	int error; /* of maps, or 0 */
	uint64_t va, len;
	unsigned int maps, unmaps;
} vfio;

int __wrap_rte_vfio_is_enabled(const char *module);
int __wrap_rte_vfio_container_dma_map(int fd, uint64_t va, uint64_t iova, uint64_t len);
int __wrap_rte_vfio_container_dma_unmap(int fd, uint64_t va, uint64_t iova, uint64_t len);

int
__wrap_rte_vfio_is_enabled(const char *module)
{
	assert_string_equal(module, "vfio");
	return vfio.enabled;
}

int
__wrap_rte_vfio_container_dma_map(int fd, uint64_t va, uint64_t iova, uint64_t len)
{
	assert_int_equal(fd, -1); /* EAL's own */
	assert_int_equal(va, iova);
	vfio.va = va;
	vfio.len = len;
	vfio.maps++;
	rte_errno = vfio.error;
	return vfio.error != 0 ? -1 : 0;
}

int
__wrap_rte_vfio_container_dma_unmap(int fd, uint64_t va, uint64_t iova, uint64_t len)
{
	assert_int_equal(fd, -1);
	assert_true(va == vfio.va && iova == va && len == vfio.len);
	vfio.unmaps++;
	return 0;
}

/* Virtual addresses are IOVAs for EAL's own devices only where EAL's container has them. */
static void
low_slots_are_in_eals_container(void **state)
{
	const struct dad_dma_bounce_conf conf = {.size = 1u << 20, .limit = DAD_DMA_BIT_MASK(32)};
	const int errors[] = {0, ENODEV, EINVAL};

	(void)state;
	if (rte_eal_iova_mode() == RTE_IOVA_PA)
		return; /* slots lie in EAL's memory, which it maps by itself */
	for (unsigned int i = 0; i < RTE_DIM(errors); i++) {
		struct dad_dma_dev *dev = make("mapped");
		struct dad_dma_bounce_conf own = conf;
		const bool refused = errors[i] == EINVAL;

		vfio.enabled = true;
		vfio.error = errors[i];
		vfio.maps = vfio.unmaps = 0;
		own.dev = dev;
		assert_int_equal(dad_dma_bounce_create(domain, &own), refused ? -EIO : 0);
		assert_int_equal(vfio.maps, 1);
		if (!refused) {
			assert_int_equal(vfio.va, stats_of(dev).lowest);
			assert_int_equal(vfio.len, conf.size);
		}
		assert_int_equal(dad_dma_dev_destroy(dev), 0);
		assert_int_equal(vfio.unmaps, errors[i] == 0);
	}
	vfio.enabled = false;
}

/* ---- mappings ------------------------------------------------------------------------------- */

static void
low_bits_survive_in_every_slot(void **state)
{
	struct dad_dma_dev *dev = make("low_bits");
	const struct dad_dma_limits limits = {.min_align_mask = 2 * SLOT - 1};
	char *buffer = rte_malloc(NULL, 2 * SLOT, 2 * SLOT);
	dad_dma_addr_t addr[64];

	(void)state;
	assert_non_null(buffer);
	give_pool(dev, 1u << 20);
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)), 0);
	assert_int_equal(dad_dma_set_limits(dev, &limits), 0);
	/* all at a time, or one slot would do for all */
	for (unsigned int i = 0; i < RTE_DIM(addr); i++) {
		char *at = buffer + i * 64;

		addr[i] = dad_dma_map_single(dev, at, 64, DAD_DMA_TO_DEVICE);
		assert_int_equal(dad_dma_mapping_error(dev, addr[i]), 0);
		assert_int_equal(addr[i] & (2 * SLOT - 1), (uintptr_t)at & (2 * SLOT - 1));
	}
	for (unsigned int i = 0; i < RTE_DIM(addr); i++)
		dad_dma_unmap_single(dev, addr[i], 64, DAD_DMA_TO_DEVICE);
	assert_int_equal(stats_of(dev).used, stats_of(dev).cached);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	rte_free(buffer);
}

static uint64_t
unmapped(const struct dad_dma_dev *dev)
{
	struct dad_dma_dev_stats stats;

	dad_dma_dev_stats(dev, &stats);
	return stats.unmapped;
}

static void
only_its_own_address_ends_a_mapping(void **state)
{
	struct dad_dma_dev *dev = make("own_address");
	const size_t size = 2 * SLOT + 100;
	const size_t wrong[] = {1, SLOT - 1, SLOT, 2 * SLOT, 2 * SLOT + 99, 2 * SLOT + 100};
	char *buffer = rte_zmalloc(NULL, size, SLOT);

	(void)state;
	assert_non_null(buffer);
	give_pool(dev, 1u << 20);
	assert_int_equal(dad_dma_dev_set_rungs(dev, DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)), 0);
	dad_dma_addr_t addr = dad_dma_map_single(dev, buffer, size, DAD_DMA_FROM_DEVICE);
	assert_int_equal(dad_dma_mapping_error(dev, addr), 0);
	char *slot = dad_dma_bus_to_virt(domain, addr, NULL);
	memset(slot, 42, size);
	for (unsigned int i = 0; i < RTE_DIM(wrong); i++) {
		dad_dma_unmap_single(dev, addr + wrong[i], size, DAD_DMA_FROM_DEVICE);
		assert_int_equal(unmapped(dev), 0);
		assert_int_equal(buffer[0] | buffer[size - 1], 0);
	}
	for (unsigned int i = 0; i < 2; i++) {
		dad_dma_unmap_single(dev, addr, size, DAD_DMA_FROM_DEVICE);
		assert_int_equal(unmapped(dev), 1);
		assert_int_equal(buffer[0] & buffer[size - 1], 42);
	}
	assert_int_equal(stats_of(dev).used, stats_of(dev).cached);
	assert_int_equal(dad_dma_dev_destroy(dev), 0);
	rte_free(buffer);
}

/* A page that nobody can write, until somebody has tried to destroy the device there. */
static struct {
	struct dad_dma_dev *dev;
	char *page;
	int destroyed[2];
	unsigned int faults;
} held;

static void
on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_addr < (void *)held.page || info->si_addr >= (void *)(held.page + 4096) ||
		held.faults == RTE_DIM(held.destroyed)) {
		/* and again, without a handler */
		sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
		return;
	}
	held.destroyed[held.faults++] = dad_dma_dev_destroy(held.dev);
	mprotect(held.page, 4096, PROT_READ | PROT_WRITE);
}

/* Whether or not the lcore keeps the slot: many mappings fill what it may keep. */
static void
a_device_stays_until_the_last_bytes_are_out(void **state)
{
	enum { N = 512 };
	const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	struct sigaction before;
	static dad_dma_addr_t addr[N];
	char *buffer = malloc(4096);

	(void)state;
	held.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(held.page != MAP_FAILED && buffer != NULL);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	for (unsigned int others = 0; others <= N; others += N) {
		held.dev = make("held");
		give_pool(held.dev, 4u << 20);
		assert_int_equal(
			dad_dma_dev_set_rungs(held.dev, DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)), 0);
		dad_dma_addr_t last =
			dad_dma_map_single(held.dev, held.page, 4096, DAD_DMA_FROM_DEVICE);
		assert_int_equal(dad_dma_mapping_error(held.dev, last), 0);
		for (unsigned int i = 0; i < others; i++)
			addr[i] = dad_dma_map_single(held.dev, buffer, 4096, DAD_DMA_FROM_DEVICE);
		for (unsigned int i = 0; i < others; i++)
			dad_dma_unmap_single(held.dev, addr[i], 4096, DAD_DMA_FROM_DEVICE);
		assert_int_equal(mprotect(held.page, 4096, PROT_NONE), 0);
		dad_dma_unmap_single(held.dev, last, 4096, DAD_DMA_FROM_DEVICE);
		assert_int_equal(dad_dma_dev_destroy(held.dev), 0);
	}
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	assert_int_equal(held.faults, 2);
	assert_int_equal(held.destroyed[0], -EBUSY);
	assert_int_equal(held.destroyed[1], -EBUSY);
	munmap(held.page, 4096);
	free(buffer);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(low_slots_are_in_eals_container),
		cmocka_unit_test(a_restricted_device_has_its_coherent_memory_in_the_pool),
		cmocka_unit_test(noncoherent_memory_out_of_reach_is_bounced),
		cmocka_unit_test(a_devices_own_pool_is_nothing_to_others),
		cmocka_unit_test(lcores_hold_back_a_quarter_of_the_slots_at_most),
		cmocka_unit_test(low_bits_survive_in_every_slot),
		cmocka_unit_test(only_its_own_address_ends_a_mapping),
		cmocka_unit_test(a_device_stays_until_the_last_bytes_are_out),
		cmocka_unit_test(a_pool_for_all_is_everybodys), /* last: it stays */
	};

	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;
	domain = dad_dma_domain_identity();
	if (domain == NULL)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	dad_dma_domain_put(domain);
	rte_eal_cleanup();
	return ret;
}
