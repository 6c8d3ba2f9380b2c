/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DAD_QUESTION_H
#define DAD_QUESTION_H

/*
 * The devices of this process, and questions about them: what a telemetry command gets, taken
 * apart and checked.
 *
 * The commands run in a thread of EAL's. They hold a lock, and whoever changes the shape of a
 * device (its vchans, its workers, whether it is there) takes it, too. In a secondary process they
 * follow no pointer of the primary's.
 */

#include <stdint.h>

#include <rte_telemetry.h>

struct dad_dev;

/* A device is there; and will soon be gone. */
void dad_devices_add(struct dad_dev *d);
void dad_devices_remove(uint16_t dev_id);

void dad_devices_lock(void);
void dad_devices_unlock(void);

/* NULL: there is none. Under the lock, and good as long as that is held. */
struct dad_dev *dad_devices_find(uint16_t dev_id);

/* Each device, under the lock. */
void dad_devices_walk(void (*fn)(const struct dad_dev *d, void *arg), void *arg);

#define DAD_QUESTION_NO_VCHAN -1

#define DAD_QUESTION_MAX 512 /* characters of the parameters, and one more */

/* "<device>[,<vchan>][,<word>]": the device by its name or its dmadev id. */
struct dad_question {
	struct dad_dev *dev;
	int vchan;
	char word[DAD_QUESTION_MAX];
	struct rte_tel_data *answer;
};

/* What it may, or must, name beside the device. */
enum dad_question_asks {
	DAD_QUESTION_MAY_VCHAN = 1,
	DAD_QUESTION_MUST_VCHAN = 2,
	DAD_QUESTION_MAY_WORD = 4,
	DAD_QUESTION_MAY_REST = 8, /* a word that is all the rest */
};

/* Have fn answer a question, under the lock, if it is a good one; else say what is wrong with it,
 * and what would be right. What a telemetry command returns. */
int dad_question_answer(const char *params, struct rte_tel_data *d, unsigned int asks,
	void (*fn)(struct dad_question *));

/* The vchans that are meant: one, or all. */
unsigned int dad_question_first(const struct dad_question *q);
unsigned int dad_question_end(const struct dad_question *q);

/* Their counters, added up: DAD_XSTAT_MAX of them. */
void dad_question_xstats(const struct dad_question *q, uint64_t *values);

/* Answer: what is wrong, given so; and what is valid. Always -EINVAL. Bytes of what was given may
 * be anything. */
int dad_question_wrong(
	struct dad_question *q, const char *what, const char *given, const char *valid);

/* Nothing stays that would break an answer. */
void dad_question_clean(char *text);

#endif /* DAD_QUESTION_H */
