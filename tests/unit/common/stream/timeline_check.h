/*
 * timeline_check.h: an oracle over what a timeline gives out. It reads entries as a packager does, and remembers the
 * first rule that was broken.
 *
 * Rules that hold of any input: sequence numbers and, within an epoch, segment numbers have no hole; dts grows per
 * track; EXTINF (the difference of two marks' starts), rounded, is never over TARGETDURATION, which is fixed for the
 * run, as is each track's PART-TARGET; Tracks revisions grow, and frames belong to tracks in force; a mark never lies
 * before what a packager may have released already; the key track's frames change segments where its marks stand.
 *
 * Knows nothing of a test framework: units and the fuzzer use it.
 */
#pragma once

#include "common/stream/entry.h"
#include "common/stream/tracks.h"

enum { CHECK_TRACKS = 64, CHECK_MARKS = 256, CHECK_HELD = 4096 };

/* A frame's times, held until it is known in which segment it lies. */
struct check_frame {
	int64_t dts, pts;
};

/* The part that is being filled. */
struct check_part {
	uint32_t frames;
	int64_t ticks;
	uint32_t listed; /* parts of the segment so far */
	bool abandoned;  /* the segment lists no further ones */
};

struct check_track {
	uint32_t id, timescale;
	bool begun;      /* a frame was given */
	bool in_segment; /* a frame has its segment */
	int64_t last_dts;
	struct check_frame held[CHECK_HELD];
	size_t held_first, held_count;
	struct check_frame newest; /* that has its segment: it lasts until the next */
	uint64_t segment;          /* the ordinal of the mark that it belongs to */
	uint32_t part_target_ms;   /* fixed once it is not 0 */
	uint32_t part_frames;      /* of the segment */
	struct check_part part;
	double off_us; /* media time − what the encoder meant: of the newest frame */
	bool off_known;
};

struct check_mark {
	uint64_t number;
	int64_t start;
	uint32_t timescale;
	struct {
		uint32_t id, frames, target_ms;
	} parts[TRACKS_MAX];
	size_t part_count;
};

struct check_counts {
	uint64_t marks, discontinuities, frames, progress;
	uint64_t parts;           /* listed */
	uint64_t abandoned;       /* segments of a track that list no further parts */
	uint64_t empty;           /* segments without a frame of the key track */
	int64_t longest_us;       /* of the segments */
	double worst_off_us;      /* how far sound and picture ever were from what the encoder meant, */
	double last_off_us;       /* and in the end; only with `truth` */
	uint32_t anchor_revision; /* the newest */
};

struct timeline_check {
	bool truth; /* set by who feeds it: a frame's payload is a double, the µs that the encoder meant its dts to be */
	char fault[256];
	struct check_counts counts;
	uint64_t epoch, sequence;
	uint32_t target_ms, key_track;
	struct tracks *tracks; /* in force */
	struct check_mark marks[CHECK_MARKS];
	uint64_t mark_count; /* ever; the nth is marks[n % CHECK_MARKS] */
	bool key_awaited;    /* the newest mark tells of a keyframe, which has not come */
	bool key_seen;       /* the newest mark's segment has a frame of the key track */
	int64_t key_last_pts_us;
	int64_t passed_us; /* a packager may have released everything up to here */
	struct anchor anchor;
	size_t track_count;
	struct check_track track[CHECK_TRACKS]; /* the last member */
};

struct timeline_check *timeline_check_new(void);

/* `e` stays the caller's. */
void timeline_check_entry(struct timeline_check *c, const struct entry *e);

/* No more will come: what is held has its segment now. `target_ms` is the run's (struct timeline_run). */
void timeline_check_end(struct timeline_check *c, uint32_t target_ms);

/* The first broken rule in words; NULL: none. */
const char *timeline_check_fault(const struct timeline_check *c);

/* As new. */
void timeline_check_reset(struct timeline_check *c);

void timeline_check_free(struct timeline_check **c);
