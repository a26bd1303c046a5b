/*
 * dash_parts.h: an MPD from within. dash.c writes the whole, dash_period.c finds its periods, dash_set.c writes the
 * tracks of one.
 */
#pragma once

#include "common/package/dash.h"

enum { DASH_TRACKS = 2 * TRACKS_MAX };

/* What one period lists of a track: items[first … first + count), none of them a gap. */
struct dash_run {
	const struct segment_track *track;
	size_t first, count;
};

/* One period: consecutive numbers of one segment_period in which no track turns from frames to gaps or back. */
struct dash_period {
	const struct segment_period *period;
	uint64_t split;   /* the number that it begins with because a track turned there; 0: with the segment_period */
	int64_t start_us; /* media time that its presentation time counts from */
	int64_t first_us, end_us; /* media time that is listed */
	struct dash_run runs[DASH_TRACKS];
	size_t run_count;
};

struct dash_periods {
	struct dash_period *items;
	size_t count, capacity;
};

/* The periods of all that is listed, oldest first. 0, or UV_ENOMEM; in both cases dash_periods_fini. */
int dash_periods_find(struct dash_periods *p, const struct segment_store *s, bool low_latency);
void dash_periods_fini(struct dash_periods *p);

/* What the writers share. */
struct dash {
	const struct segment_store *store;
	const struct dash_options *options;
	struct buffer *out;
	bool low_latency; /* wanted, and possible */
	bool ended;
};

/* Whether the segment behind the open one is announced as well, for players that follow: they ask for it when its first
 * part is there, without having to learn of it first. Only where segments come regularly: a player goes by the times
 * that it was told. */
bool dash_foresees(const struct dash *d, const struct dash_run *r);

/* Adaptation sets of a period. */
void dash_put_sets(struct dash *d, const struct dash_period *p);

/* Text for an attribute: escaped. */
void dash_put_text(struct buffer *out, const char *text);

/* Wall time in ISO 8601. */
void dash_put_time(struct buffer *out, int64_t wall_us);

/* µs as PT…S. */
void dash_put_duration(struct buffer *out, int64_t us);
