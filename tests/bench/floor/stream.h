/*
 * stream.h: a clip as an endless sequence of blocks, each due at a time: what one write to each viewer carries.
 */
#pragma once

#include "tests/bench/kit/clip.h"

enum { STREAM_KEPT = 512 };

/* What one write carries: of HTTP-FLV an HTTP chunk with its tags, of RTMP its messages. */
struct batch {
	uint8_t *data;
	size_t size;
};

struct stream {
	struct clip_place place;
	uint32_t merge_ms;
	bool rtmp;
	uint64_t began_ns;
	uint64_t next; /* the number of the batch to come */
	struct batch kept[STREAM_KEPT];
};

enum { STREAM_CHUNK_SIZE = 65536 }; /* of RTMP's chunks */

void stream_init(struct stream *s, const struct clip *c, uint32_t merge_ms, bool rtmp);
void stream_fini(struct stream *s);

/* When the next batch is complete, and so due, on clock.h's clock. */
uint64_t stream_due_ns(const struct stream *s);

/* Makes the next batch when it is due. True if there is a new one. */
bool stream_advance(struct stream *s);

/* One of the last STREAM_KEPT. */
static inline const struct batch *stream_batch(const struct stream *s, uint64_t number) {
	return &s->kept[number % STREAM_KEPT];
}
