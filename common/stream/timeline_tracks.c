#include "common/stream/timeline_parts.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static const uint32_t flv_rates[] = {5512, 11025, 22050, 44100};

static struct track *find_track(struct tracks *t, enum track_kind kind, uint8_t publisher_track) {
	for (size_t i = 0; i < t->count; i++)
		if (t->items[i].kind == kind && t->items[i].publisher_track == publisher_track)
			return &t->items[i];
	return NULL;
}

/* The Tracks to change: a copy of the run's as the epoch begins, or the present ones copied before they differ. */
int timeline_change_tracks(struct timeline *t) {
	if (t->changed)
		return 0;
	struct tracks *copy = tracks_copy(t->tracks);
	if (!copy)
		return UV_ENOMEM;
	copy->revision++;
	tracks_unref(&t->tracks);
	t->tracks = copy;
	t->changed = true;
	return 0;
}

static bool name_taken(const struct tracks *tracks, const struct track *by_other_than) {
	for (size_t i = 0; i < tracks->count; i++)
		if (&tracks->items[i] != by_other_than && strcmp(tracks->items[i].name, by_other_than->name) == 0)
			return true;
	return false;
}

/* v, v2, … and a, a2, …: names for URLs. The first that is free, for tracks that went have left theirs. */
static void name_track(const struct tracks *tracks, struct track *track) {
	const char *letter = track->kind == TRACK_VIDEO ? "v" : "a";
	snprintf(track->name, sizeof track->name, "%s", letter);
	for (unsigned nth = 2; name_taken(tracks, track); nth++)
		snprintf(track->name, sizeof track->name, "%s%u", letter, nth);
}

static struct track *add_track(struct timeline *t, const struct sample *s) {
	if (t->tracks->count == TRACKS_MAX) {
		timeline_warn(t, WARN_TRACKS, "more tracks than one stream may have: the further ones are left out");
		return NULL;
	}
	struct track *track = &t->tracks->items[t->tracks->count++];
	*track = (struct track){.id = ++t->run->next_track, .kind = s->kind, .publisher_track = s->publisher_track};
	snprintf(track->rendition, sizeof track->rendition, "source");
	name_track(t->tracks, track);
	return track;
}

static uint32_t timescale_of(const struct track *track) {
	if (track->kind == TRACK_VIDEO)
		return VIDEO_TIMESCALE;
	if (track->info.sample_rate)
		return track->info.sample_rate;
	return track->flv_audio ? flv_rates[track->flv_audio >> 2 & 3] : 1000;
}

struct timeline_lane *timeline_lane_find(struct timeline *t, uint32_t track) {
	for (size_t i = 0; i < t->lane_count; i++)
		if (t->lanes[i].track == track)
			return &t->lanes[i];
	return NULL;
}

static struct timeline_lane *lane_for(struct timeline *t, const struct track *track) {
	uint32_t frame = track->kind == TRACK_AUDIO ? track->info.samples_per_frame : 0;
	struct timeline_lane *l = timeline_lane_find(t, track->id);
	if (l) {
		lane_retime(&l->lane, track->timescale, frame);
		return l;
	}
	l = &t->lanes[t->lane_count++];
	*l = (struct timeline_lane){.track = track->id, .need_key = track->kind == TRACK_VIDEO};
	lane_init(&l->lane, track->timescale, frame);
	return l;
}

void timeline_continue(struct timeline *t) {
	for (size_t i = 0; t->tracks && i < t->tracks->count; i++)
		lane_for(t, &t->tracks->items[i]);
}

/* Its frames may last another while: what they usually do is learned anew. */
static void forget_duration(struct track *track, struct timeline_lane *lane) {
	track->frame_ticks = 0;
	lane->step_count = 0;
}

/* Sets codec and configuration of the sample's track, made if it is new. Nothing happens if they are as before. */
static int set_track(struct timeline *t, const struct sample *s, const struct codec_info *info) {
	struct bytes *config = NULL;
	struct track *old = t->tracks ? find_track(t->tracks, s->kind, s->publisher_track) : NULL;
	if (s->type == SAMPLE_CONFIG && s->payload.size) {
		config = bytes_copy(s->payload.data, s->payload.size);
		if (!config)
			return UV_ENOMEM;
	}
	struct track wanted = {.kind = s->kind, .fourcc = s->fourcc, .flv_audio = s->flv_audio, .config = config};
	if (old && track_same_config(old, &wanted)) {
		bytes_unref(&config);
		lane_for(t, old);
		return 0;
	}
	int err = timeline_change_tracks(t);
	struct track *track = err ? NULL : find_track(t->tracks, s->kind, s->publisher_track);
	if (!err && !track)
		track = add_track(t, s);
	if (!track) {
		bytes_unref(&config);
		return err;
	}
	bytes_unref(&track->config);
	track->fourcc = s->fourcc;
	track->flv_audio = s->flv_audio;
	track->config = config;
	track->info = *info;
	track->timescale = timescale_of(track);
	struct timeline_lane *lane = lane_for(t, track);
	forget_duration(track, lane);
	lane->in_force = false;
	lane->need_key = track->kind == TRACK_VIDEO;
	t->must_cut = true;
	return 0;
}

/* A configuration or an extra of that size, in the place of `old`, leaves the revision one that links and viewers can
 * take. Told if it does not. */
static bool fits(struct timeline *t, size_t size, const struct bytes *old) {
	size_t others = t->tracks ? tracks_configs_size(t->tracks) - (old ? old->size : 0) : 0;
	if (size <= TRACK_CONFIG_MAX && others + size <= TRACKS_CONFIGS_MAX)
		return true;
	timeline_warn(t, WARN_LARGE_CONFIG,
	              "a codec configuration of over 16 KiB, or of over 192 KiB with all the others, was left out");
	return false;
}

int timeline_config(struct timeline *t, const struct sample *s) {
	struct codec_info info = {0};
	const struct track *track = t->tracks ? find_track(t->tracks, s->kind, s->publisher_track) : NULL;
	if (!fits(t, s->payload.size, track ? track->config : NULL))
		return 0;
	if (codec_info_read(&info, s->fourcc, s->payload)) {
		timeline_warn(t, WARN_BROKEN_CONFIG, "a codec configuration cannot be read and was left out");
		return 0;
	}
	return set_track(t, s, &info);
}

/* What the configuration did not say, its first frame may. False: out of memory. */
static bool learn(struct timeline *t, const struct track *track, const struct sample *s) {
	struct codec_info info = track->info;
	if (!codec_info_learn(&info, s->payload))
		return true;
	if (timeline_change_tracks(t))
		return false;
	struct track *mine = find_track(t->tracks, s->kind, s->publisher_track);
	uint32_t timescale = mine->timescale;
	mine->info = info;
	mine->timescale = timescale_of(mine);
	struct timeline_lane *lane = lane_for(t, mine);
	forget_duration(mine, lane);
	if (mine->timescale != timescale) { /* readers count by the mark in force */
		lane->in_force = false;
		t->must_cut = true;
	}
	return true;
}

struct timeline_lane *timeline_lane_of(struct timeline *t, const struct sample *s) {
	const struct track *track = t->tracks ? find_track(t->tracks, s->kind, s->publisher_track) : NULL;
	bool known = track && track->fourcc == s->fourcc;
	/* One of an earlier epoch of the run goes on as it was, if its frames are all that it needs. */
	bool absent = known && !codec_needs_config(s->fourcc) && !timeline_lane_find(t, track->id);
	if (!known || absent || (!track->config && track->flv_audio != s->flv_audio)) {
		struct codec_info info = {0};
		if (codec_needs_config(s->fourcc)) {
			timeline_warn(t, WARN_NO_CONFIG, "frames came before their codec configuration and were left out");
			return NULL;
		}
		if (codec_info_read(&info, s->fourcc, (struct slice){0}))
			info = (struct codec_info){.fourcc = s->fourcc};
		codec_info_learn(&info, s->payload);
		if (set_track(t, s, &info))
			return NULL;
		track = find_track(t->tracks, s->kind, s->publisher_track);
		if (!track)
			return NULL;
	}
	if (!learn(t, track, s))
		return NULL;
	track = find_track(t->tracks, s->kind, s->publisher_track); /* it may be another copy now */
	struct timeline_lane *lane = timeline_lane_find(t, track->id);
	if (!lane) /* of an earlier epoch of the run, and not configured in this one */
		timeline_warn(t, WARN_NO_CONFIG, "frames came before their codec configuration and were left out");
	return lane;
}

int timeline_metadata(struct timeline *t, const struct sample *s) {
	if (s->payload.size > TRACKS_METADATA_MAX) {
		timeline_warn(t, WARN_LARGE_METADATA, "metadata of over 64 KiB is not kept for viewers who come later");
		return 0;
	}
	double rate = timeline_metadata_rate(s->payload);
	t->frame_rate = rate > 0 ? rate : t->frame_rate;
	if (t->tracks && t->tracks->metadata && t->tracks->metadata->size == s->payload.size &&
	    memcmp(t->tracks->metadata->data, s->payload.data, s->payload.size) == 0)
		return 0;
	struct bytes *copy = bytes_copy(s->payload.data, s->payload.size);
	if (!copy || timeline_change_tracks(t)) {
		bytes_unref(&copy);
		return UV_ENOMEM;
	}
	bytes_unref(&t->tracks->metadata);
	t->tracks->metadata = copy;
	return 0;
}

/* In force from the next mark on; a cut is not worth it. */
int timeline_extra(struct timeline *t, const struct sample *s) {
	struct track *track = t->tracks ? find_track(t->tracks, s->kind, s->publisher_track) : NULL;
	if (!track) {
		timeline_warn(t, WARN_NO_CONFIG, "frames came before their codec configuration and were left out");
		return 0;
	}
	if (!fits(t, s->payload.size, track->extra))
		return 0;
	struct bytes *extra = bytes_copy(s->payload.data, s->payload.size);
	bool same = extra && bytes_same(track->extra, extra);
	int err = same ? 0 : !extra ? UV_ENOMEM : timeline_change_tracks(t);
	if (same || err) {
		bytes_unref(&extra);
		return err;
	}
	track = find_track(t->tracks, s->kind, s->publisher_track);
	bytes_unref(&track->extra);
	track->extra = extra;
	return 0;
}

uint32_t timeline_key_track(const struct timeline *t) {
	const struct tracks *tracks = t->marked ? t->run->tracks : t->tracks;
	const struct track *key = tracks ? tracks_key(tracks, "source") : NULL;
	return key ? key->id : 0;
}

/* Tracks of the run that this epoch's encoder does not send. */
static void drop_absent(struct timeline *t) {
	size_t kept = 0;
	for (size_t i = 0; i < t->tracks->count; i++) {
		bool present = false;
		for (size_t k = 0; k < t->lane_count; k++)
			present |= t->lanes[k].track == t->tracks->items[i].id;
		if (present)
			t->tracks->items[kept++] = t->tracks->items[i];
		else
			track_fini(&t->tracks->items[i]);
	}
	t->tracks->count = kept;
}

static bool any_absent(const struct timeline *t) {
	return t->tracks && t->tracks->count > t->lane_count;
}

/* A revision is never used again within a run. Where the run's earlier ones are not known, the number of the mark
 * passes them: there are at least as many marks. */
static uint32_t passing_revision(const struct timeline *t, uint64_t number) {
	bool unknown = !t->run->tracks && t->run->run != t->epoch;
	return unknown && number > t->tracks->revision ? (uint32_t)number : t->tracks->revision;
}

struct tracks *timeline_next_tracks(struct timeline *t, uint64_t number) {
	bool target = t->tracks && t->tracks->target_ms != t->marker.target_ms;
	if (!t->tracks || target || any_absent(t)) {
		if (timeline_change_tracks(t))
			return NULL;
		drop_absent(t);
	}
	if (timeline_set_parts(t))
		return NULL;
	if (t->changed) {
		t->tracks->revision = passing_revision(t, number);
		t->tracks->target_ms = t->run->target_ms = t->marker.target_ms;
		t->tracks->run = t->run->run;
		t->tracks->base_us = t->run->base_us;
		tracks_unref(&t->run->tracks);
		t->run->tracks = tracks_ref(t->tracks);
	}
	t->changed = t->must_cut = false;
	for (size_t i = 0; i < t->lane_count; i++)
		t->lanes[i].in_force = true;
	return tracks_ref(t->tracks);
}
