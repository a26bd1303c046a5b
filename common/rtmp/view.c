#include "common/rtmp/view.h"

#include "common/mux/flv_render.h"
#include "common/rtmp/chunk_writer.h"

static uint8_t chunk_stream_of(enum flv_tag_type type) {
	switch (type) {
	case FLV_AUDIO:
		return RTMP_CHUNK_AUDIO;
	case FLV_VIDEO:
		return RTMP_CHUNK_VIDEO;
	default:
		return RTMP_CHUNK_DATA;
	}
}

/* FLV's tag types are RTMP's message types. */
static void put_message(struct buffer *out, const struct flv_message *m) {
	struct chunk_head head = {.chunk_stream = chunk_stream_of(m->type),
	                          .type = (uint8_t)m->type,
	                          .stream = RTMP_VIEW_STREAM,
	                          .timestamp_ms = m->timestamp_ms};
	chunk_write(out, &head, (struct slice){m->header, m->header_size}, m->payload, RTMP_CHUNK_SIZE_OUT);
}

static const struct flv_framing framing = {.put = put_message};

static int render_legacy(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	return flv_render(view_state(v), v, e, FLV_LEGACY, &framing, block, head);
}

static int render_enhanced(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	return flv_render(view_state(v), v, e, FLV_ENHANCED, &framing, block, head);
}

static void fini(struct view *v) {
	flv_render_fini(view_state(v));
}

const struct view_ops rtmp_view_ops = {
    .name = "rtmp", .state_size = sizeof(struct flv_render), .render = render_legacy, .fini = fini};
const struct view_ops rtmp_enhanced_view_ops = {
    .name = "enhanced rtmp", .state_size = sizeof(struct flv_render), .render = render_enhanced, .fini = fini};
