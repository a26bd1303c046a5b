/*
 * http_chunk.h: a view's block as one chunk of HTTP/1.1 (RFC 9112, 7.1), framed where it is made, so that all viewers
 * share those bytes too. The buffer holds the chunk alone.
 */
#pragma once

#include "common/base/buffer.h"

/* Room for the size, in the empty buffer. */
void http_chunk_begin(struct buffer *out);

/* The size, now that it is known, and the chunk's end. */
void http_chunk_end(struct buffer *out);
