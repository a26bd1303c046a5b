/* What a new owner goes on with: a copy's log, and the map. */
#include "origin/run.h"
#include "tests/unit/common/stream/support.h"

#include <string.h>

enum { EPOCH = 7 };

static struct worker *worker;
static struct stream stream;
static struct rendition source;
static struct timeline_run run;
static struct tracks *tracks;

static void init(void) {
	worker = still_worker_new();
	stream = (struct stream){.name = {.text = "live/cam1"}, .run = 5, .epoch = EPOCH};
	source = (struct rendition){.stream = &stream, .name = RENDITION_SOURCE};
	run = (struct timeline_run){0};
	list_init(&stream.renditions);
	list_append(&stream.renditions, &source.node);
	log_init(&source.log, worker, (struct log_limits){.duration_us = 60000000, .bytes = 1 << 20});
	tracks = tracks_copy(NULL);
	*tracks = (struct tracks){
	    .counted = tracks->counted, .revision = 3, .run = 5, .base_us = 1000000, .target_ms = 2000, .count = 1};
	tracks->items[0] = (struct track){.id = 4, .kind = TRACK_VIDEO, .timescale = VIDEO_TIMESCALE};
	stream.tracks = tracks;
}

static void fini(void) {
	log_fini(&source.log);
	timeline_run_fini(&run);
	tracks_unref(&tracks);
	free(worker);
}

TestSuite(run, .init = init, .fini = fini);

static void append(struct entry *e) {
	struct log_item item = {.object = &e->counted, .epoch = e->epoch, .sequence = e->sequence, .time_us = e->time_us};
	cr_assert_eq(log_append(&source.log, &item), 0);
	if (e->time_us > stream.highest_us)
		stream.highest_us = e->time_us;
	if (e->kind == ENTRY_FRAME)
		tails_note(&source.tails, e->epoch, 4, e->frame.dts, false);
}

static void append_mark(uint64_t sequence, uint64_t number, int64_t ms) {
	struct mark m = {.number = number,
	                 .start = ms * 90,
	                 .timescale = VIDEO_TIMESCALE,
	                 .discontinuity = 2,
	                 .anchor = {.revision = 6, .media_us = 10, .wall_us = 20},
	                 .tracks = tracks};
	struct entry *e = entry_new_mark(&m, ms * 1000);
	e->epoch = EPOCH;
	e->sequence = sequence;
	append(e);
}

static void fill(void) {
	append_mark(1, 100, 0);
	append(video_frame(EPOCH, 2, 0, true));
	append_mark(3, 101, 2000);
	append(video_frame(EPOCH, 4, 2000, true));
	append(video_frame(EPOCH, 5, 2040, false));
}

Test(run, a_copy_goes_on_behind_all_that_is_in_its_log) {
	fill();
	run_adopt(&run, &stream);
	cr_assert_eq(run.run, 5);
	cr_assert_eq(run.tracks, tracks);
	cr_assert_eq(run.base_us, 1000000);
	cr_assert_eq(run.target_ms, 2000);
	cr_assert_eq(run.next_track, 4);
	cr_assert_eq(run.last_number, 101);
	cr_assert_eq(run.next_number, 103, "its owner may have set one more");
	cr_assert_eq(run.start_us, 2000000);
	cr_assert_eq(run.discontinuity, 2);
	cr_assert_eq(run.anchor.revision, 6);
	cr_assert_eq(run.highest_us, 2080000, "the last frame lasts as long as the one before");
}

Test(run, what_the_map_or_an_edge_knows_beyond_it_counts) {
	fill();
	run =
	    (struct timeline_run){.run = 5, .last_number = 103, .next_number = 105, .highest_us = 9000000, .next_track = 8};
	stream.told_number = 200;
	run_adopt(&run, &stream);
	cr_assert_eq(run.last_number, 103);
	cr_assert_eq(run.next_number, 105);
	cr_assert_eq(run.least_number, 201, "an edge has shown that one");
	cr_assert_eq(run.highest_us, 9000000);
	cr_assert_eq(run.next_track, 8);
	cr_assert_eq(run.tracks, tracks);
}

Test(run, a_copy_of_an_older_run_says_nothing) {
	fill();
	run = (struct timeline_run){.run = 6, .next_number = 9};
	run_adopt(&run, &stream);
	cr_assert_eq(run.run, 6);
	cr_assert_eq(run.next_number, 9);
	cr_assert_null(run.tracks);
}

Test(run, a_copy_without_a_mark_says_nothing) {
	run_adopt(&run, &stream);
	cr_assert_eq(run.run, 0);
	cr_assert_null(run.tracks);
}

Test(run, the_map_s_run_goes_on_within_the_grace_and_numbers_are_never_used_again) {
	struct config_app config = {.package_segment = 2000, .stream_grace = 15000};
	struct registry_claim c = {
	    .epoch = 9, .known = true, .previous = {.run = 5, .epoch = 8, .number = 50, .wall_us = 1000000000, .track = 3}};
	run_take(&run, &c, &config, 1005000000);
	cr_assert_eq(run.run, 5);
	cr_assert_eq(run.next_number, 54);
	cr_assert_eq(run.next_track, 3);
	run = (struct timeline_run){0};
	run_take(&run, &c, &config, 1100000000);
	cr_assert_eq(run.run, 0, "a new one");
	cr_assert_gt(run.next_number, 50);
}
