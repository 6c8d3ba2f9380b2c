/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_INJECT_H
#define DAD_INJECT_H

/*
 * Operations that fail because they shall. A rule says which, and how:
 *
 *   <status>[:every:N][:count:K][:min:BYTES][:max:BYTES][:vchan:V][:op:copy|fill|sg]
 *
 * several rules are joined by +. With "enospc" for a status it is enqueues that are refused, as if
 * there were no room. A rule counts the operations that it is about; each Nth one is not
 * done, and completes with the status, until it was K. The first rule that an operation falls to
 * gives the status; the others count it all the same.
 *
 * Workers go through the rules while others change them: a set of rules is not changed, but another
 * one takes its place. What was replaced is kept until the device goes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dad_desc;
struct dad_vchan;

#define DAD_INJECT_RULES_MAX 16
#define DAD_INJECT_TEXT_MAX  96 /* of a rule */

struct dad_inject_rule {
	uint8_t status;		    /* or DAD_INJECT_NO_ROOM */
	uint8_t opcode;		    /* or DAD_INJECT_ANY_OP */
	uint64_t min, max;	    /* bytes */
	const struct dad_vchan *vc; /* NULL: any */
	uint64_t every, count;
	uint64_t seen; /* operations that it is about: by anybody, atomically */
	char text[DAD_INJECT_TEXT_MAX];
	struct dad_inject_rule *older; /* of all rules that there ever were */
};

#define DAD_INJECT_ANY_OP  UINT8_MAX
#define DAD_INJECT_NO_ROOM UINT8_MAX

struct dad_inject_set {
	unsigned int n;
	struct dad_inject_rule *rule[DAD_INJECT_RULES_MAX];
	struct dad_inject_set *older;
};

/* In memory of all processes. */
struct dad_inject {
	struct dad_inject_set *set; /* NULL: there are no rules */
	struct dad_inject_set *sets;
	struct dad_inject_rule *rules;
};

/* Is it a list of rules? If not, why says what is wrong and what is valid. */
int dad_inject_check(const char *spec, char *why, size_t size);

/* Add rules for a device whose vchans are these. 0 or -EINVAL, -ENOSPC, -ENOMEM, with why. One
 * caller at a time. */
int dad_inject_add(struct dad_inject *in, const struct dad_vchan *vchan, const char *spec,
	char *why, size_t size);

/* From now on there are none. */
void dad_inject_clear(struct dad_inject *in);

/* Nobody is at work any more. */
void dad_inject_close(struct dad_inject *in);

/* The status that an operation shall have; 0: none. */
uint8_t dad_inject_status(
	const struct dad_inject_set *set, const struct dad_vchan *vc, const struct dad_desc *desc);

/* The rules of the moment, NULL if there are none. They stay as they are until the device goes. */
static inline const struct dad_inject_set *
dad_inject_rules(const struct dad_inject *in)
{
	/* I1: pairs with the release in replace() */
	return __atomic_load_n(&in->set, __ATOMIC_ACQUIRE);
}

/* Is there a rule that refuses enqueues? And shall this one be refused? */
bool dad_inject_has_refusals(const struct dad_inject *in);
bool dad_inject_refuses(const struct dad_inject_set *set, const struct dad_vchan *vc,
	unsigned int opcode, uint64_t length);

/* One that these rules did not refuse, and there was no room for: it comes again, and counts once.
 */
void dad_inject_take_back(const struct dad_inject_set *set, const struct dad_vchan *vc,
	unsigned int opcode, uint64_t length);

/* How many operations a rule has made fail, or enqueues it has refused, so far. */
uint64_t dad_inject_failed(const struct dad_inject_rule *rule);

#endif /* DAD_INJECT_H */
