/* SPDX-License-Identifier: BSD-3-Clause */
#include <time.h>

#include "lane.h"
#include "ticker.h"

static void *
run(void *arg)
{
	struct ticker *t = arg;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&t->lock);
	while (t->period_s != 0) {
		next.tv_sec += t->period_s;
		while (t->period_s != 0 && pthread_cond_timedwait(&t->wake, &t->lock, &next) == 0)
			;
		if (t->period_s != 0)
			t->tick(t->arg);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

int
ticker_begin(struct ticker *t, uint32_t period_s, void (*tick)(void *arg), void *arg)
{
	pthread_condattr_t attr;
	int ret;

	t->period_s = period_s;
	t->tick = tick;
	t->arg = arg;
	if (period_s == 0)
		return 0;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &attr);
	pthread_condattr_destroy(&attr);
	ret = quiet_thread(&t->thread, run, t);
	if (ret != 0)
		t->period_s = 0;
	return ret;
}

void
ticker_end(struct ticker *t)
{
	if (t->period_s == 0)
		return;
	pthread_mutex_lock(&t->lock);
	t->period_s = 0;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
}
