/* SPDX-License-Identifier: GPL-2.0 */
/* What spec_gen.c says about the netlink attributes: enough to decode any message. */
#ifndef RAFTBLK_SPEC_H
#define RAFTBLK_SPEC_H

#include "../kernel/core/port.h"
#include "../kernel/uapi/raftblk.h"

enum spec_type {
	SPEC_NONE,		/* no such attribute */
	SPEC_PAD,
	SPEC_FLAG,
	SPEC_BOOL,		/* one byte, 0 or 1 */
	SPEC_U8,
	SPEC_U16,
	SPEC_U32,
	SPEC_U64,
	SPEC_S32,
	SPEC_S64,
	SPEC_STRING,
	SPEC_BINARY,
	SPEC_NEST,
};

enum spec_hint {
	SPEC_HINT_HEX,
	SPEC_HINT_UUID,
	SPEC_HINT_IPV6,		/* or IPv4: the length tells */
};

/**
 * struct spec_enum - names of the values of an enum, or of the bits of flags
 */
struct spec_enum {
	const char *const *names;
	unsigned int nr;
};

struct spec_set;

/**
 * struct spec_attr - one attribute
 * @name: as in the specification, with underscores: also its name in JSON
 * @min_len, @max_len: of binary and string payload
 * @values: names of its values, or NULL; @flags: they are bits
 * @nested: what is inside a nest
 * @multi: may occur more than once: an array in JSON, named with an s behind
 */
struct spec_attr {
	const char *name;
	enum spec_type type;
	enum spec_hint hint;
	u16 min_len;
	u16 max_len;
	const struct spec_enum *values;
	bool flags;
	const struct spec_set *nested;
	bool multi;
};

struct spec_set {
	const struct spec_attr *attrs;
	unsigned int max;
};

#endif /* RAFTBLK_SPEC_H */
