/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that use rings with DAD_RING_OWNERS: who they are, and their places in each ring. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring_noted.h"

/*
 * An id is the thread id (22 bits: what Linux allows at most) and the time of its start in ticks
 * since boot (42 bits: more than a thousand years), which tells it from a later thread of the same
 * number.
 */
#define START_BITS 42
#define START_MASK ((UINT64_C(1) << START_BITS) - 1)

/* When was it started? 0, -ENOENT (there is no such thread), or another error. */
static int
start_of(pid_t tid, uint64_t *start)
{
	char path[32], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t len = read(fd, text, sizeof(text) - 1);
	int error = errno;
	close(fd);
	if (len <= 0)
		return len < 0 ? (error == ESRCH ? -ENOENT : -error) : -ENOENT;
	text[len] = '\0';

	/* See proc(5): the second field, in parentheses, is a name with anything in it; the third
	 * is the state, a letter; the 22nd is what we look for. */
	const char *field = strrchr(text, ')');
	if (field == NULL || field[1] == '\0')
		return -EIO;
	if (field[2] == 'Z' || field[2] == 'X') /* dead, and not yet buried */
		return -ENOENT;
	for (int i = 2; i < 22; i++) {
		field = strchr(field + 1, ' ');
		if (field == NULL)
			return -EIO;
	}
	*start = strtoull(field + 1, NULL, 10);
	return 0;
}

/* ---- the calling thread ----------------------------------------------------------------- */

/* Rings that a thread uses by turns without looking for its place again. */
#define PLACES 8

static __thread struct {
	uint64_t id;
	struct {
		const struct dad_ring *ring;
		struct ring_owner *owner;
	} place[PLACES];
} self;

/* The child of fork() is another thread than its parent was. */
static void
forget_self(void)
{
	memset(&self, 0, sizeof(self));
}

RTE_INIT(ring_owner_begin)
{
	pthread_atfork(NULL, NULL, forget_self);
}

uint64_t
ring_owner_self(void)
{
	if (unlikely(self.id == 0)) {
		pid_t tid = (pid_t)syscall(SYS_gettid);
		uint64_t start;

		if (start_of(tid, &start) == 0)
			self.id = (uint64_t)tid << START_BITS | (start & START_MASK);
	}
	return self.id;
}

bool
ring_owner_is_dead(uint64_t id)
{
	uint64_t start;
	int ret = start_of((pid_t)(id >> START_BITS), &start);

	/* When in doubt it lives. */
	return ret == -ENOENT || (ret == 0 && (start & START_MASK) != (id & START_MASK));
}

static bool
holds_nothing(const struct ring_owner *owner)
{
	for (unsigned int i = 0; i < RING_OWNER_SPANS; i++)
		/* I: acquire */
		if (__atomic_load_n(&owner->intent[i].length, __ATOMIC_ACQUIRE) != 0)
			return false;
	return true;
}

/* A place of our own: a free one, or that of a thread that died with nothing in its hands. */
static struct ring_owner *
register_self(struct ring_owners *owners, uint64_t id)
{
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < RING_OWNERS; i++) {
			struct ring_owner *owner = &owners->owner[i];
			uint64_t old = __atomic_load_n(&owner->id, __ATOMIC_RELAXED);

			if (pass == 0 ? old != 0
				      : !ring_owner_is_dead(old) || !holds_nothing(owner))
				continue;
			/* I: release; the id is there before what it intends */
			if (__atomic_compare_exchange_n(&owner->id, &old, id, false,
				    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				return owner;
		}
	}
	return NULL;
}

static struct ring_owner *
find_place(struct dad_ring *r)
{
	struct ring_owners *owners = ring_owners(r);
	const uint64_t id = ring_owner_self();
	struct ring_owner *owner = NULL;

	if (id == 0)
		return NULL;
	for (unsigned int i = 0; i < RING_OWNERS && owner == NULL; i++)
		if (__atomic_load_n(&owners->owner[i].id, __ATOMIC_RELAXED) == id)
			owner = &owners->owner[i];
	if (owner == NULL)
		owner = register_self(owners, id);
	if (owner != NULL) {
		unsigned int place = (unsigned int)((uintptr_t)r / DAD_RING_ALIGN % PLACES);

		self.place[place].ring = r;
		self.place[place].owner = owner;
	}
	return owner;
}

struct ring_intent *
ring_owner_intent(struct dad_ring *r)
{
	unsigned int place = (unsigned int)((uintptr_t)r / DAD_RING_ALIGN % PLACES);
	struct ring_owner *owner = self.place[place].owner;

	/* The ring may be another one by now, at the same address: its table tells. */
	if (unlikely(self.place[place].ring != r ||
		    __atomic_load_n(&owner->id, __ATOMIC_RELAXED) != self.id)) {
		owner = find_place(r);
		if (owner == NULL)
			return NULL;
	}
	for (unsigned int i = 0; i < RING_OWNER_SPANS; i++)
		/* Acquire: another thread of ours may have committed that span. */
		if (__atomic_load_n(&owner->intent[i].length, __ATOMIC_ACQUIRE) == 0)
			return &owner->intent[i];
	return NULL;
}
