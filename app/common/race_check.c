/* SPDX-License-Identifier: BSD-3-Clause */

/* Part of each unit test of a build with -fsanitize=thread: what the checker has to be told about
 * EAL, which was built without it; and which tests of the program are run, as the checker makes all
 * of them ten times as slow and only those with threads can tell anything. */

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_memzone.h>
#include <rte_service.h>
#include <rte_service_component.h>

#define PAGE 4096u

void __tsan_acquire(void *where);
void __tsan_release(void *where);
const char *__tsan_default_suppressions(void);
const char *__tsan_default_options(void);

/* The checker sees what functions of the C library do, also for a library that it does not see:
 * - EAL clears memory (memset) and maps it (mmap) under the locks of its heap;
 * - telemetry frees a client's answer in a thread, and the next thread gets the memory.
 * Two races are meant:
 * - dad_vchan_tail() asks from elsewhere for a cursor whose owner writes it as a plain word, since
 *   GCC makes an enqueue two instructions longer for an atomic store;
 * - the pointers by which applications enqueue change while they do, and DPDK reads them as plain
 *   words (dad_fast_path.h: each of them is right at any time). */
const char *
__tsan_default_suppressions(void)
{
	return "called_from_lib:librte_eal.so\n"
	       "called_from_lib:librte_telemetry.so\n"
	       "race_top:^peek$\n"
	       "race:^dad_fast_path_set$\n";
}

/* A test that is to fail shall not go on for minutes. */
const char *
__tsan_default_options(void)
{
	return "halt_on_error=1 second_deadlock_stack=1 history_size=4";
}

static __attribute__((constructor)) void
choose_tests(void)
{
	const char *pattern = getenv("DAD_TEST_ONLY");

	if (pattern != NULL)
		cmocka_set_test_filter(pattern);
}

/* ---- EAL's heap
 * ------------------------------------------------------------------------------
 * What one thread frees another one may get: the heap's lock, unseen, orders what they do with it.
 * The checker is told so page by page, and of nothing else that the lock orders. */

static void
comes(char *p, size_t size)
{
	for (size_t at = 0; p != NULL && at < size; at += PAGE)
		__tsan_acquire(RTE_PTR_ALIGN_FLOOR(p + at, PAGE));
	if (p != NULL && size > 0)
		__tsan_acquire(RTE_PTR_ALIGN_FLOOR(p + size - 1, PAGE));
}

static void
goes(char *p, size_t size)
{
	for (size_t at = 0; p != NULL && at < size; at += PAGE)
		__tsan_release(RTE_PTR_ALIGN_FLOOR(p + at, PAGE));
	if (p != NULL && size > 0)
		__tsan_release(RTE_PTR_ALIGN_FLOOR(p + size - 1, PAGE));
}

/* The function of EAL that one here stands in front of. */
#define EAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void *
rte_malloc(const char *type, size_t size, unsigned int align)
{
	void *p = EAL(rte_malloc)(type, size, align);

	comes(p, size);
	return p;
}

void *
rte_zmalloc(const char *type, size_t size, unsigned int align)
{
	void *p = EAL(rte_zmalloc)(type, size, align);

	comes(p, size);
	return p;
}

void *
rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	void *p = EAL(rte_zmalloc_socket)(type, size, align, socket);

	comes(p, size);
	return p;
}

void
rte_free(void *p)
{
	size_t size = 0;

	if (p != NULL && rte_malloc_validate(p, &size) == 0)
		goes(p, size);
	EAL(rte_free)(p);
}

const struct rte_memzone *
rte_memzone_reserve_aligned(
	const char *name, size_t size, int socket, unsigned int flags, unsigned int align)
{
	const struct rte_memzone *zone =
		EAL(rte_memzone_reserve_aligned)(name, size, socket, flags, align);

	if (zone != NULL)
		comes(zone->addr, zone->len);
	return zone;
}

int
rte_memzone_free(const struct rte_memzone *zone)
{
	if (zone != NULL)
		goes(zone->addr, zone->len);
	return EAL(rte_memzone_free)(zone);
}

/* ---- EAL's service cores ---------------------------------------------------------------------
 * A core sees what was done before the service might run, and who was told that it is not active
 * any more sees all that it did: EAL's own words, unseen, order that. */

static struct service {
	rte_service_func callback;
	void *userdata;
} services[64], *service_of[64];

static int32_t
run_service(void *arg)
{
	struct service *s = arg;

	__tsan_acquire(&s->userdata);
	const int32_t ret = s->callback(s->userdata);
	__tsan_release(s);
	return ret;
}

int
rte_service_component_register(const struct rte_service_spec *spec, uint32_t *id)
{
	static unsigned int n;
	struct service *s = &services[n++ % RTE_DIM(services)];
	struct rte_service_spec ours = *spec;

	*s = (struct service){.callback = spec->callback, .userdata = spec->callback_userdata};
	ours.callback = run_service;
	ours.callback_userdata = s;
	const int ret = EAL(rte_service_component_register)(&ours, id);
	if (ret == 0)
		service_of[*id] = s;
	return ret;
}

int32_t
rte_service_component_runstate_set(uint32_t id, uint32_t runstate)
{
	__tsan_release(&service_of[id]->userdata);
	return EAL(rte_service_component_runstate_set)(id, runstate);
}

int32_t
rte_service_may_be_active(uint32_t id)
{
	const int32_t ret = EAL(rte_service_may_be_active)(id);

	if (ret == 0)
		__tsan_acquire(service_of[id]);
	return ret;
}
