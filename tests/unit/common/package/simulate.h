/*
 * simulate.h: whole publishes for tests of packaging: an encoder's samples through the real timeline, entries out.
 */
#pragma once

#include "common/base/config.h"
#include "common/package/packager.h"
#include "common/stream/timeline.h"

struct encoder {
	double seconds, fps, gop_s;
	int audio_rate; /* 0: no audio */
	bool no_video;
	bool irregular; /* GOPs of 0.3 to 1.7 times gop_s, frames that come early or late by a third of their distance */
	int composition_ms;          /* B-frames: the most that a frame is shown after its decoding */
	double audio_from, audio_to; /* silent outside; both 0: always there */
	bool audio_joins;            /* nothing was said of it before audio_from */
	double video_to;             /* the picture stops; 0: never */
	double audio_lead;           /* sound is sent so much before the picture of its time; negative: after it */
	double rate_from;            /* from here on the sound has `rate_then`, and says so; 0: never */
	int rate_then;
};

struct simulation {
	struct config *config;
	struct timeline_run run;
	struct timeline *timeline;
	struct entry **entries;
	size_t count, capacity;
	uint64_t epoch;
	unsigned seed;
	double clock_s; /* where the next publish begins */
};

void simulation_init(struct simulation *s, unsigned seed);
void simulation_fini(struct simulation *s);

/* A publish of its own epoch; entries are appended. */
void simulation_publish(struct simulation *s, uint64_t epoch, const struct encoder *e);

/* The publish's owner says that the run is over. */
void simulation_end(struct simulation *s);

/* Index of the nth mark at or behind `from`. */
size_t simulation_mark(const struct simulation *s, size_t from, size_t nth);

/* A store with all entries [from, to) packaged; counts what ops told in `told`. */
struct told {
	unsigned parts, segments, epochs, ends, unsupported;
	char reason[64];
};

extern const struct packager_ops told_ops;

void push_range(struct packager *p, const struct simulation *s, size_t from, size_t to);

/* All bytes of a segment, joined: for comparison. NULL: it has none. */
struct bytes *segment_bytes(const struct segment *s);

/* Asserts that each whole segment of `b` is in `a` with the same bytes and durations, but for those numbered `except`;
 * returns how many were compared. */
size_t compare_stores(const struct segment_store *a, const struct segment_store *b, uint64_t except);
