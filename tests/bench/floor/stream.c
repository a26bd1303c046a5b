#include "tests/bench/floor/stream.h"

#include "tests/bench/kit/clock.h"
#include "tests/bench/kit/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_HEADER = 11, TAG_TRAILER = 4, CHUNK_HEAD = 10, CHUNK_END = 2, MESSAGE_HEAD = 12, TIMESTAMP_END = 0xffffff };

void stream_init(struct stream *s, const struct clip *c, uint32_t merge_ms, bool rtmp) {
	*s = (struct stream){.place = {.clip = c}, .merge_ms = merge_ms, .rtmp = rtmp, .began_ns = clock_ns()};
}

void stream_fini(struct stream *s) {
	for (int i = 0; i < STREAM_KEPT; i++)
		free(s->kept[i].data);
}

/* The tags of one write. */
struct group {
	size_t count, size;
	uint32_t last; /* timestamp */
};

static struct group next_group(const struct stream *s) {
	struct clip_place p = s->place;
	struct group g = {0};
	uint32_t first, at;
	clip_peek(&p, &first);
	for (;; clip_advance(&p)) {
		const struct clip_tag *t = clip_peek(&p, &at);
		if (at - first > s->merge_ms)
			return g;
		g.count++;
		g.size += s->rtmp ? MESSAGE_HEAD + t->size + t->size / STREAM_CHUNK_SIZE : TAG_HEADER + t->size + TAG_TRAILER;
		g.last = at;
	}
}

static uint64_t due_ns(const struct stream *s, const struct group *g) {
	return s->began_ns + (uint64_t)g->last * 1000000u;
}

uint64_t stream_due_ns(const struct stream *s) {
	struct group g = next_group(s);
	return due_ns(s, &g);
}

static uint8_t *put_tag(uint8_t *out, const struct clip_tag *t, uint32_t timestamp, uint64_t now) {
	const uint8_t head[TAG_HEADER] = {t->type,
	                                  (uint8_t)(t->size >> 16),
	                                  (uint8_t)(t->size >> 8),
	                                  (uint8_t)t->size,
	                                  (uint8_t)(timestamp >> 16),
	                                  (uint8_t)(timestamp >> 8),
	                                  (uint8_t)timestamp,
	                                  (uint8_t)(timestamp >> 24)};
	uint32_t whole = t->size + TAG_HEADER;
	memcpy(out, head, sizeof head);
	memcpy(out + TAG_HEADER, t->payload, t->size);
	out += whole;
	if (!t->config && t->size > 4 * STAMP_SIZE)
		stamp_put(out - STAMP_SIZE, now);
	for (int i = 0; i < 4; i++)
		*out++ = (uint8_t)(whole >> (24 - 8 * i));
	return out;
}

/* An RTMP message: a chunk of type 0, and those of type 3 behind it. */
static uint8_t *put_message(uint8_t *out, const struct clip_tag *t, uint32_t timestamp, uint64_t now) {
	uint8_t chunk_stream = t->type == 8 ? 4 : 6;
	const uint8_t head[MESSAGE_HEAD] = {chunk_stream,
	                                    (uint8_t)(timestamp >> 16),
	                                    (uint8_t)(timestamp >> 8),
	                                    (uint8_t)timestamp,
	                                    (uint8_t)(t->size >> 16),
	                                    (uint8_t)(t->size >> 8),
	                                    (uint8_t)t->size,
	                                    t->type,
	                                    1};
	uint8_t stamp[STAMP_SIZE];
	uint32_t stamped = !t->config && t->size > 4 * STAMP_SIZE ? t->size - STAMP_SIZE : t->size;
	if (timestamp >= TIMESTAMP_END)
		abort(); /* hours have passed: nobody measures for so long */
	stamp_put(stamp, now);
	memcpy(out, head, sizeof head);
	out += sizeof head;
	for (uint32_t i = 0; i < t->size; i++) {
		if (i && i % STREAM_CHUNK_SIZE == 0)
			*out++ = (uint8_t)(0xc0 | chunk_stream);
		*out++ = i < stamped ? t->payload[i] : stamp[i - stamped];
	}
	return out;
}

bool stream_advance(struct stream *s) {
	struct group g = next_group(s);
	uint64_t now = clock_ns();
	if (now < due_ns(s, &g))
		return false;
	struct batch *b = &s->kept[s->next % STREAM_KEPT];
	free(b->data);
	b->data = malloc(CHUNK_HEAD + g.size + CHUNK_END + 1);
	if (!b->data)
		abort();
	uint8_t *out = b->data + (s->rtmp ? 0 : sprintf((char *)b->data, "%zx\r\n", g.size));
	for (size_t i = 0; i < g.count; i++, clip_advance(&s->place)) {
		uint32_t at;
		const struct clip_tag *t = clip_peek(&s->place, &at);
		out = s->rtmp ? put_message(out, t, at, now) : put_tag(out, t, at, now);
	}
	if (!s->rtmp) {
		memcpy(out, "\r\n", CHUNK_END);
		out += CHUNK_END;
	}
	b->size = (size_t)(out - b->data);
	s->next++;
	return true;
}
