/*
 * marker.h: where a run is cut into segments. Pure; times are media time in µs of the key track's pts.
 *
 * A cut comes at the keyframe nearest to the wanted length, or earlier if waiting for the next one could pass
 * TARGETDURATION, which is fixed once for the run. Without a keyframe in time the cut is forced before a frame.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MARKER_GOPS = 16, MARKER_SLACK_US = 490000 };

struct marker {
	int64_t segment_us;
	uint32_t target_ms; /* TARGETDURATION; 0: not known yet */
	bool begun, have_key;
	int64_t start_us;    /* of the present segment */
	int64_t last_key_us; /* newest keyframe */
	int64_t gops[MARKER_GOPS];
	unsigned gop_count; /* ever seen */
};

enum marker_cut { MARKER_NONE, MARKER_CUT, MARKER_FORCED_CUT };

/* `target_ms`: what is fixed already (configured, or by the run's earlier epoch), or 0. */
void marker_init(struct marker *m, int64_t segment_us, uint32_t target_ms);

/*
 * A frame of the key track is about to be appended: is there a cut before it? `duration_us` is what it is expected to
 * last, `must` asks for a cut at this keyframe in any case. A cut's start is the frame's pts.
 */
enum marker_cut marker_frame(struct marker *m, int64_t pts_us, bool key, int64_t duration_us, bool must);

/* The first number of a run: quarter seconds since 2020-01-01, which passes every earlier run's. */
uint64_t marker_first_number(int64_t wall_us);
