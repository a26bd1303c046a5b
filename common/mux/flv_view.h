/*
 * flv_view.h: HTTP-FLV's views: a stream as FLV tags (FLV 10.1, annex E), each with its PreviousTagSize. The file's
 * header is not part of a view: a viewer is sent it once, then the head of the keyframe that it begins at.
 *
 * The chunked view has each block framed as one chunk of HTTP/1.1 (RFC 9112, 7.1), so that all viewers share those
 * bytes too; the plain one is for HTTP/1.0 and HTTP/2.
 */
#pragma once

#include "common/stream/view.h"

extern const struct view_ops flv_view_ops;
extern const struct view_ops flv_chunked_view_ops;
