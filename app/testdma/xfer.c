/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>

#include "flow.h"
#include "lane.h"
#include "layout.h"
#include "ticker.h"
#include "xfer.h"

#define MAX_FLOWS 256

struct xfer {
	struct devices *devices;
	bool running;
	bool stop; /* lanes: take back what is in flight, and end */
	bool failed;
	struct flow flow[MAX_FLOWS];
	unsigned int nb_flows;
	struct lane lane[RTE_MAX_LCORE];
	unsigned int nb_lanes;
	struct device *dev[DEVICE_MAX];
	unsigned int nb_devs;
	uint64_t start_tsc;
	double seconds; /* of the last transfer, or of this one until now */

	/* over all transfers since they were cleared */
	struct stats total;
	double total_seconds;

	/* when statistics were shown last */
	pthread_mutex_t show_lock;
	uint64_t shown_tsc;
	uint64_t shown_ops, shown_bytes;

	struct ticker ticker; /* shows statistics every so often */
};

struct xfer *
xfer_create(struct devices *devices)
{
	struct xfer *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->devices = devices;
	pthread_mutex_init(&x->show_lock, NULL);
	return x;
}

void
xfer_free(struct xfer *x)
{
	if (x == NULL)
		return;
	if (x->running)
		xfer_stop(x);
	pthread_mutex_destroy(&x->show_lock);
	free(x);
}

static double
seconds_since(uint64_t tsc)
{
	return (double)(rte_rdtsc() - tsc) / (double)rte_get_tsc_hz();
}

/* ---- lanes ------------------------------------------------------------------------------- */

/* What one lcore does. */
static void
run_lane(void *arg, unsigned int lcore)
{
	struct xfer *x = arg;
	bool idle = false;

	while (!idle) {
		/* acquire: pairs with the release in xfer_stop(), which comes before reading */
		bool more = !__atomic_load_n(&x->stop, __ATOMIC_ACQUIRE);

		idle = true;
		for (unsigned int i = 0; i < x->nb_flows; i++) {
			struct flow *f = &x->flow[i];

			if (f->lcore != lcore || f->done)
				continue;
			flow_step(f, more);
			if (!flow_idle(f, more)) {
				idle = false;
				continue;
			}
			f->done_tsc = rte_rdtsc();
			/* release: pairs with the acquire in xfer_finished() */
			__atomic_store_n(&f->done, true, __ATOMIC_RELEASE);
		}
	}
}

/* ---- statistics -------------------------------------------------------------------------- */

/* From the start until now, or until the last vchan was done. */
static double
duration(const struct xfer *x)
{
	uint64_t end = x->start_tsc;

	if (!xfer_finished(x))
		return seconds_since(x->start_tsc);
	for (unsigned int i = 0; i < x->nb_flows; i++)
		end = RTE_MAX(end, x->flow[i].done_tsc);
	return (double)(end - x->start_tsc) / (double)rte_get_tsc_hz();
}

static void
sum_flows(const struct xfer *x, struct stats *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned int i = 0; i < x->nb_flows; i++) {
		struct stats s;

		stats_read(&x->flow[i].stats, &s);
		stats_add(sum, &s);
	}
}

static void
print_flows(const struct xfer *x)
{
	for (unsigned int i = 0; i < x->nb_flows; i++) {
		const struct flow *f = &x->flow[i];
		char title[DEVICE_TITLE];
		struct stats s;

		stats_read(&f->stats, &s);
		printf("%s vchan %u, lcore %u, %s of %u bytes\n",
			device_title(f->slots.dev, title, sizeof(title)), f->slots.vchan, f->lcore,
			op_name(f->slots.op), f->slots.size);
		stats_print(&s, x->seconds, "  ");
	}
}

static void
show_locked(struct xfer *x)
{
	struct stats sum, total;
	double seconds;

	if (x->nb_flows == 0) {
		printf("no transfer so far\n");
		return;
	}
	if (x->running)
		x->seconds = duration(x);
	print_flows(x);
	sum_flows(x, &sum);
	total = x->total;
	seconds = x->total_seconds;
	if (x->running) {
		stats_add(&total, &sum);
		seconds += x->seconds;
	}
	printf("accumulated over all devices and transfers\n");
	stats_print(&total, seconds, "  ");
	if (x->running) {
		printf("since last shown: ");
		stats_print_rate(sum.completed - x->shown_ops, sum.bytes - x->shown_bytes,
			seconds_since(x->shown_tsc));
		printf("\n");
		x->shown_ops = sum.completed;
		x->shown_bytes = sum.bytes;
		x->shown_tsc = rte_rdtsc();
	}
	fflush(stdout);
}

void
xfer_show(struct xfer *x)
{
	pthread_mutex_lock(&x->show_lock);
	show_locked(x);
	pthread_mutex_unlock(&x->show_lock);
}

int
xfer_clear(struct xfer *x)
{
	if (x->running) {
		fprintf(stderr, "a transfer is running: stop first\n");
		return -EBUSY;
	}
	memset(&x->total, 0, sizeof(x->total));
	x->total_seconds = 0;
	x->nb_flows = 0;
	for (unsigned int i = 0; i < x->devices->count; i++) {
		struct device *dev = &x->devices->dev[i];

		if (dev->nb_vchans > 0)
			rte_dma_stats_reset(dev->id, RTE_DMA_ALL_VCHAN);
	}
	return 0;
}

static void
show_tick(void *x)
{
	xfer_show(x);
}

/* ---- start and stop ---------------------------------------------------------------------- */

int
xfer_check_lcores(const char *list)
{
	unsigned int lcore, found = 0;

	for (lcore = 0; lcore < RTE_MAX_LCORE; lcore++) {
		if (!list_has(list, lcore))
			continue;
		if (rte_lcore_is_enabled(lcore)) {
			found++;
			continue;
		}
		if (strcmp(list, "all") == 0)
			continue;
		fprintf(stderr, "bad lcores '%s': %u is none of EAL's lcores, which are", list,
			lcore);
		RTE_LCORE_FOREACH (lcore)
			fprintf(stderr, " %u", lcore);
		fprintf(stderr, "\n");
		return -EINVAL;
	}
	if (found == 0) {
		fprintf(stderr, "bad lcores '%s': none of EAL's lcores\n", list);
		return -EINVAL;
	}
	return 0;
}

static void
add_lane(struct xfer *x, unsigned int lcore)
{
	x->lane[x->nb_lanes++] = (struct lane){.lcore = lcore, .run = run_lane, .arg = x};
}

/* lcores without the main one first: it has the prompt as well. */
static void
choose_lanes(struct xfer *x, const char *list)
{
	unsigned int lcore;

	x->nb_lanes = 0;
	RTE_LCORE_FOREACH_WORKER (lcore) {
		if (list_has(list, lcore) > 0)
			add_lane(x, lcore);
	}
	lcore = rte_get_main_lcore();
	if (list_has(list, lcore) > 0 && (x->nb_lanes == 0 || strcmp(list, "all") != 0))
		add_lane(x, lcore);
}

static int
choose_devices(struct xfer *x, const struct config *c)
{
	int n = devices_select(x->devices, c->devices, x->dev);

	if (n < 0)
		return n;
	if (n == 0) {
		fprintf(stderr, "no DMA device: nothing to start\n");
		return -ENODEV;
	}
	for (int i = 0; i < n; i++) {
		if (!device_can(x->dev[i], c->op, c->direction)) {
			fprintf(stderr, "%s cannot %s %s\n", x->dev[i]->name, op_name(c->op),
				direction_text(c->direction));
			return -ENOTSUP;
		}
	}
	if (c->batch > c->qdepth) {
		fprintf(stderr, "batch %u is larger than qdepth %u\n", c->batch, c->qdepth);
		return -EINVAL;
	}
	x->nb_devs = n;
	return 0;
}

/* The flows of all (lcore, device) pairs, on configured and started devices. */
static int
open_flows(struct xfer *x, const struct config *c)
{
	unsigned int pairs = RTE_MAX(x->nb_lanes, x->nb_devs);
	struct layout layout[DEVICE_MAX];
	int ret = 0;

	x->nb_flows = 0;
	if (pairs * c->vchans > MAX_FLOWS) {
		fprintf(stderr, "%u vchans in all are more than the %u that are supported\n",
			pairs * c->vchans, MAX_FLOWS);
		return -E2BIG;
	}
	for (unsigned int i = 0; i < x->nb_devs && ret == 0; i++) {
		unsigned int lcores = pairs / x->nb_devs + (i < pairs % x->nb_devs);

		ret = layout_make(&layout[i], x->dev[i], c, lcores * c->vchans);
		if (ret == 0)
			ret = device_start(x->dev[i]);
	}
	for (unsigned int i = 0; i < pairs * c->vchans && ret == 0; i++) {
		struct flow *f = &x->flow[x->nb_flows];
		unsigned int pair = i / c->vchans;

		memset(f, 0, sizeof(*f));
		layout_flow(&layout[pair % x->nb_devs],
			pair / x->nb_devs * c->vchans + i % c->vchans, f);
		f->lcore = x->lane[pair % x->nb_lanes].lcore;
		ret = flow_open(f, c);
		if (ret == 0)
			x->nb_flows++;
	}
	return ret;
}

/* Devices first: memory is only unmapped when nobody can write to it any more. */
static int
close_flows(struct xfer *x)
{
	int ret = 0;

	for (unsigned int i = 0; i < x->nb_devs; i++) {
		if (device_stop(x->dev[i]) != 0)
			ret = -EIO;
	}
	for (unsigned int i = 0; i < x->nb_flows; i++)
		flow_close(&x->flow[i]);
	return ret;
}

static void
join_lanes(struct xfer *x)
{
	/* release: pairs with the acquire in run_lane() */
	__atomic_store_n(&x->stop, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < x->nb_lanes; i++)
		lane_join(&x->lane[i]);
}

int
xfer_start(struct xfer *x, const struct config *c)
{
	int ret;

	if (x->running) {
		fprintf(stderr, "a transfer is running: stop first\n");
		return -EBUSY;
	}
	ret = xfer_check_lcores(c->lcores);
	if (ret == 0)
		ret = choose_devices(x, c);
	if (ret != 0)
		return ret;
	choose_lanes(x, c->lcores);
	ret = open_flows(x, c);
	if (ret != 0)
		goto fail;

	x->stop = false;
	x->start_tsc = x->shown_tsc = rte_rdtsc();
	x->shown_ops = x->shown_bytes = 0;
	for (unsigned int i = 0; i < x->nb_lanes && ret == 0; i++)
		ret = lane_launch(&x->lane[i]);
	if (ret != 0) {
		join_lanes(x);
		goto fail;
	}
	x->running = true;
	if (ticker_begin(&x->ticker, c->period_s, show_tick, x) != 0)
		fprintf(stderr, "no thread to print statistics every %u s\n", c->period_s);
	printf("%s of %u bytes on %u vchans of %u devices, by %u lcores", op_name(c->op), c->size,
		x->nb_flows, x->nb_devs, x->nb_lanes);
	if (c->direction != RTE_DMA_DIR_MEM_TO_MEM)
		printf(", %s", direction_text(c->direction));
	printf("\n");
	return 0;

fail:
	close_flows(x);
	x->nb_flows = 0;
	return ret;
}

int
xfer_stop(struct xfer *x)
{
	struct stats sum;
	bool failed;

	if (!x->running) {
		fprintf(stderr, "no transfer is running\n");
		return -EALREADY;
	}
	join_lanes(x);
	ticker_end(&x->ticker);
	x->seconds = duration(x);
	failed = close_flows(x) != 0;
	x->running = false;

	sum_flows(x, &sum);
	stats_add(&x->total, &sum);
	x->total_seconds += x->seconds;
	failed |= sum.given_up > 0 || sum.miscompares > 0;
	for (unsigned int i = 0; i < x->nb_flows; i++)
		failed |= x->flow[i].failed;
	x->failed |= failed;
	xfer_show(x);
	return failed ? -EIO : 0;
}

bool
xfer_running(const struct xfer *x)
{
	return x->running;
}

bool
xfer_finished(const struct xfer *x)
{
	for (unsigned int i = 0; i < x->nb_flows; i++) {
		/* acquire: pairs with the release in run_lane() */
		if (!__atomic_load_n(&x->flow[i].done, __ATOMIC_ACQUIRE))
			return false;
	}
	return true;
}

bool
xfer_failed(const struct xfer *x)
{
	return x->failed;
}
