#include "tests/unit/common/package/simulate.h"

#include "common/codec/codec.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t avc_config[] = {1,    0x42, 0xc0, 0x1e, 0xff, 0xe1, 0,    0x18, 0x67, 0x42, 0xc0, 0x1e, 0xda,
                                     0x02, 0x80, 0xbf, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03,
                                     0x00, 0xf0, 0x3c, 0x58, 0xba, 0x80, 0x01, 0x00, 0x04, 0x68, 0xce, 0x3c, 0x80};
static const uint8_t aac_48k[] = {0x11, 0x90}, aac_44k[] = {0x12, 0x10};

static const int64_t WALL = 1800000000LL * 1000000;

static void on_entry(void *context, struct entry *e) {
	struct simulation *s = context;
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 1024;
		s->entries = realloc(s->entries, s->capacity * sizeof(struct entry *));
	}
	s->entries[s->count++] = e;
}

static void on_warning(void *context, const char *what) {
	(void)context;
	(void)what;
}

static const struct timeline_ops ops = {.on_entry = on_entry, .on_warning = on_warning};

void simulation_init(struct simulation *s, unsigned seed) {
	struct buffer why;
	buffer_init(&why, 0);
	*s = (struct simulation){.seed = seed};
	cr_assert_eq(config_parse(&s->config, CONFIG_ORIGIN, &(struct config_sources){0}, &why), 0);
	buffer_fini(&why);
}

void simulation_fini(struct simulation *s) {
	for (size_t i = 0; i < s->count; i++)
		entry_unref(&s->entries[i]);
	free(s->entries);
	timeline_run_fini(&s->run);
	config_free(&s->config);
}

static double chance(struct simulation *s) {
	return rand_r(&s->seed) / (double)RAND_MAX;
}

static void push(struct simulation *s, enum sample_type type, enum track_kind kind, double at, int cts, bool key,
                 struct slice payload, struct bytes *block) {
	struct sample sample = {.type = type,
	                        .kind = kind,
	                        .fourcc = kind == TRACK_VIDEO ? FOURCC_AVC : FOURCC_AAC,
	                        .timestamp_ms = (uint32_t)(int64_t)floor(at * 1000),
	                        .composition_ms = cts,
	                        .keyframe = key,
	                        .block = block,
	                        .payload = payload};
	cr_assert_eq(timeline_push(s->timeline, &sample, WALL + (int64_t)((s->clock_s + at) * 1e6)), 0);
}

static void push_config(struct simulation *s, enum track_kind kind, double at, const uint8_t *data, size_t size) {
	struct bytes *b = bytes_copy(data, size);
	push(s, SAMPLE_CONFIG, kind, at, 0, true, bytes_slice(b), b);
	bytes_unref(&b);
}

static void push_rate(struct simulation *s, double at, int rate) {
	push_config(s, TRACK_AUDIO, at, rate == 44100 ? aac_44k : aac_48k, 2);
}

/* No two frames are alike. */
static void push_frame(struct simulation *s, enum track_kind kind, double at, int cts, bool key) {
	size_t size = 8 + (size_t)(rand_r(&s->seed) % 120);
	struct bytes *b = bytes_new(size);
	for (size_t i = 0; i < size; i++)
		b->data[i] = (uint8_t)rand_r(&s->seed);
	b->data[0] = b->data[1] = b->data[2] = 0;
	b->data[3] = (uint8_t)(size - 4);
	b->data[4] = key ? 0x65 : 0x41;
	push(s, SAMPLE_FRAME, kind, at, cts, key, bytes_slice(b), b);
	bytes_unref(&b);
}

void simulation_publish(struct simulation *s, uint64_t epoch, const struct encoder *e) {
	s->epoch = epoch;
	s->timeline = timeline_new(config_app(s->config, "live", 4), epoch, &s->run, &ops, s);
	if (!e->no_video)
		push_config(s, TRACK_VIDEO, 0, avc_config, sizeof avc_config);
	int rate = e->audio_rate;
	bool joins = rate && e->audio_joins;
	if (rate && !joins)
		push_rate(s, 0, rate);
	double a = e->audio_rate ? 0 : INFINITY, v = e->no_video ? INFINITY : 0, next_key = 0, rate_from = e->rate_from;
	while (a < e->seconds || v < e->seconds) {
		if (a - e->audio_lead <= v) {
			if (rate_from > 0 && a >= rate_from) {
				push_rate(s, a, rate = e->rate_then);
				rate_from = 0;
			}
			if (joins && a >= e->audio_from) {
				push_rate(s, a, rate);
				joins = false;
			}
			if (!e->audio_to || (a >= e->audio_from && a < e->audio_to))
				push_frame(s, TRACK_AUDIO, a, 0, true);
			a += 1024.0 / rate;
			continue;
		}
		bool key = v >= next_key - 1e-9;
		if (key)
			next_key += e->gop_s * (e->irregular ? 0.3 + 1.4 * chance(s) : 1);
		double shift = e->irregular ? (chance(s) - 0.5) * 0.6 / e->fps : 0;
		int cts = e->composition_ms ? key ? e->composition_ms / 2 : rand_r(&s->seed) % (e->composition_ms + 1) : 0;
		if (!e->video_to || v < e->video_to)
			push_frame(s, TRACK_VIDEO, v + shift < 0 ? 0 : v + shift, cts, key);
		v += 1 / e->fps;
	}
	timeline_flush(s->timeline);
	timeline_free(&s->timeline);
	s->clock_s += e->seconds;
}

void simulation_end(struct simulation *s) {
	const struct entry *last = s->entries[s->count - 1];
	struct entry *e = entry_new_end("the publisher left", NULL, 0, last->time_us);
	e->epoch = last->epoch;
	e->sequence = last->sequence + 1;
	on_entry(s, e);
}

size_t simulation_mark(const struct simulation *s, size_t from, size_t nth) {
	for (size_t i = from; i < s->count; i++)
		if (s->entries[i]->kind == ENTRY_MARK && nth-- == 0)
			return i;
	cr_assert_fail("there are not so many marks");
	return 0;
}

static void told_part(void *context, const struct segment *s, uint32_t part) {
	cr_assert_lt(part, s->part_count);
	((struct told *)context)->parts++;
}

static void told_segment(void *context, const struct segment *s) {
	cr_assert_neq(s->state, SEGMENT_OPEN);
	((struct told *)context)->segments++;
}

static void told_epoch(void *context, uint64_t epoch) {
	(void)epoch;
	((struct told *)context)->epochs++;
}

static void told_end(void *context, const char *reason) {
	struct told *t = context;
	t->ends++;
	snprintf(t->reason, sizeof t->reason, "%s", reason);
}

static void told_unsupported(void *context, const struct track *track, int error) {
	(void)track;
	cr_assert_lt(error, 0);
	((struct told *)context)->unsupported++;
}

const struct packager_ops told_ops = {.on_part = told_part,
                                      .on_segment = told_segment,
                                      .on_epoch = told_epoch,
                                      .on_end = told_end,
                                      .on_unsupported = told_unsupported};

void push_range(struct packager *p, const struct simulation *s, size_t from, size_t to) {
	for (size_t i = from; i < to; i++)
		cr_assert_eq(packager_push(p, s->entries[i]), 0);
}

struct bytes *segment_bytes(const struct segment *s) {
	struct runs *runs = segment_runs(s, 0, s->part_count);
	if (!runs)
		return NULL;
	struct bytes *all = bytes_new(runs->size);
	size_t at = 0;
	for (size_t i = 0; i < runs->count; i++) {
		memcpy(all->data + at, runs->items[i].data, runs->items[i].size);
		at += runs->items[i].size;
	}
	cr_assert_eq(at, s->size, "a segment's size is not that of its parts");
	runs_unref(&runs);
	return all;
}

static void compare(const struct segment *a, const struct segment *b) {
	cr_assert_eq(a->state, b->state, "segment %lu", b->number);
	cr_assert_eq(a->start_us, b->start_us);
	cr_assert_eq(a->end_us, b->end_us);
	cr_assert_eq(a->start, b->start);
	cr_assert_eq(a->duration, b->duration);
	cr_assert_eq(a->listed, b->listed);
	cr_assert_eq(a->part_count, b->part_count);
	cr_assert_eq(a->init_id, b->init_id);
	cr_assert_eq(a->discontinuity, b->discontinuity);
	struct bytes *x = segment_bytes(a), *y = segment_bytes(b);
	cr_assert(bytes_same(x, y), "segment %lu of %s differs", b->number, b->track->name);
	bytes_unref(&x);
	bytes_unref(&y);
}

size_t compare_stores(const struct segment_store *a, const struct segment_store *b, uint64_t except) {
	size_t compared = 0;
	for (const struct segment_track *t = NULL; (t = segment_store_next(b, t));)
		for (size_t i = 0; i < t->count; i++) {
			const struct segment *s = t->items[i];
			if (s->state == SEGMENT_OPEN || s->flags & SEGMENT_HOLED || s->number == except)
				continue;
			const struct segment *other = segment_store_find(a, t->name, s->epoch, s->number);
			cr_assert(other, "segment %lu of %s is in one store only", s->number, t->name);
			compare(other, s);
			compared++;
		}
	return compared;
}
