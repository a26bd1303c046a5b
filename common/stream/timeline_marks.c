#include "common/stream/timeline_parts.h"

#include <uv.h>

enum {
	PROGRESS_STEP_US = 100000,
	SHORT_GAP_US = 500000, /* an earlier epoch's last segment may be shown for so much longer */
};

/* --- numbers --- */

bool timeline_run_pass_number(struct timeline_run *r, uint64_t number) {
	if (number < r->least_number)
		return false;
	r->least_number = number + 1;
	return r->next_number < r->least_number;
}

/* Between an epoch and the next one of the run there is no media: whole segments of that length are left out, so that
 * none is longer than TARGETDURATION. */
static uint64_t gaps_before(const struct timeline *t, int64_t start_us) {
	const struct timeline_run *r = t->run;
	int64_t limit = marker_limit_us(&t->marker), target = limit - MARKER_SLACK_US, from = t->earlier_us;
	if (r->start_us && r->start_us + limit < from)
		from = r->start_us + limit;
	int64_t missing = start_us - from;
	if (missing > SHORT_GAP_US)
		return (uint64_t)((missing + target - 1) / target);
	return r->start_us && start_us - r->start_us > limit;
}

static uint64_t next_number(const struct timeline *t, int64_t start_us, int64_t wall_us) {
	const struct timeline_run *r = t->run;
	uint64_t number = r->next_number ? r->next_number : marker_first_number(wall_us);
	if (!t->marked && r->last_number) {
		uint64_t after_gaps = r->last_number + 1 + gaps_before(t, start_us);
		number = number > after_gaps ? number : after_gaps;
	}
	return number > r->least_number ? number : r->least_number;
}

/* --- marks --- */

static void count_mark(struct timeline *t, unsigned flags) {
	t->counts.marks++;
	t->counts.discontinuities += (flags & MARK_DISCONTINUITY) != 0;
	t->counts.forced_marks += (flags & MARK_FORCED) != 0;
	if (flags & MARK_FORCED && t->marked)
		timeline_warn(t, WARN_FORCED, "no keyframe came in time for a segment; it was cut without one");
}

/* Where the mark's period began. A period that begins with its anchor begins at the anchor. */
static int64_t period_of(struct timeline *t, const struct mark *m, int64_t start_us) {
	struct timeline_run *r = t->run;
	uint32_t configs = tracks_configs(m->tracks);
	bool same_anchor = r->period_us && m->anchor.revision == r->period_anchor;
	if (same_anchor && t->marked && !m->after_epoch && m->discontinuity == r->discontinuity &&
	    configs == r->period_configs)
		return r->period_us;
	r->period_configs = configs;
	r->period_anchor = m->anchor.revision;
	r->period_us = !same_anchor && m->anchor.media_us < start_us ? m->anchor.media_us : start_us;
	return r->period_us;
}

static void enter_epoch(struct timeline *t) {
	t->epoch = t->next_epoch;
	t->sequence = t->next_epoch = 0;
}

/* `start` is in ticks of the key track's timescale. */
static int emit_mark(struct timeline *t, uint32_t timescale, int64_t start, bool forced, int64_t wall_us) {
	int64_t start_us = ticks_to_us(start, timescale);
	uint64_t number = next_number(t, start_us, wall_us);
	struct tracks *tracks = timeline_next_tracks(t, number);
	if (!tracks)
		return UV_ENOMEM;
	/* Where codecs or the set of tracks change, players begin anew (RFC 8216, 4.3.2.3). */
	t->discontinuity |= t->marked && tracks_configs(tracks) != t->run->period_configs;
	unsigned flags = (t->discontinuity ? MARK_DISCONTINUITY : 0) | (forced ? MARK_FORCED : 0);
	uint32_t discontinuity = t->run->discontinuity + t->discontinuity;
	struct mark m = {.number = number,
	                 .start = start,
	                 .timescale = timescale,
	                 .discontinuity = discontinuity,
	                 .flags = flags,
	                 .anchor = *timeline_anchor(t, start_us),
	                 .tracks = tracks};
	bool enters = t->next_epoch && !forced;
	m.after_epoch = enters ? t->epoch : 0;
	m.after_sequence = enters ? t->sequence : 0;
	m.period_us = period_of(t, &m, start_us);
	struct entry *e = entry_new_mark(&m, start_us);
	tracks_unref(&tracks);
	if (!e)
		return UV_ENOMEM;
	if (enters)
		enter_epoch(t);
	t->run->last_number = number;
	t->run->next_number = number + 1;
	t->run->start_us = start_us;
	t->mark_timescale = timescale;
	t->run->discontinuity = discontinuity;
	t->discontinuity = false;
	count_mark(t, flags);
	t->marked = t->segment_empty = true;
	t->mark_ahead = false;
	return timeline_emit(t, e);
}

/* Limits that lie before `us`, which media time has come to. A keyframe is still wanted where it was. */
static int mark_limits(struct timeline *t, uint32_t timescale, int64_t us, int64_t wall_us) {
	bool must_cut = t->must_cut;
	int err = 0;
	for (bool again = false; !err && t->marked && marker_overdue(&t->marker, us); again = true) {
		if (again) {
			t->counts.gaps++;
			timeline_warn(t, WARN_GAP, "the key track was silent for whole segments: they are gaps");
		}
		err = emit_mark(t, timescale, us_to_ticks_up(t->marker.start_us, timescale), true, wall_us);
	}
	t->must_cut |= must_cut;
	return err;
}

/* The first frame after a mark lies at or after its start, also if the encoder says otherwise. */
static void lift(struct timeline *t, struct frame *f, int64_t least_pts) {
	if (f->pts >= least_pts)
		return;
	f->pts = least_pts;
	t->counts.compositions++;
	timeline_warn(t, WARN_LIFTED,
	              "frames that begin a segment were to be shown before earlier ones; they come later now");
}

/* Where a cut before the frame would lie: at its pts, but not before its dts, and after all that packagers have passed.
 */
static int64_t cut_at(const struct timeline *t, const struct frame *f, uint32_t timescale) {
	int64_t cut = f->pts > f->dts ? f->pts : f->dts;
	int64_t passed = t->passed_us ? us_to_ticks(t->passed_us, timescale) : INT64_MIN;
	if (t->must_cut && t->marked && t->run->start_us > t->passed_us)
		passed = us_to_ticks(t->run->start_us, timescale);
	return cut > passed ? cut : passed + 1;
}

/* A keyframe may be lifted for a cut; others are left in the present segment. */
static enum marker_cut cut_before(struct timeline *t, struct timeline_lane *l, struct frame *f) {
	uint32_t timescale = l->lane.timescale;
	bool key = f->flags & FRAME_KEY, must = t->must_cut || !t->marked || !l->seen;
	int64_t cut = cut_at(t, f, timescale);
	l->seen |= key;
	if (!key && cut > f->pts)
		return MARKER_NONE;
	int64_t duration_us = ticks_to_us(lane_expected(&l->lane), timescale);
	enum marker_cut how = marker_frame(&t->marker, ticks_to_us(cut, timescale), key, duration_us, must);
	if (how != MARKER_NONE)
		lift(t, f, cut);
	return how;
}

/* A frame of the key track goes out. */
static void pass_frame(struct timeline *t, uint32_t timescale, struct frame *f) {
	if (t->segment_empty)
		lift(t, f, us_to_ticks_up(t->run->start_us + (timescale != t->mark_timescale), timescale));
	t->segment_empty = false;
	int64_t us = ticks_to_us(f->pts > f->dts ? f->pts : f->dts, timescale);
	t->passed_us = us > t->passed_us ? us : t->passed_us;
}

static int mark_at_key_track(struct timeline *t, struct timeline_lane *l, struct frame *f, int64_t wall_us) {
	uint32_t timescale = l->lane.timescale;
	/* A keyframe at the limit itself is cut before. */
	int64_t until_us = ticks_to_us(f->pts > f->dts ? f->pts : f->dts, timescale) - (f->flags & FRAME_KEY ? 1 : 0);
	int err = mark_limits(t, timescale, until_us, wall_us);
	if (t->mark_ahead && f->flags & FRAME_KEY) { /* it has its mark */
		t->mark_ahead = false;
		l->seen = true;
	} else if (!err) {
		enum marker_cut how = cut_before(t, l, f);
		if (how != MARKER_NONE)
			err = emit_mark(t, timescale, f->pts, how == MARKER_FORCED_CUT, wall_us);
	}
	if (!err && l->in_force)
		pass_frame(t, l->lane.timescale, f);
	return err;
}

int timeline_last_marks(struct timeline *t) {
	return t->mark_timescale ? mark_limits(t, t->mark_timescale, t->run->highest_us, 0) : 0;
}

void timeline_first_mark(struct timeline *t, const struct sample *key, int64_t wall_us) {
	struct timeline_lane *l = timeline_lane_of(t, key);
	if (!l || l->track != timeline_key_track(t))
		return;
	int64_t composition = timeline_composition(key, l->lane.timescale);
	int64_t pts = timeline_time_ahead(t, l, key) + (composition > 0 ? composition : 0);
	marker_frame(&t->marker, ticks_to_us(pts, l->lane.timescale), true, 0, true);
	t->mark_ahead = emit_mark(t, l->lane.timescale, pts, false, wall_us) == 0;
}

/* --- others --- */

/* Silent by the clock, and by its media: what a network held up arrives late together. */
static bool silent(const struct timeline *t, const struct timeline_lane *key, int64_t us, int64_t wall_us) {
	int64_t wait_us = t->config->package_track_wait * 1000;
	if (wall_us - t->others_since_us < wait_us)
		return false;
	return !key->lane.begun || us - ticks_to_us(key->lane.last_dts, key->lane.timescale) >= wait_us;
}

/* Others go on while the key track is silent: packagers may pass on to `us`, and segments may not outgrow their limit
 * meanwhile. */
static int tell_progress(struct timeline *t, int64_t us, int64_t wall_us) {
	const struct timeline_lane *key = timeline_lane_find(t, timeline_key_track(t));
	if (!t->others_since_us)
		t->others_since_us = wall_us;
	if (!key || !silent(t, key, us, wall_us))
		return 0;
	int err = mark_limits(t, key->lane.timescale, us, wall_us);
	bool news = us >= t->progress_us + PROGRESS_STEP_US && us > t->marker.start_us && us > t->passed_us &&
	            us < t->marker.start_us + marker_limit_us(&t->marker);
	if (err || !news)
		return err;
	t->progress_us = t->passed_us = us;
	if (us >= t->run->highest_us)
		t->run->highest_us = us + 1;
	t->counts.progress++;
	timeline_warn(t, WARN_SILENT_KEY, "the key track fell silent while others went on");
	return timeline_emit(t, entry_new_progress(us));
}

/* The keyframe of a video that joins sound alone: from its mark on it decides. */
static bool takes_over(const struct timeline *t, const struct timeline_lane *l, const struct frame *f) {
	const struct track *key = tracks_key(t->tracks, "source");
	return t->marked && !l->in_force && f->kind == TRACK_VIDEO && f->flags & FRAME_KEY && key && key->id == l->track;
}

int timeline_mark_before(struct timeline *t, struct timeline_lane *l, struct frame *f, int64_t wall_us) {
	if (l->track == timeline_key_track(t) || takes_over(t, l, f)) {
		t->others_since_us = 0;
		return mark_at_key_track(t, l, f, wall_us);
	}
	if (t->marked)
		return tell_progress(t, ticks_to_us(f->dts, l->lane.timescale), wall_us);
	/* The key track has no frame yet. */
	int64_t start = f->pts > f->dts ? f->pts : f->dts;
	marker_begin(&t->marker, ticks_to_us(start, l->lane.timescale));
	int err = emit_mark(t, l->lane.timescale, start, true, wall_us);
	if (!err && l->track == timeline_key_track(t)) /* what was it does not come */
		pass_frame(t, l->lane.timescale, f);
	return err;
}
