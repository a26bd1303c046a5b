#include "common/stream/timeline_parts.h"

#include "common/codec/amf0.h"
#include "common/stream/part_rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RATE_MAX = 250, STEPS_ENOUGH = 8, STEPS_LEAST = 2 };

/* Encoders write 1000, or 90000, where they do not know. */
static bool rate_sane(double rate) {
	return rate >= 1 && rate <= RATE_MAX;
}

double timeline_metadata_rate(struct slice metadata) {
	static const char *const names[] = {"framerate", "videoframerate", "fps"};
	struct reader r = reader_of(metadata.data, metadata.size);
	struct amf_doc *doc;
	double rate = 0;
	if (amf0_read(&r, &doc))
		return 0;
	for (size_t i = 0; i < sizeof names / sizeof *names && !rate_sane(rate); i++) {
		const struct amf_value *v = amf_get(amf_at(amf_root(doc), 1), names[i]);
		rate = v && v->type == AMF_NUMBER ? v->number : 0;
	}
	amf_doc_free(&doc);
	return rate_sane(rate) ? rate : 0;
}

void timeline_note_step(struct timeline_lane *l) {
	if (l->step_count < STEPS_MAX && l->lane.last_step > 0)
		l->steps[l->step_count++] = l->lane.last_step < UINT32_MAX ? (uint32_t)l->lane.last_step : UINT32_MAX;
}

static int compare(const void *a, const void *b) {
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* 0: too few frames were seen. */
static uint32_t median_step(const struct timeline *t, const struct timeline_lane *l) {
	uint32_t sorted[STEPS_MAX];
	bool enough = l->step_count >= STEPS_ENOUGH || (l->step_count >= STEPS_LEAST && t->marker.gop_count);
	if (!enough)
		return 0;
	memcpy(sorted, l->steps, l->step_count * sizeof *sorted);
	qsort(sorted, l->step_count, sizeof *sorted, compare);
	return sorted[l->step_count / 2];
}

/* By the configuration, else the metadata; 0: neither says. Rounded up, so that parts are not planned too short. */
static uint32_t stated_ticks(const struct timeline *t, const struct track *track) {
	const struct codec_info *i = &track->info;
	if (track->kind == TRACK_AUDIO)
		return track->timescale == i->sample_rate ? i->samples_per_frame : 0;
	if (i->frame_rate_den && rate_sane((double)i->frame_rate_num / i->frame_rate_den))
		return (uint32_t)(((uint64_t)track->timescale * i->frame_rate_den + i->frame_rate_num - 1) / i->frame_rate_num);
	return t->frame_rate > 0 && track->publisher_track == 0 ? (uint32_t)ceil(track->timescale / t->frame_rate) : 0;
}

static void fill(struct timeline *t, struct track *track) {
	const struct timeline_lane *lane = timeline_lane_find(t, track->id);
	uint32_t ticks = stated_ticks(t, track);
	if (!ticks && !track->frame_ticks && lane)
		ticks = median_step(t, lane);
	if (!ticks)
		return;
	struct part_rule_input in = {.frame_ticks = ticks,
	                             .timescale = track->timescale,
	                             .part_ms = t->config->package_part,
	                             .longest_ms = marker_limit_us(&t->marker) / 1000,
	                             .target_ms = track->part_target_ms};
	struct part_rule rule = part_rule_of(&in);
	track->frame_ticks = ticks;
	track->part_frames = rule.frames;
	track->part_target_ms = rule.target_ms;
}

int timeline_set_parts(struct timeline *t) {
	for (size_t i = 0; t->tracks && i < t->tracks->count; i++) {
		struct track *track = &t->tracks->items[i], filled = *track;
		fill(t, &filled);
		if (filled.frame_ticks == track->frame_ticks && filled.part_frames == track->part_frames &&
		    filled.part_target_ms == track->part_target_ms)
			continue;
		int err = timeline_change_tracks(t);
		if (err)
			return err;
		track = &t->tracks->items[i]; /* of the copy */
		track->frame_ticks = filled.frame_ticks;
		track->part_frames = filled.part_frames;
		track->part_target_ms = filled.part_target_ms;
	}
	return 0;
}
