// SPDX-License-Identifier: GPL-2.0
/* Catch-up: one member whose peers the test plays, and a whole one between worlds. */
#include "replica_world.h"
#include "../../kernel/core/wire.h"

static void tell(struct raftblk_msg m, u32 from)
{
	m.from = from;
	m.to = 1;
	m.term = m.term ? m.term : W1->rep.raft.term;
	raftblk_replica_receive(&W1->rep, now, &m);
	world_run(W1);
}

/* The newest message of this type that it sent, or one of type 0. */
static struct raftblk_msg sent_by(const struct world *w, u8 type)
{
	u32 i;

	for (i = w->nr_msg; i; i--)
		if (w->msg[i - 1].type == type)
			return w->msg[i - 1];
	return (struct raftblk_msg){ };
}

static struct raftblk_msg sent(u8 type)
{
	return sent_by(W1, type);
}

/* W1 of three follows 2, and has @nr entries that write to sector 0, all committed. */
static void follow(u32 nr)
{
	struct raftblk_entry ent[8] = { };
	u32 i;

	world_make(1, 3);
	W1->params.catchup = true;
	world_start(W1);
	for (i = 0; i < nr; i++)
		ent[i] = (struct raftblk_entry){ .op = RAFTBLK_OP_ZERO, .nsect = 1, .term = 1 };
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = 1 }, 2);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 1, .nr = nr, .ent = ent,
				   .commit = nr }, 2);
	check(W1->rep.applied == nr);
}

static void behind(void)
{
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT,
				   .flags = RAFTBLK_MSG_F_BEHIND }, 2);
}

/* The volume is said to have @sectors as of it. */
static void boundary_from(u32 leader, u64 index, u64 sectors)
{
	struct raftblk_wire_boundary b = { .volume_sectors = cpu_to_le64(sectors) };

	raftblk_config_encode(&W1->rep.raft.config, &b.config);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_CATCHUP_RESP, .index = index, .log_term = 1,
				   .ctx = sent(RAFTBLK_MSG_CATCHUP_REQ).ctx, .body = &b,
				   .body_bytes = sizeof(b) }, leader);
}

static void boundary_of(u64 index, u64 sectors)
{
	boundary_from(2, index, sectors);
}

static void boundary(u64 index)
{
	boundary_of(index, W_VOLUME);
}

static void list(const __le64 *chunk, u32 nr)
{
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_LIST_RESP, .flags = RAFTBLK_MSG_F_END,
				   .ctx = sent(RAFTBLK_MSG_LIST_REQ).ctx, .nr = nr,
				   .chunk = W_VOLUME / W_EXTENT, .body = chunk,
				   .body_bytes = nr * 8 }, 3);
}

/* It catches up from 3 as of 50, and only the first chunk has changed. */
static void lists_first_chunk(void)
{
	const __le64 chunk = 0;

	follow(3);
	behind();
	boundary(50);
	list(&chunk, 1);
}

static void data_from(u32 from, u64 chunk, u64 tag, u8 fill)
{
	struct raftblk_wire_data d = { .version = cpu_to_le64(tag), .differ = cpu_to_le64(1) };

	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_DATA, .chunk = chunk, .index = tag,
				   .ctx = sent(RAFTBLK_MSG_FETCH).ctx, .body = &d,
				   .body_bytes = sizeof(d), .bytes = 4096,
				   .payload = world_payload(4096, fill) }, from);
}

static void data(u64 chunk, u64 tag, u8 fill)
{
	data_from(3, chunk, tag, fill);
}

/* The entry behind the boundary: zeros to the first sector. */
static void entry_51(u64 commit)
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1, .term = 1 };

	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .index = 50, .log_term = 1, .nr = 1,
				   .ent = &e, .commit = commit }, 2);
}

static u32 acks_sent(void)
{
	u32 i, n = 0;

	for (i = 0; i < W1->nr_msg; i++)
		n += W1->msg[i].type == RAFTBLK_MSG_APPEND_RESP;
	return n;
}

REPLICA_TEST(boundary_known, "a leader that is mistaken about who is behind is told so")
{
	u32 acks;

	follow(5);
	behind();
	check(sent(RAFTBLK_MSG_CATCHUP_REQ).type);
	acks = acks_sent();
	boundary(4);
	check(!W1->rep.raft.incomplete && W1->rep.log.last == 5 && W1->rep.log.first == 1);
	check(acks_sent() == acks + 1 && sent(RAFTBLK_MSG_APPEND_RESP).index == 5);
	check(!sent(RAFTBLK_MSG_APPEND_RESP).flags);
}

REPLICA_TEST(boundary_stale, "a boundary that another leader named is void")
{
	follow(3);
	behind();
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = 2 }, 3);
	W1->rep.raft.behind = true;
	boundary(50);		/* from 2, which does not lead any more */
	check(!W1->rep.raft.incomplete && W1->rep.log.last == 3);
}

REPLICA_TEST(boundary_guest, "a leader that joined while this member was away is asked as well")
{
	struct raftblk_wire_boundary b = { .volume_sectors = cpu_to_le64(W_VOLUME) };

	follow(3);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = 2,
				   .flags = RAFTBLK_MSG_F_BEHIND }, 4);
	check(sent(RAFTBLK_MSG_CATCHUP_REQ).to == 4);
	raftblk_config_encode(&W1->rep.raft.config, &b.config);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_CATCHUP_RESP, .index = 50, .log_term = 1,
				   .ctx = sent(RAFTBLK_MSG_CATCHUP_REQ).ctx, .body = &b,
				   .body_bytes = sizeof(b) }, 4);
	check(W1->rep.raft.incomplete && W1->rep.log.first == 51);
}

REPLICA_TEST(boundary_grown, "the volume has grown meanwhile: the boundary says how large it is")
{
	follow(3);
	behind();
	W1->rep.super.data_sectors = W_VOLUME + 64;
	boundary_of(50, W_VOLUME + 64);
	check(W1->rep.raft.incomplete && W1->rep.size == W_VOLUME + 64);
	check(W1->rep.ckpt.volume_sectors == W_VOLUME + 64);
	check(events(W1, RAFTBLK_EVENT_RESIZED) == 1);
}

REPLICA_TEST(boundary_too_large, "the volume has grown meanwhile, and there is no room: it stops")
{
	follow(3);
	behind();
	boundary_of(50, W_VOLUME + 64);
	check(W1->rep.fault == -ENOSPC && !W1->rep.raft.incomplete);
	check(W1->rep.log.last == 3 && W1->rep.size == W_VOLUME);
}

REPLICA_TEST(boundary_smaller, "a joiner was told a size that is newer than the boundary")
{
	follow(3);
	behind();
	boundary_of(50, W_VOLUME - 64);
	check(W1->rep.raft.incomplete && W1->rep.size == W_VOLUME);
	check(W1->rep.ckpt.volume_sectors == W_VOLUME);
}

REPLICA_TEST(list_longer, "a source that has grown lists more than there is here: that comes by the log")
{
	__le64 chunk[] = { cpu_to_le64(1), cpu_to_le64(W_VOLUME / W_EXTENT + 3) };

	follow(3);
	behind();
	boundary(50);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_LIST_RESP, .index = 7,
				   .ctx = sent(RAFTBLK_MSG_LIST_REQ).ctx, .nr = 2,
				   .chunk = W_VOLUME / W_EXTENT + 4, .body = chunk,
				   .body_bytes = sizeof(chunk) }, 3);
	check(sent(RAFTBLK_MSG_FETCH).chunk == 1);
	data(1, 50, 0x77);
	pass(10);
	check(!W1->rep.raft.incomplete);
}

REPLICA_TEST(catchup_begins, "nothing is given up before the disk says so")
{
	follow(3);
	behind();
	W1->hold = BIT_ACT(CKPT_WRITE);
	boundary(50);
	check(W1->rep.raft.incomplete);	/* it may be on disk: no way back */
	check(W1->rep.log.last == 3);
	check(W1->count[RAFTBLK_ACT_CHUNK_WRITE] == 0 && !sent(RAFTBLK_MSG_LIST_REQ).type);
	W1->hold = 0;
	world_complete(W1, 0);
	check(W1->rep.log.first == 51 && W1->rep.log.last == 50 && W1->rep.applied == 50);
	check(sent(RAFTBLK_MSG_APPEND_RESP).index == 50);
	check(sent(RAFTBLK_MSG_APPEND_RESP).flags & RAFTBLK_MSG_F_INCOMPLETE);
	check(sent(RAFTBLK_MSG_LIST_REQ).index == 50);
	/* It does not campaign, however long nobody leads it. */
	W1->nr_msg = 0;
	pass(10000);
	check(!sent(RAFTBLK_MSG_PREVOTE_REQ).type);
}

static struct raftblk_catchup_progress progress(void)
{
	struct raftblk_catchup_progress p;

	raftblk_replica_progress(&W1->rep, now, &p);
	return p;
}

REPLICA_TEST(catchup_rate, "how fast it goes and how long the rest takes is told as soon as it is known")
{
	const __le64 chunks[] = { cpu_to_le64(3), cpu_to_le64(7), cpu_to_le64(9), cpu_to_le64(12) };
	const u64 bytes = W_EXTENT * 512;

	follow(3);
	check(!progress().incomplete);
	behind();
	boundary(50);
	check(progress().incomplete && !progress().rate_known && !progress().left_ms);
	list(chunks, 4);
	check(progress().left == 4);
	data(12, 50, 1);	/* who was asked for last */
	check(progress().done == 1 && !progress().rate_known && !progress().left_ms);
	/* Nothing has to happen here for time to pass. */
	now += 2000 * MS;
	check(progress().rate_known && progress().rate == bytes / 2);
	check(progress().left == 3 && progress().left_ms == 3 * 2000);
	now += RAFTBLK_RATE_SECONDS * 1000 * MS;
	check(progress().rate_known && progress().rate == 0 && progress().left_ms == 0);
}

REPLICA_TEST(catchup_restart, "a member that was catching up goes on after a crash")
{
	follow(3);
	behind();
	boundary(50);
	world_crash(W1);
	W1->nr_msg = 0;
	world_start(W1);
	check(W1->rep.raft.incomplete && W1->rep.raft.boundary == 50);
	check(W1->rep.log.last == 50 && W1->rep.catchup.base == 0);
	check(sent(RAFTBLK_MSG_LIST_REQ).index == 50);
}

REPLICA_TEST(catchup_down, "a source that cannot be asked is changed")
{
	follow(3);
	behind();
	W1->unready = 1U << 2;	/* member 3, whom it would ask first */
	boundary(50);
	check(W1->rep.catchup.source == 3 && !sent(RAFTBLK_MSG_LIST_REQ).type);
	pass(2 * W1->params.raft.election_ns / MS);
	check(sent(RAFTBLK_MSG_LIST_REQ).to == 2);
}

REPLICA_TEST(catchup_tag, "content older than what was applied is asked for again")
{
	lists_first_chunk();
	check(sent(RAFTBLK_MSG_FETCH).chunk == 0 && sent(RAFTBLK_MSG_FETCH).body_bytes);
	entry_51(51);
	check(W1->rep.applied == 51);
	data(0, 50, 0x77);	/* read before entry 51 */
	check(W1->count[RAFTBLK_ACT_CHUNK_WRITE] == 0);
	check(sent(RAFTBLK_MSG_FETCH).index == 51);
	data(0, 52, 0x78);
	check(W1->count[RAFTBLK_ACT_CHUNK_WRITE] == 1 && W1->data[512] == 0x78);
	/* Not complete before 52 is applied, which the chunk shows already. */
	pass(100);
	check(W1->rep.raft.incomplete);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .sent_at = 1 }, 2);
	check(sent(RAFTBLK_MSG_HEARTBEAT_RESP).commit == 52);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .index = 51, .log_term = 1, .nr = 1,
				   .ent = &(struct raftblk_entry){ .op = RAFTBLK_OP_NOOP,
								   .term = 1 },
				   .commit = 52 }, 2);
	check(!W1->rep.raft.incomplete && W1->rep.ckpt.applied_index == 52);
	check(!(sent(RAFTBLK_MSG_APPEND_RESP).flags & RAFTBLK_MSG_F_INCOMPLETE));
}

REPLICA_TEST(catchup_excludes, "an apply waits while content is written, and the other way round")
{
	lists_first_chunk();
	W1->hold = BIT_ACT(CHUNK_WRITE) | BIT_ACT(APPLY);
	data(0, 60, 0x77);
	check(W1->nr_held == 1);
	entry_51(51);
	check(W1->nr_held == 1 && W1->rep.applying == 0);
	world_complete(W1, 0);
	check(W1->nr_held == 1 && W1->rep.applying == 1);
}

REPLICA_TEST(catchup_malformed, "content that does not fit the chunk is not taken")
{
	struct raftblk_wire_data d = { .version = cpu_to_le64(50), .differ = cpu_to_le64(1ULL << 8) };
	struct raftblk_msg m = { .type = RAFTBLK_MSG_DATA, .index = 50, .body = &d,
				 .body_bytes = sizeof(d), .bytes = 4096 };

	lists_first_chunk();
	m.ctx = sent(RAFTBLK_MSG_FETCH).ctx;
	m.payload = world_payload(4096, 1);
	tell(m, 3);		/* a block behind the end of the chunk */
	d.differ = cpu_to_le64(3);
	m.payload = world_payload(4096, 1);
	tell(m, 3);		/* two blocks, content of one */
	check(W1->count[RAFTBLK_ACT_CHUNK_WRITE] == 0);
	data(0, 49, 1);		/* below the boundary */
	check(W1->count[RAFTBLK_ACT_CHUNK_WRITE] == 0);
	data(0, 50, 1);
	check(W1->count[RAFTBLK_ACT_CHUNK_WRITE] == 1);
}

REPLICA_TEST(serve_state, "what is served is the state at one index")
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1, .term = 1 };

	follow(3);
	W1->hold = BIT_ACT(APPLY) | BIT_ACT(CHUNK_SERVE);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .index = 3, .log_term = 1, .nr = 1,
				   .ent = &e, .commit = 4 }, 2);
	check(W1->nr_held == 1);	/* entry 4 is on its way */
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_FETCH, .index = 3, .ctx = 7 }, 3);
	check(W1->nr_held == 1);
	world_complete(W1, 0);
	check(W1->nr_held == 1 && world_held(W1, RAFTBLK_ACT_CHUNK_SERVE, 0) == 0);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .index = 4, .log_term = 1, .nr = 1,
				   .ent = &e, .commit = 5 }, 2);
	check(W1->rep.applying == 0);	/* entry 5 waits until it is read */
	world_complete(W1, 0);
	check(sent(RAFTBLK_MSG_DATA).ctx == 7 && sent(RAFTBLK_MSG_DATA).index == 4);
	check(W1->rep.applying == 1);
}

REPLICA_TEST(catchup_whole, "a member that was away for more than the log gets all of it")
{
	struct raftblk_open open;
	u32 i;

	for (i = 1; i <= 3; i++) {
		world_make(i, 3);
		world[i].params.catchup = true;
	}
	world_start(W1);
	world_start(W2);
	world_start(W3);
	lead(W1);
	check(open_now(W1, &open) == 0);
	ended(submit(W1, RAFTBLK_OP_WRITE, 100, 8, 1), 0);
	pass(1000);
	world_crash(W3);
	for (i = 0; i < 1500; i++) {
		ended(submit(W1, RAFTBLK_OP_WRITE, i % 16 * 8, 8, i), 0);
		if (i % 100 == 0)
			pass(600);
	}
	check(W1->rep.log.first > 1000);
	world_start(W3);
	pass(3000);
	check(events(W3, RAFTBLK_EVENT_CATCHUP_BEGIN) == 1);
	check(events(W3, RAFTBLK_EVENT_CATCHUP_END) == 1);
	check(!W3->rep.raft.incomplete && W3->rep.applied == W1->rep.applied);
	check(!memcmp(W1->data, W3->data, sizeof(W1->data)));
	check(!memcmp(W1->version, W3->version, sizeof(W1->version)));
	check(W3->rep.catchup.done <= 4);	/* of 32 chunks only those that changed */
}

/* Up to @index all is of term 1 and committed. */
static void append_after(u64 index, struct raftblk_entry *e)
{
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .index = index, .log_term = 1,
				   .nr = 1, .ent = e, .commit = index }, 2);
}

static u32 served(void)
{
	return W1->count[RAFTBLK_ACT_CHUNK_SERVE];
}

/* Member 3 asks for so many chunks, which are 32 KiB each. */
static void ask(u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		tell((struct raftblk_msg){ .type = RAFTBLK_MSG_FETCH, .ctx = 100 + i, .chunk = i,
					   .index = 1 }, 3);
}

REPLICA_TEST(pace_max, "no more is read for others than rate_max, and who waits too long is told so")
{
	follow(3);
	raftblk_replica_set_rates(&W1->rep, now, 4 << 20, 64 << 10);
	ask(4);
	check(served() == 1);
	pass(380);		/* half a second for one, of which 100 ms may be made up for */
	check(served() == 1);
	pass(40);
	check(served() == 2);
	check(!sent(RAFTBLK_MSG_DATA).status);
	pass(100);		/* while the asker has patience left */
	check(sent(RAFTBLK_MSG_DATA).status == EBUSY);
	ask(1);
	pass(350);
	check(served() == 2);
	pass(50);
	check(served() == 3);
}

REPLICA_TEST(pace_debt, "what was read while nobody else wanted the disk is not held against later")
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1, .term = 1 };

	follow(3);
	raftblk_replica_set_rates(&W1->rep, now, 64 << 10, 0);
	pass(20);		/* what it followed was I/O, too */
	ask(8);
	check(served() == 8);
	W1->hold = BIT_ACT(LOG_WRITE);
	append_after(3, &e);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_FETCH, .ctx = 200, .chunk = 9,
				   .index = 1 }, 3);
	check(served() == 8);
	pass(490);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_FETCH, .ctx = 201, .chunk = 9,
				   .index = 1 }, 3);
	pass(20);
	check(served() == 9);
	/* who holds up entries for it need not wait */
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_FETCH, .ctx = 202, .chunk = 10,
				   .index = 1, .commit = 1 }, 3);
	check(served() == 10);
	W1->hold = 0;
	world_complete(W1, world_held(W1, RAFTBLK_ACT_LOG_WRITE, 0));
	world_run(W1);
}

REPLICA_TEST(pace_yields, "chunks wait for users' I/O, but not for longer than rate_min says")
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1, .term = 1 };

	follow(3);
	raftblk_replica_set_rates(&W1->rep, now, 64 << 10, 0);
	W1->hold = BIT_ACT(LOG_WRITE);
	append_after(3, &e);
	ask(4);
	check(served() == 1);
	pass(380);
	check(served() == 1);
	pass(40);
	check(served() == 2);
	W1->hold = 0;
	world_complete(W1, world_held(W1, RAFTBLK_ACT_LOG_WRITE, 0));
	world_run(W1);
	check(served() == 2);
	pass(19);
	check(served() == 2);	/* it may be a gap between two requests */
	pass(1);
	check(served() == 4);
}

REPLICA_TEST(pace_gaps, "nor are they read in the gaps that users leave between requests")
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1, .term = 1 };
	u32 i;

	follow(3);
	raftblk_replica_set_rates(&W1->rep, now, 64 << 10, 0);
	for (i = 0; i < 25; i++) {	/* 250 ms with a write each 10 */
		append_after(3 + i, &e);
		if (!i)
			ask(4);
		pass(10);
	}
	check(served() == 1);
	pass(9);
	check(served() == 1);
	pass(1);
	check(served() == 4);
}

/* ---- read repair ---- */

static u32 nr_sent(u8 type)
{
	u32 i, n = 0;

	for (i = 0; i < W1->nr_msg; i++)
		n += W1->msg[i].type == type;
	return n;
}

/* A read of the first block of the second chunk, which cannot be read here. */
static struct raftblk_req *broken_read(void)
{
	struct raftblk_req *req;

	follow(5);
	W1->fail = BIT_ACT(READ) | BIT_ACT(REPAIR_LOOK);
	req = submit(W1, RAFTBLK_REQ_READ, W_EXTENT, 1, 0);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_READ_RESP, .index = 5,
				   .ctx = sent(RAFTBLK_MSG_READ_REQ).ctx }, 2);
	check(req->state == RAFTBLK_REQ_BROKEN);
	check(sent(RAFTBLK_MSG_FETCH).chunk == 1);
	check(sent(RAFTBLK_MSG_FETCH).status == RAFTBLK_FETCH_LOST);
	return req;
}

static u32 asked(void)
{
	return sent(RAFTBLK_MSG_FETCH).to;
}

static void refuse(u32 from, u32 status)
{
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_DATA, .chunk = 1, .status = status,
				   .ctx = sent(RAFTBLK_MSG_FETCH).ctx }, from);
}

static u8 first_byte(const struct raftblk_req *req)
{
	return *(const u8 *)(req + 1);
}

REPLICA_TEST(repair, "what cannot be read comes from another member and is written anew")
{
	struct raftblk_req *req = broken_read();

	data_from(5 - asked(), 1, 5, 0x66);	/* was not asked */
	check(W1->count[RAFTBLK_ACT_REPAIR_WRITE] == 0);
	data_from(asked(), 1, 5, 0x77);
	check(W1->count[RAFTBLK_ACT_REPAIR_WRITE] == 1 && W1->data[W_EXTENT * 512] == 0x77);
	check(first_byte(req) == 0x77 && W1->rep.repair.blocks == 1);
	check(events(W1, RAFTBLK_EVENT_READ_REPAIRED) == 1);
	ended(req, 0);
}

REPLICA_TEST(repair_no_write, "a block that cannot be written is read all the same")
{
	struct raftblk_req *req = broken_read();

	W1->fail |= BIT_ACT(REPAIR_WRITE);
	data_from(asked(), 1, 5, 0x77);
	check(first_byte(req) == 0x77 && !W1->rep.fault && W1->rep.repair.failed == 1);
	check(events(W1, RAFTBLK_EVENT_REPAIR_FAILED) == 1);
	ended(req, 0);
}

REPLICA_TEST(repair_lost, "only when all have lost a block is it lost")
{
	struct raftblk_req *req = broken_read();
	u32 first = asked();

	refuse(first, EAGAIN);
	pass(200);
	check(asked() == 5 - first);
	refuse(asked(), EIO);
	pass(2000);			/* the first one says nothing */
	check(req->state == RAFTBLK_REQ_BROKEN && asked() == first);
	refuse(first, EIO);
	check(events(W1, RAFTBLK_EVENT_REPAIR_FAILED) == 1);
	ended(req, -EIO);
}

REPLICA_TEST(repair_deadline, "a read does not wait for ever for members that say nothing")
{
	struct raftblk_req *req = broken_read();

	pass(29000);
	check(req->state == RAFTBLK_REQ_BROKEN);
	pass(2000);
	ended(req, -EIO);
}

REPLICA_TEST(repair_ahead, "content from above the own log is not written, nor waited for for long")
{
	struct raftblk_req *req = broken_read();
	u32 before = nr_sent(RAFTBLK_MSG_FETCH);

	data_from(asked(), 1, 1 << 20, 0x77);
	check(W1->count[RAFTBLK_ACT_REPAIR_WRITE] == 0);
	pass(1000);
	check(nr_sent(RAFTBLK_MSG_FETCH) > before);
	data_from(asked(), 1, 5, 0x78);
	check(first_byte(req) == 0x78);
	ended(req, 0);
}

REPLICA_TEST(repair_too_old, "content from below what was applied meanwhile is asked for again")
{
	struct raftblk_req *req = broken_read();
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .sector = W_EXTENT, .nsect = 1,
				   .term = 1 };
	u64 ctx = sent(RAFTBLK_MSG_FETCH).ctx;

	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .index = 5, .log_term = 1, .nr = 1,
				   .ent = &e, .commit = 6 }, 2);
	check(W1->rep.applied == 6);
	data_from(asked(), 1, 5, 0x77);
	check(W1->count[RAFTBLK_ACT_REPAIR_WRITE] == 0);
	check(sent(RAFTBLK_MSG_FETCH).ctx != ctx && sent(RAFTBLK_MSG_FETCH).index == 6);
	data_from(asked(), 1, 6, 0x78);
	check(first_byte(req) == 0x78);
	ended(req, 0);
}

REPLICA_TEST(repair_serve, "a block that another member has lost is not served before the log is replayed")
{
	struct raftblk_wire_fetch f = { };
	struct raftblk_msg m = { .type = RAFTBLK_MSG_FETCH, .ctx = 99, .chunk = 0, .commit = 1,
				 .status = RAFTBLK_FETCH_LOST, .body = &f, .body_bytes = sizeof(f) };

	follow(5);
	W1->params.idle_ckpt_ns = 1000000 * MS;
	world_crash(W1);
	world_start(W1);
	check(W1->rep.applied < 5 && W1->rep.replay_end == 5);
	tell(m, 3);
	check(W1->count[RAFTBLK_ACT_CHUNK_SERVE] == 0);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 1, .index = 5, .log_term = 1,
				   .commit = 5 }, 2);
	check(W1->count[RAFTBLK_ACT_CHUNK_SERVE] == 1);
	check(sent(RAFTBLK_MSG_DATA).index == 5);
}

/* A message to world 2, which leads five; 3 and 4 are played by the test. */
static void tell_leader(struct raftblk_msg m, u32 from)
{
	m.from = from;
	m.to = 2;
	m.term = W2->rep.raft.term;
	raftblk_replica_receive(&W2->rep, now, &m);
	world_run(W2);
}

static void lead_of_five(void)
{
	u32 from;

	world_make(2, 5);
	world_start(W2);
	while (W2->rep.raft.role != RAFT_PRECANDIDATE)
		pass(10);
	for (from = 3; from <= 4; from++)
		tell_leader((struct raftblk_msg){ .type = RAFTBLK_MSG_PREVOTE_RESP,
						  .ctx = W2->rep.raft.term + 1 }, from);
	for (from = 3; from <= 4; from++)
		tell_leader((struct raftblk_msg){ .type = RAFTBLK_MSG_VOTE_RESP,
						  .ctx = W2->rep.raft.term }, from);
	for (from = 3; from <= 4; from++)
		tell_leader((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND_RESP, .index = 1 },
			    from);
	check(raft_leads(&W2->rep.raft) && W2->rep.raft.commit == 1);
}

REPLICA_TEST(catchup_deposed, "what a later leader has committed is not told to one that was deposed")
{
	const __le64 chunk = 0;
	struct raftblk_wire_data d = { .version = cpu_to_le64(3), .differ = cpu_to_le64(1) };
	struct raftblk_msg m = { .type = RAFTBLK_MSG_DATA, .index = 3, .body = &d,
				 .body_bytes = sizeof(d), .bytes = 4096 };
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1 };
	u64 index;

	world_make(1, 5);
	W1->params.catchup = true;
	W1->cut = true;
	world_start(W1);
	lead_of_five();
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = W2->rep.raft.term,
				   .flags = RAFTBLK_MSG_F_BEHIND }, 2);
	boundary(1);
	check(W1->rep.raft.incomplete);
	list(&chunk, 1);
	/* 3 and 4 follow another leader by now: nobody will acknowledge these. */
	check(!raft_propose(&W2->rep.raft, now, &e, &index));
	check(!raft_propose(&W2->rep.raft, now, &e, &index));
	world_run(W2);
	check(index == 3 && W2->rep.raft.commit == 1);
	/* 3 has applied what the other one has there. */
	m.term = W2->rep.raft.term + 1;
	m.ctx = sent(RAFTBLK_MSG_FETCH).ctx;
	m.payload = world_payload(4096, 0x77);
	W1->hold = BIT_ACT(VOTE_WRITE);
	tell(m, 3);
	m.payload = world_payload(4096, 0x77);
	tell(m, 3);
	check(W1->count[RAFTBLK_ACT_CHUNK_WRITE] == 0);	/* it could be forgotten again */
	W1->hold = 0;
	world_complete(W1, 0);
	m.payload = world_payload(4096, 0x77);
	tell(m, 3);
	check(W1->count[RAFTBLK_ACT_CHUNK_WRITE] == 1);
	W1->cut = false;
	pass(200);
	check(W2->rep.raft.commit == 1 && W2->rep.raft.role != RAFT_LEADER);
}

REPLICA_TEST(boundary_term, "no boundary is noted before the term it was named in")
{
	follow(3);
	W1->hold = BIT_ACT(VOTE_WRITE);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = 2,
				   .flags = RAFTBLK_MSG_F_BEHIND }, 3);
	check(sent(RAFTBLK_MSG_CATCHUP_REQ).to == 3);
	boundary_from(3, 50, W_VOLUME);
	check(!W1->rep.raft.incomplete && W1->rep.catchup.state == RAFTBLK_CATCHUP_OFF);
	W1->hold = 0;
	world_complete(W1, 0);
	pass(200);
	boundary_from(3, 50, W_VOLUME);
	check(W1->rep.raft.incomplete && W1->rep.raft.boundary == 50);
}

/* 3 leads term 3, and has @index, of term 1, committed. */
static void committed_by_3(u64 index)
{
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 3, .index = index,
				   .log_term = 1, .commit = index }, 3);
}

/* It hears that, but crashes before it has anything of term 3 on its disk; in term 2 it followed 2. */
static void forget_term(u64 index)
{
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = 2 }, 2);
	W1->hold = BIT_ACT(VOTE_WRITE);
	committed_by_3(index);
	check(W1->rep.raft.term == 3);
	pass(600);		/* for a checkpoint */
	world_crash(W1);
	W1->hold = 0;
	W1->nr_msg = 0;
	world_start(W1);
	check(W1->rep.raft.term == 2);
}

REPLICA_TEST(commit_term_told, "what was committed in a term that a crash made forgotten is not told to one of before")
{
	lists_first_chunk();
	entry_51(50);
	forget_term(51);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = 2 }, 2);
	check(sent(RAFTBLK_MSG_HEARTBEAT_RESP).flags & RAFTBLK_MSG_F_INCOMPLETE);
	check(sent(RAFTBLK_MSG_HEARTBEAT_RESP).commit == 50);
	/* As soon as the term is on disk it counts. */
	committed_by_3(51);
	committed_by_3(51);
	check(W1->rep.applied == 51 && W1->rep.raft.incomplete);
}

REPLICA_TEST(commit_term_agreed, "nor is it taken for what that one has in its place")
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1, .term = 1 };

	follow(3);
	append_after(3, &e);
	forget_term(4);
	e.term = 2;
	append_after(3, &e);
	check(sent(RAFTBLK_MSG_APPEND_RESP).index == 4);
	check(raftblk_log_term(&W1->rep.log, 4) == 2);
}

/* ---- between worlds ---- */

#define CHUNKS		(W_VOLUME / W_EXTENT)
#define CHUNK_BYTES	(W_EXTENT * 512)

static void three(void)
{
	u32 i;

	for (i = 1; i <= 3; i++) {
		world_make(i, 3);
		world[i].params.catchup = true;
		world[i].params.idle_ckpt_ns = 10 * MS;
	}
	for (i = 1; i <= 3; i++)
		world_start(&world[i]);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){ }) == 0);
}

/* To every chunk, for so long that @away falls behind the ring; it is down meanwhile. */
static void leave_behind(struct world *away)
{
	u32 i;

	world_crash(away);
	for (i = 0; i < 1500; i++) {
		ended(submit(W1, RAFTBLK_OP_WRITE, i % CHUNKS * W_EXTENT, 8, i), 0);
		if (i % 100 == 0)
			pass(600);
	}
	check(W1->rep.log.first > 1000);
}

/* Whoever leads has the last entry that is known to be committed. */
static void check_leaders(u64 committed, u64 term)
{
	u32 i;

	for (i = 1; i <= 3; i++) {
		const struct raftblk_replica *rep = &world[i].rep;

		if (!world[i].up || rep->raft.role != RAFT_LEADER)
			continue;
		check(!rep->raft.incomplete && rep->log.last >= committed);
		check(raftblk_log_term(&world[i].rep.log, committed) == term);
	}
}

static void pass_safely(u32 ms, u64 committed, u64 term)
{
	while (ms--) {
		pass(1);
		check_leaders(committed, term);
	}
}

/* What it can commit with a member that catches up is another question. */
static void pass_until_elected(const struct world *w, u64 committed, u64 term)
{
	u32 ms;

	for (ms = 0; ms < 20000 && w->rep.raft.role != RAFT_LEADER; ms++) {
		pass(1);
		if (committed)
			check_leaders(committed, term);
	}
	check(w->rep.raft.role == RAFT_LEADER);
}

/* Its catch-up begins, and no chunk is written unless the test says so. */
static void begin_catchup(struct world *w)
{
	w->hold = BIT_ACT(CHUNK_WRITE);
	world_start(w);
	pass(1000);
	check(events(w, RAFTBLK_EVENT_CATCHUP_BEGIN) == 1 && w->rep.raft.incomplete);
	check(w->nr_held == RAFTBLK_FETCH_SLOTS);
}

static void write_chunks(struct world *w, u32 nr)
{
	while (nr-- && w->nr_held)
		world_complete(w, 0);
}

static void write_all_chunks(struct world *w)
{
	w->hold = 0;
	write_chunks(w, w->nr_held);
	pass(2000);
	check(!w->rep.raft.incomplete && events(w, RAFTBLK_EVENT_CATCHUP_END) == 1);
}

static void same(struct world *a, struct world *b)
{
	check(a->rep.applied == b->rep.applied);
	check(!memcmp(a->data, b->data, sizeof(a->data)));
}

REPLICA_TEST(catchup_leaders, "a catch-up goes on under other leaders and from another source")
{
	struct world *source, *other;
	u64 bytes, next;

	three();
	leave_behind(W3);
	begin_catchup(W3);
	write_chunks(W3, CHUNKS / 2);
	check(W3->rep.catchup.done == CHUNKS / 2);
	source = &world[W3->rep.catchup.source];
	other = source == W1 ? W2 : W1;
	next = W3->rep.catchup.next;
	bytes = W3->rep.catchup.bytes;
	check(bytes == (CHUNKS / 2 + RAFTBLK_FETCH_SLOTS) * CHUNK_BYTES);
	/* One hands over. */
	lead(other);
	lead(source);
	pass(500);
	check(W3->rep.raft.leader == source->id && W3->rep.raft.incomplete);
	check(W3->rep.catchup.done == CHUNKS / 2 && W3->rep.catchup.next == next);
	check(W3->rep.catchup.bytes == bytes);
	write_chunks(W3, 4);
	check(W3->rep.catchup.done == CHUNKS / 2 + 4);
	/* One dies, and that was the source. */
	world_crash(source);
	pass_until_elected(other, 0, 0);
	pass(500);
	check(W3->rep.raft.leader == other->id);
	check(W3->rep.raft.incomplete && W3->rep.catchup.done == CHUNKS / 2 + 4);
	write_all_chunks(W3);
	check(W3->rep.catchup.source == other->id && W3->rep.catchup.sources >= 1);
	check(other->count[RAFTBLK_ACT_CHUNK_SERVE] > 0);
	check(events(W3, RAFTBLK_EVENT_CATCHUP_BEGIN) == 1);
	/* Each chunk once, from whomever. */
	check(W3->count[RAFTBLK_ACT_CHUNK_WRITE] == CHUNKS && W3->rep.catchup.done == CHUNKS);
	check(W3->rep.catchup.bytes == CHUNKS * CHUNK_BYTES);
	same(other, W3);
	check(!memcmp(other->version, W3->version, sizeof(W3->version)));
}

static const struct raftblk_ckpt *newest_ckpt(const struct world *w)
{
	return &w->ckpt[w->ckpt[1].generation > w->ckpt[0].generation];
}

/* The lowest chunk that it asked others for. */
static u64 lowest_fetched(const struct world *w)
{
	u64 lowest = ~0ULL;
	u32 i;

	for (i = 0; i < w->nr_msg; i++)
		if (w->msg[i].type == RAFTBLK_MSG_FETCH)
			lowest = min(lowest, w->msg[i].chunk);
	return lowest;
}

REPLICA_TEST(catchup_cursor, "after a crash a catch-up goes on from where the disk says it was")
{
	u64 cursor;

	three();
	leave_behind(W3);
	begin_catchup(W3);
	check(newest_ckpt(W3)->cursor == 0);
	write_chunks(W3, CHUNKS / 2);
	pass(500);
	check(newest_ckpt(W3)->cursor == CHUNKS / 2);
	/* Not all of these are noted, so some are done again. */
	write_chunks(W3, 4);
	cursor = newest_ckpt(W3)->cursor;
	check(cursor >= CHUNKS / 2 && cursor < CHUNKS / 2 + 4);
	world_crash(W3);
	W3->nr_msg = 0;
	W3->count[RAFTBLK_ACT_CHUNK_WRITE] = 0;
	world_start(W3);
	check(W3->rep.raft.incomplete);
	check(sent_by(W3, RAFTBLK_MSG_LIST_REQ).chunk == cursor);
	write_all_chunks(W3);
	check(events(W3, RAFTBLK_EVENT_CATCHUP_BEGIN) == 1);
	check(lowest_fetched(W3) == cursor);
	check(W3->count[RAFTBLK_ACT_CHUNK_WRITE] == CHUNKS - cursor);
	same(W1, W3);
}

/* So many writes that nobody may acknowledge yet. */
static void writes_wait(struct raftblk_req **req, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		req[i] = submit(W1, RAFTBLK_OP_ZERO, i * W_EXTENT, 8, 0);
	pass(300);
	for (i = 0; i < nr; i++)
		check(req[i]->state != RAFTBLK_REQ_ENDED);
}

static void forget(struct raftblk_req **req, u32 nr)
{
	while (nr--)
		free(req[nr]);
}

REPLICA_TEST(stale_and_dead, "who catches up helps the one that has all, and nobody else, to lead")
{
	struct raftblk_req *req[4];
	u64 committed, term;

	three();
	leave_behind(W2);
	pass(200);
	committed = W1->rep.raft.commit;
	term = raftblk_log_term(&W1->rep.log, committed);
	begin_catchup(W2);
	world_crash(W3);
	/* W2 has them in its log, and that does not count. */
	writes_wait(req, 4);
	check(W1->rep.raft.commit == committed && W2->rep.log.last > committed);
	world_crash(W1);
	forget(req, 4);
	pass_safely(5000, committed, term);
	check(W2->rep.raft.role == RAFT_FOLLOWER && W2->rep.raft.incomplete);
	/* Its log is shorter than that of W2. */
	world_start(W3);
	check(W3->rep.log.last < W2->rep.log.last);
	pass_until_elected(W3, committed, term);
	pass_safely(500, committed, term);
	check(!raft_leads(&W3->rep.raft));
	write_all_chunks(W2);
	check(raft_leads(&W3->rep.raft) && W3->rep.raft.commit > committed && W2->rep.applied == W3->rep.applied);
	world_start(W1);
	pass_safely(3000, committed, term);
	check(open_now(W3, &(struct raftblk_open){ }) == 0);
	ended(submit(W3, RAFTBLK_OP_WRITE, 8, 8, 0x5a), 0);
	pass_safely(2000, committed, term);
	same(W3, W1);
	same(W3, W2);
	check(W1->data[8 * 512] == 0x5a);
}

REPLICA_TEST(stale_and_dead_later, "what it committed after it caught up is not lost to who was dead")
{
	u64 committed, term;
	u32 i;

	three();
	leave_behind(W2);
	begin_catchup(W2);
	world_crash(W3);
	write_all_chunks(W2);
	for (i = 0; i < 4; i++)
		ended(submit(W1, RAFTBLK_OP_WRITE, i * W_EXTENT, 8, 0xcc), 0);
	committed = W1->rep.raft.commit;
	term = raftblk_log_term(&W1->rep.log, committed);
	world_crash(W1);
	world_start(W3);
	check(W3->rep.log.last < committed);
	pass_until_elected(W2, committed, term);
	pass_safely(1000, committed, term);
	check(W3->rep.applied >= committed);
	check(W3->data[0] == 0xcc);
	world_start(W1);
	pass_safely(5000, committed, term);
	same(W2, W1);
	same(W2, W3);
}
