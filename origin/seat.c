#include "origin/seat.h"

#include "common/base/name.h"

void seat_take(struct seat *s, struct intake *i) {
	for (unsigned k = 0; k < s->setup_count; k++)
		bytes_unref(&s->setups[k].block);
	*s = (struct seat){.intake = i};
}

static struct seat_track *track_find(const struct seat *s, enum track_kind kind, uint8_t publisher_track) {
	for (unsigned i = 0; i < s->track_count; i++)
		if (s->tracks[i].kind == kind && s->tracks[i].publisher_track == publisher_track)
			return (struct seat_track *)&s->tracks[i];
	return NULL;
}

/* NULL: it has more of them than are compared. */
static struct seat_track *track_get(struct seat *s, const struct sample *sample) {
	struct seat_track *t = track_find(s, sample->kind, sample->publisher_track);
	if (t || s->track_count == ALIGN_TRACKS_MAX)
		return t;
	t = &s->tracks[s->track_count++];
	*t = (struct seat_track){.kind = sample->kind, .publisher_track = sample->publisher_track};
	return t;
}

static bool is_setup(const struct sample *s) {
	return s->type == SAMPLE_CONFIG || s->type == SAMPLE_EXTRA || s->type == SAMPLE_METADATA;
}

/* In place of an older one of its kind. Those of more tracks than that are lost. */
static void keep_setup(struct seat *s, const struct sample *sample) {
	struct sample *place = NULL;
	for (unsigned i = 0; i < s->setup_count && !place; i++) {
		struct sample *old = &s->setups[i];
		if (old->type == sample->type && old->kind == sample->kind && old->publisher_track == sample->publisher_track)
			place = old;
	}
	if (!place && s->setup_count == SEAT_SETUPS_MAX)
		return;
	if (place)
		bytes_unref(&place->block);
	else
		place = &s->setups[s->setup_count++];
	*place = *sample;
	if (sample->block)
		bytes_ref(sample->block);
}

bool seat_note(struct seat *s, const struct sample *sample, int64_t wall_us, struct align_frame *f) {
	if (is_setup(sample))
		keep_setup(s, sample);
	bool media = sample->kind == TRACK_VIDEO || sample->kind == TRACK_AUDIO;
	if (!media || (sample->type != SAMPLE_FRAME && sample->type != SAMPLE_CONFIG))
		return false;
	struct seat_track *t = track_get(s, sample);
	if (sample->type == SAMPLE_CONFIG) {
		if (t)
			t->config = sample->payload.size ? name_hash((const char *)sample->payload.data, sample->payload.size) : 0;
		return false;
	}
	if (sample->kind == TRACK_VIDEO && sample->publisher_track == 0)
		frozen_frame(&s->picture, sample->keyframe, sample->payload, wall_us);
	*f = (struct align_frame){.kind = sample->kind,
	                          .publisher_track = sample->publisher_track,
	                          .key = sample->kind == TRACK_VIDEO && sample->keyframe,
	                          .config = (t ? t->config : 0) ^ sample->fourcc ^ (uint64_t)sample->flv_audio << 32,
	                          .time_us = t ? align_clock_us(&t->clock, sample->timestamp_ms) : 0,
	                          .wall_us = wall_us,
	                          .payload = sample->payload};
	return true;
}

/* Of the track that decides, or of any: unwrapped − as sent. */
static uint32_t wrapped_ms(const struct seat *s) {
	const struct seat_track *t = track_find(s, TRACK_VIDEO, 0);
	t = t ? t : &s->tracks[0];
	return (uint32_t)t->clock.ms - t->clock.last_ms;
}

uint32_t seat_apart_ms(const struct seat *s, const struct seat *other, int64_t offset_ms) {
	return (uint32_t)offset_ms + wrapped_ms(s) - wrapped_ms(other);
}

enum seat_health seat_health(const struct seat *s, uint64_t now_ms, int64_t wall_us, int64_t stall_ms,
                             int64_t frozen_ms) {
	if (now_ms - s->intake->last_sample_ms >= (uint64_t)stall_ms)
		return SEAT_SILENT;
	if (frozen_ms && frozen_us(&s->picture, wall_us) >= frozen_ms * 1000)
		return SEAT_FROZEN;
	return SEAT_HEALTHY;
}
