/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Consensus: elections, replication, commit, read confirmation, transfer,
 * membership.  After "Consensus: Bridging Theory and Practice" (D. Ongaro,
 * 2014, "the thesis"), with pre-vote, check-quorum and leases always on.
 *
 * A step machine.  Events go in through the functions below; each returns at
 * once and only changes state.  What follows from the state comes out of
 * raft_poll(): messages, one at a time, until it has no more.  A message is
 * made at the moment it is polled, from the state at that moment, so nothing
 * queues up here and a slow peer costs no memory.
 *
 * Persist before you answer: raft_poll() does not hand out a vote, a request
 * for votes or an acknowledgement before the storage it depends on is durable.
 * The storage it depends on is named by vote_wanted/vote_durable and
 * log->durable, so the shell cannot send too early.
 *
 * Time is in nanoseconds of a clock that runs through suspend; every event
 * brings the current time.
 */
#ifndef RAFTBLK_RAFT_H
#define RAFTBLK_RAFT_H

#include "log.h"
#include "msg.h"

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRECANDIDATE,
	RAFT_CANDIDATE,
	RAFT_LEADER,
};

/**
 * struct raft_params - timing and flow control
 * @election_ns: least time without a leader before an election; followers wait
 *	a random time between one and two of it.  Also how long a vote is
 *	withheld after hearing from a leader.
 * @heartbeat_ns: a leader speaks at least this often
 * @lease_percent: the lease is this share of election_ns, counted from when the
 *	heartbeat was sent; the rest is for clocks that drift apart
 * @window_bytes: most payload on its way to one peer, not acknowledged
 * @window_entries: likewise entries
 * @batch_bytes: most payload in one APPEND that has more than one entry
 * @quorum_reads: do not use the lease, confirm every read with a majority
 * @recall_ns: how long a member that has just started waits to hear from all others what it
 *	had promised, before it takes part; 0: it does not ask
 */
struct raft_params {
	u64 election_ns;
	u64 heartbeat_ns;
	u32 lease_percent;
	u32 window_bytes;
	u32 window_entries;
	u32 batch_bytes;
	bool quorum_reads;
	u64 recall_ns;
};

/*
 * Who is up and can be reached has to have been heard by then, or what it alone knows is missed
 * although it would have said so: as long as it may take until it has connected (see dial.c), and
 * a second for the handshake, the question and the answer.
 */
#define RAFT_RECALL_NS	(4000 * RAFTBLK_NSEC_PER_MSEC)

#define RAFT_PARAMS_DEFAULT { \
	.election_ns = 1000 * RAFTBLK_NSEC_PER_MSEC, \
	.heartbeat_ns = 150 * RAFTBLK_NSEC_PER_MSEC, \
	.lease_percent = 80, \
	.window_bytes = 8U << 20, \
	.window_entries = 1024, \
	.batch_bytes = 512U << 10, \
	.quorum_reads = false, \
	.recall_ns = RAFT_RECALL_NS, \
}

/* How a leader sends to a peer */
enum raft_progress {
	RAFT_PROBE,		/* looks for the point where the logs match: one append at a time */
	RAFT_STREAM,		/* found: appends go out without waiting, within the window */
	RAFT_BEHIND,		/* what it needs is no longer in the log */
};

/**
 * struct raft_peer - what this member knows of, and owes to, another
 * @id: its node id
 * @progress: leader only, like the next eight
 * @match: highest index known durable there and equal to ours
 * @counted: likewise, acknowledged by it as a complete member: what commits,
 *	promotes and lets it lead.  An acknowledgement says by itself whether it
 *	counts, so it may arrive late
 * @gap: it was behind the log when this index was not in it any more: what it
 *	acknowledged below, it did before it began to catch up
 * @incomplete: its last answer had RAFTBLK_MSG_F_INCOMPLETE
 * @next: next index to send
 * @inflight_bytes: payload sent above @match
 * @probe_sent: an append went out in RAFT_PROBE and is not answered; probe_at
 *	is when it may be sent again
 * @heard_at: last time anything of this term came from it
 * @lease_at: sent_at of the newest heartbeat of ours that it answered
 * @read_acked: newest read round it confirmed
 * @heartbeat_at: when the next heartbeat falls due
 * @progress_at: when @match last moved or, if later, when the first append above
 *	it was sent; too long ago means that appends were lost with a connection
 * @holding: its last answer had RAFTBLK_MSG_F_HOLDING
 * @voted: answer in the election this member holds: granted or not (@answered)
 * @promise: what it is known to have promised
 * @past: likewise, before the life that @promise is of; id 0: nothing, or not known any more
 * @recalled: it has told what this member had promised it
 * @recall_at: when it is asked again
 *
 * What is owed, sent by raft_poll():
 * @owe_vote_req: a (pre)vote request of this election
 * @owe_vote_resp: an answer to a (pre)vote request (type, term, status in @vote_resp)
 * @owe_append_resp: an acknowledgement, or a refusal (in @append_resp)
 * @owe_heartbeat_resp: echo for @heartbeat_ctx, @heartbeat_sent_at
 * @owe_heartbeat: a heartbeat
 * @owe_timeout_now: campaign at once
 * @owe_recall_req: the question what this member had promised
 * @owe_recall_resp: the answer to the same, asked in life @recall_life
 */
struct raft_peer {
	u32 id;
	enum raft_progress progress;
	u64 match;
	u64 counted;
	u64 gap;
	u64 next;
	u32 inflight_bytes;
	bool probe_sent;
	u64 probe_at;
	u64 heard_at;
	u64 lease_at;
	u64 read_acked;
	u64 heartbeat_at;
	u64 progress_at;
	bool holding;
	bool incomplete;
	bool voted;
	bool answered;
	struct raftblk_promise promise;
	struct raftblk_promise past;
	bool recalled;
	u64 recall_at;

	bool owe_vote_req;
	bool owe_vote_resp;
	bool owe_append_resp;
	bool owe_heartbeat_resp;
	bool owe_heartbeat;
	bool owe_timeout_now;
	bool owe_recall_req;
	bool owe_recall_resp;
	u64 recall_life;
	struct {
		u8 type;
		u64 term;
		u64 asked_term;
		u32 status;
	} vote_resp;
	struct {
		bool reject;
		u64 rejected;
		u64 hint_index;
		u64 hint_term;
	} append_resp;
	u64 heartbeat_ctx;
	u64 heartbeat_sent_at;
};

#define RAFT_CONFIG_HISTORY	4
#define RAFT_MARKS		128

/* At this time the leader's log ended at this index: what lies above is younger. */
struct raft_mark {
	u64 index;
	u64 at;
};

/* Leadership is offered to a member this close to the end of the log: until it has the
 * rest, nothing can be proposed.
 */
#define RAFT_HAND_OVER_LAG	64

/**
 * struct raft - one member's consensus state
 * @id: this member
 * @log: the log; raft appends to it and cuts it
 * @term, @voted_for: current; durable once vote_durable == vote_wanted
 * @vote_wanted: generation of (term, voted_for), goes up with each change, and when
 *	the same is written once more
 * @vote_durable: highest generation on stable storage
 * @leader: leader of @term as far as known, 0 if not
 * @commit: highest index known committed
 * @term_start: leader: index of the no-op of this term
 * @matched: follower: highest index known equal to the leader's log of this
 *	term; an acknowledgement is min(matched, log->durable), never more
 * @proof_index: this member may have lost acknowledged entries up to here
 *	(struct raftblk_disk_ckpt): until an entry of a current leader's term is
 *	committed in its log it does not campaign, and votes only for who cannot
 *	lack them.  RAFTBLK_INDEX_MAX: nobody knows how far
 * @proof_term: term at start, or a higher one that others remember; what was lost was
 *	acknowledged in it or before
 * @life: random, another one with each start
 * @sure: all others have told what this member had promised, or were waited for until
 *	@recall_until.  Before, it says nothing and listens to nothing
 * @led_term: the last one that it led in this life, 0 if it does not remember all that was
 *	promised to it in that
 * @older: others remember more than its disk: see raft_recall.c
 * @older_id, @older_term, @older_index: which one, and what, first
 * @contradicted: what is committed here is not what others have committed: somebody's disk
 *	was set back, and this member must stop
 * @heard_leader_at: last word from a current leader; start of this member
 *	counts as one, since what it promised before is forgotten
 * @election_at: campaign when this time comes
 * @tick_at: leader: when it next looks after heartbeats and its majority
 * @incomplete: this member is catching up by extents (rule 16): its data area is not
 *	that of any index, its log begins behind @boundary
 * @boundary, @boundary_term: what it judges candidates by.  Entries above were
 *	committed without it, and what it ever acknowledged lies below
 * @seen_commit: incomplete: known to be committed though the log may not be here yet
 * @behind: the leader's log no longer reaches back to what this member needs
 * @transfer_campaign: this election was asked for by the leader
 * @transfer_to, @transfer_until: leader: handing over
 * @aside_at: not before this does it hand over again in order to leave
 * @lease_lost: a transfer was begun in this term; its TIMEOUT_NOW may arrive
 *	at any later time and overrides votes withheld for this leader, so the
 *	lease is not used again before the next term
 * @read_round: counter of read rounds; goes out with heartbeats
 * @config: the one in force: the newest in the log, committed or not
 * @history: configurations before it that the log may be cut back to
 * @incoming: work space for the next configuration
 * @config_gen: goes up whenever @config is replaced, so whenever slots may mean others
 * @removed: this member was told that it has left: it takes no more part
 * @guest: 0, or a member that joined after @config was set: this member has yet to
 *	learn of it from the log.  What it is owed lies in peer[config.nr].
 * @lead_since: leader: since when
 * @mark: leader: how far the log reached when, in order, @nr_marks of them; one at least
 * @mark_at: when it is looked again
 * @holding: told by the replica: owner with the device open for writing
 * @random: state of the generator for election times
 */
struct raft {
	u32 id;
	struct raft_params params;
	struct raftblk_log *log;

	u64 term;
	u32 voted_for;
	u64 vote_wanted;
	u64 vote_durable;
	enum raft_role role;
	u32 leader;
	u64 commit;
	u64 term_start;
	u64 matched;
	u64 proof_index;
	u64 proof_term;
	u64 life;
	bool sure;
	u64 recall_until;
	u64 led_term;
	bool older;
	bool contradicted;
	u32 older_id;
	u64 older_term;
	u64 older_index;
	u64 heard_leader_at;
	u64 election_at;
	u64 tick_at;
	bool incomplete;
	u64 boundary;
	u64 boundary_term;
	u64 seen_commit;
	bool behind;
	bool transfer_campaign;
	u32 transfer_to;
	u64 transfer_until;
	u64 aside_at;
	bool lease_lost;
	u64 read_round;
	u64 lead_since;
	struct raft_mark mark[RAFT_MARKS];
	u32 nr_marks;
	u64 mark_at;
	bool holding;
	u64 random;

	struct raftblk_config config;
	struct raftblk_config history[RAFT_CONFIG_HISTORY];
	u32 nr_history;
	struct raftblk_config incoming;
	u32 config_gen;
	bool removed;
	u32 guest;

	struct raft_peer peer[RAFTBLK_MAX_MEMBERS];	/* in the order of config.member; own slot unused but for match */
	u32 poll_turn;
};

/**
 * raft_init() - a follower that has just started
 * @log: recovered, or empty
 * @vote: newest durable vote
 * @config: newest configuration in the log or the checkpoint
 * @history: configurations before it still above or at the checkpoint, oldest
 *	first, @nr_history of them (the oldest are dropped beyond RAFT_CONFIG_HISTORY)
 * @commit: applied_index of the checkpoint
 * @proof_index: see struct raft
 * @seed: randomness for election times, and which life this is
 */
void raft_init(struct raft *r, u32 id, const struct raft_params *params,
	       struct raftblk_log *log, const struct raftblk_vote *vote,
	       const struct raftblk_config *config,
	       const struct raftblk_config *history, u32 nr_history,
	       u64 commit, u64 proof_index, u64 now, u64 seed);

/* To and from the checkpoint: what others have promised, RAFTBLK_MAX_MEMBERS of it. */
void raft_promises_save(const struct raft *r, struct raftblk_promise *promise);
void raft_promises_load(struct raft *r, const struct raftblk_promise *promise);

/* Time passed. */
void raft_tick(struct raft *r, u64 now);

/* When raft_tick() is next needed, at the latest. */
u64 raft_deadline(const struct raft *r);

/**
 * raft_receive() - a message of consensus came in
 *
 * Takes what raftblk_msg_is_consensus() says.  Payload references of an APPEND's
 * entries that are put into the log are taken over and set to NULL in
 * @m->ent; the rest stays the caller's.
 *
 * An APPEND for which the log has no room is not answered; the leader tries
 * again with its next probe.
 */
void raft_receive(struct raft *r, u64 now, const struct raftblk_msg *m);

/* log->durable moved. */
void raft_log_durable(struct raft *r, u64 now);

/**
 * raft_lag_is_known() - does what a member has acknowledged say how far it is behind?
 *
 * Not while it is catching up: its log is as new as its boundary, or newer, and what it lacks
 * is older than that.
 */
bool raft_lag_is_known(const struct raft *r, u32 slot);

/**
 * raft_lag_ns() - how far a member is behind, in time; raft_lag_is_known()
 *
 * The age of the oldest entry in this leader's log that the member has not acknowledged; 0: there
 * is none.  Where that entry is older than this leader's rule, it is the time of that.  It
 * may be too much, by half a heartbeat interval and, of a long lag, by a seventh.
 */
u64 raft_lag_ns(const struct raft *r, u64 now, u32 slot);

/* A new data connection to this peer: what was on its way before is lost. */
void raft_peer_connected(struct raft *r, u64 now, u32 id);

/* The vote of this generation is on stable storage. */
void raft_vote_durable(struct raft *r, u64 now, u64 generation);

/**
 * raft_propose() - append an entry as leader
 * @e: op, token, sector, nsect, bytes, crc, payload.  On success the reference
 *	to the payload is the log's.
 *
 * Return: the index (> 0) through @index and 0; -EREMOTE: not leader;
 * -EAGAIN: handing over; -ENOSPC: no room before the next checkpoint.
 */
int raft_propose(struct raft *r, u64 now, const struct raftblk_entry *e, u64 *index);

/**
 * raft_propose_config() - begin a change of membership
 * @c: the new configuration; index is set here
 *
 * The caller's @c is used up; a joint configuration is left, and a learner that
 * has caught up promoted, without being asked.
 *
 * Return: as raft_propose(); -EBUSY: one is not finished, or this leader's
 * no-op is not committed yet; -ENOMEM; -EINVAL: there cannot be such a configuration.
 */
int raft_propose_config(struct raft *r, u64 now, struct raftblk_config *c, u64 *index);

/**
 * raft_transfer() - hand leadership to another voter
 *
 * Return: 0: begun; the role changes when the other side has won.  -EREMOTE,
 * -EBUSY (another transfer), -ENOENT (no such voter), -EALREADY (it is us),
 * -EAGAIN (it is catching up), -EOPNOTSUPP (it is a witness).
 */
int raft_transfer(struct raft *r, u64 now, u32 to);

/**
 * raft_boundary_known() - the leader of this term says that (@index, @term) is committed
 *
 * If the own log has that entry, this member is not behind, whatever the leader
 * believes: it acknowledges, and the leader goes on from there.
 */
bool raft_boundary_known(struct raft *r, u64 index, u64 term);

/**
 * raft_term_seen() - somebody in @term says what is committed
 *
 * Every leader of that term or a later one has it in its log; one of an earlier term, which
 * does not know yet that it was deposed, may have entries of its own in that place.  It must
 * not be told by a member that still follows it, nor by one that was started again and has
 * forgotten the term.
 *
 * Return: false: not yet, the term is not on disk.
 */
bool raft_term_seen(struct raft *r, u64 now, u64 term);

/**
 * raft_incomplete() - this member is about to catch up, or was when it stopped
 * @boundary, @term: a committed entry; the log begins behind it
 *
 * From now on its acknowledgements do not count, it does not campaign, and judges
 * candidates by the boundary.
 */
void raft_incomplete(struct raft *r, u64 now, u64 boundary, u64 term);

/**
 * raft_reset() - the log is replaced by an empty one behind the boundary
 * @config: as of the boundary, or a newer committed one; not part of @r
 * @matched: the leader is still the one that named the boundary
 *
 * No write of the log may be on its way.
 */
void raft_reset(struct raft *r, const struct raftblk_config *config, bool matched);

/* The data area is that of the log again; this is durable. */
void raft_complete(struct raft *r, u64 now);

/**
 * raft_has_left() - is it committed, as far as this member knows, that @id is no member?
 *
 * Once true it stays so.  Nothing of such a member is listened to; the shell refuses
 * its connections and says why.
 */
bool raft_has_left(const struct raft *r, u32 id);

/* This member has left: it stops campaigning, voting and acknowledging, for good. */
void raft_remove(struct raft *r, u64 now);

/* Members heard from lately and complete, this one included; bits as in config.member. */
u32 raft_reachable(const struct raft *r, u64 now);

/* Another complete voter with data that may lead, with the most of the log; 0: none that is
 * near enough to its end.
 */
u32 raft_successor(const struct raft *r, u64 now);

/**
 * raft_waits_for_data() - a witness leads, and can help nobody
 *
 * True on the witness when each member with data that it hears from is behind its log or
 * catching up, and on such a member: nothing can be committed before another member with
 * data comes back, and nothing is lost meanwhile.
 */
bool raft_waits_for_data(const struct raft *r, u64 now);

/* Hand over because this leader is to leave: to whoever is best, and now and then. */
void raft_step_aside(struct raft *r, u64 now);

/* True once an entry of the own term is committed: reads and changes may begin. */
bool raft_leads(const struct raft *r);

/* Before this no other leader can have been elected, as it stands at @now; 0: no lease. */
u64 raft_lease_until(const struct raft *r, u64 now);

/* The lease holds at @now. */
bool raft_lease_valid(const struct raft *r, u64 now);

/**
 * raft_read_begin() - start confirming that this member still leads
 *
 * Return: a round for raft_read_confirmed(), never 0.
 */
u64 raft_read_begin(struct raft *r, u64 now);

/* Was leadership confirmed after the raft_read_begin() that returned @round?
 * By the lease (unless quorum_reads), or by answers of a majority to heartbeats
 * sent after it.  False if raft_leads() is false.
 */
bool raft_read_confirmed(const struct raft *r, u64 now, u64 round);

/**
 * raft_poll() - the next message to send
 * @ready: bit i: a message to config.member[i] can be sent now; others wait.
 *	Bits from 16 on: the same for its data connection.  Bit config.nr: to @guest.
 *
 * A message whose payloads are not all in memory is not made; raft_load() says
 * what is missing.
 *
 * Return: false when there is nothing to send.
 */
bool raft_poll(struct raft *r, u64 now, u32 ready, struct raftblk_msg *m);

/**
 * raft_load() - which entries' payloads must be read from the ring to go on
 * sending to lagging peers
 * @ready: as for raft_poll(); for the others nothing is read
 *
 * Return: lowest index at or above @from that is wanted, not in memory and not
 * being read; 0 if none.
 */
u64 raft_load(struct raft *r, u32 ready, u64 from);

/* Highest index up to which entries are in the own log, committed and equal to
 * what every leader of a later term has: what may be applied (with log->durable).
 */
static inline u64 raft_commit(const struct raft *r)
{
	return r->commit;
}

const char *raft_role_name(enum raft_role role);

#endif /* RAFTBLK_RAFT_H */
