/*
 * view.h: the relay's view: each entry as one block of relay messages, made once and shared by all links that carry the
 * stream. It names the stream by view_stream_id. A reader that begins at a keyframe is first sent Tracks and the mark
 * in force.
 */
#pragma once

#include "common/stream/view.h"

extern const struct view_ops relay_view_ops;
