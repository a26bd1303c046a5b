/* The oracle itself: that it sees what it is there for. */
#include "common/codec/codec.h"
#include "tests/unit/common/stream/timeline_check.h"

#include <criterion/criterion.h>
#include <string.h>

static struct timeline_check *check;
static struct tracks *tracks;
static struct bytes *payload;
static uint64_t sequence, number;

enum { SECOND = VIDEO_TIMESCALE };

static void init(void) {
	check = timeline_check_new();
	tracks = tracks_copy(NULL);
	payload = bytes_new(1);
	tracks->target_ms = 2000;
	tracks->count = 2;
	tracks->items[0] =
	    (struct track){.id = 1, .kind = TRACK_VIDEO, .fourcc = FOURCC_AVC, .timescale = SECOND, .rendition = "source"};
	tracks->items[1] =
	    (struct track){.id = 2, .kind = TRACK_AUDIO, .fourcc = FOURCC_AAC, .timescale = 48000, .rendition = "source"};
	number = 10;
}

static void fini(void) {
	timeline_check_free(&check);
	tracks_unref(&tracks);
	bytes_unref(&payload);
}

TestSuite(timeline_check, .init = init, .fini = fini);

static void feed(struct entry *e) {
	cr_assert(e);
	e->epoch = 1;
	e->sequence = ++sequence;
	timeline_check_entry(check, e);
	entry_unref(&e);
}

static void mark(int64_t start) {
	struct mark m = {.number = number++, .start = start, .timescale = SECOND, .tracks = tracks};
	feed(entry_new_mark(&m, ticks_to_us(start, SECOND)));
}

static void video(int64_t dts, unsigned flags) {
	struct frame f = {.track = 1,
	                  .kind = TRACK_VIDEO,
	                  .fourcc = FOURCC_AVC,
	                  .flags = flags,
	                  .dts = dts,
	                  .pts = dts,
	                  .block = payload};
	feed(entry_new_frame(&f, ticks_to_us(dts, SECOND)));
}

/* Two segments of a second as they should be. */
static void begin_well(void) {
	mark(SECOND);
	video(SECOND, FRAME_KEY);
	video(SECOND * 3 / 2, 0);
	mark(2 * SECOND);
	video(2 * SECOND, FRAME_KEY);
	cr_assert_null(timeline_check_fault(check), "%s", timeline_check_fault(check));
}

static void assert_fault(const char *text) {
	const char *fault = timeline_check_fault(check);
	cr_assert(fault && strstr(fault, text), "wanted: %s; is: %s", text, fault ? fault : "none");
}

Test(timeline_check, sees_a_hole_in_the_numbers) {
	begin_well();
	number++;
	mark(3 * SECOND);
	assert_fault("follows mark");
}

Test(timeline_check, sees_a_hole_in_the_sequence) {
	begin_well();
	sequence++;
	video(2 * SECOND + 1, 0);
	assert_fault("sequence");
}

Test(timeline_check, sees_a_dts_that_stands_still) {
	begin_well();
	video(2 * SECOND, 0);
	assert_fault("dts");
}

Test(timeline_check, sees_a_segment_over_the_target) {
	begin_well();
	mark(2 * SECOND + SECOND * 51 / 20);
	assert_fault("over TARGETDURATION");
}

Test(timeline_check, sees_a_target_that_changes) {
	begin_well();
	tracks->target_ms = 3000;
	mark(3 * SECOND);
	assert_fault("TARGETDURATION was");
}

Test(timeline_check, sees_a_mark_where_packagers_have_been) {
	begin_well();
	video(2 * SECOND + 4000, 0);
	mark(2 * SECOND + 4000);
	assert_fault("passed");
}

Test(timeline_check, sees_a_mark_behind_a_progress) {
	begin_well();
	feed(entry_new_progress(2700000));
	mark(2 * SECOND + SECOND / 2);
	assert_fault("passed");
}

Test(timeline_check, sees_a_segment_that_does_not_begin_with_its_keyframe) {
	begin_well();
	mark(3 * SECOND);
	video(3 * SECOND, 0);
	assert_fault("another frame came");
}

Test(timeline_check, sees_a_frame_before_its_segment) {
	begin_well();
	mark(3 * SECOND);
	video(3 * SECOND - 1, FRAME_KEY);
	assert_fault("before its start");
}

Test(timeline_check, sees_a_frame_of_a_track_that_was_not_told) {
	begin_well();
	tracks->items[0].id = 3;
	video(2 * SECOND + 1, 0);
	assert_fault("no mark told");
}

Test(timeline_check, counts_segments_that_cannot_list_their_parts) {
	tracks->items[0].part_frames = 3;
	tracks->items[0].part_target_ms = 101;
	mark(SECOND);
	for (int i = 0; i < 30; i++) /* well */
		video(SECOND + i * 3000, i ? 0 : FRAME_KEY);
	mark(2 * SECOND);
	for (int i = 0; i < 12; i++) /* frames of 80 ms: two are over PART-TARGET, one is under 85 % */
		video(2 * SECOND + i * 7200, i ? 0 : FRAME_KEY);
	mark(3 * SECOND);
	video(3 * SECOND, FRAME_KEY);
	timeline_check_end(check, 2000);
	cr_assert_null(timeline_check_fault(check));
	cr_assert_eq(check->counts.parts, 10);
	cr_assert_eq(check->counts.abandoned, 1);
}
