#include "common/stream/align.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* A programme at 25 frames a second with a keyframe each second, and a sound frame for each. */
enum { FPS = 25, FRAME_US = 40000, LATE_US = 100000 };

static const int64_t BASE[2] = {5000000, 77000000};

static struct align align;
static int64_t shift_us[2];   /* a side's timestamps are off by so much */
static uint64_t config_of[2]; /* of its video */
static const char *salt[2];   /* what its frames say beside their number */
static unsigned loop;         /* the programme repeats after so many frames; 0: never */

static void init(void) {
	align_init(&align, 0);
	salt[0] = salt[1] = "";
}

static void fini(void) {
	align_fini(&align);
}

TestSuite(align, .init = init, .fini = fini);

/* The nth frame of a track from a side, that comes at `wall_us`: is the stream to take it? */
static bool push_at(unsigned side, enum track_kind kind, unsigned n, int64_t wall_us) {
	char text[64];
	struct align_place place;
	snprintf(text, sizeof text, "%s%d-%u", salt[side], kind, loop ? n % loop : n);
	struct align_frame f = {.kind = kind,
	                        .key = kind == TRACK_VIDEO && n % FPS == 0,
	                        .config = kind == TRACK_VIDEO ? config_of[side] : 0,
	                        .time_us = BASE[side] + shift_us[side] + (int64_t)n * FRAME_US,
	                        .wall_us = wall_us,
	                        .payload = {(const uint8_t *)text, strlen(text)}};
	cr_assert_eq(align_push(&align, side, &f, &place), 0);
	return side == align.active && align_take(&align, side, &place);
}

static int64_t wall_of(unsigned side, unsigned n) {
	return (int64_t)n * FRAME_US + (side ? LATE_US : 0);
}

static bool push(unsigned side, enum track_kind kind, unsigned n) {
	return push_at(side, kind, n, wall_of(side, n));
}

/* Both send video and sound, side 1 from its `from`th frame on and a few frames late. */
static void both(unsigned from, unsigned to) {
	enum { LATE = LATE_US / FRAME_US };
	for (unsigned n = from; n < to + LATE; n++) {
		for (enum track_kind kind = TRACK_VIDEO; kind <= TRACK_AUDIO; kind++) {
			if (n < to)
				push(0, kind, n);
			if (n >= from + LATE)
				push(1, kind, n - LATE);
		}
	}
}

Test(align, three_keyframes_with_all_between_them_make_it) {
	both(0, 2 * FPS);
	cr_assert_not(align_is(&align));
	cr_assert_not_null(align.why_not);
	both(2 * FPS, 2 * FPS + 1);
	cr_assert(align_is(&align));
	cr_assert_eq(align_offset_us(&align), BASE[1] - BASE[0]);
}

Test(align, the_standby_may_begin_in_the_middle_of_a_gop) {
	for (unsigned n = 0; n < 10; n++)
		push(0, TRACK_VIDEO, n), push(0, TRACK_AUDIO, n);
	both(10, 4 * FPS);
	cr_assert(align_is(&align));
}

Test(align, one_frame_that_differs_ends_it) {
	both(0, 3 * FPS);
	push(0, TRACK_VIDEO, 3 * FPS);
	salt[1] = "other";
	push(1, TRACK_VIDEO, 3 * FPS);
	cr_assert_not(align_is(&align));
	cr_assert_str_eq(align.why_not, "their frames differ");
	salt[1] = "";
	both(3 * FPS + 1, 6 * FPS + 1);
	cr_assert(align_is(&align), "and three keyframes make it again");
}

Test(align, another_distance_in_time_ends_it) {
	both(0, 3 * FPS);
	shift_us[1] = 1000;
	both(3 * FPS, 3 * FPS + 5);
	cr_assert(align_is(&align), "milliseconds are rounded");
	shift_us[1] = 40000;
	both(3 * FPS + 5, 3 * FPS + 6);
	cr_assert_not(align_is(&align));
	cr_assert_str_eq(align.why_not, "the distance of their timestamps changed");
}

Test(align, another_configuration_is_another_stream) {
	config_of[1] = 7;
	both(0, 5 * FPS);
	cr_assert_not(align_is(&align));
}

/* One frame of sound, at a time that is the same for all of them. */
static void push_sound(unsigned side, unsigned n, const char *text) {
	struct align_place place;
	struct align_frame f = {.kind = TRACK_AUDIO,
	                        .time_us = BASE[side],
	                        .wall_us = (int64_t)n * 100,
	                        .payload = {(const uint8_t *)text, strlen(text)}};
	cr_assert_eq(align_push(&align, side, &f, &place), 0);
}

/* All frames of one with all of the other would be minutes of work. */
Test(align, sound_without_end_at_one_moment_costs_little, .timeout = 60) {
	char text[32];
	for (unsigned side = 0; side < 2; side++)
		push(side, TRACK_VIDEO, 0);
	for (unsigned n = 0; n < ALIGN_FRAMES_MAX; n++)
		for (unsigned side = 0; side < 2; side++) {
			snprintf(text, sizeof text, "%u of %u", n, side);
			push_sound(side, n, text);
		}
	cr_assert_not(align_is(&align));
}

Test(align, sound_that_waited_for_the_keyframes_is_found) {
	for (unsigned n = 1; n < 10; n++)
		for (unsigned side = 0; side < 2; side++)
			push(side, TRACK_AUDIO, n);
	both(FPS, 4 * FPS + 1);
	cr_assert(align_is(&align));
}

/* Silence, in frames that are shorter than the slack. */
static void push_silence(unsigned side, int from, int to) {
	for (int n = from; n < to; n++) {
		struct align_place place;
		struct align_frame f = {.kind = TRACK_AUDIO,
		                        .time_us = BASE[side] + n * 10000LL,
		                        .wall_us = n * 10000LL,
		                        .payload = {(const uint8_t *)"silence", 7}};
		cr_assert_eq(align_push(&align, side, &f, &place), 0);
	}
}

Test(align, sound_that_is_all_alike_is_paired_with_the_nearest) {
	for (unsigned side = 0; side < 2; side++)
		push(side, TRACK_VIDEO, 0);
	push_silence(1, -1, 20);
	push_silence(0, 0, 20);
	const struct align_track *sound = &align.tracks[1];
	cr_assert(sound->locked);
	cr_assert_eq(sound->shift, 1, "the other side began a frame earlier");
}

Test(align, sound_must_be_the_same_too) {
	for (unsigned n = 0; n < 5 * FPS; n++)
		for (unsigned side = 0; side < 2; side++) {
			salt[side] = "";
			push(side, TRACK_VIDEO, n);
			salt[side] = side ? "other" : "";
			push(side, TRACK_AUDIO, n);
		}
	cr_assert_not(align_is(&align));
	cr_assert_str_eq(align.why_not, "their sound or further tracks differ");
}

Test(align, a_track_that_only_one_has_stands_against_it) {
	for (unsigned n = 0; n < 5 * FPS; n++) {
		push(0, TRACK_VIDEO, n);
		push(1, TRACK_VIDEO, n);
		push(0, TRACK_AUDIO, n);
	}
	cr_assert_not(align_is(&align));
	cr_assert_str_eq(align.why_not, "one has a track that the other lacks");
}

/* Both begin anew, as encoders do that are restarted one after the other. */
static void restart(void) {
	align_reset(&align, "another encoder came");
}

Test(align, a_track_that_neither_sends_any_more_does_not_count) {
	both(0, FPS);
	for (unsigned n = 0; n < FPS; n++)
		push(0, TRACK_TEXT, n), push(1, TRACK_TEXT, n);
	restart();
	both(FPS, 4 * FPS + 1);
	cr_assert(align_is(&align));
}

Test(align, sound_decides_once_there_is_no_picture_any_more) {
	both(0, 4 * FPS);
	restart();
	for (unsigned n = 4 * FPS; n < 4 * FPS + ALIGN_SOUNDS + 1; n++)
		push(0, TRACK_AUDIO, n), push(1, TRACK_AUDIO, n);
	cr_assert(align_is(&align));
	both(4 * FPS + ALIGN_SOUNDS + 1, 4 * FPS + ALIGN_SOUNDS + 3);
	cr_assert_not(align_is(&align), "until a picture comes");
}

Test(align, too_many_tracks_are_forgotten_with_a_reset) {
	for (unsigned i = 0; i <= ALIGN_TRACKS_MAX; i++) {
		struct align_place place;
		struct align_frame f = {
		    .kind = TRACK_AUDIO, .publisher_track = (uint8_t)(i + 1), .payload = {(const uint8_t *)"x", 1}};
		cr_assert_eq(align_push(&align, 0, &f, &place), 0);
	}
	both(0, 4 * FPS);
	cr_assert_not(align_is(&align));
	restart();
	both(4 * FPS, 8 * FPS);
	cr_assert(align_is(&align), "their slots are free for others");
}

Test(align, sound_alone_takes_longer) {
	for (unsigned n = 0; n < ALIGN_SOUNDS; n++) {
		cr_assert_not(align_is(&align));
		push(0, TRACK_AUDIO, n);
		push(1, TRACK_AUDIO, n);
	}
	cr_assert(align_is(&align));
}

Test(align, of_keyframes_that_look_alike_the_nearest_are_a_pair) {
	loop = 2 * FPS;
	/* Side 1 comes 3 frames before side 0: its keyframes meet those of the lap before first. */
	for (unsigned n = 0; n < 10 * FPS; n++) {
		push_at(1, TRACK_VIDEO, n, (int64_t)n * FRAME_US);
		if (n >= 3)
			push_at(0, TRACK_VIDEO, n - 3, (int64_t)n * FRAME_US);
	}
	cr_assert(align_is(&align));
	cr_assert_eq(align_offset_us(&align), BASE[1] - BASE[0]);
}

Test(align, who_is_too_late_is_not_aligned) {
	both(0, 3 * FPS);
	cr_assert(align_is(&align));
	for (unsigned n = 3 * FPS; n < 3 * FPS + 9 * FPS; n++)
		push(0, TRACK_VIDEO, n);
	cr_assert_not(align_is(&align));
	cr_assert_str_eq(align.why_not, "the two are too far apart in time");
}

Test(align, memory_is_bounded) {
	for (unsigned n = 0; n < 3 * ALIGN_FRAMES_MAX; n++)
		push_at(n & 1, TRACK_VIDEO, n + 1, 0);
	for (unsigned side = 0; side < 2; side++)
		cr_assert_leq(align.tracks[0].sides[side].capacity, 2 * ALIGN_FRAMES_MAX);
}

/* --- switches --- */

Test(align, a_standby_that_is_behind_repeats_nothing) {
	both(0, 3 * FPS);
	for (unsigned n = 3 * FPS; n < 3 * FPS + 5; n++)
		cr_assert(push(0, TRACK_VIDEO, n));
	align_switch(&align);
	cr_assert(align_behind(&align));
	for (unsigned n = 3 * FPS; n < 3 * FPS + 5; n++)
		cr_assert_not(push(1, TRACK_VIDEO, n), "the stream has it");
	cr_assert_not(align_behind(&align));
	cr_assert(push(1, TRACK_VIDEO, 3 * FPS + 5));
	cr_assert(push(1, TRACK_AUDIO, 3 * FPS), "tracks are counted each by itself");
	cr_assert_not(align_torn(&align));
}

Test(align, a_standby_that_is_ahead_has_what_the_stream_lacks) {
	struct align_place places[5];
	both(0, 3 * FPS);
	for (unsigned n = 0; n < 5; n++) {
		push(1, TRACK_VIDEO, 3 * FPS + n);
		places[n] = (struct align_place){.track = 0, .nth = align.tracks[0].sides[1].next - 1};
	}
	cr_assert(push(0, TRACK_VIDEO, 3 * FPS));
	cr_assert_not(align_lacks(&align, 1, &places[0]));
	align_switch(&align);
	cr_assert_not(align_take(&align, 1, &places[0]));
	for (unsigned n = 1; n < 5; n++) {
		cr_assert(align_take(&align, 1, &places[n]));
		cr_assert_not(align_take(&align, 1, &places[n]), "once");
	}
	cr_assert(push(1, TRACK_VIDEO, 3 * FPS + 5));
}

Test(align, back_and_forth_each_frame_is_taken_once) {
	unsigned taken[3 * FPS + 40] = {0};
	both(0, 3 * FPS);
	for (unsigned n = 3 * FPS; n < 3 * FPS + 40; n++) {
		if (n % 7 == 0)
			align_switch(&align);
		for (unsigned side = 0; side < 2; side++)
			taken[n] += push(side, TRACK_VIDEO, n);
		if (n % 5 == 0)
			align_switch(&align);
	}
	for (unsigned n = 3 * FPS; n < 3 * FPS + 40; n++)
		cr_assert_eq(taken[n], 1, "frame %u", n);
	cr_assert(align_is(&align));
}

Test(align, a_difference_while_it_is_behind_is_told) {
	both(0, 3 * FPS);
	for (unsigned n = 3 * FPS; n < 3 * FPS + 5; n++)
		push(0, TRACK_VIDEO, n);
	align_switch(&align);
	salt[1] = "other";
	push(1, TRACK_VIDEO, 3 * FPS);
	cr_assert(align_torn(&align));
	align_reset(&align, "a test");
	cr_assert_not(align_torn(&align));
	cr_assert(push(1, TRACK_VIDEO, 3 * FPS + 1), "what comes from now on is the stream's");
}

Test(align, clocks_wrap) {
	struct align_clock c = {0};
	cr_assert_eq(align_clock_us(&c, 0xfffffff0), 0xfffffff0LL * 1000);
	cr_assert_eq(align_clock_us(&c, 0x10), 0x100000010LL * 1000);
	cr_assert_eq(align_clock_us(&c, 0xf), 0x10000000fLL * 1000);
}
