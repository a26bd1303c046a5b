/*
 * Where a run is cut: TARGETDURATION holds whatever the first keyframes are.
 */
#include "common/stream/marker.h"

#include <criterion/criterion.h>
#include <math.h>

enum { SEGMENT_US = 2000000, START_US = 10000000, KEYS = 40 };

/* Another track had frames first, and the mark is its: the key track's first keyframe lies at the segment's start at
 * most, and is no place for a cut. */
static void check_gops(int64_t first_key_us, int64_t gop_us) {
	struct marker m;
	int64_t start_us = START_US, longest_us = 0;
	marker_init(&m, SEGMENT_US, 0);
	marker_begin(&m, START_US);
	for (int64_t i = 0, us = first_key_us; i < KEYS; i++, us += gop_us) {
		while (marker_overdue(&m, us - 1)) {
			longest_us = m.start_us - start_us > longest_us ? m.start_us - start_us : longest_us;
			start_us = m.start_us;
		}
		if (marker_frame(&m, us, true, 0, false) == MARKER_NONE)
			continue;
		longest_us = us - start_us > longest_us ? us - start_us : longest_us;
		start_us = us;
	}
	cr_assert_gt(longest_us, 0);
	cr_assert_leq(lround((double)longest_us / 1e6), m.target_ms / 1000, "GOPs of %ld us from %ld us: %ld us in %u ms",
	              (long)gop_us, (long)first_key_us, (long)longest_us, m.target_ms);
}

Test(marker, no_segment_outlasts_the_target_that_its_first_gops_fix) {
	for (int64_t gop_us = 100000; gop_us < 9000000; gop_us += 130000)
		for (int64_t before_us = 0; before_us <= 400000; before_us += 100000)
			check_gops(START_US - before_us, gop_us);
}

Test(marker, a_keyframe_at_the_segments_start_begins_its_first_gop) {
	struct marker m;
	marker_init(&m, SEGMENT_US, 0);
	marker_begin(&m, START_US);
	cr_assert_eq(marker_frame(&m, START_US, true, 0, false), MARKER_NONE);
	cr_assert_eq(marker_frame(&m, START_US + 2000000, true, 0, false), MARKER_CUT);
	cr_assert_eq(m.target_ms, 2000);
}
