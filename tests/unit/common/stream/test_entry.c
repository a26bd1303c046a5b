#include "tests/unit/common/stream/support.h"

Test(entry, time_conversion_rounds_to_nearest_and_survives_wall_clock_sizes) {
	cr_assert_eq(ticks_to_us(1, 90000), 11);
	cr_assert_eq(ticks_to_us(-1, 90000), -11);
	cr_assert_eq(us_to_ticks(11, 90000), 1);
	int64_t wall_us = 4102444800LL * 1000000; /* the year 2100 */
	cr_assert_eq(ticks_to_us(us_to_ticks(wall_us, 90000), 90000), wall_us);
	cr_assert_eq(us_to_ticks(1000000, 44100), 44100);
}

Test(entry, a_frame_keeps_its_payload_alive) {
	struct entry *e = video_frame(1, 1, 40, true);
	cr_assert_eq(e->frame.payload.data[4], 0x65);
	cr_assert_eq(e->time_us, 40000);
	struct entry *second = entry_ref(e);
	entry_unref(&e);
	cr_assert_null(e);
	cr_assert_eq(second->frame.payload.size, 5);
	entry_unref(&second);
}

Test(entry, a_mark_keeps_its_tracks_alive) {
	struct entry *e = mark_of(1, 1, 0, 77);
	cr_assert_eq(e->mark.tracks->items[0].config->size, 6);
	entry_unref(&e);
}

Test(entry, a_mark_counts_with_the_tracks_that_it_keeps) {
	struct entry *e = mark_of(1, 1, 0, 77);
	struct tracks *t = e->mark.tracks;
	size_t before = entry_size(e);
	cr_assert_gt(before, sizeof *e + sizeof *t);
	t->metadata = bytes_new(1000);
	t->items[0].extra = bytes_new(500);
	bytes_unref(&t->items[0].config);
	cr_assert_eq(entry_size(e), before + 1000 + 500 - strlen("config"));
	entry_unref(&e);
}

Test(tracks, a_copy_is_independent_and_compares_equal) {
	struct tracks *a = one_video_track(1);
	struct tracks *b = tracks_copy(a);
	cr_assert(track_same_config(&a->items[0], &b->items[0]));
	bytes_unref(&b->items[0].config);
	b->items[0].config = bytes_copy("other", 5);
	cr_assert_not(track_same_config(&a->items[0], &b->items[0]));
	tracks_unref(&a);
	cr_assert_eq(b->items[0].config->size, 5);
	tracks_unref(&b);
}

Test(tracks, key_track_is_the_first_video_else_the_first_audio_of_the_rendition) {
	struct tracks *t = tracks_copy(NULL);
	t->count = 3;
	t->items[0] = (struct track){.id = 1, .kind = TRACK_AUDIO, .rendition = "source"};
	t->items[1] = (struct track){.id = 2, .kind = TRACK_VIDEO, .rendition = "source"};
	t->items[2] = (struct track){.id = 3, .kind = TRACK_VIDEO, .rendition = "720p"};
	cr_assert_eq(tracks_key(t, "source")->id, 2);
	cr_assert_eq(tracks_key(t, "720p")->id, 3);
	t->items[1].kind = TRACK_DATA;
	cr_assert_eq(tracks_key(t, "source")->id, 1);
	cr_assert_null(tracks_key(t, "480p"));
	tracks_unref(&t);
}
