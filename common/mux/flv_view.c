#include "common/mux/flv_view.h"

#include "common/mux/flv_render.h"
#include "common/mux/http_chunk.h"

#include <string.h>

static void put_tag(struct buffer *out, const struct flv_message *m) {
	size_t size = flv_message_size(m);
	uint8_t prefix[FLV_PREFIX_SIZE], trailer[FLV_TRAILER_SIZE];
	if (flv_prefix_write(prefix, m->type, size, m->timestamp_ms))
		return; /* larger than a tag can be: ingest refuses such frames long before */
	flv_trailer_write(trailer, size);
	uint8_t *at = buffer_reserve(out, sizeof prefix + size + sizeof trailer);
	if (!at)
		return;
	memcpy(at, prefix, sizeof prefix);
	at += sizeof prefix;
	memcpy(at, m->header, m->header_size);
	at += m->header_size;
	if (m->payload.size)
		memcpy(at, m->payload.data, m->payload.size);
	memcpy(at + m->payload.size, trailer, sizeof trailer);
}

static const struct flv_framing plain = {.put = put_tag};
static const struct flv_framing chunked = {.put = put_tag, .begin = http_chunk_begin, .end = http_chunk_end};

/* Readers of HTTP-FLV say nothing of what they can take; those that know HEVC or AV1 know the enhanced form. */
static int render_plain(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	return flv_render(view_state(v), v, e, FLV_ENHANCED, &plain, block, head);
}

static int render_chunked(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	return flv_render(view_state(v), v, e, FLV_ENHANCED, &chunked, block, head);
}

static void fini(struct view *v) {
	flv_render_fini(view_state(v));
}

const struct view_ops flv_view_ops = {
    .name = "flv", .state_size = sizeof(struct flv_render), .render = render_plain, .fini = fini};
const struct view_ops flv_chunked_view_ops = {
    .name = "flv over chunks", .state_size = sizeof(struct flv_render), .render = render_chunked, .fini = fini};
