/* SPDX-License-Identifier: BSD-3-Clause */
/* Elements in place, and void slots: what one thread can prove. No EAL is needed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_common.h>

#include "dad_ring.h"
#include "ring_isa_test.h"

#define MAX_COUNT 128

static struct dad_ring *
new_ring(size_t count, unsigned int flags)
{
	struct dad_ring *r =
		aligned_alloc(DAD_RING_ALIGN, (size_t)dad_ring_footprint(8, count, flags));

	assert_non_null(r);
	assert_non_null(dad_ring_init(r, 8, count, flags));
	return r;
}

static uint64_t *
element(const struct dad_ring_span *s, size_t i)
{
	return i < s->n1 ? (uint64_t *)s->ptr1 + i : (uint64_t *)s->ptr2 + (i - s->n1);
}

static size_t
length(const struct dad_ring_span *s)
{
	return s->n1 + s->n2;
}

static void
fill(const struct dad_ring_span *s, uint64_t first)
{
	for (size_t i = 0; i < length(s); i++)
		*element(s, i) = first + i;
}

/* n numbers from first on come next. */
static void
expect(struct dad_ring *r, uint64_t first, size_t n)
{
	uint64_t objs[MAX_COUNT];

	assert_int_equal(dad_ring_dequeue_bulk(r, objs, n, NULL), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(objs[i], first + i);
}

static void
a_span_has_all_its_elements_in_one_or_two_pieces(void **state)
{
	struct dad_ring *r = new_ring(16, 0);
	struct dad_ring_span s;

	(void)state;
	for (size_t offset = 0; offset < 16; offset++) {
		for (size_t n = 1; n <= 16; n++) {
			size_t left;

			assert_int_equal(dad_ring_reserve_bulk(r, n, &s, &left), n);
			assert_int_equal(left, 16 - n);
			assert_int_equal(length(&s), n);
			assert_true((s.ptr2 == NULL) == (s.n2 == 0));
			fill(&s, 100);
			dad_ring_commit(r, &s, n);
			assert_int_equal(dad_ring_claim_burst(r, 99, &s, &left), n);
			assert_int_equal(left, 0);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(*element(&s, i), 100 + i);
			dad_ring_release(r, &s);
			/* back to the same offset */
			if (n < 16) {
				assert_int_equal(
					dad_ring_reserve_bulk(r, 16 - n, &s, NULL), 16 - n);
				dad_ring_commit(r, &s, 16 - n);
				assert_int_equal(dad_ring_claim_bulk(r, 16 - n, &s, NULL), 16 - n);
				dad_ring_release(r, &s);
			}
		}
		dad_ring_enqueue_bulk(r, &(uint64_t){1}, 1, NULL);
		expect(r, 1, 1);
	}
	free(r);
}

static void
a_refused_span_is_empty_and_may_be_given_back(void **state)
{
	struct dad_ring *r = new_ring(4, 0);
	struct dad_ring_span s, none;

	(void)state;
	assert_int_equal(dad_ring_claim_bulk(r, 1, &none, NULL), 0);
	assert_int_equal(length(&none), 0);
	dad_ring_release(r, &none);
	assert_int_equal(dad_ring_reserve_bulk(r, 5, &none, NULL), 0);
	assert_int_equal(length(&none), 0);
	dad_ring_commit(r, &none, 0);
	assert_int_equal(dad_ring_reserve_burst(r, 5, &s, NULL), 4);
	assert_int_equal(dad_ring_reserve_burst(r, 1, &none, NULL), 0);
	fill(&s, 0);
	dad_ring_commit(r, &s, 4);
	expect(r, 0, 4);
	free(r);
}

static void
spans_may_be_committed_in_any_order_and_appear_in_theirs(void **state)
{
	struct dad_ring *r = new_ring(16, 0);
	struct dad_ring_span s[4];
	uint64_t obj;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(dad_ring_reserve_bulk(r, 3, &s[i], NULL), 3);
		fill(&s[i], 3 * i);
	}
	dad_ring_commit(r, &s[2], 3);
	dad_ring_commit(r, &s[1], 3);
	assert_int_equal(dad_ring_dequeue_burst(r, &obj, 1, NULL), 0);
	dad_ring_commit(r, &s[0], 3);
	expect(r, 0, 9);
	assert_int_equal(dad_ring_dequeue_burst(r, &obj, 1, NULL), 0);
	dad_ring_commit(r, &s[3], 3);
	expect(r, 9, 3);
	free(r);
}

static void
spans_may_be_released_in_any_order(void **state)
{
	struct dad_ring *r = new_ring(8, 0);
	struct dad_ring_span a, b, s;
	uint64_t objs[8] = {0, 1, 2, 3, 4, 5, 6, 7};

	(void)state;
	assert_int_equal(dad_ring_enqueue_bulk(r, objs, 8, NULL), 8);
	assert_int_equal(dad_ring_claim_bulk(r, 4, &a, NULL), 4);
	assert_int_equal(dad_ring_claim_bulk(r, 4, &b, NULL), 4);
	dad_ring_release(r, &b);
	/* all claimed, half of it released: but the first half stands in the way */
	assert_int_equal(dad_ring_free_count(r), 8);
	assert_int_equal(dad_ring_reserve_burst(r, 1, &s, NULL), 0);
	assert_int_equal(*element(&a, 3), 3);
	dad_ring_release(r, &a);
	assert_int_equal(dad_ring_reserve_burst(r, 99, &s, NULL), 8);
	dad_ring_commit(r, &s, 0);
	free(r);
}

static void
what_was_not_committed_is_never_seen(void **state)
{
	(void)state;
	for (size_t reserved = 1; reserved <= 8; reserved++) {
		for (size_t committed = 0; committed <= reserved; committed++) {
			struct dad_ring *r = new_ring(16, 0);

			for (unsigned int round = 0; round < 300; round++) {
				struct dad_ring_span s;
				uint64_t obj = 77;

				assert_int_equal(
					dad_ring_reserve_bulk(r, reserved, &s, NULL), reserved);
				fill(&s, 0);
				dad_ring_commit(r, &s, committed);
				dad_ring_enqueue_bulk(r, &obj, 1, NULL);
				if (committed > 0)
					expect(r, 0, committed);
				expect(r, 77, 1);
				assert_int_equal(dad_ring_dequeue_burst(r, &obj, 1, NULL), 0);
				assert_int_equal(dad_ring_count(r), 0);
			}
			free(r);
		}
	}
}

static void
a_bulk_gathers_elements_from_between_voids(void **state)
{
	struct dad_ring *r = new_ring(32, 0);
	struct dad_ring_span s;
	uint64_t seq = 0;

	(void)state;
	for (unsigned int round = 0; round < 500; round++) {
		const uint64_t first = seq;

		for (unsigned int i = 0; i < 6; i++) {
			assert_int_equal(dad_ring_reserve_bulk(r, 5, &s, NULL), 5);
			memset(s.ptr1, 0xEE, s.n1 * 8);
			for (unsigned int k = 0; k < i % 4; k++)
				*element(&s, k) = seq++;
			dad_ring_commit(r, &s, i % 4);
		}
		assert_int_equal(seq - first, 7); /* 0 1 2 3 0 1 */
		if (round % 2 == 0) {
			expect(r, first, 7);
		} else {
			assert_int_equal(dad_ring_claim_bulk(r, 7, &s, NULL), 7);
			assert_int_equal(length(&s), 7);
			for (unsigned int i = 0; i < 7; i++)
				assert_int_equal(*element(&s, i), first + i);
			dad_ring_release(r, &s);
		}
		/* voids at the end: the next call takes them away */
		assert_int_equal(dad_ring_dequeue_burst(r, &(uint64_t){0}, 1, NULL), 0);
		assert_int_equal(dad_ring_count(r), 0);
	}
	free(r);
}

static void
a_bulk_that_is_refused_leaves_the_elements_and_takes_leading_voids(void **state)
{
	struct dad_ring *r = new_ring(8, 0);
	struct dad_ring_span s;
	uint64_t objs[4];

	(void)state;
	assert_int_equal(dad_ring_reserve_bulk(r, 4, &s, NULL), 4);
	dad_ring_commit(r, &s, 0);
	assert_int_equal(dad_ring_reserve_bulk(r, 4, &s, NULL), 4);
	fill(&s, 5);
	dad_ring_commit(r, &s, 2);
	assert_int_equal(dad_ring_count(r), 8);
	assert_int_equal(dad_ring_dequeue_bulk(r, objs, 4, NULL), 0);
	assert_int_equal(dad_ring_count(r), 4);
	expect(r, 5, 2);
	free(r);
}

/* Against a model, in rings of any capacity and mode, over more laps than a tag can count. */
static void
random_calls_agree_with_a_model(void **state)
{
	static const size_t counts[] = {1, 2, 3, 5, 8, 17, 64, 100};
	unsigned int seed = 5;

	(void)state;
	for (unsigned int flags = 0; flags < 4; flags++) {
		for (size_t c = 0; c < RTE_DIM(counts); c++) {
			const size_t count = counts[c];
			struct dad_ring *r = new_ring(count, flags | DAD_RING_EXACT);
			struct dad_ring_span s;
			uint64_t head = 0, tail = 0;

			for (unsigned int i = 0; i < 3000 + 300 * count; i++) {
				size_t n = 1 + (size_t)rand_r(&seed) % count;

				if (rand_r(&seed) & 1) {
					size_t got = dad_ring_reserve_burst(r, n, &s, NULL);
					size_t keep = rand_r(&seed) & 1
						? got
						: (size_t)rand_r(&seed) % (got + 1);

					/* voids take room, too */
					assert_in_range(got, 0, count - (tail - head));
					fill(&s, tail);
					dad_ring_commit(r, &s, keep);
					tail += keep;
				} else {
					size_t got = dad_ring_claim_burst(r, n, &s, NULL);

					/* a burst may stop at voids, but not at once */
					if (tail != head)
						assert_in_range(got, 1, tail - head);
					else
						assert_int_equal(got, 0);
					for (size_t k = 0; k < got; k++)
						assert_int_equal(*element(&s, k), head + k);
					dad_ring_release(r, &s);
					head += got;
				}
				assert_true(dad_ring_count(r) >= tail - head);
			}
			if (tail == head)
				assert_int_equal(
					dad_ring_dequeue_burst(r, &(uint64_t){0}, 1, NULL), 0);
			else
				expect(r, head, tail - head);
			free(r);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_span_has_all_its_elements_in_one_or_two_pieces),
		cmocka_unit_test(a_refused_span_is_empty_and_may_be_given_back),
		cmocka_unit_test(spans_may_be_committed_in_any_order_and_appear_in_theirs),
		cmocka_unit_test(spans_may_be_released_in_any_order),
		cmocka_unit_test(what_was_not_committed_is_never_seen),
		cmocka_unit_test(a_bulk_gathers_elements_from_between_voids),
		cmocka_unit_test(
			a_bulk_that_is_refused_leaves_the_elements_and_takes_leading_voids),
		cmocka_unit_test(random_calls_agree_with_a_model),
	};

	ring_isa_test_choose();
	return cmocka_run_group_tests_name("ring_span", tests, NULL, NULL);
}
