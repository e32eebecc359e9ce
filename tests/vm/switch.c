// SPDX-License-Identifier: GPL-2.0
/*
 * The lab's network: an Ethernet switch between virtual machines.
 *
 * usage: switch DIR N
 *
 * Listens on DIR/p1 ... DIR/pN for QEMU's "-netdev stream": frames, each after
 * its length in 4 big-endian bytes.  Node I has the MAC address that ends in I,
 * so nothing is learned: a frame goes to the port its address names, or to all.
 * Every directed link A -> B can be cut, slowed, made lossy or narrow, and
 * counts what passes.  DIR/ctl takes commands, a line each, answered by lines
 * of which the last is "ok" or "error ...":
 *
 *	cut A B			join A B
 *	shape A B DELAY_US LOSS_PPM RATE_KBIT		(0 means none)
 *	seed N			for the losses
 *	stats			"A B frames bytes lost" per link that was used
 *	quit
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PORTS		16
#define CLIENTS		16
#define IN_SIZE		(256 * 1024)
#define OUT_SIZE	(1024 * 1024)
#define QUEUE_MAX	(1024 * 1024)	/* bytes a shaped link may hold */
#define FRAME_MAX	65536
#define SECOND		1000000000ull

struct delayed {
	struct delayed *next;
	uint64_t due;
	size_t len;
	unsigned char data[];
};

struct link {
	bool cut;
	uint32_t delay_us, loss_ppm, rate_kbit;
	uint64_t frames, bytes, lost;
	uint64_t free_at;		/* when the narrow link has sent all */
	size_t queued;
	struct delayed *head, **tail;
};

struct port {
	int listener, fd;		/* fd -1: nothing is plugged in */
	size_t in_len, out_len;
	unsigned char in[IN_SIZE], out[OUT_SIZE];
};

struct client {
	int fd;
	size_t len;
	char line[256];
};

static int ports;
static struct port port[PORTS + 1];
static struct link links[PORTS + 1][PORTS + 1];
static struct client clients[CLIENTS];
static uint64_t random_state = 1;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (random_state >> 33) % limit;
}

static int listen_on(const char *dir, const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", dir, name);
	unlink(addr.sun_path);
	if (fd < 0 || bind(fd, (void *)&addr, sizeof(addr)) || listen(fd, 8)) {
		fprintf(stderr, "switch: %s: %s\n", addr.sun_path, strerror(errno));
		exit(1);
	}
	return fd;
}

static void port_unplug(struct port *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->in_len = p->out_len = 0;
}

static void port_flush(struct port *p)
{
	ssize_t n;

	if (p->fd < 0 || !p->out_len)
		return;
	n = send(p->fd, p->out, p->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN)
		port_unplug(p);
	if (n <= 0)
		return;
	memmove(p->out, p->out + n, p->out_len - n);
	p->out_len -= n;
}

/* Puts a frame, with its length in front, on the wire to a node. */
static bool port_send(struct port *p, const unsigned char *data, size_t len)
{
	if (p->fd < 0 || p->out_len + len > OUT_SIZE)
		return false;
	memcpy(p->out + p->out_len, data, len);
	p->out_len += len;
	return true;
}

static void link_drain(struct link *l, struct port *to, uint64_t at)
{
	while (l->head && l->head->due <= at) {
		struct delayed *d = l->head;

		l->head = d->next;
		if (!l->head)
			l->tail = &l->head;
		l->queued -= d->len;
		if (l->cut || !port_send(to, d->data, d->len))
			l->lost++;
		free(d);
	}
}

static bool link_delay(struct link *l, const unsigned char *data, size_t len)
{
	uint64_t at = now();
	struct delayed *d;

	if (l->queued + len > QUEUE_MAX)
		return false;
	d = malloc(sizeof(*d) + len);
	if (!d)
		return false;
	if (l->rate_kbit) {
		if (l->free_at < at)
			l->free_at = at;
		l->free_at += len * 8 * 1000000ull / l->rate_kbit;
		at = l->free_at;
	}
	d->due = at + l->delay_us * 1000ull;
	d->next = NULL;
	d->len = len;
	memcpy(d->data, data, len);
	*l->tail = d;
	l->tail = &d->next;
	l->queued += len;
	return true;
}

static void link_send(int from, int to, const unsigned char *data, size_t len)
{
	struct link *l = &links[from][to];
	bool sent;

	if (l->cut || (l->loss_ppm && random_below(1000000) < l->loss_ppm))
		sent = false;
	else if (l->delay_us || l->rate_kbit || l->head)
		sent = link_delay(l, data, len);
	else
		sent = port_send(&port[to], data, len);
	if (sent) {
		l->frames++;
		l->bytes += len - 4;
	} else {
		l->lost++;
	}
}

/* data: 4 bytes of length, then the frame. */
static void route(int from, const unsigned char *data, size_t len)
{
	const unsigned char *mac = data + 4;
	int to;

	if (len < 4 + 14)
		return;
	if (!(mac[0] & 1) && mac[5] >= 1 && mac[5] <= ports) {
		link_send(from, mac[5], data, len);
		return;
	}
	for (to = 1; to <= ports; to++)
		if (to != from)
			link_send(from, to, data, len);
}

static void port_parse(int from)
{
	struct port *p = &port[from];
	size_t at = 0;

	while (p->in_len - at >= 4) {
		uint32_t len;

		memcpy(&len, p->in + at, 4);
		len = ntohl(len);
		if (len > FRAME_MAX) {
			port_unplug(p);
			return;
		}
		if (p->in_len - at < 4 + len)
			break;
		route(from, p->in + at, 4 + len);
		at += 4 + len;
	}
	memmove(p->in, p->in + at, p->in_len - at);
	p->in_len -= at;
}

static void port_read(int from)
{
	struct port *p = &port[from];
	ssize_t n = recv(p->fd, p->in + p->in_len, IN_SIZE - p->in_len, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		port_unplug(p);
		return;
	}
	if (n > 0) {
		p->in_len += n;
		port_parse(from);
	}
}

static void port_accept(struct port *p)
{
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	port_unplug(p);
	p->fd = fd;
}

static void answer(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return;
}

static void answer_stats(int fd)
{
	char line[128];
	int a, b;

	for (a = 1; a <= ports; a++)
		for (b = 1; b <= ports; b++) {
			struct link *l = &links[a][b];

			if (!l->frames && !l->lost)
				continue;
			snprintf(line, sizeof(line), "%d %d %llu %llu %llu\n", a, b,
				 (unsigned long long)l->frames,
				 (unsigned long long)l->bytes,
				 (unsigned long long)l->lost);
			answer(fd, line);
		}
}

static bool valid(int a, int b)
{
	return a >= 1 && a <= ports && b >= 1 && b <= ports;
}

static void command(int fd, const char *line)
{
	unsigned int delay, loss, rate;
	unsigned long long seed;
	int a, b;

	if (sscanf(line, "cut %d %d", &a, &b) == 2 && valid(a, b)) {
		links[a][b].cut = true;
	} else if (sscanf(line, "join %d %d", &a, &b) == 2 && valid(a, b)) {
		links[a][b].cut = false;
	} else if (sscanf(line, "shape %d %d %u %u %u", &a, &b, &delay, &loss,
			  &rate) == 5 && valid(a, b)) {
		links[a][b].delay_us = delay;
		links[a][b].loss_ppm = loss;
		links[a][b].rate_kbit = rate;
	} else if (sscanf(line, "seed %llu", &seed) == 1) {
		random_state = seed;
	} else if (!strcmp(line, "stats")) {
		answer_stats(fd);
	} else if (!strcmp(line, "quit")) {
		answer(fd, "ok\n");
		exit(0);
	} else {
		answer(fd, "error unknown command\n");
		return;
	}
	answer(fd, "ok\n");
}

static void client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->line + c->len, sizeof(c->line) - 1 - c->len,
			 MSG_DONTWAIT);
	char *end;

	if (n <= 0) {
		close(c->fd);
		c->fd = -1;
		return;
	}
	c->len += n;
	c->line[c->len] = 0;
	while ((end = strchr(c->line, '\n'))) {
		*end = 0;
		command(c->fd, c->line);
		c->len -= end + 1 - c->line;
		memmove(c->line, end + 1, c->len + 1);
	}
	if (c->len == sizeof(c->line) - 1)
		c->len = 0;
}

static void client_accept(int control)
{
	int fd = accept4(control, NULL, NULL, SOCK_CLOEXEC), i;

	for (i = 0; fd >= 0 && i < CLIENTS; i++)
		if (clients[i].fd < 0) {
			clients[i].fd = fd;
			clients[i].len = 0;
			return;
		}
	if (fd >= 0)
		close(fd);
}

/* Sends what is due; returns when the next frame is, or 0. */
static uint64_t links_drain(void)
{
	uint64_t at = now(), next = 0;
	int a, b;

	for (a = 1; a <= ports; a++)
		for (b = 1; b <= ports; b++) {
			struct link *l = &links[a][b];

			link_drain(l, &port[b], at);
			if (l->head && (!next || l->head->due < next))
				next = l->head->due;
		}
	return next;
}

static void loop(int control)
{
	struct pollfd set[1 + 2 * PORTS + CLIENTS];
	struct timespec wait;
	uint64_t next, at;
	int i, n = 1;

	next = links_drain();
	at = now();

	set[0] = (struct pollfd){ .fd = control, .events = POLLIN };
	for (i = 1; i <= ports; i++) {
		port_flush(&port[i]);
		set[n++] = (struct pollfd){ .fd = port[i].listener, .events = POLLIN };
		set[n++] = (struct pollfd){ .fd = port[i].fd, .events =
				POLLIN | (port[i].out_len ? POLLOUT : 0) };
	}
	for (i = 0; i < CLIENTS; i++)
		set[n++] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
	at = next > at ? next - at : 1;
	wait = (struct timespec){ at / SECOND, at % SECOND };
	if (ppoll(set, n, next ? &wait : NULL, NULL) <= 0)
		return;
	for (i = 1; i <= ports; i++) {
		if (set[2 * i].revents && port[i].fd >= 0)
			port_read(i);
		if (set[2 * i - 1].revents)
			port_accept(&port[i]);
	}
	for (i = 0; i < CLIENTS; i++)
		if (set[1 + 2 * ports + i].revents && clients[i].fd >= 0)
			client_read(&clients[i]);
	if (set[0].revents)
		client_accept(control);
}

int main(int argc, char **argv)
{
	char name[16];
	int control, i, j;

	ports = argc == 3 ? atoi(argv[2]) : 0;
	if (ports < 1 || ports > PORTS) {
		fprintf(stderr, "usage: switch DIR N\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	for (i = 1; i <= ports; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		port[i].listener = listen_on(argv[1], name);
		port[i].fd = -1;
		for (j = 1; j <= ports; j++)
			links[i][j].tail = &links[i][j].head;
	}
	control = listen_on(argv[1], "ctl");
	for (;;)
		loop(control);
}
