/*
 * timeline_parts.h: the timeline's parts. Internal: timeline.c (samples → entries), timeline_tracks.c (configurations →
 * Tracks revisions), timeline_gather.c (what is held until the tracks are known).
 */
#pragma once

#include "common/stream/lane.h"
#include "common/stream/marker.h"
#include "common/stream/timeline.h"

enum { HELD_MAX = 500, HELD_BYTES_MAX = 16 * 1024 * 1024, HELD_SPAN_MS = 1000 };

/* A track with its clock. */
struct timeline_lane {
	uint32_t track; /* id in `tracks` */
	bool in_force;  /* a mark has told of its present configuration: its frames may be appended */
	bool need_key;  /* video: frames before a keyframe cannot be decoded */
	struct lane lane;
};

struct timeline_gather {
	bool done;
	bool metadata;               /* seen */
	bool want_video, want_audio; /* as it announced */
	bool video_config, audio_config, video_key, audio_frame;
	struct sample *held;
	size_t count, capacity, bytes;
};

struct timeline {
	const struct config_app *config;
	const struct timeline_ops *ops;
	void *context;
	struct timeline_run *run;
	uint64_t epoch, sequence;
	struct timeline_gather gather;
	struct tracks *tracks; /* being changed: the next revision, if `changed` */
	bool changed, must_cut;
	struct timeline_lane lanes[TRACKS_MAX];
	size_t lane_count;
	struct timeline_lane *last_spliced;
	bool clock_begun;
	int64_t offset_us; /* media time − the encoder's, for lanes that begin */
	struct marker marker;
	bool marked;     /* the epoch's first mark is out */
	bool mark_ahead; /* it is that of a keyframe which is still to come */
	bool discontinuity;
	int64_t progress_us;
	struct timeline_counts counts;
	unsigned warned; /* bits by enum timeline_warning */
};

enum timeline_warning {
	WARN_BROKEN_CONFIG,
	WARN_NO_CONFIG,
	WARN_NO_KEYFRAME,
	WARN_SPLICED,
	WARN_REPAIRED,
	WARN_FORCED,
	WARN_TRACKS,
	WARN_GATHER,
	WARN_SILENT_KEY,
};

/* Tells the warning of a kind once. */
void timeline_warn(struct timeline *t, enum timeline_warning kind, const char *what);

/* timeline_tracks.c: 0 or UV_ENOMEM. */
int timeline_config(struct timeline *t, const struct sample *s);
int timeline_metadata(struct timeline *t, const struct sample *s);
int timeline_extra(struct timeline *t, const struct sample *s);
/* The lane of a frame's track; made for codecs that need no configuration. NULL: its configuration has not come (told).
 */
struct timeline_lane *timeline_lane_of(struct timeline *t, const struct sample *s);
/* Frames of this codec mean nothing before a configuration. */
bool timeline_needs_config(uint32_t fourcc);
/* The revision that the next mark carries: a reference for the caller, or NULL when memory is out. Lanes come into
 * force. */
struct tracks *timeline_next_tracks(struct timeline *t);
/* The id of the track that decides the cuts; 0: none. */
uint32_t timeline_key_track(const struct timeline *t);

/* timeline_gather.c: holds the sample (true), or says that it is to be handled now. When what was awaited has come, all
 * that is held is handled through timeline_handle before it returns. */
bool timeline_hold(struct timeline *t, const struct sample *s, int64_t wall_us);
void timeline_release(struct timeline *t, int64_t wall_us);
void timeline_gather_fini(struct timeline *t);

/* timeline.c: the first mark, for the keyframe `key`, when `first` is the first frame of all. */
void timeline_first_mark(struct timeline *t, const struct sample *first, const struct sample *key, int64_t wall_us);

/* One sample becomes entries. */
int timeline_handle(struct timeline *t, const struct sample *s, int64_t wall_us);
