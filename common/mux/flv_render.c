#include "common/mux/flv_render.h"

#include <uv.h>

static void tag_of_track(struct flv_tag *tag, const struct track *track) {
	*tag = (struct flv_tag){
	    .type = track->kind == TRACK_VIDEO ? FLV_VIDEO : FLV_AUDIO,
	    .fourcc = track->fourcc,
	    .track_id = track->publisher_track,
	    .multitrack = track->publisher_track != 0,
	    .audio_header = track->flv_audio,
	};
}

/* What legacy FLV has a number for and every player knows it by. Other sound that came in it goes on in it too. */
static bool is_old(const struct flv_tag *tag) {
	return tag->fourcc == FOURCC_AVC || tag->fourcc == FOURCC_AAC || tag->fourcc == FOURCC_MP3 || tag->audio_header;
}

static int write_header(struct flv_message *m, const struct flv_tag *tag, enum flv_form form) {
	/* An enhanced reader takes the old codecs in their old form: what is common to all is most widely understood. */
	if (form == FLV_ENHANCED && !tag->multitrack && is_old(tag))
		form = FLV_LEGACY;
	if (form == FLV_LEGACY && tag->fourcc == FOURCC_HEVC)
		return UV_ENOTSUP;
	int size = flv_tag_header_write(m->header, tag, form);
	if (size < 0)
		return size;
	m->type = tag->type;
	m->header_size = (size_t)size;
	return 0;
}

int flv_message_of_config(struct flv_message *m, const struct track *track, uint32_t timestamp_ms, enum flv_form form) {
	if (!track->config || (track->kind != TRACK_VIDEO && track->kind != TRACK_AUDIO))
		return UV_ENOTSUP;
	struct flv_tag tag;
	tag_of_track(&tag, track);
	tag.packet = FLV_CONFIG;
	tag.keyframe = true;
	m->timestamp_ms = timestamp_ms;
	m->payload = bytes_slice(track->config);
	return write_header(m, &tag, form);
}

/* Only the enhanced form can say it. */
static int message_of_extra(struct flv_message *m, const struct track *track, uint32_t timestamp_ms,
                            enum flv_form form) {
	struct flv_tag tag;
	if (!track->extra || form != FLV_ENHANCED)
		return UV_ENOTSUP;
	tag_of_track(&tag, track);
	tag.packet = track->kind == TRACK_VIDEO ? FLV_METADATA : FLV_MULTICHANNEL;
	tag.keyframe = true;
	m->timestamp_ms = timestamp_ms;
	m->payload = bytes_slice(track->extra);
	m->type = tag.type;
	int size = flv_tag_header_write(m->header, &tag, FLV_ENHANCED);
	m->header_size = size < 0 ? 0 : (size_t)size;
	return size < 0 ? size : 0;
}

int flv_message_of_frame(struct flv_message *m, const struct view *v, const struct entry *e, const struct track *track,
                         enum flv_form form) {
	const struct frame *f = &e->frame;
	m->timestamp_ms = view_rtmp_ms(v, e->time_us);
	m->payload = f->payload;
	m->header_size = 0;
	if (f->kind == TRACK_DATA) {
		m->type = FLV_SCRIPT;
		return f->fourcc == FOURCC_AMF0 ? 0 : UV_ENOTSUP;
	}
	if (!track || (f->kind != TRACK_VIDEO && f->kind != TRACK_AUDIO))
		return UV_ENOTSUP;
	struct flv_tag tag;
	tag_of_track(&tag, track);
	tag.packet = FLV_FRAME;
	tag.keyframe = f->flags & FRAME_KEY || f->kind == TRACK_AUDIO;
	/* Both ends of the offset are rounded as the timestamps are, so that pts comes out as it went in. */
	int64_t pts_us = ticks_to_us(f->pts, track->timescale);
	tag.composition_ms = (int32_t)(view_rtmp_ms(v, pts_us) - m->timestamp_ms);
	return write_header(m, &tag, form);
}

bool flv_carries(const struct track *track, enum flv_form form) {
	struct flv_tag tag;
	struct flv_message m;
	if (track->kind != TRACK_VIDEO && track->kind != TRACK_AUDIO)
		return false;
	tag_of_track(&tag, track);
	tag.packet = FLV_FRAME;
	return write_header(&m, &tag, form) == 0;
}

static void put(struct buffer *out, const struct flv_framing *framing, const struct flv_message *m) {
	enum { FRAMING = 64 }; /* what a framing adds, with some for chunk headers inside long messages */
	if (out->size == 0) {
		buffer_expect(out, flv_message_size(m) + flv_message_size(m) / 4096 + FRAMING);
		if (framing->begin)
			framing->begin(out);
	}
	framing->put(out, m);
}

static int finish(struct buffer *out, const struct flv_framing *framing, struct bytes **block) {
	if (out->size && framing->end)
		framing->end(out);
	int err = buffer_error(out);
	if (!err && out->size) {
		*block = buffer_take(out);
		err = *block ? 0 : UV_ENOMEM;
	}
	buffer_fini(out);
	return err;
}

/* onMetaData and every configuration that the form can carry. */
static int render_head(const struct view *v, const struct entry *e, enum flv_form form,
                       const struct flv_framing *framing, struct bytes **head) {
	const struct tracks *t = view_tracks(v);
	uint32_t now = view_rtmp_ms(v, e->time_us);
	struct buffer out;
	struct flv_message m;
	if (!t)
		return 0;
	buffer_init(&out, 0);
	if (t->metadata) {
		/* At 0, whatever the time is: FFmpeg takes metadata of a later time for a track of texts. */
		m = (struct flv_message){.type = FLV_SCRIPT, .payload = bytes_slice(t->metadata)};
		put(&out, framing, &m);
	}
	for (size_t i = 0; i < t->count; i++) {
		if (flv_message_of_config(&m, &t->items[i], now, form) == 0)
			put(&out, framing, &m);
		if (message_of_extra(&m, &t->items[i], now, form) == 0)
			put(&out, framing, &m);
	}
	return finish(&out, framing, head);
}

/* The configurations that differ from what readers in mid-stream know. */
static int render_changes(struct flv_render *state, const struct view *v, const struct entry *e, enum flv_form form,
                          const struct flv_framing *framing, struct bytes **block) {
	struct tracks *now = e->mark.tracks, *told = state->told;
	if (!now || now == told)
		return 0;
	state->told = tracks_ref(now);
	struct buffer out;
	buffer_init(&out, 0);
	for (size_t i = 0; told && i < now->count; i++) {
		const struct track *track = &now->items[i], *before = tracks_find(told, track->id);
		uint32_t at_ms = view_rtmp_ms(v, e->time_us);
		struct flv_message m;
		if ((!before || !track_same_config(before, track)) && flv_message_of_config(&m, track, at_ms, form) == 0)
			put(&out, framing, &m);
		if ((!before || !bytes_same(before->extra, track->extra)) && message_of_extra(&m, track, at_ms, form) == 0)
			put(&out, framing, &m);
	}
	tracks_unref(&told);
	return finish(&out, framing, block);
}

static int render_frame(const struct view *v, const struct entry *e, enum flv_form form,
                        const struct flv_framing *framing, struct bytes **block) {
	const struct tracks *t = view_tracks(v);
	struct flv_message m;
	if (!t || flv_message_of_frame(&m, v, e, tracks_find(t, e->frame.track), form))
		return 0;
	struct buffer out;
	buffer_init(&out, 0);
	put(&out, framing, &m);
	return finish(&out, framing, block);
}

int flv_render(struct flv_render *state, struct view *v, const struct entry *e, enum flv_form form,
               const struct flv_framing *framing, struct bytes **block, struct bytes **head) {
	/* A view that begins in mid-run was given the mark in force without rendering it. */
	if (!state->told && view_tracks(v))
		state->told = tracks_ref((struct tracks *)view_tracks(v));
	if (e->kind == ENTRY_MARK)
		return render_changes(state, v, e, form, framing, block);
	if (e->kind != ENTRY_FRAME)
		return 0;
	int err = render_frame(v, e, form, framing, block);
	if (!err && e->frame.flags & FRAME_KEY)
		err = render_head(v, e, form, framing, head);
	if (err)
		bytes_unref(block);
	return err;
}

void flv_render_fini(struct flv_render *state) {
	tracks_unref(&state->told);
}
