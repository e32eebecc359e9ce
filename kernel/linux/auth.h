/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The handshake: each side proves to the other that it has the volume's key,
 * and both agree on who they are and what they can do.
 *
 *	client				server
 *	  HELLO	(who, whom, nonce)  ->
 *		<-  CHALLENGE (who, nonce, MAC over both)
 *	  RESPONSE (MAC over both)  ->
 *		<-  WELCOME, or REMOVED (MAC over both), or REFUSED at any point
 *
 * The client checks the server's MAC before it sends its own, so somebody who
 * merely accepts connections learns nothing that was made with the key.  The
 * labels of the two MACs differ and both cover both nonces, ids and
 * incarnations: neither can be had from the other side by asking it something
 * else (reflection), nor be used again in another handshake (replay), nor with
 * another member.
 */
#ifndef RAFTBLK_AUTH_H
#define RAFTBLK_AUTH_H

#include "sock.h"

struct crypto_shash;

#define RAFTBLK_AUTH_TIMEOUT	(5 * HZ)	/* the whole handshake */

/* features of a connection; none yet */
#define RAFTBLK_CONN_COMPAT	0ULL	/* those this code can use */
#define RAFTBLK_CONN_INCOMPAT	0ULL	/* those this code knows */

/**
 * struct raftblk_auth - one handshake, either side
 * @hmac: keyed with the volume's key; shared, its state does not change
 * @role: RAFTBLK_CONN_*
 * @uuid: the volume
 * @id, @incarnation: this side; id is 0 for one that wants to join
 * @peer_id, @peer_incarnation: the other side.  Client: whom it wants to
 *	reach, and checked (0: anybody, with role JOIN).  Server: filled in.
 * @compat: features that both can use; filled in
 * @version: of the protocol; filled in
 * @deadline: in jiffies
 * @hello, @challenge: what was said
 * @frame: work space
 */
struct raftblk_auth {
	struct crypto_shash *hmac;
	u8 role;
	u8 version;
	u8 uuid[16];
	u8 incarnation[16];
	u8 peer_incarnation[16];
	u32 id;
	u32 peer_id;
	u64 compat;
	unsigned long deadline;
	struct raftblk_wire_hello hello;
	struct raftblk_wire_challenge challenge;
	struct raftblk_frame frame;
};

/* A keyed HMAC-SHA256, or ERR_PTR.  May sleep. */
struct crypto_shash *raftblk_auth_hmac(const u8 *key);

/**
 * raftblk_auth_derive() - another key from the volume's key
 * @label: what for
 * @out: the first @bytes of HMAC-SHA256(key, label), RAFTBLK_MAC_LEN at most
 */
int raftblk_auth_derive(const u8 *key, const char *label, void *out, u32 bytes);

/**
 * raftblk_auth_client() - the side that connected
 *
 * Return: 0; -EKEYREJECTED: the other side has another key; -EREMCHG: it is
 * not the member we wanted; what it refused us with (-ENOENT: no such volume,
 * -EACCES: our proof is wrong, ...); -EIDRM: it has proved that we were removed; -EPROTO, -ETIMEDOUT, -ECONNRESET, -EINTR.
 */
int raftblk_auth_client(struct raftblk_auth *a, struct socket *sock);

/**
 * raftblk_auth_hello() - server: read HELLO, which says for which volume
 *
 * Fills @a->uuid, @a->role, @a->peer_id, @a->peer_incarnation: claims, as yet.
 *
 * Return: 0; -EPROTO and the like; then the connection is to be dropped.
 */
int raftblk_auth_hello(struct raftblk_auth *a, struct socket *sock);

/**
 * raftblk_auth_server() - server: challenge, and check the response
 *
 * @a->hmac, @a->id and @a->incarnation are set.
 *
 * Return: 0: the claims in HELLO are true, and raftblk_auth_verdict() has to be
 * called; -EACCES: they are not (it has been told); -EPROTONOSUPPORT: no common
 * version or unknown incompatible features (likewise); others.
 */
int raftblk_auth_server(struct raftblk_auth *a, struct socket *sock);

/* Server: WELCOME if @err is 0, REMOVED if it is -EIDRM, REFUSED with it otherwise. */
int raftblk_auth_verdict(struct raftblk_auth *a, struct socket *sock, int err);

#endif /* RAFTBLK_AUTH_H */
