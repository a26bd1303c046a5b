#include "tests/bench/load/viewer.h"

#include "tests/bench/kit/amf.h"

#include <stdio.h>
#include <string.h>

/* The phases of the parser: what `head` gathers. */
enum { HANDSHAKE, BASIC, MESSAGE_HEAD, EXTENDED, PAYLOAD };

enum { HANDSHAKE_SIZE = 1536, CONTROL_MAX = 2048 };

static void send_message(struct viewer *v, uint8_t type, uint8_t stream, const uint8_t *body, size_t size) {
	uint8_t out[1024];
	viewer_send(v, out, amf_message(out, type, stream, body, size));
}

static void send_connect(struct viewer *v) {
	uint8_t body[800];
	send_message(v, 20, 0, body, amf_connect(body, v->host, v->app));
}

static void send_play(struct viewer *v) {
	uint8_t body[400];
	size_t n = amf_string(body, "createStream");
	n += amf_number(body + n, 2);
	n += amf_null(body + n);
	send_message(v, 20, 0, body, n);
	n = amf_string(body, "play");
	n += amf_number(body + n, 0);
	n += amf_null(body + n);
	n += amf_string(body + n, v->name);
	viewer_asks(v);
	send_message(v, 20, 1, body, n);
}

static void begin(struct viewer *v) {
	static const uint8_t c0c1[1 + HANDSHAKE_SIZE] = {3};
	v->chunk_size = 128;
	v->phase = HANDSHAKE;
	v->need = 1 + 2 * HANDSHAKE_SIZE;
	viewer_send(v, c0c1, sizeof c0c1);
}

static void wait_for(struct viewer *v, int phase, uint32_t need) {
	v->phase = phase;
	v->need = need;
	v->have = 0;
}

static uint32_t be(const uint8_t *p, int n) {
	uint32_t x = 0;
	while (n--)
		x = x << 8 | *p++;
	return x;
}

/* Control and command messages have been gathered whole in `head`. */
static void control(struct viewer *v, const struct chunk_stream *c) {
	if (c->type == 1 && v->have >= 4)
		v->chunk_size = be(v->head, 4) & 0x7fffffff;
	else if (c->type == 5 && v->have >= 4)
		v->acknowledge_every = be(v->head, 4);
	else if (c->type == 4 && v->have >= 6 && be(v->head, 2) == 6) {
		uint8_t pong[6] = {0, 7};
		memcpy(pong + 2, v->head + 2, 4);
		send_message(v, 4, 0, pong, sizeof pong);
	} else if (c->type == 20 && !v->asked && memmem(v->head, v->have, "_result", 7)) {
		v->asked = true;
		send_play(v);
	} else if (c->type == 20 && memmem(v->head, v->have, "StreamNotFound", 14)) {
		viewer_fail(v, "stream not found");
	} else if (c->type == 20 && memmem(v->head, v->have, "UnpublishNotify", 15)) {
		viewer_fail(v, "the stream ended");
	} else if (c->type == 20 && memmem(v->head, v->have, "_error", 6)) {
		viewer_fail(v, "_error from the server");
	}
}

static bool is_media(uint8_t type) {
	return type == 8 || type == 9 || type == 18;
}

static void message_done(struct viewer *v) {
	struct chunk_stream *c = v->current;
	if (is_media(c->type))
		viewer_message(v, c->type, c->timestamp, c->size);
	else
		control(v, c);
	v->have = 0;
	wait_for(v, BASIC, 1);
}

static void begin_payload(struct viewer *v) {
	struct chunk_stream *c = v->current;
	v->phase = PAYLOAD;
	v->need = c->left < v->chunk_size ? c->left : v->chunk_size;
	if (c->left == c->size)
		v->have = 0;
	if (c->size == 0)
		message_done(v);
}

static struct chunk_stream *find_stream(struct viewer *v, uint32_t id) {
	struct chunk_stream *unused = NULL;
	for (int i = 0; i < CHUNK_STREAMS; i++) {
		if (v->streams[i].id == id)
			return &v->streams[i];
		if (!unused && v->streams[i].id == 0)
			unused = &v->streams[i];
	}
	if (unused)
		unused->id = id;
	return unused;
}

static bool on_basic(struct viewer *v) {
	static const uint32_t head_size[] = {11, 7, 3, 0};
	int fmt = v->head[0] >> 6;
	uint32_t id = v->head[0] & 63;
	if (id < 2) {
		viewer_fail(v, "a chunk stream id of more than one byte");
		return false;
	}
	v->current = find_stream(v, id);
	if (!v->current) {
		viewer_fail(v, "too many chunk streams");
		return false;
	}
	if (fmt == 3 && v->current->size == 0 && v->current->type == 0) {
		viewer_fail(v, "a type 3 chunk on a fresh chunk stream");
		return false;
	}
	if (fmt != 3) {
		wait_for(v, MESSAGE_HEAD, head_size[fmt]);
		v->fmt = fmt;
		return true;
	}
	if (v->current->left == 0) { /* the next message like the last */
		v->current->left = v->current->size;
		v->current->timestamp += v->current->delta;
	}
	if (v->current->extended) {
		wait_for(v, EXTENDED, 4);
		v->fmt = 3;
	} else {
		begin_payload(v);
	}
	return true;
}

static void apply_timestamp(struct chunk_stream *c, int fmt, uint32_t t) {
	if (fmt == 0) {
		c->timestamp = t;
		c->delta = 0;
	} else if (fmt < 3) {
		c->delta = t;
		c->timestamp += t;
	}
}

static void on_head(struct viewer *v) {
	struct chunk_stream *c = v->current;
	int fmt = v->fmt;
	uint32_t t = be(v->head, 3);
	if (fmt < 2) {
		c->size = be(v->head + 3, 3);
		c->type = v->head[6];
	}
	c->left = c->size;
	c->extended = t == 0xffffff;
	if (c->extended) {
		wait_for(v, EXTENDED, 4);
		return;
	}
	apply_timestamp(c, fmt, t);
	v->have = 0;
	begin_payload(v);
}

/* A gathered head is complete. Payload of media is passed over, of control messages gathered too. */
static bool step(struct viewer *v) {
	static uint8_t c2[HANDSHAKE_SIZE];
	switch (v->phase) {
	case HANDSHAKE:
		viewer_send(v, c2, sizeof c2);
		send_connect(v);
		wait_for(v, BASIC, 1);
		return true;
	case BASIC:
		return on_basic(v);
	case MESSAGE_HEAD:
		on_head(v);
		return true;
	default:
		apply_timestamp(v->current, v->fmt, be(v->head, 4));
		v->have = 0;
		begin_payload(v);
		return true;
	}
}

/* Takes what there is of the payload under way. */
static size_t take_payload(struct viewer *v, const uint8_t *data, size_t size) {
	struct chunk_stream *c = v->current;
	size_t n = size < v->need ? size : v->need;
	if (is_media(c->type)) {
		viewer_payload(v, data, n);
	} else {
		size_t room = CONTROL_MAX - v->have, keep = n < room ? n : room;
		memcpy(v->head + v->have, data, keep);
		v->have += (uint32_t)keep;
	}
	v->need -= (uint32_t)n;
	c->left -= (uint32_t)n;
	if (c->left == 0)
		message_done(v);
	else if (v->need == 0) {
		v->phase = BASIC;
		v->need = 1;
		v->have = 0; /* control messages never span chunks here: they are small */
	}
	return n;
}

static void acknowledge(struct viewer *v, size_t size) {
	v->unacknowledged += size;
	if (!v->acknowledge_every || v->unacknowledged < v->acknowledge_every / 2)
		return;
	v->unacknowledged = 0;
	uint8_t body[4] = {(uint8_t)(v->bytes >> 24), (uint8_t)(v->bytes >> 16), (uint8_t)(v->bytes >> 8),
	                   (uint8_t)v->bytes};
	uint8_t out[16] = {2, 0, 0, 0, 0, 0, 4, 3};
	memcpy(out + 12, body, 4);
	viewer_send(v, out, sizeof out);
}

static bool feed(struct viewer *v, const uint8_t *data, size_t size) {
	acknowledge(v, size);
	while (size && !v->error) {
		size_t n;
		if (v->phase == PAYLOAD) {
			n = take_payload(v, data, size);
		} else {
			n = size < v->need ? size : v->need;
			if (v->phase != HANDSHAKE) {
				memcpy(v->head + v->have, data, n);
				v->have += (uint32_t)n;
			}
			v->need -= (uint32_t)n;
			if (v->need == 0 && !step(v))
				return false;
		}
		data += n;
		size -= n;
	}
	return !v->error;
}

const struct protocol protocol_rtmp = {.name = "rtmp", .begin = begin, .feed = feed};
