/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses of members, and the token that lets a machine join. */
#ifndef RAFTBLK_ADDRESS_H
#define RAFTBLK_ADDRESS_H

#include <json-c/json.h>

#include "../kernel/core/config.h"

struct nlmsghdr;

/* ADDR, ADDR:PORT or [ADDR6]:PORT; numbers, no names.  NULL, or what is wrong. */
const char *address_parse(const char *text, struct raftblk_addr *addr);

/* @buf: ADDRESS_TEXT bytes; returns it */
#define ADDRESS_TEXT	64
char *address_format(const struct raftblk_addr *addr, char *buf);

/* Could this machine listen there?  0 or -errno (-EADDRNOTAVAIL: not its address). */
int address_is_local(const struct raftblk_addr *addr);

void address_put(struct nlmsghdr *nlh, u16 attr, const struct raftblk_addr *addr);

/* From a member's "address" in JSON.  0 or -1. */
int address_from_json(struct json_object *j, struct raftblk_addr *addr);

/**
 * struct token - what a machine needs to be let in
 */
struct token {
	u8 uuid[16];
	u8 key[RAFTBLK_KEY_LEN];
};

/* "rb1" and 84 characters of base 32 over uuid, key and their CRC32C.
 * @buf: TOKEN_TEXT bytes
 */
#define TOKEN_TEXT	(3 + 84 + 1)
char *token_format(const struct token *t, char *buf);

/* NULL, or what is wrong.  White space around it is skipped. */
const char *token_parse(const char *text, struct token *t);

#endif /* RAFTBLK_ADDRESS_H */
