/*
 * viewer.h: one simulated viewer of the load client: a socket, a protocol's parser, and what was counted.
 *
 * Payloads are counted and thrown away, but for their first bytes (is it a frame?) and their last (the publisher's
 * stamp); headers are all checked. Everything runs on one thread round one epoll.
 */
#pragma once

#include "tests/bench/kit/stamp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHUNK_STREAMS = 16, LEAD = 2 };

struct chunk_stream {
	uint32_t id, timestamp, delta, left, size; /* left: payload bytes still to come of the message under way */
	uint8_t type;
	bool extended;
};

struct viewer;

struct protocol {
	const char *name;
	/* Connected: sends what opens the session. */
	void (*begin)(struct viewer *v);
	/* Takes bytes; false when they are not of the protocol (`v->error` says what). */
	bool (*feed)(struct viewer *v, const uint8_t *data, size_t size);
};

struct viewer {
	const struct protocol *protocol;
	const char *app, *host; /* of the URL */
	char name[132];
	int fd;
	bool connected, playing, stalled;
	const char *error;                      /* first reason for failing; NULL: none */
	uint64_t began_ns, asked_ns, first_ns;  /* connecting, asking for the stream, its first frame of video */
	uint64_t last_ns, gap_ns;               /* the latest message, the longest silence of the window */
	uint64_t messages, bytes, backwards;    /* ever */
	uint64_t window_messages, window_bytes; /* in the measured window */
	uint32_t last_timestamp[2];             /* of audio and of video frames */
	bool seen[2];
	uint32_t window_from, window_to; /* timestamps of the latest messages when the window opened and when it closed */

	/* of the media message under way */
	uint8_t lead[LEAD], tail[STAMP_SIZE];
	uint32_t lead_have, tail_have;

	/* parser state */
	int phase;
	uint32_t need;      /* bytes still wanted by the phase */
	uint8_t head[4096]; /* a head that is gathered */
	uint32_t have;
	uint32_t chunk_size;
	struct chunk_stream streams[CHUNK_STREAMS];
	struct chunk_stream *current;
	uint32_t chunk_left; /* of HTTP's chunk under way */
	uint32_t tag_timestamp, tag_size;
	uint8_t tag_type;
	uint8_t line[32]; /* of HTTP's chunk framing */
	uint32_t line_have;
	int fmt;    /* of the chunk whose head is gathered */
	bool asked; /* play has been sent */
	uint64_t unacknowledged, acknowledge_every;
};

extern const struct protocol protocol_rtmp, protocol_flv;

/* The request for the stream goes out now. */
void viewer_asks(struct viewer *v);

/* Some bytes of an audio (8), video (9) or data (18) message's payload, in order. */
void viewer_payload(struct viewer *v, const uint8_t *data, size_t size);

/* That message is whole. */
void viewer_message(struct viewer *v, uint8_t type, uint32_t timestamp, uint32_t size);

/* Sends small control bytes; a full socket is an error of the viewer. */
void viewer_send(struct viewer *v, const void *data, size_t size);

void viewer_fail(struct viewer *v, const char *why);
