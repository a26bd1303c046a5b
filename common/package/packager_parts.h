/*
 * packager_parts.h: a packager from within. packager.c reads entries and keeps the marks; packager_lane.c is one
 * track's way through them.
 */
#pragma once

#include "common/package/packager.h"

/* Marks are counted from 1 as the packager sees them. No track is more than one mark behind the newest when another
 * comes, so few are kept. */
enum { MARKS_KEPT = 4, HELD_MAX = 4096 };

struct mark_seen {
	struct entry *entry;
	bool first; /* of its epoch: nothing precedes it */
};

/* A track's frames: held until the key track has passed their time, then placed in the segment that they belong to. */
struct package_lane {
	uint32_t track;
	uint64_t at;          /* the mark that it has passed last; 0: none */
	uint64_t changed;     /* the last mark that changed the configuration or timescale; 0: none */
	bool seen;            /* a frame was, since the beginning or the last hole */
	struct segment *open; /* NULL: none, or it is not ours to make */
	struct entry *last;   /* its newest frame, whose duration the next one tells */
	uint32_t last_step;   /* duration of the frame before it in the segment; 0: there is none */
	uint32_t part_from;   /* first sample of the part that grows */
	int64_t part_ticks;
	struct tracks *init_of; /* the revision that `init` was made from */
	struct bytes *init;     /* NULL: the track cannot be packaged */
	uint32_t init_id;
	struct entry **held; /* a ring */
	size_t held_first, held_count, held_capacity;
};

/* A time in its own timescale; 0 ticks a second: none. */
struct instant {
	int64_t ticks;
	uint32_t timescale;
};

struct packager {
	struct segment_store *store;
	char rendition[TRACK_NAME_MAX];
	const struct packager_ops *ops;
	void *context;
	uint64_t epoch, sequence;
	bool ended;
	struct mark_seen marks[MARKS_KEPT]; /* mark i is at i % MARKS_KEPT */
	uint64_t newest;                    /* 0: none yet */
	uint64_t run_base;                  /* the first mark after the newest hole */
	uint64_t number;                    /* of the newest mark */
	uint32_t key_track;                 /* decides the cuts; 0: none */
	struct instant passed;              /* what comes later in the log is not before it */
	struct package_lane lanes[TRACKS_MAX];
	size_t lane_count;
	uint64_t irregular;
	int error; /* the first one in this push */
};

static inline bool instant_before(struct instant a, struct instant b) {
	return (__int128)a.ticks * b.timescale < (__int128)b.ticks * a.timescale;
}

static inline const struct mark *packager_mark(const struct packager *p, uint64_t index) {
	return &p->marks[index % MARKS_KEPT].entry->mark;
}

/* A frame of the track, in the log's order: held. UV_ENOMEM. */
int lane_hold(struct package_lane *l, struct entry *frame);

/* Places the frames whose time has passed (`all`: every one). */
void lane_release(struct packager *p, struct package_lane *l, bool all);

/* Places a frame: settles how long the one before it lasted, cuts where marks say so. */
void lane_place(struct packager *p, struct package_lane *l, struct entry *frame);

/* Mark `index` has come and no frame of the track lies between it and the one before: on to that one. */
void lane_catch_up(struct packager *p, struct package_lane *l, uint64_t index);

/* The last frame of the epoch: it ends at `end`, or with `known` false by the rule for last frames. */
void lane_settle_last(struct packager *p, struct package_lane *l, bool known, int64_t end);

/* The open segment ends at `end_us`. */
void lane_close(struct packager *p, struct package_lane *l, int64_t end_us);

/* On to the next mark. */
void lane_advance(struct packager *p, struct package_lane *l);

/* Something is missing: the open segment cannot become whole, and where the track stands is not known. */
void lane_break(struct packager *p, struct package_lane *l);

void lane_fini(struct package_lane *l);
