#include "common/rtmp/chunk_writer.h"

#include <string.h>
#include <uv.h>

enum { EXTENDED = 0xffffff };

/* The payload as it is taken up by chunks. */
struct parts {
	struct slice a, b;
};

static void take(struct buffer *out, struct parts *p, size_t size) {
	size_t n = size < p->a.size ? size : p->a.size;
	buffer_append(out, p->a.data, n);
	p->a.data += n;
	p->a.size -= n;
	size -= n;
	buffer_append(out, p->b.data, size);
	p->b.data += size;
	p->b.size -= size;
}

void chunk_write(struct buffer *out, const struct chunk_head *head, struct slice a, struct slice b,
                 uint32_t chunk_size) {
	size_t left = a.size + b.size;
	bool extended = head->timestamp_ms >= EXTENDED;
	if (left > CHUNK_SIZE_MAX) {
		out->error = UV_E2BIG;
		return;
	}
	static const uint8_t nothing[1];
	struct parts parts = {a.data ? a : (struct slice){nothing, 0}, b.data ? b : (struct slice){nothing, 0}};
	buffer_u8(out, head->chunk_stream);
	buffer_u24(out, extended ? EXTENDED : head->timestamp_ms);
	buffer_u24(out, (uint32_t)left);
	buffer_u8(out, head->type);
	buffer_u32le(out, head->stream);
	for (bool first = true; first || left; first = false) {
		size_t n = left < chunk_size ? left : chunk_size;
		if (!first)
			buffer_u8(out, 0xc0 | head->chunk_stream);
		if (extended)
			buffer_u32(out, head->timestamp_ms);
		take(out, &parts, n);
		left -= n;
	}
}
