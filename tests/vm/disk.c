// SPDX-License-Identifier: GPL-2.0
/*
 * A disk with a volatile write cache, as an nbdkit plugin.
 *
 *	nbdkit -U SOCKET disk.so file=IMAGE control=SOCKET2 [limit=BYTES] [sector=BYTES]
 *
 * A write stays in memory until the guest flushes, or asks for FUA; only then
 * is it in IMAGE.  When the process is killed, what was not flushed is gone;
 * when it ends in order (SIGTERM) everything is written.
 * Like a real drive it may write some of it early: when the cache is over its
 * limit it gives up pages picked at random.
 *
 * The control socket takes commands, a line each, each answered by a line:
 *	cut SEED	power cut: every unflushed sector (512 bytes, or 4096) is written or
 *			lost by the toss of a coin that SEED decides; after this
 *			the disk answers nothing any more
 *	drop		power cut that loses all that was not flushed
 *	dirty		"ok N": sectors not flushed
 *	delay US	every request takes that much longer
 *	stall / go	requests wait / go on
 *	fail OFF LEN rwf	reads, writes, flushes (letters) of that range fail
 *	good		no range fails any more
 *	lose OFF LEN	these sectors cannot be read any more, until they are written
 *	lost		"ok N": sectors that cannot be read
 */
#define NBDKIT_API_VERSION 2
#define _GNU_SOURCE
#include <nbdkit-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define SECTOR		512
#define PAGE		4096
#define BUCKETS		4096
#define FAILS		16

/* A page of the cache: which of its sectors hold something not flushed. */
struct page {
	struct page *next;	/* in its bucket */
	uint64_t index;		/* offset / PAGE */
	uint8_t dirty;		/* a bit per sector */
	uint8_t data[PAGE];
};

struct failure {
	uint64_t offset, len;
	bool reads, writes, flushes;
};

static char *file_name, *control_name;
static uint64_t cache_limit = 256 << 20;
static unsigned int sector_bytes = SECTOR;	/* what a power cut does not tear: or PAGE */

/* lock protects all below; the image is only touched with it held. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER;
static struct page *buckets[BUCKETS];
static uint64_t cache_bytes;
static uint64_t random_state = 1;
static int image = -1;
static uint64_t image_size;
static bool dead, stalled;
static unsigned int delay_us;
static struct failure failures[FAILS];
static int nr_failures;
static uint8_t *lost;		/* by sector of 512 bytes */

static uint32_t random_next(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return random_state >> 33;
}

static struct page **page_slot(uint64_t index)
{
	struct page **slot = &buckets[(index * 0x9e3779b97f4a7c15ull) >> 52];

	while (*slot && (*slot)->index != index)
		slot = &(*slot)->next;
	return slot;
}

static void page_free(struct page **slot)
{
	struct page *page = *slot;

	*slot = page->next;
	free(page);
	cache_bytes -= PAGE;
}

static int image_write(const void *data, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t n = pwrite(image, data, len, offset);

		if (n <= 0)
			return -1;
		data = (const char *)data + n;
		len -= n;
		offset += n;
	}
	return 0;
}

/* Writes those dirty sectors of a page that are in mask. */
static int page_write(const struct page *page, uint8_t mask)
{
	int first = 0;

	mask &= page->dirty;
	while (mask >> first) {
		int last;

		if (!(mask >> first & 1)) {
			first++;
			continue;
		}
		for (last = first; last < 8 && mask >> last & 1; last++)
			;
		if (image_write(page->data + first * SECTOR, (last - first) * SECTOR,
				page->index * PAGE + first * SECTOR))
			return -1;
		first = last;
	}
	return 0;
}

static int cache_flush(void)
{
	int i;

	for (i = 0; i < BUCKETS && cache_bytes; i++)
		while (buckets[i]) {
			if (page_write(buckets[i], 0xff))
				return -1;
			page_free(&buckets[i]);
		}
	return 0;
}

/* As a drive does when its memory is full. */
static int cache_shrink(void)
{
	while (cache_bytes > cache_limit) {
		struct page **slot = &buckets[random_next() % BUCKETS];

		if (!*slot)
			continue;
		if (page_write(*slot, 0xff))
			return -1;
		page_free(slot);
	}
	return 0;
}

static void cache_drop(uint64_t offset, uint64_t len)
{
	uint64_t at;

	for (at = offset; at < offset + len && cache_bytes; at += SECTOR) {
		struct page **slot = page_slot(at / PAGE);

		if (!*slot) {
			at = at / PAGE * PAGE + PAGE - SECTOR;
			continue;
		}
		(*slot)->dirty &= ~(1u << (at % PAGE / SECTOR));
		if (!(*slot)->dirty)
			page_free(slot);
	}
}

static int cache_write(const uint8_t *data, uint64_t len, uint64_t offset)
{
	uint64_t at;

	for (at = 0; at < len; at += SECTOR) {
		uint64_t where = offset + at;
		struct page **slot = page_slot(where / PAGE);

		if (!*slot) {
			*slot = calloc(1, sizeof(**slot));
			if (!*slot)
				return -1;
			(*slot)->index = where / PAGE;
			cache_bytes += PAGE;
		}
		memcpy((*slot)->data + where % PAGE, data + at, SECTOR);
		(*slot)->dirty |= 1u << (where % PAGE / SECTOR);
	}
	return cache_shrink();
}

/* Lays what is in the cache over what was read from the image. */
static void cache_overlay(uint8_t *data, uint64_t len, uint64_t offset)
{
	uint64_t at;

	for (at = 0; at < len && cache_bytes; at += SECTOR) {
		struct page *page = *page_slot((offset + at) / PAGE);
		unsigned int in = (offset + at) % PAGE;

		if (page && page->dirty >> (in / SECTOR) & 1)
			memcpy(data + at, page->data + in, SECTOR);
	}
}

static uint64_t cache_dirty(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < BUCKETS; i++)
		for (struct page *page = buckets[i]; page; page = page->next)
			sum += __builtin_popcount(page->dirty);
	return sum;
}

/*
 * The power fails.  Pages are visited in the order of the disk, so that a seed
 * gives the same outcome whatever the order in which they were written.
 */
static void power_cut(bool keep_some, uint64_t seed)
{
	uint64_t index;

	random_state = seed * 2 + 1;
	for (index = 0; keep_some && index <= image_size / PAGE; index++) {
		struct page *page = *page_slot(index);

		if (!page)
			continue;
		if (sector_bytes == SECTOR)
			page_write(page, random_next() & 0xff);
		else if (random_next() & 1)
			page_write(page, 0xff);
	}
	dead = true;
	pthread_cond_broadcast(&go);
}

static uint64_t sectors_lost(uint64_t offset, uint64_t len)
{
	uint64_t at, sum = 0;

	for (at = offset / SECTOR; at < (offset + len) / SECTOR; at++)
		sum += lost[at];
	return sum;
}

static void sectors_set(uint64_t offset, uint64_t len, bool is_lost)
{
	memset(lost + offset / SECTOR, is_lost, len / SECTOR);
}

/* Every request begins here: with the lock held, or refused. */
static int request_begin(uint64_t offset, uint64_t len, char kind)
{
	unsigned int wait;
	int i;

	pthread_mutex_lock(&lock);
	wait = delay_us;
	if (wait) {
		pthread_mutex_unlock(&lock);
		usleep(wait);
		pthread_mutex_lock(&lock);
	}
	/* A disk without power answers nothing: the machine is killed next. */
	while (stalled || dead)
		pthread_cond_wait(&go, &lock);
	for (i = 0; i < nr_failures; i++) {
		struct failure *f = &failures[i];
		bool hit = kind == 'f' ? f->flushes :
			   offset < f->offset + f->len && f->offset < offset + len &&
			   (kind == 'r' ? f->reads : f->writes);

		if (hit) {
			pthread_mutex_unlock(&lock);
			nbdkit_set_error(EIO);
			return -1;
		}
	}
	if (kind == 'r' && sectors_lost(offset, len)) {
		pthread_mutex_unlock(&lock);
		nbdkit_set_error(EIO);
		return -1;
	}
	if (kind == 'w')
		sectors_set(offset, len, false);
	return 0;
}

static int request_end(int result)
{
	pthread_mutex_unlock(&lock);
	if (result)
		nbdkit_set_error(EIO);
	return result;
}

static int disk_pread(void *handle, void *data, uint32_t len, uint64_t offset,
		      uint32_t flags)
{
	uint32_t done = 0;
	int result = 0;

	(void)handle;
	(void)flags;
	if (request_begin(offset, len, 'r'))
		return -1;
	while (done < len && !result) {
		ssize_t n = pread(image, (char *)data + done, len - done,
				  offset + done);

		if (n <= 0)
			result = -1;
		done += n;
	}
	if (!result)
		cache_overlay(data, len, offset);
	return request_end(result);
}

static int disk_pwrite(void *handle, const void *data, uint32_t len,
		       uint64_t offset, uint32_t flags)
{
	int result;

	(void)handle;
	if (request_begin(offset, len, 'w'))
		return -1;
	if (flags & NBDKIT_FLAG_FUA) {
		cache_drop(offset, len);
		result = image_write(data, len, offset);
	} else {
		result = cache_write(data, len, offset);
	}
	return request_end(result);
}

/* Whole pages go to the image at once: a drive may always write early. */
static int zero_range(uint64_t len, uint64_t offset, bool fua)
{
	static const uint8_t zeroes[PAGE];
	uint64_t end = offset + len;
	uint64_t from = (offset + PAGE - 1) / PAGE * PAGE, to = end / PAGE * PAGE;

	if (from < to) {
		cache_drop(from, to - from);
		if (fallocate(image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      from, to - from))
			return -1;
	} else {
		from = to = end;
	}
	for (; offset < end; offset += SECTOR) {
		if (offset == from)
			offset = to;
		if (offset == end)
			break;
		cache_drop(offset, SECTOR);
		if (fua ? image_write(zeroes, SECTOR, offset) :
			  cache_write(zeroes, SECTOR, offset))
			return -1;
	}
	return 0;
}

static int disk_zero(void *handle, uint32_t len, uint64_t offset, uint32_t flags)
{
	(void)handle;
	if (request_begin(offset, len, 'w'))
		return -1;
	return request_end(zero_range(len, offset, flags & NBDKIT_FLAG_FUA));
}

static int disk_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	if (request_begin(0, 0, 'f'))
		return -1;
	return request_end(cache_flush());
}

static void command(char *line, char *reply, size_t size)
{
	unsigned long long a, b;
	char kinds[4];

	snprintf(reply, size, "ok\n");
	if (sscanf(line, "cut %llu", &a) == 1) {
		power_cut(true, a);
	} else if (!strcmp(line, "drop")) {
		power_cut(false, 0);
	} else if (!strcmp(line, "dirty")) {
		snprintf(reply, size, "ok %llu\n", (unsigned long long)cache_dirty());
	} else if (sscanf(line, "delay %llu", &a) == 1) {
		delay_us = a;
	} else if (!strcmp(line, "stall")) {
		stalled = true;
	} else if (!strcmp(line, "go")) {
		stalled = false;
		pthread_cond_broadcast(&go);
	} else if (sscanf(line, "fail %llu %llu %3s", &a, &b, kinds) == 3 &&
		   nr_failures < FAILS) {
		failures[nr_failures++] = (struct failure){
			.offset = a, .len = b, .reads = strchr(kinds, 'r'),
			.writes = strchr(kinds, 'w'), .flushes = strchr(kinds, 'f'),
		};
	} else if (sscanf(line, "lose %llu %llu", &a, &b) == 2 && a + b <= image_size) {
		sectors_set(a, b, true);
	} else if (!strcmp(line, "lost")) {
		snprintf(reply, size, "ok %llu\n", (unsigned long long)sectors_lost(0, image_size));
	} else if (!strcmp(line, "good")) {
		nr_failures = 0;
	} else {
		snprintf(reply, size, "error unknown command\n");
	}
}

static void control_serve(FILE *stream)
{
	char line[256], reply[64];

	while (fgets(line, sizeof(line), stream)) {
		line[strcspn(line, "\n")] = 0;
		pthread_mutex_lock(&lock);
		command(line, reply, sizeof(reply));
		pthread_mutex_unlock(&lock);
		if (fputs(reply, stream) < 0 || fflush(stream))
			break;
	}
}

static void *control_loop(void *arg)
{
	int listener = (intptr_t)arg;

	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		FILE *stream = fd < 0 ? NULL : fdopen(fd, "r+");

		if (!stream)
			continue;
		control_serve(stream);
		fclose(stream);
	}
	return NULL;
}

static int disk_config(const char *key, const char *value)
{
	if (!strcmp(key, "file")) {
		file_name = nbdkit_absolute_path(value);
	} else if (!strcmp(key, "control")) {
		control_name = nbdkit_absolute_path(value);
	} else if (!strcmp(key, "limit")) {
		cache_limit = nbdkit_parse_size(value);
	} else if (!strcmp(key, "sector")) {
		sector_bytes = nbdkit_parse_size(value);
	} else {
		nbdkit_error("unknown parameter %s", key);
		return -1;
	}
	return 0;
}

static int disk_config_complete(void)
{
	if (!file_name || !control_name) {
		nbdkit_error("file= and control= are needed");
		return -1;
	}
	if (sector_bytes != SECTOR && sector_bytes != PAGE) {
		nbdkit_error("sector= is 512 or 4096");
		return -1;
	}
	return 0;
}

static int disk_get_ready(void)
{
	struct stat st;

	image = open(file_name, O_RDWR | O_CLOEXEC);
	if (image < 0 || fstat(image, &st)) {
		nbdkit_error("%s: %m", file_name);
		return -1;
	}
	image_size = st.st_size;
	lost = calloc(image_size / SECTOR + 1, 1);
	return lost ? 0 : -1;
}

/*
 * After nbdkit has gone to the background: threads do not survive a fork.
 *
 * nbdkit has asked to be ended with its parent, which the kernel takes to be the
 * thread that started it.  A disk outlives that: it goes when the lab says so.
 */
static int disk_after_fork(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", control_name);
	prctl(PR_SET_PDEATHSIG, 0);
	unlink(control_name);
	if (fd < 0 || bind(fd, (void *)&addr, sizeof(addr)) || listen(fd, 8) ||
	    pthread_create(&thread, NULL, control_loop, (void *)(intptr_t)fd)) {
		nbdkit_error("%s: %m", control_name);
		return -1;
	}
	return 0;
}

static void disk_unload(void)
{
	if (image >= 0 && !dead && cache_flush())
		nbdkit_error("%s: %m", file_name);
}

static void *disk_open(int readonly)
{
	(void)readonly;
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t disk_get_size(void *handle)
{
	(void)handle;
	return image_size;
}

static int yes(void *handle)
{
	(void)handle;
	return 1;
}

static int native_fua(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

static int disk_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
			   uint32_t *maximum)
{
	(void)handle;
	*minimum = sector_bytes;
	*preferred = PAGE;
	*maximum = 32 << 20;
	return 0;
}

static struct nbdkit_plugin plugin = {
	.name = "labdisk",
	.longname = "disk with a volatile write cache",
	.config = disk_config,
	.config_complete = disk_config_complete,
	.get_ready = disk_get_ready,
	.after_fork = disk_after_fork,
	.unload = disk_unload,
	.open = disk_open,
	.get_size = disk_get_size,
	.block_size = disk_block_size,
	.can_write = yes,
	.can_flush = yes,
	.can_zero = yes,
	.can_fast_zero = yes,
	.can_trim = yes,
	.can_fua = native_fua,
	.can_multi_conn = yes,
	.pread = disk_pread,
	.pwrite = disk_pwrite,
	.zero = disk_zero,
	.trim = disk_zero,
	.flush = disk_flush,
};

NBDKIT_REGISTER_PLUGIN(plugin)
