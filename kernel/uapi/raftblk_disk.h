/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * raftblk on-disk format, version 1.
 *
 * All integers are little endian.  "sector" is 512 bytes.  A CRC is CRC32C of
 * the whole structure with its crc field taken as zero.
 *
 *   sector 0       superblock A           (4 KiB)
 *   sector 8       superblock B           (4 KiB, identical copy)
 *   sector 16, 24  vote slots A, B        (512 bytes each, in a 4 KiB block)
 *   sector 32, 40  checkpoint slots A, B  (4 KiB each)
 *   ring_start     the log ring
 *   vmap_start     the version map, if there is one
 *   data_start     the data area
 *
 * Slots alternate: generation g lives in slot g & 1, so a torn write of one
 * leaves the other; a reader takes the valid slot of highest generation.
 */
#ifndef _UAPI_RAFTBLK_DISK_H
#define _UAPI_RAFTBLK_DISK_H

#include <linux/types.h>

#define RAFTBLK_SUPER_MAGIC	0x1a4b4c4254464152ULL	/* "RAFTBLK\x1a" */
#define RAFTBLK_VOTE_MAGIC	0x31544f56		/* "VOT1" */
#define RAFTBLK_CKPT_MAGIC	0x31504b43		/* "CKP1" */
#define RAFTBLK_RECORD_MAGIC	0x31434552		/* "REC1" */
#define RAFTBLK_VMAP_MAGIC	0x31504d56		/* "VMP1" */
#define RAFTBLK_FORMAT_VERSION	1

#define RAFTBLK_META_BYTES	4096	/* size of a superblock and of a slot's block */
#define RAFTBLK_VOTE_BYTES	512
#define RAFTBLK_SUPER_SECTOR(i)	((i) * 8)
#define RAFTBLK_VOTE_SECTOR(g)	(16 + ((g) & 1) * 8)
#define RAFTBLK_CKPT_SECTOR(g)	(32 + ((g) & 1) * 8)
#define RAFTBLK_RING_START	2048	/* default: 1 MiB */

#define RAFTBLK_NAME_LEN	32
#define RAFTBLK_KEY_LEN		32
#define RAFTBLK_MAX_MEMBERS	16

/**
 * struct raftblk_disk_super - identity and geometry of a member's device
 * @magic: RAFTBLK_SUPER_MAGIC
 * @crc: CRC32C of the 4096 bytes
 * @version: RAFTBLK_FORMAT_VERSION; another one is refused
 * @compat: features a reader may ignore
 * @incompat: features a reader must know
 * @uuid: the volume
 * @incarnation: this member's disk; new at every create or join
 * @key: shared secret of the volume, authenticates peers
 * @name: volume name, NUL padded
 * @node_id: this member, 1 or more
 * @block_size: logical block size of the volume in bytes: 512 or 4096
 * @ring_start: first sector of the ring
 * @ring_sectors: its size
 * @data_start: first sector of the data area
 * @data_sectors: its size; 0: there is none, the member is a witness
 * @volume_sectors: size of the volume when the member was formatted
 * @log_align: records start at and are padded to multiples of this, in bytes
 * @max_entries: most entries the log may hold in memory; a power of two
 * @extent_sectors: size of an extent; a power of two
 * @minor: preferred minor, or 0xffffffff
 * @listen_family: 4 or 6
 * @listen_port: TCP port this member listens on
 * @listen_addr: address, IPv4 in the first four bytes
 * @vmap_start: first sector of the version map, 0: there is none; struct
 *	raftblk_disk_vmap
 */
struct raftblk_disk_super {
	__le64 magic;
	__le32 crc;
	__le32 version;
	__le64 compat;
	__le64 incompat;
	__u8 uuid[16];
	__u8 incarnation[16];
	__u8 key[RAFTBLK_KEY_LEN];
	__u8 name[RAFTBLK_NAME_LEN];
	__le32 node_id;
	__le32 block_size;
	__le64 ring_start;
	__le64 ring_sectors;
	__le64 data_start;
	__le64 data_sectors;
	__le64 volume_sectors;
	__le32 log_align;
	__le32 max_entries;
	__le32 extent_sectors;
	__le32 minor;
	__u8 listen_addr[16];
	__le16 listen_port;
	__u8 listen_family;
	__u8 reserved0[5];
	__le64 vmap_start;
	__u8 reserved[3872];
};

/**
 * struct raftblk_disk_vote - what a member promised in elections
 * @uuid: the volume
 * @durable_index: highest log index known durable when this was written
 * @durable_pos: the ring below this position was on stable storage then;
 *	evidence for recovery, see struct raftblk_disk_record
 */
struct raftblk_disk_vote {
	__le32 magic;
	__le32 crc;
	__u8 uuid[16];
	__le64 generation;
	__le64 term;
	__le32 voted_for;
	__le32 reserved0;
	__le64 durable_index;
	__le64 durable_pos;
	__u8 reserved[448];
};

/* A member's rights, struct raftblk_disk_member.flags */
#define RAFTBLK_MEMBER_OLD	0x01	/* voter in the outgoing set */
#define RAFTBLK_MEMBER_NEW	0x02	/* voter in the incoming set */
#define RAFTBLK_MEMBER_PROMOTE	0x04	/* learner that becomes a voter by itself */
#define RAFTBLK_MEMBER_WITNESS	0x08	/* has no data area */
#define RAFTBLK_MEMBER_STAYS	0x10	/* OLD without NEW: stays, as a learner; else it leaves */

/**
 * struct raftblk_disk_member - one member of a configuration
 * @id: node id
 * @flags: RAFTBLK_MEMBER_*; a voter has OLD and NEW, a learner neither; where
 *	they differ for any member the configuration is joint
 * @replaces: of a learner: 0, or the member that leaves in the step that makes this
 *	one what it is to be
 */
struct raftblk_disk_member {
	__le32 id;
	__u8 flags;
	__u8 family;
	__le16 port;
	__u8 addr[16];
	__u8 incarnation[16];
	__le32 replaces;
	__u8 reserved[20];
};

/**
 * struct raftblk_disk_config - membership; payload of a CONFIG entry, padded
 *	with zeros to a multiple of 512 bytes, and part of the checkpoint
 */
struct raftblk_disk_config {
	__le32 nr;
	__le32 next_id;
	__le64 reserved;
	struct raftblk_disk_member member[RAFTBLK_MAX_MEMBERS];
};

/**
 * struct raftblk_disk_promise - what another member is known to have promised
 * @id: its node id; 0: none
 * @life: random, another one whenever that member is started: in which it promised
 * @term: it had this term on stable storage
 * @ack_term: 0, or in this term it had entry @index, of @log_term, on stable storage as its
 *	leader had it
 *
 * A member that starts asks the others for this.  Where its disk has less, it is an
 * older copy.
 */
struct raftblk_disk_promise {
	__le32 id;
	__le32 reserved;
	__le64 life;
	__le64 term;
	__le64 ack_term;
	__le64 index;
	__le64 log_term;
};

#define RAFTBLK_CKPT_F_VMAP	0x01	/* the version map says what changed up to applied_index */
#define RAFTBLK_CKPT_F_INCOMPLETE 0x02	/* this member is catching up by extents */

/**
 * struct raftblk_disk_ckpt - checkpoint
 * @uuid: the volume
 * @applied_index: every entry up to here is in the data area, flushed
 * @applied_term: its term
 * @replay_pos: ring position of the record that holds @applied_index + 1, or
 *	the tail where there was none; recovery starts here
 * @replay_prev_crc: header CRC of the record before @replay_pos, 0 if none
 * @retain_pos: ring position of the oldest record kept for peers that lag;
 *	a hint: where it no longer reads well recovery starts at @replay_pos
 * @retain_prev_crc: likewise; recovery does not need it
 * @durable_index: highest index known durable when this was written
 * @durable_pos: the ring below this position was on stable storage then
 * @proof_index: 0, or this member lost entries up to here that it may have
 *	acknowledged: until it has them again it does not stand for election, and
 *	votes only for who cannot lack them
 * @owner_node: owner as of @applied_index, 0 for none
 * @flags: RAFTBLK_CKPT_F_*
 * @owner_token: index of the entry that made it so
 * @volume_sectors: size of the volume as of @applied_index
 * @config_index: index of the entry that set @config, 0 for the initial one
 * @promise: of other members, in any order
 *
 * With RAFTBLK_CKPT_F_INCOMPLETE, 0 without:
 * @base_index: @applied_index of the last checkpoint without the flag: extents with
 *	a newer version may hold anything
 * @boundary_index: the log begins behind this entry; candidates are judged by it
 * @boundary_term: its term
 * @cursor: chunks below are as of @tag_index or an earlier index above @boundary_index,
 *	and are brought up to date by the log
 * @tag_index: highest index that the content of any of them was read at: the
 *	member is complete when it has applied that and all chunks are done
 */
struct raftblk_disk_ckpt {
	__le32 magic;
	__le32 crc;
	__u8 uuid[16];
	__le64 generation;
	__le64 applied_index;
	__le64 applied_term;
	__le64 replay_pos;
	__le64 retain_pos;
	__le32 replay_prev_crc;
	__le32 retain_prev_crc;
	__le64 durable_index;
	__le64 durable_pos;
	__le64 proof_index;
	__le32 owner_node;
	__le32 flags;
	__le64 owner_token;
	__le64 volume_sectors;
	__le64 config_index;
	struct raftblk_disk_config config;
	__le64 base_index;
	__le64 boundary_index;
	__le64 boundary_term;
	__le64 cursor;
	__le64 tag_index;
	struct raftblk_disk_promise promise[RAFTBLK_MAX_MEMBERS];
	__u8 reserved[2120];
};

#define RAFTBLK_VMAP_VERSIONS	504	/* in a map block */

/**
 * struct raftblk_disk_vmap - a block of the version map
 * @uuid: incarnation of the member's disk
 * @generation: counts the writes of this block, from 1 on.  Block b of generation
 *	g lies 2 * b + (g & 1) blocks of 4096 bytes behind vmap_start, so that a
 *	torn write leaves the generation before; where nothing was written there
 *	are zeros
 * @block: which block of the map
 * @version: of extent @block * 504 + i: index of the newest entry applied to it,
 *	0: never written.  Covers the checkpoint: an entry at or below its
 *	applied_index is in the map, one above may be
 */
struct raftblk_disk_vmap {
	__le32 magic;
	__le32 crc;
	__u8 uuid[16];
	__le64 generation;
	__le32 block;
	__le32 reserved0;
	__u8 reserved[24];
	__le64 version[RAFTBLK_VMAP_VERSIONS];
};

/* Operations of entries, struct raftblk_disk_desc.op */
#define RAFTBLK_OP_NOOP		0	/* first entry of a term */
#define RAFTBLK_OP_WRITE	1	/* payload: nsect * 512 bytes */
#define RAFTBLK_OP_DISCARD	2
#define RAFTBLK_OP_ZERO		3
#define RAFTBLK_OP_OWNER	4	/* sector: node id, 0 releases */
#define RAFTBLK_OP_CONFIG	5	/* payload: struct raftblk_disk_config */
#define RAFTBLK_OP_RESIZE	6	/* sector: new size of the volume */
#define RAFTBLK_OP_MAX		6

/**
 * struct raftblk_disk_desc - one entry, in a record and on the wire
 * @op: RAFTBLK_OP_*
 * @bytes: length of the payload, a multiple of 512
 * @sector: first sector of the volume it concerns (see RAFTBLK_OP_*)
 * @nsect: how many
 * @crc: CRC32C of the payload, 0 where there is none
 * @term: term in which a leader created the entry
 * @token: ownership token it was written under, 0 for none
 */
struct raftblk_disk_desc {
	__u8 op;
	__u8 flags;
	__le16 reserved;
	__le32 bytes;
	__le64 sector;
	__le32 nsect;
	__le32 crc;
	__le64 term;
	__le64 token;
	__le64 reserved2;
};

/**
 * struct raftblk_disk_record - a batch of entries, written with one I/O
 * @crc: CRC32C of the header: this struct, the descriptors and the padding
 *	behind them, @header_sectors * 512 bytes in all
 * @uuid: incarnation of the member's disk, not the volume: what an earlier life
 *	of a disk that joined the same volume again left in the ring is not taken
 *	for this one's
 * @pos: ring position of this record, in sectors since the volume was made;
 *	it lies at ring_start + pos % ring_sectors (a record may run over the end
 *	of the ring and go on at its start).  A record of an earlier lap has
 *	another position, and so does one that a user copied into the volume.
 * @first_index: index of the first entry.  If it is not above the last index
 *	seen so far, the record replaces the suffix from it on: nothing in the
 *	ring is ever overwritten to cut the log.
 * @prev_term: term of the entry before
 * @known_durable: highest index known durable here when this was written
 * @commit: highest index known committed here when this was written
 * @prev_crc: @crc of the record before this one in the ring.  Without it, a
 *	record left over behind a torn one could be taken for the continuation
 *	of the record that replaced the torn one.
 * @nr: number of descriptors
 * @header_sectors: length of the header
 * @payload_sectors: length of the payloads, which follow in order; the record
 *	is padded with zeros to the log's alignment
 * @inflight_sectors: length of the records just before this one that were still
 *	being written when it was: everything in the ring below @pos -
 *	@inflight_sectors was on stable storage.  A record below that does not
 *	tear: if it does not read back it is corruption.  This is said in
 *	positions and not in indices since a suffix can be replaced, and then a
 *	record that holds low indices lies behind one that holds higher ones.
 */
struct raftblk_disk_record {
	__le32 magic;
	__le32 crc;
	__u8 uuid[16];
	__le64 pos;
	__le64 first_index;
	__le64 prev_term;
	__le64 known_durable;
	__le64 commit;
	__le32 prev_crc;
	__le32 payload_sectors;
	__le16 nr;
	__le16 header_sectors;
	__le32 inflight_sectors;
	struct raftblk_disk_desc desc[];
};

#define RAFTBLK_RECORD_HEADER_MAX	4096	/* bytes */
#define RAFTBLK_RECORD_MAX_ENTRIES	64	/* fits into RAFTBLK_RECORD_HEADER_MAX */

#endif /* _UAPI_RAFTBLK_DISK_H */
