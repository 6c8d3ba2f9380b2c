/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a ring: geometry, init, attach, memzones, dump. */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_memzone.h>

#include "dad_ring.h"
#include "ring_isa.h"
#include "ring_layout.h"
#include "ring_noted.h"
#include "ring_telemetry.h"

RTE_LOG_REGISTER(ring_logtype, lib.dad.ring, NOTICE);

#define RING_LOG(level, fmt, ...)                                                                  \
	rte_log(RTE_LOG_##level, ring_logtype, "ring: " fmt "\n", ##__VA_ARGS__)

/* Here, for a program that is linked with the static library gets this file in any case. */
RTE_INIT(ring_begin)
{
	ring_telemetry_register();
}

#define MEMZONE_PREFIX "DR_"
_Static_assert(DAD_RING_NAMESIZE + sizeof(MEMZONE_PREFIX) - 1 == RTE_MEMZONE_NAMESIZE,
	"a ring's name and its prefix make up a memzone's name");
_Static_assert(DAD_RING_ALIGN % RTE_CACHE_LINE_SIZE == 0, "sides must not share a line");

#define ALL_FLAGS (DAD_RING_SP | DAD_RING_SC | DAD_RING_EXACT | DAD_RING_OWNERS | DAD_RING_STATS)

/* Which function serves one side of a ring. */
static uint32_t
kind_of(size_t esize, bool single, bool noted)
{
	const uint32_t kind = single ? RING_KIND_SINGLE : 0;

	if (noted)
		return RING_KIND_NOTED;
	switch (esize) {
	case 8:
		return kind + RING_WIDTH_8;
	case 16:
		return kind + RING_WIDTH_16;
	case 32:
		return kind + RING_WIDTH_32;
	case 64:
		return kind + RING_WIDTH_64;
	default:
		return kind + RING_WIDTH_ANY;
	}
}

/* Fill in the constants that follow from what the ring is made for. */
static int
set_geometry(struct dad_ring *r, size_t esize, size_t count, unsigned int flags)
{
	if (esize == 0 || esize % 4 != 0 || esize > DAD_RING_ESIZE_MAX)
		return -EINVAL;
	if (count == 0 || count > DAD_RING_COUNT_MAX || (flags & ~ALL_FLAGS) != 0)
		return -EINVAL;
	if ((count & (count - 1)) != 0 && (flags & DAD_RING_EXACT) == 0)
		return -EINVAL;

	const uint64_t slots = rte_align64pow2(count);
	const uint64_t tags = RTE_ALIGN_CEIL(slots, (uint64_t)DAD_RING_ALIGN);
	const uint64_t elems = RTE_ALIGN_CEIL(slots * esize, (uint64_t)DAD_RING_ALIGN);

	r->esize = (uint32_t)esize;
	r->capacity = count;
	r->mask = slots - 1;
	r->lap_shift = (uint32_t)__builtin_ctzll(slots);
	r->flags = flags;
	r->enqueue =
		kind_of(esize, flags & DAD_RING_SP, flags & (DAD_RING_OWNERS | DAD_RING_STATS));
	r->dequeue =
		kind_of(esize, flags & DAD_RING_SC, flags & (DAD_RING_OWNERS | DAD_RING_STATS));
	r->emptied_offset = sizeof(*r);
	r->filled_offset = r->emptied_offset + tags;
	r->elems_offset = r->filled_offset + tags;
	r->total = r->elems_offset + elems;
	r->owners_offset = r->stats_offset = 0;
	if (flags & DAD_RING_OWNERS) {
		r->owners_offset = r->total;
		r->total += sizeof(struct ring_owners);
	}
	if (flags & DAD_RING_STATS) {
		r->stats_offset = r->total;
		r->total += sizeof(struct ring_stats);
	}
	return r->total <= SSIZE_MAX ? 0 : -EINVAL;
}

ssize_t
dad_ring_footprint(size_t esize, size_t count, unsigned int flags)
{
	struct dad_ring geometry;
	int ret = set_geometry(&geometry, esize, count, flags);

	return ret < 0 ? ret : (ssize_t)geometry.total;
}

static struct dad_ring *
init_named(void *mem, const char *name, size_t esize, size_t count, unsigned int flags)
{
	struct dad_ring *r = mem;

	memset(r, 0, sizeof(*r));
	set_geometry(r, esize, count, flags);
	memcpy(r->name, name, strlen(name));
	r->version = RING_VERSION;
	/* The elements need no value: their tags say that there are none. */
	memset(ring_emptied(r).tags, 0, r->elems_offset - r->emptied_offset);
	if (r->owners_offset != 0)
		memset(ring_owners(r), 0, sizeof(struct ring_owners));
	if (r->stats_offset != 0)
		memset(ring_stats(r), 0, sizeof(struct ring_stats));
	/* All that was before is done: the tags say so. */
	r->prod.next = r->mask + 1;
	r->prod.known = r->prod.next + r->capacity;
	r->cons.next = r->prod.next;
	r->cons.known = r->prod.next;
	/* M: release; pairs with the load in dad_ring_attach() */
	__atomic_store_n(&r->magic, RING_MAGIC, __ATOMIC_RELEASE);
	return r;
}

struct dad_ring *
dad_ring_init(void *mem, size_t esize, size_t count, unsigned int flags)
{
	if (mem == NULL || (uintptr_t)mem % DAD_RING_ALIGN != 0 ||
		dad_ring_footprint(esize, count, flags) < 0) {
		rte_errno = EINVAL;
		return NULL;
	}
	ring_isa_choose();
	return init_named(mem, "", esize, count, flags);
}

/* Would init have made this, in memory of that length? */
static bool
geometry_is_sound(const struct dad_ring *r, size_t len)
{
	struct dad_ring expected;

	return set_geometry(&expected, r->esize, r->capacity, r->flags) == 0 &&
		r->mask == expected.mask && r->lap_shift == expected.lap_shift &&
		r->enqueue == expected.enqueue && r->dequeue == expected.dequeue &&
		r->emptied_offset == expected.emptied_offset &&
		r->filled_offset == expected.filled_offset &&
		r->elems_offset == expected.elems_offset &&
		r->owners_offset == expected.owners_offset &&
		r->stats_offset == expected.stats_offset && r->total == expected.total &&
		r->total <= len;
}

struct dad_ring *
dad_ring_attach(void *mem, size_t len)
{
	struct dad_ring *r = mem;

	if (mem == NULL || (uintptr_t)mem % DAD_RING_ALIGN != 0 || len < sizeof(*r)) {
		rte_errno = EINVAL;
		return NULL;
	}
	/* M: acquire; pairs with the store in init_named() */
	uint64_t magic = __atomic_load_n(&r->magic, __ATOMIC_ACQUIRE);
	if (magic == 0) {
		rte_errno = ENOENT;
		return NULL;
	}
	if (magic != RING_MAGIC) {
		RING_LOG(ERR, "no ring at %p: magic 0x%" PRIx64, mem, magic);
		rte_errno = EINVAL;
		return NULL;
	}
	if (r->version != RING_VERSION) {
		RING_LOG(ERR, "ring at %p has layout %" PRIu32 ", this library knows %d", mem,
			r->version, RING_VERSION);
		rte_errno = ENOTSUP;
		return NULL;
	}
	if (!geometry_is_sound(r, len)) {
		RING_LOG(ERR, "ring at %p is damaged or larger than its %zu bytes", mem, len);
		rte_errno = EINVAL;
		return NULL;
	}
	ring_isa_choose();
	return r;
}

static int
memzone_name(char *zone, const char *name)
{
	if (name == NULL || name[0] == '\0')
		return -EINVAL;
	if (strnlen(name, DAD_RING_NAMESIZE) == DAD_RING_NAMESIZE)
		return -ENAMETOOLONG;
	snprintf(zone, RTE_MEMZONE_NAMESIZE, MEMZONE_PREFIX "%s", name);
	return 0;
}

struct dad_ring *
dad_ring_create(const char *name, size_t esize, size_t count, int socket_id, unsigned int flags)
{
	char zone[RTE_MEMZONE_NAMESIZE];
	ssize_t size = dad_ring_footprint(esize, count, flags);
	int ret = memzone_name(zone, name);

	if (ret == 0 && size < 0)
		ret = (int)size;
	if (ret < 0) {
		rte_errno = -ret;
		return NULL;
	}
	const struct rte_memzone *mz =
		rte_memzone_reserve_aligned(zone, (size_t)size, socket_id, 0, DAD_RING_ALIGN);
	if (mz == NULL) {
		/* Of a name in use the caller learns by rte_errno; it may well have tried. */
		if (rte_errno != EEXIST)
			RING_LOG(ERR, "%s: cannot reserve %zd bytes: %s", name, size,
				rte_strerror(rte_errno));
		return NULL;
	}
	ring_isa_choose();
	return init_named(mz->addr, name, esize, count, flags);
}

struct dad_ring *
dad_ring_lookup(const char *name)
{
	char zone[RTE_MEMZONE_NAMESIZE];
	int ret = memzone_name(zone, name);

	if (ret < 0) {
		rte_errno = -ret;
		return NULL;
	}
	const struct rte_memzone *mz = rte_memzone_lookup(zone);
	if (mz == NULL) {
		rte_errno = ENOENT;
		return NULL;
	}
	return dad_ring_attach(mz->addr, mz->len);
}

struct walk {
	void (*visit)(struct dad_ring *r, void *arg);
	void *arg;
};

static void
visit_memzone(const struct rte_memzone *mz, void *arg)
{
	const struct walk *walk = arg;

	if (strncmp(mz->name, MEMZONE_PREFIX, strlen(MEMZONE_PREFIX)) != 0)
		return;
	struct dad_ring *r = dad_ring_attach(mz->addr, mz->len);
	if (r != NULL)
		walk->visit(r, walk->arg);
}

void
dad_ring_walk(void (*visit)(struct dad_ring *r, void *arg), void *arg)
{
	struct walk walk = {visit, arg};

	rte_memzone_walk(visit_memzone, &walk);
}

int
dad_ring_free(struct dad_ring *r)
{
	char zone[RTE_MEMZONE_NAMESIZE];

	if (r == NULL)
		return 0;
	if (memzone_name(zone, r->name) < 0)
		return -EINVAL;
	const struct rte_memzone *mz = rte_memzone_lookup(zone);
	if (mz == NULL || mz->addr != r)
		return -EINVAL;
	/* M: who looks it up from now on finds no ring. Relaxed, as there is nothing to hand over.
	 */
	__atomic_store_n(&r->magic, 0, __ATOMIC_RELAXED);
	return rte_memzone_free(mz);
}

static void
dump_side(FILE *f, const char *name, const struct dad_ring_side_stats *side)
{
	fprintf(f,
		"  %s: %" PRIu64 " calls, %" PRIu64 " elements, %" PRIu64 " refused, %" PRIu64
		" retries\n",
		name, side->calls, side->elements, side->refused, side->retries);
}

void
dad_ring_dump(FILE *f, const struct dad_ring *r)
{
	/* A snapshot for people: relaxed but for the first, as in dad_ring_count(). */
	uint64_t head = __atomic_load_n(&r->cons.next, __ATOMIC_ACQUIRE);
	uint64_t tail = __atomic_load_n(&r->prod.next, __ATOMIC_RELAXED);
	const uint64_t first = r->mask + 1;
	struct dad_ring_stats stats;
	/* It notes when holes were seen, and changes nothing else. */
	int ret = dad_ring_stats_get((struct dad_ring *)(uintptr_t)r, &stats);

	fprintf(f,
		"ring \"%.*s\" at %p: %" PRIu64 " elements of %" PRIu32 " bytes, %" PRIu64
		" in all, %s producers, %s consumers, %s\n",
		DAD_RING_NAMESIZE - 1, r->name, (const void *)r, r->capacity, r->esize, r->total,
		r->flags & DAD_RING_SP ? "single" : "many",
		r->flags & DAD_RING_SC ? "single" : "many", ring_isa->name);
	fprintf(f, "  producers: %" PRIu64 " tickets taken, known to be free below %" PRIu64 "\n",
		tail - first, __atomic_load_n(&r->prod.known, __ATOMIC_RELAXED) - first);
	fprintf(f, "  consumers: %" PRIu64 " tickets taken, known to be full below %" PRIu64 "\n",
		head - first, __atomic_load_n(&r->cons.known, __ATOMIC_RELAXED) - first);
	fprintf(f,
		"  count %" PRIu64 ", held by running enqueues %" PRIu64
		", by running dequeues %" PRIu64 "\n",
		RTE_MIN(tail - head, r->capacity), stats.filling, stats.emptying);
	if (ret < 0)
		return;
	dump_side(f, "enqueue", &stats.enqueue);
	dump_side(f, "dequeue", &stats.dequeue);
	fprintf(f,
		"  high-water mark %" PRIu64 ", oldest hole %" PRIu64
		" ns, oldest slow read %" PRIu64 " ns\n",
		stats.high_water, stats.hole_ns, stats.slow_read_ns);
}
