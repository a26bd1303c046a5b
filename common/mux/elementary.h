/*
 * elementary.h: frames as the elementary streams of MPEG-TS, which carry their configuration with them: H.264 and H.265
 * as byte streams (annex B of each) with access unit delimiters, AAC behind ADTS headers, MP3, AC-3 and E-AC-3 as they
 * are.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/stream/tracks.h"

enum { ADTS_HEADER_SIZE = 7, ADTS_FRAME_MAX = 8191 };

/* Fields are private. */
struct elementary {
	uint32_t fourcc;
	unsigned length_size;           /* video: bytes of length before each NAL unit of a frame */
	struct bytes *sets;             /* video: the configuration's parameter sets as a byte stream */
	uint8_t adts[ADTS_HEADER_SIZE]; /* AAC: a frame's header, but for its size */
};

/* Prepares for the track's frames. 0; UV_ENOTSUP for what has no such form (AAC of unusual types, rates or layouts,
 * too); UV_EINVAL for a configuration that is missing or broken; UV_ENOMEM. */
int elementary_init(struct elementary *e, const struct track *t);

void elementary_fini(struct elementary *e);

/*
 * Appends a frame. Keyframes of video get the configuration's parameter sets unless they have their own; what is behind
 * a NAL unit that is cut short is left out. 0, or UV_E2BIG for an AAC frame beyond what ADTS can say; running out of
 * memory sticks in the buffer.
 */
int elementary_write(const struct elementary *e, const struct frame *f, struct buffer *out);
