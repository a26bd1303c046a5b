#include "tests/bench/floor/stream.h"

#include "tests/bench/kit/clock.h"
#include "tests/bench/kit/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_HEADER = 11, TAG_TRAILER = 4, CHUNK_HEAD = 10, CHUNK_END = 2 };

void stream_init(struct stream *s, const struct clip *c, uint32_t merge_ms) {
	*s = (struct stream){.place = {.clip = c}, .merge_ms = merge_ms, .began_ns = clock_ns()};
}

void stream_fini(struct stream *s) {
	for (int i = 0; i < STREAM_KEPT; i++)
		free(s->kept[i].data);
}

/* From the place on: the bytes of the next batch's tags, the timestamp of its last. */
static size_t measure(const struct stream *s, uint32_t *last) {
	struct clip_place p = s->place;
	uint32_t first, at;
	size_t size = 0;
	clip_peek(&p, &first);
	for (;; clip_advance(&p)) {
		const struct clip_tag *t = clip_peek(&p, &at);
		if (at - first > s->merge_ms)
			return size;
		size += TAG_HEADER + t->size + TAG_TRAILER;
		*last = at;
	}
}

uint64_t stream_due_ns(const struct stream *s) {
	uint32_t last;
	measure(s, &last);
	return s->began_ns + (uint64_t)last * 1000000u;
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

bool stream_advance(struct stream *s) {
	uint32_t last, at;
	uint64_t now = clock_ns();
	size_t size = measure(s, &last);
	if (now < s->began_ns + (uint64_t)last * 1000000u)
		return false;
	struct batch *b = &s->kept[s->next % STREAM_KEPT];
	free(b->data);
	b->data = malloc(CHUNK_HEAD + size + CHUNK_END + 1);
	if (!b->data)
		abort();
	uint8_t *out = b->data + sprintf((char *)b->data, "%zx\r\n", size);
	for (;; clip_advance(&s->place)) {
		const struct clip_tag *t = clip_peek(&s->place, &at);
		if (at > last)
			break;
		out = put_tag(out, t, at, now);
	}
	memcpy(out, "\r\n", CHUNK_END);
	b->size = (size_t)(out - b->data) + CHUNK_END;
	s->next++;
	return true;
}
