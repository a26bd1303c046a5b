/*
 * align.h: do two encoders of one name send the same frames? Pure; facts of frames in, a verdict out.
 *
 * Each of the two is a side with a clock of its own. They are aligned after ALIGN_KEYS consecutive keyframes of the key
 * track (the first video, else the first audio) that are the same bytes at a constant distance in time, when all frames
 * between them, track by track, were the same bytes under the same configuration at that distance too. The first
 * difference ends that. Of keyframes that look alike (a loop, a still picture) those that arrive nearest to each other
 * are a pair.
 *
 * One side is the active one, whose frames the stream takes. While the two are in step each frame has a place that both
 * sides share, so the stream can go on with the other side's frames without losing or repeating one: `align_take`.
 */
#pragma once

#include "common/stream/entry.h"

enum {
	ALIGN_KEYS = 3,     /* of video; */
	ALIGN_SOUNDS = 150, /* of sound alone each frame is a keyframe, and silence is all alike */
	ALIGN_TRACKS_MAX = 8,
	ALIGN_FRAMES_MAX = 8192,  /* kept of a track and side */
	ALIGN_SPAN_US = 8000000,  /* frames are kept for so long: the most that one side may be late */
	ALIGN_NEARER_US = 500000, /* another pair must be so much nearer to be preferred */
	ALIGN_SLACK_US = 12000,   /* times may differ by so much: milliseconds, and grids of samples */
};

/* What is compared. */
struct align_frame {
	enum track_kind kind;
	uint8_t publisher_track;
	bool key;
	uint64_t config;      /* a hash of what it is decoded by; 0: nothing is needed */
	int64_t time_us;      /* decoding time by the side's own clock, without wraps */
	int64_t wall_us;      /* when it came */
	struct slice payload; /* borrowed for the call */
	uint64_t hash;        /* of the payload (bytes_hash), where somebody has made it already; else 0 */
};

/* A frame's place among its side's frames. */
struct align_place {
	unsigned track; /* a slot of the aligner's */
	uint64_t nth;
};

struct align_fact {
	uint64_t hash, config;
	uint32_t size;
	bool key;
	int64_t time_us, wall_us;
};

/* A side's frames of a track; `next` is the nth that the next one gets. */
struct align_queue {
	struct align_fact *ring;
	size_t capacity; /* a power of two */
	uint64_t first, next;
};

struct align_track {
	enum track_kind kind;
	uint8_t publisher_track;
	bool locked;   /* side 1's nth − side 0's is `shift` for the same frame */
	bool searched; /* not locked, though all frames that were there when keyframes were paired were compared */
	int64_t shift;
	uint64_t compared; /* side 0's nth of the next pair to compare */
	uint64_t taken[2]; /* each side's nth of the frame that the stream takes next; the same frame while locked */
	struct align_queue sides[2];
};

struct align {
	unsigned active; /* side */
	bool paired;     /* `base_us` is set: a pair of keyframes was found */
	bool torn;       /* it ended while the active side was behind */
	unsigned keys;   /* pairs in a row that matched */
	int64_t base_us[2];
	int64_t apart_us;    /* how far apart the newest pair of keyframes arrived */
	const char *why_not; /* lives for ever */
	struct align_track tracks[ALIGN_TRACKS_MAX];
	unsigned track_count;
	bool full; /* there were more: never aligned */
};

/* A side's decoding times without their wraps. */
struct align_clock {
	bool begun;
	uint32_t last_ms;
	int64_t ms;
};
int64_t align_clock_us(struct align_clock *c, uint32_t timestamp_ms);

/* Nothing is known. `active` is 0 or 1. */
void align_init(struct align *a, unsigned active);
void align_fini(struct align *a);

/* A frame of a side, in the order of its track. 0 and its place; or UV_ENOMEM, and it begins again. */
int align_push(struct align *a, unsigned side, const struct align_frame *f, struct align_place *place);

/* True when the two send the same; else `why_not` says in words what is missing. */
bool align_is(const struct align *a);

/* The stream is to take a frame of that side: true if it has not had it from the other. Noted as taken. */
bool align_take(struct align *a, unsigned side, const struct align_place *place);

/* The same question without noting it. */
bool align_lacks(const struct align *a, unsigned side, const struct align_place *place);

/* The other side is the active one from now on, at the same place. */
void align_switch(struct align *a);

/* The active side is still behind what the stream has had of the other. */
bool align_behind(const struct align *a);

/* A difference showed while it was: what the stream had of the other does not fit to what the active side goes on with.
 * Until the reset. */
bool align_torn(const struct align *a);

/* Side 1's clock − side 0's, by the first pair; while paired. */
int64_t align_offset_us(const struct align *a);

/* Begins again, with the frames of neither side, all of which the stream has had or does not want; places go on
 * counting. Why, in words that live for ever. */
void align_reset(struct align *a, const char *why);
