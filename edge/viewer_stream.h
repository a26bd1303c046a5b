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

/* Their viewers, for the API. */
void viewer_stream_list(struct edge *e, json_t *array);
