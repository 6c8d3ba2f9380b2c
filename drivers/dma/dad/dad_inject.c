/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_dmadev.h>
#include <rte_malloc.h>

#include "dad_inject.h"
#include "dad_lists.h"
#include "dad_model_args.h"
#include "dad_vchan.h"

/* ---- the text of a rule ------------------------------------------------------------------- */

/* ERROR_UNKNOWN, 256, has no room in a descriptor. */
#define STATUS_MAX RTE_DMA_STATUS_PAGE_FAULT

#define VALID_STATUSES                                                                             \
	"enospc, 1 to 14, or user_abort, not_attempted, invalid_src_addr, invalid_dst_addr, "      \
	"invalid_addr, invalid_length, invalid_opcode, bus_read_error, bus_write_error, "          \
	"bus_error, data_poision, descriptor_read_error, dev_link_error, page_fault"
#define VALID_KEYS                                                                                 \
	"every:<number>, count:<number>, min:<bytes>, max:<bytes>, vchan:<number>, "               \
	"op:<copy|fill|sg>"

/* What is wrong with a word. Always -EINVAL. */
static int
wrong(char *why, size_t size, const char *what, const char *word, const char *valid)
{
	snprintf(why, size, "%s '%.40s': valid are %s", what, word, valid);
	return -EINVAL;
}

static int
find_word(const char *word, const char *const *words, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	return -1;
}

/* The number, up to max, that a name is that of. */
static int
find_name(const char *word, const char *(*name_of)(unsigned int), unsigned int max)
{
	for (unsigned int i = 0; i <= max; i++)
		if (strcasecmp(word, name_of(i)) == 0)
			return (int)i;
	return -1;
}

static int
parse_status(const char *word, struct dad_inject_rule *rule, char *why, size_t size)
{
	char *end;
	long status = strtol(word, &end, 10);

	if (strcasecmp(word, "enospc") == 0) {
		rule->status = DAD_INJECT_NO_ROOM;
		return 0;
	}
	if (!isdigit((unsigned char)word[0]) || *end != '\0')
		status = find_name(word, dad_stat_code_name, STATUS_MAX);
	if (status <= 0 || status > STATUS_MAX)
		return wrong(why, size, "status", word, VALID_STATUSES);
	rule->status = (uint8_t)status;
	return 0;
}

/* More than the longest list has. */
#define BYTES_MAX (UINT64_C(1) << 40)

/* A number from low to high, perhaps with K, M, G, T. */
static int
parse_number(const char *key, const char *value, uint64_t low, uint64_t high, uint64_t *number,
	char *why, size_t size)
{
	char valid[64];

	if (dad_parse_bytes(value, number) && *number >= low && *number <= high)
		return 0;
	snprintf(valid, sizeof(valid), "%llu to %llu", (unsigned long long)low,
		(unsigned long long)high);
	return wrong(why, size, key, value, valid);
}

static int
parse_key(const char *word, const char *value, struct dad_inject_rule *rule,
	const struct dad_vchan *vchan, char *why, size_t size)
{
	static const char *const keys[] = {"every", "count", "min", "max", "vchan", "op"};
	enum { EVERY, COUNT, MIN, MAX, VCHAN, OP };
	const int key = find_word(word, keys, RTE_DIM(keys));
	uint64_t n = 0;
	int ret;

	switch (key) {
	case EVERY:
		return parse_number(keys[key], value, 1, UINT64_MAX, &rule->every, why, size);
	case COUNT:
		return parse_number(keys[key], value, 1, UINT64_MAX, &rule->count, why, size);
	case MIN:
		return parse_number(keys[key], value, 1, BYTES_MAX, &rule->min, why, size);
	case MAX:
		return parse_number(keys[key], value, 1, BYTES_MAX, &rule->max, why, size);
	case VCHAN:
		ret = parse_number(keys[key], value, 0, DAD_VCHANS_MAX - 1, &n, why, size);
		/* for a check there are no vchans yet */
		rule->vc = vchan != NULL ? &vchan[n] : NULL;
		return ret;
	case OP:
		ret = find_name(value, dad_stat_opcode_name, DAD_STAT_OPCODES - 1);
		if (ret < 0)
			return wrong(why, size, "op", value, "copy, fill, sg");
		rule->opcode = (uint8_t)ret;
		return 0;
	default:
		return wrong(why, size, "key", word, VALID_KEYS);
	}
}

/* One rule; its text is consumed. */
static int
parse_rule(char *text, struct dad_inject_rule *rule, const struct dad_vchan *vchan, char *why,
	size_t size)
{
	*rule = (struct dad_inject_rule){.opcode = DAD_INJECT_ANY_OP,
		.min = 0,
		.max = UINT64_MAX,
		.every = 1,
		.count = UINT64_MAX};
	if (strlen(text) >= sizeof(rule->text))
		return wrong(why, size, "rule", text, "rules of up to 95 characters");
	snprintf(rule->text, sizeof(rule->text), "%s", text);
	int ret = parse_status(strsep(&text, ":"), rule, why, size);

	while (ret == 0 && text != NULL) {
		const char *word = strsep(&text, ":"), *value = strsep(&text, ":");

		ret = parse_key(word, value != NULL ? value : "", rule, vchan, why, size);
	}
	if (ret == 0 && rule->min > rule->max)
		ret = wrong(why, size, "rule", rule->text, "those with min up to max");
	return ret;
}

/* All rules of a list, up to max; how many, or -errno. */
static int
parse_rules(const char *spec, struct dad_inject_rule *rules, unsigned int max,
	const struct dad_vchan *vchan, char *why, size_t size)
{
	char *copy = strdup(spec), *rest = copy;
	unsigned int n = 0;
	int ret = 0;

	if (copy == NULL)
		return -ENOMEM;
	while (ret == 0 && rest != NULL) {
		if (n == max) {
			snprintf(why, size, "there can be no more than %d rules",
				DAD_INJECT_RULES_MAX);
			ret = -ENOSPC;
			break;
		}
		ret = parse_rule(strsep(&rest, "+"), &rules[n++], vchan, why, size);
	}
	free(copy);
	return ret != 0 ? ret : (int)n;
}

int
dad_inject_check(const char *spec, char *why, size_t size)
{
	struct dad_inject_rule rules[DAD_INJECT_RULES_MAX];
	int n = parse_rules(spec, rules, RTE_DIM(rules), NULL, why, size);

	return n < 0 ? n : 0;
}

/* ---- sets of rules ------------------------------------------------------------------------ */

/* Workers see the new set, or still the old one. */
static void
replace(struct dad_inject *in, struct dad_inject_set *set)
{
	/* I1: pairs with the acquire in dad_inject_rules(): the rules are written */
	__atomic_store_n(&in->set, set, __ATOMIC_RELEASE);
}

static struct dad_inject_rule *
keep_rule(struct dad_inject *in, const struct dad_inject_rule *rule)
{
	struct dad_inject_rule *kept = rte_malloc("dad_inject", sizeof(*kept), 0);

	if (kept == NULL)
		return NULL;
	*kept = *rule;
	kept->older = in->rules;
	in->rules = kept;
	return kept;
}

int
dad_inject_add(struct dad_inject *in, const struct dad_vchan *vchan, const char *spec, char *why,
	size_t size)
{
	const unsigned int before = in->set != NULL ? in->set->n : 0;
	struct dad_inject_rule rules[DAD_INJECT_RULES_MAX];
	int n = parse_rules(spec, rules, DAD_INJECT_RULES_MAX - before, vchan, why, size);

	if (n < 0)
		return n;
	struct dad_inject_set *set = rte_zmalloc("dad_inject", sizeof(*set), 0);
	if (set == NULL)
		goto no_memory;
	if (in->set != NULL)
		memcpy(set->rule, in->set->rule, sizeof(set->rule));
	set->n = before;
	set->older = in->sets;
	in->sets = set;
	for (int i = 0; i < n; i++)
		if ((set->rule[set->n++] = keep_rule(in, &rules[i])) == NULL)
			goto no_memory;
	replace(in, set);
	return 0;

no_memory:
	snprintf(why, size, "EAL has no memory");
	return -ENOMEM;
}

void
dad_inject_clear(struct dad_inject *in)
{
	replace(in, NULL);
}

void
dad_inject_close(struct dad_inject *in)
{
	in->set = NULL;
	while (in->sets != NULL) {
		struct dad_inject_set *set = in->sets;

		in->sets = set->older;
		rte_free(set);
	}
	while (in->rules != NULL) {
		struct dad_inject_rule *rule = in->rules;

		in->rules = rule->older;
		rte_free(rule);
	}
}

/* ---- operations --------------------------------------------------------------------------- */

static bool
is_about(const struct dad_inject_rule *rule, const struct dad_vchan *vc, unsigned int opcode,
	uint64_t length)
{
	return length >= rule->min && length <= rule->max && (rule->vc == NULL || rule->vc == vc) &&
		(rule->opcode == DAD_INJECT_ANY_OP || rule->opcode == opcode);
}

/* One more that the rule is about: does it fall to it? */
static bool
falls(struct dad_inject_rule *rule)
{
	const uint64_t seen = __atomic_add_fetch(&rule->seen, 1, __ATOMIC_RELAXED);

	return seen % rule->every == 0 && seen / rule->every <= rule->count;
}

uint8_t
dad_inject_status(
	const struct dad_inject_set *set, const struct dad_vchan *vc, const struct dad_desc *desc)
{
	const uint64_t length = dad_lists_bytes(vc, desc);
	uint8_t status = 0;

	for (unsigned int i = 0; i < set->n; i++) {
		struct dad_inject_rule *rule = set->rule[i];

		if (rule->status != DAD_INJECT_NO_ROOM &&
			is_about(rule, vc, desc->opcode & DAD_OP_MASK, length) && falls(rule) &&
			status == 0)
			status = rule->status;
	}
	return status;
}

bool
dad_inject_has_refusals(const struct dad_inject *in)
{
	const struct dad_inject_set *set = in->set;

	for (unsigned int i = 0; set != NULL && i < set->n; i++)
		if (set->rule[i]->status == DAD_INJECT_NO_ROOM)
			return true;
	return false;
}

static bool
may_refuse(const struct dad_inject_rule *rule, const struct dad_vchan *vc, unsigned int opcode,
	uint64_t length)
{
	return rule->status == DAD_INJECT_NO_ROOM && is_about(rule, vc, opcode, length);
}

bool
dad_inject_refuses(const struct dad_inject_set *set, const struct dad_vchan *vc,
	unsigned int opcode, uint64_t length)
{
	bool refused = false;

	for (unsigned int i = 0; i < set->n; i++)
		if (may_refuse(set->rule[i], vc, opcode, length))
			refused |= falls(set->rule[i]);
	return refused;
}

void
dad_inject_take_back(const struct dad_inject_set *set, const struct dad_vchan *vc,
	unsigned int opcode, uint64_t length)
{
	for (unsigned int i = 0; i < set->n; i++)
		if (may_refuse(set->rule[i], vc, opcode, length))
			__atomic_fetch_sub(&set->rule[i]->seen, 1, __ATOMIC_RELAXED);
}

uint64_t
dad_inject_failed(const struct dad_inject_rule *rule)
{
	return RTE_MIN(__atomic_load_n(&rule->seen, __ATOMIC_RELAXED) / rule->every, rule->count);
}
