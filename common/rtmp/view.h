/*
 * view.h: RTMP's views: a stream as RTMP messages, made once for all viewers.
 *
 * Every message is a type 0 chunk (and type 3 ones where it is longer than RTMP_CHUNK_SIZE_OUT) on a fixed chunk
 * stream, on message stream 1, with the milliseconds since the run's base. The enhanced view is for clients that
 * announced E-RTMP.
 */
#pragma once

#include "common/stream/view.h"

enum { RTMP_VIEW_STREAM = 1 };

extern const struct view_ops rtmp_view_ops;
extern const struct view_ops rtmp_enhanced_view_ops;
