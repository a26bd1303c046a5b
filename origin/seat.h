/*
 * seat.h: one of the two publishers of a stream with a backup: its clocks, its configurations, and how it is.
 */
#pragma once

#include "common/stream/align.h"
#include "common/stream/frozen.h"
#include "common/stream/publisher.h"

struct seat_track {
	enum track_kind kind;
	uint8_t publisher_track;
	uint64_t config; /* a hash; 0: none */
	struct align_clock clock;
};

enum { SEAT_SETUPS_MAX = 32 };

struct seat {
	struct intake *intake; /* NULL: empty */
	struct seat_track tracks[ALIGN_TRACKS_MAX];
	unsigned track_count;
	struct sample setups[SEAT_SETUPS_MAX]; /* its newest configurations and metadata, a reference each */
	unsigned setup_count;
	struct frozen picture;
	uint64_t healthy_since_ms; /* loop time; 0: it is not */
};

/* Somebody takes it, or nobody (NULL). */
void seat_take(struct seat *s, struct intake *i);

/* Every sample of its publisher, in order: true if it is a frame that is to be compared, filled into `f`. */
bool seat_note(struct seat *s, const struct sample *sample, int64_t wall_us, struct align_frame *f);

/* What must be added to this one's timestamps, modulo 2^32, for those of the other: `offset_ms` is how far the other's
 * unwrapped clock is ahead. */
uint32_t seat_apart_ms(const struct seat *s, const struct seat *other, int64_t offset_ms);

/* Why it is not fit to hold the stream, for the log; NULL: it is. `frozen_ms` 0: the picture does not count. */
enum seat_health { SEAT_HEALTHY, SEAT_SILENT, SEAT_FROZEN };
enum seat_health seat_health(const struct seat *s, uint64_t now_ms, int64_t wall_us, int64_t stall_ms,
                             int64_t frozen_ms);
