/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include "buffers.h"
#include "clamp.h"
#include "file.h"
#include "interrupt.h"
#include "op.h"
#include "pattern.h"

#define DEFAULT_PIECE  (256u << 10)
#define MEMORY	       (32u << 20)
#define SAMPLE	       16
#define PROGRESS_PER_S 5
#define MAX_VCHANS     CONFIG_MAX_VCHANS

struct copy {
	const struct config *config;
	struct device *dev;
	int in, out;
	uint64_t in_size; /* 0: not known */
	uint32_t piece;
	uint32_t slots;
	struct buffers *src, *dst;
	uint32_t length[MEMORY / 2 / 4096]; /* of the piece in each slot */
	uint64_t head, tail;		    /* pieces given to the device, and written */
	uint64_t done[MAX_VCHANS];	    /* pieces that each vchan has finished */
	uint32_t vchans;		    /* piece n goes through vchan n % vchans */
	bool held;			    /* the piece at head is read, the ring was full */
	bool end;			    /* of the input */
	uint64_t written;		    /* bytes */
	uint64_t checked;
	uint64_t start_tsc, progress_tsc, shown_tsc;
	bool progress; /* there is a terminal to show it on */
};

static int
open_files(struct copy *k)
{
	const char *input = k->config->input, *output = k->config->output;
	struct stat in, out;

	k->in = open(input, O_RDONLY | O_CLOEXEC);
	if (k->in < 0 || fstat(k->in, &in) != 0) {
		fprintf(stderr, "input '%s' cannot be opened: %s\n", input, strerror(errno));
		return 1;
	}
	if (S_ISDIR(in.st_mode)) {
		fprintf(stderr, "input '%s' is a directory\n", input);
		return 1;
	}
	/* truncated only when it is known to be another file */
	k->out = open(output, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (k->out < 0 || fstat(k->out, &out) != 0) {
		fprintf(stderr, "output '%s' cannot be opened: %s\n", output, strerror(errno));
		return 1;
	}
	if (S_ISREG(in.st_mode) && in.st_dev == out.st_dev && in.st_ino == out.st_ino) {
		fprintf(stderr, "output '%s' is the same file as input '%s'\n", output, input);
		return 2;
	}
	if (S_ISREG(out.st_mode) && ftruncate(k->out, 0) != 0) {
		fprintf(stderr, "output '%s' cannot be truncated: %s\n", output, strerror(errno));
		return 1;
	}
	k->in_size = S_ISREG(in.st_mode) ? (uint64_t)in.st_size : 0;
	return 0;
}

/* @return bytes, fewer than wanted only at the end of the file; -1 with errno */
static ssize_t
read_all(int fd, uint8_t *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, buf + done, size - done);

		if (n < 0 && errno == EINTR && !interrupted())
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

static int
write_all(int fd, const uint8_t *buf, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, buf, size);

		if (n < 0 && errno == EINTR && !interrupted())
			continue;
		if (n < 0)
			return -1;
		buf += n;
		size -= n;
	}
	return 0;
}

static bool
is_checked(const struct copy *k, uint64_t number)
{
	return k->config->verify == VERIFY_FULL ||
		(k->config->verify == VERIFY_SAMPLE && number % SAMPLE == 0);
}

/* Every byte of the destination wrong, whatever the file has. */
static void
spoil(uint8_t *dst, const uint8_t *src, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		dst[i] = ~src[i];
}

/* Read the piece at head. @return 0 or -errno */
static int
read_piece(struct copy *k)
{
	uint32_t i = k->head % k->slots;
	uint8_t *src = buffers_array(k->src)[i].va;
	ssize_t n;

	buffers_for_cpu(k->src, i);
	n = read_all(k->in, src, k->piece);
	if (n < 0)
		return -errno;
	k->length[i] = n;
	k->end = (size_t)n < k->piece;
	k->held = n > 0;
	if (n > 0 && is_checked(k, k->head)) {
		buffers_for_cpu(k->dst, i);
		spoil(buffers_array(k->dst)[i].va, src, n);
		buffers_for_device(k->dst, i);
	}
	buffers_for_device(k->src, i);
	return 0;
}

/* @return 0, or 1 with a message printed */
static int
enqueue(struct copy *k)
{
	uint32_t n = 0;
	int ret = 0;

	while (n < k->config->batch && k->head - k->tail < k->slots && ret == 0) {
		uint32_t i = k->head % k->slots;

		if (!k->held && !k->end)
			ret = read_piece(k);
		if (ret != 0 && !interrupted()) {
			fprintf(stderr, "input '%s' cannot be read: %s\n", k->config->input,
				strerror(-ret));
			return 1;
		}
		if (ret != 0 || !k->held)
			break;
		if (k->head == k->tail)
			k->progress_tsc = rte_rdtsc();
		ret = rte_dma_copy(k->dev->id, k->head % k->vchans, buffers_array(k->src)[i].addr,
			buffers_array(k->dst)[i].addr, k->length[i], 0);
		if (ret >= 0) {
			k->held = false;
			k->head++;
			n++;
			ret = 0;
		} else if (ret != -ENOSPC) {
			fprintf(stderr, "%s refused an operation at offset %" PRIu64 ": %s\n",
				k->dev->name, k->head * k->piece, strerror(-ret));
			return 1;
		}
	}
	for (uint32_t v = 0; n > 0 && v < k->vchans; v++)
		rte_dma_submit(k->dev->id, v);
	return 0;
}

static bool
check_piece(struct copy *k, uint32_t i)
{
	const uint8_t *src = buffers_array(k->src)[i].va, *dst = buffers_array(k->dst)[i].va;
	uint64_t offset = k->tail * k->piece;
	struct mismatch m;
	uint32_t at = 0;

	k->checked++;
	if (memcmp(src, dst, k->length[i]) != 0) {
		while (src[at] == dst[at])
			at++;
		fprintf(stderr,
			"miscompare: %s, offset %" PRIu64
			": destination at %p is 0x%02x, and the source has 0x%02x\n",
			k->dev->name, offset + at, (const void *)(dst + at), dst[at], src[at]);
		return false;
	}
	if (!pattern_guard_check(dst, k->piece, &m) || !pattern_guard_check(src, k->piece, &m)) {
		fprintf(stderr,
			"miscompare: %s, offset %" PRIu64
			": guard at %p is 0x%02x, and should be 0x%02x\n",
			k->dev->name, offset, (const void *)m.at, m.found, m.expected);
		return false;
	}
	return true;
}

/* @return 0, or 1 with a message printed */
static int
write_piece(struct copy *k)
{
	uint32_t i = k->tail % k->slots;

	buffers_for_cpu(k->dst, i);
	if (is_checked(k, k->tail) && !check_piece(k, i))
		return 1;
	if (write_all(k->out, buffers_array(k->dst)[i].va, k->length[i]) != 0) {
		if (!interrupted())
			fprintf(stderr, "output '%s' cannot be written: %s\n", k->config->output,
				strerror(errno));
		return 1;
	}
	buffers_for_device(k->dst, i);
	k->written += k->length[i];
	k->tail++;
	return 0;
}

/* Pieces are written in their order, whatever the vchans are at. @return 0, or 1 with a message
 * printed */
static int
write_pieces(struct copy *k)
{
	while (k->tail < k->head && k->done[k->tail % k->vchans] > k->tail / k->vchans) {
		if (write_piece(k) != 0)
			return 1;
	}
	return 0;
}

/* What one vchan has finished. @return how many, or -1 with a message printed */
static int
reap(struct copy *k, uint16_t vchan)
{
	enum rte_dma_status_code status[OP_REAP_BURST];
	bool failed;
	uint16_t n = op_reap(k->dev->id, vchan, status, &failed), good = 0;

	while (good < n && (!failed || status[good] == RTE_DMA_STATUS_SUCCESSFUL))
		good++;
	k->done[vchan] += good;
	if (good == n)
		return n;
	fprintf(stderr, "%s: error at offset %" PRIu64 ": %s (status %d)\n", k->dev->name,
		(k->done[vchan] * k->vchans + vchan) * k->piece, op_status_name(status[good]),
		status[good]);
	return -1;
}

/* @return 0, or 1 with a message printed */
static int
take_back(struct copy *k)
{
	int any = 0, n = 0;

	for (uint32_t v = 0; v < k->vchans && n >= 0; v++) {
		n = reap(k, v);
		any += RTE_MAX(n, 0);
	}
	if (n < 0) {
		write_pieces(k);
		return 1;
	}
	if (any > 0) {
		k->progress_tsc = rte_rdtsc();
		return write_pieces(k);
	}
	if (k->head != k->tail &&
		rte_rdtsc() - k->progress_tsc > k->config->stall_s * rte_get_tsc_hz()) {
		fprintf(stderr, "%s: no completion at offset %" PRIu64 " for %u s\n", k->dev->name,
			k->tail * k->piece, k->config->stall_s);
		return 1;
	}
	return 0;
}

static double
seconds_since(uint64_t tsc)
{
	return (double)(rte_rdtsc() - tsc) / (double)rte_get_tsc_hz();
}

static void
show_progress(struct copy *k, bool last)
{
	double seconds = seconds_since(k->start_tsc);

	if (!k->progress)
		return;
	if (!last && rte_rdtsc() - k->shown_tsc < rte_get_tsc_hz() / PROGRESS_PER_S)
		return;
	k->shown_tsc = rte_rdtsc();
	printf("\r");
	if (k->in_size > 0)
		printf("%3.0f %% ", 100.0 * (double)k->written / (double)k->in_size);
	printf("%" PRIu64 " MiB, %.3f GB/s   %s", k->written >> 20,
		(double)k->written / (seconds > 0 ? seconds : 1) / 1e9, last ? "\n" : "");
	fflush(stdout);
}

/* @return 0, or 1 with a message printed */
static int
move_bytes(struct copy *k)
{
	int ret = 0;

	k->start_tsc = k->shown_tsc = rte_rdtsc();
	while (ret == 0 && !(k->end && !k->held && k->head == k->tail) && !interrupted()) {
		ret = enqueue(k);
		if (ret == 0 && !interrupted())
			ret = take_back(k);
		show_progress(k, false);
	}
	show_progress(k, true);
	if (interrupted()) {
		fprintf(stderr, "interrupted after %" PRIu64 " bytes: '%s' is not complete\n",
			k->written, k->config->output);
		return 1;
	}
	return ret;
}

static void
print_summary(const struct copy *k)
{
	double seconds = seconds_since(k->start_tsc);
	char title[DEVICE_TITLE];

	printf("%" PRIu64 " bytes in %.3f s, %.3f GB/s with reading and writing, through %s\n",
		k->written, seconds, (double)k->written / (seconds > 0 ? seconds : 1) / 1e9,
		device_title(k->dev, title, sizeof(title)));
	printf("%" PRIu64 " operations of up to %u bytes on %u vchan%s, %" PRIu64
	       " checked, no errors\n",
		k->tail, k->piece, k->vchans, k->vchans > 1 ? "s" : "", k->checked);
}

/* @return 0, or 1 with a message printed */
static int
prepare(struct copy *k)
{
	const struct config *c = k->config;

	k->vchans = c->vchans;
	k->piece = c->size_given ? c->size : DEFAULT_PIECE;
	k->slots = clamp(MEMORY / 2 / k->piece, 1, RTE_MIN(RTE_DIM(k->length), (size_t)c->qdepth));
	k->src = buffers_create(
		k->dev->dma, k->slots, k->piece, DAD_DMA_TO_DEVICE, true, k->dev->info.numa_node);
	k->dst = k->src == NULL ? NULL
				: buffers_create(k->dev->dma, k->slots, k->piece,
					  DAD_DMA_FROM_DEVICE, true, k->dev->info.numa_node);
	if (k->dst == NULL) {
		fprintf(stderr, "no %u buffers of %u contiguous bytes: %s\n", 2 * k->slots,
			k->piece, rte_strerror(rte_errno));
		return 1;
	}
	if (device_configure(k->dev, k->vchans, (k->slots + k->vchans - 1) / k->vchans) != 0 ||
		device_start(k->dev) != 0)
		return 1;
	return 0;
}

static struct device *
choose_device(struct devices *devices, const struct config *c, int *exit_code)
{
	struct device *selected[DEVICE_MAX];
	int n = devices_select(devices, c->devices, selected);

	*exit_code = 2;
	if (n < 0)
		return NULL;
	*exit_code = 1;
	if (n == 0)
		fprintf(stderr, "no DMA device to move the file\n");
	for (int i = 0; i < n; i++) {
		if (device_can(selected[i], OP_COPY, RTE_DMA_DIR_MEM_TO_MEM))
			return selected[i];
		fprintf(stderr, "%s cannot copy from memory to memory\n", selected[i]->name);
	}
	return NULL;
}

int
file_transfer(struct devices *devices, const struct config *c)
{
	struct copy k = {.config = c, .in = -1, .out = -1};
	int ret;

	k.dev = choose_device(devices, c, &ret);
	if (k.dev == NULL)
		return ret;
	k.progress = isatty(STDOUT_FILENO);
	ret = open_files(&k);
	if (ret == 0)
		ret = prepare(&k);
	if (ret == 0)
		ret = move_bytes(&k);
	/* before the memory goes: nobody can write to it after this */
	if (device_stop(k.dev) != 0)
		ret = 1;
	buffers_free(k.src);
	buffers_free(k.dst);
	if (k.in >= 0)
		close(k.in);
	if (k.out >= 0 && close(k.out) != 0 && ret == 0) {
		fprintf(stderr, "output '%s' cannot be written: %s\n", c->output, strerror(errno));
		ret = 1;
	}
	if (ret == 0)
		print_summary(&k);
	return ret;
}
