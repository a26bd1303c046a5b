/*
 * framing.h: the relay's messages on the wire: varint header size, varint payload size, protobuf header, payload. Pure,
 * resumable at any byte.
 *
 * The payload is gathered once in a counted block and handed over by reference; media goes from there into the log.
 */
#pragma once

#include "common/base/buffer.h"
#include "proto/relay.pb-c.h"

enum {
	RELAY_HEADER_MAX = 256 * 1024,       /* the largest Tracks that there can be (convert.c) */
	RELAY_PAYLOAD_MAX = 16 * 1024 * 1024 /* as RTMP's largest message */
};

struct relay_message {
	const Weir__Relay__Header *header; /* body_case may be one that we do not know: skip it */
	struct bytes *block;               /* owns the payload; NULL when there is none. Take a reference to keep it */
	struct slice payload;
};

/* Both borrowed for the call. Returns 0, or a code that ends the reading. */
typedef int (*relay_message_fn)(void *context, const struct relay_message *m);

struct relay_reader {
	relay_message_fn on_message;
	void *context;
	size_t header_max, payload_max;
	enum { RELAY_READ_SIZES, RELAY_READ_HEADER, RELAY_READ_PAYLOAD } phase;
	uint32_t sizes[2];
	unsigned size_index, size_shift;
	struct buffer header;
	struct bytes *payload;
	size_t got;
	int error;
};

void relay_reader_init(struct relay_reader *r, relay_message_fn on_message, void *context);
void relay_reader_fini(struct relay_reader *r);

/* Takes all bytes. 0; UV_E2BIG past a limit, UV_EPROTO for a header that is no protobuf, UV_ENOMEM, or what on_message
 * returned; it sticks. */
int relay_reader_feed(struct relay_reader *r, const uint8_t *data, size_t size);

/* A whole message as one block (the caller's reference); NULL when memory is out. */
struct bytes *relay_pack(const Weir__Relay__Header *header, struct slice payload);

/* The same, appended; errors stick in the buffer. */
void relay_write(struct buffer *out, const Weir__Relay__Header *header, struct slice payload);
