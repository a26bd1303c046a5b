/* What is kept of a standby. */
#include "origin/shadow.h"

#include <criterion/criterion.h>
#include <uv.h>

static struct shadow shadow;
static struct align nobody;

static void fini(void) {
	shadow_fini(&shadow);
}

TestSuite(shadow, .fini = fini);

/* 25 frames a second, a keyframe each second. */
static int push(unsigned from_s, unsigned to_s, size_t bytes) {
	int err = 0;
	align_init(&nobody, 0);
	for (unsigned n = from_s * 25; n < to_s * 25; n++) {
		struct bytes *block = bytes_new(bytes);
		cr_assert_not_null(block);
		struct sample s = {.type = SAMPLE_FRAME,
		                   .kind = TRACK_VIDEO,
		                   .keyframe = n % 25 == 0,
		                   .timestamp_ms = n * 40,
		                   .block = block,
		                   .payload = bytes_slice(block)};
		err = shadow_push(&shadow, &s, n * 40000, NULL, NULL, &nobody, 1);
		cr_assert_neq(err, UV_ENOMEM);
		bytes_unref(&block);
	}
	return err;
}

Test(shadow, what_is_compared_as_it_comes_is_kept_from_the_newest_keyframe_on) {
	push(0, 10, 100);
	cr_assert_eq(shadow.next - shadow.first, 25);
	cr_assert(shadow.has_key);
	cr_assert_eq(shadow.key, shadow.first);
}

Test(shadow, what_is_compared_later_is_kept_for_as_long_as_three_gops_may_take) {
	shadow.whole = true;
	push(0, 20, 100);
	cr_assert_eq(shadow.first, 0);
	push(20, 50, 100);
	cr_assert_eq(shadow_at(&shadow, shadow.next - 1)->wall_us - shadow_at(&shadow, shadow.first)->wall_us,
	             SHADOW_WHOLE_US);
	cr_assert_eq(shadow.key, shadow.next - 25);
}

Test(shadow, bytes_are_bounded_in_any_case) {
	shadow.whole = true;
	push(0, 20, 1024 * 1024);
	cr_assert_leq(shadow.bytes, (size_t)SHADOW_BYTES_MAX);
	cr_assert_geq(shadow.bytes, (size_t)SHADOW_BYTES_MAX - 2 * 1024 * 1024);
}

Test(shadow, a_frame_is_kept_with_its_hash) {
	struct bytes *block = bytes_copy("frame", 5);
	struct sample s = {.type = SAMPLE_FRAME, .kind = TRACK_VIDEO, .block = block, .payload = bytes_slice(block)};
	struct align_frame f = {.kind = TRACK_VIDEO, .payload = bytes_slice(block)};
	align_init(&nobody, 0);
	shadow.whole = true;
	cr_assert_eq(shadow_push(&shadow, &s, 0, &f, NULL, &nobody, 1), 0);
	cr_assert_eq(shadow_at(&shadow, 0)->frame.hash, bytes_hash(bytes_slice(block)));
	bytes_unref(&block);
}
