/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"

#define PRODUCERS 3
#define EACH	  100
#define ELEM_MAX  64
#define BURST_MAX 32

static const size_t esizes[] = {8, 16, 32, 64};

static struct check views[2];
static uint64_t sent[PRODUCERS];
static uint8_t buf[BURST_MAX * ELEM_MAX] __attribute__((aligned(16)));

/* The loops are compiled for each size. */
static void
write_elements(size_t esize, uint64_t first, unsigned int n)
{
	switch (esize) {
	case 8:
		payload_write(buf, 8, first, n);
		break;
	case 16:
		payload_write(buf, 16, first, n);
		break;
	case 32:
		payload_write(buf, 32, first, n);
		break;
	default:
		payload_write(buf, 64, first, n);
	}
}

static void
receive(struct check *c, size_t esize, unsigned int n)
{
	switch (esize) {
	case 8:
		check_elements(c, buf, 8, n);
		break;
	case 16:
		check_elements(c, buf, 16, n);
		break;
	case 32:
		check_elements(c, buf, 32, n);
		break;
	default:
		check_elements(c, buf, 64, n);
	}
}

static void
begin(void)
{
	memset(sent, 0, sizeof(sent));
	for (int i = 0; i < 2; i++)
		check_begin(&views[i], PRODUCERS);
}

/* A producer's next n elements come to a consumer. */
static void
pass(struct check *to, size_t esize, unsigned int producer, unsigned int n)
{
	write_elements(esize, payload_base(producer) + sent[producer], n);
	sent[producer] += n;
	receive(to, esize, n);
}

static struct faults
verdict(void)
{
	const struct check *all[] = {&views[0], &views[1]};
	struct faults f;

	check_end(&views[0]);
	check_end(&views[1]);
	check_verdict(all, 2, sent, PRODUCERS, &f);
	return f;
}

/* ---- what is right ----------------------------------------------------------------------- */

static void
what_arrives_once_and_in_order_is_right(void **state)
{
	(void)state;
	for (size_t e = 0; e < RTE_DIM(esizes); e++) {
		begin();
		for (unsigned int i = 0; i < EACH; i++)
			pass(&views[i % 2], esizes[e], i * 7 % PRODUCERS, 1 + i % BURST_MAX);
		struct faults f = verdict();
		assert_int_equal(faults_sum(&f), 0);
	}
}

static void
a_bulk_may_hold_elements_of_several_producers(void **state)
{
	(void)state;
	begin();
	write_elements(16, payload_base(0), 4);
	memcpy(buf + 4 * 16, buf, 2 * 16); /* room for another's */
	payload_write(buf + 4 * 16, 16, payload_base(2), 2);
	receive(&views[0], 16, 6);
	sent[0] = 4;
	sent[2] = 2;
	struct faults f = verdict();
	assert_int_equal(faults_sum(&f), 0);
}

static void
nothing_sent_and_nothing_received_is_right(void **state)
{
	(void)state;
	begin();
	struct faults f = verdict();
	assert_int_equal(faults_sum(&f), 0);
}

/* ---- what is wrong ----------------------------------------------------------------------- */

static void
each_lost_element_is_counted(void **state)
{
	(void)state;
	for (unsigned int gone = 1; gone <= 5; gone++) {
		begin();
		pass(&views[0], 8, 1, 20);
		sent[1] += gone;
		pass(&views[0], 8, 1, 20);
		struct faults f = verdict();
		assert_int_equal(f.lost, gone);
		assert_int_equal(f.doubled + f.torn + f.disordered, 0);
	}
}

static void
an_element_lost_at_the_end_is_counted(void **state)
{
	(void)state;
	begin();
	pass(&views[0], 32, 0, 20);
	sent[0]++;
	assert_int_equal(verdict().lost, 1);
}

static void
an_element_that_comes_twice_to_one_consumer_is_out_of_order(void **state)
{
	(void)state;
	begin();
	pass(&views[0], 64, 0, 10);
	write_elements(64, payload_base(0) + 9, 1);
	receive(&views[0], 64, 1);
	struct faults f = verdict();
	assert_int_equal(f.doubled, 1);
	assert_int_equal(f.disordered, 1);
}

static void
an_element_that_comes_to_two_consumers_is_doubled(void **state)
{
	(void)state;
	begin();
	pass(&views[0], 16, 0, 10);
	write_elements(16, payload_base(0) + 3, 1);
	receive(&views[1], 16, 1);
	struct faults f = verdict();
	assert_int_equal(f.doubled, 1);
	assert_int_equal(f.lost + f.torn + f.disordered, 0);
}

/* As many of the one as of the other: the count alone does not tell. */
static void
one_lost_and_another_doubled_is_found(void **state)
{
	(void)state;
	begin();
	pass(&views[0], 16, 0, 10);
	sent[0]++;
	write_elements(16, payload_base(0) + 3, 1);
	receive(&views[1], 16, 1);
	struct faults f = verdict();
	assert_true(f.lost > 0 && f.doubled > 0);
}

/* The numbers from 0 to 9, but for two that are lost and two that come to both consumers. */
static struct faults
lose_and_double(unsigned int lost, unsigned int also_lost, unsigned int twice, unsigned int also)
{
	begin();
	sent[0] = 10;
	for (unsigned int i = 0; i < sent[0]; i++) {
		write_elements(8, payload_base(0) + i, 1);
		if (i != lost && i != also_lost)
			receive(&views[0], 8, 1);
		if (i == twice || i == also)
			receive(&views[1], 8, 1);
	}
	return verdict();
}

static void
what_the_sum_does_not_tell_the_squares_do(void **state)
{
	(void)state;
	struct faults f = lose_and_double(1, 4, 2, 3);
	assert_true(f.lost > 0 && f.doubled > 0);
	assert_int_equal(f.disordered, 0);
}

static void
what_the_squares_do_not_tell_the_sum_does(void **state)
{
	(void)state;
	struct faults f = lose_and_double(1, 8, 4, 7);
	assert_true(f.lost > 0 && f.doubled > 0);
	assert_int_equal(f.disordered, 0);
}

static void
two_elements_in_the_wrong_order_are_found(void **state)
{
	(void)state;
	begin();
	sent[0] = 2;
	for (int i = 1; i >= 0; i--) {
		write_elements(8, payload_base(0) + (uint64_t)i, 1);
		receive(&views[0], 8, 1);
	}
	struct faults f = verdict();
	assert_int_equal(f.disordered, 1);
	assert_int_equal(f.lost + f.doubled, 0);
}

static void
every_single_wrong_byte_is_found(void **state)
{
	(void)state;
	for (size_t e = 1; e < RTE_DIM(esizes); e++) {
		for (size_t at = 0; at < 5 * esizes[e]; at++) {
			begin();
			write_elements(esizes[e], payload_base(1), 5);
			buf[at] ^= 0x20;
			sent[1] = 5;
			receive(&views[0], esizes[e], 5);
			struct faults f = verdict();
			assert_true(f.torn > 0);
		}
	}
}

static void
an_element_put_together_of_two_is_torn(void **state)
{
	(void)state;
	for (size_t e = 1; e < RTE_DIM(esizes); e++) {
		for (size_t split = 8; split < esizes[e]; split += 8) {
			uint8_t other[ELEM_MAX];

			begin();
			write_elements(esizes[e], payload_base(0) + 7, 1);
			memcpy(other, buf, esizes[e]);
			write_elements(esizes[e], payload_base(0), 1);
			memcpy(buf + split, other + split, esizes[e] - split);
			sent[0] = 1;
			receive(&views[0], esizes[e], 1);
			assert_int_equal(verdict().torn, 1);
		}
	}
}

static void
what_nobody_sent_is_torn(void **state)
{
	(void)state;
	begin();
	write_elements(8, payload_base(PRODUCERS), 2);
	receive(&views[0], 8, 2);
	assert_true(verdict().torn > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_arrives_once_and_in_order_is_right),
		cmocka_unit_test(a_bulk_may_hold_elements_of_several_producers),
		cmocka_unit_test(nothing_sent_and_nothing_received_is_right),
		cmocka_unit_test(each_lost_element_is_counted),
		cmocka_unit_test(an_element_lost_at_the_end_is_counted),
		cmocka_unit_test(an_element_that_comes_twice_to_one_consumer_is_out_of_order),
		cmocka_unit_test(an_element_that_comes_to_two_consumers_is_doubled),
		cmocka_unit_test(one_lost_and_another_doubled_is_found),
		cmocka_unit_test(what_the_sum_does_not_tell_the_squares_do),
		cmocka_unit_test(what_the_squares_do_not_tell_the_sum_does),
		cmocka_unit_test(two_elements_in_the_wrong_order_are_found),
		cmocka_unit_test(every_single_wrong_byte_is_found),
		cmocka_unit_test(an_element_put_together_of_two_is_torn),
		cmocka_unit_test(what_nobody_sent_is_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
