/*
 * shadow.h: what a standby has sent of late, held ready and read by nobody: its newest GOP, and what the active encoder
 * has not sent yet; or all that there is room for, where it is compared only later. Bounded; on the stream's home
 * worker.
 */
#pragma once

#include "common/stream/align.h"
#include "common/stream/publisher.h"

enum {
	SHADOW_BYTES_MAX = 32 * 1024 * 1024,
	SHADOW_SPAN_US = 12000000,
	SHADOW_WHOLE_US = 30000000, /* three GOPs of the longest usual kind, and a while without the other */
};

struct shadow_item {
	struct sample sample; /* with a reference to its block */
	int64_t wall_us;      /* when it came */
	bool is_frame;        /* it can be compared, by `frame` with its hash: */
	struct align_frame frame;
	bool placed; /* it has been: */
	struct align_place place;
};

struct shadow {
	struct shadow_item *ring;
	size_t capacity; /* a power of two */
	uint64_t first, next;
	uint64_t key; /* of the newest keyframe, which may have gone already */
	bool has_key, has_video;
	bool whole; /* nothing goes before a limit is reached */
	size_t bytes;
};

/* Zero to begin; drops everything. */
void shadow_fini(struct shadow *s);

/* Adds a sample (its block by own reference); `frame` is NULL for what can never be compared, `place` for what is not
 * compared now. Unless it is whole, before the newest keyframe only frames of `side` stay that the stream may still
 * want of it. 0; UV_ENOMEM; or UV_ENOBUFS: some of these had to go, for
 * they were too many. */
int shadow_push(struct shadow *s, const struct sample *sample, int64_t wall_us, const struct align_frame *frame,
                const struct align_place *place, const struct align *a, unsigned side);

/* The nth item, in [first, next). */
struct shadow_item *shadow_at(const struct shadow *s, uint64_t nth);
