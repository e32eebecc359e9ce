/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAB_AGENT_H
#define LAB_AGENT_H

#include <stdint.h>

/*
 * The lab's side of a virtual machine is a stream of frames over virtio-serial
 * ports named lab0, lab1, ...  Each port is one session with one client on the
 * host; a session runs any number of commands at once, told apart by an id the
 * client chose.  All numbers are little-endian.
 */
#define FRAME_MAGIC	0x316c6272u	/* "rbl1" */
#define FRAME_MAX	65536		/* longest payload */

struct frame {
	uint32_t magic;
	uint32_t type;
	uint32_t id;
	uint32_t len;
};

enum frame_type {
	/* host to guest */
	FRAME_HELLO = 1,	/* 8 bytes, echoed; ends what an earlier client ran */
	FRAME_RUN,		/* u32 RUN_ flags, then argv, each NUL-terminated */
	FRAME_STDIN,		/* at most STDIN_WINDOW not yet acked; empty is EOF */
	FRAME_KILL,		/* u32 signal, to the whole process group */
	FRAME_WINDOW,		/* u16 rows, u16 columns of a terminal */
	FRAME_POWEROFF,		/* unmount everything and switch off */
	/* guest to host */
	FRAME_WELCOME = 101,
	FRAME_STDOUT,
	FRAME_STDERR,
	FRAME_EXIT,		/* u32: exit code, or 128 + signal */
	FRAME_ACK,		/* u32: bytes of stdin the command has taken */
};

#define RUN_TERMINAL	1u	/* stdin and stdout are a pseudo-terminal */
#define RUN_DETACHED	2u	/* outlives its session */
#define STDIN_WINDOW	(256 * 1024)

/* init.c: what PID 1 does before and after the agent's work. */
void init_boot(void);
void init_poweroff(void) __attribute__((noreturn));

#endif
