#include "common/rtmp/message.h"

#include "common/base/reader.h"
#include "common/rtmp/chunk_writer.h"

#include <uv.h>

static void write_control(struct buffer *out, uint8_t type, const uint8_t *payload, size_t size) {
	struct chunk_head head = {.chunk_stream = RTMP_CHUNK_CONTROL, .type = type};
	chunk_write(out, &head, (struct slice){payload, size}, (struct slice){0}, RTMP_CHUNK_SIZE_OUT);
}

static void put_u32(uint8_t *at, uint32_t v) {
	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
}

static void write_u32(struct buffer *out, uint8_t type, uint32_t v) {
	uint8_t payload[4];
	put_u32(payload, v);
	write_control(out, type, payload, sizeof payload);
}

void rtmp_write_chunk_size(struct buffer *out, uint32_t size) {
	write_u32(out, RTMP_SET_CHUNK_SIZE, size);
}

void rtmp_write_acknowledgement(struct buffer *out, uint32_t bytes) {
	write_u32(out, RTMP_ACKNOWLEDGEMENT, bytes);
}

void rtmp_write_window_size(struct buffer *out, uint32_t bytes) {
	write_u32(out, RTMP_WINDOW_SIZE, bytes);
}

void rtmp_write_peer_bandwidth(struct buffer *out, uint32_t bytes) {
	uint8_t payload[5] = {0, 0, 0, 0, RTMP_BANDWIDTH_DYNAMIC};
	put_u32(payload, bytes);
	write_control(out, RTMP_PEER_BANDWIDTH, payload, sizeof payload);
}

void rtmp_write_event(struct buffer *out, enum rtmp_event event, uint32_t value) {
	uint8_t payload[6] = {(uint8_t)(event >> 8), (uint8_t)event};
	put_u32(payload + 2, value);
	write_control(out, RTMP_USER_CONTROL, payload, sizeof payload);
}

int rtmp_read_control(struct slice payload, struct rtmp_control *out) {
	struct reader r = reader_of(payload.data, payload.size);
	struct rtmp_control c = {.event = (enum rtmp_event)reader_u16(&r)};
	c.value = reader_u32(&r);
	if (r.failed)
		return UV_EINVAL;
	*out = c;
	return 0;
}

int rtmp_split_aggregate(const struct rtmp_message *aggregate, rtmp_message_fn fn, void *context) {
	struct reader r = reader_of(aggregate->payload.data, aggregate->payload.size);
	bool first = true;
	uint32_t offset = 0;
	while (reader_left(&r)) {
		struct rtmp_message m = *aggregate;
		m.type = reader_u8(&r);
		size_t size = reader_u24(&r);
		uint32_t low = reader_u24(&r);
		m.timestamp_ms = (uint32_t)reader_u8(&r) << 24 | low;
		reader_u24(&r); /* stream id: the aggregate's own counts */
		m.payload = (struct slice){reader_take(&r, size), size};
		reader_u32(&r); /* back pointer */
		if (r.failed)
			return UV_EINVAL;
		if (first)
			offset = aggregate->timestamp_ms - m.timestamp_ms;
		first = false;
		m.timestamp_ms += offset;
		int err = m.type == RTMP_AGGREGATE ? UV_EINVAL : fn(context, &m);
		if (err)
			return err;
	}
	return 0;
}
