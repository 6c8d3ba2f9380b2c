/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "dma_internal.h"

/* Who has to know when memory goes, beside the tables. */

struct watch {
	TAILQ_ENTRY(watch) next;
	dad_dma_left_t left;
	void *arg;
	unsigned int times; /* it was asked for */
};

static struct watch *
find(const struct dad_dma_domain *domain, dad_dma_left_t left, const void *arg)
{
	struct watch *w;

	TAILQ_FOREACH (w, &domain->watches, next)
		if (w->left == left && w->arg == arg)
			return w;
	return NULL;
}

int
dad_dma_domain_watch(struct dad_dma_domain *domain, dad_dma_left_t left, void *arg)
{
	int ret = 0;

	pthread_mutex_lock(&domain->watch_lock);
	struct watch *w = find(domain, left, arg);

	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w != NULL) {
			w->left = left;
			w->arg = arg;
			TAILQ_INSERT_TAIL(&domain->watches, w, next);
		}
	}
	if (w != NULL)
		w->times++;
	else
		ret = -ENOMEM;
	pthread_mutex_unlock(&domain->watch_lock);
	return ret;
}

void
dad_dma_domain_unwatch(struct dad_dma_domain *domain, dad_dma_left_t left, void *arg)
{
	pthread_mutex_lock(&domain->watch_lock);
	struct watch *w = find(domain, left, arg);

	if (w != NULL && --w->times == 0) {
		TAILQ_REMOVE(&domain->watches, w, next);
		free(w);
	}
	pthread_mutex_unlock(&domain->watch_lock);
}

void
watch_tell(struct dad_dma_domain *domain, uint64_t va, uint64_t len)
{
	const struct watch *w;

	pthread_mutex_lock(&domain->watch_lock);
	TAILQ_FOREACH (w, &domain->watches, next)
		w->left(w->arg, (const void *)(uintptr_t)va, len);
	pthread_mutex_unlock(&domain->watch_lock);
}
