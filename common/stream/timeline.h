/*
 * timeline.h: an encoder's samples become the log's entries: time is repaired, once, and marks are set.
 *
 * Pure: samples and a clock reading in, entries out. One timeline lives from a publish to its end, on the stream's
 * home worker at the origin; what outlives it (run, tracks, numbers, the highest media time) is in `struct
 * timeline_run`, which the next publish of the same run begins with. The rules are in docs/timeline.md.
 */
#pragma once

#include "common/base/config.h"
#include "common/stream/entry.h"
#include "common/stream/publisher.h"
#include "common/stream/tracks.h"

/* What a run carries from one epoch to the next. All zero (tracks NULL) for a new run. */
struct timeline_run {
	uint64_t run;           /* the run's id: its first epoch */
	struct tracks *tracks;  /* the newest revision; a reference, released with timeline_run_fini */
	int64_t base_us;        /* media time of the first frame; 0: none yet */
	int64_t highest_us;     /* highest media time (end of the last frame) */
	uint64_t next_number;   /* number of the next mark; 0: none yet, seeded by the clock */
	uint32_t discontinuity; /* the newest discontinuity number */
	uint32_t next_track;    /* the newest track id given */
	struct anchor anchor;
	uint32_t target_ms;
};

void timeline_run_fini(struct timeline_run *r);

struct timeline;

struct timeline_ops {
	/* An entry in order, with epoch and sequence set; the receiver owns the reference. */
	void (*on_entry)(void *context, struct entry *e);
	/* A repair or a complaint in plain words, once for each kind and publish, for the log and the API. */
	void (*on_warning)(void *context, const char *what);
};

/* A timeline for `epoch`; `run` is borrowed and kept up to date while it lives. NULL when memory is out. */
struct timeline *timeline_new(const struct config_app *config, uint64_t epoch, struct timeline_run *run,
                              const struct timeline_ops *ops, void *context);

/* Takes a sample (its block by own reference). `wall_us` is clock_wall_us() at its arrival. 0, or UV_ENOMEM; unusable
 * samples are dropped, counted and told by on_warning. */
int timeline_push(struct timeline *t, const struct sample *s, int64_t wall_us);

/* The publish ends: what is held back is emitted. Follow with timeline_free. */
void timeline_flush(struct timeline *t);

void timeline_free(struct timeline **t);

/* For the API. */
struct timeline_counts {
	uint64_t frames, dropped, splices, repaired, marks, forced_marks;
};
struct timeline_counts timeline_counts(const struct timeline *t);
