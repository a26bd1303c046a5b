#include "common/mux/ts.h"
#include "tests/unit/common/codec/sample.h"
#include "tests/unit/common/mux/packets.h"

#include <uv.h>

#define SPS "6764000dacd94141fb0e10000003001000000303c0f1429960"
#define PPS "68ef8fcb"
#define AVC_RECORD "0164000dffe10019" SPS "010004" PPS "fdf8f800"
#define DELIMITER "0000000109f0"

enum { VIDEO = 1, SOUND = 2, VIDEO_PID = 0x100, SOUND_PID = 0x101, PMT = 0x1000, FRAME_TICKS = 3000 };

/* Past the 33 bits, as media time is. */
static const int64_t start = INT64_C(153000000000000);
static const int64_t wrap = INT64_C(1) << 33;

static struct tracks *tracks;
static struct ts_muxer muxer;
static struct buffer out;

static void add_track(uint32_t id, enum track_kind kind, uint32_t fourcc, const char *config) {
	struct track *t = &tracks->items[tracks->count++];
	*t = (struct track){.id = id, .kind = kind, .fourcc = fourcc, .rendition = "source"};
	t->timescale = kind == TRACK_VIDEO ? VIDEO_TIMESCALE : 48000;
	struct sample s = sample_hex(config);
	t->config = s.size ? bytes_copy(s.data, s.size) : NULL;
	sample_free(&s);
}

/* A stream of H.264 and AAC, of 48 kHz and two channels. */
static void setup(void) {
	tracks = tracks_copy(NULL);
	cr_assert(tracks);
	tracks->revision = 1;
	add_track(VIDEO, TRACK_VIDEO, FOURCC_AVC, AVC_RECORD);
	add_track(SOUND, TRACK_AUDIO, FOURCC_AAC, "1190");
	buffer_init(&out, 0);
}

static struct ts_program program(void) {
	return (struct ts_program){tracks, "source"};
}

static void begin(void) {
	cr_assert_eq(ts_muxer_init(&muxer, &(struct ts_program){tracks, "source"}), 0);
}

static void teardown(void) {
	ts_muxer_fini(&muxer);
	tracks_unref(&tracks);
	buffer_fini(&out);
}

static struct frame frame_of(uint32_t track, int64_t dts, int64_t offset, const struct sample *s) {
	const struct track *t = tracks_find(tracks, track);
	return (struct frame){.track = track,
	                      .kind = t->kind,
	                      .fourcc = t->fourcc,
	                      .dts = dts,
	                      .pts = dts + offset,
	                      .payload = sample_slice(s)};
}

static void write_key(int64_t dts, int64_t offset, const char *hex) {
	struct sample s = sample_hex(hex);
	struct frame f = frame_of(VIDEO, dts, offset, &s);
	f.flags = FRAME_KEY;
	cr_assert_eq(ts_write_frame(&muxer, &f, &out), 0);
	sample_free(&s);
}

static int write_sized(uint32_t track, int64_t dts, size_t size) {
	struct sample s = {calloc(1, size), size};
	/* Video: one NAL unit of a slice. */
	if (track == VIDEO) {
		s.data[2] = (uint8_t)((size - 4) >> 8);
		s.data[3] = (uint8_t)(size - 4);
		s.data[4] = 0x41;
	}
	struct frame f = frame_of(track, dts, 0, &s);
	int err = ts_write_frame(&muxer, &f, &out);
	sample_free(&s);
	return err;
}

static void write_tables(void) {
	cr_assert_eq(ts_write_tables(&muxer, &out), 0);
}

static void expect_content(unsigned pid, unsigned number, const char *hex) {
	struct buffer unit;
	cr_assert(unit_of(buffer_slice(&out), pid, number, &unit));
	struct pes pes = pes_of(&unit);
	struct sample want = sample_hex(hex);
	cr_assert_eq(pes.content.size, want.size, "%zu bytes, not %zu", pes.content.size, want.size);
	cr_assert_eq(memcmp(pes.content.data, want.data, want.size), 0);
	sample_free(&want);
	buffer_fini(&unit);
}

static void expect_times(unsigned pid, unsigned number, int64_t pts, int64_t dts) {
	struct buffer unit;
	cr_assert(unit_of(buffer_slice(&out), pid, number, &unit));
	struct pes pes = pes_of(&unit);
	cr_assert_eq(pes.pts, pts % wrap);
	cr_assert_eq(pes.dts, dts % wrap);
	buffer_fini(&unit);
}

TestSuite(ts, .init = setup, .fini = teardown);

/* --- elementary streams --- */

Test(ts, keyframe_brings_its_parameter_sets_and_every_frame_a_delimiter) {
	begin();
	write_key(start, 0, "00000003 658880 00000002 0605");
	write_sized(VIDEO, start + FRAME_TICKS, 7);
	expect_content(VIDEO_PID, 0, DELIMITER "00000001" SPS "00000001" PPS "00000001 658880 00000001 0605");
	expect_content(VIDEO_PID, 1, DELIMITER "00000001 410000");
}

Test(ts, what_a_keyframe_has_in_band_is_not_written_twice) {
	begin();
	write_key(start, 0, "00000002 0910 00000004 67640001 00000002 68ee 00000003 658880");
	expect_content(VIDEO_PID, 0, DELIMITER "00000001 67640001 00000001 68ee 00000001 658880");
}

Test(ts, frame_that_is_cut_short_ends_before_the_cut) {
	begin();
	write_key(start, 0, "00000003 658880 00000009 06");
	expect_content(VIDEO_PID, 0, DELIMITER "00000001" SPS "00000001" PPS "00000001 658880");
}

Test(ts, aac_has_a_header_of_its_core_and_its_size) {
	begin();
	struct sample s = sample_hex("0102030405");
	struct frame f = frame_of(SOUND, 480, 0, &s);
	cr_assert_eq(ts_write_frame(&muxer, &f, &out), 0);
	expect_content(SOUND_PID, 0, "fff14c80019ffc 0102030405");
	sample_free(&s);
}

Test(ts, aac_frame_beyond_its_header_is_refused_and_leaves_nothing) {
	begin();
	cr_assert_eq(write_sized(SOUND, 480, ADTS_FRAME_MAX - ADTS_HEADER_SIZE), 0);
	size_t size = out.size;
	cr_assert_eq(write_sized(SOUND, 1504, ADTS_FRAME_MAX - ADTS_HEADER_SIZE + 1), UV_E2BIG);
	cr_assert_eq(out.size, size);
	cr_assert_eq(write_sized(SOUND, 2528, 10), 0);
	expect_counters(buffer_slice(&out));
}

Test(ts, frames_of_every_size_come_out_whole) {
	begin();
	enum { SIZES = 600 };
	for (size_t size = 5; size < SIZES; size++)
		cr_assert_eq(write_sized(VIDEO, start + (int64_t)size * FRAME_TICKS, size), 0);
	expect_counters(buffer_slice(&out));
	for (unsigned size = 5; size < SIZES; size += 7) {
		struct buffer unit;
		cr_assert(unit_of(buffer_slice(&out), VIDEO_PID, size - 5, &unit));
		cr_assert_eq(pes_of(&unit).content.size, size + 6, "with its delimiter");
		buffer_fini(&unit);
	}
}

/* --- times --- */

Test(ts, times_are_media_time_of_33_bits) {
	begin();
	write_key(start, 2 * FRAME_TICKS, "00000003 658880");
	write_sized(SOUND, start / 15 * 8, 9); /* the same time in 48 kHz */
	expect_times(VIDEO_PID, 0, start + 2 * FRAME_TICKS, start);
	expect_times(SOUND_PID, 0, start, start);
}

Test(ts, a_pts_before_its_dts_stands_for_both) {
	begin();
	write_key(start, -FRAME_TICKS, "00000003 658880");
	expect_times(VIDEO_PID, 0, start - FRAME_TICKS, start - FRAME_TICKS);
}

/* Checks that clocks come often enough and never run backwards; returns their number. */
static unsigned expect_clocks(unsigned pid, int64_t apart_max) {
	struct packet p;
	int64_t last = -1;
	unsigned count = 0;
	for (size_t i = 0; packet_at(buffer_slice(&out), i, &p); i++) {
		if (!p.has_pcr)
			continue;
		cr_assert_eq(p.pid, pid);
		if (last >= 0) {
			cr_assert_geq(p.pcr, last);
			cr_assert_leq(p.pcr - last, apart_max);
		}
		last = p.pcr;
		count++;
	}
	return count;
}

Test(ts, every_frame_of_video_has_the_clock_before_its_dts) {
	begin();
	for (int i = 0; i < 10; i++) {
		write_sized(VIDEO, start + i * FRAME_TICKS, 400);
		write_sized(SOUND, (start + i * FRAME_TICKS) / 15 * 8, 9);
	}
	cr_assert_eq(expect_clocks(VIDEO_PID, FRAME_TICKS), 10);
	struct packet p;
	cr_assert(packet_at(buffer_slice(&out), 0, &p));
	cr_assert_eq(p.pcr, (start - TS_LEAD) % wrap);
}

Test(ts, clock_goes_on_where_frames_are_rare) {
	begin();
	for (int i = 0; i < 5; i++)
		write_sized(VIDEO, start + i * TS_CLOCK, 400);
	cr_assert_geq(expect_clocks(VIDEO_PID, TS_CLOCK / 10), 41);
	expect_counters(buffer_slice(&out));
}

Test(ts, sound_that_is_ahead_does_not_turn_the_clock_back) {
	begin();
	write_sized(VIDEO, start, 400);
	write_sized(SOUND, (start + TS_CLOCK / 2) / 15 * 8, 9);
	write_sized(VIDEO, start + TS_CLOCK / 3, 400);
	write_sized(VIDEO, start + TS_CLOCK, 400);
	cr_assert_geq(expect_clocks(VIDEO_PID, TS_CLOCK / 10), 8);
	expect_counters(buffer_slice(&out));
}

Test(ts, sound_alone_has_the_clock_and_may_be_entered_anywhere) {
	tracks->items[0].kind = TRACK_DATA;
	begin();
	for (int i = 0; i < 100; i++)
		write_sized(SOUND, start / 15 * 8 + i * 1024, 300);
	cr_assert_geq(expect_clocks(SOUND_PID, TS_CLOCK / 10), 21);
	struct packet p;
	for (size_t i = 0; packet_at(buffer_slice(&out), i, &p); i++)
		cr_assert_eq(p.random_access, p.begins);
}

Test(ts, jump_of_time_is_a_new_clock) {
	begin();
	write_sized(VIDEO, start, 400);
	size_t before = out.size / TS_PACKET_SIZE;
	write_sized(VIDEO, start + 60 * TS_CLOCK, 400);
	struct packet p;
	cr_assert(packet_at(buffer_slice(&out), before, &p));
	cr_assert(p.discontinuity);
	cr_assert_eq(p.pcr, (start + 60 * TS_CLOCK - TS_LEAD) % wrap);
}

/* --- tables and counters --- */

Test(ts, first_packet_of_each_pid_counts_from_zero_and_says_so) {
	begin();
	write_tables();
	write_key(start, 0, "00000003 658880");
	write_sized(SOUND, start / 15 * 8, 9);
	write_sized(VIDEO, start + FRAME_TICKS, 1000);
	struct packet p;
	unsigned first = 0;
	bool seen[0x2000] = {0};
	for (size_t i = 0; packet_at(buffer_slice(&out), i, &p); i++) {
		cr_assert_eq(p.discontinuity, !seen[p.pid]);
		if (!seen[p.pid])
			cr_assert_eq(p.counter, 0);
		first += !seen[p.pid];
		seen[p.pid] = true;
	}
	cr_assert_eq(first, 4, "PAT, PMT and two streams");
	cr_assert(packet_at(buffer_slice(&out), 2, &p) && p.random_access);
}

static uint32_t crc_of(const uint8_t *at, size_t size) {
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < size * 8; i++)
		crc = crc << 1 ^ ((crc >> 31 ^ (at[i / 8] >> (7 - i % 8) & 1u)) & 1u ? 0x04c11db7u : 0);
	return crc;
}

/* The section of a table, with its length checked and its CRC; to be finished. */
static struct slice section_of(unsigned pid, unsigned number, struct buffer *unit) {
	cr_assert(unit_of(buffer_slice(&out), pid, number, unit));
	const uint8_t *at = unit->block->data;
	cr_assert_eq(at[0], 0, "it begins at once");
	size_t size = 3 + ((at[2] & 15u) << 8 | at[3]);
	cr_assert_lt(size, unit->size);
	cr_assert_eq(at[2] >> 4, 0xb);
	for (size_t i = 1 + size; i < unit->size; i++)
		cr_assert_eq(at[i], 0xff);
	cr_assert_eq(crc_of(at + 1, size), 0);
	return (struct slice){at + 1, size - 4};
}

static void expect_section(unsigned pid, unsigned number, const char *hex) {
	struct buffer unit;
	struct slice got = section_of(pid, number, &unit);
	struct sample want = sample_hex(hex);
	cr_assert_eq(got.size, want.size, "%zu bytes", got.size);
	cr_assert_eq(memcmp(got.data, want.data, want.size), 0);
	sample_free(&want);
	buffer_fini(&unit);
}

Test(ts, tables_name_the_streams) {
	strcpy(tracks->items[1].language, "de-CH");
	add_track(3, TRACK_AUDIO, FOURCC_EAC3, "");
	add_track(4, TRACK_AUDIO, FOURCC_OPUS, "");
	add_track(5, TRACK_VIDEO, FOURCC_HEVC, "");
	begin();
	write_tables();
	expect_section(0, 0, "00 b00d 0001 c3 00 00 0001 f000");
	expect_section(PMT, 0,
	               "02 b028 0001 c3 00 00 e100 f000"
	               "1b e100 f000"
	               "0f e101 f006 0a04 646575 00"
	               "87 e102 f006 0504 45414333");
}

Test(ts, tables_of_many_streams_take_several_packets) {
	for (uint32_t id = 3; id <= TRACKS_MAX; id++) {
		add_track(id, TRACK_AUDIO, FOURCC_AC3, "");
		strcpy(tracks->items[id - 1].language, "en");
	}
	begin();
	write_tables();
	struct buffer unit;
	cr_assert_eq(section_of(PMT, 0, &unit).size, 12 + 5 + 5 + (TRACKS_MAX - 2) * (5 + 6 + 6));
	buffer_fini(&unit);
	expect_counters(buffer_slice(&out));
}

Test(ts, change_of_tracks_keeps_counters_and_steps_the_version) {
	begin();
	write_tables();
	write_key(start, 0, "00000003 658880");
	struct tracks *before = tracks;
	tracks = tracks_copy(before);
	tracks_unref(&before);
	tracks->revision = 2;
	add_track(3, TRACK_AUDIO, FOURCC_MP3, "");
	struct ts_program p = program();
	cr_assert_eq(ts_muxer_change(&muxer, &p), 0);
	write_tables();
	write_sized(VIDEO, start + FRAME_TICKS, 300);
	write_sized(3, start / 15 * 8, 300);
	expect_counters(buffer_slice(&out));
	expect_section(PMT, 1, "02 b01c 0001 c5 00 00 e100 f000 1b e100 f000 0f e101 f000 03 e102 f000");
	struct packet packet;
	for (size_t i = 3; packet_at(buffer_slice(&out), i, &packet); i++)
		cr_assert(!packet.discontinuity || packet.pid == 0x102, "only what is new begins anew");
}

Test(ts, repeated_tables_come_just_before_and_leave_no_trace) {
	begin();
	write_tables();
	write_tables();
	struct buffer head;
	buffer_init(&head, 0);
	cr_assert_eq(ts_repeat_tables(&muxer, &head), 0);
	size_t again = head.size;
	write_tables();
	/* What a reader gets that begins at the third. */
	buffer_append(&head, out.block->data + out.size - again, again);
	expect_counters(buffer_slice(&head));
	struct packet p;
	cr_assert(packet_at(buffer_slice(&head), 0, &p));
	cr_assert_eq(p.counter, 1);
	cr_assert_not(p.discontinuity);
	expect_counters(buffer_slice(&out));
	buffer_fini(&head);
}

Test(ts, same_frames_give_the_same_bytes) {
	struct buffer first;
	for (int round = 0; round < 2; round++) {
		begin();
		write_tables();
		write_key(start, FRAME_TICKS, "00000003 658880");
		for (int i = 1; i < 30; i++) {
			write_sized(VIDEO, start + i * FRAME_TICKS, 300 + (size_t)i * 11);
			write_sized(SOUND, (start + i * FRAME_TICKS) / 15 * 8, 80 + (size_t)i);
		}
		if (round == 0) {
			first = out;
			buffer_init(&out, 0);
			ts_muxer_fini(&muxer);
		}
	}
	cr_assert_eq(first.size, out.size);
	cr_assert_eq(memcmp(first.block->data, out.block->data, out.size), 0);
	buffer_fini(&first);
}

/* --- programs --- */

Test(ts, rendition_without_sound_of_its_own_has_the_sources) {
	add_track(3, TRACK_VIDEO, FOURCC_AVC, AVC_RECORD);
	strcpy(tracks->items[2].rendition, "720p");
	cr_assert_eq(ts_muxer_init(&muxer, &(struct ts_program){tracks, "720p"}), 0);
	write_tables();
	expect_section(PMT, 0, "02 b017 0001 c3 00 00 e102 f000 1b e102 f000 0f e101 f000");
}

Test(ts, frame_of_a_track_that_is_not_in_the_program_is_left_out) {
	begin();
	add_track(9, TRACK_AUDIO, FOURCC_AC3, "");
	cr_assert_eq(write_sized(9, 480, 100), 0);
	cr_assert_eq(out.size, 0);
}

Test(ts, what_cannot_be_carried_is_left_out_and_nothing_is_refused) {
	tracks->items[0].fourcc = FOURCC_AV1;
	begin();
	write_tables();
	expect_section(PMT, 0, "02 b012 0001 c3 00 00 e101 f000 0f e101 f000");
	ts_muxer_fini(&muxer);
	tracks->items[1].fourcc = FOURCC_OPUS;
	struct ts_program p = program();
	cr_assert_eq(ts_muxer_init(&muxer, &p), UV_ENOTSUP);
	cr_assert_not(ts_supports(FOURCC_OPUS));
	cr_assert(ts_supports(FOURCC_HEVC));
}
