/*
 * Several renditions and sounds in one store: each rendition's log has a packager of its own.
 */
#include "common/package/dash.h"
#include "common/package/hls.h"
#include "tests/unit/common/package/simulate.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { SMALL_ID = 8, FRENCH_ID = 9 };

static struct simulation sim;
static struct segment_store *store;
static struct packager *source, *small;
static struct told told, told_small;
static char text[65536];

/* The encoder's tracks, a smaller picture, and a second sound of the encoder's. */
static struct tracks *more_tracks(const struct tracks *from) {
	struct tracks *t = tracks_copy(from);
	struct track *v = &t->items[t->count++], *a = &t->items[t->count++];
	*v = t->items[0];
	*a = t->items[1];
	v->config = bytes_copy(v->config->data, v->config->size);
	a->config = bytes_copy(a->config->data, a->config->size);
	v->extra = a->extra = NULL;
	v->id = SMALL_ID;
	v->from = t->items[0].id;
	a->id = FRENCH_ID;
	strcpy(v->name, "180p");
	strcpy(v->rendition, "180p");
	strcpy(a->name, "a-fr");
	strcpy(a->language, "fr");
	strcpy(t->items[1].language, "en");
	return t;
}

static struct entry *with_tracks(const struct entry *e) {
	struct mark m = e->mark;
	m.tracks = more_tracks(e->mark.tracks);
	struct entry *made = entry_new_mark(&m, e->time_us);
	tracks_unref(&m.tracks);
	return made;
}

static struct entry *of_track(const struct entry *e, uint32_t track) {
	struct frame f = e->frame;
	f.track = track;
	if (track == SMALL_ID)
		f.payload.size = 8;
	return entry_new_frame(&f, e->time_us);
}

static void push(struct packager *p, struct entry *e, uint64_t *sequence) {
	e->epoch = 1;
	e->sequence = ++*sequence;
	cr_assert_eq(packager_push(p, e), 0);
	entry_unref(&e);
}

static void package_all(void) {
	uint64_t in_source = 0, in_small = 0;
	for (size_t i = 0; i < sim.count; i++) {
		struct entry *e = sim.entries[i];
		if (e->kind == ENTRY_MARK) {
			push(source, with_tracks(e), &in_source);
			push(small, with_tracks(e), &in_small);
		} else if (e->kind == ENTRY_FRAME && e->frame.kind == TRACK_VIDEO) {
			push(source, of_track(e, e->frame.track), &in_source);
			push(small, of_track(e, SMALL_ID), &in_small);
		} else if (e->kind == ENTRY_FRAME) {
			push(source, of_track(e, e->frame.track), &in_source);
			push(source, of_track(e, FRENCH_ID), &in_source);
		}
	}
}

static void init(void) {
	simulation_init(&sim, 4);
	simulation_publish(&sim, 1, &(struct encoder){.seconds = 20.5, .fps = 30, .gop_s = 1, .audio_rate = 48000});
	store = segment_store_new(6);
	source = packager_new(store, "source", &told_ops, &told);
	small = packager_new(store, "180p", &told_ops, &told_small);
	package_all();
}

static void fini(void) {
	packager_free(&source);
	packager_free(&small);
	segment_store_free(&store);
	simulation_fini(&sim);
}

TestSuite(renditions, .init = init, .fini = fini, .timeout = 60);

static char *written(struct buffer *b, int err) {
	cr_assert_eq(err, 0);
	memcpy(text, b->block->data, b->size);
	text[b->size] = 0;
	buffer_fini(b);
	return text;
}

static unsigned count(const char *at, const char *what) {
	unsigned n = 0;
	for (; (at = strstr(at, what)); at++)
		n++;
	return n;
}

Test(renditions, they_are_cut_alike) {
	const struct segment_track *v = segment_store_track(store, "v"), *s = segment_store_track(store, "180p");
	cr_assert_eq(v->count, s->count);
	for (size_t i = 0; i < v->count; i++) {
		cr_assert_eq(v->items[i]->number, s->items[i]->number);
		cr_assert_eq(v->items[i]->end_us, s->items[i]->end_us);
		cr_assert_eq(v->items[i]->start, s->items[i]->start);
		cr_assert_eq(v->items[i]->period, s->items[i]->period);
	}
}

Test(renditions, variants_share_a_group_of_sounds_and_are_scored) {
	struct buffer b;
	buffer_init(&b, 0);
	const char *t = written(&b, hls_multivariant_write(store, &(struct hls_options){0}, &b));
	cr_assert_eq(count(t, "#EXT-X-STREAM-INF:"), 2);
	cr_assert_eq(count(t, "#EXT-X-MEDIA:"), 2);
	cr_assert_eq(count(t, "DEFAULT=YES"), 1);
	cr_assert(strstr(t, "NAME=\"fr\",LANGUAGE=\"fr\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a-fr/index.m3u8\""),
	          "%s", t);
	const char *large = strstr(t, "\nv/index.m3u8"), *smaller = strstr(t, "\n180p/index.m3u8");
	cr_assert(large && smaller && large < smaller);
	cr_assert(strstr(t, ",SCORE=2.0,") < large && strstr(t, ",SCORE=1.0,") > large, "%s", t);
}

Test(renditions, forced_keyframes_make_segments_independent) {
	struct buffer b;
	buffer_init(&b, 0);
	const char *t = written(&b, hls_media_write(store, "180p", &(struct hls_options){.low_latency = true}, &b));
	cr_assert(strstr(t, "#EXT-X-INDEPENDENT-SEGMENTS\n"));
	cr_assert_eq(count(t, "#EXT-X-RENDITION-REPORT:"), 3);
}

Test(renditions, pictures_of_one_codec_are_one_adaptation_set) {
	struct buffer b;
	buffer_init(&b, 0);
	const char *t = written(&b, dash_write(store, &(struct dash_options){.now_us = 1800000000000000}, &b));
	cr_assert_eq(count(t, "<AdaptationSet "), 3);
	cr_assert_eq(count(t, "<Representation "), 4);
	const char *first = strstr(t, "<AdaptationSet "), *second = strstr(first + 1, "<AdaptationSet ");
	cr_assert(strstr(first, "<Representation id=\"v\"") < second &&
	              strstr(first, "<Representation id=\"180p\"") < second,
	          "%s", t);
	cr_assert(strstr(t, " lang=\"fr\""));
	cr_assert_eq(count(t, "value=\"alternate\""), 1);
}

Test(renditions, mpeg_ts_has_the_sources_tracks_alone) {
	struct segment_reply reply;
	const struct segment_track *v = segment_store_track(store, "v");
	struct segment_name n = {.kind = NAME_TS, .epoch = 1, .number = v->items[v->count - 3]->number};
	cr_assert_eq(segment_store_ask(store, PACKAGE_TS, &n, &reply), SEGMENT_HERE);
	runs_unref(&reply.runs);
}
