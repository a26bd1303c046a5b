#include "common/stream/frozen.h"

#include <criterion/criterion.h>
#include <string.h>

static struct frozen picture;
static int64_t now_us = 1000000;
static uint8_t bytes[100000];

/* A frame each 40 ms. */
static void frame(bool key, size_t size) {
	now_us += 40000;
	frozen_frame(&picture, key, (struct slice){bytes, size}, now_us);
}

static void gop(size_t key, size_t others) {
	frame(true, key);
	for (int i = 1; i < 25; i++)
		frame(false, others);
}

Test(frozen, moves_while_frames_say_something) {
	for (int i = 0; i < 5; i++)
		gop(30000, 2000);
	cr_assert_eq(frozen_us(&picture, now_us), 0);
}

Test(frozen, stands_still_while_all_are_empty_and_keyframes_alike) {
	gop(30000, 2000);
	for (int i = 0; i < 3; i++)
		gop(30000 + 100 * (size_t)i, 50);
	cr_assert_geq(frozen_us(&picture, now_us), 2900000);
	frame(false, 2000);
	cr_assert_eq(frozen_us(&picture, now_us), 0, "it moves again");
}

Test(frozen, another_keyframe_is_another_picture) {
	gop(30000, 50);
	gop(60000, 50);
	cr_assert_leq(frozen_us(&picture, now_us), 1000000);
}

Test(frozen, of_keyframes_alone_only_the_same_bytes_stand_still) {
	for (int i = 0; i < 50; i++)
		frame(true, 30000);
	cr_assert_geq(frozen_us(&picture, now_us), 1900000);
	for (int i = 0; i < 50; i++) {
		bytes[17] = (uint8_t)i;
		frame(true, 30000);
	}
	cr_assert_eq(frozen_us(&picture, now_us), 0);
}

Test(frozen, no_frame_at_all_is_no_new_picture) {
	gop(30000, 2000);
	cr_assert_eq(frozen_us(&picture, now_us + 3000000), 3000000);
}

Test(frozen, who_sends_no_picture_has_none_that_stands_still) {
	cr_assert_eq(frozen_us(&picture, now_us), 0);
}
