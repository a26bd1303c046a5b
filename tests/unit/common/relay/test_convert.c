#include "common/relay/auth.h"
#include "common/relay/convert.h"
#include "tests/unit/common/stream/support.h"

#include <string.h>
#include <uv.h>

/* What is written is read again: Tracks are kept, entries collected. */
static struct tracks *tracks;
static struct entry *entries[8];
static size_t count;
static struct sample sample;
static int failure;

static int on_message(void *context, const struct relay_message *m) {
	(void)context;
	if (m->header->body_case == WEIR__RELAY__HEADER__BODY_TRACKS) {
		tracks_unref(&tracks);
		failure = relay_read_tracks(&tracks, m);
	} else if (m->header->body_case == WEIR__RELAY__HEADER__BODY_SAMPLE) {
		failure = relay_read_sample(&sample, m);
		if (!failure)
			bytes_ref(sample.block);
	} else {
		failure = relay_read_entry(&entries[count], m, tracks);
		count += failure == 0;
	}
	return 0;
}

static void read_back(struct buffer *b) {
	struct relay_reader r;
	relay_reader_init(&r, on_message, NULL);
	cr_assert_eq(relay_reader_feed(&r, b->block->data, b->size), 0);
	relay_reader_fini(&r);
	buffer_fini(b);
}

static void fini(void) {
	tracks_unref(&tracks);
	while (count)
		entry_unref(&entries[--count]);
	bytes_unref(&sample.block);
}

TestSuite(relay_convert, .fini = fini);

Test(relay_convert, a_frame_comes_back_as_it_was) {
	struct buffer b;
	struct entry *e = video_frame(7, 9, 40, true);
	e->frame.pts += 3600;
	buffer_init(&b, 0);
	relay_write_entry(&b, e, 5);
	read_back(&b);
	cr_assert_eq(count, 1);
	const struct entry *back = entries[0];
	cr_assert_eq(back->epoch, 7);
	cr_assert_eq(back->sequence, 9);
	cr_assert_eq(back->time_us, e->time_us);
	cr_assert_eq(back->frame.dts, e->frame.dts);
	cr_assert_eq(back->frame.pts, e->frame.pts);
	cr_assert_eq(back->frame.flags, FRAME_KEY);
	cr_assert_eq(back->frame.payload.size, e->frame.payload.size);
	cr_assert_arr_eq(back->frame.payload.data, e->frame.payload.data, e->frame.payload.size);
	entry_unref(&e);
}

Test(relay_convert, a_mark_brings_its_tracks_with_configurations_and_metadata) {
	struct buffer b;
	struct entry *e = mark_of(7, 1, 100, 4242);
	struct tracks *t = e->mark.tracks;
	t->target_ms = 4000;
	t->base_us = 123456;
	t->metadata = bytes_copy("meta", 4);
	t->items[0].info.width = 1280;
	t->items[0].info.ac3 = 0x4f20001;
	t->items[0].frame_ticks = 3003;
	t->items[0].part_frames = 10;
	t->items[0].part_target_ms = 335;
	strcpy(t->items[0].info.rfc6381, "avc1.64001f");
	strcpy(t->items[0].language, "en-GB");
	e->mark.discontinuity = 3;
	e->mark.flags = MARK_DISCONTINUITY;
	e->mark.anchor = (struct anchor){2, 1000, 2000};
	e->mark.period_us = 900;
	e->mark.after_epoch = 6;
	e->mark.after_sequence = 555;
	buffer_init(&b, 0);
	relay_write_entry(&b, e, 5);
	read_back(&b);
	cr_assert_eq(count, 1);
	const struct mark *m = &entries[0]->mark;
	cr_assert_eq(m->number, 4242);
	cr_assert_eq(m->start, e->mark.start);
	cr_assert_eq(m->timescale, e->mark.timescale);
	cr_assert_eq(m->discontinuity, 3);
	cr_assert_eq(m->flags, MARK_DISCONTINUITY);
	cr_assert_eq(memcmp(&m->anchor.media_us, &e->mark.anchor.media_us, 16), 0);
	cr_assert_eq(m->after_epoch, 6);
	cr_assert_eq(m->after_sequence, 555);
	cr_assert_eq(m->period_us, 900);
	cr_assert_eq(m->tracks->target_ms, 4000);
	cr_assert_eq(m->tracks->base_us, 123456);
	cr_assert_eq(m->tracks->metadata->size, 4);
	cr_assert_eq(m->tracks->items[0].info.width, 1280);
	cr_assert_eq(m->tracks->items[0].info.ac3, 0x4f20001);
	cr_assert_eq(m->tracks->items[0].frame_ticks, 3003);
	cr_assert_eq(m->tracks->items[0].part_frames, 10);
	cr_assert_eq(m->tracks->items[0].part_target_ms, 335);
	cr_assert_str_eq(m->tracks->items[0].info.rfc6381, "avc1.64001f");
	cr_assert_str_eq(m->tracks->items[0].language, "en-GB");
	cr_assert(track_same_config(&m->tracks->items[0], &t->items[0]));
	entry_unref(&e);
}

Test(relay_convert, progress_and_end_come_back) {
	struct buffer b;
	const struct track_end ends[] = {{.track = 1, .end = 162000000000000}, {.track = 2, .end = -5}};
	struct entry *p = entry_new_progress(5000), *e = entry_new_end("done", ends, 2, 6000);
	p->epoch = e->epoch = 7;
	p->sequence = 4;
	e->sequence = 5;
	buffer_init(&b, 0);
	relay_write_entry(&b, p, 1);
	relay_write_entry(&b, e, 1);
	read_back(&b);
	cr_assert_eq(count, 2);
	cr_assert_eq(entries[0]->kind, ENTRY_PROGRESS);
	cr_assert_eq(entries[0]->progress.time_us, 5000);
	cr_assert_str_eq(entries[1]->end.reason, "done");
	cr_assert_eq(entries[1]->sequence, 5);
	cr_assert_eq(entries[1]->end.count, 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(entries[1]->end.tracks[i].track, ends[i].track);
		cr_assert_eq(entries[1]->end.tracks[i].end, ends[i].end);
	}
	entry_unref(&p);
	entry_unref(&e);
}

Test(relay_convert, a_mark_of_unknown_tracks_is_refused) {
	struct buffer b;
	Weir__Relay__Mark h_body = WEIR__RELAY__MARK__INIT;
	h_body.revision = 9;
	h_body.timescale = 90000;
	RELAY_HEADER(h, mark, MARK);
	buffer_init(&b, 0);
	relay_write(&b, &h, (struct slice){0});
	read_back(&b);
	cr_assert_eq(failure, UV_ENOENT);
}

Test(relay_convert, tracks_out_of_range_are_refused) {
	struct buffer b;
	struct tracks *t = one_video_track(1);
	t->items[0].timescale = 0;
	buffer_init(&b, 0);
	relay_write_tracks(&b, t, 1);
	read_back(&b);
	cr_assert_eq(failure, UV_EINVAL, "a timescale of 0 would be divided by");
	t->items[0].timescale = 1;
	strcpy(t->items[0].name, "../v");
	buffer_init(&b, 0);
	relay_write_tracks(&b, t, 1);
	read_back(&b);
	cr_assert_eq(failure, UV_EINVAL, "names go into URLs");
	tracks_unref(&t);
}

Test(relay_convert, a_sample_comes_back_as_it_was) {
	struct buffer b;
	struct bytes *block = bytes_copy("payload", 7);
	struct sample s = {.type = SAMPLE_CONFIG,
	                   .kind = TRACK_AUDIO,
	                   .fourcc = FOURCC_AAC,
	                   .publisher_track = 3,
	                   .flv_audio = 0xaf,
	                   .keyframe = true,
	                   .timestamp_ms = 0xfffffff0,
	                   .composition_ms = -40,
	                   .nano_offset = 999999,
	                   .block = block,
	                   .payload = bytes_slice(block)};
	buffer_init(&b, 0);
	relay_write_sample(&b, &s, 1);
	read_back(&b);
	cr_assert_eq(failure, 0);
	cr_assert(sample.type == s.type && sample.kind == s.kind && sample.fourcc == s.fourcc);
	cr_assert(sample.publisher_track == 3 && sample.flv_audio == 0xaf && sample.keyframe);
	cr_assert(sample.timestamp_ms == 0xfffffff0 && sample.composition_ms == -40 && sample.nano_offset == 999999);
	cr_assert_eq(memcmp(sample.payload.data, "payload", 7), 0);
	bytes_unref(&block);
}

Test(relay_auth, the_proof_depends_on_the_secret_the_hellos_and_who_proves) {
	uint8_t a[RELAY_MAC_SIZE], b[RELAY_MAC_SIZE];
	struct slice x = {(const uint8_t *)"hello x", 7}, y = {(const uint8_t *)"hello y", 7}, none = {0};
	cr_assert_eq(relay_mac(a, "secret", RELAY_CONNECTER, x, y, none), 0);
	cr_assert_eq(relay_mac(b, "secret", RELAY_CONNECTER, x, y, none), 0);
	cr_assert(relay_mac_equal(a, (struct slice){b, sizeof b}));
	cr_assert_not(relay_mac_equal(a, (struct slice){b, sizeof b - 1}));
	relay_mac(b, "Secret", RELAY_CONNECTER, x, y, none);
	cr_assert_not(relay_mac_equal(a, (struct slice){b, sizeof b}));
	relay_mac(b, "secret", RELAY_ACCEPTER, x, y, none);
	cr_assert_not(relay_mac_equal(a, (struct slice){b, sizeof b}), "a proof could be reflected");
	relay_mac(b, "secret", RELAY_CONNECTER, y, x, none);
	cr_assert_not(relay_mac_equal(a, (struct slice){b, sizeof b}));
	relay_mac(b, "secret", RELAY_CONNECTER, x, y, x);
	cr_assert_not(relay_mac_equal(a, (struct slice){b, sizeof b}));
}
