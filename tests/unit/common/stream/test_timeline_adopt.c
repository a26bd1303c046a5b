/*
 * A timeline that is adopted from a log, beside one that lived through: both get the same frames from simulated
 * encoders, the adopted one by another encoder's clock, and must give them the same times and cut at the same places.
 */
#include "common/stream/timeline_adopt.h"
#include "tests/unit/common/stream/config.h"
#include "tests/unit/common/stream/encoder_model.h"
#include "tests/unit/common/stream/support.h"
#include "tests/unit/common/stream/timeline_check.h"

#include <string.h>
#include <uv.h>

static const int64_t WALL = 1800000000LL * 1000000;

enum { EPOCH = 100, NEXT_EPOCH = 200, MATCHED_US = 6000000 };

struct sent {
	struct sample sample;
	int64_t wall_us;
};

static struct config *config;
static struct worker *w;
static struct log lived; /* entries of the one that lived through */
static struct timeline *timeline, *adopted;
static struct timeline_run run, adopted_run;
static struct timeline_check *check; /* of the log, and what the adopted one adds to it */
static struct entry *given[100000];  /* by the adopted one */
static size_t given_count;
static struct sent sent[200000];
static size_t sent_count;
static uint64_t adopted_at; /* position in the log */
static uint32_t apart_ms;   /* the other encoder's clock − the first one's */
static int64_t adopt_us;    /* wall time */
static int64_t late_by_us;  /* the other encoder is behind by so much */

static void init(void) {
	config = test_config();
	w = still_worker_new();
	log_init(&lived, w, (struct log_limits){.duration_us = INT64_MAX, .bytes = SIZE_MAX});
	check = timeline_check_new();
	late_by_us = 0;
}

static void clear(void) {
	for (size_t i = 0; i < given_count; i++)
		entry_unref(&given[i]);
	for (size_t i = 0; i < sent_count; i++)
		bytes_unref(&sent[i].sample.block);
	given_count = sent_count = 0;
	timeline_free(&timeline);
	timeline_free(&adopted);
	timeline_run_fini(&run);
	timeline_run_fini(&adopted_run);
	run = adopted_run = (struct timeline_run){0};
	log_fini(&lived);
	log_init(&lived, w, (struct log_limits){.duration_us = INT64_MAX, .bytes = SIZE_MAX});
	timeline_check_reset(check);
}

static void fini(void) {
	clear();
	timeline_check_free(&check);
	log_fini(&lived);
	free(w);
	test_config_free(config);
}

TestSuite(timeline_adopt, .init = init, .fini = fini, .timeout = 300);

static const struct entry *lived_at(uint64_t position) {
	return (const struct entry *)log_at(&lived, position)->object;
}

static void on_lived(void *context, struct entry *e) {
	(void)context;
	if (!adopted)
		timeline_check_entry(check, e);
	struct log_item item = {
	    .object = &e->counted, .epoch = e->epoch, .sequence = e->sequence, .time_us = e->time_us, .size_bytes = 1};
	cr_assert_eq(log_append(&lived, &item), 0);
}

static void on_given(void *context, struct entry *e) {
	(void)context;
	cr_assert_lt(given_count, sizeof given / sizeof *given);
	given[given_count++] = e;
}

static void on_warning(void *context, const char *what) {
	(void)context;
	(void)what;
}

static const struct timeline_ops lived_ops = {.on_entry = on_lived, .on_warning = on_warning};
static const struct timeline_ops given_ops = {.on_entry = on_given, .on_warning = on_warning};

/* --- adopting --- */

static struct sample of_the_other(const struct sample *s) {
	struct sample other = *s;
	other.timestamp_ms += apart_ms;
	return other;
}

/* What run.c knows of a run by the copy's log. */
static void fill_run(void) {
	const struct entry *mark = NULL;
	for (uint64_t p = lived.first; p < lived.next; p++)
		mark = lived_at(p)->kind == ENTRY_MARK ? lived_at(p) : mark;
	cr_assert_not_null(mark);
	const struct tracks *t = mark->mark.tracks;
	adopted_run = (struct timeline_run){.run = t->run,
	                                    .tracks = tracks_ref((struct tracks *)t),
	                                    .base_us = t->base_us,
	                                    .highest_us = INT64_MAX / 4,
	                                    .last_number = mark->mark.number,
	                                    .discontinuity = mark->mark.discontinuity,
	                                    .next_track = (uint32_t)t->count,
	                                    .anchor = mark->mark.anchor,
	                                    .target_ms = t->target_ms};
}

/* The frames of the last seconds that the other encoder has sent too: their payloads are the same block. */
static size_t find_matches(struct timeline_match *out, struct sample *samples) {
	size_t count = 0, from = 0;
	for (uint64_t p = lived.first; p < lived.next; p++) {
		const struct entry *e = lived_at(p);
		if (e->kind != ENTRY_FRAME)
			continue;
		size_t i = from;
		while (i < sent_count && sent[i].sample.payload.data != e->frame.payload.data)
			i++;
		cr_assert_lt(i, sent_count);
		from = i;
		if (sent[i].wall_us < adopt_us - MATCHED_US || sent[i].wall_us > adopt_us - late_by_us)
			continue;
		samples[count] = of_the_other(&sent[i].sample);
		out[count] = (struct timeline_match){&e->frame, &samples[count], sent[i].wall_us};
		count++;
	}
	return count;
}

static void adopt(void) {
	struct timeline_match *matches = calloc(sent_count, sizeof *matches);
	struct sample *samples = calloc(sent_count, sizeof *samples);
	fill_run();
	struct timeline_legacy legacy = {.log = &lived, .matches = matches};
	legacy.count = find_matches(matches, samples);
	adopted = timeline_adopt(config_app(config, "live", 4), NEXT_EPOCH, &adopted_run, &legacy, &given_ops, NULL);
	cr_assert_not_null(adopted);
	adopted_at = lived.next;
	free(matches);
	free(samples);
}

static int take(void *context, const struct sample *s, int64_t wall_us) {
	(void)context;
	if (!adopted && wall_us >= adopt_us)
		adopt();
	cr_assert_lt(sent_count, sizeof sent / sizeof *sent);
	sent[sent_count++] = (struct sent){*s, wall_us};
	bytes_ref(s->block);
	struct sample other = of_the_other(s);
	int err = adopted ? timeline_push(adopted, &other, wall_us) : 0;
	return err ? err : timeline_push(timeline, s, wall_us);
}

/* --- comparing --- */

static void assert_same(const struct entry *a, const struct entry *b, const char *what, size_t nth) {
	cr_assert_eq(a->kind, b->kind, "%s: entry %zu is a %d, not a %d", what, nth, b->kind, a->kind);
	cr_assert_eq(a->time_us, b->time_us, "%s: entry %zu of kind %d at %lld, not %lld", what, nth, a->kind,
	             (long long)b->time_us, (long long)a->time_us);
	if (a->kind == ENTRY_FRAME) {
		cr_assert_eq(a->frame.track, b->frame.track, "%s", what);
		cr_assert_eq(a->frame.dts, b->frame.dts, "%s: frame %zu", what, nth);
		cr_assert_eq(a->frame.pts, b->frame.pts, "%s: frame %zu", what, nth);
		cr_assert_eq(a->frame.flags, b->frame.flags, "%s", what);
	}
	if (a->kind == ENTRY_MARK) {
		cr_assert_eq(a->mark.number, b->mark.number, "%s: mark %zu", what, nth);
		cr_assert_eq(a->mark.start, b->mark.start, "%s: mark %zu", what, nth);
		cr_assert_eq(a->mark.flags, b->mark.flags, "%s: mark %zu", what, nth);
		cr_assert_eq(a->mark.discontinuity, b->mark.discontinuity, "%s", what);
		cr_assert_eq(a->mark.tracks->revision, b->mark.tracks->revision, "%s: mark %zu", what, nth);
		cr_assert_eq(a->mark.tracks->target_ms, b->mark.tracks->target_ms, "%s", what);
	}
}

/* The old epoch goes on with its sequence; the new one begins with a mark at a keyframe, that says so. */
static void assert_epochs(const char *what) {
	uint64_t epoch = EPOCH, sequence = lived_at(adopted_at - 1)->sequence;
	for (size_t i = 0; i < given_count; i++) {
		const struct entry *e = given[i];
		if (e->epoch != epoch) {
			cr_assert_eq(e->kind, ENTRY_MARK, "%s", what);
			cr_assert_eq(e->epoch, NEXT_EPOCH);
			cr_assert_not(e->mark.flags & MARK_FORCED, "%s", what);
			cr_assert_eq(e->mark.after_epoch, epoch);
			cr_assert_eq(e->mark.after_sequence, sequence);
			cr_assert_eq(e->mark.period_us, e->time_us, "%s: a period of its own", what);
			epoch = e->epoch;
			sequence = 0;
		} else if (e->kind == ENTRY_MARK) {
			cr_assert_eq(e->mark.after_epoch, 0);
		}
		cr_assert_eq(e->sequence, ++sequence, "%s", what);
	}
	cr_assert_eq(epoch, NEXT_EPOCH, "%s: it was never reached", what);
}

static void play(struct encoder_model m, double at_s, const char *what) {
	m.wall_us = WALL;
	m.seed = m.seed ? m.seed : 1;
	m.take = take;
	adopt_us = WALL + (int64_t)(at_s * 1e6);
	timeline = timeline_new(config_app(config, "live", 4), EPOCH, &run, &lived_ops, NULL);
	cr_assert_eq(encoder_model_run(&m, NULL), 0);
	cr_assert_not_null(adopted);
	size_t expected = (size_t)(lived.next - adopted_at);
	for (size_t i = 0; i < given_count && i < expected; i++)
		assert_same(lived_at(adopted_at + i), given[i], what, i);
	cr_assert_eq(given_count, expected, "%s: %zu entries, not %zu", what, given_count, expected);
	cr_assert_gt(given_count, 300);
	assert_epochs(what);
	cr_assert_eq(adopted_run.highest_us, run.highest_us, "%s", what);
	cr_assert_eq(adopted_run.next_number, run.next_number, "%s", what);
	clear();
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const double rates[] = {24000.0 / 1001, 25, 30000.0 / 1001, 30, 50, 60};
static const double gops[] = {0.5, 1, 2, 3.3};
static const double moments[] = {11, 12.345, 14.02, 17.7};

Test(timeline_adopt, frames_get_the_times_that_they_would_have_got) {
	for (size_t r = 0; r < COUNT(rates); r++)
		for (size_t g = 0; g < COUNT(gops); g++)
			for (size_t k = 0; k < COUNT(moments); k++) {
				char what[100];
				apart_ms = (uint32_t)(1000 + 777 * k);
				snprintf(what, sizeof what, "%f fps, GOP %f, at %f", rates[r], gops[g], moments[k]);
				play((struct encoder_model){.fps = rates[r],
				                            .audio_rate = r % 2 ? 44100 : 48000,
				                            .gop_s = gops[g],
				                            .nearest = g % 2,
				                            .seconds = 40},
				     moments[k], what);
			}
}

Test(timeline_adopt, b_frames_and_irregular_gops_change_nothing_of_it) {
	for (unsigned b = 0; b <= 3; b++)
		for (enum gop_kind gop = GOP_IRREGULAR; gop <= GOP_SCENE_CUTS; gop++)
			for (uint32_t seed = 1; seed < 6; seed++) {
				char what[100];
				apart_ms = 123456789;
				snprintf(what, sizeof what, "B %u, GOPs %d, seed %u", b, gop, seed);
				play((struct encoder_model){.seed = seed,
				                            .fps = 25,
				                            .audio_rate = 44100,
				                            .gop = gop,
				                            .gop_s = 4,
				                            .b_frames = b,
				                            .seconds = 60},
				     21.3, what);
			}
}

Test(timeline_adopt, wraps_of_either_encoders_clock) {
	static const uint32_t firsts[] = {UINT32_MAX - 8000, UINT32_MAX - 12000, UINT32_MAX - 20000, 0};
	static const uint32_t aparts[] = {0, 5000, UINT32_MAX - 16000, 1u << 31};
	for (size_t f = 0; f < COUNT(firsts); f++)
		for (size_t a = 0; a < COUNT(aparts); a++) {
			char what[100];
			apart_ms = aparts[a];
			snprintf(what, sizeof what, "first %u, apart %u", firsts[f], aparts[a]);
			play(
			    (struct encoder_model){
			        .fps = 30, .audio_rate = 44100, .gop_s = 2, .first_ms = firsts[f], .seconds = 40},
			    12.2, what);
		}
}

Test(timeline_adopt, sound_alone_and_picture_alone) {
	apart_ms = 4242;
	play((struct encoder_model){.audio_rate = 44100, .seconds = 40}, 13.13, "44.1 kHz");
	play((struct encoder_model){.audio_rate = 48000, .nearest = true, .seconds = 40}, 13.13, "48 kHz");
	play((struct encoder_model){.fps = 25, .gop_s = 2, .seconds = 40}, 13.13, "picture");
}

Test(timeline_adopt, clocks_that_drift_and_frames_that_come_late) {
	apart_ms = 99;
	play((struct encoder_model){.fps = 25, .audio_rate = 48000, .gop_s = 2, .samples_ppm = 200, .seconds = 90}, 61,
	     "the sound card runs slow");
	play((struct encoder_model){.fps = 25, .audio_rate = 48000, .gop_s = 2, .network_ms = 80, .seconds = 40}, 15,
	     "jitter");
	play((struct encoder_model){.fps = 25, .variable = true, .audio_rate = 48000, .gop_s = 2, .seconds = 60}, 15,
	     "a variable rate");
}

Test(timeline_adopt, segments_without_a_keyframe_stay_in_the_old_epoch) {
	apart_ms = 7;
	play((struct encoder_model){.fps = 25, .audio_rate = 48000, .gop = GOP_FIXED, .gop_s = 25, .seconds = 80}, 31,
	     "GOPs longer than TARGETDURATION");
}

Test(timeline_adopt, an_encoder_that_is_behind_goes_on_when_it_is_there) {
	apart_ms = 31337;
	late_by_us = 700000;
	play((struct encoder_model){.fps = 30, .audio_rate = 44100, .gop_s = 2, .seconds = 40}, 14.3, "late");
}
