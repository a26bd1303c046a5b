#include "tests/bench/load/viewer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HTTP's layer gathers the response's head, then chunk heads; FLV's gathers inside what they carry. */
enum { HTTP_HEAD, CHUNK_HEAD, CHUNK_BODY, CHUNK_END };
enum { FLV_FILE_HEADER = 13, TAG_HEAD = 11, TAG_TRAILER = 4 };

static void begin(struct viewer *v) {
	char request[600];
	int n = snprintf(request, sizeof request, "GET /%s/%s.flv HTTP/1.1\r\nHost: %.200s\r\nUser-Agent: load\r\n\r\n",
	                 v->app, v->name, v->host);
	v->phase = HTTP_HEAD;
	viewer_asks(v);
	viewer_send(v, request, (size_t)n);
}

/* FLV's parser keeps in `chunk_size` how many bytes of the present piece are wanted, in `fmt` which piece it is. */
enum { PIECE_FILE, PIECE_TAG, PIECE_BODY, PIECE_TRAILER };

static void piece(struct viewer *v, int which, uint32_t size) {
	v->fmt = which;
	v->need = size;
	v->have = 0;
}

static bool piece_done(struct viewer *v) {
	const uint8_t *h = v->head;
	switch (v->fmt) {
	case PIECE_FILE:
		if (memcmp(h, "FLV\1", 4) != 0) {
			viewer_fail(v, "not an FLV file");
			return false;
		}
		piece(v, PIECE_TAG, TAG_HEAD);
		return true;
	case PIECE_TAG:
		v->tag_type = h[0];
		v->tag_size = (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
		v->tag_timestamp = (uint32_t)h[7] << 24 | (uint32_t)h[4] << 16 | (uint32_t)h[5] << 8 | h[6];
		piece(v, PIECE_BODY, v->tag_size);
		return true;
	case PIECE_BODY:
		viewer_message(v, v->tag_type, v->tag_timestamp, v->tag_size);
		piece(v, PIECE_TRAILER, TAG_TRAILER);
		return true;
	default:
		if (((uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3]) != v->tag_size + TAG_HEAD) {
			viewer_fail(v, "a PreviousTagSize that is not the tag's");
			return false;
		}
		piece(v, PIECE_TAG, TAG_HEAD);
		return true;
	}
}

static bool feed_flv(struct viewer *v, const uint8_t *data, size_t size) {
	while (size) {
		size_t n = size < v->need ? size : v->need;
		if (v->fmt == PIECE_BODY) {
			viewer_payload(v, data, n);
		} else {
			memcpy(v->head + v->have, data, n);
			v->have += (uint32_t)n;
		}
		v->need -= (uint32_t)n;
		data += n;
		size -= n;
		while (v->need == 0)
			if (!piece_done(v))
				return false;
	}
	return true;
}

/* The head up to its empty line; what comes behind it is the first chunk's. */
static bool on_http_head(struct viewer *v) {
	if (strncmp((char *)v->head, "HTTP/1.1 200", 12) != 0) {
		viewer_fail(v, strncmp((char *)v->head, "HTTP/1.1 404", 12) == 0 ? "404" : "not a 200");
		return false;
	}
	if (!strcasestr((char *)v->head, "\r\ntransfer-encoding: chunked")) {
		viewer_fail(v, "not chunked");
		return false;
	}
	v->phase = CHUNK_HEAD;
	v->chunk_left = 0;
	piece(v, PIECE_FILE, FLV_FILE_HEADER);
	return true;
}

static bool gather_line(struct viewer *v, uint8_t byte, const char *end, uint32_t limit) {
	uint32_t n = (uint32_t)strlen(end);
	v->line[v->line_have++] = byte;
	v->line[v->line_have] = 0;
	if (v->line_have + 1 >= limit)
		viewer_fail(v, "a line without an end");
	return v->line_have >= n && memcmp(v->line + v->line_have - n, end, n) == 0;
}

static size_t take_framing(struct viewer *v, const uint8_t *data) {
	if (v->phase == CHUNK_HEAD && gather_line(v, *data, "\r\n", sizeof v->line)) {
		v->chunk_left = (uint32_t)strtoul((char *)v->line, NULL, 16);
		v->line_have = 0;
		v->phase = v->chunk_left ? CHUNK_BODY : CHUNK_END;
		if (!v->chunk_left)
			viewer_fail(v, "the stream ended");
	} else if (v->phase == CHUNK_END && gather_line(v, *data, "\r\n", sizeof v->line)) {
		v->line_have = 0;
		v->phase = CHUNK_HEAD;
	}
	return 1;
}

static size_t take_http_head(struct viewer *v, const uint8_t *data) {
	v->head[v->have++] = *data;
	v->head[v->have] = 0;
	if (v->have + 1 >= sizeof v->head)
		viewer_fail(v, "a response's head without an end");
	else if (v->have >= 4 && memcmp(v->head + v->have - 4, "\r\n\r\n", 4) == 0)
		on_http_head(v);
	return 1;
}

static bool feed(struct viewer *v, const uint8_t *data, size_t size) {
	while (size && !v->error) {
		size_t n;
		if (v->phase == HTTP_HEAD) {
			n = take_http_head(v, data);
		} else if (v->phase == CHUNK_BODY) {
			n = size < v->chunk_left ? size : v->chunk_left;
			if (!feed_flv(v, data, n))
				return false;
			v->chunk_left -= (uint32_t)n;
			if (!v->chunk_left)
				v->phase = CHUNK_END;
		} else {
			n = take_framing(v, data);
		}
		data += n;
		size -= n;
	}
	return !v->error;
}

const struct protocol protocol_flv = {.name = "flv", .begin = begin, .feed = feed};
