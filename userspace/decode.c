// SPDX-License-Identifier: GPL-2.0
/* Netlink attributes as JSON, by the tables made from the specification. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "nl.h"
#include "tool.h"

static struct json_object *binary_json(const struct spec_attr *a, const void *data, u16 len)
{
	const u8 *p = data;
	char text[2 * 64 + 1];

	switch (a->hint) {
	case SPEC_HINT_UUID:
		return json_object_new_string(format_uuid(p, text));
	case SPEC_HINT_IPV6:
		if (len != 4 && len != 16)
			return NULL;
		if (!inet_ntop(len == 4 ? AF_INET : AF_INET6, p, text, sizeof(text)))
			return NULL;
		return json_object_new_string(text);
	case SPEC_HINT_HEX:
		break;
	}
	for (u16 i = 0; i < len && i < 64; i++)
		sprintf(text + 2 * i, "%02x", p[i]);
	text[2 * min(len, 64)] = 0;
	return json_object_new_string(text);
}

static struct json_object *flags_json(const struct spec_enum *e, u32 value)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < e->nr; i++) {
		if (value & (1U << i))
			json_object_array_add(list, json_object_new_string(e->names[i]));
	}
	return list;
}

/* A value the table has no name for comes from a newer module: shown as a number. */
static struct json_object *number_json(const struct spec_attr *a, u64 value)
{
	if (a->values && a->flags)
		return flags_json(a->values, value);
	if (a->values && value < a->values->nr)
		return json_object_new_string(a->values->names[value]);
	return json_object_new_uint64(value);
}

static size_t fixed_len(enum spec_type type)
{
	switch (type) {
	case SPEC_BOOL:
	case SPEC_U8:
		return 1;
	case SPEC_U16:
		return 2;
	case SPEC_U32:
	case SPEC_S32:
		return 4;
	case SPEC_U64:
	case SPEC_S64:
		return 8;
	default:
		return 0;
	}
}

/* NULL if the attribute is malformed. */
static struct json_object *attr_json(const struct spec_attr *a, const struct nlattr *attr)
{
	u16 len = mnl_attr_get_payload_len(attr);
	const void *data = mnl_attr_get_payload(attr);

	if (fixed_len(a->type) && len != fixed_len(a->type))
		return NULL;
	switch (a->type) {
	case SPEC_FLAG:
		return json_object_new_boolean(true);
	case SPEC_BOOL:
		return json_object_new_boolean(mnl_attr_get_u8(attr));
	case SPEC_U8:
		return number_json(a, mnl_attr_get_u8(attr));
	case SPEC_U16:
		return number_json(a, mnl_attr_get_u16(attr));
	case SPEC_U32:
		return number_json(a, mnl_attr_get_u32(attr));
	case SPEC_U64:
		return number_json(a, mnl_attr_get_u64(attr));
	case SPEC_S32:
		return json_object_new_int64((s32)mnl_attr_get_u32(attr));
	case SPEC_S64:
		return json_object_new_int64((s64)mnl_attr_get_u64(attr));
	case SPEC_STRING:
		return json_object_new_string_len(data, strnlen(data, len));
	case SPEC_BINARY:
		if (len < a->min_len || len > a->max_len)
			return NULL;
		return binary_json(a, data, len);
	case SPEC_NEST:
		return nl_to_json(a->nested, data, len);
	default:
		return NULL;
	}
}

static void add_multi(struct json_object *j, const char *name, struct json_object *value)
{
	struct json_object *list;
	char plural[64];

	snprintf(plural, sizeof(plural), "%ss", name);
	if (!json_object_object_get_ex(j, plural, &list)) {
		list = json_object_new_array();
		json_object_object_add(j, plural, list);
	}
	json_object_array_add(list, value);
}

struct json_object *nl_to_json(const struct spec_set *set, const void *attrs, size_t len)
{
	struct json_object *j = json_object_new_object(), *value;
	const struct nlattr *attr = attrs;

	while (mnl_attr_ok(attr, (const char *)attrs + len - (const char *)attr)) {
		u16 type = mnl_attr_get_type(attr);
		const struct spec_attr *a = type <= set->max ? &set->attrs[type] : NULL;

		/* What is unknown comes from a newer module and is left out. */
		if (a && a->type != SPEC_NONE && a->type != SPEC_PAD) {
			value = attr_json(a, attr);
			if (!value) {
				json_object_put(j);
				return NULL;
			}
			if (a->multi)
				add_multi(j, a->name, value);
			else
				json_object_object_add(j, a->name, value);
		}
		attr = mnl_attr_next(attr);
	}
	return j;
}

struct json_object *j_get(struct json_object *j, const char *name)
{
	struct json_object *value = NULL;

	if (j)
		json_object_object_get_ex(j, name, &value);
	return value;
}

u64 j_u64(struct json_object *j, const char *name)
{
	return json_object_get_uint64(j_get(j, name));
}

s64 j_s64(struct json_object *j, const char *name)
{
	return json_object_get_int64(j_get(j, name));
}

const char *j_str(struct json_object *j, const char *name)
{
	const char *s = json_object_get_string(j_get(j, name));

	return s ? s : "";
}

bool j_bool(struct json_object *j, const char *name)
{
	return json_object_get_boolean(j_get(j, name));
}
