#include "common/stream/timeline_parts.h"

#include "common/codec/amf0.h"

#include <stdlib.h>
#include <uv.h>

/* What onMetaData announces. Encoders differ: a codec's number or name, or only a size or a rate. */
static void read_announcement(struct timeline_gather *g, const struct sample *s) {
	struct reader r = reader_of(s->payload.data, s->payload.size);
	struct amf_doc *doc;
	if (amf0_read(&r, &doc))
		return;
	const struct amf_value *object = amf_at(amf_root(doc), 1);
	g->metadata = true;
	g->want_video = amf_get(object, "videocodecid") || amf_get(object, "width");
	g->want_audio = amf_get(object, "audiocodecid") || amf_get(object, "audiosamplerate");
	amf_doc_free(&doc);
}

static void note(struct timeline_gather *g, const struct sample *s) {
	if (s->type == SAMPLE_METADATA && !g->metadata)
		read_announcement(g, s);
	if (s->kind == TRACK_VIDEO) {
		g->video_config |= s->type == SAMPLE_CONFIG;
		g->video_key |= s->type == SAMPLE_FRAME && s->keyframe;
	} else if (s->kind == TRACK_AUDIO) {
		/* Of the others their first frame tells more than their configuration. */
		g->audio_config |= s->type == SAMPLE_CONFIG && codec_needs_config(s->fourcc);
		g->audio_frame |= s->type == SAMPLE_FRAME;
	}
}

static bool complete(const struct timeline_gather *g) {
	bool has_audio = g->audio_config || g->audio_frame;
	if (g->metadata && (g->want_video || g->want_audio))
		return (!g->want_video || g->video_key) && (!g->want_audio || has_audio) && (g->video_key || g->audio_frame);
	return g->video_key && has_audio;
}

/* The encoder has had its time: what has not come by now is not waited for. */
static bool overdue(const struct timeline_gather *g) {
	if (g->count >= HELD_MAX || g->bytes >= HELD_BYTES_MAX)
		return true;
	uint32_t first = 0, last = 0;
	bool any = false;
	for (size_t i = 0; i < g->count; i++) {
		if (g->held[i].sample.type != SAMPLE_FRAME)
			continue;
		first = any ? first : g->held[i].sample.timestamp_ms;
		last = g->held[i].sample.timestamp_ms;
		any = true;
	}
	return any && (int32_t)(last - first) >= HELD_SPAN_MS;
}

static bool keep(struct timeline_gather *g, const struct sample *s, int64_t wall_us) {
	if (g->count == g->capacity) {
		size_t capacity = g->capacity ? 2 * g->capacity : 16;
		struct timeline_held *held = realloc(g->held, capacity * sizeof *held);
		if (!held)
			return false;
		g->held = held;
		g->capacity = capacity;
	}
	g->held[g->count] = (struct timeline_held){.sample = *s, .wall_us = wall_us};
	if (s->block)
		bytes_ref(s->block);
	g->count++;
	g->bytes += s->payload.size;
	return true;
}

void timeline_gather_fini(struct timeline *t) {
	struct timeline_gather *g = &t->gather;
	for (size_t i = 0; i < g->count; i++)
		bytes_unref(&g->held[i].sample.block);
	free(g->held);
	g->held = NULL;
	g->count = g->capacity = g->bytes = 0;
}

static bool is_setup(const struct sample *s) {
	return s->type == SAMPLE_CONFIG || s->type == SAMPLE_METADATA || s->type == SAMPLE_EXTRA;
}

/* The earliest frame lies at the clock's beginning: encoders that send sound first, or cut in, state them in any order.
 */
static void begin_clock(struct timeline *t) {
	const struct timeline_gather *g = &t->gather;
	const struct timeline_held *first = NULL;
	uint32_t earliest = 0;
	for (size_t i = 0; i < g->count; i++) {
		const struct timeline_held *h = &g->held[i];
		if (h->sample.type != SAMPLE_FRAME)
			continue;
		if (!first)
			earliest = h->sample.timestamp_ms;
		first = first ? first : h;
		int64_t before = -lane_step_ms(earliest, h->sample.timestamp_ms);
		if (before > 0 && before <= HELD_SPAN_MS)
			earliest = h->sample.timestamp_ms;
	}
	if (first)
		timeline_clock_begin(t, earliest, first->wall_us);
}

/* The mark of the first keyframe stands before everything, also before sound that came earlier. */
static void begin_with_mark(struct timeline *t) {
	const struct timeline_gather *g = &t->gather;
	for (size_t i = 0; i < g->count; i++) {
		const struct sample *s = &g->held[i].sample;
		if (s->type == SAMPLE_FRAME && s->kind == TRACK_VIDEO && s->keyframe && s->publisher_track == 0) {
			timeline_first_mark(t, s, g->held[i].wall_us);
			return;
		}
	}
}

/* Configurations first, and the tracks that have none, so that the first Tracks revision has them all; then everything
 * in its order. */
void timeline_release(struct timeline *t) {
	struct timeline_gather *g = &t->gather;
	g->done = true;
	for (size_t i = 0; i < g->count; i++)
		if (is_setup(&g->held[i].sample))
			timeline_handle(t, &g->held[i].sample, g->held[i].wall_us);
	for (size_t i = 0; i < g->count; i++)
		if (g->held[i].sample.type == SAMPLE_FRAME && !codec_needs_config(g->held[i].sample.fourcc))
			timeline_lane_of(t, &g->held[i].sample);
	begin_clock(t);
	begin_with_mark(t);
	for (size_t i = 0; i < g->count; i++)
		if (!is_setup(&g->held[i].sample))
			timeline_handle(t, &g->held[i].sample, g->held[i].wall_us);
	timeline_gather_fini(t);
}

bool timeline_hold(struct timeline *t, const struct sample *s, int64_t wall_us) {
	struct timeline_gather *g = &t->gather;
	if (g->done)
		return false;
	note(g, s);
	if (!keep(g, s, wall_us)) { /* no memory to hold more: go on with what there is */
		timeline_release(t);
		return false;
	}
	if (complete(g)) {
		timeline_release(t);
	} else if (overdue(g)) {
		if (g->want_video && !g->video_key)
			timeline_warn(t, WARN_GATHER, "the metadata announces video, but no keyframe has come");
		else if (g->want_audio && !g->audio_config && !g->audio_frame)
			timeline_warn(t, WARN_GATHER, "the metadata announces audio, but none has come");
		timeline_release(t);
	}
	return true;
}
