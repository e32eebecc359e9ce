// SPDX-License-Identifier: GPL-2.0
/* Made by userspace/gen/specgen from Documentation/netlink/raftblk.yaml; do not edit. */
#include "spec_gen.h"

static const char *const spec_role_names[] = {
	"follower",
	"precandidate",
	"candidate",
	"leader",
};

const struct spec_enum spec_role = {
	.names = spec_role_names,
	.nr = 4,
};

static const char *const spec_progress_names[] = {
	"probe",
	"stream",
	"behind",
};

const struct spec_enum spec_progress = {
	.names = spec_progress_names,
	.nr = 3,
};

static const char *const spec_member_flag_names[] = {
	"old",
	"new",
	"promote",
	"witness",
	"stays",
};

const struct spec_enum spec_member_flag = {
	.names = spec_member_flag_names,
	.nr = 5,
};

static const char *const spec_member_change_names[] = {
	"remove",
	"set",
};

const struct spec_enum spec_member_change = {
	.names = spec_member_change_names,
	.nr = 2,
};

static const char *const spec_part_names[] = {
	"voter",
	"learner",
};

const struct spec_enum spec_part = {
	.names = spec_part_names,
	.nr = 2,
};

static const char *const spec_event_kind_names[] = {
	"up",
	"down",
	"role",
	"leader",
	"owner",
	"fenced",
	"config",
	"behind",
	"fault",
	"proven",
	"catchup-begin",
	"catchup-source",
	"catchup-end",
	"removed",
	"waits-for-data",
	"read-repaired",
	"repair-failed",
	"verify-differs",
	"verify-end",
	"mended",
	"resized",
	"older-disk",
};

const struct spec_enum spec_event_kind = {
	.names = spec_event_kind_names,
	.nr = 22,
};

const bool spec_cmd_dump[RAFTBLK_CMD_MAX + 1] = {
	[RAFTBLK_CMD_UP] = true,
	[RAFTBLK_CMD_DOWN] = true,
	[RAFTBLK_CMD_TRANSFER] = true,
	[RAFTBLK_CMD_MEMBER] = true,
	[RAFTBLK_CMD_RESIZE] = true,
	[RAFTBLK_CMD_JOIN] = true,
};

static const struct spec_attr spec_set_volume_attrs[] = {
	[RAFTBLK_A_VOLUME_PAD] = {
		.name = "pad", .type = SPEC_PAD,
	},
	[RAFTBLK_A_VOLUME_PATH] = {
		.name = "path", .type = SPEC_STRING, .max_len = 4095,
	},
	[RAFTBLK_A_VOLUME_NAME] = {
		.name = "name", .type = SPEC_STRING, .max_len = 31,
	},
	[RAFTBLK_A_VOLUME_MINOR] = {
		.name = "minor", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_FORCE] = {
		.name = "force", .type = SPEC_FLAG,
	},
	[RAFTBLK_A_VOLUME_UUID] = {
		.name = "uuid", .type = SPEC_BINARY, .hint = SPEC_HINT_UUID, .min_len = 16,
		.max_len = 16,
	},
	[RAFTBLK_A_VOLUME_KEY] = {
		.name = "key", .type = SPEC_BINARY, .hint = SPEC_HINT_HEX, .min_len = 32,
		.max_len = 32,
	},
	[RAFTBLK_A_VOLUME_TO] = {
		.name = "to", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_IO_TIMEOUT] = {
		.name = "io_timeout", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_QUORUM_READS] = {
		.name = "quorum_reads", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_VOLUME_SIZE] = {
		.name = "size", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_BLOCK_SIZE] = {
		.name = "block_size", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_NODE_ID] = {
		.name = "node_id", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_ROLE] = {
		.name = "role", .type = SPEC_U32, .values = &spec_role,
	},
	[RAFTBLK_A_VOLUME_TERM] = {
		.name = "term", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_LEADER] = {
		.name = "leader", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_OWNER] = {
		.name = "owner", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_OWNER_TOKEN] = {
		.name = "owner_token", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_OPENERS] = {
		.name = "openers", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_FENCED] = {
		.name = "fenced", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_VOLUME_QUORUM] = {
		.name = "quorum", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_VOLUME_COMMIT] = {
		.name = "commit", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_APPLIED] = {
		.name = "applied", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_FIRST] = {
		.name = "first", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_LAST] = {
		.name = "last", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_DURABLE] = {
		.name = "durable", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_CHECKPOINT] = {
		.name = "checkpoint", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_LOG_SIZE] = {
		.name = "log_size", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_LOG_USAGE] = {
		.name = "log_usage", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_PROOF] = {
		.name = "proof", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_FAULT] = {
		.name = "fault", .type = SPEC_S32,
	},
	[RAFTBLK_A_VOLUME_BEHIND] = {
		.name = "behind", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_VOLUME_CONFIG_INDEX] = {
		.name = "config_index", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_STATS] = {
		.name = "stats", .type = SPEC_NEST, .nested = &spec_set_stats,
	},
	[RAFTBLK_A_VOLUME_MEMBER] = {
		.name = "member", .type = SPEC_NEST, .nested = &spec_set_member, .multi = true,
	},
	[RAFTBLK_A_VOLUME_EXTENT_SIZE] = {
		.name = "extent_size", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_CATCHUP] = {
		.name = "catchup", .type = SPEC_NEST, .nested = &spec_set_catchup,
	},
	[RAFTBLK_A_VOLUME_RATE_MIN] = {
		.name = "rate_min", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_RATE_MAX] = {
		.name = "rate_max", .type = SPEC_U64,
	},
	[RAFTBLK_A_VOLUME_MEMBER_CHANGE] = {
		.name = "member_change", .type = SPEC_U32, .values = &spec_member_change,
	},
	[RAFTBLK_A_VOLUME_PART] = {
		.name = "part", .type = SPEC_U32, .values = &spec_part,
	},
	[RAFTBLK_A_VOLUME_ADDRESS] = {
		.name = "address", .type = SPEC_NEST, .nested = &spec_set_address,
	},
	[RAFTBLK_A_VOLUME_REMOVED] = {
		.name = "removed", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_VOLUME_WAITS_FOR_DATA] = {
		.name = "waits_for_data", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_VOLUME_REPAIR] = {
		.name = "repair", .type = SPEC_FLAG,
	},
	[RAFTBLK_A_VOLUME_STOP] = {
		.name = "stop", .type = SPEC_FLAG,
	},
	[RAFTBLK_A_VOLUME_VERIFY] = {
		.name = "verify", .type = SPEC_NEST, .nested = &spec_set_verify,
	},
	[RAFTBLK_A_VOLUME_ASSUME_ZERO] = {
		.name = "assume_zero", .type = SPEC_FLAG,
	},
	[RAFTBLK_A_VOLUME_RESIZE_ERROR] = {
		.name = "resize_error", .type = SPEC_S32,
	},
	[RAFTBLK_A_VOLUME_RESIZE_MEMBER] = {
		.name = "resize_member", .type = SPEC_U32,
	},
	[RAFTBLK_A_VOLUME_RESIZE_ROOM] = {
		.name = "resize_room", .type = SPEC_U64,
	},
};

const struct spec_set spec_set_volume = {
	.attrs = spec_set_volume_attrs,
	.max = RAFTBLK_A_VOLUME_MAX,
};

static const struct spec_attr spec_set_verify_attrs[] = {
	[RAFTBLK_A_VERIFY_PAD] = {
		.name = "pad", .type = SPEC_PAD,
	},
	[RAFTBLK_A_VERIFY_RUNNING] = {
		.name = "running", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_VERIFY_STATUS] = {
		.name = "status", .type = SPEC_S32,
	},
	[RAFTBLK_A_VERIFY_DONE] = {
		.name = "done", .type = SPEC_U64,
	},
	[RAFTBLK_A_VERIFY_TOTAL] = {
		.name = "total", .type = SPEC_U64,
	},
	[RAFTBLK_A_VERIFY_DIFFER] = {
		.name = "differ", .type = SPEC_U64,
	},
	[RAFTBLK_A_VERIFY_MENDED] = {
		.name = "mended", .type = SPEC_U64,
	},
	[RAFTBLK_A_VERIFY_SKIPPED] = {
		.name = "skipped", .type = SPEC_U64,
	},
	[RAFTBLK_A_VERIFY_IN_PART] = {
		.name = "in_part", .type = SPEC_U64,
	},
	[RAFTBLK_A_VERIFY_FINDING] = {
		.name = "finding", .type = SPEC_NEST, .nested = &spec_set_finding, .multi = true,
	},
};

const struct spec_set spec_set_verify = {
	.attrs = spec_set_verify_attrs,
	.max = RAFTBLK_A_VERIFY_MAX,
};

static const struct spec_attr spec_set_finding_attrs[] = {
	[RAFTBLK_A_FINDING_PAD] = {
		.name = "pad", .type = SPEC_PAD,
	},
	[RAFTBLK_A_FINDING_NODE_ID] = {
		.name = "node_id", .type = SPEC_U32,
	},
	[RAFTBLK_A_FINDING_OFFSET] = {
		.name = "offset", .type = SPEC_U64,
	},
	[RAFTBLK_A_FINDING_BYTES] = {
		.name = "bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_FINDING_MENDED] = {
		.name = "mended", .type = SPEC_BOOL,
	},
};

const struct spec_set spec_set_finding = {
	.attrs = spec_set_finding_attrs,
	.max = RAFTBLK_A_FINDING_MAX,
};

static const struct spec_attr spec_set_catchup_attrs[] = {
	[RAFTBLK_A_CATCHUP_PAD] = {
		.name = "pad", .type = SPEC_PAD,
	},
	[RAFTBLK_A_CATCHUP_SOURCE] = {
		.name = "source", .type = SPEC_U32,
	},
	[RAFTBLK_A_CATCHUP_DONE] = {
		.name = "done", .type = SPEC_U64,
	},
	[RAFTBLK_A_CATCHUP_TOTAL] = {
		.name = "total", .type = SPEC_U64,
	},
	[RAFTBLK_A_CATCHUP_RECEIVED] = {
		.name = "received", .type = SPEC_U64,
	},
	[RAFTBLK_A_CATCHUP_RATE] = {
		.name = "rate", .type = SPEC_U64,
	},
	[RAFTBLK_A_CATCHUP_LEFT_MS] = {
		.name = "left_ms", .type = SPEC_U64,
	},
};

const struct spec_set spec_set_catchup = {
	.attrs = spec_set_catchup_attrs,
	.max = RAFTBLK_A_CATCHUP_MAX,
};

static const struct spec_attr spec_set_address_attrs[] = {
	[RAFTBLK_A_ADDRESS_IP] = {
		.name = "ip", .type = SPEC_BINARY, .hint = SPEC_HINT_IPV6, .min_len = 4,
		.max_len = 16,
	},
	[RAFTBLK_A_ADDRESS_PORT] = {
		.name = "port", .type = SPEC_U16,
	},
};

const struct spec_set spec_set_address = {
	.attrs = spec_set_address_attrs,
	.max = RAFTBLK_A_ADDRESS_MAX,
};

static const struct spec_attr spec_set_member_attrs[] = {
	[RAFTBLK_A_MEMBER_PAD] = {
		.name = "pad", .type = SPEC_PAD,
	},
	[RAFTBLK_A_MEMBER_ID] = {
		.name = "id", .type = SPEC_U32,
	},
	[RAFTBLK_A_MEMBER_FLAGS] = {
		.name = "flags", .type = SPEC_U32, .values = &spec_member_flag, .flags = true,
	},
	[RAFTBLK_A_MEMBER_ADDRESS] = {
		.name = "address", .type = SPEC_NEST, .nested = &spec_set_address,
	},
	[RAFTBLK_A_MEMBER_INCARNATION] = {
		.name = "incarnation", .type = SPEC_BINARY, .hint = SPEC_HINT_UUID, .min_len = 16,
		.max_len = 16,
	},
	[RAFTBLK_A_MEMBER_SELF] = {
		.name = "self", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_MEMBER_PROGRESS] = {
		.name = "progress", .type = SPEC_U32, .values = &spec_progress,
	},
	[RAFTBLK_A_MEMBER_MATCH] = {
		.name = "match", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_LAG] = {
		.name = "lag", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_LAG_BYTES] = {
		.name = "lag_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_HEARD] = {
		.name = "heard", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_CONNECTED_CONTROL] = {
		.name = "connected_control", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_MEMBER_CONNECTED_DATA] = {
		.name = "connected_data", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_MEMBER_TX_BYTES] = {
		.name = "tx_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_RX_BYTES] = {
		.name = "rx_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_TX_MESSAGES] = {
		.name = "tx_messages", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_RX_MESSAGES] = {
		.name = "rx_messages", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_RECONNECTS] = {
		.name = "reconnects", .type = SPEC_U64,
	},
	[RAFTBLK_A_MEMBER_LAST_ERROR] = {
		.name = "last_error", .type = SPEC_S32,
	},
	[RAFTBLK_A_MEMBER_INCOMPLETE] = {
		.name = "incomplete", .type = SPEC_BOOL,
	},
	[RAFTBLK_A_MEMBER_REPLACES] = {
		.name = "replaces", .type = SPEC_U32,
	},
	[RAFTBLK_A_MEMBER_LAG_TIME] = {
		.name = "lag_time", .type = SPEC_U64,
	},
};

const struct spec_set spec_set_member = {
	.attrs = spec_set_member_attrs,
	.max = RAFTBLK_A_MEMBER_MAX,
};

static const struct spec_attr spec_set_stats_attrs[] = {
	[RAFTBLK_A_STATS_PAD] = {
		.name = "pad", .type = SPEC_PAD,
	},
	[RAFTBLK_A_STATS_READS] = {
		.name = "reads", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_READ_BYTES] = {
		.name = "read_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_WRITES] = {
		.name = "writes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_WRITE_BYTES] = {
		.name = "write_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_DISCARDS] = {
		.name = "discards", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_DISCARD_BYTES] = {
		.name = "discard_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_ERRORS] = {
		.name = "errors", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_LOG_WRITES] = {
		.name = "log_writes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_LOG_WRITE_BYTES] = {
		.name = "log_write_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_LOG_READS] = {
		.name = "log_reads", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_LOG_READ_BYTES] = {
		.name = "log_read_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_APPLIES] = {
		.name = "applies", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_APPLY_BYTES] = {
		.name = "apply_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_FLUSHES] = {
		.name = "flushes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_VOTES] = {
		.name = "votes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_CHECKPOINTS] = {
		.name = "checkpoints", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_ROUNDS] = {
		.name = "rounds", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_FETCHES] = {
		.name = "fetches", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_FETCH_BYTES] = {
		.name = "fetch_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_SERVES] = {
		.name = "serves", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_SERVE_BYTES] = {
		.name = "serve_bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_REPAIRED] = {
		.name = "repaired", .type = SPEC_U64,
	},
	[RAFTBLK_A_STATS_REPAIR_FAILED] = {
		.name = "repair_failed", .type = SPEC_U64,
	},
};

const struct spec_set spec_set_stats = {
	.attrs = spec_set_stats_attrs,
	.max = RAFTBLK_A_STATS_MAX,
};

static const struct spec_attr spec_set_join_attrs[] = {
	[RAFTBLK_A_JOIN_PAD] = {
		.name = "pad", .type = SPEC_PAD,
	},
	[RAFTBLK_A_JOIN_REMOTE] = {
		.name = "remote", .type = SPEC_NEST, .nested = &spec_set_address,
	},
	[RAFTBLK_A_JOIN_LOCAL] = {
		.name = "local", .type = SPEC_NEST, .nested = &spec_set_address,
	},
	[RAFTBLK_A_JOIN_UUID] = {
		.name = "uuid", .type = SPEC_BINARY, .hint = SPEC_HINT_UUID, .min_len = 16,
		.max_len = 16,
	},
	[RAFTBLK_A_JOIN_KEY] = {
		.name = "key", .type = SPEC_BINARY, .hint = SPEC_HINT_HEX, .min_len = 32,
		.max_len = 32,
	},
	[RAFTBLK_A_JOIN_INCARNATION] = {
		.name = "incarnation", .type = SPEC_BINARY, .hint = SPEC_HINT_UUID, .min_len = 16,
		.max_len = 16,
	},
	[RAFTBLK_A_JOIN_NAME] = {
		.name = "name", .type = SPEC_STRING, .max_len = 31,
	},
	[RAFTBLK_A_JOIN_NODE_ID] = {
		.name = "node_id", .type = SPEC_U32,
	},
	[RAFTBLK_A_JOIN_BLOCK_SIZE] = {
		.name = "block_size", .type = SPEC_U32,
	},
	[RAFTBLK_A_JOIN_SIZE] = {
		.name = "size", .type = SPEC_U64,
	},
	[RAFTBLK_A_JOIN_LOG_SIZE] = {
		.name = "log_size", .type = SPEC_U64,
	},
	[RAFTBLK_A_JOIN_EXTENT_SIZE] = {
		.name = "extent_size", .type = SPEC_U32,
	},
	[RAFTBLK_A_JOIN_NEXT_ID] = {
		.name = "next_id", .type = SPEC_U32,
	},
	[RAFTBLK_A_JOIN_MEMBER] = {
		.name = "member", .type = SPEC_NEST, .nested = &spec_set_member, .multi = true,
	},
	[RAFTBLK_A_JOIN_LEARNER] = {
		.name = "learner", .type = SPEC_FLAG,
	},
	[RAFTBLK_A_JOIN_REPLACES] = {
		.name = "replaces", .type = SPEC_U32,
	},
	[RAFTBLK_A_JOIN_LOOK] = {
		.name = "look", .type = SPEC_FLAG,
	},
	[RAFTBLK_A_JOIN_WITNESS] = {
		.name = "witness", .type = SPEC_FLAG,
	},
};

const struct spec_set spec_set_join = {
	.attrs = spec_set_join_attrs,
	.max = RAFTBLK_A_JOIN_MAX,
};

static const struct spec_attr spec_set_event_attrs[] = {
	[RAFTBLK_A_EVENT_PAD] = {
		.name = "pad", .type = SPEC_PAD,
	},
	[RAFTBLK_A_EVENT_TYPE] = {
		.name = "type", .type = SPEC_U32, .values = &spec_event_kind,
	},
	[RAFTBLK_A_EVENT_NAME] = {
		.name = "name", .type = SPEC_STRING, .max_len = 65535,
	},
	[RAFTBLK_A_EVENT_MINOR] = {
		.name = "minor", .type = SPEC_U32,
	},
	[RAFTBLK_A_EVENT_NODE_ID] = {
		.name = "node_id", .type = SPEC_U32,
	},
	[RAFTBLK_A_EVENT_ROLE] = {
		.name = "role", .type = SPEC_U32, .values = &spec_role,
	},
	[RAFTBLK_A_EVENT_TERM] = {
		.name = "term", .type = SPEC_U64,
	},
	[RAFTBLK_A_EVENT_TOKEN] = {
		.name = "token", .type = SPEC_U64,
	},
	[RAFTBLK_A_EVENT_INDEX] = {
		.name = "index", .type = SPEC_U64,
	},
	[RAFTBLK_A_EVENT_ERROR] = {
		.name = "error", .type = SPEC_S32,
	},
	[RAFTBLK_A_EVENT_OFFSET] = {
		.name = "offset", .type = SPEC_U64,
	},
	[RAFTBLK_A_EVENT_BYTES] = {
		.name = "bytes", .type = SPEC_U64,
	},
	[RAFTBLK_A_EVENT_DIFFER] = {
		.name = "differ", .type = SPEC_U64,
	},
	[RAFTBLK_A_EVENT_MENDED] = {
		.name = "mended", .type = SPEC_U64,
	},
	[RAFTBLK_A_EVENT_SIZE] = {
		.name = "size", .type = SPEC_U64,
	},
};

const struct spec_set spec_set_event = {
	.attrs = spec_set_event_attrs,
	.max = RAFTBLK_A_EVENT_MAX,
};
