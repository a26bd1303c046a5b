/*
 * The timeline's proof by simulation: encoders of all kinds, for minutes or for a whole day, and the oracle over what
 * comes out. Deterministic; the days are shorter under the sanitizers.
 */
#include "tests/unit/common/stream/encoder_model.h"
#include "tests/unit/common/stream/timeline_check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const int64_t WALL = 1800000000LL * 1000000;

#ifdef __SANITIZE_ADDRESS__
enum { MINUTE = 30, DAY = 3 * 3600 };
#else
enum { MINUTE = 60, DAY = 24 * 3600 };
#endif

/* A publish that was simulated to its end. */
struct outcome {
	struct timeline_counts counts;
	struct check_counts seen;
	struct timeline_run run;
};

static struct config *config;
static char warnings[2000];

static void init(void) {
	struct buffer why;
	buffer_init(&why, 0);
	cr_assert_eq(config_parse(&config, CONFIG_ORIGIN, &(struct config_sources){0}, &why), 0);
	buffer_fini(&why);
}

static void fini(void) {
	config_free(&config);
}

TestSuite(timeline_model, .init = init, .fini = fini, .timeout = 300);

static void on_entry(void *context, struct entry *e) {
	timeline_check_entry(context, e);
	entry_unref(&e);
}

static void on_warning(void *context, const char *what) {
	(void)context;
	strncat(warnings, what, sizeof warnings - strlen(warnings) - 1);
}

static const struct timeline_ops ops = {.on_entry = on_entry, .on_warning = on_warning};

static void describe(const struct encoder_model *m, char *text, size_t size) {
	snprintf(text, size, "fps %.3f audio %u gop %d of %.2f s, B %u%s%s, clock %g ppm, samples %g ppm, first %u ms",
	         m->fps, m->audio_rate, m->gop, m->gop_s, m->b_frames, m->variable ? ", variable" : "",
	         m->nearest ? ", nearest" : "", m->clock_ppm, m->samples_ppm, m->first_ms);
}

/* One epoch, after which the oracle must have nothing to say. */
static struct outcome simulate(struct encoder_model m) {
	struct outcome out = {0};
	char text[200];
	describe(&m, text, sizeof text);
	warnings[0] = 0;
	m.wall_us = WALL;
	m.seed = m.seed ? m.seed : 1;
	struct timeline_check *check = timeline_check_new();
	cr_assert(check);
	check->truth = true;
	struct timeline *t = timeline_new(config_app(config, "live", 4), 100, &out.run, &ops, check);
	cr_assert(t);
	cr_assert_eq(encoder_model_run(&m, t), 0);
	timeline_flush(t);
	timeline_check_end(check, out.run.target_ms);
	const char *fault = timeline_check_fault(check);
	cr_assert_null(fault, "%s: %s", text, fault);
	out.counts = timeline_counts(t);
	out.seen = check->counts;
	cr_assert_eq(out.counts.frames, out.seen.frames, "%s", text);
	cr_assert_eq(out.counts.marks, out.seen.marks, "%s", text);
	timeline_free(&t);
	timeline_check_free(&check);
	timeline_run_fini(&out.run);
	return out;
}

/* Of an encoder that does nothing strange, nothing is mended. */
static struct outcome simulate_sound(struct encoder_model m) {
	struct outcome o = simulate(m);
	char text[200];
	describe(&m, text, sizeof text);
	cr_assert_eq(o.counts.dropped, 0, "%s", text);
	cr_assert_eq(o.counts.splices, 0, "%s", text);
	cr_assert_eq(o.counts.discontinuities, 0, "%s", text);
	cr_assert_eq(o.counts.moved, 0, "%s", text);
	cr_assert_eq(o.counts.compositions, 0, "%s", text);
	cr_assert_eq(o.counts.regridded, 0, "%s", text);
	cr_assert_eq(o.counts.progress, 0, "%s", text);
	cr_assert_eq(o.counts.gaps, 0, "%s", text);
	cr_assert_lt(o.seen.worst_off_us, 5000, "%s: sound and picture parted by %f µs", text, o.seen.worst_off_us);
	return o;
}

static const double gops[] = {0.3, 0.5, 1, 1.1, 2, 2.5, 3.3, 4, 5, 6.6, 8.3};
static const double rates[] = {24000.0 / 1001, 25, 30000.0 / 1001, 30, 50, 60};

#define COUNT(array) (sizeof(array) / sizeof *(array))

Test(timeline_model, fixed_gops_are_cut_at_keyframes_into_whole_parts) {
	for (size_t g = 0; g < COUNT(gops); g++)
		for (size_t r = 0; r < COUNT(rates); r++)
			for (int nearest = 0; nearest < 2; nearest++) {
				struct encoder_model m = {.fps = rates[r],
				                          .audio_rate = r % 2 ? 44100 : 48000,
				                          .gop_s = gops[g],
				                          .nearest = nearest,
				                          .seconds = MINUTE};
				struct outcome o = simulate_sound(m);
				cr_assert_eq(o.counts.forced_marks, 0, "GOP %f fps %f", gops[g], rates[r]);
				cr_assert_geq(o.counts.marks, MINUTE / 9, "GOP %f fps %f", gops[g], rates[r]);
				cr_assert_eq(o.seen.abandoned, 0, "GOP %f fps %f: segments without their parts", gops[g], rates[r]);
				cr_assert_gt(o.seen.parts, 2 * MINUTE * 2, "GOP %f fps %f: %llu parts", gops[g], rates[r],
				             (unsigned long long)o.seen.parts);
				cr_assert_str_empty(warnings);
			}
}

Test(timeline_model, b_frames_change_nothing_of_it) {
	for (size_t g = 0; g < COUNT(gops); g++)
		for (unsigned b = 1; b <= 3; b++) {
			struct encoder_model m = {
			    .fps = rates[(g + b) % 6], .audio_rate = 44100, .gop_s = gops[g], .b_frames = b, .seconds = MINUTE};
			struct outcome o = simulate_sound(m);
			cr_assert_eq(o.counts.forced_marks, 0, "GOP %f", gops[g]);
			cr_assert_eq(o.seen.abandoned, 0, "GOP %f", gops[g]);
		}
}

Test(timeline_model, irregular_gops_and_scene_cuts_stay_within_the_target) {
	for (size_t g = 0; g < COUNT(gops); g++)
		for (uint32_t seed = 1; seed <= 10; seed++) {
			struct encoder_model m = {.seed = seed,
			                          .fps = rates[seed % 6],
			                          .audio_rate = 48000,
			                          .gop = seed % 2 ? GOP_IRREGULAR : GOP_SCENE_CUTS,
			                          .gop_s = gops[g],
			                          .b_frames = seed % 3,
			                          .seconds = 2 * MINUTE};
			struct outcome o = simulate_sound(m);
			/* A GOP longer than all before it may come too late, but for GOPs within the target that is rare. */
			cr_assert(gops[g] > 2 || o.counts.forced_marks <= o.counts.marks / 20, "GOP %f seed %u: %llu forced",
			          gops[g], seed, (unsigned long long)o.counts.forced_marks);
		}
}

Test(timeline_model, a_gop_without_end_is_cut_without_keyframes) {
	struct encoder_model m = {.fps = 30, .audio_rate = 48000, .gop = GOP_ENDLESS, .seconds = 5 * MINUTE};
	for (unsigned b = 0; b <= 3; b++) {
		m.b_frames = b;
		struct outcome o = simulate_sound(m);
		cr_assert_geq(o.counts.forced_marks, 5 * MINUTE / 11 - 1, "B %u", b);
		cr_assert_eq(o.seen.empty, 0, "B %u", b);
		cr_assert(strstr(warnings, "cut without one"));
	}
}

Test(timeline_model, video_alone) {
	for (size_t r = 0; r < COUNT(rates); r++) {
		struct encoder_model m = {.fps = rates[r], .gop_s = 2, .b_frames = r % 3, .seconds = 5 * MINUTE};
		struct outcome o = simulate_sound(m);
		cr_assert_geq(o.counts.marks, 5 * MINUTE / 2 - 1);
		cr_assert_eq(o.seen.abandoned, 0);
	}
}

Test(timeline_model, audio_alone_is_cut_at_the_wanted_length) {
	for (int is_44k = 0; is_44k < 2; is_44k++) {
		struct encoder_model m = {.audio_rate = is_44k ? 44100 : 48000, .seconds = 5 * MINUTE};
		struct outcome o = simulate_sound(m);
		cr_assert_geq(o.counts.marks, 5 * MINUTE / 2 - 1);
		cr_assert_leq(o.seen.longest_us, 2030000);
		cr_assert_eq(o.counts.forced_marks, 0);
		cr_assert_eq(o.seen.abandoned, 0);
	}
}

Test(timeline_model, a_variable_frame_rate_is_followed) {
	for (uint32_t seed = 1; seed <= 40; seed++) {
		struct encoder_model m = {.seed = seed,
		                          .fps = 30,
		                          .audio_rate = seed % 2 ? 48000 : 44100,
		                          .variable = true,
		                          .gop = seed % 4 == 3 ? GOP_ENDLESS : (enum gop_kind)(seed % 3),
		                          .gop_s = gops[seed % 11],
		                          .b_frames = seed % 3,
		                          .network_ms = 40,
		                          .seconds = 2 * MINUTE};
		simulate_sound(m);
	}
}

Test(timeline_model, wraps_of_24_31_and_32_bits_are_crossed) {
	static const uint64_t wraps[] = {1ull << 24, 1ull << 31, 1ull << 32};
	for (size_t w = 0; w < COUNT(wraps); w++)
		for (size_t r = 0; r < COUNT(rates); r++) {
			struct encoder_model m = {.fps = rates[r],
			                          .audio_rate = r % 2 ? 48000 : 44100,
			                          .gop_s = 2,
			                          .b_frames = r % 3,
			                          .first_ms = (uint32_t)(wraps[w] - 7000 - r * 13),
			                          .seconds = 20};
			simulate_sound(m);
		}
}

Test(timeline_model, an_audio_that_begins_late_keeps_its_distance) {
	static const double lates[] = {0.02, 0.3, 0.8, 1.5, 4};
	for (size_t l = 0; l < COUNT(lates); l++) {
		struct encoder_model m = {
		    .fps = 25, .audio_rate = 44100, .gop_s = 2, .audio_late_s = lates[l], .network_ms = 20, .seconds = MINUTE};
		simulate_sound(m);
	}
}

Test(timeline_model, frames_that_arrive_in_bursts_make_no_anchors) {
	struct encoder_model m = {
	    .fps = 30, .audio_rate = 48000, .gop_s = 2, .bursts_s = 1.7, .network_ms = 150, .seconds = 10 * MINUTE};
	struct outcome o = simulate_sound(m);
	cr_assert_leq(o.counts.anchors, 1, "%llu anchors", (unsigned long long)o.counts.anchors);
}

Test(timeline_model, a_picture_that_pauses_leaves_the_sound_going) {
	static const double ends[] = {9, 11, 25, 57};
	for (size_t p = 0; p < COUNT(ends); p++) {
		struct encoder_model m = {
		    .fps = 25, .audio_rate = 48000, .gop_s = 1, .stop_video = {7.3, ends[p]}, .seconds = MINUTE + 30};
		struct outcome o = simulate(m);
		cr_assert_eq(o.counts.dropped, 0);
		cr_assert_gt(o.counts.progress, 0);
		cr_assert_eq(o.counts.splices, 0);
		cr_assert_lt(o.seen.last_off_us, 5000, "paused until %f: off by %f", ends[p], o.seen.last_off_us);
	}
}

Test(timeline_model, a_clock_that_drifts_for_a_day_makes_anchors_and_parts_nothing, .timeout = 300) {
	for (int sign = -1; sign <= 1; sign += 2) {
		struct encoder_model m = {.fps = 25,
		                          .audio_rate = 48000,
		                          .gop_s = 2,
		                          .clock_ppm = sign * 100.0,
		                          .network_ms = 30,
		                          .first_ms = 4294000000u,
		                          .seconds = sign > 0 ? DAY : DAY / 2};
		struct outcome o = simulate_sound(m);
		double drift_ms = m.seconds * 0.1;
		cr_assert_geq((double)o.counts.anchors, drift_ms / 300, "%llu anchors", (unsigned long long)o.counts.anchors);
		cr_assert_leq((double)o.counts.anchors, drift_ms / 200 + 1);
		cr_assert_lt(o.seen.last_off_us, 5000);
		cr_assert_eq(o.seen.abandoned, 0);
	}
}

Test(timeline_model, a_sound_card_that_drifts_for_hours_is_followed, .timeout = 300) {
	for (int sign = -1; sign <= 1; sign += 2) {
		struct encoder_model m = {
		    .fps = 25, .audio_rate = 48000, .gop_s = 2, .samples_ppm = sign * 100.0, .seconds = DAY / 4};
		struct outcome o = simulate_sound(m);
		cr_assert_gt(o.counts.nudged, DAY / 4 * 4); /* 4.8 samples a second */
		cr_assert_eq(o.seen.abandoned, 0);
	}
}

Test(timeline_model, a_day_of_44_1_kHz_rounded_to_milliseconds_does_not_drift, .timeout = 300) {
	struct encoder_model m = {.fps = 5, .audio_rate = 44100, .gop_s = 2, .seconds = DAY};
	struct outcome o = simulate_sound(m);
	cr_assert_eq(o.counts.nudged, 0);
	cr_assert_eq(o.counts.anchors, 0);
	cr_assert_lt(o.seen.worst_off_us, 2000);
}
