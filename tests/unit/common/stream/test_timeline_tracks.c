/*
 * What becomes of an encoder's tracks over several publishes of one run: codecs without a configuration, names, and
 * what is too large to be told.
 */
#include "common/codec/codec.h"
#include "common/stream/lane.h"
#include "common/stream/timeline.h"
#include "tests/unit/common/stream/config.h"

#include <criterion/criterion.h>
#include <string.h>

enum { ALAW = 0x7f, ULAW = 0x8f, FRAME_MS = 20, PUBLISH_MS = 4000 };

static const uint8_t avc_config[] = {1,    0x42, 0xc0, 0x1e, 0xff, 0xe1, 0,    0x18, 0x67, 0x42, 0xc0, 0x1e, 0xda,
                                     0x02, 0x80, 0xbf, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03,
                                     0x00, 0xf0, 0x3c, 0x58, 0xba, 0x80, 0x01, 0x00, 0x04, 0x68, 0xce, 0x3c, 0x80};

static struct config *config;
static struct timeline_run run;
static struct timeline *timeline;
static uint64_t epoch;
static int64_t wall_us = 1800000000LL * 1000000;
static struct bytes *frame;
static struct tracks *told; /* by the epoch's newest mark */
static unsigned marks, warned;
static char warnings[2000];

static void on_entry(void *context, struct entry *e) {
	(void)context;
	if (e->kind == ENTRY_MARK) {
		marks++;
		tracks_unref(&told);
		told = tracks_ref(e->mark.tracks);
	}
	entry_unref(&e);
}

static void on_warning(void *context, const char *what) {
	(void)context;
	warned++;
	strncat(warnings, what, sizeof warnings - strlen(warnings) - 1);
}

static const struct timeline_ops ops = {.on_entry = on_entry, .on_warning = on_warning};

static void begin(void) {
	marks = 0;
	timeline = timeline_new(config_app(config, "live", 4), ++epoch, &run, &ops, NULL);
}

static struct timeline_counts end(void) {
	struct timeline_counts counts = timeline_counts(timeline);
	timeline_flush(timeline);
	timeline_free(&timeline);
	wall_us += 2 * PUBLISH_MS * 1000LL;
	return counts;
}

static void init(void) {
	config = test_config();
	frame = bytes_copy("x", 1);
	begin();
}

static void fini(void) {
	timeline_free(&timeline);
	timeline_run_fini(&run);
	tracks_unref(&told);
	bytes_unref(&frame);
	test_config_free(config);
}

TestSuite(timeline_tracks, .init = init, .fini = fini, .timeout = 60);

static void push(struct sample s, uint32_t ms, struct bytes *block) {
	s.timestamp_ms = ms;
	s.block = block;
	s.payload = bytes_slice(block);
	cr_assert_eq(timeline_push(timeline, &s, wall_us + ms * 1000LL), 0);
}

static void sound(uint8_t flv_audio, uint8_t publisher_track, uint32_t ms) {
	push((struct sample){.type = SAMPLE_FRAME,
	                     .kind = TRACK_AUDIO,
	                     .fourcc = flv_audio == ALAW ? FOURCC_ALAW : FOURCC_ULAW,
	                     .flv_audio = flv_audio,
	                     .publisher_track = publisher_track},
	     ms, frame);
}

static void picture(uint32_t ms, bool key) {
	push((struct sample){.type = SAMPLE_FRAME, .kind = TRACK_VIDEO, .fourcc = FOURCC_AVC, .keyframe = key}, ms, frame);
}

static void setup(enum sample_type type, enum track_kind kind, uint32_t fourcc, uint32_t ms, const void *data,
                  size_t size) {
	struct bytes *b = bytes_copy(data, size);
	push((struct sample){.type = type, .kind = kind, .fourcc = fourcc}, ms, b);
	bytes_unref(&b);
}

static void picture_config(void) {
	setup(SAMPLE_CONFIG, TRACK_VIDEO, FOURCC_AVC, 0, avc_config, sizeof avc_config);
}

static const struct track *told_track(const char *name) {
	const struct track *found = NULL;
	for (size_t i = 0; i < told->count; i++) {
		if (strcmp(told->items[i].name, name) != 0)
			continue;
		cr_assert_null(found, "%s is there twice", name);
		found = &told->items[i];
	}
	cr_assert_not_null(found, "there is no %s", name);
	return found;
}

/* --- codecs whose frames are all that they need --- */

static struct timeline_counts publish_sound(uint8_t flv_audio) {
	for (uint32_t ms = 0; ms < PUBLISH_MS; ms += FRAME_MS)
		sound(flv_audio, 0, ms);
	return end();
}

Test(timeline_tracks, sound_without_a_configuration_goes_on_in_the_next_publish) {
	publish_sound(ALAW);
	uint32_t id = told_track("a")->id, revision = told->revision;
	begin();
	struct timeline_counts counts = publish_sound(ALAW);
	cr_assert_eq(counts.frames, PUBLISH_MS / FRAME_MS);
	cr_assert_eq(counts.dropped, 0);
	cr_assert_geq(marks, 2);
	cr_assert_eq(told_track("a")->id, id);
	cr_assert_eq(told->revision, revision, "the same tracks are the same revision");
	cr_assert_str_empty(warnings);
}

Test(timeline_tracks, sound_that_comes_back_as_another_codec_goes_on_too) {
	publish_sound(ALAW);
	begin();
	struct timeline_counts counts = publish_sound(ULAW);
	cr_assert_eq(counts.frames, PUBLISH_MS / FRAME_MS);
	cr_assert_eq(told_track("a")->fourcc, FOURCC_ULAW);
}

static struct timeline_counts publish_both(void) {
	picture_config();
	for (uint32_t ms = 0; ms < PUBLISH_MS; ms += FRAME_MS) {
		sound(ALAW, 0, ms);
		picture(ms, ms % 1000 == 0);
	}
	return end();
}

Test(timeline_tracks, and_so_does_sound_beside_a_picture) {
	publish_both();
	uint32_t id = told_track("a")->id;
	begin();
	struct timeline_counts counts = publish_both();
	cr_assert_eq(counts.frames, 2 * PUBLISH_MS / FRAME_MS);
	cr_assert_eq(counts.dropped, 0);
	cr_assert_eq(told_track("a")->id, id);
}

Test(timeline_tracks, a_codec_that_needs_its_configuration_waits_for_it_in_each_publish) {
	publish_both();
	begin();
	for (uint32_t ms = 0; ms < PUBLISH_MS; ms += FRAME_MS) {
		sound(ALAW, 0, ms);
		picture(ms, ms % 1000 == 0);
	}
	cr_assert_eq(end().frames, PUBLISH_MS / FRAME_MS, "pictures cannot be decoded by what another encoder said");
	cr_assert(strstr(warnings, "before their codec configuration"));
	cr_assert_eq(told->count, 1);
}

/* --- names --- */

Test(timeline_tracks, a_name_is_given_once_however_tracks_come_and_go) {
	for (uint32_t ms = 0; ms < PUBLISH_MS; ms += FRAME_MS) {
		sound(ALAW, 0, ms);
		sound(ALAW, 1, ms);
	}
	end();
	cr_assert_eq(told_track("a2")->publisher_track, 1);
	begin();
	for (uint32_t ms = 0; ms < 3 * PUBLISH_MS; ms += FRAME_MS) {
		sound(ULAW, 1, ms);
		if (ms > PUBLISH_MS)
			sound(ULAW, 0, ms);
	}
	end();
	cr_assert_eq(told->count, 2);
	cr_assert_eq(told_track("a2")->publisher_track, 1, "who stays keeps its name");
	cr_assert_eq(told_track("a")->publisher_track, 0);
}

/* --- what is too large --- */

static uint8_t large[TRACKS_METADATA_MAX + 1];

/* Of each size the timeline takes a picture with it and a keyframe a second later. */
static void publish_with_config(size_t size) {
	memcpy(large, avc_config, sizeof avc_config);
	setup(SAMPLE_CONFIG, TRACK_VIDEO, FOURCC_AVC, 0, large, size);
	for (uint32_t ms = 0; ms < PUBLISH_MS; ms += FRAME_MS)
		picture(ms, ms % 1000 == 0);
}

Test(timeline_tracks, a_configuration_may_have_so_many_bytes) {
	publish_with_config(TRACK_CONFIG_MAX);
	end();
	cr_assert_eq(told_track("v")->config->size, TRACK_CONFIG_MAX);
	cr_assert_str_empty(warnings);
}

Test(timeline_tracks, a_larger_configuration_is_left_out_and_told_once) {
	picture_config();
	picture(0, true);
	for (int i = 0; i < 3; i++)
		publish_with_config(TRACK_CONFIG_MAX + 1);
	end();
	cr_assert_eq(told_track("v")->config->size, sizeof avc_config);
	cr_assert(strstr(warnings, "over 16 KiB"));
	cr_assert_null(strstr(strstr(warnings, "over 16 KiB") + 1, "over 16 KiB"), "told twice");
}

Test(timeline_tracks, a_larger_extra_is_left_out) {
	picture_config();
	setup(SAMPLE_EXTRA, TRACK_VIDEO, FOURCC_AVC, 0, large, TRACK_CONFIG_MAX);
	setup(SAMPLE_EXTRA, TRACK_VIDEO, FOURCC_AVC, 0, large, TRACK_CONFIG_MAX + 1);
	for (uint32_t ms = 0; ms < PUBLISH_MS; ms += FRAME_MS)
		picture(ms, ms % 1000 == 0);
	end();
	cr_assert_eq(told_track("v")->extra->size, TRACK_CONFIG_MAX);
	cr_assert(strstr(warnings, "over 16 KiB"));
}

Test(timeline_tracks, all_configurations_together_have_a_limit_too) {
	memcpy(large, avc_config, sizeof avc_config);
	for (unsigned i = 0; i < TRACKS_MAX; i++) {
		struct sample s = {.type = SAMPLE_CONFIG, .kind = TRACK_VIDEO, .fourcc = FOURCC_AVC};
		struct bytes *b = bytes_copy(large, TRACK_CONFIG_MAX);
		s.publisher_track = (uint8_t)i;
		push(s, 0, b);
		bytes_unref(&b);
	}
	for (uint32_t ms = 0; ms < PUBLISH_MS; ms += FRAME_MS)
		picture(ms, ms % 1000 == 0);
	end();
	cr_assert_eq(tracks_configs_size(told), TRACKS_CONFIGS_MAX);
	cr_assert_eq(told->count, TRACKS_CONFIGS_MAX / TRACK_CONFIG_MAX);
	cr_assert(strstr(warnings, "192 KiB with all the others"));
	cr_assert_eq(warned, 1);
}

Test(timeline_tracks, metadata_has_a_limit) {
	setup(SAMPLE_METADATA, TRACK_DATA, FOURCC_AMF0, 0, large, TRACKS_METADATA_MAX);
	setup(SAMPLE_METADATA, TRACK_DATA, FOURCC_AMF0, 0, large, TRACKS_METADATA_MAX + 1);
	publish_both();
	cr_assert_eq(told->metadata->size, TRACKS_METADATA_MAX);
	cr_assert(strstr(warnings, "over 64 KiB"));
}

/* A configuration may be replaced before a frame of it comes. */
Test(timeline_tracks, a_timescale_that_changes_and_changes_back_loses_no_time) {
	static const uint32_t scales[] = {1000, 7350, 8000, 44100, 48000, 90000};
	for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
		for (int64_t dts = 39690000004300; dts < 39690000004400; dts++) {
			struct lane l;
			lane_init(&l, 22050, 576);
			lane_recall(&l, dts);
			lane_retime(&l, scales[i], 1024);
			cr_assert_geq((__int128)l.last_dts * 22050, (__int128)dts * scales[i]);
			lane_retime(&l, 22050, 576);
			cr_assert_geq(l.last_dts, dts, "%u", scales[i]);
			cr_assert_leq(l.last_dts, dts + 22050 / scales[i] + 1, "%u", scales[i]);
		}
	}
}
