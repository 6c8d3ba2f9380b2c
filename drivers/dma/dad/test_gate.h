/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_GATE_H
#define TEST_GATE_H

/*
 * Memory that a thread does not get past while it is shut: whoever touches it stands in the handler
 * of its own SIGSEGV until the gate opens, and goes on as if nothing had been. To the rest of the
 * program such a thread looks as if the scheduler had forgotten it in the middle of a move.
 */

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>

#include "dad_dma_domain.h"
#include "test_device.h"

#define GATE_SIZE 4096u

enum gate {
	GATE_SHUT,
	GATE_OPEN,
	GATE_DEADLY, /* the thread ends there */
};

static uint8_t *gate; /* its page; also its IOVA, whatever the others are */
static enum gate gate_state;
static unsigned int gate_waiting;
static struct dad_dma_domain *gate_domain;

static inline void
gate_let_through(void)
{
	mprotect(gate, GATE_SIZE, PROT_READ | PROT_WRITE);
}

static void
gate_on_fault(int signal_number, siginfo_t *info, void *context)
{
	const struct timespec nap = {.tv_nsec = 1000000};
	const uint8_t *at = info->si_addr;

	(void)context;
	if (at < gate || at >= gate + GATE_SIZE) {
		/* it comes again, and is nobody's */
		signal(signal_number, SIG_DFL);
		return;
	}
	__atomic_fetch_add(&gate_waiting, 1, __ATOMIC_RELEASE);
	/* not for ever, whatever becomes of the test */
	for (unsigned int ms = 0; ms < 30000; ms++) {
		const enum gate state = __atomic_load_n(&gate_state, __ATOMIC_ACQUIRE);

		if (state == GATE_DEADLY)
			pthread_exit(NULL);
		if (state == GATE_OPEN)
			break;
		nanosleep(&nap, NULL);
	}
	gate_let_through();
	__atomic_fetch_sub(&gate_waiting, 1, __ATOMIC_RELEASE);
}

static inline void
gate_shut(void)
{
	const struct sigaction action = {.sa_sigaction = gate_on_fault, .sa_flags = SA_SIGINFO};

	/* in each test: cmocka sets its own before */
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
	gate_state = GATE_SHUT;
	assert_int_equal(mprotect(gate, GATE_SIZE, PROT_NONE), 0);
}

static inline void
gate_become(enum gate state)
{
	__atomic_store_n(&gate_state, state, __ATOMIC_RELEASE);
}

/* Until n threads stand there, ten seconds at most. */
static inline void
gate_await(unsigned int n)
{
	const uint64_t deadline = rte_get_timer_cycles() + 10 * rte_get_timer_hz();

	while (__atomic_load_n(&gate_waiting, __ATOMIC_ACQUIRE) != n) {
		assert_true(rte_get_timer_cycles() < deadline);
		rte_delay_us_sleep(100);
	}
}

static inline rte_iova_t
gate_iova(void)
{
	return (uintptr_t)gate;
}

/* The first thread that ends so has the C library load what it needs for it, which takes memory:
 * not in a handler. */
static void *
gate_end_at_once(void *arg)
{
	(void)arg;
	pthread_exit(NULL);
}

/* Group set-up and tear-down. */
static int
gate_make(void **state)
{
	const bool va = rte_eal_iova_mode() == RTE_IOVA_VA;
	pthread_t thread;

	(void)state;
	test_thread(&thread, gate_end_at_once, NULL);
	pthread_join(thread, NULL);
	gate = mmap(NULL, GATE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	gate_domain = dad_dma_domain_identity();
	if (gate == MAP_FAILED || gate_domain == NULL)
		return -1;
	const dad_dma_addr_t itself = (uintptr_t)gate;
	return dad_dma_mem_register(
		gate_domain, gate, GATE_SIZE, va ? NULL : &itself, va ? 0 : 1, GATE_SIZE);
}

static int
gate_remove(void **state)
{
	(void)state;
	int ret = dad_dma_mem_unregister(gate_domain, gate, GATE_SIZE);

	dad_dma_domain_put(gate_domain);
	munmap(gate, GATE_SIZE);
	return ret;
}

#endif /* TEST_GATE_H */
