/*
 * frozen.h: does a video show one still picture? Pure; by sizes and bytes, nothing is decoded.
 *
 * A picture that does not change leaves an encoder nothing to say: frames between keyframes shrink to a few bytes, and
 * keyframes come out alike. So the picture stands still while each frame that is no keyframe has at most a
 * FROZEN_SHARE-th of the newest keyframe's bytes (or FROZEN_LEAST of them), and each keyframe has the size of the one
 * before, give or take a FROZEN_LIKE-th; where nothing lies between two keyframes, the same bytes. No frame at all is
 * no new picture either. Slides and test cards look the same to this rule as a camera that hangs.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { FROZEN_SHARE = 256, FROZEN_LEAST = 64, FROZEN_LIKE = 16 };

/* Zero to begin. */
struct frozen {
	bool begun;
	int64_t since_us; /* when the picture last changed */
	uint64_t key_hash;
	uint32_t key_size; /* of the newest keyframe; 0: none yet */
	bool between;      /* a frame has come since */
};

/* A frame of the video; `wall_us` is when it came. */
void frozen_frame(struct frozen *f, bool key, struct slice payload, int64_t wall_us);

/* For how long the picture has stood still; 0 before the first frame. */
int64_t frozen_us(const struct frozen *f, int64_t wall_us);
