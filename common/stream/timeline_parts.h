/*
 * timeline_parts.h: the timeline's parts. Internal: timeline.c (samples → entries), timeline_clock.c (the encoder's
 * time → media time, anchors), timeline_marks.c (marks and progress), timeline_tracks.c (configurations → Tracks
 * revisions), timeline_gather.c (what is held until the tracks are known), timeline_nominal.c (frame durations and
 * PART-TARGET), timeline_adopt.c (what another origin has begun goes on).
 */
#pragma once

#include "common/stream/lane.h"
#include "common/stream/marker.h"
#include "common/stream/timeline.h"

enum {
	HELD_MAX = 500,
	HELD_BYTES_MAX = 16 * 1024 * 1024,
	HELD_SPAN_MS = 1000,
	STEPS_MAX = 64, /* steps that a nominal duration is measured by */
	LAGS_MAX = 4,   /* segments that the encoder's clock is judged by */
};

/* A track with its clock. */
struct timeline_lane {
	uint32_t track; /* id in `tracks` */
	bool in_force;  /* a mark has told of its present configuration: its frames may be appended */
	bool need_key;  /* video: frames before a keyframe cannot be decoded */
	bool seen;      /* a keyframe of it has been a segment's first frame, or could have been */
	struct lane lane;
	uint32_t steps[STEPS_MAX]; /* the first, in ticks */
	size_t step_count;
};

struct timeline_held {
	struct sample sample;
	int64_t wall_us;
};

/* The encoder's clock, common to all its tracks. */
struct timeline_clock {
	bool begun;
	int64_t offset_us; /* media time − the encoder's, for tracks that begin and for data */
	int64_t floor_us;  /* nothing of this epoch lies before */
	uint32_t last_ms;  /* of the newest frame, as sent and */
	int64_t raw_us;    /* unwrapped */
};

/* How late frames arrive by their media time: the least of each of the last segments, so that a network's delays do not
 * look like the clock's. */
struct timeline_lag {
	int64_t now_us; /* of the present segment */
	int64_t before_us[LAGS_MAX];
	size_t next;
};

struct timeline_gather {
	bool done;
	bool metadata;               /* seen */
	bool want_video, want_audio; /* as it announced */
	bool video_config, audio_config, video_key, audio_frame;
	struct timeline_held *held;
	size_t count, capacity, bytes;
};

enum timeline_warning {
	WARN_BROKEN_CONFIG,
	WARN_LARGE_CONFIG,
	WARN_LARGE_METADATA,
	WARN_NO_CONFIG,
	WARN_NO_KEYFRAME,
	WARN_SPLICED,
	WARN_MOVED,
	WARN_COMPOSITION,
	WARN_LIFTED,
	WARN_REGRIDDED,
	WARN_FORCED,
	WARN_GAP,
	WARN_TRACKS,
	WARN_LATE_TRACK,
	WARN_GATHER,
	WARN_SILENT_KEY,
	WARN_DRIFT,
	WARN_COUNT
};

struct timeline {
	const struct config_app *config;
	const struct timeline_ops *ops;
	void *context;
	struct timeline_run *run;
	uint64_t epoch, sequence;
	uint64_t next_epoch; /* begins with the next mark at a keyframe (timeline_adopt); 0: none */
	struct timeline_gather gather;
	struct tracks *tracks; /* being changed: the next revision, if `changed` */
	bool changed, must_cut;
	struct timeline_lane lanes[TRACKS_MAX];
	size_t lane_count;
	struct timeline_lane *last_spliced;
	struct timeline_clock clock;
	struct timeline_lag lag;
	struct marker marker;
	bool marked;     /* the epoch's first mark is out */
	bool mark_ahead; /* it is that of a keyframe which is still to come */
	bool discontinuity;
	int64_t earlier_us;      /* highest media time of the run's earlier epochs; 0: there was none */
	double frame_rate;       /* as the metadata says; 0: it does not */
	int64_t others_since_us; /* arrival of the others' first frame since the key track's newest; 0: none */
	int64_t progress_us;
	int64_t passed_us; /* the latest time of the key track's frames and of progress: no mark lies at or before it */
	uint32_t mark_timescale; /* of the newest mark */
	bool segment_empty;      /* no frame of the key track has come since the newest mark */
	struct timeline_counts counts;
	const char *warnings[WARN_COUNT];
	uint64_t warned[WARN_COUNT];
};
/* Counts the warning of a kind, and tells it once. */
void timeline_warn(struct timeline *t, enum timeline_warning kind, const char *what);

/* timeline_tracks.c: 0 or UV_ENOMEM. */
int timeline_config(struct timeline *t, const struct sample *s);
int timeline_metadata(struct timeline *t, const struct sample *s);
int timeline_extra(struct timeline *t, const struct sample *s);
/* The lane of a frame's track; made for codecs that need no configuration. NULL: its configuration has not come (told).
 */
struct timeline_lane *timeline_lane_of(struct timeline *t, const struct sample *s);
/* The revision that the next mark, of that number, carries: a reference for the caller, or NULL when memory is out.
 * Lanes come into force. */
struct tracks *timeline_next_tracks(struct timeline *t, uint64_t number);
/* The id of the track that decides the cuts: by the revision in force. 0: none. */
uint32_t timeline_key_track(const struct timeline *t);
/* The Tracks may be written from here on: `t->tracks` is the next revision. 0 or UV_ENOMEM. */
int timeline_change_tracks(struct timeline *t);
/* The lane of a track id; NULL: this epoch has none. */
struct timeline_lane *timeline_lane_find(struct timeline *t, uint32_t track);

/* timeline_nominal.c: what the tracks' frames usually last, and their PART-TARGET, as far as both are known now. 0 or
 * UV_ENOMEM. */
int timeline_set_parts(struct timeline *t);
/* The frame rate that onMetaData states; 0: none that can be true. */
double timeline_metadata_rate(struct slice metadata);
/* A frame of the lane has its time. */
void timeline_note_step(struct timeline_lane *l);

/* timeline_gather.c: holds the sample (true), or says that it is to be handled now. When what was awaited has come, all
 * that is held is handled through timeline_handle before it returns. */
bool timeline_hold(struct timeline *t, const struct sample *s, int64_t wall_us);
void timeline_release(struct timeline *t);
void timeline_gather_fini(struct timeline *t);

/* timeline_clock.c: the encoder's clock begins with a frame sent at `ms` that arrived at `wall_us`. */
void timeline_clock_begin(struct timeline *t, uint32_t ms, int64_t wall_us);
/* Media time of something sent at `ms` that is no frame. */
int64_t timeline_clock_us(const struct timeline *t, uint32_t ms);
/* A frame's time; jumps and repairs are counted and told. */
struct lane_time timeline_time(struct timeline *t, struct timeline_lane *l, const struct sample *s, int64_t wall_us,
                               int64_t least_us);
/* The same for a lane that has not begun, without beginning it: its first frame's time. */
int64_t timeline_time_ahead(const struct timeline *t, const struct timeline_lane *l, const struct sample *s);
/* A frame of media time `us` arrived. */
void timeline_lag_note(struct timeline *t, int64_t us, int64_t wall_us);
/* How late frames arrive is learned anew. */
void timeline_lag_reset(struct timeline *t);
/* A segment begins at media time `us`: the run's anchor, made anew if it has drifted. */
const struct anchor *timeline_anchor(struct timeline *t, int64_t us);

/* timeline_marks.c: the first mark, for the keyframe `key` that comes later. */
void timeline_first_mark(struct timeline *t, const struct sample *key, int64_t wall_us);
/* The epoch ends: its other tracks may have gone on beyond what one segment may last. 0 or UV_ENOMEM. */
int timeline_last_marks(struct timeline *t);
/* A frame is about to be appended: marks and progress that stand before it. A keyframe's pts may be moved, to lie at or
 * after its mark's start. 0 or UV_ENOMEM. */
int timeline_mark_before(struct timeline *t, struct timeline_lane *l, struct frame *f, int64_t wall_us);

/* timeline.c: pts − dts in ticks; 0 where what the encoder says cannot be true. */
int64_t timeline_composition(const struct sample *s, uint32_t timescale);
/* Gives an entry its sequence and passes it on; NULL is UV_ENOMEM. */
int timeline_emit(struct timeline *t, struct entry *e);
/* One sample becomes entries. */
int timeline_handle(struct timeline *t, const struct sample *s, int64_t wall_us);
