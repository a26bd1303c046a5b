/*
 * message.h: RTMP's protocol control and user control messages (RTMP 1.0, 5.4, 7.1.7), and the splitting of aggregates
 * (7.1.6). Pure. Each writer appends one whole message as chunks.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/rtmp/chunk_reader.h"

/* User control events (7.1.7). */
enum rtmp_event {
	RTMP_STREAM_BEGIN = 0,
	RTMP_STREAM_EOF = 1,
	RTMP_STREAM_DRY = 2,
	RTMP_SET_BUFFER_LENGTH = 3,
	RTMP_STREAM_IS_RECORDED = 4,
	RTMP_PING_REQUEST = 6,
	RTMP_PING_RESPONSE = 7,
};

enum { RTMP_BANDWIDTH_DYNAMIC = 2 };

/* What two of the writers append, for who wants a block no larger than that. */
enum { RTMP_ACKNOWLEDGEMENT_SIZE = 16, RTMP_EVENT_SIZE = 18 };

void rtmp_write_chunk_size(struct buffer *out, uint32_t size);
void rtmp_write_acknowledgement(struct buffer *out, uint32_t bytes);
void rtmp_write_window_size(struct buffer *out, uint32_t bytes);
void rtmp_write_peer_bandwidth(struct buffer *out, uint32_t bytes);
/* `value` is a message stream id, or a ping's time. */
void rtmp_write_event(struct buffer *out, enum rtmp_event event, uint32_t value);

struct rtmp_control {
	enum rtmp_event event;
	uint32_t value;
};

/* A user control message; UV_EINVAL where it is cut short. Events that are not known are returned too. */
int rtmp_read_control(struct slice payload, struct rtmp_control *out);

/*
 * Calls `fn` for each message inside an aggregate, its timestamp moved so that the first has the aggregate's (7.1.6).
 * 0, UV_EINVAL for one that is broken, or what `fn` returned.
 */
int rtmp_split_aggregate(const struct rtmp_message *aggregate, rtmp_message_fn fn, void *context);
