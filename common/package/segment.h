/*
 * segment.h: a segment of a track: its parts, its place in time, what a player must know beside. Made by the packager
 * and kept by the store alone; everyone else reads it, on the store's worker, and keeps no pointer beyond the call.
 *
 *   open ──▶ complete          grows at its end; parts and bytes already there never change
 *    └─────▶ gap               closed without a frame
 */
#pragma once

#include "common/base/list.h"
#include "common/package/runs.h"
#include "common/stream/part_rule.h"
#include "common/stream/tracks.h"

enum segment_state { SEGMENT_OPEN = 1, SEGMENT_COMPLETE, SEGMENT_GAP };

enum {
	SEGMENT_HOLED = 1,     /* frames are missing: not listed and not served; given up it is a gap */
	SEGMENT_TENTATIVE = 2, /* the epoch ended here without the origin's word: other edges may have ended it elsewhere,
	                          so it is served with no-store */
	SEGMENT_NO_PARTS = 4,  /* a frame or a part broke the rule: from `listed` on there are no more parts in playlists */
	SEGMENT_LAST = 8,      /* the epoch ended in it */
};

struct segment_part {
	struct runs *runs; /* its bytes: a moof with what precedes it, then each frame */
	int64_t dts;       /* of its first frame, in the track's timescale */
	uint32_t duration; /* ticks */
	uint32_t frames;   /* in it */
	bool independent;  /* has a frame that a player may begin at (rfc8216bis, 4.4.4.9) */
};

struct segment_sample {
	struct entry *entry;
	uint32_t duration; /* ticks */
};

/* A stretch without a break for DASH: same epoch, discontinuity number, anchor and configurations. The store's own. */
struct segment_period {
	struct list node;
	uint64_t epoch;
	uint32_t discontinuity;
	uint32_t configs; /* hash of all tracks' configurations */
	struct anchor anchor;
	int64_t start_us; /* media time, not behind its first segment */
	unsigned users;
};

struct segment_track;

struct segment {
	const struct segment_track *track;
	uint64_t epoch, number;
	enum segment_state state;
	uint32_t flags;
	uint32_t discontinuity;
	struct segment_period *period;
	struct tracks *tracks;    /* the revision in force; a reference */
	const struct track *info; /* the track in it */
	int64_t start_us;    /* media time of its mark, of the next (or where the epoch ended): the same for all tracks. */
	int64_t end_us;      /* Of an open one, where it would end if it lasted as long as the one before it */
	bool begun;          /* its first frame has come */
	int64_t start;       /* ticks: its first frame's pts; of a gap, and until that comes, its mark's start */
	int64_t first_dts;   /* ticks */
	int64_t duration;    /* ticks: its frames' durations so far */
	uint64_t run_number; /* where in its period its track went from frames to gaps or back last; 0: never */
	int64_t run_us;      /* start_us of that number */
	struct bytes *init;  /* the initialisation that it needs; a reference */
	uint32_t init_id;    /* its hash, for its name */
	struct segment_part *parts;
	uint32_t part_count;            /* parts all of them, joined, are the segment */
	uint32_t listed;                /* of them in HLS playlists: the first so many */
	struct segment_sample *samples; /* its frames, for other containers */
	uint32_t sample_count;
	uint32_t part_capacity, sample_capacity;
	struct runs *ts;  /* of the key track: the number as MPEG-TS, once asked for (ts_segment.h) */
	size_t size;      /* bytes of its parts */
	size_t memory;    /* bytes that it keeps in memory, for metrics */
	uint64_t left_ms; /* when it left the playlist; 0: it has not */
};

/* Its bytes (a reference for the caller): the parts [from, from + count), at most those that are there. NULL when
 * memory is out or there are none. */
struct runs *segment_runs(const struct segment *s, uint32_t from, uint32_t count);

/* Wall time of its start by its anchor, µs since the Unix epoch. */
int64_t segment_wall_us(const struct segment *s);

/* EXTINF in µs: from its mark to the next. */
static inline int64_t segment_length_us(const struct segment *s) {
	return s->end_us - s->start_us;
}
