/* SPDX-License-Identifier: GPL-2.0 */
/* Generic netlink: asking the module, and hearing its events. */
#ifndef RAFTBLK_NL_H
#define RAFTBLK_NL_H

#include <json-c/json.h>
#include <libmnl/libmnl.h>

#include "spec_gen.h"

#define NL_ERROR_MAX	256

/**
 * struct nl - a connection to the module
 * @sock: the socket
 * @family: number of the family
 * @group: number of the multicast group
 * @portid: ours
 * @seq: of the last request
 * @error: after a refusal: the kernel's sentence, or the text of the errno
 * @buf: work space
 */
struct nl {
	struct mnl_socket *sock;
	u16 family;
	u32 group;
	unsigned int portid;
	unsigned int seq;
	char error[NL_ERROR_MAX];
	char *buf;
};

/* Connects; loads the module where it is missing (unless @quiet: then nothing is
 * loaded or said).  EXIT_OK, or an exit code and the error has been shown.
 */
int nl_open(struct nl *nl, bool quiet);
void nl_close(struct nl *nl);

/* A request that is begun; put attributes, then nl_call(). */
struct nlmsghdr *nl_request(struct nl *nl, u8 cmd);

/* Which volume: a name, /dev/raftblk/NAME, /dev/raftblkN or raftblkN. */
void nl_put_volume(struct nlmsghdr *nlh, const char *which);

/* Send and wait for the answer.  0 or -errno with nl->error set.
 * @set, @reply: how to read the answer and where to; NULL if none is expected
 */
int nl_call(struct nl *nl, struct nlmsghdr *nlh, const struct spec_set *set,
	    struct json_object **reply);

/* State of all volumes, as an array; 0 or -errno. */
int nl_dump(struct nl *nl, struct json_object **volumes);

/* State of one, or of all if @which is NULL, as an array. */
int nl_get(struct nl *nl, const char *which, struct json_object **volumes);

/* The same, but an error is told.  EXIT_OK or an exit code. */
int nl_show(struct nl *nl, const char *which, struct json_object **volumes);

/* Subscribe on a connection used for nothing else. */
int nl_subscribe(struct nl *nl);

/* Waits up to @timeout_ms (-1: for ever) for events.
 * Return: 1 and @event is set; 0: none in time; -ENOBUFS: some were lost; -errno.
 */
int nl_event(struct nl *nl, int timeout_ms, struct json_object **event);

/* Attributes as a JSON object, NULL if they are malformed. */
struct json_object *nl_to_json(const struct spec_set *set, const void *attrs, size_t len);

/* Fields of such an object; 0, "" or false if not there. */
u64 j_u64(struct json_object *j, const char *name);
s64 j_s64(struct json_object *j, const char *name);
const char *j_str(struct json_object *j, const char *name);
bool j_bool(struct json_object *j, const char *name);
struct json_object *j_get(struct json_object *j, const char *name);

#endif /* RAFTBLK_NL_H */
