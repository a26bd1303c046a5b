#include "edge/samples.h"

#include <criterion/criterion.h>
#include <uv.h>

static struct sample sample_of(enum sample_type type, enum track_kind kind, uint8_t track, const char *text) {
	struct bytes *b = bytes_copy(text, strlen(text));
	return (struct sample){.type = type, .kind = kind, .publisher_track = track, .block = b, .payload = bytes_slice(b)};
}

/* Notes it, and lets go of our own reference. */
static int note(struct samples *all, enum sample_type type, enum track_kind kind, uint8_t track, const char *text) {
	struct sample s = sample_of(type, kind, track, text);
	int err = samples_note(all, &s);
	bytes_unref(&s.block);
	return err;
}

static void expect_text(const struct sample *s, const char *text) {
	cr_expect_eq(s->payload.size, strlen(text));
	cr_expect_arr_eq(s->payload.data, text, strlen(text));
}

Test(samples, notes_what_describes_the_stream_the_newest_of_each_in_its_first_place) {
	struct samples all = {0};
	cr_assert_eq(note(&all, SAMPLE_METADATA, TRACK_DATA, 0, "meta"), 0);
	cr_assert_eq(note(&all, SAMPLE_CONFIG, TRACK_VIDEO, 0, "avc"), 0);
	cr_assert_eq(note(&all, SAMPLE_CONFIG, TRACK_AUDIO, 0, "aac"), 0);
	cr_assert_eq(note(&all, SAMPLE_CONFIG, TRACK_AUDIO, 1, "aac two"), 0);
	cr_assert_eq(note(&all, SAMPLE_EXTRA, TRACK_VIDEO, 0, "hdr"), 0);
	cr_assert_eq(note(&all, SAMPLE_FRAME, TRACK_VIDEO, 0, "frame"), 0);
	cr_assert_eq(note(&all, SAMPLE_DATA, TRACK_DATA, 0, "cue"), 0);
	cr_assert_eq(note(&all, SAMPLE_CONFIG, TRACK_VIDEO, 0, "avc of another size"), 0);
	cr_assert_eq(all.count, 5);
	expect_text(&all.items[0], "meta");
	expect_text(&all.items[1], "avc of another size");
	expect_text(&all.items[3], "aac two");
	cr_assert_eq(all.bytes, strlen("meta"
	                               "avc of another size"
	                               "aac"
	                               "aac two"
	                               "hdr"));
	samples_fini(&all);
	cr_assert_eq(all.count, 0);
}

Test(samples, of_more_tracks_than_any_encoder_has_are_refused) {
	struct samples all = {0};
	int err = 0;
	for (int track = 0; track < 256 && !err; track++)
		err = note(&all, SAMPLE_CONFIG, TRACK_VIDEO, (uint8_t)track, "v");
	cr_assert_eq(err, 0);
	cr_assert_eq(note(&all, SAMPLE_CONFIG, TRACK_AUDIO, 0, "a"), UV_E2BIG);
	cr_assert_eq(note(&all, SAMPLE_CONFIG, TRACK_VIDEO, 7, "again"), 0);
	samples_fini(&all);
}

Test(samples, are_kept_in_order_each_with_a_reference) {
	struct samples all = {0};
	struct sample s = sample_of(SAMPLE_FRAME, TRACK_VIDEO, 0, "frame");
	for (uint32_t i = 0; i < 100; i++) {
		s.timestamp_ms = i;
		cr_assert_eq(samples_add(&all, &s), 0);
	}
	cr_assert_eq(atomic_load(&s.block->counted.refs), 101);
	for (uint32_t i = 0; i < 100; i++)
		cr_assert_eq(all.items[i].timestamp_ms, i);
	cr_assert_eq(all.bytes, 500);
	samples_fini(&all);
	cr_assert_eq(atomic_load(&s.block->counted.refs), 1);
	bytes_unref(&s.block);
}
