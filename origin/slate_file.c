#include "origin/slate_file.h"

#include "common/mux/flv_file.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { LEAST_US = 1000000, STEP_BACK_MS = 1000, DEFAULT_STEP_MS = 33 };

/* What is known of one kind of track while the file is read: of the first track of its kind. */
struct slate_kind {
	bool configured, begun;
	uint32_t last_ms, step_ms; /* of the newest frame, and from the one before */
	struct codec_info info;
};

struct reading {
	struct slate_file *file;
	size_t capacity;
	bool begun;
	uint32_t first_ms, last_ms; /* of the frames */
	struct slate_kind video, audio;
	const char *why;
};

static bool fail(struct reading *r, const char *why) {
	r->why = why;
	return false;
}

static bool keep(struct reading *r, const struct sample *s) {
	struct slate_file *f = r->file;
	if (f->count == SLATE_SAMPLES_MAX)
		return fail(r, "it has too many frames");
	if (f->count == r->capacity) {
		size_t capacity = r->capacity ? 2 * r->capacity : 256;
		struct sample *samples = realloc(f->samples, capacity * sizeof *samples);
		if (!samples)
			return fail(r, "out of memory");
		f->samples = samples;
		r->capacity = capacity;
	}
	f->samples[f->count++] = *s;
	return true;
}

/* --- what the samples say --- */

static struct slate_kind *kind_of(struct reading *r, const struct sample *s) {
	return s->kind == TRACK_VIDEO ? &r->video : &r->audio;
}

/* What is no frame lies where the frames have come to. */
static bool keep_setup(struct reading *r, struct sample s) {
	s.timestamp_ms = r->last_ms - r->first_ms;
	return keep(r, &s);
}

static bool take_config(struct reading *r, const struct sample *s) {
	struct codec_info info = {0};
	struct slate_kind *k = kind_of(r, s);
	if (codec_info_read(&info, s->fourcc, s->payload))
		return fail(r, "a codec's configuration in it cannot be read");
	if (s->publisher_track == 0) {
		k->configured = true;
		k->info = info;
	}
	return keep_setup(r, *s);
}

static bool take_frame(struct reading *r, struct sample s) {
	struct slate_kind *k = kind_of(r, &s);
	if (!r->begun)
		r->first_ms = r->last_ms = s.timestamp_ms;
	r->begun = true;
	if ((int32_t)(s.timestamp_ms - r->last_ms) < -STEP_BACK_MS)
		return fail(r, "its timestamps jump back");
	if ((int32_t)(s.timestamp_ms - r->first_ms) < 0)
		s.timestamp_ms = r->first_ms; /* sound that begins a little before the picture, told a little later */
	if ((int32_t)(s.timestamp_ms - r->last_ms) > 0)
		r->last_ms = s.timestamp_ms;
	s.timestamp_ms -= r->first_ms;
	if (s.publisher_track)
		return keep(r, &s);
	if (!k->configured && codec_needs_config(s.fourcc))
		return fail(r, "a frame comes before its codec's configuration");
	if (!k->configured && !k->begun && codec_info_read(&k->info, s.fourcc, (struct slice){0}))
		k->info = (struct codec_info){.fourcc = s.fourcc};
	codec_info_learn(&k->info, s.payload);
	if (s.kind == TRACK_VIDEO && !k->begun && !s.keyframe)
		return fail(r, "its picture does not begin with a keyframe");
	if (k->begun && s.timestamp_ms > k->last_ms)
		k->step_ms = s.timestamp_ms - k->last_ms;
	k->begun = true;
	k->last_ms = s.timestamp_ms;
	return keep(r, &s);
}

static bool take(struct reading *r, const struct sample *s) {
	switch (s->type) {
	case SAMPLE_CONFIG:
		return take_config(r, s);
	case SAMPLE_FRAME:
		return take_frame(r, *s);
	case SAMPLE_METADATA:
	case SAMPLE_EXTRA:
		return keep_setup(r, *s);
	case SAMPLE_DATA: /* cues belong to the programme that the file was cut from */
	case SAMPLE_SEQUENCE_END:
		return true;
	}
	return true;
}

/* --- tags --- */

static bool take_media(struct reading *r, const struct flv_file_tag *t) {
	struct flv_tag_reader it = flv_tag_reader_of((enum flv_tag_type)t->type, t->body);
	struct flv_tag tag;
	struct sample s;
	int got;
	while ((got = flv_tag_read(&it, &tag)) == 1)
		if (flv_sample_of_tag(&s, &tag, t->timestamp_ms, r->file->block) && !take(r, &s))
			return false;
	return got == 0 ? true : fail(r, "one of its tags cannot be read");
}

static bool take_tag(struct reading *r, const struct flv_file_tag *t) {
	struct sample s;
	if (t->type == FLV_AUDIO || t->type == FLV_VIDEO)
		return take_media(r, t);
	if (t->type == FLV_SCRIPT && flv_sample_of_script(&s, t->body, t->timestamp_ms, r->file->block))
		return take(r, &s);
	return true;
}

/* --- how long it lasts --- */

static uint64_t end_us(const struct slate_kind *k) {
	uint64_t step_us = (uint64_t)(k->step_ms ? k->step_ms : DEFAULT_STEP_MS) * 1000;
	if (k->info.samples_per_frame && k->info.sample_rate)
		step_us = (uint64_t)k->info.samples_per_frame * 1000000 / k->info.sample_rate;
	return k->begun ? (uint64_t)k->last_ms * 1000 + step_us : 0;
}

/* A lap is as long as its longest track. With sound it is a whole number of the sound's frames: then the next lap's lie
 * where they would if the sound had gone on. */
static bool measure(struct reading *r) {
	const struct codec_info *sound = &r->audio.info;
	struct slate_file *f = r->file;
	uint64_t us = end_us(&r->video) > end_us(&r->audio) ? end_us(&r->video) : end_us(&r->audio);
	if (!r->begun)
		return fail(r, "it has neither picture nor sound");
	if (us < LEAST_US)
		return fail(r, "it is shorter than a second");
	f->unit_num = f->unit_den = 1;
	if (r->audio.begun && sound->samples_per_frame && sound->sample_rate) {
		f->unit_num = (uint64_t)sound->samples_per_frame * 1000000;
		f->unit_den = sound->sample_rate;
	}
	f->lap_units = (us * f->unit_den + f->unit_num - 1) / f->unit_num;
	return true;
}

uint64_t slate_file_lap_us(const struct slate_file *f, uint64_t lap) {
	return lap * f->lap_units * f->unit_num / f->unit_den;
}

/* --- life --- */

static bool read_all(struct reading *r) {
	struct flv_file flv;
	struct flv_file_tag tag;
	int got;
	if (flv_file_open(&flv, bytes_slice(r->file->block)))
		return fail(r, "it is no FLV file");
	while ((got = flv_file_next(&flv, &tag)) == 1)
		if (!take_tag(r, &tag))
			return false;
	return got == 0 ? measure(r) : fail(r, "it is cut short, or broken");
}

struct slate_file *slate_file_parse(struct bytes *block, const char **why) {
	struct reading r = {.file = calloc(1, sizeof(struct slate_file))};
	if (!r.file) {
		*why = "out of memory";
		return NULL;
	}
	r.file->block = bytes_ref(block);
	if (!read_all(&r)) {
		slate_file_free(&r.file);
		*why = r.why;
	}
	return r.file;
}

void slate_file_free(struct slate_file **f) {
	if (!*f)
		return;
	bytes_unref(&(*f)->block);
	free((*f)->samples);
	free((*f)->path);
	free(*f);
	*f = NULL;
}
