#include "common/rtmp/view.h"

#include "common/mux/flv_render.h"
#include "common/rtmp/chunk_writer.h"
#include "common/rtmp/command.h"

#include <stdio.h>
#include <uv.h>

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

/* The encoder's first picture or sound that the old form cannot say; NULL: there is none. */
static const struct track *left_out(const struct tracks *t, bool *all) {
	const struct track *first = NULL;
	*all = true;
	for (size_t i = 0; t && i < t->count; i++) {
		const struct track *track = &t->items[i];
		if ((track->kind != TRACK_VIDEO && track->kind != TRACK_AUDIO) || track->publisher_track)
			continue;
		bool carried = flv_carries(track, FLV_LEGACY);
		*all &= !carried;
		first = !carried && !first ? track : first;
	}
	return first;
}

/* A player that knows the old codecs alone is told what it will not get, rather than left in the dark. */
static int tell_left_out(const struct tracks *t, struct bytes **to) {
	bool all;
	const struct track *track = left_out(t, &all);
	char codec[FOURCC_TEXT_SIZE], why[120];
	struct buffer out;
	if (!track)
		return 0;
	fourcc_text(track->fourcc, codec);
	snprintf(why, sizeof why, "the %s is %s, which needs Enhanced RTMP's connect to announce it",
	         track->kind == TRACK_VIDEO ? "picture" : "sound", codec);
	buffer_init(&out, 0);
	if (*to)
		buffer_append(&out, (*to)->data, (*to)->size);
	rtmp_write_status(&out, RTMP_VIEW_STREAM, all ? "error" : "warning", "NetStream.Play.NoSupportedTrackFound", why,
	                  "");
	struct bytes *b = buffer_take(&out);
	buffer_fini(&out);
	if (!b)
		return UV_ENOMEM;
	bytes_unref(to);
	*to = b;
	return 0;
}

static int render_legacy(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	struct flv_render *state = view_state(v);
	const struct tracks *before = state->told;
	int err = flv_render(state, v, e, FLV_LEGACY, &framing, block, head);
	if (!err && e->kind == ENTRY_MARK && before && state->told != before)
		err = tell_left_out(state->told, block);
	if (!err && e->kind == ENTRY_FRAME && e->frame.flags & FRAME_KEY)
		err = tell_left_out(view_tracks(v), head);
	if (err) {
		bytes_unref(block);
		bytes_unref(head);
	}
	return err;
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
