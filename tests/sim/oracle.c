// SPDX-License-Identifier: GPL-2.0
/*
 * The oracle: what clients may see, from the outside.
 *
 * Each write has an id and stamps every sector with it, so a read says which
 * write it saw.  A write takes effect at one moment between its start and its
 * end.  One that failed or whose machine died may take effect at any time
 * until another owner has been let in: from then on it has happened or never
 * will.  A read is wrong if what it saw had been over (its end) before
 * something else began that was complete before the read began.
 *
 * A write that was seen in one sector is there as a whole: from then on it
 * counts as complete in all of them.
 *
 * All blocks of zeros look the same, whoever wrote them: value 0.
 */
#include "sim.h"

struct write {
	u64 sector;
	u64 session;
	u64 start;
	u64 end;
	u64 index;
	u32 nsect;
	bool zero;
	bool proposed;
	bool counted;		/* its effect is part of the sectors' floors */
};

struct zeros {
	u32 open;		/* zeroings without an end */
	u64 end;		/* newest end of those that have one */
};

static struct write *writes;
static u64 nr_writes, room;
static u64 *open_ids;		/* writes without an end */
static u64 nr_open, open_room;
static struct sight *sights;
static struct zeros *zeros;
static u8 *model;

void oracle_reset(void)
{
	nr_writes = 0;
	nr_open = 0;
	sights = calloc(sim.set.volume_max, sizeof(*sights));
	zeros = calloc(sim.set.volume_max, sizeof(*zeros));
	model = calloc(sim.set.volume_max, SECTOR);
	assert(sights && zeros && model);
}

void oracle_free(void)
{
	free(sights);
	free(zeros);
	free(model);
}

const u8 *oracle_model(void)
{
	return model;
}

static struct write *write_by_id(u64 id)
{
	assert(id && id <= nr_writes);
	return &writes[id - 1];
}

static void open_add(u64 id)
{
	if (nr_open == open_room) {
		open_room = open_room ? open_room * 2 : 64;
		open_ids = realloc(open_ids, open_room * sizeof(*open_ids));
		assert(open_ids);
	}
	open_ids[nr_open++] = id;
}

u64 oracle_write(u64 session, u64 sector, u32 nsect, bool zero)
{
	struct write *w;
	u64 s;

	if (nr_writes == room) {
		room = room ? room * 2 : 1024;
		writes = realloc(writes, room * sizeof(*writes));
		assert(writes);
	}
	w = &writes[nr_writes++];
	*w = (struct write){ .sector = sector, .session = session, .start = sim.now,
			     .end = NEVER, .nsect = nsect, .zero = zero };
	for (s = sector; zero && s < sector + nsect; s++)
		zeros[s].open++;
	open_add(nr_writes);
	return nr_writes;
}

void oracle_fill(u64 id, u64 sector, u32 nsect, u8 *buf)
{
	u64 word[SECTOR / 8];
	u32 i, j;

	for (i = 0; i < nsect; i++) {
		word[0] = id;
		word[1] = sector + i;
		for (j = 2; j < ARRAY_SIZE(word); j++)
			word[j] = (id * 0x9e3779b97f4a7c15ULL) ^ ((sector + i) << 32) ^ j;
		memcpy(buf + i * SECTOR, word, SECTOR);
	}
}

static void sight_add(struct sight *g, u64 value, u64 start)
{
	if (value == g->value) {
		g->floor = max(g->floor, start);
	} else if (start > g->floor) {
		g->floor2 = g->floor;
		g->floor = start;
		g->value = value;
	} else {
		g->floor2 = max(g->floor2, start);
	}
}

/* It has taken effect: nobody may read anything older from now on. */
static void write_count(u64 id)
{
	struct write *w = write_by_id(id);
	u64 s;

	if (w->counted)
		return;
	w->counted = true;
	for (s = w->sector; s < w->sector + w->nsect; s++)
		sight_add(&sights[s], w->zero ? 0 : id, w->start);
}

static void write_end(struct write *w)
{
	u64 s;

	if (w->end != NEVER)
		return;
	w->end = sim.now;
	for (s = w->sector; w->zero && s < w->sector + w->nsect; s++) {
		zeros[s].open--;
		zeros[s].end = max(zeros[s].end, sim.now);
	}
}

void oracle_write_done(u64 id, int status)
{
	if (status)
		return;
	write_end(write_by_id(id));
	write_count(id);
}

/* Sessions are numbered by their tokens: nothing of an earlier owner can come any more. */
void oracle_new_owner(u64 session)
{
	u64 i, keep = 0;

	for (i = 0; i < nr_open; i++) {
		struct write *w = write_by_id(open_ids[i]);

		if (w->session < session)
			write_end(w);
		if (w->end == NEVER)
			open_ids[keep++] = open_ids[i];
	}
	nr_open = keep;
}

void oracle_read_begin(u64 sector, u32 nsect, struct sight *sight)
{
	memcpy(sight, sights + sector, nsect * sizeof(*sight));
}

/* The id a sector shows; what is in it has to be exactly what was written. */
static u64 sector_value(u64 sector, const u8 *buf)
{
	static const u8 none[SECTOR];
	u8 want[SECTOR];
	struct write *w;
	u64 id;

	if (!memcmp(buf, none, SECTOR))
		return 0;
	memcpy(&id, buf, sizeof(id));
	if (!id || id > nr_writes)
		sim_fail("read of sector %llu returns garbage", (unsigned long long)sector);
	w = write_by_id(id);
	oracle_fill(id, sector, 1, want);
	if (w->zero || sector < w->sector || sector >= w->sector + w->nsect ||
	    memcmp(buf, want, SECTOR))
		sim_fail("read of sector %llu returns something that resembles write %llu",
			 (unsigned long long)sector, (unsigned long long)id);
	return id;
}

static void read_check(u64 s, u64 value, const struct sight *g)
{
	u64 floor = g->value == value ? g->floor2 : g->floor;
	u64 end = zeros[s].open ? NEVER : zeros[s].end;

	if (value)
		end = write_by_id(value)->end;
	if (end < floor)
		sim_fail("stale read of sector %llu: write %llu was over at %llu.%06llu ms, but write %llu or another began later and was complete before the read",
			 (unsigned long long)s, (unsigned long long)value,
			 (unsigned long long)(end / MSEC), (unsigned long long)(end % MSEC),
			 (unsigned long long)g->value);
}

void oracle_read_done(u64 invoked, u64 sector, u32 nsect, const struct sight *sight,
		      const u8 *buf)
{
	u32 i;

	for (i = 0; i < nsect; i++) {
		u64 value = sector_value(sector + i, buf + i * SECTOR);

		read_check(sector + i, value, &sight[i]);
		if (value) {
			write_end(write_by_id(value));
			write_count(value);
		}
		sight_add(&sights[sector + i], value, invoked);
	}
}

bool oracle_proposed(u64 id)
{
	struct write *w = write_by_id(id);
	bool before = w->proposed;

	w->proposed = true;
	return before;
}

/* The history as committed: what every data area has to look like in the end. */
void oracle_commit(const struct raftblk_entry *e, u64 id, u64 index)
{
	struct write *w;

	if (e->op == RAFTBLK_OP_DISCARD || e->op == RAFTBLK_OP_ZERO) {
		memset(model + e->sector * SECTOR, 0, (size_t)e->nsect * SECTOR);
		return;
	}
	w = write_by_id(id);
	if (w->sector != e->sector || w->nsect != e->nsect)
		sim_fail("entry %llu does not match write %llu",
			 (unsigned long long)index, (unsigned long long)id);
	if (w->index && !sim.blackbox && !sim.redone)
		sim_fail("write %llu is committed twice, at %llu and %llu", (unsigned long long)id,
			 (unsigned long long)w->index, (unsigned long long)index);
	w->index = index;
	oracle_fill(id, e->sector, e->nsect, model + e->sector * SECTOR);
}
