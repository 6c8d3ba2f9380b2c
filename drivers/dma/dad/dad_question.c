/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_string_fns.h>

#include "dad_internal.h"
#include "dad_question.h"

#define TEXT RTE_TEL_MAX_STRING_LEN

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dad_dev *devices[DAD_EXEC_DEVS_MAX]; /* by dmadev id */

void
dad_devices_lock(void)
{
	pthread_mutex_lock(&lock);
}

void
dad_devices_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void
dad_devices_add(struct dad_dev *d)
{
	dad_devices_lock();
	devices[d->dev_id] = d;
	dad_devices_unlock();
}

struct dad_dev *
dad_devices_find(uint16_t dev_id)
{
	return dev_id < RTE_DIM(devices) ? devices[dev_id] : NULL;
}

void
dad_devices_remove(uint16_t dev_id)
{
	dad_devices_lock();
	devices[dev_id] = NULL;
	dad_devices_unlock();
}

/* ---- what is asked --------------------------------------------------------------------------- */

void
dad_question_clean(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		if (!isprint((unsigned char)*c) || *c == '"' || *c == '\\')
			*c = '?';
}

/* What is wrong, and what would be right. Bytes of the question may be anything. */
int
dad_question_wrong(struct dad_question *q, const char *what, const char *given, const char *valid)
{
	char text[TEXT];

	snprintf(text, sizeof(text), "%s%s%.40s%s", what, given[0] != '\0' ? " '" : "", given,
		given[0] != '\0' ? "'" : "");
	dad_question_clean(text);
	rte_tel_data_start_dict(q->answer);
	rte_tel_data_add_dict_string(q->answer, "error", text);
	rte_tel_data_add_dict_string(q->answer, "valid", valid);
	return -EINVAL;
}

static int
wrong_device(struct dad_question *q, const char *given)
{
	char names[TEXT] = "";

	for (unsigned int i = 0; i < RTE_DIM(devices); i++) {
		if (devices[i] == NULL)
			continue;
		if (names[0] != '\0')
			rte_strlcat(names, ", ", sizeof(names));
		rte_strlcat(names, devices[i]->name, sizeof(names));
	}
	return dad_question_wrong(q, given[0] != '\0' ? "no device" : "no device is named", given,
		names[0] != '\0' ? names : "none: there is no device");
}

static int
wrong_vchan(struct dad_question *q, const char *given)
{
	char valid[TEXT];

	if (q->dev->nb_vchans == 0)
		snprintf(valid, sizeof(valid), "none: the device is not configured");
	else
		snprintf(valid, sizeof(valid), "0 to %u", q->dev->nb_vchans - 1u);
	return dad_question_wrong(
		q, given[0] != '\0' ? "no vchan" : "no vchan is named", given, valid);
}

static struct dad_dev *
find_device(const char *name)
{
	char *end;
	unsigned long id = strtoul(name, &end, 10);

	if (isdigit((unsigned char)name[0]) && *end == '\0')
		return id < RTE_DIM(devices) ? devices[id] : NULL;
	for (unsigned int i = 0; i < RTE_DIM(devices); i++)
		if (devices[i] != NULL && strcmp(devices[i]->name, name) == 0)
			return devices[i];
	return NULL;
}

/* Each part that the command may have; 0, or -EINVAL with the answer given. */
static int
take_apart(struct dad_question *q, const char *params, unsigned int asks)
{
	char text[DAD_QUESTION_MAX], *part[3] = {"", "", ""}, *next = text;
	unsigned int n = 0;

	q->vchan = DAD_QUESTION_NO_VCHAN;
	q->word[0] = '\0';
	if (params != NULL && strlen(params) >= sizeof(text))
		return dad_question_wrong(q, "too long", params, "up to 511 characters");
	snprintf(text, sizeof(text), "%s", params != NULL ? params : "");
	while (next != NULL && n < (asks & DAD_QUESTION_MAY_REST ? 1 : RTE_DIM(part)))
		part[n++] = strsep(&next, ",");
	q->dev = find_device(part[0]);
	if (q->dev == NULL)
		return wrong_device(q, part[0]);
	if (asks & DAD_QUESTION_MAY_REST) {
		snprintf(q->word, sizeof(q->word), "%s", next != NULL ? next : "");
		return 0;
	}
	if (next != NULL)
		return dad_question_wrong(q, "too many parameters at", next, "device, vchan, word");

	const char *word = part[2];
	if (part[2][0] == '\0' && isalpha((unsigned char)part[1][0])) {
		word = part[1];
	} else if (n > 1) {
		char *end;
		unsigned long v = strtoul(part[1], &end, 10);

		if (!isdigit((unsigned char)part[1][0]) || *end != '\0' || v >= q->dev->nb_vchans)
			return wrong_vchan(q, part[1]);
		q->vchan = (int)v;
	}
	snprintf(q->word, sizeof(q->word), "%s", word);
	return 0;
}

int
dad_question_answer(const char *params, struct rte_tel_data *d, unsigned int asks,
	void (*fn)(struct dad_question *))
{
	struct dad_question q = {.answer = d};

	dad_devices_lock();
	int ret = take_apart(&q, params, asks);
	if (ret == 0 && q.word[0] != '\0' &&
		!(asks & (DAD_QUESTION_MAY_WORD | DAD_QUESTION_MAY_REST)))
		ret = dad_question_wrong(&q, "unknown parameter", q.word,
			asks == 0 ? "a device alone" : "a device and a vchan");
	if (ret == 0 && q.vchan != DAD_QUESTION_NO_VCHAN &&
		!(asks & (DAD_QUESTION_MAY_VCHAN | DAD_QUESTION_MUST_VCHAN)))
		ret = dad_question_wrong(&q, "a vchan is of no use here", "", "a device alone");
	if (ret == 0 && q.vchan == DAD_QUESTION_NO_VCHAN && (asks & DAD_QUESTION_MUST_VCHAN))
		ret = wrong_vchan(&q, "");
	if (ret == 0)
		fn(&q);
	dad_devices_unlock();
	return 0; /* what is wrong was said; an error would be answered by null */
}
void
dad_devices_walk(void (*fn)(const struct dad_dev *d, void *arg), void *arg)
{
	dad_devices_lock();
	for (unsigned int i = 0; i < RTE_DIM(devices); i++)
		if (devices[i] != NULL)
			fn(devices[i], arg);
	dad_devices_unlock();
}

unsigned int
dad_question_first(const struct dad_question *q)
{
	return q->vchan == DAD_QUESTION_NO_VCHAN ? 0 : (unsigned int)q->vchan;
}

unsigned int
dad_question_end(const struct dad_question *q)
{
	return q->vchan == DAD_QUESTION_NO_VCHAN ? q->dev->nb_vchans : (unsigned int)q->vchan + 1;
}

void
dad_question_xstats(const struct dad_question *q, uint64_t *values)
{
	memset(values, 0, DAD_XSTAT_MAX * sizeof(*values));
	for (unsigned int v = dad_question_first(q); v < dad_question_end(q); v++)
		dad_stat_get(&q->dev->vchan[v], values);
}
