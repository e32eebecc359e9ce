// SPDX-License-Identifier: GPL-2.0
/*
 * Runs commands in a lab machine on behalf of clients on the host; agent.h
 * describes the frames.  One thread and one poll loop own everything.  A
 * session whose client does not read stops the reading of its commands'
 * output, so memory is bounded: OUT_MAX per session, STDIN_WINDOW per command.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"

#define SESSIONS	8
#define COMMANDS	64
#define ARGS		256
#define OUT_MAX		(512 * 1024)
#define FRAME_ROOM	(sizeof(struct frame) + FRAME_MAX)

struct session {
	int fd;			/* -1: the port does not exist */
	bool connected;		/* a client holds the other end */
	size_t in_len, out_len, out_sent;
	unsigned char in[FRAME_ROOM];
	unsigned char out[OUT_MAX];
};

struct command {
	struct session *session;	/* NULL: detached from a client gone */
	pid_t pid;			/* 0: the slot is free */
	uint32_t id, flags;
	int in, out, err;		/* our ends; -1: closed */
	bool eof;			/* stdin ends after what is queued */
	bool exited;
	int status;
	size_t stdin_len;
	unsigned char *stdin_data;
};

static struct session sessions[SESSIONS];
static struct command commands[COMMANDS];
static bool poweroff_wanted;

static size_t session_room(struct session *s)
{
	return OUT_MAX - s->out_len;
}

/* Small frames have the last FRAME_ROOM of the buffer to themselves. */
static bool session_may_fill(struct session *s)
{
	return session_room(s) >= 2 * FRAME_ROOM;
}

static void session_flush(struct session *s)
{
	while (s->out_sent < s->out_len) {
		ssize_t n = write(s->fd, s->out + s->out_sent,
				  s->out_len - s->out_sent);

		if (n <= 0)
			break;
		s->out_sent += n;
	}
	if (s->out_sent == s->out_len) {
		s->out_sent = s->out_len = 0;
	} else if (s->out_sent > OUT_MAX / 2) {
		memmove(s->out, s->out + s->out_sent, s->out_len - s->out_sent);
		s->out_len -= s->out_sent;
		s->out_sent = 0;
	}
}

static void session_send(struct session *s, uint32_t type, uint32_t id,
			 const void *data, uint32_t len)
{
	struct frame f = { FRAME_MAGIC, type, id, len };

	if (!s || session_room(s) < sizeof(f) + len)
		return;
	memcpy(s->out + s->out_len, &f, sizeof(f));
	memcpy(s->out + s->out_len + sizeof(f), data, len);
	s->out_len += sizeof(f) + len;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void command_free(struct command *c)
{
	if (c->in == c->out)
		c->in = -1;
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
	free(c->stdin_data);
	memset(c, 0, sizeof(*c));
	c->in = c->out = c->err = -1;
}

static struct command *command_find(struct session *s, uint32_t id)
{
	int i;

	for (i = 0; i < COMMANDS; i++)
		if (commands[i].pid && commands[i].session == s &&
		    commands[i].id == id)
			return &commands[i];
	return NULL;
}

/* The client is gone: so is all it ran, but for what it detached. */
static void session_end(struct session *s)
{
	int i;

	for (i = 0; i < COMMANDS; i++) {
		struct command *c = &commands[i];

		if (!c->pid || c->session != s)
			continue;
		if (!(c->flags & RUN_DETACHED) && !c->exited)
			kill(-c->pid, SIGKILL);
		c->session = NULL;
	}
	s->in_len = s->out_len = s->out_sent = 0;
}

static void child_exec(char **argv, int in, int out, int err, bool terminal)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (terminal)
		ioctl(in, TIOCSCTTY, 0);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	close_range(3, ~0U, 0);
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Fills ends with the child's stdin, stdout, stderr. */
static int command_open(struct command *c, int ends[3])
{
	int p[2];

	if (c->flags & RUN_TERMINAL) {
		c->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
		if (c->out < 0 || grantpt(c->out) || unlockpt(c->out))
			return -1;
		c->in = c->out;
		ends[0] = open(ptsname(c->out), O_RDWR | O_NOCTTY | O_CLOEXEC);
		ends[1] = ends[2] = ends[0];
		return ends[0] < 0 ? -1 : 0;
	}
	if (pipe2(p, O_CLOEXEC))
		return -1;
	ends[0] = p[0];
	c->in = p[1];
	if (pipe2(p, O_CLOEXEC))
		return -1;
	c->out = p[0];
	ends[1] = p[1];
	if (pipe2(p, O_CLOEXEC))
		return -1;
	c->err = p[0];
	ends[2] = p[1];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	return 0;
}

static void command_start(struct command *c, char **argv)
{
	bool terminal = c->flags & RUN_TERMINAL;
	int ends[3] = { -1, -1, -1 };

	if (command_open(c, ends) == 0)
		c->pid = fork();
	else
		c->pid = -1;
	if (c->pid == 0)
		child_exec(argv, ends[0], ends[1], ends[2], terminal);
	close_fd(&ends[0]);
	if (!terminal) {
		close_fd(&ends[1]);
		close_fd(&ends[2]);
	}
}

static void run_refuse(struct session *s, uint32_t id, const char *why)
{
	uint32_t code = 126;

	session_send(s, FRAME_STDERR, id, why, strlen(why));
	session_send(s, FRAME_EXIT, id, &code, sizeof(code));
}

static void on_run(struct session *s, uint32_t id, char *data, uint32_t len)
{
	struct command *c = NULL;
	char *argv[ARGS + 1];
	int argc = 0, i;
	uint32_t at;

	for (i = 0; i < COMMANDS && !c; i++)
		if (!commands[i].pid)
			c = &commands[i];
	if (len < 6 || data[len - 1] || !c) {
		run_refuse(s, id, c ? "agent: bad request\n" : "agent: too many commands\n");
		return;
	}
	for (at = 4; at < len && argc < ARGS; at += strlen(data + at) + 1)
		argv[argc++] = data + at;
	argv[argc] = NULL;
	command_free(c);
	c->session = s;
	c->id = id;
	memcpy(&c->flags, data, 4);
	command_start(c, argv);
	if (c->pid < 0) {
		command_free(c);
		run_refuse(s, id, "agent: cannot start a process\n");
	}
}

static void on_stdin(struct command *c, const void *data, uint32_t len)
{
	unsigned char *grown;

	if (!len) {
		c->eof = true;
		return;
	}
	if (c->stdin_len + len > 2 * STDIN_WINDOW)
		return;
	grown = realloc(c->stdin_data, c->stdin_len + len);
	if (!grown)
		return;
	memcpy(grown + c->stdin_len, data, len);
	c->stdin_data = grown;
	c->stdin_len += len;
}

static void on_window(struct command *c, const void *data)
{
	struct winsize size = { 0 };

	memcpy(&size.ws_row, data, 2);
	memcpy(&size.ws_col, (const char *)data + 2, 2);
	if (c->flags & RUN_TERMINAL)
		ioctl(c->out, TIOCSWINSZ, &size);
}

static void on_frame(struct session *s, const struct frame *f, void *data)
{
	struct command *c = command_find(s, f->id);
	uint32_t number = 0;

	switch (f->type) {
	case FRAME_RUN:
		on_run(s, f->id, data, f->len);
		break;
	case FRAME_STDIN:
		if (c)
			on_stdin(c, data, f->len);
		break;
	case FRAME_KILL:
		memcpy(&number, data, f->len < 4 ? f->len : 4);
		if (c && !c->exited)
			kill(-c->pid, number);
		break;
	case FRAME_WINDOW:
		if (c && f->len == 4)
			on_window(c, data);
		break;
	case FRAME_POWEROFF:
		poweroff_wanted = true;
		break;
	}
}

/*
 * Cuts the input into frames.  A client that died in the middle of a frame
 * leaves a piece behind: bytes that are no header are skipped one by one.
 */
static void session_parse(struct session *s)
{
	size_t at = 0;

	while (s->in_len - at >= sizeof(struct frame)) {
		struct frame f;

		memcpy(&f, s->in + at, sizeof(f));
		if (f.magic != FRAME_MAGIC || f.len > FRAME_MAX) {
			at++;
			continue;
		}
		if (s->in_len - at < sizeof(f) + f.len)
			break;
		if (f.type == FRAME_HELLO) {
			size_t left = s->in_len;

			session_end(s);
			s->in_len = left;
			session_send(s, FRAME_WELCOME, 0, s->in + at + sizeof(f),
				     f.len);
		} else {
			on_frame(s, &f, s->in + at + sizeof(f));
		}
		at += sizeof(f) + f.len;
	}
	memmove(s->in, s->in + at, s->in_len - at);
	s->in_len -= at;
}

static void session_read(struct session *s)
{
	for (;;) {
		ssize_t n = read(s->fd, s->in + s->in_len,
				 sizeof(s->in) - s->in_len);

		if (n < 0)
			return;
		if (n == 0) {
			s->connected = false;
			session_end(s);
			return;
		}
		s->in_len += n;
		session_parse(s);
	}
}

/* Opens the ports that have appeared: their names are lab0, lab1, ... */
static void sessions_open(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/sys/class/virtio-ports");
	unsigned int n;

	while (dir && (entry = readdir(dir))) {
		char path[300], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "lab%u", &n) == 1 && n < SESSIONS &&
		    sessions[n].fd < 0) {
			snprintf(name, sizeof(name), "/dev/%.20s", entry->d_name);
			sessions[n].fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
			if (sessions[n].fd >= 0) {
				fcntl(sessions[n].fd, F_SETOWN, getpid());
				fcntl(sessions[n].fd, F_SETFL, O_NONBLOCK | O_ASYNC);
				sessions[n].connected = true;
			}
		}
		fclose(file);
	}
	if (dir)
		closedir(dir);
}

/* Moves output of a command to its session; false when the pipe is at its end. */
static bool command_pump(struct command *c, int fd, uint32_t type, bool *empty)
{
	static unsigned char buf[FRAME_MAX];
	ssize_t n;

	*empty = false;
	while (!c->session || session_may_fill(c->session)) {
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EAGAIN) {
			*empty = true;
			return true;
		}
		if (n <= 0) {
			*empty = true;
			return false;
		}
		session_send(c->session, type, c->id, buf, n);
		if (c->session && c->session->out_len > OUT_MAX / 4)
			session_flush(c->session);
	}
	return true;
}

static void command_feed(struct command *c)
{
	while (c->in >= 0 && c->stdin_len) {
		ssize_t n = write(c->in, c->stdin_data, c->stdin_len);
		uint32_t taken = n;

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {		/* nobody reads: throw it away */
			taken = c->stdin_len;
			n = c->stdin_len;
		}
		memmove(c->stdin_data, c->stdin_data + n, c->stdin_len - n);
		c->stdin_len -= n;
		session_send(c->session, FRAME_ACK, c->id, &taken, sizeof(taken));
	}
	if (c->eof && c->in >= 0 && !c->stdin_len && !(c->flags & RUN_TERMINAL))
		close_fd(&c->in);
}

static void command_service(struct command *c)
{
	bool out_empty = true, err_empty = true;
	uint32_t code;

	command_feed(c);
	if (c->out >= 0 && !command_pump(c, c->out, FRAME_STDOUT, &out_empty)) {
		if (c->in == c->out)
			c->in = -1;
		close_fd(&c->out);
	}
	if (c->err >= 0 && !command_pump(c, c->err, FRAME_STDERR, &err_empty))
		close_fd(&c->err);
	if (!c->exited || !out_empty || !err_empty)
		return;
	if (c->session && session_room(c->session) < FRAME_ROOM)
		return;
	code = WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status)
				      : WEXITSTATUS(c->status);
	session_send(c->session, FRAME_EXIT, c->id, &code, sizeof(code));
	command_free(c);
}

static void reap(void)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < COMMANDS; i++)
			if (commands[i].pid == pid) {
				commands[i].exited = true;
				commands[i].status = status;
			}
}

static void signals_read(int fd)
{
	struct signalfd_siginfo info;
	int i;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		;
	reap();
	sessions_open();
	/* SIGIO: a client may have come. */
	for (i = 0; i < SESSIONS; i++)
		if (sessions[i].fd >= 0)
			sessions[i].connected = true;
}

static int add(struct pollfd *set, int n, int fd, short events)
{
	set[n] = (struct pollfd){ .fd = fd, .events = events };
	return n + 1;
}

static int poll_set(struct pollfd *set, int signals)
{
	int i, n = add(set, 0, signals, POLLIN);

	for (i = 0; i < SESSIONS; i++) {
		struct session *s = &sessions[i];

		if (s->fd >= 0 && s->connected)
			n = add(set, n, s->fd,
				POLLIN | (s->out_len ? POLLOUT : 0));
	}
	for (i = 0; i < COMMANDS; i++) {
		struct command *c = &commands[i];

		if (!c->pid)
			continue;
		if (c->in >= 0 && c->stdin_len)
			n = add(set, n, c->in, POLLOUT);
		if (c->session && !session_may_fill(c->session))
			continue;
		if (c->out >= 0)
			n = add(set, n, c->out, POLLIN);
		if (c->err >= 0)
			n = add(set, n, c->err, POLLIN);
	}
	return n;
}

static void loop(int signals)
{
	static struct pollfd set[1 + SESSIONS + 3 * COMMANDS];
	int i, n = poll_set(set, signals);

	poll(set, n, 1000);
	signals_read(signals);
	for (i = 0; i < SESSIONS; i++)
		if (sessions[i].fd >= 0 && sessions[i].connected)
			session_read(&sessions[i]);
	for (i = 0; i < COMMANDS; i++)
		if (commands[i].pid)
			command_service(&commands[i]);
	for (i = 0; i < SESSIONS; i++)
		if (sessions[i].fd >= 0 && sessions[i].connected)
			session_flush(&sessions[i]);
}

int main(void)
{
	sigset_t mask;
	int signals, i;

	if (getpid() == 1)
		init_boot();
	for (i = 0; i < SESSIONS; i++)
		sessions[i].fd = -1;
	for (i = 0; i < COMMANDS; i++)
		commands[i].in = commands[i].out = commands[i].err = -1;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGIO);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	sessions_open();
	while (!poweroff_wanted)
		loop(signals);
	init_poweroff();
}
