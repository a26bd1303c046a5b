/*
 * entry.h: what a rendition's log is made of: frames, marks, progress and the end. Immutable and counted.
 *
 * The stream's owner (the origin that holds the publish) gives each entry its epoch and its sequence number, which
 * steps by one within an epoch and rendition; everyone else passes them on untouched. Made by entry_new_*, filled with
 * epoch and sequence by the owner before it is appended, constant from then on.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct tracks;

enum entry_kind { ENTRY_FRAME = 1, ENTRY_MARK, ENTRY_PROGRESS, ENTRY_END };

enum track_kind { TRACK_VIDEO = 1, TRACK_AUDIO, TRACK_TEXT, TRACK_DATA };

enum { FRAME_KEY = 1 }; /* a player may begin here: an IDR, or any frame of an audio-only stream's audio */

/* One access unit of a track, as its codec's configuration says (AVC: length-prefixed NAL units; AAC: raw), or one data
 * message (an AMF0 script message with its name, for format FOURCC_AMF0). */
struct frame {
	uint32_t track; /* id of the track; 0 for data that belongs to none */
	enum track_kind kind;
	uint32_t fourcc; /* the codec, or the format of data */
	uint32_t flags;
	int64_t dts, pts;     /* media time in the track's timescale (data without a track: milliseconds) */
	struct bytes *block;  /* owns the payload */
	struct slice payload; /* inside `block` */
};

enum { MARK_DISCONTINUITY = 1, MARK_FORCED = 2 /* cut without a keyframe */ };

/* A pair of media time and wall time (both µs since the Unix epoch); media time itself is never slewed. */
struct anchor {
	uint32_t revision;
	int64_t media_us, wall_us;
};

/* Segment boundary, appended just before the keyframe that makes it. */
struct mark {
	uint64_t number;        /* of the segment that begins here; steps by one within a run */
	int64_t start;          /* media time of that keyframe's pts, in `timescale` */
	uint32_t timescale;     /* the key track's */
	uint32_t discontinuity; /* discontinuity number */
	uint32_t flags;
	struct anchor anchor;
	int64_t period_us; /* media time at which this stretch of one epoch, discontinuity number, anchor and configurations
	                      began, for DASH; 0: its owner does not tell */
	uint64_t after_epoch, after_sequence; /* it begins an epoch that goes on without a break from that entry: what
	                                         follows is what would have followed there. 0: there is a break, or no
	                                         epoch begins */
	struct tracks *tracks;                /* the revision in force from here on; a reference */
};

/* All tracks have passed `time_us` though the key track is silent; no cut. */
struct progress {
	int64_t time_us;
};

/* Where a track ends: its last frame lasts as long as the one before it. */
struct track_end {
	uint32_t track;
	int64_t end; /* media time in the track's timescale */
};

/* The run is over. */
struct end {
	char reason[64];
	struct track_end *tracks; /* owned; NULL when count is 0 */
	size_t count;
};

struct entry {
	struct counted counted;
	enum entry_kind kind;
	uint64_t epoch, sequence;
	int64_t time_us; /* media time of the dts (or start), in µs: what logs measure their duration by */
	union {
		struct frame frame;
		struct mark mark;
		struct progress progress;
		struct end end;
	};
};

/* Each returns an entry with one reference, or NULL when memory is out. `frame.block` and `mark.tracks` gain a
 * reference of the entry's own. */
struct entry *entry_new_frame(const struct frame *frame, int64_t time_us);
struct entry *entry_new_mark(const struct mark *mark, int64_t time_us);
struct entry *entry_new_progress(int64_t time_us);
/* `tracks` are copied; those over a sane number (TRACKS_MAX of tracks.h) are left out. */
struct entry *entry_new_end(const char *reason, const struct track_end *tracks, size_t count, int64_t time_us);

static inline struct entry *entry_ref(struct entry *e) {
	counted_ref(&e->counted);
	return e;
}

/* Nulls `*e`; NULL is allowed. */
void entry_unref(struct entry **e);

/* Bytes that the entry keeps in memory, for limits. Tracks count for every mark that has them. */
size_t entry_size(const struct entry *e);

/* Ticks of `timescale` as microseconds and back, rounded to nearest; any sign. `timescale` is not 0. */
int64_t ticks_to_us(int64_t ticks, uint32_t timescale);
int64_t us_to_ticks(int64_t us, uint32_t timescale);
/* Rounded so that it does not lie before. */
int64_t us_to_ticks_up(int64_t us, uint32_t timescale);
