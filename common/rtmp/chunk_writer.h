/*
 * chunk_writer.h: messages → RTMP's chunk stream (RTMP 1.0, 5.3). Pure.
 *
 * Every message begins with a type 0 chunk, so that its bytes do not depend on what went before and can be shared by
 * all viewers. An extended timestamp is repeated on each type 3 chunk, as the specification and most readers want it.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/rtmp/chunk_reader.h"

enum {
	RTMP_CHUNK_SIZE_OUT = 65536, /* what we send with, told by SetChunkSize */
	/* Chunk streams that we send on. */
	RTMP_CHUNK_CONTROL = 2,
	RTMP_CHUNK_COMMAND = 3,
	RTMP_CHUNK_AUDIO = 4,
	RTMP_CHUNK_DATA = 5,
	RTMP_CHUNK_VIDEO = 6,
};

struct chunk_head {
	uint8_t chunk_stream; /* 2 to 63 */
	uint8_t type;
	uint32_t stream; /* message stream id */
	uint32_t timestamp_ms;
};

/* Appends a message whose payload is `a` followed by `b` (either may be empty). Errors stick in the buffer. */
void chunk_write(struct buffer *out, const struct chunk_head *head, struct slice a, struct slice b,
                 uint32_t chunk_size);
