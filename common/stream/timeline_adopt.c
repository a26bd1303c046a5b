#include "common/stream/timeline_adopt.h"

#include "common/stream/timeline_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
	NEWEST_CLUES = 9,
	WHOLE_MS_US = 8,      /* ticks round by less: the offset is a whole number of milliseconds */
	SAME_CLOCK_US = 5000, /* sound on its grid is off by less: it has the picture's clock */
	MS_US = 1000,
};

/* --- the log --- */

struct recall {
	struct timeline *t;
	const struct tracks *tracks; /* in force */
	bool has_mark, key_marked;   /* the keyframe that comes next has had its mark */
};

static void recall_mark(struct recall *r, const struct entry *e) {
	struct timeline *t = r->t;
	const struct mark *m = &e->mark;
	r->tracks = m->tracks;
	r->has_mark = true;
	r->key_marked = !(m->flags & MARK_FORCED);
	if (r->key_marked)
		marker_recall(&t->marker, e->time_us, true);
	else
		marker_begin(&t->marker, e->time_us);
	t->mark_timescale = m->timescale;
	t->segment_empty = true;
	t->run->start_us = e->time_us;
	t->run->period_us = m->period_us;
	t->run->period_configs = tracks_configs(m->tracks);
	t->run->period_anchor = m->anchor.revision;
}

static void recall_key_frame(struct recall *r, const struct frame *f, uint32_t timescale) {
	struct timeline *t = r->t;
	int64_t us = ticks_to_us(f->pts > f->dts ? f->pts : f->dts, timescale);
	bool key = f->flags & FRAME_KEY;
	if (key && !r->key_marked && us > t->marker.start_us)
		marker_recall(&t->marker, us, false);
	r->key_marked &= !key;
	t->segment_empty = false;
	t->passed_us = us > t->passed_us ? us : t->passed_us;
}

static void recall_frame(struct recall *r, const struct frame *f) {
	struct timeline *t = r->t;
	struct timeline_lane *l = timeline_lane_find(t, f->track);
	const struct track *key = r->tracks ? tracks_key(r->tracks, "source") : NULL;
	if (!l)
		return;
	lane_recall(&l->lane, f->dts);
	timeline_note_step(l);
	l->need_key = false;
	l->seen = true;
	if (key && key->id == f->track)
		recall_key_frame(r, f, l->lane.timescale);
	int64_t lasts = lane_expected(&l->lane) ? lane_expected(&l->lane) : 1;
	int64_t end_us = ticks_to_us((f->pts > f->dts ? f->pts : f->dts) + lasts, l->lane.timescale);
	t->run->highest_us = end_us > t->run->highest_us ? end_us : t->run->highest_us;
}

static void recall_progress(struct timeline *t, int64_t us) {
	t->progress_us = us;
	t->passed_us = us > t->passed_us ? us : t->passed_us;
	t->run->highest_us = us >= t->run->highest_us ? us + 1 : t->run->highest_us;
}

static void recall_entry(struct recall *r, const struct entry *e) {
	if (e->epoch != r->t->epoch)
		return;
	r->t->sequence = e->sequence;
	if (e->kind == ENTRY_MARK)
		recall_mark(r, e);
	else if (e->kind == ENTRY_FRAME)
		recall_frame(r, &e->frame);
	else if (e->kind == ENTRY_PROGRESS)
		recall_progress(r->t, e->progress.time_us);
}

/* False: there is no mark of its newest epoch. */
static bool recall_log(struct timeline *t, const struct timeline_legacy *legacy) {
	const struct log *log = legacy->log;
	struct recall r = {.t = t};
	if (legacy->first_mark)
		recall_entry(&r, legacy->first_mark);
	for (uint64_t p = log->first; p < log->next; p++)
		recall_entry(&r, (const struct entry *)log_at(log, p)->object); /* counted is the first member */
	t->mark_ahead = r.key_marked;
	return r.has_mark;
}

/* --- the encoder's clock --- */

/* What a lane's matches tell: each says by how much media time is ahead of the encoder's. */
struct clues {
	struct timeline_lane *lane;
	uint32_t last_ms;
	int64_t raw_us, wall_us;
	int64_t first_us;                /* of the first match */
	int64_t mean16_us;               /* running mean, as off_grid_us16 in lane.c, of what the others are more */
	int64_t newest_us[NEWEST_CLUES]; /* a ring */
	size_t count;
};

static int64_t mean_of(const struct clues *c) {
	return c->first_us + c->mean16_us / 16;
}

static void note_clue(struct clues *c, const struct timeline_match *m, int64_t raw_us) {
	int64_t us = ticks_to_us(m->frame->dts, c->lane->lane.timescale) - raw_us - m->sample->nano_offset / 1000;
	if (!c->count)
		c->first_us = us;
	c->mean16_us += us - c->first_us - c->mean16_us / 16;
	c->newest_us[c->count++ % NEWEST_CLUES] = us;
	c->last_ms = m->sample->timestamp_ms;
	c->raw_us = raw_us;
	c->wall_us = m->wall_us;
}

static struct clues *clues_of(struct timeline *t, struct clues *all, uint32_t track) {
	struct timeline_lane *l = timeline_lane_find(t, track);
	if (!l)
		return NULL;
	struct clues *c = &all[l - t->lanes];
	c->lane = l;
	return c;
}

static void gather_clues(struct timeline *t, const struct timeline_legacy *legacy, struct clues *all) {
	struct timeline_clock *clock = &t->clock;
	for (size_t i = 0; i < legacy->count; i++) {
		const struct timeline_match *m = &legacy->matches[i];
		struct clues *c = clues_of(t, all, m->frame->track);
		uint32_t ms = m->sample->timestamp_ms;
		if (!c)
			continue;
		int64_t raw_us = clock->begun ? clock->raw_us + lane_step_ms(clock->last_ms, ms) * MS_US : (int64_t)ms * MS_US;
		if (c->count)
			raw_us = c->raw_us + lane_step_ms(c->last_ms, ms) * MS_US;
		note_clue(c, m, raw_us);
		clock->begun = true;
		clock->last_ms = ms;
		clock->raw_us = raw_us;
	}
}

static int compare(const void *a, const void *b) {
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static int64_t median_of(const struct clues *c) {
	int64_t sorted[NEWEST_CLUES];
	size_t count = c->count < NEWEST_CLUES ? c->count : NEWEST_CLUES;
	memcpy(sorted, c->newest_us, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare);
	return sorted[count / 2];
}

static int64_t whole_ms(int64_t us) {
	return (us + (us < 0 ? -MS_US / 2 : MS_US / 2)) / MS_US * MS_US;
}

/* A timeline's offset is a whole number of milliseconds until a jump is spliced. Sound is off its milliseconds, by its
 * grid: there the mean is near. */
static int64_t offset_of(const struct clues *c) {
	if (c->lane->lane.frame_ticks)
		return whole_ms(mean_of(c));
	int64_t us = median_of(c), whole = whole_ms(us);
	return llabs(us - whole) <= WHOLE_MS_US ? whole : us;
}

static void resume_lane(const struct timeline *t, const struct clues *c) {
	int64_t offset_us = offset_of(c);
	if (llabs(offset_us - t->clock.offset_us) <= SAME_CLOCK_US)
		offset_us = t->clock.offset_us;
	int64_t ahead_us16 = 16 * (offset_us - c->first_us) - c->mean16_us;
	lane_resume(&c->lane->lane, c->last_ms, c->raw_us, offset_us, c->wall_us, ahead_us16);
}

static void resume_clock(struct timeline *t, const struct timeline_legacy *legacy) {
	struct clues all[TRACKS_MAX] = {0};
	gather_clues(t, legacy, all);
	const struct clues *decides = NULL;
	uint32_t key = timeline_key_track(t);
	for (size_t i = 0; i < t->lane_count; i++)
		if (all[i].count && (!decides || all[i].lane->track == key))
			decides = &all[i];
	t->clock.offset_us = decides ? offset_of(decides) : 0;
	for (size_t i = 0; i < t->lane_count; i++)
		if (all[i].count)
			resume_lane(t, &all[i]);
		else
			t->lanes[i].lane.begun = false; /* it fell silent long ago, and would begin anew */
	timeline_lag_reset(t);
}

/* --- all of it --- */

struct timeline *timeline_adopt(const struct config_app *config, uint64_t epoch, struct timeline_run *run,
                                const struct timeline_legacy *legacy, const struct timeline_ops *ops, void *context) {
	const struct log *log = legacy->log;
	if (log->next == log->first || !run->tracks)
		return NULL;
	struct timeline *t = timeline_new(config, log_at(log, log->next - 1)->epoch, run, ops, context);
	if (!t)
		return NULL;
	int64_t highest_us = run->highest_us;
	t->next_epoch = epoch;
	t->gather.done = t->marked = true;
	t->discontinuity = false;
	run->highest_us = 0; /* the map's may be ahead of what was sent */
	if (run->tracks->metadata)
		t->frame_rate = timeline_metadata_rate(bytes_slice(run->tracks->metadata));
	timeline_continue(t);
	for (size_t i = 0; i < t->lane_count; i++)
		t->lanes[i].in_force = true;
	if (!recall_log(t, legacy)) {
		run->highest_us = highest_us;
		timeline_free(&t);
		return NULL;
	}
	resume_clock(t, legacy);
	t->earlier_us = run->highest_us;
	run->next_number = run->last_number + 1;
	return t;
}
