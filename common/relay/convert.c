#include "common/relay/convert.h"

#include "common/base/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* The protocol's kinds are track_kind's numbers, its sample types sample_type's. */
_Static_assert((int)WEIR__RELAY__KIND__KIND_VIDEO == (int)TRACK_VIDEO, "kinds");
_Static_assert((int)WEIR__RELAY__KIND__KIND_DATA == (int)TRACK_DATA, "kinds");
_Static_assert((int)WEIR__RELAY__SAMPLE_TYPE__SAMPLE_CONFIG == (int)SAMPLE_CONFIG, "sample types");
_Static_assert((int)WEIR__RELAY__SAMPLE_TYPE__SAMPLE_EXTRA == (int)SAMPLE_EXTRA, "sample types");

/* The largest revision of all: a track's other fields are names of TRACK_NAME_MAX, and numbers. */
enum { TRACK_FIELDS_MAX = 1024 };
_Static_assert((int)TRACKS_CONFIGS_MAX + (int)TRACKS_MAX * (int)TRACK_FIELDS_MAX < (int)RELAY_HEADER_MAX, "Tracks");
_Static_assert((int)TRACKS_METADATA_MAX <= (int)RELAY_PAYLOAD_MAX, "metadata");

/* --- out --- */

static void fill_track(Weir__Relay__Track *t, Weir__Relay__CodecInfo *i, const struct track *from) {
	const struct codec_info *info = &from->info;
	weir__relay__codec_info__init(i);
	i->width = info->width;
	i->height = info->height;
	i->frame_rate_num = info->frame_rate_num;
	i->frame_rate_den = info->frame_rate_den;
	i->profile = info->profile;
	i->level = info->level;
	i->constraint = info->constraint;
	i->sample_rate = info->sample_rate;
	i->channels = info->channels;
	i->samples_per_frame = info->samples_per_frame;
	i->ac3 = info->ac3;
	i->rfc6381 = (char *)info->rfc6381;
	weir__relay__track__init(t);
	t->id = from->id;
	t->name = (char *)from->name;
	t->kind = (Weir__Relay__Kind)from->kind;
	t->fourcc = from->fourcc;
	t->language = (char *)from->language;
	t->role = (char *)from->role;
	t->rendition = (char *)from->rendition;
	t->from = from->from;
	t->timescale = from->timescale;
	t->flv_audio = from->flv_audio;
	t->publisher_track = from->publisher_track;
	t->info = i;
	t->frame_ticks = from->frame_ticks;
	t->part_frames = from->part_frames;
	t->part_target_ms = from->part_target_ms;
	if (from->config)
		t->config = (ProtobufCBinaryData){from->config->size, from->config->data};
	if (from->extra)
		t->extra = (ProtobufCBinaryData){from->extra->size, from->extra->data};
}

void relay_write_tracks(struct buffer *out, const struct tracks *t, uint64_t handle) {
	Weir__Relay__Track items[TRACKS_MAX], *pointers[TRACKS_MAX];
	Weir__Relay__CodecInfo infos[TRACKS_MAX];
	for (size_t i = 0; i < t->count; i++) {
		fill_track(&items[i], &infos[i], &t->items[i]);
		pointers[i] = &items[i];
	}
	Weir__Relay__Tracks h_body = WEIR__RELAY__TRACKS__INIT;
	h_body.handle = handle;
	h_body.revision = t->revision;
	h_body.run = t->run;
	h_body.base_us = t->base_us;
	h_body.target_ms = t->target_ms;
	h_body.n_tracks = t->count;
	h_body.tracks = pointers;
	RELAY_HEADER(h, tracks, TRACKS);
	relay_write(out, &h, t->metadata ? bytes_slice(t->metadata) : (struct slice){0});
}

static void write_frame(struct buffer *out, const struct entry *e, uint64_t handle) {
	Weir__Relay__Media h_body = WEIR__RELAY__MEDIA__INIT;
	h_body.handle = handle;
	h_body.epoch = e->epoch;
	h_body.sequence = e->sequence;
	h_body.time_us = e->time_us;
	h_body.track = e->frame.track;
	h_body.kind = (Weir__Relay__Kind)e->frame.kind;
	h_body.fourcc = e->frame.fourcc;
	h_body.flags = e->frame.flags;
	h_body.dts = e->frame.dts;
	h_body.composition = e->frame.pts - e->frame.dts;
	RELAY_HEADER(h, media, MEDIA);
	relay_write(out, &h, e->frame.payload);
}

static void write_mark(struct buffer *out, const struct entry *e, uint64_t handle) {
	const struct mark *m = &e->mark;
	relay_write_tracks(out, m->tracks, handle);
	Weir__Relay__Mark h_body = WEIR__RELAY__MARK__INIT;
	h_body.handle = handle;
	h_body.epoch = e->epoch;
	h_body.sequence = e->sequence;
	h_body.time_us = e->time_us;
	h_body.number = m->number;
	h_body.start = m->start;
	h_body.timescale = m->timescale;
	h_body.discontinuity = m->discontinuity;
	h_body.flags = m->flags;
	h_body.revision = m->tracks->revision;
	h_body.anchor_revision = m->anchor.revision;
	h_body.anchor_media_us = m->anchor.media_us;
	h_body.anchor_wall_us = m->anchor.wall_us;
	h_body.period_us = m->period_us;
	h_body.after_epoch = m->after_epoch;
	h_body.after_sequence = m->after_sequence;
	RELAY_HEADER(h, mark, MARK);
	relay_write(out, &h, (struct slice){0});
}

static void write_progress(struct buffer *out, const struct entry *e, uint64_t handle) {
	Weir__Relay__Progress h_body = WEIR__RELAY__PROGRESS__INIT;
	h_body.handle = handle;
	h_body.epoch = e->epoch;
	h_body.sequence = e->sequence;
	h_body.time_us = e->progress.time_us;
	RELAY_HEADER(h, progress, PROGRESS);
	relay_write(out, &h, (struct slice){0});
}

static void write_end(struct buffer *out, const struct entry *e, uint64_t handle) {
	Weir__Relay__End h_body = WEIR__RELAY__END__INIT;
	h_body.handle = handle;
	h_body.epoch = e->epoch;
	h_body.sequence = e->sequence;
	h_body.time_us = e->time_us;
	h_body.reason = (char *)e->end.reason;
	Weir__Relay__TrackEnd items[TRACKS_MAX], *pointers[TRACKS_MAX];
	for (size_t i = 0; i < e->end.count; i++) {
		weir__relay__track_end__init(&items[i]);
		items[i].track = e->end.tracks[i].track;
		items[i].end = e->end.tracks[i].end;
		pointers[i] = &items[i];
	}
	h_body.n_ends = e->end.count;
	h_body.ends = pointers;
	RELAY_HEADER(h, end, END);
	relay_write(out, &h, (struct slice){0});
}

void relay_write_entry(struct buffer *out, const struct entry *e, uint64_t handle) {
	switch (e->kind) {
	case ENTRY_FRAME:
		write_frame(out, e, handle);
		break;
	case ENTRY_MARK:
		write_mark(out, e, handle);
		break;
	case ENTRY_PROGRESS:
		write_progress(out, e, handle);
		break;
	case ENTRY_END:
		write_end(out, e, handle);
		break;
	}
}

void relay_write_sample(struct buffer *out, const struct sample *s, uint64_t id) {
	Weir__Relay__Sample h_body = WEIR__RELAY__SAMPLE__INIT;
	h_body.id = id;
	h_body.type = (Weir__Relay__SampleType)s->type;
	h_body.kind = (Weir__Relay__Kind)s->kind;
	h_body.fourcc = s->fourcc;
	h_body.publisher_track = s->publisher_track;
	h_body.flv_audio = s->flv_audio;
	h_body.keyframe = s->keyframe;
	h_body.timestamp_ms = s->timestamp_ms;
	h_body.composition_ms = s->composition_ms;
	h_body.nano_offset = s->nano_offset;
	RELAY_HEADER(h, sample, SAMPLE);
	relay_write(out, &h, s->payload);
}

/* --- in --- */

/* A text of the peer's into a field; UV_EINVAL if it is too long. */
static int take_text(char *out, size_t size, const char *text) {
	size_t n = strlen(text);
	if (n >= size)
		return UV_EINVAL;
	memcpy(out, text, n + 1);
	return 0;
}

static bool kind_valid(Weir__Relay__Kind kind) {
	return kind >= WEIR__RELAY__KIND__KIND_VIDEO && kind <= WEIR__RELAY__KIND__KIND_DATA;
}

static int read_track(struct track *out, const Weir__Relay__Track *t) {
	*out = (struct track){.id = t->id,
	                      .kind = (enum track_kind)t->kind,
	                      .fourcc = t->fourcc,
	                      .from = t->from,
	                      .timescale = t->timescale,
	                      .frame_ticks = t->frame_ticks,
	                      .part_frames = t->part_frames,
	                      .part_target_ms = t->part_target_ms,
	                      .flv_audio = (uint8_t)t->flv_audio,
	                      .publisher_track = (uint8_t)t->publisher_track};
	if (!t->timescale || !kind_valid(t->kind) || !name_valid(t->name, strlen(t->name)) ||
	    take_text(out->name, sizeof out->name, t->name) ||
	    take_text(out->language, sizeof out->language, t->language) ||
	    take_text(out->role, sizeof out->role, t->role) ||
	    take_text(out->rendition, sizeof out->rendition, t->rendition))
		return UV_EINVAL;
	out->info.fourcc = t->fourcc;
	if (t->info) {
		const Weir__Relay__CodecInfo *i = t->info;
		out->info = (struct codec_info){.fourcc = t->fourcc,
		                                .width = i->width,
		                                .height = i->height,
		                                .frame_rate_num = i->frame_rate_num,
		                                .frame_rate_den = i->frame_rate_den,
		                                .profile = (uint8_t)i->profile,
		                                .level = (uint8_t)i->level,
		                                .constraint = (uint8_t)i->constraint,
		                                .sample_rate = i->sample_rate,
		                                .channels = i->channels,
		                                .samples_per_frame = i->samples_per_frame,
		                                .ac3 = i->ac3};
		if (take_text(out->info.rfc6381, sizeof out->info.rfc6381, i->rfc6381))
			return UV_EINVAL;
	}
	if (t->config.len) {
		out->config = bytes_copy(t->config.data, t->config.len);
		if (!out->config)
			return UV_ENOMEM;
	}
	if (t->extra.len) {
		out->extra = bytes_copy(t->extra.data, t->extra.len);
		if (!out->extra)
			return UV_ENOMEM;
	}
	return 0;
}

int relay_read_tracks(struct tracks **out, const struct relay_message *m) {
	const Weir__Relay__Tracks *from = m->header->tracks;
	if (from->n_tracks > TRACKS_MAX)
		return UV_EINVAL;
	struct tracks *t = tracks_copy(NULL);
	if (!t)
		return UV_ENOMEM;
	t->revision = from->revision;
	t->run = from->run;
	t->base_us = from->base_us;
	t->target_ms = from->target_ms;
	int err = 0;
	for (size_t i = 0; i < from->n_tracks && !err; i++) {
		err = read_track(&t->items[i], from->tracks[i]);
		t->count = i + 1;
	}
	if (!err && m->block && m->payload.size) {
		t->metadata = bytes_ref(m->block);
	}
	if (err)
		tracks_unref(&t);
	else
		*out = t;
	return err;
}

static int read_media(struct entry **out, const struct relay_message *m) {
	const Weir__Relay__Media *b = m->header->media;
	struct frame f = {.track = b->track,
	                  .kind = (enum track_kind)b->kind,
	                  .fourcc = b->fourcc,
	                  .flags = b->flags,
	                  .dts = b->dts,
	                  .block = m->block,
	                  .payload = m->payload};
	if (!kind_valid(b->kind) || __builtin_add_overflow(b->dts, b->composition, &f.pts))
		return UV_EINVAL;
	struct entry *e = entry_new_frame(&f, b->time_us);
	if (!e)
		return UV_ENOMEM;
	e->epoch = b->epoch;
	e->sequence = b->sequence;
	*out = e;
	return 0;
}

static int read_mark(struct entry **out, const struct relay_message *m, struct tracks *tracks) {
	const Weir__Relay__Mark *b = m->header->mark;
	if (!tracks || tracks->revision != b->revision)
		return UV_ENOENT;
	if (!b->timescale)
		return UV_EINVAL;
	struct mark mark = {.number = b->number,
	                    .start = b->start,
	                    .timescale = b->timescale,
	                    .discontinuity = b->discontinuity,
	                    .flags = b->flags,
	                    .anchor = {b->anchor_revision, b->anchor_media_us, b->anchor_wall_us},
	                    .period_us = b->period_us,
	                    .after_epoch = b->after_epoch,
	                    .after_sequence = b->after_sequence,
	                    .tracks = tracks};
	struct entry *e = entry_new_mark(&mark, b->time_us);
	if (!e)
		return UV_ENOMEM;
	e->epoch = b->epoch;
	e->sequence = b->sequence;
	*out = e;
	return 0;
}

static int read_end(struct entry **out, const struct relay_message *m) {
	const Weir__Relay__End *b = m->header->end;
	struct track_end ends[TRACKS_MAX];
	if (b->n_ends > TRACKS_MAX)
		return UV_EINVAL;
	for (size_t i = 0; i < b->n_ends; i++)
		ends[i] = (struct track_end){.track = b->ends[i]->track, .end = b->ends[i]->end};
	struct entry *e = entry_new_end(b->reason, ends, b->n_ends, b->time_us);
	if (!e)
		return UV_ENOMEM;
	e->epoch = b->epoch;
	e->sequence = b->sequence;
	*out = e;
	return 0;
}

int relay_read_entry(struct entry **out, const struct relay_message *m, struct tracks *tracks) {
	const Weir__Relay__Header *h = m->header;
	struct entry *e;
	switch (h->body_case) {
	case WEIR__RELAY__HEADER__BODY_MEDIA:
		return read_media(out, m);
	case WEIR__RELAY__HEADER__BODY_MARK:
		return read_mark(out, m, tracks);
	case WEIR__RELAY__HEADER__BODY_PROGRESS:
		e = entry_new_progress(h->progress->time_us);
		if (!e)
			return UV_ENOMEM;
		e->epoch = h->progress->epoch;
		e->sequence = h->progress->sequence;
		break;
	case WEIR__RELAY__HEADER__BODY_END:
		return read_end(out, m);
	default:
		return UV_ENOTSUP;
	}
	*out = e;
	return 0;
}

int relay_read_sample(struct sample *out, const struct relay_message *m) {
	const Weir__Relay__Sample *b = m->header->sample;
	if (!kind_valid(b->kind) || b->type < WEIR__RELAY__SAMPLE_TYPE__SAMPLE_CONFIG ||
	    b->type > WEIR__RELAY__SAMPLE_TYPE__SAMPLE_EXTRA || b->publisher_track > UINT8_MAX ||
	    b->flv_audio > UINT8_MAX || b->nano_offset > 999999)
		return UV_EINVAL;
	*out = (struct sample){.type = (enum sample_type)b->type,
	                       .kind = (enum track_kind)b->kind,
	                       .fourcc = b->fourcc,
	                       .publisher_track = (uint8_t)b->publisher_track,
	                       .flv_audio = (uint8_t)b->flv_audio,
	                       .keyframe = b->keyframe,
	                       .timestamp_ms = b->timestamp_ms,
	                       .composition_ms = b->composition_ms,
	                       .nano_offset = b->nano_offset,
	                       .block = m->block,
	                       .payload = m->payload};
	return 0;
}
