#include "tests/unit/common/stream/timeline_check.h"

#include "common/stream/part_rule.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLACK_US = 490000 };

__attribute__((format(printf, 2, 3))) static void fault(struct timeline_check *c, const char *format, ...) {
	if (c->fault[0])
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(c->fault, sizeof c->fault, format, args);
	va_end(args);
}

static struct check_mark *mark_at(struct timeline_check *c, uint64_t ordinal) {
	return &c->marks[ordinal % CHECK_MARKS];
}

static struct check_track *track_of(struct timeline_check *c, uint32_t id) {
	for (size_t i = 0; i < c->track_count; i++)
		if (c->track[i].id == id)
			return &c->track[i];
	if (c->track_count == CHECK_TRACKS) {
		fault(c, "more than %d tracks in a run", CHECK_TRACKS);
		return &c->track[0];
	}
	struct check_track *t = &c->track[c->track_count++];
	t->id = id;
	return t;
}

/* --- parts, as part_rule.h says --- */

static void part_close(struct timeline_check *c, struct check_track *t, bool last) {
	struct check_part *p = &t->part;
	int64_t target = (int64_t)t->part_target_ms * t->timescale;
	if (!p->frames)
		return;
	if (p->ticks * 1000 > target)
		fault(c, "track %u: a part of %" PRId64 " ticks is over PART-TARGET %u ms", t->id, p->ticks, t->part_target_ms);
	if (!last && p->ticks * 1000 * 100 < target * PART_LEAST_PERCENT) {
		p->abandoned = true;
		return;
	}
	c->counts.parts++;
	if (++p->listed > PARTS_MAX)
		fault(c, "track %u: over %d parts in a segment", t->id, PARTS_MAX);
	p->frames = 0;
	p->ticks = 0;
}

/* The track's newest frame lasts `ticks` and is the last of its segment, or not. */
static void part_add(struct timeline_check *c, struct check_track *t, int64_t ticks, bool last) {
	struct check_part *p = &t->part;
	int64_t target = (int64_t)t->part_target_ms * t->timescale;
	if (!t->part_frames || p->abandoned)
		return;
	if ((p->ticks + ticks) * 1000 > target)
		part_close(c, t, false);
	if (p->abandoned || ticks * 1000 > target) {
		p->abandoned = true;
		return;
	}
	p->frames++;
	p->ticks += ticks;
	if (p->frames == t->part_frames || last)
		part_close(c, t, last);
}

static void segment_begin(struct timeline_check *c, struct check_track *t, uint64_t ordinal) {
	c->counts.abandoned += t->part.abandoned;
	t->part = (struct check_part){0};
	t->part_frames = 0;
	t->segment = ordinal;
	const struct check_mark *m = mark_at(c, ordinal);
	for (size_t i = 0; i < m->part_count; i++)
		if (m->parts[i].id == t->id)
			t->part_frames = m->parts[i].target_ms ? m->parts[i].frames : 0;
}

/* --- frames have their segments --- */

static bool reached(const struct check_track *t, int64_t pts, const struct check_mark *m) {
	return (__int128)pts * m->timescale >= (__int128)m->start * t->timescale;
}

static void assign(struct timeline_check *c, struct check_track *t, const struct check_frame *f) {
	uint64_t oldest = c->mark_count > CHECK_MARKS ? c->mark_count - CHECK_MARKS : 0;
	uint64_t segment = t->in_segment && t->segment > oldest ? t->segment : oldest;
	while (segment + 1 < c->mark_count && reached(t, f->pts, mark_at(c, segment + 1)))
		segment++;
	if (t->id == c->key_track && segment + 1 != c->mark_count)
		fault(c, "a frame of the key track at %" PRId64 " stands after a mark that it lies before", f->pts);
	if (t->in_segment)
		part_add(c, t, f->dts - t->newest.dts, segment != t->segment);
	if (!t->in_segment || segment != t->segment)
		segment_begin(c, t, segment);
	t->in_segment = true;
	t->newest = *f;
}

static void release(struct timeline_check *c, struct check_track *t, int64_t until_us) {
	while (t->held_count && ticks_to_us(t->held[t->held_first].pts, t->timescale) <= until_us) {
		assign(c, t, &t->held[t->held_first]);
		t->held_first = (t->held_first + 1) % CHECK_HELD;
		t->held_count--;
	}
}

static void pass(struct timeline_check *c, int64_t us) {
	if (us <= c->passed_us)
		return;
	c->passed_us = us;
	for (size_t i = 0; i < c->track_count; i++)
		release(c, &c->track[i], us);
}

static void hold(struct timeline_check *c, struct check_track *t, const struct check_frame *f) {
	if (t->held_count == CHECK_HELD) {
		fault(c, "track %u: %d frames are held, and nothing releases them", t->id, CHECK_HELD);
		return;
	}
	t->held[(t->held_first + t->held_count++) % CHECK_HELD] = *f;
}

/* Sound and picture against each other, each by what its encoder meant. */
static void check_offset(struct timeline_check *c, struct check_track *t, const struct frame *f, int64_t time_us) {
	double meant;
	if (!c->truth || f->payload.size != sizeof meant)
		return;
	memcpy(&meant, f->payload.data, sizeof meant);
	t->off_us = (double)time_us - meant;
	t->off_known = true;
	c->counts.last_off_us = 0;
	for (size_t i = 0; i < c->track_count; i++) {
		double off = fabs(c->track[i].off_us - t->off_us);
		if (c->track[i].off_known && off > c->counts.last_off_us)
			c->counts.last_off_us = off;
	}
	if (c->counts.last_off_us > c->counts.worst_off_us)
		c->counts.worst_off_us = c->counts.last_off_us;
}

static void check_key_frame(struct timeline_check *c, const struct check_track *t, const struct frame *f) {
	const struct check_mark *m = mark_at(c, c->mark_count - 1);
	if (c->key_awaited && !(f->flags & FRAME_KEY))
		fault(c, "mark %" PRIu64 " tells of a keyframe, but another frame came", m->number);
	if (!c->key_seen && !reached(t, f->pts, m))
		fault(c, "the first frame of segment %" PRIu64 " lies before its start", m->number);
	c->key_awaited = false;
	c->key_seen = true;
	int64_t us = ticks_to_us(f->pts, t->timescale);
	c->key_last_pts_us = us > c->key_last_pts_us ? us : c->key_last_pts_us;
}

static void on_frame(struct timeline_check *c, const struct entry *e) {
	const struct frame *f = &e->frame;
	if (!f->track)
		return;
	const struct track *described = c->tracks ? tracks_find(c->tracks, f->track) : NULL;
	if (!described) {
		fault(c, "a frame of track %u, which no mark told of", f->track);
		return;
	}
	if (described->kind != f->kind || described->fourcc != f->fourcc)
		fault(c, "a frame of track %u is of another codec than its Tracks say", f->track);
	struct check_track *t = track_of(c, f->track);
	if (t->begun && f->dts <= t->last_dts)
		fault(c, "track %u: dts %" PRId64 " after %" PRId64, t->id, f->dts, t->last_dts);
	t->begun = true;
	t->last_dts = f->dts;
	c->counts.frames++;
	check_offset(c, t, f, e->time_us);
	struct check_frame times = {.dts = f->dts, .pts = f->pts};
	if (f->track != c->key_track) {
		hold(c, t, &times);
		release(c, t, c->passed_us);
		return;
	}
	release(c, t, INT64_MAX); /* held when it was not the key track yet */
	check_key_frame(c, t, f);
	assign(c, t, &times);
	pass(c, ticks_to_us(f->dts, t->timescale));
}

/* --- marks --- */

static void check_target(struct timeline_check *c, uint32_t target_ms) {
	if (c->target_ms && target_ms != c->target_ms)
		fault(c, "TARGETDURATION was %u ms and is %u", c->target_ms, target_ms);
	c->target_ms = target_ms;
	if (target_ms % 1000)
		fault(c, "TARGETDURATION is no whole number of seconds: %u ms", target_ms);
	if (target_ms && round((double)c->counts.longest_us / 1e6) > target_ms / 1000)
		fault(c, "EXTINF %f is over TARGETDURATION %u ms", (double)c->counts.longest_us / 1e6, target_ms);
}

/* Within an epoch numbers step by one; between two the missing time is shared by the numbers left out. */
static void check_step(struct timeline_check *c, const struct mark *m, bool same_epoch) {
	const struct check_mark *before = mark_at(c, c->mark_count - 1);
	int64_t us = ticks_to_us(m->start, m->timescale) - ticks_to_us(before->start, before->timescale);
	if (us <= 0)
		fault(c, "mark %" PRIu64 " does not lie after the one before it", m->number);
	if (same_epoch && m->number != before->number + 1)
		fault(c, "mark %" PRIu64 " follows mark %" PRIu64, m->number, before->number);
	if (m->number <= before->number) {
		fault(c, "number %" PRIu64 " after %" PRIu64, m->number, before->number);
		return;
	}
	if (same_epoch && us > c->counts.longest_us)
		c->counts.longest_us = us;
	int64_t limit = (int64_t)(m->number - before->number) * (m->tracks->target_ms * 1000LL + SLACK_US);
	if (!same_epoch && m->tracks->target_ms && us > limit + SLACK_US)
		fault(c, "%" PRId64 " µs are missing before number %" PRIu64 ", too many for the gaps", us, m->number);
	if (!c->key_seen)
		c->counts.empty++;
}

/* The track goes on in another unit: its parts that began in the old one are not looked at. */
static void retime(struct check_track *t, uint32_t timescale) {
	t->part_frames = 0;
	t->last_dts = us_to_ticks(ticks_to_us(t->last_dts, t->timescale), timescale) - 1; /* rounded down, at most */
}

static void take_tracks(struct timeline_check *c, const struct mark *m, struct check_mark *mark) {
	if (c->tracks && (m->tracks->revision < c->tracks->revision ||
	                  (m->tracks->revision == c->tracks->revision && m->tracks != c->tracks)))
		fault(c, "Tracks revision %u after %u", m->tracks->revision, c->tracks->revision);
	tracks_unref(&c->tracks);
	c->tracks = tracks_ref(m->tracks);
	for (size_t i = 0; i < m->tracks->count; i++) {
		const struct track *told = &m->tracks->items[i];
		struct check_track *t = track_of(c, told->id);
		if (t->part_target_ms && told->part_target_ms != t->part_target_ms)
			fault(c, "track %u: PART-TARGET was %u ms and is %u", t->id, t->part_target_ms, told->part_target_ms);
		if (t->timescale && t->timescale != told->timescale)
			retime(t, told->timescale);
		t->part_target_ms = told->part_target_ms;
		t->timescale = told->timescale;
		mark->parts[i].id = told->id;
		mark->parts[i].frames = told->part_frames;
		mark->parts[i].target_ms = told->part_target_ms;
	}
	mark->part_count = m->tracks->count;
	const struct track *key = tracks_key(m->tracks, "source");
	c->key_track = key ? key->id : 0;
}

static void check_anchor(struct timeline_check *c, const struct anchor *a) {
	if (a->revision < c->anchor.revision)
		fault(c, "anchor revision %u after %u", a->revision, c->anchor.revision);
	if (a->revision == c->anchor.revision && (a->media_us != c->anchor.media_us || a->wall_us != c->anchor.wall_us))
		fault(c, "anchor %u is not what it was", a->revision);
	c->anchor = *a;
	c->counts.anchor_revision = a->revision;
}

static void on_mark(struct timeline_check *c, const struct entry *e, bool same_epoch) {
	const struct mark *m = &e->mark;
	int64_t start_us = ticks_to_us(m->start, m->timescale);
	if (c->mark_count)
		check_step(c, m, same_epoch);
	if (c->mark_count && start_us <= c->passed_us)
		fault(c, "mark %" PRIu64 " at %" PRId64 " µs, which packagers have passed (%" PRId64 ")", m->number, start_us,
		      c->passed_us);
	if (c->mark_count && start_us <= c->key_last_pts_us)
		fault(c, "mark %" PRIu64 " lies before frames of the earlier segment", m->number);
	check_anchor(c, &m->anchor);
	check_target(c, m->tracks->target_ms);
	c->counts.marks++;
	c->counts.discontinuities += (m->flags & MARK_DISCONTINUITY) != 0;
	struct check_mark *mark = mark_at(c, c->mark_count++);
	*mark = (struct check_mark){.number = m->number, .start = m->start, .timescale = m->timescale};
	take_tracks(c, m, mark);
	c->key_awaited = !(m->flags & MARK_FORCED);
	c->key_seen = false;
}

static void on_progress(struct timeline_check *c, int64_t us) {
	if (us <= c->passed_us)
		fault(c, "progress to %" PRId64 " µs, which is passed already (%" PRId64 ")", us, c->passed_us);
	c->counts.progress++;
	pass(c, us);
}

/* --- life --- */

void timeline_check_entry(struct timeline_check *c, const struct entry *e) {
	bool same_epoch = e->epoch == c->epoch;
	if (e->epoch < c->epoch)
		fault(c, "an entry of epoch %" PRIu64 " after one of %" PRIu64, e->epoch, c->epoch);
	if (!same_epoch && e->kind != ENTRY_MARK)
		fault(c, "an epoch does not begin with a mark");
	if (e->sequence != (same_epoch ? c->sequence : 0) + 1)
		fault(c, "sequence %" PRIu64 " after %" PRIu64, e->sequence, c->sequence);
	if (!same_epoch)
		for (size_t i = 0; i < c->track_count; i++)
			release(c, &c->track[i], INT64_MAX);
	c->epoch = e->epoch;
	c->sequence = e->sequence;
	if (e->kind == ENTRY_FRAME)
		on_frame(c, e);
	else if (e->kind == ENTRY_MARK)
		on_mark(c, e, same_epoch);
	else if (e->kind == ENTRY_PROGRESS)
		on_progress(c, e->progress.time_us);
}

struct timeline_check *timeline_check_new(void) {
	return calloc(1, sizeof(struct timeline_check));
}

void timeline_check_end(struct timeline_check *c, uint32_t target_ms) {
	for (size_t i = 0; i < c->track_count; i++) {
		release(c, &c->track[i], INT64_MAX);
		c->counts.abandoned += c->track[i].part.abandoned;
	}
	if (c->mark_count && !target_ms)
		fault(c, "the run ended without a TARGETDURATION");
	if (c->mark_count)
		check_target(c, target_ms);
}

const char *timeline_check_fault(const struct timeline_check *c) {
	return c->fault[0] ? c->fault : NULL;
}

/* Of the tracks, that are large, only those that were used. */
void timeline_check_reset(struct timeline_check *c) {
	tracks_unref(&c->tracks);
	memset(c, 0, offsetof(struct timeline_check, track) + c->track_count * sizeof *c->track);
}

void timeline_check_free(struct timeline_check **c) {
	if (*c)
		tracks_unref(&(*c)->tracks);
	free(*c);
	*c = NULL;
}
