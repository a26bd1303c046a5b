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

/* What a run carries from one epoch to the next. All zero (tracks NULL) for a new run; of one that began at another
 * node, what the map told, with `tracks` NULL. */
struct timeline_run {
	uint64_t run;           /* the run's id: its first epoch */
	struct tracks *tracks;  /* the newest revision; a reference, released with timeline_run_fini */
	int64_t base_us;        /* media time of the first frame; 0: none yet */
	int64_t highest_us;     /* highest media time (end of the last frame) */
	uint64_t next_number;   /* number of the next mark; 0: none yet, seeded by the clock */
	uint64_t last_number;   /* of the newest mark that is known; 0: none */
	uint64_t least_number;  /* somebody has smaller ones already (timeline_run_pass_number); 0: nobody */
	int64_t start_us;       /* of the newest mark; 0: not known */
	uint32_t discontinuity; /* the newest discontinuity number */
	uint32_t next_track;    /* the newest track id given */
	struct anchor anchor;
	int64_t period_us;       /* of the newest mark (entry.h) */
	uint32_t period_configs; /* that period's configurations, hashed */
	uint32_t period_anchor;  /* and its anchor's revision */
	uint32_t target_ms;
};

void timeline_run_fini(struct timeline_run *r);

/* The next mark's number will be above `number`. True if that is a jump. */
bool timeline_run_pass_number(struct timeline_run *r, uint64_t number);

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

/* The publisher of the run's earlier epoch goes on in this one, and does not tell its configurations again. Before the
 * first sample. */
void timeline_continue(struct timeline *t);

/* Another encoder goes on with the same frames at the same place: its timestamps are those of the one before +
 * `apart_ms`, modulo 2^32. After the first mark. */
void timeline_rebase(struct timeline *t, uint32_t apart_ms);

/* The publish ends: what is held back is emitted. Follow with timeline_free. */
void timeline_flush(struct timeline *t);

void timeline_free(struct timeline **t);

/* For the API. Every frame pushed is in `frames` or in `dropped`, but those held at the start. */
struct timeline_counts {
	uint64_t frames, dropped;
	uint64_t splices;         /* jumps of a track's time */
	uint64_t discontinuities; /* marks that tell of one */
	uint64_t moved;           /* frames whose time stood still, stepped back or came after others had passed it */
	uint64_t compositions;    /* frames shown over 5 s from their decoding, or before what their segment begins after */
	uint64_t regridded;       /* audio that left the grid of its samples and began another */
	uint64_t nudged;          /* audio frames made a sample longer or shorter, to follow the encoder's milliseconds */
	uint64_t marks;
	uint64_t forced_marks; /* of these without a keyframe, */
	uint64_t gaps;         /* and of these that begin a segment without any frame of the key track */
	uint64_t progress;     /* entries that let others pass a silent key track */
	uint64_t anchors;      /* made anew: the encoder's clock had drifted */
};
struct timeline_counts timeline_counts(const struct timeline *t);
void timeline_counts_add(struct timeline_counts *to, const struct timeline_counts *more);

/* The nth warning that was told, and how often there was reason; NULL: there are no more. Texts live for ever. */
const char *timeline_warning(const struct timeline *t, size_t nth, uint64_t *count);
