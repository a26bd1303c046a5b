/*
 * viewer_flv.h: HTTP-FLV: GET /APP/NAME.flv, the stream as an FLV file without an end, beginning at a keyframe.
 */
#pragma once

#include "common/http/server.h"

#include <jansson.h>

struct edge;

/* The route's handler. */
void viewer_flv(struct http_exchange *x);

/* Its viewers, for the API. */
void viewer_flv_list(struct edge *e, json_t *array);
