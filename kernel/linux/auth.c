// SPDX-License-Identifier: GPL-2.0
/* The handshake, see auth.h. */
#include <crypto/algapi.h>
#include <crypto/hash.h>
#include <linux/errno.h>
#include <linux/random.h>

#include "auth.h"

static const char server_label[] = "raftblk server";
static const char client_label[] = "raftblk client";
static const char removed_label[] = "raftblk removed";

static_assert(sizeof(struct raftblk_wire_hello) == 96);
static_assert(sizeof(struct raftblk_wire_challenge) == 96);
static_assert(sizeof(struct raftblk_wire_response) == 32);

struct crypto_shash *raftblk_auth_hmac(const u8 *key)
{
	struct crypto_shash *tfm = crypto_alloc_shash("hmac(sha256)", 0, 0);
	int err;

	if (IS_ERR(tfm))
		return tfm;
	err = crypto_shash_setkey(tfm, key, RAFTBLK_KEY_LEN);
	if (!err && crypto_shash_digestsize(tfm) != RAFTBLK_MAC_LEN)
		err = -EINVAL;
	if (err) {
		crypto_free_shash(tfm);
		return ERR_PTR(err);
	}
	return tfm;
}

int raftblk_auth_derive(const u8 *key, const char *label, void *out, u32 bytes)
{
	struct crypto_shash *tfm = raftblk_auth_hmac(key);
	u8 mac[RAFTBLK_MAC_LEN];
	int err;

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	err = crypto_shash_tfm_digest(tfm, (const u8 *)label, strlen(label), mac);
	if (!err)
		memcpy(out, mac, bytes);
	memzero_explicit(mac, sizeof(mac));
	crypto_free_shash(tfm);
	return err;
}

/* HMAC over label (without its NUL), HELLO, and @challenge_bytes of CHALLENGE. */
static int auth_mac(const struct raftblk_auth *a, const char *label, u32 label_bytes,
		    u32 challenge_bytes, u8 *mac)
{
	SHASH_DESC_ON_STACK(desc, a->hmac);
	int err;

	desc->tfm = a->hmac;
	err = crypto_shash_init(desc);
	if (!err)
		err = crypto_shash_update(desc, (const u8 *)label, label_bytes);
	if (!err)
		err = crypto_shash_update(desc, (const u8 *)&a->hello, sizeof(a->hello));
	if (!err)
		err = crypto_shash_finup(desc, (const u8 *)&a->challenge, challenge_bytes, mac);
	shash_desc_zero(desc);
	return err;
}

/* Covers the challenge up to the MAC itself. */
static int server_mac(const struct raftblk_auth *a, u8 *mac)
{
	return auth_mac(a, server_label, sizeof(server_label) - 1,
			offsetof(struct raftblk_wire_challenge, mac), mac);
}

/* Covers all of the challenge, the server's MAC too. */
static int client_mac(const struct raftblk_auth *a, u8 *mac)
{
	return auth_mac(a, client_label, sizeof(client_label) - 1, sizeof(a->challenge), mac);
}

/* Sent by the server as well, who has made the challenge. */
static int removed_mac(const struct raftblk_auth *a, u8 *mac)
{
	return auth_mac(a, removed_label, sizeof(removed_label) - 1, sizeof(a->challenge), mac);
}

/* -EIDRM, if it comes from a member: what else says so is not to be believed. */
static int check_removed(const struct raftblk_auth *a)
{
	u8 mac[RAFTBLK_MAC_LEN];

	if (removed_mac(a, mac) || crypto_memneq(mac, a->frame.body, sizeof(mac)))
		return -EPROTO;
	return -EIDRM;
}

/* The next message, which must be of @type and as long as @bytes. */
static int auth_expect(struct raftblk_auth *a, struct socket *sock, u8 type, void *body,
		       u16 bytes)
{
	const struct raftblk_wire_header *h = &a->frame.header;
	struct raftblk_msg m;
	u32 status;
	int err;

	err = raftblk_frame_recv(sock, &a->frame, &m, a->deadline);
	if (err)
		return err;
	if (h->type == RAFTBLK_WIRE_REFUSED) {
		status = le32_to_cpu(h->status);
		if (!status || status >= MAX_ERRNO || status == EIDRM)
			return -EPROTO;
		return -(int)status;
	}
	/* The only answer to a proof besides WELCOME that is a proof itself. */
	if (h->type == RAFTBLK_WIRE_REMOVED && type == RAFTBLK_WIRE_WELCOME)
		return check_removed(a);
	if (h->type != type || le16_to_cpu(h->body_bytes) != bytes)
		return -EPROTO;
	if (bytes)
		memcpy(body, a->frame.body, bytes);
	return 0;
}

static int auth_send(struct raftblk_auth *a, struct socket *sock, u8 type, int status,
		     const void *body, u16 bytes)
{
	return raftblk_frame_send(sock, &a->frame, type, status, body, bytes, a->deadline);
}

static int client_check_server(struct raftblk_auth *a)
{
	const struct raftblk_wire_challenge *c = &a->challenge;
	u8 mac[RAFTBLK_MAC_LEN];
	int err;

	/* before anything else in the challenge is believed */
	err = server_mac(a, mac);
	if (err)
		return err;
	if (crypto_memneq(mac, c->mac, sizeof(mac)))
		return -EKEYREJECTED;
	/* another member may have come to live at this address, or this one
	 * on another disk: its promises are not those of the one we know
	 */
	if (a->peer_id && (le32_to_cpu(c->node_id) != a->peer_id ||
			   memcmp(c->incarnation, a->peer_incarnation, 16)))
		return -EREMCHG;
	if (c->version != RAFTBLK_WIRE_VERSION)
		return -EPROTONOSUPPORT;
	a->version = c->version;
	a->compat = le64_to_cpu(c->compat) & RAFTBLK_CONN_COMPAT;
	return 0;
}

int raftblk_auth_client(struct raftblk_auth *a, struct socket *sock)
{
	struct raftblk_wire_hello *h = &a->hello;
	struct raftblk_wire_response resp;
	int err;

	memset(h, 0, sizeof(*h));
	memcpy(h->uuid, a->uuid, sizeof(h->uuid));
	memcpy(h->incarnation, a->incarnation, sizeof(h->incarnation));
	h->node_id = cpu_to_le32(a->id);
	h->to_id = cpu_to_le32(a->peer_id);
	h->role = a->role;
	h->version_min = RAFTBLK_WIRE_VERSION;
	h->version_max = RAFTBLK_WIRE_VERSION;
	h->compat = cpu_to_le64(RAFTBLK_CONN_COMPAT);
	get_random_bytes(h->nonce, sizeof(h->nonce));

	err = auth_send(a, sock, RAFTBLK_WIRE_HELLO, 0, h, sizeof(*h));
	if (!err)
		err = auth_expect(a, sock, RAFTBLK_WIRE_CHALLENGE, &a->challenge,
				  sizeof(a->challenge));
	if (!err)
		err = client_check_server(a);
	if (!err)
		err = client_mac(a, resp.mac);
	if (!err)
		err = auth_send(a, sock, RAFTBLK_WIRE_RESPONSE, 0, &resp, sizeof(resp));
	if (!err)
		err = auth_expect(a, sock, RAFTBLK_WIRE_WELCOME, NULL, 0);
	return err;
}

int raftblk_auth_hello(struct raftblk_auth *a, struct socket *sock)
{
	const struct raftblk_wire_hello *h = &a->hello;
	int err;

	err = auth_expect(a, sock, RAFTBLK_WIRE_HELLO, &a->hello, sizeof(a->hello));
	if (err)
		return err;
	if (h->role > RAFTBLK_CONN_JOIN)
		return -EPROTO;
	a->role = h->role;
	memcpy(a->uuid, h->uuid, sizeof(a->uuid));
	memcpy(a->peer_incarnation, h->incarnation, sizeof(a->peer_incarnation));
	a->peer_id = le32_to_cpu(h->node_id);
	return 0;
}

int raftblk_auth_server(struct raftblk_auth *a, struct socket *sock)
{
	const struct raftblk_wire_hello *h = &a->hello;
	struct raftblk_wire_challenge *c = &a->challenge;
	struct raftblk_wire_response resp;
	u8 mac[RAFTBLK_MAC_LEN];
	int err;

	if (h->version_min > RAFTBLK_WIRE_VERSION || h->version_max < RAFTBLK_WIRE_VERSION ||
	    le64_to_cpu(h->incompat) & ~RAFTBLK_CONN_INCOMPAT) {
		raftblk_auth_verdict(a, sock, -EPROTONOSUPPORT);
		return -EPROTONOSUPPORT;
	}
	a->version = RAFTBLK_WIRE_VERSION;
	a->compat = le64_to_cpu(h->compat) & RAFTBLK_CONN_COMPAT;

	memset(c, 0, sizeof(*c));
	memcpy(c->incarnation, a->incarnation, sizeof(c->incarnation));
	c->node_id = cpu_to_le32(a->id);
	c->version = a->version;
	c->compat = cpu_to_le64(a->compat);
	get_random_bytes(c->nonce, sizeof(c->nonce));
	err = server_mac(a, c->mac);
	if (!err)
		err = auth_send(a, sock, RAFTBLK_WIRE_CHALLENGE, 0, c, sizeof(*c));
	if (!err)
		err = auth_expect(a, sock, RAFTBLK_WIRE_RESPONSE, &resp, sizeof(resp));
	if (!err)
		err = client_mac(a, mac);
	if (err)
		return err;
	if (crypto_memneq(mac, resp.mac, sizeof(mac))) {
		raftblk_auth_verdict(a, sock, -EACCES);
		return -EACCES;
	}
	return 0;
}

int raftblk_auth_verdict(struct raftblk_auth *a, struct socket *sock, int err)
{
	u8 mac[RAFTBLK_MAC_LEN];

	if (err == -EIDRM) {
		err = removed_mac(a, mac);
		return err ?: auth_send(a, sock, RAFTBLK_WIRE_REMOVED, 0, mac, sizeof(mac));
	}
	if (err)
		return auth_send(a, sock, RAFTBLK_WIRE_REFUSED, -err, NULL, 0);
	return auth_send(a, sock, RAFTBLK_WIRE_WELCOME, 0, NULL, 0);
}
