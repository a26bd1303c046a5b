/*
 * tails.h: how long each track's last frame lasts, which no later frame can tell any more. Pure; a rendition's own.
 *
 * A frame lasts until the next of its track. The last one of an epoch lasts as long as the one before it; one that was
 * the only one, as long as its track's frames usually do.
 */
#pragma once

#include "common/stream/tracks.h"

struct tails {
	uint64_t epoch;
	size_t count;
	struct tail {
		uint32_t track;
		int64_t dts, step; /* ticks; step 0: not known */
	} items[TRACKS_MAX];
};

/* A frame of the epoch, in the log's order. After a hole (`is_restart`) its step says nothing. Frames of further tracks
 * than TRACKS_MAX are not noted. */
void tails_note(struct tails *t, uint64_t epoch, uint32_t track, int64_t dts, bool is_restart);

/* Where the tracks end; `tracks` is the revision in force (NULL: none). Returns how many, at most TRACKS_MAX. */
size_t tails_ends(const struct tails *t, const struct tracks *tracks, struct track_end out[TRACKS_MAX]);
