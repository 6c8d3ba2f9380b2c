/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "check.h"

/* No element begins with this word: there are not so many producers. */
#define NO_WORD UINT64_MAX

/* The numbers from..from + n - 1. The products reach beyond 64 bits before they are divided. */
static void
tally_add(struct tally *t, uint64_t from, uint64_t n)
{
	const unsigned __int128 pairs = (unsigned __int128)n * (n - 1) / 2;
	const unsigned __int128 squares = pairs * (2 * (unsigned __int128)n - 1) / 3;

	t->count += n;
	t->sum += n * from + (uint64_t)pairs;
	t->squares += n * from * from + 2 * from * (uint64_t)pairs + (uint64_t)squares;
}

void
check_begin(struct check *c, unsigned int producers)
{
	memset(c, 0, sizeof(*c));
	c->producers = producers;
	c->first = c->expect = NO_WORD;
}

static void
close_run(struct check *c)
{
	const uint64_t producer = c->first >> PAYLOAD_SEQ_BITS;
	const uint64_t from = c->first & PAYLOAD_SEQ_MASK;
	const uint64_t n = c->expect - c->first;

	if (n == 0 || producer >= c->producers)
		return;
	tally_add(&c->tally[producer], from, n);
	c->floor[producer] = from + n;
}

void
check_jump(struct check *c, uint64_t word)
{
	const uint64_t producer = word >> PAYLOAD_SEQ_BITS;

	close_run(c);
	c->first = word;
	c->expect = word + 1;
	if (producer >= c->producers)
		c->torn++; /* nobody has sent that */
	else if ((word & PAYLOAD_SEQ_MASK) < c->floor[producer])
		c->disordered++;
}

void
check_end(struct check *c)
{
	close_run(c);
	c->first = c->expect = NO_WORD;
}

void
check_verdict(const struct check *const *views, unsigned int consumers, const uint64_t *sent,
	unsigned int producers, struct faults *f)
{
	memset(f, 0, sizeof(*f));
	for (unsigned int i = 0; i < consumers; i++) {
		f->torn += views[i]->torn;
		f->disordered += views[i]->disordered;
	}
	for (unsigned int p = 0; p < producers; p++) {
		struct tally came = {0}, all = {0};

		for (unsigned int i = 0; i < consumers; i++) {
			came.count += views[i]->tally[p].count;
			came.sum += views[i]->tally[p].sum;
			came.squares += views[i]->tally[p].squares;
		}
		if (sent[p] > 0)
			tally_add(&all, 0, sent[p]);
		if (came.count < all.count) {
			f->lost += all.count - came.count;
		} else if (came.count > all.count) {
			f->doubled += came.count - all.count;
		} else if (came.sum != all.sum || came.squares != all.squares) {
			/* as many of the one as of the other, and how many is not known */
			f->lost++;
			f->doubled++;
		}
	}
}
