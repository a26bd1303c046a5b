/*
 * viewer_stream.h: viewers of a body without an end: GET /APP/NAME.flv, the stream as an FLV file, and /APP/NAME.ts, as
 * MPEG-TS; both begin at a keyframe.
 */
#pragma once

#include "common/http/server.h"

#include <jansson.h>

struct edge;

/* The routes' handlers. */
void viewer_stream_flv(struct http_exchange *x);
void viewer_stream_ts(struct http_exchange *x);

/* The node drains: closes them, at their next keyframe or at once. */
void viewer_stream_end_all(struct edge *e, bool at_keyframe);
size_t viewer_stream_count(const struct edge *e);

/* Their viewers, for the API. */
void viewer_stream_list(struct edge *e, json_t *array);
