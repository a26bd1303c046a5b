/*
 * chunk_reader.h: RTMP's chunk stream (RTMP 1.0, 5.3) → messages. Pure, resumable at any byte.
 *
 * A message's payload is gathered once, in a counted block, and handed over by reference. Chunk streams are made on
 * demand, so that an idle connection's reader is small.
 *
 * Where peers differ from the specification (docs in README.md):
 * - On type 3 chunks of a message with an extended timestamp most repeat those four bytes and some do not: they are
 * taken as a repetition if they equal the timestamp, else as payload.
 * - A type 3 chunk may begin a message; after a type 0 its delta is that message's own timestamp by the specification,
 * which no encoder means: it then steps by zero.
 * - A fresh chunk stream may begin with type 1.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CHUNK_SIZE_DEFAULT = 128,
	CHUNK_SIZE_MAX = 16777215, /* what a message can be at most: larger stated sizes mean no more (5.4.1) */
};

/* Message types (5.4, 7.1). */
enum {
	RTMP_SET_CHUNK_SIZE = 1,
	RTMP_ABORT = 2,
	RTMP_ACKNOWLEDGEMENT = 3,
	RTMP_USER_CONTROL = 4,
	RTMP_WINDOW_SIZE = 5,
	RTMP_PEER_BANDWIDTH = 6,
	RTMP_AUDIO = 8,
	RTMP_VIDEO = 9,
	RTMP_DATA_AMF3 = 15,
	RTMP_COMMAND_AMF3 = 17,
	RTMP_DATA_AMF0 = 18,
	RTMP_COMMAND_AMF0 = 20,
	RTMP_AGGREGATE = 22,
};

struct rtmp_message {
	uint8_t type;
	uint32_t stream;       /* message stream id */
	uint32_t timestamp_ms; /* absolute, modulo 2^32 */
	struct bytes *block;   /* borrowed for the call; take a reference to keep it */
	struct slice payload;  /* inside `block` */
};

/* Returns 0, or a code that ends the reading and is returned by chunk_reader_feed. */
typedef int (*rtmp_message_fn)(void *context, const struct rtmp_message *m);

struct chunk_reader_limits {
	uint32_t message_bytes; /* largest message */
	uint32_t streams;       /* chunk streams of one connection */
};

struct chunk_stream;

struct chunk_reader {
	struct chunk_reader_limits limits;
	rtmp_message_fn on_message;
	void *context;
	struct chunk_stream **streams; /* in the order of their ids: most peers use three or four */
	uint32_t count, capacity;
	uint32_t chunk_size;
	uint8_t head[18]; /* of the chunk under way: basic, message and extended header */
	uint8_t have;
	struct chunk_stream *current; /* whose payload comes; NULL: a head */
	uint32_t left;                /* payload bytes of this chunk still to come */
	size_t held;                  /* payload bytes allocated by unfinished messages */
	int error;                    /* the first failure sticks */
	const char *why;              /* its reason in words */
};

void chunk_reader_init(struct chunk_reader *r, struct chunk_reader_limits limits, rtmp_message_fn on_message,
                       void *context);
void chunk_reader_fini(struct chunk_reader *r);

/*
 * Takes all `size` bytes. 0; UV_EPROTO for what is no chunk stream, UV_E2BIG past a limit (`why` says which),
 * UV_ENOMEM, or what on_message returned. SetChunkSize and Abort are obeyed here and passed on as well.
 */
int chunk_reader_feed(struct chunk_reader *r, const uint8_t *data, size_t size);
