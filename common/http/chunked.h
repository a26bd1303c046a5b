/*
 * chunked.h: reads a body in chunks (RFC 9112, 7.1), and keeps its data if told where. Pure, resumable at any byte.
 *
 * Strict where senders and proxies could understand a body differently: lines end in CR LF only, sizes are hexadecimal
 * digits only. Chunk extensions and trailers are read over, within limits.
 */
#pragma once

#include "common/base/buffer.h"

enum { CHUNKED_EXTENSION_MAX = 256, CHUNKED_TRAILERS_MAX = 4096 };

enum chunked_state {
	CHUNKED_SIZE,
	CHUNKED_EXTENSION,
	CHUNKED_SIZE_LF,
	CHUNKED_DATA,
	CHUNKED_DATA_CR,
	CHUNKED_DATA_LF,
	CHUNKED_TRAILER_START,
	CHUNKED_TRAILER,
	CHUNKED_TRAILER_LF,
	CHUNKED_END_LF,
	CHUNKED_DONE
};

/* All zero is the beginning. */
struct chunked {
	enum chunked_state state;
	unsigned digits;     /* of the size so far */
	unsigned skipped;    /* bytes of this extension, or of all trailers */
	uint64_t left;       /* bytes to come of this chunk */
	uint64_t total;      /* bytes announced by all chunks so far */
	struct buffer *keep; /* where the data goes; NULL: they are read over. Errors stick in it */
};

/*
 * Reads as much of `data` as belongs to the body, which may have `limit` bytes; `*taken` is how much that was.
 * 0 (c->state tells whether it is CHUNKED_DONE); UV_EPROTO: no chunks; UV_E2BIG: past a limit.
 */
int chunked_read(struct chunked *c, struct slice data, uint64_t limit, size_t *taken);
