#include "common/stream/timeline_parts.h"

#include "common/base/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { DRIFT_US = 200000, SILENT_KEY_US = 500000, PROGRESS_STEP_US = 100000 };

void timeline_run_fini(struct timeline_run *r) {
	tracks_unref(&r->tracks);
}

void timeline_warn(struct timeline *t, enum timeline_warning kind, const char *what) {
	if (t->warned & 1u << kind)
		return;
	t->warned |= 1u << kind;
	t->ops->on_warning(t->context, what);
}

static int emit(struct timeline *t, struct entry *e) {
	if (!e)
		return UV_ENOMEM;
	e->epoch = t->epoch;
	e->sequence = ++t->sequence;
	t->ops->on_entry(t->context, e);
	return 0;
}

/* --- the clock --- */

/* The first sample of an epoch decides how its encoder's time lies in media time: at the clock, or behind what the
 * run has already. A whole number of milliseconds keeps RTMP's timestamps as the encoder made them. */
static void begin_clock(struct timeline *t, const struct sample *s, int64_t wall_us) {
	int64_t start = wall_us > t->run->highest_us ? wall_us : t->run->highest_us;
	start = (start + 999) / 1000 * 1000;
	t->offset_us = start - (int64_t)s->timestamp_ms * 1000;
	t->clock_begun = true;
	if (!t->run->base_us)
		t->run->base_us = start;
	if (!t->run->anchor.revision)
		t->run->anchor = (struct anchor){.revision = 1, .media_us = start, .wall_us = wall_us};
}

static struct lane_time next_time(struct timeline *t, struct timeline_lane *l, const struct sample *s, int64_t wall_us,
                                  bool is_key_track) {
	if (!t->clock_begun)
		begin_clock(t, s, wall_us);
	if (!l->lane.begun)
		l->lane.offset_us = t->offset_us;
	/* Nothing of an epoch lies before what the run had; a key frame not before a progress that was told. */
	int64_t least = is_key_track && t->progress_us ? t->progress_us : t->run->base_us;
	const struct lane *other = t->last_spliced ? &t->last_spliced->lane : NULL;
	struct lane_time time = lane_next(&l->lane, s->timestamp_ms, s->nano_offset, wall_us, other, least);
	if (time.jump_us) {
		t->counts.splices++;
		metric_inc(M_SPLICES);
		t->last_spliced = l;
		t->offset_us = l->lane.offset_us;
		t->discontinuity |= llabs(time.jump_us) > LANE_JUMP_US;
		t->must_cut |= t->discontinuity;
		timeline_warn(t, WARN_SPLICED, "the encoder's timestamps jumped; the jump was spliced");
	}
	if (time.repaired) {
		t->counts.repaired++;
		timeline_warn(t, WARN_REPAIRED, "timestamps stood still, stepped back or left the audio's grid; repaired");
	}
	return time;
}

/* --- marks --- */

/* The encoder's clock against ours: a new anchor when they have drifted apart. */
static void check_anchor(struct timeline *t, int64_t media_us, int64_t wall_us) {
	struct anchor *a = &t->run->anchor;
	int64_t drift = (wall_us - media_us) - (a->wall_us - a->media_us);
	if (llabs(drift) > DRIFT_US)
		*a = (struct anchor){.revision = a->revision + 1, .media_us = media_us, .wall_us = wall_us};
}

static int emit_mark(struct timeline *t, const struct timeline_lane *l, int64_t pts, int64_t time_us, bool forced,
                     int64_t wall_us) {
	struct tracks *tracks = timeline_next_tracks(t);
	if (!tracks)
		return UV_ENOMEM;
	if (!t->run->next_number)
		t->run->next_number = marker_first_number(wall_us);
	if (t->discontinuity)
		t->run->discontinuity++;
	check_anchor(t, time_us, wall_us);
	struct mark m = {.number = t->run->next_number,
	                 .start = pts,
	                 .timescale = l->lane.timescale,
	                 .discontinuity = t->run->discontinuity,
	                 .flags = (t->discontinuity ? MARK_DISCONTINUITY : 0) | (forced ? MARK_FORCED : 0),
	                 .anchor = t->run->anchor,
	                 .tracks = tracks};
	struct entry *e = entry_new_mark(&m, time_us);
	tracks_unref(&tracks);
	if (!e)
		return UV_ENOMEM;
	t->run->next_number++;
	t->discontinuity = false;
	t->marked = true;
	t->counts.marks++;
	t->counts.forced_marks += forced;
	if (forced)
		timeline_warn(t, WARN_FORCED, "no keyframe came in time for a segment; it was cut without one");
	return emit(t, e);
}

/* A frame of the key track is about to be appended. */
static int cut(struct timeline *t, const struct timeline_lane *l, int64_t pts, int64_t time_us, bool key,
               int64_t wall_us) {
	if (t->mark_ahead && key) {
		t->mark_ahead = false;
		return 0;
	}
	int64_t duration = ticks_to_us(l->lane.last_step > 0 ? l->lane.last_step : 0, l->lane.timescale);
	enum marker_cut how =
	    marker_frame(&t->marker, ticks_to_us(pts, l->lane.timescale), key, duration, t->must_cut || !t->marked);
	return how == MARKER_NONE ? 0 : emit_mark(t, l, pts, time_us, how == MARKER_FORCED_CUT, wall_us);
}

void timeline_first_mark(struct timeline *t, const struct sample *first, const struct sample *key, int64_t wall_us) {
	struct timeline_lane *l = timeline_lane_of(t, key);
	if (!l || l->track != timeline_key_track(t))
		return;
	if (!t->clock_begun)
		begin_clock(t, first, wall_us);
	int64_t us = t->offset_us + (int64_t)key->timestamp_ms * 1000 + key->nano_offset / 1000;
	int64_t pts =
	    us_to_ticks(us, l->lane.timescale) + us_to_ticks((int64_t)key->composition_ms * 1000, l->lane.timescale);
	marker_frame(&t->marker, ticks_to_us(pts, l->lane.timescale), true, 0, true);
	t->mark_ahead = emit_mark(t, l, pts, us, false, wall_us) == 0;
}

/* Others go on while the key track is silent: packagers may pass on to here. */
static int tell_progress(struct timeline *t, int64_t time_us, int64_t wall_us) {
	uint32_t key = timeline_key_track(t);
	for (size_t i = 0; i < t->lane_count; i++) {
		const struct lane *l = &t->lanes[i].lane;
		if (t->lanes[i].track != key || !l->begun || wall_us - l->last_wall_us < SILENT_KEY_US)
			continue;
		if (time_us < t->progress_us + PROGRESS_STEP_US || time_us <= ticks_to_us(l->last_dts, l->timescale))
			return 0;
		t->progress_us = time_us;
		timeline_warn(t, WARN_SILENT_KEY, "the key track fell silent while others went on");
		return emit(t, entry_new_progress(time_us));
	}
	return 0;
}

/* --- samples --- */

static bool decodable(struct timeline *t, struct timeline_lane *l, const struct sample *s) {
	if (s->keyframe)
		l->need_key = false;
	if (!l->need_key)
		return true;
	t->counts.dropped++;
	metric_inc(M_FRAMES_DROPPED);
	timeline_warn(t, WARN_NO_KEYFRAME, "frames before the first keyframe were left out");
	return false;
}

static int handle_frame(struct timeline *t, const struct sample *s, int64_t wall_us) {
	struct timeline_lane *l = timeline_lane_of(t, s);
	if (!l) {
		metric_inc(M_FRAMES_DROPPED);
		return 0;
	}
	if (!decodable(t, l, s))
		return 0;
	bool is_key_track = l->track == timeline_key_track(t);
	bool key = is_key_track && (s->kind == TRACK_AUDIO || s->keyframe);
	struct lane_time time = next_time(t, l, s, wall_us, is_key_track);
	struct frame f = {.track = l->track,
	                  .kind = s->kind,
	                  .fourcc = s->fourcc,
	                  .flags = key || (s->kind == TRACK_VIDEO && s->keyframe) ? FRAME_KEY : 0,
	                  .dts = time.dts,
	                  .pts = time.dts + us_to_ticks((int64_t)s->composition_ms * 1000, l->lane.timescale),
	                  .block = s->block,
	                  .payload = s->payload};
	int64_t time_us = ticks_to_us(f.dts, l->lane.timescale);
	int err = 0;
	if (is_key_track)
		err = cut(t, l, f.pts, time_us, key, wall_us);
	else if (!t->marked)
		err = emit_mark(t, l, f.pts, time_us, true, wall_us); /* the key track has no frame yet */
	else
		err = tell_progress(t, time_us, wall_us);
	if (err)
		return err;
	if (!l->in_force) {
		t->counts.dropped++;
		metric_inc(M_FRAMES_DROPPED);
		timeline_warn(t, WARN_TRACKS, "a track began or changed in mid-segment; its frames begin at the next mark");
		return 0;
	}
	int64_t end_us = time_us + ticks_to_us(l->lane.last_step > 0 ? l->lane.last_step : 0, l->lane.timescale);
	if (end_us > t->run->highest_us)
		t->run->highest_us = end_us;
	t->counts.frames++;
	return emit(t, entry_new_frame(&f, time_us));
}

/* Data has no clock of its own: it lies where the encoder's clock lies now. */
static int handle_data(struct timeline *t, const struct sample *s) {
	if (!t->marked)
		return 0; /* nobody has seen a frame yet; metadata is in the first Tracks */
	int64_t us = t->offset_us + (int64_t)s->timestamp_ms * 1000;
	if (llabs(us - t->run->highest_us) > LANE_JUMP_US)
		us = t->run->highest_us; /* encoders send data with timestamps of zero, or before a wrap */
	struct frame f = {.kind = TRACK_DATA,
	                  .fourcc = FOURCC_AMF0,
	                  .dts = us / 1000,
	                  .pts = us / 1000,
	                  .block = s->block,
	                  .payload = s->payload};
	return emit(t, entry_new_frame(&f, us));
}

int timeline_handle(struct timeline *t, const struct sample *s, int64_t wall_us) {
	int err;
	switch (s->type) {
	case SAMPLE_CONFIG:
		return timeline_config(t, s);
	case SAMPLE_EXTRA:
		return timeline_extra(t, s);
	case SAMPLE_METADATA:
		err = timeline_metadata(t, s);
		return err ? err : handle_data(t, s);
	case SAMPLE_DATA:
		return handle_data(t, s);
	case SAMPLE_FRAME:
		return handle_frame(t, s, wall_us);
	case SAMPLE_SEQUENCE_END:
		return 0; /* the end of the publish says it too */
	}
	return 0;
}

/* --- life --- */

struct timeline *timeline_new(const struct config_app *config, uint64_t epoch, struct timeline_run *run,
                              const struct timeline_ops *ops, void *context) {
	struct timeline *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->config = config;
	t->epoch = epoch;
	t->run = run;
	t->ops = ops;
	t->context = context;
	if (!run->run)
		run->run = epoch;
	else
		t->discontinuity = true; /* another publish of the run: its time jumps */
	if (run->tracks)
		t->tracks = tracks_ref(run->tracks);
	if (!run->target_ms)
		run->target_ms = (uint32_t)config->package_target_duration;
	marker_init(&t->marker, config->package_segment * 1000, run->target_ms);
	return t;
}

int timeline_push(struct timeline *t, const struct sample *s, int64_t wall_us) {
	if (timeline_hold(t, s, wall_us))
		return 0;
	return timeline_handle(t, s, wall_us);
}

void timeline_flush(struct timeline *t) {
	if (!t->gather.done)
		timeline_release(t, t->run->highest_us);
}

void timeline_free(struct timeline **t) {
	if (!*t)
		return;
	timeline_gather_fini(*t);
	tracks_unref(&(*t)->tracks);
	free(*t);
	*t = NULL;
}

struct timeline_counts timeline_counts(const struct timeline *t) {
	return t->counts;
}
