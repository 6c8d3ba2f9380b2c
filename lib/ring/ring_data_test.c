/* SPDX-License-Identifier: BSD-3-Clause */
/* What one thread can prove about the data calls. Rings lie in plain memory: no EAL is needed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_common.h>

#include "dad_ring.h"
#include "ring_isa_test.h"
#include "ring_copy.h"
#include "ring_side.h"

#define MAX_COUNT 256

static const size_t esizes[] = {4, 8, 12, 16, 20, 32, 64, 128};

/* Room for one burst more than a ring takes. */
static uint8_t in[2 * MAX_COUNT * DAD_RING_ESIZE_MAX];
static uint8_t out[2 * MAX_COUNT * DAD_RING_ESIZE_MAX];

static struct dad_ring *
new_ring(size_t esize, size_t count)
{
	struct dad_ring *r =
		aligned_alloc(DAD_RING_ALIGN, (size_t)dad_ring_footprint(esize, count, 0));

	assert_non_null(r);
	assert_ptr_equal(dad_ring_init(r, esize, count, 0), r);
	return r;
}

/* Every word of an element tells which element and which word it is. */
static uint32_t
word_of(uint64_t seq, size_t word)
{
	return (uint32_t)(seq * 2654435761u + word * 40503u + 1);
}

static const void *
make(uint64_t seq, size_t n, size_t esize)
{
	uint32_t *words = (uint32_t *)in;

	for (size_t i = 0; i < n; i++)
		for (size_t w = 0; w < esize / 4; w++)
			*words++ = word_of(seq + i, w);
	return in;
}

static void
check(uint64_t seq, size_t n, size_t esize)
{
	const uint32_t *words = (const uint32_t *)out;

	for (size_t i = 0; i < n; i++)
		for (size_t w = 0; w < esize / 4; w++)
			assert_int_equal(*words++, word_of(seq + i, w));
}

static void
every_slot_can_be_used(void **state)
{
	(void)state;
	for (size_t e = 0; e < RTE_DIM(esizes); e++) {
		for (size_t count = 1; count <= MAX_COUNT; count *= 2) {
			struct dad_ring *r = new_ring(esizes[e], count);

			assert_int_equal(dad_ring_capacity(r), count);
			for (size_t i = 0; i < count; i++) {
				assert_int_equal(dad_ring_count(r), i);
				assert_int_equal(dad_ring_free_count(r), count - i);
				assert_int_equal(
					dad_ring_enqueue_bulk(r, make(i, 1, esizes[e]), 1, NULL),
					1);
			}
			assert_int_equal(dad_ring_free_count(r), 0);
			assert_int_equal(dad_ring_enqueue_bulk(r, in, 1, NULL), 0);
			assert_int_equal(dad_ring_enqueue_burst(r, in, 1, NULL), 0);
			assert_int_equal(dad_ring_dequeue_bulk(r, out, count, NULL), count);
			check(0, count, esizes[e]);
			assert_int_equal(dad_ring_dequeue_burst(r, out, 1, NULL), 0);
			free(r);
		}
	}
}

static void
bulk_moves_all_or_nothing(void **state)
{
	struct dad_ring *r = new_ring(8, 16);
	size_t left = 99;

	(void)state;
	assert_int_equal(dad_ring_enqueue_bulk(r, make(0, 10, 8), 10, &left), 10);
	assert_int_equal(left, 6);
	assert_int_equal(dad_ring_enqueue_bulk(r, make(10, 7, 8), 7, &left), 0);
	assert_int_equal(left, 6);
	assert_int_equal(dad_ring_enqueue_bulk(r, make(10, 6, 8), 6, &left), 6);
	assert_int_equal(left, 0);
	assert_int_equal(dad_ring_dequeue_bulk(r, out, 17, &left), 0);
	assert_int_equal(left, 16);
	assert_int_equal(dad_ring_dequeue_bulk(r, out, 9, &left), 9);
	assert_int_equal(left, 7);
	check(0, 9, 8);
	memset(out, 0x77, sizeof(out));
	assert_int_equal(dad_ring_dequeue_bulk(r, out, 8, &left), 0);
	assert_int_equal(left, 7);
	assert_int_equal(out[0], 0x77);
	assert_int_equal(dad_ring_dequeue_bulk(r, out, 7, &left), 7);
	assert_int_equal(left, 0);
	check(9, 7, 8);
	free(r);
}

static void
burst_moves_what_there_is(void **state)
{
	struct dad_ring *r = new_ring(8, 16);
	size_t left = 99;

	(void)state;
	assert_int_equal(dad_ring_enqueue_burst(r, make(0, 10, 8), 10, &left), 10);
	assert_int_equal(left, 6);
	assert_int_equal(dad_ring_enqueue_burst(r, make(10, 32, 8), 32, &left), 6);
	assert_int_equal(left, 0);
	assert_int_equal(dad_ring_enqueue_burst(r, in, 1, &left), 0);
	assert_int_equal(dad_ring_dequeue_burst(r, out, 13, &left), 13);
	assert_int_equal(left, 3);
	check(0, 13, 8);
	assert_int_equal(dad_ring_dequeue_burst(r, out, 400, &left), 3);
	assert_int_equal(left, 0);
	check(13, 3, 8);
	assert_int_equal(dad_ring_dequeue_burst(r, out, 1, &left), 0);
	free(r);
}

static void
zero_elements_are_no_elements(void **state)
{
	struct dad_ring *r = new_ring(8, 4);
	size_t left;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dad_ring_enqueue_bulk(r, NULL, 0, &left), 0);
		assert_int_equal(left, 4 - 2 * i);
		assert_int_equal(dad_ring_enqueue_burst(r, NULL, 0, NULL), 0);
		assert_int_equal(dad_ring_dequeue_bulk(r, NULL, 0, &left), 0);
		assert_int_equal(left, 2 * i);
		assert_int_equal(dad_ring_dequeue_burst(r, NULL, 0, NULL), 0);
		dad_ring_enqueue_bulk(r, in, 2, NULL);
	}
	free(r);
}

static void
more_than_the_ring_has_is_clipped_or_refused(void **state)
{
	static const size_t many[] = {17, 64, (size_t)1 << 32, SIZE_MAX - 15, SIZE_MAX};
	struct dad_ring *r = new_ring(8, 16);

	(void)state;
	for (size_t i = 0; i < RTE_DIM(many); i++) {
		assert_int_equal(dad_ring_enqueue_bulk(r, in, many[i], NULL), 0);
		assert_int_equal(dad_ring_enqueue_burst(r, make(i, 16, 8), many[i], NULL), 16);
		assert_int_equal(dad_ring_dequeue_bulk(r, out, many[i], NULL), 0);
		assert_int_equal(dad_ring_dequeue_burst(r, out, many[i], NULL), 16);
		check(i, 16, 8);
	}
	free(r);
}

static void
a_bulk_may_wrap_at_every_offset(void **state)
{
	(void)state;
	for (size_t e = 0; e < RTE_DIM(esizes); e++) {
		for (size_t count = 1; count <= 128; count *= count < 16 ? 2 : 8) {
			for (size_t offset = 0; offset < count; offset++) {
				struct dad_ring *r = new_ring(esizes[e], count);

				dad_ring_enqueue_bulk(r, make(0, offset, esizes[e]), offset, NULL);
				dad_ring_dequeue_bulk(r, out, offset, NULL);
				check(0, offset, esizes[e]);
				for (size_t n = 1; n <= count; n += n < 9 ? 1 : 7) {
					make(offset + n, n, esizes[e]);
					assert_int_equal(dad_ring_enqueue_bulk(r, in, n, NULL), n);
					memset(out, 0, sizeof(out));
					assert_int_equal(dad_ring_dequeue_bulk(r, out, n, NULL), n);
					check(offset + n, n, esizes[e]);
					/* back to the same offset, by way of a whole lap */
					assert_int_equal(
						dad_ring_enqueue_bulk(r, in, count - n, NULL),
						count - n);
					assert_int_equal(
						dad_ring_dequeue_bulk(r, out, count - n, NULL),
						count - n);
				}
				free(r);
			}
		}
	}
}

/* The tags are bytes: more than 256 laps have to pass for one to come back. */
static void
random_calls_agree_with_a_model_over_many_laps(void **state)
{
	unsigned int seed = 20;

	(void)state;
	for (size_t e = 0; e < RTE_DIM(esizes); e++) {
		for (size_t count = 1; count <= MAX_COUNT; count *= 2) {
			struct dad_ring *r = new_ring(esizes[e], count);
			uint64_t head = 0, tail = 0; /* the model */

			while (head < 600 * RTE_MIN(count, (size_t)16) || tail / count < 2) {
				size_t n = (size_t)rand_r(&seed) % (count + 2);
				bool all = rand_r(&seed) & 1;
				bool enqueue = rand_r(&seed) & 1;
				size_t room = enqueue ? count - (tail - head) : tail - head;
				size_t expected = n <= room ? n : all ? 0 : room;
				size_t moved, left = SIZE_MAX;
				size_t *out_param = rand_r(&seed) & 1 ? &left : NULL;

				if (enqueue) {
					make(tail, n, esizes[e]);
					moved = (all ? dad_ring_enqueue_bulk
						     : dad_ring_enqueue_burst)(r, in, n, out_param);
					tail += moved;
				} else {
					moved = (all ? dad_ring_dequeue_bulk
						     : dad_ring_dequeue_burst)(
						r, out, n, out_param);
					check(head, moved, esizes[e]);
					head += moved;
				}
				assert_int_equal(moved, expected);
				if (out_param != NULL)
					assert_int_equal(left, room - expected);
				assert_int_equal(dad_ring_count(r), tail - head);
				assert_int_equal(dad_ring_free_count(r), count - (tail - head));
			}
			free(r);
		}
	}
}

/* `known` saves looks at the tags and decides nothing. */
static void
a_hint_that_lags_changes_nothing(void **state)
{
	struct dad_ring *r = new_ring(8, 16);
	uint64_t in_seq = 0, out_seq = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint64_t old_prod = r->prod.known, old_cons = r->cons.known;
		size_t n = (size_t)i % 15 + 1;

		assert_int_equal(dad_ring_enqueue_bulk(r, make(in_seq, n, 8), n, NULL), n);
		in_seq += n;
		if (i % 3 != 0)
			r->prod.known = i % 3 == 1 ? old_prod : 0;
		assert_int_equal(dad_ring_dequeue_burst(r, out, 16, NULL), n);
		check(out_seq, n, 8);
		out_seq += n;
		if (i % 5 != 0)
			r->cons.known = i % 5 == 1 ? old_cons : 0;
		assert_int_equal(dad_ring_dequeue_burst(r, out, 16, NULL), 0);
	}
	free(r);
}

static void
a_stalled_producer_hides_what_follows_and_stops_no_producer(void **state)
{
	struct dad_ring *r = new_ring(8, 16);

	(void)state;
	assert_int_equal(dad_ring_enqueue_bulk(r, make(0, 2, 8), 2, NULL), 2);
	/* a producer that is preempted between its claim and its tags */
	struct ring_run stalled = ring_claim_room(r, 3, true, false, NULL, 0);
	assert_int_equal(stalled.n, 3);
	assert_int_equal(dad_ring_enqueue_bulk(r, make(5, 11, 8), 11, NULL), 11);
	assert_int_equal(dad_ring_enqueue_bulk(r, in, 1, NULL), 0);
	assert_int_equal(dad_ring_count(r), 16);

	assert_int_equal(dad_ring_dequeue_bulk(r, out, 3, NULL), 0);
	assert_int_equal(dad_ring_dequeue_burst(r, out, 16, NULL), 2);
	check(0, 2, 8);
	assert_int_equal(dad_ring_dequeue_burst(r, out, 16, NULL), 0);
	assert_int_equal(dad_ring_count(r), 14);
	/* the slots before the hole come round, those behind it do not */
	assert_int_equal(dad_ring_enqueue_burst(r, make(16, 16, 8), 16, NULL), 2);

	ring_copy_in(r, stalled.ticket, make(2, 3, 8), 3, 0);
	ring_publish(ring_filled(r), stalled.ticket, 3, 0);
	assert_int_equal(dad_ring_dequeue_bulk(r, out, 16, NULL), 16);
	check(2, 16, 8);
	free(r);
}

static void
a_stalled_consumer_keeps_its_slots_and_stops_no_consumer(void **state)
{
	struct dad_ring *r = new_ring(8, 16);

	(void)state;
	assert_int_equal(dad_ring_enqueue_bulk(r, make(0, 16, 8), 16, NULL), 16);
	struct ring_run stalled = ring_claim_elements(r, 3, true, false, NULL, 0);
	assert_int_equal(stalled.n, 3);
	assert_int_equal(dad_ring_dequeue_bulk(r, out, 13, NULL), 13);
	check(3, 13, 8);
	assert_int_equal(dad_ring_dequeue_burst(r, out, 1, NULL), 0);

	/* all free by count, and not one slot to be had */
	assert_int_equal(dad_ring_free_count(r), 16);
	assert_int_equal(dad_ring_enqueue_burst(r, make(16, 16, 8), 16, NULL), 0);

	ring_copy_out(r, stalled.ticket, out, 3, 0);
	check(0, 3, 8);
	ring_publish(ring_emptied(r), stalled.ticket, 3, 0);
	assert_int_equal(dad_ring_enqueue_bulk(r, make(16, 16, 8), 16, NULL), 16);
	assert_int_equal(dad_ring_dequeue_bulk(r, out, 16, NULL), 16);
	check(16, 16, 8);
	free(r);
}

/* Producer and consumer see the ring at two addresses; a copy of it lives on at a third. */
static void
a_ring_holds_no_pointers(void **state)
{
	size_t size = RTE_ALIGN_CEIL((size_t)dad_ring_footprint(20, 64, 0), (size_t)4096);
	int fd = memfd_create("ring", 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	void *here = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	void *there = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(here, MAP_FAILED);
	assert_ptr_not_equal(there, MAP_FAILED);
	assert_ptr_not_equal(here, there);

	struct dad_ring *producer = dad_ring_init(here, 20, 64, 0);
	struct dad_ring *consumer = dad_ring_attach(there, size);
	assert_non_null(producer);
	assert_ptr_equal(consumer, there);
	for (uint64_t seq = 0; seq < 64 * 300; seq += 24) {
		assert_int_equal(dad_ring_enqueue_bulk(producer, make(seq, 24, 20), 24, NULL), 24);
		assert_int_equal(dad_ring_count(consumer), 24);
		assert_int_equal(dad_ring_dequeue_bulk(consumer, out, 24, NULL), 24);
		check(seq, 24, 20);
	}

	assert_int_equal(dad_ring_enqueue_bulk(producer, make(1000, 40, 20), 40, NULL), 40);
	void *copy = aligned_alloc(DAD_RING_ALIGN, size);
	assert_non_null(copy);
	memcpy(copy, here, size);
	munmap(here, size);
	munmap(there, size);
	close(fd);
	struct dad_ring *moved = dad_ring_attach(copy, size);
	assert_non_null(moved);
	assert_int_equal(dad_ring_dequeue_burst(moved, out, 64, NULL), 40);
	check(1000, 40, 20);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_slot_can_be_used),
		cmocka_unit_test(bulk_moves_all_or_nothing),
		cmocka_unit_test(burst_moves_what_there_is),
		cmocka_unit_test(zero_elements_are_no_elements),
		cmocka_unit_test(more_than_the_ring_has_is_clipped_or_refused),
		cmocka_unit_test(a_bulk_may_wrap_at_every_offset),
		cmocka_unit_test(random_calls_agree_with_a_model_over_many_laps),
		cmocka_unit_test(a_hint_that_lags_changes_nothing),
		cmocka_unit_test(a_stalled_producer_hides_what_follows_and_stops_no_producer),
		cmocka_unit_test(a_stalled_consumer_keeps_its_slots_and_stops_no_consumer),
		cmocka_unit_test(a_ring_holds_no_pointers),
	};

	ring_isa_test_choose();
	return cmocka_run_group_tests_name("ring_data", tests, NULL, NULL);
}
