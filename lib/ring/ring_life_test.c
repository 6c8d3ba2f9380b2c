/* SPDX-License-Identifier: BSD-3-Clause */
/* How rings come and go: sizes, names, memory, and what is refused. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "dad_ring.h"
#include "eal_test.h"
#include "ring_layout.h"

#define assert_refused(call, error)                                                                \
	do {                                                                                       \
		rte_errno = 0;                                                                     \
		assert_null(call);                                                                 \
		assert_int_equal(rte_errno, error);                                                \
	} while (0)

static const struct {
	size_t esize, count;
} bad_geometry[] = {
	{0, 64},
	{1, 64},
	{2, 64},
	{6, 64},
	{132, 64},
	{(size_t)1 << 32, 64},
	{SIZE_MAX, 64},
	{16, 0},
	{16, 3},
	{16, 63},
	{16, 65},
	{16, DAD_RING_COUNT_MAX * 2},
	{16, SIZE_MAX},
};

static void *
new_memory(size_t size)
{
	void *mem = aligned_alloc(DAD_RING_ALIGN, size);

	assert_non_null(mem);
	memset(mem, 0xA5, size);
	return mem;
}

static void
sizes_that_are_not_valid_are_refused_everywhere(void **state)
{
	void *mem = new_memory(4096);

	(void)state;
	for (size_t i = 0; i < RTE_DIM(bad_geometry); i++) {
		size_t esize = bad_geometry[i].esize, count = bad_geometry[i].count;

		assert_int_equal(dad_ring_footprint(esize, count, 0), -EINVAL);
		assert_refused(dad_ring_init(mem, esize, count, 0), EINVAL);
		assert_refused(dad_ring_create("bad", esize, count, SOCKET_ID_ANY, 0), EINVAL);
	}
	free(mem);
}

static void
footprint_is_element_and_two_bytes_a_slot(void **state)
{
	(void)state;
	for (size_t count = DAD_RING_ALIGN; count <= DAD_RING_COUNT_MAX; count *= 2)
		for (size_t esize = 4; esize <= DAD_RING_ESIZE_MAX; esize += 4)
			assert_int_equal(dad_ring_footprint(esize, count, 0),
				(ssize_t)(384 + count * (esize + 2)));
	assert_int_equal(dad_ring_footprint(4, 1, 0), 384 + 3 * DAD_RING_ALIGN);
}

static void
init_refuses_memory_that_is_missing_or_not_aligned(void **state)
{
	uint8_t *mem = new_memory(8192);

	(void)state;
	assert_refused(dad_ring_init(NULL, 16, 64, 0), EINVAL);
	assert_refused(dad_ring_init(mem + 8, 16, 64, 0), EINVAL);
	assert_refused(dad_ring_init(mem + DAD_RING_ALIGN / 2, 16, 64, 0), EINVAL);
	assert_refused(dad_ring_attach(NULL, 8192), EINVAL);
	assert_refused(dad_ring_attach(mem + 8, 4096), EINVAL);
	free(mem);
}

static void
a_ring_writes_nothing_outside_its_footprint(void **state)
{
	static const size_t esizes[] = {4, 12, 16, 20, 64, 128};
	uint8_t objs[64 * DAD_RING_ESIZE_MAX] = {0};

	(void)state;
	for (size_t e = 0; e < RTE_DIM(esizes); e++) {
		for (size_t count = 1; count <= 64; count *= 2) {
			size_t size = (size_t)dad_ring_footprint(esizes[e], count, 0);
			uint8_t *mem = new_memory(size + 2 * DAD_RING_ALIGN);
			struct dad_ring *r =
				dad_ring_init(mem + DAD_RING_ALIGN, esizes[e], count, 0);

			assert_non_null(r);
			for (size_t i = 0; i < 3 * count; i++) {
				assert_int_equal(
					dad_ring_enqueue_bulk(r, objs, count, NULL), count);
				assert_int_equal(
					dad_ring_dequeue_bulk(r, objs, count, NULL), count);
				assert_int_equal(dad_ring_enqueue_bulk(r, objs, 1, NULL), 1);
				assert_int_equal(dad_ring_dequeue_bulk(r, objs, 1, NULL), 1);
			}
			for (size_t i = 0; i < DAD_RING_ALIGN; i++) {
				assert_int_equal(mem[i], 0xA5);
				assert_int_equal(mem[DAD_RING_ALIGN + size + i], 0xA5);
			}
			free(mem);
		}
	}
}

static void
attach_finds_what_init_made_and_refuses_all_else(void **state)
{
	size_t size = (size_t)dad_ring_footprint(16, 64, 0);
	struct dad_ring *r = new_memory(size);

	(void)state;
	assert_refused(dad_ring_attach(r, size), EINVAL); /* not a ring: 0xA5... */
	memset(r, 0, size);
	assert_refused(dad_ring_attach(r, size), ENOENT); /* nothing there yet */

	assert_ptr_equal(dad_ring_init(r, 16, 64, 0), r);
	assert_ptr_equal(dad_ring_attach(r, size), r);
	assert_ptr_equal(dad_ring_attach(r, size + 1000), r);
	assert_refused(dad_ring_attach(r, size - 1), EINVAL);
	assert_refused(dad_ring_attach(r, sizeof(*r) - 1), EINVAL);
	assert_refused(dad_ring_attach(r, 0), EINVAL);

	r->version++;
	assert_refused(dad_ring_attach(r, size), ENOTSUP);
	r->version--;

#define refuses_damage_to(field)                                                                   \
	do {                                                                                       \
		r->field ^= 4;                                                                     \
		assert_refused(dad_ring_attach(r, size), EINVAL);                                  \
		r->field ^= 4;                                                                     \
	} while (0)
	refuses_damage_to(magic);
	refuses_damage_to(esize);
	refuses_damage_to(capacity);
	refuses_damage_to(mask);
	refuses_damage_to(lap_shift);
	r->flags ^= DAD_RING_SP; /* the capacity is one that other flags would allow, too */
	assert_refused(dad_ring_attach(r, size), EINVAL);
	r->flags ^= DAD_RING_SP;
	refuses_damage_to(enqueue);
	refuses_damage_to(dequeue);
	refuses_damage_to(emptied_offset);
	refuses_damage_to(filled_offset);
	refuses_damage_to(elems_offset);
	refuses_damage_to(total);
	assert_ptr_equal(dad_ring_attach(r, size), r);
	free(r);
}

static void
init_makes_an_empty_ring_out_of_a_used_one(void **state)
{
	size_t size = (size_t)dad_ring_footprint(8, 16, 0);
	struct dad_ring *r = new_memory(size);
	uint64_t objs[16] = {0};

	(void)state;
	assert_non_null(dad_ring_init(r, 8, 16, 0));
	assert_int_equal(dad_ring_enqueue_bulk(r, objs, 11, NULL), 11);
	assert_int_equal(dad_ring_dequeue_bulk(r, objs, 4, NULL), 4);
	assert_non_null(dad_ring_init(r, 8, 16, 0));
	assert_int_equal(dad_ring_count(r), 0);
	assert_int_equal(dad_ring_dequeue_burst(r, objs, 1, NULL), 0);
	assert_int_equal(dad_ring_enqueue_bulk(r, objs, 16, NULL), 16);
	free(r);
}

static void
create_says_what_is_wrong_with_a_name(void **state)
{
	char name[DAD_RING_NAMESIZE + 1];

	(void)state;
	assert_refused(dad_ring_create(NULL, 16, 64, SOCKET_ID_ANY, 0), EINVAL);
	assert_refused(dad_ring_create("", 16, 64, SOCKET_ID_ANY, 0), EINVAL);
	assert_refused(dad_ring_lookup(NULL), EINVAL);
	assert_refused(dad_ring_lookup(""), EINVAL);

	memset(name, 'n', sizeof(name));
	name[DAD_RING_NAMESIZE] = '\0';
	assert_refused(dad_ring_create(name, 16, 64, SOCKET_ID_ANY, 0), ENAMETOOLONG);
	assert_refused(dad_ring_lookup(name), ENAMETOOLONG);

	name[DAD_RING_NAMESIZE - 1] = '\0';
	struct dad_ring *r = dad_ring_create(name, 16, 64, SOCKET_ID_ANY, 0);
	assert_non_null(r);
	assert_ptr_equal(dad_ring_lookup(name), r);
	name[DAD_RING_NAMESIZE - 2] = '\0';
	assert_refused(dad_ring_lookup(name), ENOENT);
	assert_int_equal(dad_ring_free(r), 0);
}

static void
a_node_without_memory_is_enomem(void **state)
{
	(void)state;
	if (!rte_eal_has_hugepages()) { /* EAL then has memory of no node in particular */
		skip();
	}
	assert_refused(dad_ring_create("node", 16, 64, RTE_MAX_NUMA_NODES - 1, 0), ENOMEM);
}

static void
a_ring_too_large_for_the_memory_is_enomem(void **state)
{
	(void)state;
	assert_refused(dad_ring_create("large", 128, DAD_RING_COUNT_MAX, SOCKET_ID_ANY, 0), ENOMEM);
}

static void
a_name_is_used_once_until_its_ring_is_freed(void **state)
{
	struct dad_ring *a = dad_ring_create("once", 16, 64, SOCKET_ID_ANY, 0);
	struct dad_ring *b = dad_ring_create("other", 16, 64, SOCKET_ID_ANY, 0);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	assert_refused(dad_ring_create("once", 32, 128, SOCKET_ID_ANY, 0), EEXIST);
	assert_int_equal(dad_ring_capacity(a), 64);
	assert_ptr_equal(dad_ring_lookup("once"), a);
	assert_ptr_equal(dad_ring_lookup("other"), b);

	assert_int_equal(dad_ring_free(a), 0);
	assert_refused(dad_ring_lookup("once"), ENOENT);
	assert_ptr_equal(dad_ring_lookup("other"), b);
	a = dad_ring_create("once", 32, 128, SOCKET_ID_ANY, 0);
	assert_non_null(a);
	assert_int_equal(dad_ring_capacity(a), 128);
	assert_int_equal(dad_ring_count(a), 0);
	assert_int_equal(dad_ring_free(a), 0);
	assert_int_equal(dad_ring_free(b), 0);
}

static void
lookup_refuses_a_memzone_with_something_else_in_it(void **state)
{
	const struct rte_memzone *mz =
		rte_memzone_reserve_aligned("DR_stranger", 4096, SOCKET_ID_ANY, 0, DAD_RING_ALIGN);

	(void)state;
	assert_non_null(mz);
	memset(mz->addr, 0, mz->len);
	assert_refused(dad_ring_lookup("stranger"), ENOENT);
	memset(mz->addr, 0x5A, mz->len);
	assert_refused(dad_ring_lookup("stranger"), EINVAL);
	assert_int_equal(rte_memzone_free(mz), 0);
}

static void
free_takes_only_what_create_made(void **state)
{
	struct dad_ring *mine = new_memory((size_t)dad_ring_footprint(16, 64, 0));
	struct dad_ring *r = dad_ring_create("freed", 16, 64, SOCKET_ID_ANY, 0);

	(void)state;
	assert_int_equal(dad_ring_free(NULL), 0);
	assert_non_null(dad_ring_init(mine, 16, 64, 0));
	assert_int_equal(dad_ring_free(mine), -EINVAL);
	/* not even if it bears the name of one */
	memcpy(mine->name, "freed", sizeof("freed"));
	assert_int_equal(dad_ring_free(mine), -EINVAL);
	assert_ptr_equal(dad_ring_lookup("freed"), r);
	assert_int_equal(dad_ring_free(r), 0);
	assert_int_equal(dad_ring_free(mine), -EINVAL);
	free(mine);
}

static void
dump_tells_geometry_positions_and_held_slots(void **state)
{
	char *text = NULL;
	size_t len;
	uint64_t objs[16] = {0};
	struct dad_ring *r = dad_ring_create("dumped", 8, 16, SOCKET_ID_ANY, 0);

	(void)state;
	assert_non_null(r);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(dad_ring_enqueue_bulk(r, objs, 13, NULL), 13);
		assert_int_equal(dad_ring_dequeue_bulk(r, objs, 13, NULL), 13);
	}
	assert_int_equal(dad_ring_enqueue_bulk(r, objs, 7, NULL), 7);
	r->prod.next += 2; /* two producers that have not finished */
	r->cons.next += 1; /* and a consumer */

	FILE *f = open_memstream(&text, &len);
	assert_non_null(f);
	dad_ring_dump(f, r);
	fclose(f);
	assert_non_null(strstr(text, "\"dumped\""));
	assert_non_null(strstr(text, "16 elements of 8 bytes"));
	assert_non_null(strstr(text, "producers: 74 tickets taken"));
	assert_non_null(strstr(text, "consumers: 66 tickets taken"));
	assert_non_null(strstr(text, "count 8, held by running enqueues 2, by running dequeues 1"));
	free(text);
	assert_int_equal(dad_ring_free(r), 0);
}

int
main(int argc, char **argv)
{
	int ret = argc > 0 ? eal_test_init(argv[0]) : 1;

	if (ret != 0)
		return ret;

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_that_are_not_valid_are_refused_everywhere),
		cmocka_unit_test(footprint_is_element_and_two_bytes_a_slot),
		cmocka_unit_test(init_refuses_memory_that_is_missing_or_not_aligned),
		cmocka_unit_test(a_ring_writes_nothing_outside_its_footprint),
		cmocka_unit_test(attach_finds_what_init_made_and_refuses_all_else),
		cmocka_unit_test(init_makes_an_empty_ring_out_of_a_used_one),
		cmocka_unit_test(create_says_what_is_wrong_with_a_name),
		cmocka_unit_test(a_node_without_memory_is_enomem),
		cmocka_unit_test(a_ring_too_large_for_the_memory_is_enomem),
		cmocka_unit_test(a_name_is_used_once_until_its_ring_is_freed),
		cmocka_unit_test(lookup_refuses_a_memzone_with_something_else_in_it),
		cmocka_unit_test(free_takes_only_what_create_made),
		cmocka_unit_test(dump_tells_geometry_positions_and_held_slots),
	};
	int failed = cmocka_run_group_tests_name("ring_life", tests, NULL, NULL);

	rte_eal_cleanup();
	return failed;
}
