/*
 * marker.h: where a run is cut into segments. Pure; times are media time in µs of the key track's pts.
 *
 * A cut comes at the keyframe nearest to the wanted length, or earlier if waiting for the next one could pass
 * TARGETDURATION, which is fixed once for the run. Without a keyframe in time the cut is forced before a frame. When a
 * frame lasted longer than it was expected to, the cut lies at the limit itself, where no frame is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MARKER_GOPS = 16, MARKER_SLACK_US = 490000, MARKER_UNKNOWN_TARGET_MS = 10000 };

struct marker {
	int64_t segment_us;
	uint32_t target_ms; /* TARGETDURATION; 0: not known yet */
	bool begun, have_key;
	int64_t start_us;    /* of the present segment */
	int64_t longest_us;  /* of the segments that ended with a keyframe */
	int64_t last_key_us; /* newest keyframe */
	int64_t gops[MARKER_GOPS];
	unsigned gop_count; /* ever seen */
};

enum marker_cut { MARKER_NONE, MARKER_CUT, MARKER_FORCED_CUT };

/* `target_ms`: what is fixed already (configured, or by the run's earlier epoch), or 0. */
void marker_init(struct marker *m, int64_t segment_us, uint32_t target_ms);

/*
 * Media time has come to `us`: true if the present segment's limit is reached. Then there is a forced cut at that
 * limit, m->start_us; ask again until it is false. Before marker_frame, and whenever the key track is silent.
 */
bool marker_overdue(struct marker *m, int64_t us);

/*
 * A frame of the key track is about to be appended: is there a cut before it? `duration_us` is what it is expected to
 * last, `must` asks for a cut at this keyframe in any case. A cut's start is the frame's pts, which lies after the
 * present segment's start; a keyframe that does not is no place for a cut.
 */
enum marker_cut marker_frame(struct marker *m, int64_t pts_us, bool key, int64_t duration_us, bool must);

/* The same was decided elsewhere already: a keyframe at `us`, with a cut before it or not. */
void marker_recall(struct marker *m, int64_t us, bool cut);

/* A segment begins at `us`, where the key track has no frame yet. */
void marker_begin(struct marker *m, int64_t us);

/* The epoch ends at `us`: TARGETDURATION is fixed if it was not yet. */
void marker_close(struct marker *m, int64_t us);

/* The longest that a segment can become. */
int64_t marker_limit_us(const struct marker *m);

/* The first number of a run: quarter seconds since 2020-01-01, which passes every earlier run's. */
uint64_t marker_first_number(int64_t wall_us);
