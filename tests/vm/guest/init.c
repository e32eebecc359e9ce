// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of a lab machine: mounts, modules, network; and the way down.
 * What it needs to know comes on the kernel's command line:
 *	lab.node=I	the number of this node, and so its addresses
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ipv6.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

/* A line in the kernel's log, and so on the console. */
static void kmsg(const char *text)
{
	char line[256];
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	int len = snprintf(line, sizeof(line), "<6>lab: %s\n", text);

	if (fd < 0)
		return;
	if (write(fd, line, len) < 0)
		fprintf(stderr, "%s", line);
	close(fd);
}

static void complain(const char *what, const char *name)
{
	char text[200];

	snprintf(text, sizeof(text), "%s %.120s: %s", what, name, strerror(errno));
	kmsg(text);
}

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		complain("write to", path);
	close(fd);
}

static void mount_all(void)
{
	static const struct {
		const char *type, *where, *options;
		unsigned long flags;
	} mounts[] = {
		{ "proc",	"/proc",		NULL,	0 },
		{ "sysfs",	"/sys",			NULL,	0 },
		{ "devtmpfs",	"/dev",			NULL,	0 },
		{ "devpts",	"/dev/pts",		"mode=0620,ptmxmode=0666", 0 },
		{ "tmpfs",	"/dev/shm",		NULL,	0 },
		{ "tmpfs",	"/tmp",			NULL,	0 },
		{ "tmpfs",	"/run",			NULL,	0 },
		{ "debugfs",	"/sys/kernel/debug",	NULL,	0 },
		{ "configfs",	"/sys/kernel/config",	NULL,	0 },
	};
	size_t i;

	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type,
			  mounts[i].flags, mounts[i].options) &&
		    errno != EBUSY && errno != ENOENT)
			complain("mount", mounts[i].where);
	}
	if (symlink("/proc/self/fd", "/dev/fd") && errno != EEXIST)
		complain("symlink", "/dev/fd");
	mkdir("/run/lock", 0755);
	mkdir("/run/lab", 0755);
}

/* /etc/lab-modules: one path a line, in load order. */
static void load_modules(void)
{
	FILE *list = fopen("/etc/lab-modules", "r");
	char path[512];

	if (!list)
		return;
	while (fgets(path, sizeof(path), list)) {
		int fd;

		path[strcspn(path, "\n")] = 0;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			if (errno != EEXIST)
				complain("module", path);
		if (fd >= 0)
			close(fd);
	}
	fclose(list);
}

static int node_number(void)
{
	char line[4096] = "";
	char *found;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, line, sizeof(line) - 1) < 0)
			line[0] = 0;
		close(fd);
	}
	found = strstr(line, "lab.node=");
	return found ? atoi(found + strlen("lab.node=")) : 0;
}

static void link_up(int sock, const char *name)
{
	struct ifreq ifr = { 0 };

	strcpy(ifr.ifr_name, name);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr)) {
		complain("no interface", name);
		return;
	}
	ifr.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(sock, SIOCSIFFLAGS, &ifr))
		complain("link up", name);
}

static void address4(int sock, const char *name, const char *text)
{
	struct ifreq ifr = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&ifr.ifr_addr;

	strcpy(ifr.ifr_name, name);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, text, &in->sin_addr);
	if (ioctl(sock, SIOCSIFADDR, &ifr))
		complain("address", text);
	inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
	if (ioctl(sock, SIOCSIFNETMASK, &ifr))
		complain("netmask", text);
}

static void address6(const char *name, const char *text)
{
	struct in6_ifreq ifr = { .ifr6_prefixlen = 64 };
	int sock = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ifr.ifr6_ifindex = if_nametoindex(name);
	inet_pton(AF_INET6, text, &ifr.ifr6_addr);
	if (sock < 0 || ioctl(sock, SIOCSIFADDR, &ifr))
		complain("address", text);
	if (sock >= 0)
		close(sock);
}

static void network(int node)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[32];

	snprintf(text, sizeof(text), "n%d", node);
	if (sethostname(text, strlen(text)))
		complain("hostname", text);
	link_up(sock, "lo");
	if (!if_nametoindex("eth0")) {
		close(sock);
		return;
	}
	put("/proc/sys/net/ipv6/conf/eth0/accept_dad", "0");
	put("/proc/sys/net/ipv6/conf/eth0/router_solicitations", "0");
	snprintf(text, sizeof(text), "10.0.0.%d", node);
	address4(sock, "eth0", text);
	link_up(sock, "eth0");
	snprintf(text, sizeof(text), "fd00::%d", node);
	address6("eth0", text);
	close(sock);
}

void init_boot(void)
{
	struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };

	umask(022);
	mount_all();
	setrlimit(RLIMIT_CORE, &core);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "linux", 1);
	setenv("LANG", "C", 1);
	mkdir("/root", 0700);
	if (chdir("/root"))
		complain("chdir", "/root");
	load_modules();
	network(node_number());
	put("/proc/sys/kernel/printk", "7 4 1 7");
	/* The console's judge takes every line after this one as a finding. */
	kmsg("boot finished");
}

/* Unmounts from the newest mount back; what is busy is left behind. */
static void unmount_all(void)
{
	char lines[64][256];
	char line[1024];
	FILE *mounts = fopen("/proc/mounts", "r");
	int n = 0;

	if (!mounts)
		return;
	while (n < 64 && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %255s", lines[n]) == 1)
			n++;
	fclose(mounts);
	while (n--)
		if (!strncmp(lines[n], "/mnt", 4) || !strncmp(lines[n], "/root/", 6))
			if (umount(lines[n]))
				complain("umount", lines[n]);
}

void init_poweroff(void)
{
	int i;

	kill(-1, SIGTERM);
	for (i = 0; i < 20 && waitpid(-1, NULL, WNOHANG) >= 0; i++)
		usleep(20000);
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	unmount_all();
	sync();
	kmsg("power off");
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
