/*
 * Whole publishes through the timeline: what an encoder sends in, entries out, and what must hold of them.
 */
#include "common/codec/codec.h"
#include "common/stream/timeline.h"
#include "tests/unit/common/stream/config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t avc_config[] = {1,    0x42, 0xc0, 0x1e, 0xff, 0xe1, 0,    0x18, 0x67, 0x42, 0xc0, 0x1e, 0xda,
                                     0x02, 0x80, 0xbf, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03,
                                     0x00, 0xf0, 0x3c, 0x58, 0xba, 0x80, 0x01, 0x00, 0x04, 0x68, 0xce, 0x3c, 0x80};
static const uint8_t aac_48k[] = {0x11, 0x90}, aac_44k[] = {0x12, 0x10};

static const int64_t WALL = 1800000000LL * 1000000;

static struct config *config;
static struct timeline_run run;
static struct timeline *timeline;
static struct bytes *payload;
static uint64_t epoch, next_sequence;

/* What came out. */
static struct entry *out[400000];
static size_t count;
static char warnings[2000];

static void on_entry(void *context, struct entry *e) {
	(void)context;
	cr_assert_eq(e->epoch, epoch);
	cr_assert_eq(e->sequence, next_sequence++, "a sequence number was left out");
	cr_assert_lt(count, sizeof out / sizeof *out);
	out[count++] = e;
}

static void on_warning(void *context, const char *what) {
	(void)context;
	strncat(warnings, what, sizeof warnings - strlen(warnings) - 1);
}

static const struct timeline_ops ops = {.on_entry = on_entry, .on_warning = on_warning};

static void begin_epoch(uint64_t e) {
	epoch = e;
	next_sequence = 1;
	timeline = timeline_new(config_app(config, "live", 4), e, &run, &ops, NULL);
}

static void init(void) {
	struct buffer why;
	buffer_init(&why, 0);
	cr_assert_eq(config_parse(&config, CONFIG_ORIGIN, &(struct config_sources){0}, &why), 0);
	buffer_fini(&why);
	payload = bytes_new(20);
	begin_epoch(100);
}

static void drop_out(void) {
	for (size_t i = 0; i < count; i++)
		entry_unref(&out[i]);
	count = 0;
}

static void fini(void) {
	drop_out();
	timeline_free(&timeline);
	timeline_run_fini(&run);
	bytes_unref(&payload);
	config_free(&config);
}

TestSuite(timeline, .init = init, .fini = fini, .timeout = 120);

static void push(enum sample_type type, enum track_kind kind, uint32_t fourcc, uint32_t ms, int32_t cts, bool key,
                 struct slice s, int64_t wall_us) {
	struct sample sample = {.type = type,
	                        .kind = kind,
	                        .fourcc = fourcc,
	                        .timestamp_ms = ms,
	                        .composition_ms = cts,
	                        .keyframe = key,
	                        .block = payload,
	                        .payload = s};
	cr_assert_eq(timeline_push(timeline, &sample, wall_us), 0);
}

static void video_config(void) {
	push(SAMPLE_CONFIG, TRACK_VIDEO, FOURCC_AVC, 0, 0, true, (struct slice){avc_config, sizeof avc_config}, WALL);
}

static void audio_config(bool is_44k) {
	push(SAMPLE_CONFIG, TRACK_AUDIO, FOURCC_AAC, 0, 0, true, (struct slice){is_44k ? aac_44k : aac_48k, 2}, WALL);
}

static void video(uint32_t ms, int32_t cts, bool key, int64_t elapsed_us) {
	push(SAMPLE_FRAME, TRACK_VIDEO, FOURCC_AVC, ms, cts, key, bytes_slice(payload), WALL + elapsed_us);
}

static void audio(uint32_t ms, int64_t elapsed_us) {
	push(SAMPLE_FRAME, TRACK_AUDIO, FOURCC_AAC, ms, 0, true, bytes_slice(payload), WALL + elapsed_us);
}

/* --- what must hold of any output --- */

static void check_entries(void) {
	int64_t last_dts[8] = {0}, last_start_us = 0, target_us = 0;
	uint64_t last_number = 0;
	for (size_t i = 0; i < count; i++) {
		const struct entry *e = out[i];
		if (e->kind == ENTRY_FRAME && e->frame.track) {
			cr_assert_gt(e->frame.dts, last_dts[e->frame.track], "dts of track %u does not grow", e->frame.track);
			last_dts[e->frame.track] = e->frame.dts;
		}
		if (e->kind != ENTRY_MARK)
			continue;
		int64_t start_us = ticks_to_us(e->mark.start, e->mark.timescale);
		if (last_number) {
			cr_assert_eq(e->mark.number, last_number + 1, "numbers have a hole");
			if (e->mark.tracks->target_ms)
				target_us = (int64_t)e->mark.tracks->target_ms * 1000;
			double extinf = (double)(start_us - last_start_us) / 1e6;
			if (target_us)
				cr_assert_leq(round(extinf), (double)target_us / 1e6, "EXTINF %f over TARGETDURATION", extinf);
		}
		last_number = e->mark.number;
		last_start_us = start_us;
	}
}

static unsigned marks(void) {
	unsigned n = 0;
	for (size_t i = 0; i < count; i++)
		n += out[i]->kind == ENTRY_MARK;
	return n;
}

static const struct entry *nth_frame(uint32_t track, size_t n) {
	for (size_t i = 0; i < count; i++)
		if (out[i]->kind == ENTRY_FRAME && out[i]->frame.track == track && n-- == 0)
			return out[i];
	cr_assert_fail("frame %zu of track %u did not come", n, track);
	return NULL;
}

Test(timeline, begins_with_a_mark_that_tells_of_both_tracks) {
	video_config();
	audio_config(false);
	audio(0, 0);
	cr_assert_eq(count, 0, "began without the video");
	video(10, 40, true, 10000);
	cr_assert_eq(count, 3);
	cr_assert_eq(out[0]->kind, ENTRY_MARK);
	const struct tracks *t = out[0]->mark.tracks;
	cr_assert_eq(t->count, 2);
	cr_assert_eq(t->revision, 1);
	cr_assert_eq(t->items[0].info.width, 640);
	cr_assert_str_eq(t->items[1].name, "a");
	cr_assert_eq(t->items[1].timescale, 48000);
	const struct frame *f = &nth_frame(t->items[0].id, 0)->frame;
	cr_assert_eq(f->pts - f->dts, 40 * 90);
	cr_assert(f->flags & FRAME_KEY);
	cr_assert_not(nth_frame(t->items[1].id, 0)->frame.flags & FRAME_KEY, "audio beside video is no place to begin");
}

Test(timeline, frames_before_the_first_keyframe_are_left_out_and_told) {
	video_config();
	audio_config(false);
	video(0, 0, false, 0);
	audio(0, 0);
	video(33, 0, true, 33000);
	check_entries();
	cr_assert_eq(timeline_counts(timeline).dropped, 1);
	cr_assert(strstr(warnings, "before the first keyframe"));
}

Test(timeline, a_stream_of_one_kind_does_not_wait_for_ever) {
	audio_config(true);
	for (int i = 0; i < 200; i++)
		audio((uint32_t)(i * 1024 * 1000LL / 44100), i * 23220);
	check_entries();
	cr_assert_gt(count, 150);
	cr_assert(out[1]->frame.flags & FRAME_KEY, "in an audio-only stream every frame is a place to begin");
	cr_assert_geq(marks(), 2);
}

Test(timeline, media_time_begins_at_the_clock_and_then_follows_the_encoder_alone) {
	video_config();
	audio_config(false);
	audio(5000, 0);
	video(5000, 0, true, 0);
	video(5033, 0, false, 999000); /* late on the way */
	cr_assert_eq(nth_frame(1, 0)->time_us, WALL);
	cr_assert_eq(nth_frame(1, 1)->time_us, WALL + 33000);
}

/* Millisecond timestamps of sound and picture as an encoder rounds them, for a long time, across a wrap. */
static void run_long(uint32_t first_ms, int rate, bool is_44k, double seconds, double gop_s, double fps) {
	video_config();
	audio_config(is_44k);
	double a = 0, v = 0, audio_step = 1024.0 / rate, next_key = 0;
	while (a < seconds || v < seconds) {
		if (a <= v) {
			audio(first_ms + (uint32_t)(int64_t)floor(a * 1000), (int64_t)(a * 1e6));
			a += audio_step;
		} else {
			bool key = v >= next_key - 1e-9;
			next_key += key ? gop_s : 0;
			video(first_ms + (uint32_t)(int64_t)floor(v * 1000), 0, key, (int64_t)(v * 1e6));
			v += 1 / fps;
		}
	}
}

static void check_av_offset(int rate, double fps) {
	size_t na = 0, nv = 0;
	for (size_t i = 0; i < count; i++) {
		const struct entry *e = out[i];
		if (e->kind != ENTRY_FRAME)
			continue;
		double ideal = e->frame.kind == TRACK_AUDIO ? (double)na++ * 1024 / rate : (double)nv++ / fps;
		double is = (double)(e->time_us - WALL) / 1e6;
		cr_assert_lt(fabs(is - ideal), 0.005, "at %f s the track is off by %f s", ideal, is - ideal);
	}
}

Test(timeline, sound_and_picture_stay_within_5_ms_for_an_hour_across_the_wrap) {
	run_long(0xffffffff - 600000, 44100, true, 3600, 2, 29.97);
	check_entries();
	check_av_offset(44100, 29.97);
	cr_assert_eq(timeline_counts(timeline).splices, 0);
	cr_assert_eq(timeline_counts(timeline).moved, 0);
	cr_assert_eq(timeline_counts(timeline).regridded, 0);
}

Test(timeline, timestamps_pass_the_wraps_of_24_and_31_bits) {
	run_long((1u << 24) - 5000, 48000, false, 10, 1, 25);
	check_av_offset(48000, 25);
	drop_out();
	timeline_free(&timeline);
	timeline_run_fini(&run);
	run = (struct timeline_run){0};
	begin_epoch(200);
	run_long(0x7fffffff - 5000, 48000, false, 10, 1, 25);
	check_av_offset(48000, 25);
	cr_assert_eq(timeline_counts(timeline).splices, 0);
}

Test(timeline, segments_are_legal_for_all_kinds_of_gops) {
	static const double gops[] = {0.3, 0.5, 1, 1.1, 2, 2.5, 3.3, 4, 5, 6.6, 8.3};
	static const double rates[] = {15, 23.976, 25, 29.97, 30, 50, 60};
	for (size_t g = 0; g < sizeof gops / sizeof *gops; g++)
		for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
			drop_out();
			timeline_free(&timeline);
			timeline_run_fini(&run);
			run = (struct timeline_run){0};
			begin_epoch(1000 + g * 100 + r);
			run_long(0, 48000, false, 60, gops[g], rates[r]);
			check_entries();
			cr_assert_geq(marks(), 6, "GOP %f fps %f", gops[g], rates[r]);
			cr_assert_eq(timeline_counts(timeline).forced_marks, 0, "GOP %f fps %f", gops[g], rates[r]);
		}
}

Test(timeline, gops_that_outgrow_the_target_are_cut_without_a_keyframe) {
	video_config();
	audio_config(false);
	audio(0, 0);
	for (int i = 0; i < 25 * 60; i++)
		video((uint32_t)i * 40, 0, i == 0 || i == 50 || i == 1000, i * 40000);
	check_entries();
	cr_assert_gt(timeline_counts(timeline).forced_marks, 5);
	cr_assert(strstr(warnings, "cut without one"));
}

static void jump(int64_t by_ms) {
	video_config();
	audio_config(false);
	for (int i = 0; i < 500; i++) {
		uint32_t base = i < 250 ? 100000 : (uint32_t)(100000 + by_ms);
		audio(base + (uint32_t)i * 20, i * 20000);
		video(base + (uint32_t)i * 20, 0, i % 50 == 0, i * 20000);
	}
	check_entries();
	int64_t length = 0;
	for (size_t i = 0; i < count; i++)
		if (out[i]->kind == ENTRY_FRAME && out[i]->frame.kind == TRACK_VIDEO)
			length = out[i]->time_us - WALL;
	cr_assert_lt(llabs(length - 499 * 20000), 60000, "the jump is in the media time: %lld", (long long)length);
	cr_assert_lt(llabs(nth_frame(1, 499)->time_us - nth_frame(2, 499)->time_us), 25000, "sound and picture parted");
	bool told = false;
	for (size_t i = 0; i < count; i++)
		told |= out[i]->kind == ENTRY_MARK && out[i]->mark.flags & MARK_DISCONTINUITY;
	cr_assert(told, "no mark told of the discontinuity");
}

Test(timeline, a_jump_forward_is_spliced) {
	jump(3600000);
}

Test(timeline, a_jump_back_is_spliced) {
	jump(-90000);
}

Test(timeline, equal_and_disordered_timestamps_are_made_to_grow) {
	video_config();
	audio_config(false);
	audio(0, 0);
	for (int i = 0; i < 100; i++)
		video((uint32_t)(i / 2 * 40 + (i % 7 == 0 ? -10 : 0)), 0, i == 0, i * 20000);
	check_entries();
	cr_assert_gt(timeline_counts(timeline).moved, 10);
}

Test(timeline, another_configuration_takes_effect_at_a_mark) {
	uint8_t changed[sizeof avc_config];
	memcpy(changed, avc_config, sizeof changed);
	changed[sizeof changed - 1] ^= 1; /* another PPS */
	video_config();
	audio_config(false);
	audio(0, 0);
	for (int i = 0; i < 20; i++)
		video((uint32_t)i * 40, 0, i == 0, i * 40000);
	push(SAMPLE_CONFIG, TRACK_VIDEO, FOURCC_AVC, 800, 0, true, (struct slice){changed, sizeof changed}, WALL + 800000);
	video(800, 0, true, 800000);
	check_entries();
	const struct entry *mark = out[count - 2];
	cr_assert_eq(mark->kind, ENTRY_MARK, "no mark before the keyframe of the new configuration");
	cr_assert_eq(mark->mark.tracks->revision, 2);
	cr_assert_eq(mark->mark.discontinuity, out[0]->mark.discontinuity + 1);
	cr_assert(mark->mark.flags & MARK_DISCONTINUITY);
	cr_assert_eq(memcmp(mark->mark.tracks->items[0].config->data, changed, sizeof changed), 0);
	cr_assert_eq(out[0]->mark.tracks->items[0].id, mark->mark.tracks->items[0].id);
	push(SAMPLE_CONFIG, TRACK_VIDEO, FOURCC_AVC, 840, 0, true, (struct slice){changed, sizeof changed}, WALL + 840000);
	video(840, 0, true, 840000);
	cr_assert_eq(out[count - 1]->kind, ENTRY_FRAME);
	cr_assert_neq(out[count - 2]->kind, ENTRY_MARK, "the same configuration again is no change");
}

Test(timeline, the_next_publish_of_a_run_goes_on_in_time_and_numbers) {
	run_long(0, 48000, false, 5, 1, 25);
	int64_t last_us = run.highest_us;
	uint64_t number = run.next_number;
	uint32_t discontinuity = run.discontinuity, revision = run.tracks->revision;
	drop_out();
	timeline_flush(timeline);
	timeline_free(&timeline);
	begin_epoch(101);
	video_config();
	audio_config(false);
	audio(77, 2000000);
	video(77, 0, true, 2000000); /* the clock is behind the media: an encoder that had sent ahead */
	cr_assert_eq(out[0]->kind, ENTRY_MARK);
	cr_assert_eq(out[0]->mark.number, number);
	cr_assert_eq(out[0]->mark.discontinuity, discontinuity + 1);
	cr_assert_eq(out[0]->mark.tracks->run, 100);
	cr_assert_eq(out[0]->mark.tracks->revision, revision, "the same tracks are the same revision");
	cr_assert_geq(out[1]->time_us, last_us);
}

/* Sound of 48 kHz and a picture for each of its frames. */
static void frames_of_an_encoder(int from, int to, uint32_t base) {
	for (int i = from; i < to; i++) {
		video(base + (uint32_t)(i * 64 / 3), 0, i % 30 == 0, (int64_t)i * 64000 / 3);
		audio(base + (uint32_t)(i * 64 / 3), (int64_t)i * 64000 / 3);
	}
}

Test(timeline, an_encoder_that_goes_on_with_the_same_frames_is_not_noticed) {
	const uint32_t bases[2] = {5000, 0xfffff000};
	struct entry *alone[1000];
	size_t count_alone;
	video_config();
	audio_config(false);
	frames_of_an_encoder(0, 300, bases[0]);
	count_alone = count;
	memcpy(alone, out, count * sizeof *out);
	count = 0;
	timeline_free(&timeline);
	timeline_run_fini(&run);
	run = (struct timeline_run){0};
	begin_epoch(100);
	video_config();
	audio_config(false);
	frames_of_an_encoder(0, 100, bases[0]);
	timeline_rebase(timeline, bases[1] - bases[0]);
	frames_of_an_encoder(100, 200, bases[1]);
	timeline_rebase(timeline, bases[0] - bases[1]);
	frames_of_an_encoder(200, 300, bases[0]);
	cr_assert_eq(count, count_alone);
	for (size_t i = 0; i < count; i++) {
		cr_assert_eq(out[i]->kind, alone[i]->kind);
		cr_assert_eq(out[i]->time_us, alone[i]->time_us, "entry %zu", i);
		if (out[i]->kind == ENTRY_MARK)
			cr_assert_eq(out[i]->mark.number, alone[i]->mark.number);
		entry_unref(&alone[i]);
	}
	cr_assert_eq(timeline_counts(timeline).splices, 0);
	cr_assert_str_empty(warnings);
}

Test(timeline, metadata_is_kept_in_tracks_and_passed_on_in_mid_stream) {
	static const uint8_t first[] = "\x02\x00\x0aonMetaData\x05", second[] = "\x02\x00\x0aonMetaData\x06";
	push(SAMPLE_METADATA, TRACK_DATA, 0, 0, 0, false, (struct slice){first, sizeof first - 1}, WALL);
	video_config();
	audio_config(false);
	audio(0, 0);
	video(0, 0, true, 0);
	cr_assert_eq(out[0]->mark.tracks->metadata->size, sizeof first - 1);
	push(SAMPLE_METADATA, TRACK_DATA, 0, 0, 0, false, (struct slice){second, sizeof second - 1}, WALL);
	cr_assert_eq(out[count - 1]->frame.kind, TRACK_DATA);
	for (int i = 1; i < 100; i++)
		video((uint32_t)i * 40, 0, i % 25 == 0, i * 40000);
	for (size_t i = count; i-- > 0;)
		if (out[i]->kind == ENTRY_MARK) {
			cr_assert_eq(out[i]->mark.tracks->metadata->data[13], 6);
			break;
		}
	check_entries();
}

Test(timeline, a_silent_key_track_lets_the_others_pass) {
	video_config();
	audio_config(false);
	audio(0, 0);
	video(0, 0, true, 0);
	for (int i = 1; i < 100; i++)
		audio((uint32_t)(i * 1024 / 48), i * 21333);
	int64_t progress = 0;
	for (size_t i = 0; i < count; i++)
		if (out[i]->kind == ENTRY_PROGRESS)
			progress = out[i]->progress.time_us;
	cr_assert_gt(progress, WALL + 1000000);
	video(40, 0, false, 2200000); /* stamped before what was told */
	cr_assert_geq(out[count - 1]->time_us, progress);
	check_entries();
}
