// SPDX-License-Identifier: GPL-2.0
/*
 * Writes random blocks of a device and tells which writes were acknowledged.
 *
 * Each of --qd threads owns every qd-th block and has one write at a time under
 * way, with O_DIRECT.  On stdout go, a line each,
 *	i BLOCK SEQ		before a write is submitted
 *	a BLOCK SEQ		after it has completed
 *	e BLOCK SEQ ERRNO	after it has failed
 *	s WRITES ERRORS LONGEST_US	at the end
 * gathered for at most two milliseconds.  SEQ goes on from what the device
 * holds and from --base, whichever is higher.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ackblock.h"

#define THREADS		256
#define TEXT_MAX	(1 << 20)

static const char *device;
static uint64_t seed = 1, blocks = 1024, block_size = 4096, offset, base;
static uint64_t limit;			/* writes in all; 0: no limit */
static unsigned int threads = 1, seconds, run = 1, pause_us;
static bool stop_on_error;
static int fd;
static uint64_t *seqs;			/* per block; its thread's own */
static volatile sig_atomic_t stopping;

/* lock protects the counters and the text not yet written out. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static char text[TEXT_MAX];
static size_t text_len;
static uint64_t writes, errors, longest_us, started;
static bool finished;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static void text_write(const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(1, data, len);

		if (n <= 0)
			exit(1);
		data += n;
		len -= n;
	}
}

/* With the lock held. */
static void say(const char *format, ...)
{
	va_list args;

	if (text_len > TEXT_MAX - 128) {
		text_write(text, text_len);
		text_len = 0;
	}
	va_start(args, format);
	text_len += vsnprintf(text + text_len, TEXT_MAX - text_len, format, args);
	va_end(args);
	pthread_cond_signal(&filled);
}

static void *teller(void *arg)
{
	static char out[TEXT_MAX];
	size_t len;

	(void)arg;
	for (;;) {
		pthread_mutex_lock(&lock);
		while (!text_len && !finished)
			pthread_cond_wait(&filled, &lock);
		len = text_len;
		memcpy(out, text, len);
		text_len = 0;
		pthread_mutex_unlock(&lock);
		if (!len)
			return NULL;
		text_write(out, len);
		usleep(2000);
	}
}

static bool may_start(void)
{
	if (stopping || (limit && started >= limit))
		return false;
	started++;
	return true;
}

static bool write_block(unsigned char *data, uint64_t block)
{
	uint64_t seq = ++seqs[block], begun, took;
	ssize_t n;
	int error;

	pthread_mutex_lock(&lock);
	if (!may_start()) {
		pthread_mutex_unlock(&lock);
		return false;
	}
	say("i %llu %llu\n", (unsigned long long)block, (unsigned long long)seq);
	pthread_mutex_unlock(&lock);
	ack_fill(data, block_size, block, seq, run);
	begun = now_us();
	n = pwrite(fd, data, block_size, offset + block * block_size);
	error = n == (ssize_t)block_size ? 0 : n < 0 ? errno : EIO;
	took = now_us() - begun;
	pthread_mutex_lock(&lock);
	if (error) {
		errors++;
		say("e %llu %llu %d\n", (unsigned long long)block,
		    (unsigned long long)seq, error);
		stopping |= stop_on_error;
	} else {
		writes++;
		say("a %llu %llu\n", (unsigned long long)block,
		    (unsigned long long)seq);
	}
	if (took > longest_us)
		longest_us = took;
	pthread_mutex_unlock(&lock);
	return true;
}

static void *writer(void *arg)
{
	uint64_t number = (uintptr_t)arg, state = ack_mix(seed + number * 7919);
	uint64_t mine = (blocks - number + threads - 1) / threads;
	unsigned char *data = aligned_alloc(4096, ACK_BLOCK_MAX);

	do {
		state = ack_mix(state);
		if (pause_us)
			usleep(pause_us);
	} while (write_block(data, state % mine * threads + number));
	free(data);
	return NULL;
}

/* Where the sequences stand; a block that is not whole ends it all. */
static int scan(void)
{
	unsigned char *data = aligned_alloc(4096, ACK_BLOCK_MAX);
	struct ack_stamp stamp;
	uint64_t block;

	for (block = 0; block < blocks; block++) {
		ssize_t n = pread(fd, data, block_size, offset + block * block_size);
		enum ack_state state;

		if (n != (ssize_t)block_size) {
			fprintf(stderr, "ackwriter: %s: block %llu: %s\n", device,
				(unsigned long long)block,
				n < 0 ? strerror(errno) : "the device ends here");
			return -1;
		}
		state = ack_judge(data, block_size, block, &stamp);
		if (state != ACK_WHOLE && state != ACK_BLANK) {
			fprintf(stderr, "ackwriter: %s: block %llu is %s\n", device,
				(unsigned long long)block,
				state == ACK_TORN ? "torn" : "foreign");
			return -1;
		}
		seqs[block] = stamp.seq > base ? stamp.seq : base;
	}
	free(data);
	return 0;
}

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: ackwriter DEV [--seed N] [--qd N] [--blocks N] [--bs BYTES]\n"
		"  [--offset BYTES] [--run N] [--base SEQ] [--seconds N] [--count N]\n"
		"  [--pause US] [--stop-on-error] [--no-scan]\n");
	return 2;
}

static int parse(int argc, char **argv, bool *no_scan)
{
	static const struct option options[] = {
		{ "seed", 1, 0, 's' }, { "qd", 1, 0, 'q' }, { "blocks", 1, 0, 'b' },
		{ "bs", 1, 0, 'B' }, { "offset", 1, 0, 'o' }, { "run", 1, 0, 'r' },
		{ "base", 1, 0, 'a' }, { "seconds", 1, 0, 't' },
		{ "count", 1, 0, 'c' }, { "pause", 1, 0, 'p' },
		{ "stop-on-error", 0, 0, 'e' }, { "no-scan", 0, 0, 'n' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		uint64_t value = optarg ? strtoull(optarg, NULL, 0) : 0;

		switch (c) {
		case 's': seed = value; break;
		case 'q': threads = value; break;
		case 'b': blocks = value; break;
		case 'B': block_size = value; break;
		case 'o': offset = value; break;
		case 'r': run = value; break;
		case 'a': base = value; break;
		case 't': seconds = value; break;
		case 'c': limit = value; break;
		case 'p': pause_us = value; break;
		case 'e': stop_on_error = true; break;
		case 'n': *no_scan = true; break;
		default: return -1;
		}
	}
	device = argv[optind];
	if (!device || !threads || threads > THREADS || threads > blocks ||
	    !block_size || block_size % ACK_SECTOR || block_size > ACK_BLOCK_MAX)
		return -1;
	return 0;
}

static void run_threads(void)
{
	pthread_t ids[THREADS], talk;
	unsigned int i;

	pthread_create(&talk, NULL, teller, NULL);
	for (i = 0; i < threads; i++)
		pthread_create(&ids[i], NULL, writer, (void *)(uintptr_t)i);
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	pthread_mutex_lock(&lock);
	say("s %llu %llu %llu\n", (unsigned long long)writes,
	    (unsigned long long)errors, (unsigned long long)longest_us);
	finished = true;
	pthread_mutex_unlock(&lock);
	pthread_join(talk, NULL);
}

int main(int argc, char **argv)
{
	bool no_scan = false;
	uint64_t block;

	if (parse(argc, argv, &no_scan))
		return usage();
	seqs = calloc(blocks, sizeof(*seqs));
	fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || !seqs) {
		fprintf(stderr, "ackwriter: %s: %s\n", device, strerror(errno));
		return 1;
	}
	for (block = 0; no_scan && block < blocks; block++)
		seqs[block] = base;
	if (!no_scan && scan())
		return 1;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGALRM, on_signal);
	alarm(seconds);
	run_threads();
	if (close(fd))
		return 1;
	return errors ? 1 : 0;
}
