// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../kernel/core/crc.h"
#include "../kernel/uapi/raftblk.h"
#include "address.h"
#include "nl.h"

static const char *parse_port(const char *text, u16 *port)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return "the port is not a number";
	n = strtoul(text, &end, 10);
	if (*end || !n || n > 65535)
		return "the port is not a number from 1 to 65535";
	*port = n;
	return NULL;
}

/* Nobody can listen on these for one member. */
static const char *check_ip(const struct raftblk_addr *addr)
{
	static const u8 zero[16];

	if (!memcmp(addr->ip, zero, addr->family == 4 ? 4 : 16))
		return "the address must be one the other members can reach, not 'any'";
	if (addr->family == 4 ? addr->ip[0] >= 224 : addr->ip[0] == 0xff)
		return "a multicast or broadcast address cannot be used";
	if (addr->family == 6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80)
		return "a link-local address cannot be used: it means nothing to other machines";
	return NULL;
}

const char *address_parse(const char *text, struct raftblk_addr *addr)
{
	char host[INET6_ADDRSTRLEN];
	const char *port = NULL, *end, *why;
	size_t len;

	memset(addr, 0, sizeof(*addr));
	addr->port = RAFTBLK_DEFAULT_PORT;
	if (text[0] == '[') {
		text++;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return "an IPv6 address with a port is written [ADDR]:PORT";
		port = end[1] ? end + 2 : NULL;
	} else {
		end = strchr(text, ':');
		if (end && strchr(end + 1, ':'))	/* more than one: IPv6 without a port */
			end = NULL;
		port = end ? end + 1 : NULL;
		if (!end)
			end = text + strlen(text);
	}
	len = end - text;
	if (!len || len >= sizeof(host))
		return "not an IP address";
	memcpy(host, text, len);
	host[len] = 0;
	if (inet_pton(AF_INET, host, addr->ip) == 1)
		addr->family = 4;
	else if (inet_pton(AF_INET6, host, addr->ip) == 1)
		addr->family = 6;
	else
		return "not an IP address (names are not looked up)";
	why = check_ip(addr);
	if (why || !port)
		return why;
	return parse_port(port, &addr->port);
}

char *address_format(const struct raftblk_addr *addr, char *buf)
{
	char host[INET6_ADDRSTRLEN] = "?";

	inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->ip, host, sizeof(host));
	snprintf(buf, ADDRESS_TEXT, addr->family == 4 ? "%s:%u" : "[%s]:%u", host, addr->port);
	return buf;
}

int address_is_local(const struct raftblk_addr *addr)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int fd = socket(addr->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	memcpy(&in4.sin_addr, addr->ip, 4);
	memcpy(&in6.sin6_addr, addr->ip, 16);
	/* Port 0: another volume may listen on the right one, and both can share it. */
	if (addr->family == 4)
		err = bind(fd, (struct sockaddr *)&in4, sizeof(in4));
	else
		err = bind(fd, (struct sockaddr *)&in6, sizeof(in6));
	if (err)
		err = -errno;
	close(fd);
	return err;
}

void address_put(struct nlmsghdr *nlh, u16 attr, const struct raftblk_addr *addr)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, attr);

	mnl_attr_put(nlh, RAFTBLK_A_ADDRESS_IP, addr->family == 4 ? 4 : 16, addr->ip);
	mnl_attr_put_u16(nlh, RAFTBLK_A_ADDRESS_PORT, addr->port);
	mnl_attr_nest_end(nlh, nest);
}

int address_from_json(struct json_object *j, struct raftblk_addr *addr)
{
	const char *ip = j_str(j, "ip");

	memset(addr, 0, sizeof(*addr));
	addr->port = j_u64(j, "port");
	addr->family = strchr(ip, ':') ? 6 : 4;
	return inet_pton(addr->family == 4 ? AF_INET : AF_INET6, ip, addr->ip) == 1 ? 0 : -1;
}

#define TOKEN_PREFIX	"rb1"
#define TOKEN_BYTES	(16 + RAFTBLK_KEY_LEN + 4)

static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";

char *token_format(const struct token *t, char *buf)
{
	u8 raw[TOKEN_BYTES];
	u32 acc = 0;
	int bits = 0;
	char *p = buf;

	memcpy(raw, t->uuid, 16);
	memcpy(raw + 16, t->key, RAFTBLK_KEY_LEN);
	*(__le32 *)(raw + TOKEN_BYTES - 4) = cpu_to_le32(raftblk_crc(raw, TOKEN_BYTES - 4));
	p += sprintf(p, TOKEN_PREFIX);
	for (int i = 0; i < TOKEN_BYTES; i++) {
		acc = acc << 8 | raw[i];
		for (bits += 8; bits >= 5; bits -= 5)
			*p++ = base32[acc >> (bits - 5) & 31];
	}
	if (bits)
		*p++ = base32[acc << (5 - bits) & 31];
	*p = 0;
	explicit_bzero(raw, sizeof(raw));
	return buf;
}

const char *token_parse(const char *text, struct token *t)
{
	u8 raw[TOKEN_BYTES];
	size_t len;
	u32 acc = 0;
	int bits = 0, n = 0;

	text += strspn(text, " \t\r\n");
	len = strcspn(text, " \t\r\n");
	if (text[len + strspn(text + len, " \t\r\n")] || len != TOKEN_TEXT - 1 ||
	    strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)))
		return "this is no token: it has 87 characters and begins with 'rb1'";
	for (size_t i = strlen(TOKEN_PREFIX); i < len; i++) {
		const char *digit = strchr(base32, tolower((unsigned char)text[i]));

		if (!digit || !*digit)
			return "the token has a character that cannot be in one";
		acc = acc << 5 | (digit - base32);
		bits += 5;
		if (bits >= 8 && n < TOKEN_BYTES) {
			bits -= 8;
			raw[n++] = acc >> bits;
		}
	}
	if (raftblk_crc(raw, TOKEN_BYTES - 4) != le32_to_cpu(*(__le32 *)(raw + TOKEN_BYTES - 4)))
		return "the token is damaged: a character was lost or changed";
	memcpy(t->uuid, raw, 16);
	memcpy(t->key, raw + 16, RAFTBLK_KEY_LEN);
	explicit_bzero(raw, sizeof(raw));
	return NULL;
}
