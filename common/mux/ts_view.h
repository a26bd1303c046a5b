/*
 * ts_view.h: a rendition as one continuous MPEG transport stream, without end: `/live/NAME.ts`.
 *
 * A block is the packets of one frame. PAT and PMT come twice a second of media time, and with a change of the tracks;
 * a keyframe's head is both once more, for a reader that begins there. Continuity counters count from where the view
 * began, so nodes differ in them, and in what depends on the frame before (a keyframe's clock references between); all
 * else is a function of the entries.
 *
 * The chunked view has each block, and head, framed as one chunk of HTTP/1.1, as flv_view.h has.
 */
#pragma once

#include "common/stream/view.h"

extern const struct view_ops ts_view_ops;
extern const struct view_ops ts_chunked_view_ops;
