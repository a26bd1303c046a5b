#include "common/stream/timeline_parts.h"

#include "common/base/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { COMPOSITION_MAX_MS = 5000 };

void timeline_run_fini(struct timeline_run *r) {
	tracks_unref(&r->tracks);
}

void timeline_warn(struct timeline *t, enum timeline_warning kind, const char *what) {
	if (t->warned[kind]++)
		return;
	t->warnings[kind] = what;
	t->ops->on_warning(t->context, what);
}

const char *timeline_warning(const struct timeline *t, size_t nth, uint64_t *count) {
	for (size_t i = 0; i < WARN_COUNT; i++)
		if (t->warned[i] && nth-- == 0) {
			*count = t->warned[i];
			return t->warnings[i];
		}
	return NULL;
}

int timeline_emit(struct timeline *t, struct entry *e) {
	if (!e)
		return UV_ENOMEM;
	e->epoch = t->epoch;
	e->sequence = ++t->sequence;
	t->ops->on_entry(t->context, e);
	return 0;
}

/* --- samples --- */

static void count_dropped(struct timeline *t) {
	t->counts.dropped++;
	metric_inc(M_FRAMES_DROPPED);
}

static bool decodable(struct timeline *t, struct timeline_lane *l, const struct sample *s) {
	if (s->keyframe)
		l->need_key = false;
	if (!l->need_key)
		return true;
	timeline_warn(t, WARN_NO_KEYFRAME, "frames before the first keyframe were left out");
	return false;
}

static bool composition_sane(const struct sample *s) {
	return s->composition_ms >= -COMPOSITION_MAX_MS && s->composition_ms <= COMPOSITION_MAX_MS;
}

int64_t timeline_composition(const struct sample *s, uint32_t timescale) {
	return composition_sane(s) ? us_to_ticks((int64_t)s->composition_ms * 1000, timescale) : 0;
}

static void note_frame(struct timeline *t, const struct timeline_lane *l, const struct frame *f, int64_t wall_us) {
	int64_t lasts = lane_expected(&l->lane) ? lane_expected(&l->lane) : 1;
	int64_t last = (f->pts > f->dts ? f->pts : f->dts) + lasts;
	int64_t end_us = ticks_to_us(last, l->lane.timescale);
	if (end_us > t->run->highest_us)
		t->run->highest_us = end_us;
	timeline_lag_note(t, ticks_to_us(f->dts, l->lane.timescale), wall_us);
	t->counts.frames++;
}

/* The frame with its times. What lies before a progress that was told is moved up to it. */
static struct frame place(struct timeline *t, struct timeline_lane *l, const struct sample *s, int64_t wall_us) {
	bool decides = l->track == timeline_key_track(t);
	int64_t told_us = decides ? t->progress_us : 0;
	struct lane_time time = timeline_time(t, l, s, wall_us, told_us);
	bool key = s->kind == TRACK_VIDEO ? s->keyframe : decides;
	if (!composition_sane(s)) {
		t->counts.compositions++;
		timeline_warn(t, WARN_COMPOSITION, "composition times of more than 5 s: such frames are shown when decoded");
	}
	struct frame f = {.track = l->track,
	                  .kind = s->kind,
	                  .fourcc = s->fourcc,
	                  .flags = key ? FRAME_KEY : 0,
	                  .dts = time.dts,
	                  .pts = time.dts + timeline_composition(s, l->lane.timescale),
	                  .block = s->block,
	                  .payload = s->payload};
	int64_t told = us_to_ticks(told_us, l->lane.timescale) + 1;
	if (told_us && f.pts < told)
		f.pts = f.dts > told ? f.dts : told;
	return f;
}

static int handle_frame(struct timeline *t, const struct sample *s, int64_t wall_us) {
	struct timeline_lane *l = timeline_lane_of(t, s);
	if (!l || !decodable(t, l, s)) {
		count_dropped(t);
		return 0;
	}
	struct frame f = place(t, l, s, wall_us);
	int err = timeline_mark_before(t, l, &f, wall_us);
	if (err)
		return err;
	if (!l->in_force) {
		l->need_key = s->kind == TRACK_VIDEO;
		count_dropped(t);
		timeline_warn(t, WARN_LATE_TRACK, "a track began or changed in mid-segment; its frames begin at the next mark");
		return 0;
	}
	note_frame(t, l, &f, wall_us);
	return timeline_emit(t, entry_new_frame(&f, ticks_to_us(f.dts, l->lane.timescale)));
}

/* Data has no clock of its own: it lies where the encoder's clock lies now. */
static int handle_data(struct timeline *t, const struct sample *s) {
	if (!t->marked)
		return 0; /* nobody has seen a frame yet; metadata is in the first Tracks */
	int64_t ms = timeline_clock_us(t, s->timestamp_ms) / 1000;
	struct frame f = {
	    .kind = TRACK_DATA, .fourcc = FOURCC_AMF0, .dts = ms, .pts = ms, .block = s->block, .payload = s->payload};
	return timeline_emit(t, entry_new_frame(&f, ms * 1000));
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
	t->earlier_us = run->highest_us;
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

/* What the epoch's last segment is as long as, the run's TARGETDURATION allows. */
void timeline_flush(struct timeline *t) {
	if (!t->gather.done)
		timeline_release(t);
	timeline_last_marks(t);
	marker_close(&t->marker, t->run->highest_us);
	t->run->target_ms = t->marker.target_ms;
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

void timeline_counts_add(struct timeline_counts *to, const struct timeline_counts *more) {
	to->frames += more->frames;
	to->dropped += more->dropped;
	to->splices += more->splices;
	to->discontinuities += more->discontinuities;
	to->moved += more->moved;
	to->compositions += more->compositions;
	to->regridded += more->regridded;
	to->nudged += more->nudged;
	to->marks += more->marks;
	to->forced_marks += more->forced_marks;
	to->gaps += more->gaps;
	to->progress += more->progress;
	to->anchors += more->anchors;
}
