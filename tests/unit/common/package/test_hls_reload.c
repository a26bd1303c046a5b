/*
 * Delivery directives as a table: what is asked for, where the playlist stands, what comes of it.
 */
#include "common/package/hls_reload.h"

#include <criterion/criterion.h>
#include <uv.h>

/* Segment 10 is open with two parts; 9 is whole with six. */
static const struct hls_position live = {
    .known = true, .next_msn = 10, .parts = 2, .last_parts = 6, .target_ms = 2000, .part_target_ms = 334};

static enum hls_reload decide(const char *query, const struct hls_position *p) {
	struct hls_directives d;
	const char *reason = NULL;
	cr_assert_eq(hls_directives_parse(&d, query), 0, "%s", query);
	enum hls_reload r = hls_reload_decide(&d, p, &reason);
	cr_assert_eq(r == HLS_REFUSE, reason != NULL);
	return r;
}

Test(hls_reload, answers_waits_or_refuses) {
	static const struct {
		const char *query;
		enum hls_reload is;
	} rows[] = {
	    {"", HLS_ANSWER},
	    {"_HLS_skip=YES", HLS_ANSWER},
	    {"token=x&_HLS_msn=9", HLS_ANSWER},
	    {"_HLS_msn=10", HLS_WAIT}, /* the whole of it */
	    {"_HLS_msn=11", HLS_WAIT},
	    {"_HLS_msn=12", HLS_WAIT},
	    {"_HLS_msn=13", HLS_REFUSE},
	    {"_HLS_msn=10&_HLS_part=0", HLS_ANSWER},
	    {"_HLS_msn=10&_HLS_part=1", HLS_ANSWER},
	    {"_HLS_msn=10&_HLS_part=2", HLS_WAIT},
	    {"_HLS_part=5&_HLS_msn=10", HLS_WAIT}, /* players that want whole segments ask for the last part */
	    {"_HLS_msn=11&_HLS_part=5", HLS_WAIT},
	    {"_HLS_msn=10&_HLS_part=100", HLS_REFUSE},
	    {"_HLS_msn=9&_HLS_part=5", HLS_ANSWER},
	    {"_HLS_msn=9&_HLS_part=6", HLS_ANSWER}, /* that is part 0 of 10, */
	    {"_HLS_msn=8&_HLS_part=9", HLS_ANSWER},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_assert_eq(decide(rows[i].query, &live), rows[i].is, "%s", rows[i].query);
}

Test(hls_reload, a_part_past_the_last_is_the_first_of_the_next_segment) {
	struct hls_position p = live;
	p.parts = 0;
	cr_assert_eq(decide("_HLS_msn=9&_HLS_part=6", &p), HLS_WAIT);
	cr_assert_eq(decide("_HLS_msn=9&_HLS_part=5", &p), HLS_ANSWER);
	p.last_parts = UINT32_MAX; /* it stopped listing parts: being whole is all that can be waited for */
	cr_assert_eq(decide("_HLS_msn=9&_HLS_part=6", &p), HLS_ANSWER);
}

Test(hls_reload, without_parts_only_whole_segments_count) {
	struct hls_position p = live;
	p.parts = 0;
	p.part_target_ms = 0;
	cr_assert_eq(decide("_HLS_msn=9&_HLS_part=50", &p), HLS_ANSWER);
	cr_assert_eq(decide("_HLS_msn=10&_HLS_part=0", &p), HLS_WAIT);
}

Test(hls_reload, after_the_end_directives_are_ignored) {
	struct hls_position p = live;
	p.ended = true;
	cr_assert_eq(decide("_HLS_msn=1000&_HLS_part=3", &p), HLS_ANSWER);
}

Test(hls_reload, before_the_first_segment_it_waits) {
	cr_assert_eq(decide("_HLS_msn=1000&_HLS_part=3", &(struct hls_position){.target_ms = 2000}), HLS_WAIT);
}

Test(hls_reload, long_parts_may_be_asked_for_three_ahead) {
	struct hls_position p = {.known = true, .next_msn = 10, .parts = 1, .target_ms = 2000, .part_target_ms = 2000};
	cr_assert_eq(decide("_HLS_msn=10&_HLS_part=3", &p), HLS_WAIT);
	cr_assert_eq(decide("_HLS_msn=10&_HLS_part=4", &p), HLS_REFUSE);
}

Test(hls_reload, malformed_directives_are_refused) {
	static const char *const wrong[] = {"_HLS_part=1",
	                                    "_HLS_msn=",
	                                    "_HLS_msn=-1",
	                                    "_HLS_msn=1x",
	                                    "_HLS_msn=1&_HLS_part=",
	                                    "_HLS_skip=NO",
	                                    "_HLS_msn=99999999999999999999"};
	struct hls_directives d;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_assert_eq(hls_directives_parse(&d, wrong[i]), UV_EINVAL, "%s", wrong[i]);
	cr_assert_eq(hls_directives_parse(&d, "a=b&&x&_HLS_msn=7&_HLS_skip=v2"), 0);
	cr_assert(d.has_msn && d.msn == 7 && d.skip && !d.has_part);
}

Test(hls_reload, waits_for_three_target_durations) {
	cr_assert_eq(hls_wait_ms(&live), 6000);
}
