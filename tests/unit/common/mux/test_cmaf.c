#include "common/mux/cmaf.h"
#include "tests/unit/common/codec/sample.h"
#include "tests/unit/common/mux/boxes.h"

#include <uv.h>

/* As x264 with a pixel shape of 4:3, and other encoders, make them. */
#define AVC_RECORD                                                                                                     \
	"0164000dffe100196764000dacd94141fb0e10000003001000000303c0f142996001000468ef8fcb"                                 \
	"fdf8f800"
#define AVC_WITHOUT_PPS "0164000dffe100196764000dacd94141fb0e10000003001000000303c0f14299600000"
#define VP9_RECORD "00148200 00000000"
#define OPUS_HEAD "4f70757348656164 01 02 3801 80bb0000 0100 00"
#define STREAMINFO "1200120000041700 04de0ac440f00000 44e89439695cd2dd f00b36d1bcf843b2 7f89"
#define AC3_FRAME "0b77d0f81e40ebf8403eff99ff0841fc"
#define EAC3_FRAME "0b7701a07487c0002084010039 00ae06"

static struct track track_of(enum track_kind kind, uint32_t fourcc, const char *config) {
	struct track t = {.id = 3, .kind = kind, .fourcc = fourcc, .timescale = kind == TRACK_VIDEO ? 90000 : 48000};
	struct sample s = sample_hex(config);
	if (s.size)
		t.config = bytes_copy(s.data, s.size);
	cr_assert_eq(codec_info_read(&t.info, fourcc, sample_slice(&s)), 0);
	sample_free(&s);
	return t;
}

static void learn(struct track *t, const char *frame) {
	struct sample s = sample_hex(frame);
	cr_assert(codec_info_learn(&t->info, sample_slice(&s)));
	sample_free(&s);
}

static struct bytes *init_of(const struct track *t) {
	struct bytes *init = NULL;
	cr_assert_eq(cmaf_init_write(t, &init), 0);
	cr_assert(boxes_fill(bytes_slice(init)));
	return init;
}

#define STBL "moov.trak.mdia.minf.stbl."

static void expect_box(const struct track *t, const char *path, const char *hex) {
	struct bytes *init = init_of(t);
	struct sample want = sample_hex(hex);
	struct slice got = box_at(bytes_slice(init), path);
	cr_assert(got.data, "no box %s", path);
	cr_assert_eq(got.size, want.size, "%s has %zu bytes", path, got.size);
	cr_assert_eq(memcmp(got.data, want.data, want.size), 0, "%s differs", path);
	sample_free(&want);
	bytes_unref(&init);
}

static int init_error(const struct track *t) {
	struct bytes *init = NULL;
	int err = cmaf_init_write(t, &init);
	cr_assert_eq(init != NULL, err == 0);
	bytes_unref(&init);
	return err;
}

Test(cmaf, init_of_video_tells_its_size_scale_and_configuration) {
	struct track t = track_of(TRACK_VIDEO, FOURCC_AVC, AVC_RECORD);
	struct bytes *init = init_of(&t);
	struct slice s = bytes_slice(init);
	struct reader r = box_reader(s, "moov.trak.tkhd");
	reader_take(&r, 12);
	cr_assert_eq(reader_u32(&r), 3, "the track's id");
	reader_take(&r, 60);
	cr_assert_eq(reader_u32(&r), (320u << 16) * 4 / 3, "shown as wide as its pixels are");
	cr_assert_eq(reader_u32(&r), 240u << 16);
	r = box_reader(s, "moov.trak.mdia.mdhd");
	reader_take(&r, 12);
	cr_assert_eq(reader_u32(&r), 90000);
	r = box_reader(s, STBL "stsd");
	reader_take(&r, 4);
	cr_assert_eq(reader_u32(&r), 1);
	reader_u32(&r);
	cr_assert_eq(reader_u32(&r), FOURCC_AVC);
	reader_take(&r, 24);
	cr_assert_eq(reader_u16(&r), 320);
	cr_assert_eq(reader_u16(&r), 240);
	r = box_reader(s, "moov.mvex.trex");
	reader_u32(&r);
	cr_assert_eq(reader_u32(&r), 3);
	cr_assert_eq(reader_u32(&r), 1);
	cr_assert_null(box_at(s, "moov.trak.edts").data);
	bytes_unref(&init);
	expect_box(&t, STBL "stsd.avc1.avcC", AVC_RECORD);
	expect_box(&t, STBL "stsd.avc1.pasp", "00000004 00000003");
	track_fini(&t);
}

Test(cmaf, a_record_that_lacks_parameter_sets_is_of_a_type_that_says_so) {
	struct track t = track_of(TRACK_VIDEO, FOURCC_AVC, AVC_WITHOUT_PPS);
	expect_box(&t, STBL "stsd.avc3.avcC", AVC_WITHOUT_PPS);
	track_fini(&t);
}

Test(cmaf, vp9_record_gets_version_and_flags_once) {
	struct track t = track_of(TRACK_VIDEO, FOURCC_VP9, VP9_RECORD);
	cr_assert_eq(init_error(&t), UV_EINVAL, "no size is known yet");
	t.info.width = t.info.height = 64;
	expect_box(&t, STBL "stsd.vp09.vpcC", "01000000" VP9_RECORD);
	track_fini(&t);
	t = track_of(TRACK_VIDEO, FOURCC_VP9, "01000000" VP9_RECORD);
	t.info.width = t.info.height = 64;
	expect_box(&t, STBL "stsd.vp09.vpcC", "01000000" VP9_RECORD);
	track_fini(&t);
}

Test(cmaf, aac_has_an_elementary_stream_descriptor) {
	struct track t = track_of(TRACK_AUDIO, FOURCC_AAC, "1190");
	expect_box(&t, STBL "stsd.mp4a.esds",
	           "00000000 0380808022 000000 0480808014 4015 000000 00000000 00000000 0580808002 1190 0680808001 02");
	track_fini(&t);
}

Test(cmaf, mp3_is_told_from_aac_by_its_object_type) {
	struct track t = track_of(TRACK_AUDIO, FOURCC_MP3, "");
	cr_assert_eq(init_error(&t), UV_EINVAL, "no frame has told its rate");
	learn(&t, "fffb94c4");
	expect_box(&t, STBL "stsd.mp4a.esds",
	           "00000000 038080801b 000000 048080800d 6b15 000000 00000000 00000000 0680808001 02");
	track_fini(&t);
}

Test(cmaf, opus_head_becomes_big_endian) {
	struct track t = track_of(TRACK_AUDIO, FOURCC_OPUS, OPUS_HEAD);
	expect_box(&t, STBL "stsd.Opus.dOps", "00 02 0138 0000bb80 0001 00");
	track_fini(&t);
}

Test(cmaf, flac_has_its_stream_info_whatever_was_before_it) {
	static const char *const forms[] = {STREAMINFO, "80000022" STREAMINFO, "664c6143 00000022" STREAMINFO};
	for (size_t i = 0; i < 3; i++) {
		struct track t = track_of(TRACK_AUDIO, FOURCC_FLAC, forms[i]);
		expect_box(&t, STBL "stsd.fLaC.dfLa", "00000000 80000022" STREAMINFO);
		track_fini(&t);
	}
}

Test(cmaf, what_ac3_says_comes_from_its_frames) {
	struct track t = track_of(TRACK_AUDIO, FOURCC_AC3, "");
	learn(&t, AC3_FRAME);
	expect_box(&t, STBL "stsd.ac-3.dac3", "103de0");
	track_fini(&t);
	t = track_of(TRACK_AUDIO, FOURCC_EAC3, "");
	learn(&t, EAC3_FRAME);
	expect_box(&t, STBL "stsd.ec-3.dec3", "05f8 600400");
	track_fini(&t);
}

Test(cmaf, language_is_three_letters_and_the_whole_tag) {
	struct track t = track_of(TRACK_AUDIO, FOURCC_AAC, "1190");
	static const struct {
		const char *tag, *three;
	} cases[] = {{"", "und"}, {"de-AT", "deu"}, {"fil", "fil"}, {"qq", "und"}, {"x-1", "und"}, {"EN", "eng"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(t.language, sizeof t.language, "%s", cases[i].tag);
		struct bytes *init = init_of(&t);
		struct reader r = box_reader(bytes_slice(init), "moov.trak.mdia.mdhd");
		reader_take(&r, 20);
		unsigned packed = reader_u16(&r);
		char three[4] = {(char)(0x60 + (packed >> 10)), (char)(0x60 + (packed >> 5 & 31)),
		                 (char)(0x60 + (packed & 31))};
		cr_assert_str_eq(three, cases[i].three);
		struct slice whole = box_at(bytes_slice(init), "moov.trak.mdia.elng");
		cr_assert_eq(whole.data != NULL, *cases[i].tag != 0);
		if (whole.data)
			cr_assert_str_eq((const char *)whole.data + 4, cases[i].tag);
		bytes_unref(&init);
	}
	track_fini(&t);
}

Test(cmaf, what_has_no_form_or_no_configuration_is_refused) {
	struct track t = track_of(TRACK_VIDEO, FOURCC_VP8, "");
	cr_assert_eq(init_error(&t), UV_ENOTSUP);
	cr_assert_not(cmaf_supports(FOURCC_VP8));
	cr_assert_not(cmaf_supports(FOURCC_AMF0));
	const struct {
		enum track_kind kind;
		uint32_t fourcc;
		const char *broken;
	} cases[] = {{TRACK_VIDEO, FOURCC_AVC, "0164000dffe100"}, {TRACK_VIDEO, FOURCC_HEVC, "01016000"},
	             {TRACK_VIDEO, FOURCC_VP9, "0014"},           {TRACK_AUDIO, FOURCC_AAC, "11"},
	             {TRACK_AUDIO, FOURCC_OPUS, "4f707573"},      {TRACK_AUDIO, FOURCC_FLAC, "1200"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct track bad = {.id = 1, .kind = cases[i].kind, .fourcc = cases[i].fourcc, .timescale = 1000};
		bad.info = (struct codec_info){.width = 64, .height = 64, .sample_rate = 48000, .channels = 2};
		cr_assert(cmaf_supports(bad.fourcc));
		cr_assert_eq(init_error(&bad), UV_EINVAL, "case %zu has no configuration", i);
		struct sample s = sample_hex(cases[i].broken);
		bad.config = bytes_copy(s.data, s.size);
		cr_assert_eq(init_error(&bad), UV_EINVAL, "case %zu has a broken configuration", i);
		sample_free(&s);
		track_fini(&bad);
	}
}

Test(cmaf, the_same_track_gives_the_same_bytes) {
	struct track t = track_of(TRACK_VIDEO, FOURCC_AVC, AVC_RECORD);
	struct bytes *a = init_of(&t), *b = init_of(&t);
	cr_assert(bytes_same(a, b));
	bytes_unref(&a);
	bytes_unref(&b);
	track_fini(&t);
}

/* --- chunks --- */

enum { START = 1000000 };
static const int64_t first_dts = INT64_C(152000000000000);

/* Four frames as an encoder with B-frames and its decoding times not moved gives them. */
struct chunk_of_four {
	struct track track;
	struct frame frames[4];
	struct cmaf_sample samples[4];
	struct cmaf_chunk chunk;
};

static void fill(struct chunk_of_four *c, enum track_kind kind) {
	static const uint8_t payload[400];
	static const int offsets[4] = {0, 9003, -3003, -6000};
	*c = (struct chunk_of_four){.track = {.id = 7, .kind = kind, .timescale = 90000}};
	for (size_t i = 0; i < 4; i++) {
		int64_t dts = first_dts + (int64_t)i * 3003;
		c->frames[i] = (struct frame){.track = 7,
		                              .kind = kind,
		                              .flags = i == 0 ? FRAME_KEY : 0,
		                              .dts = dts,
		                              .pts = dts + (kind == TRACK_VIDEO ? offsets[i] : 0),
		                              .payload = {payload, 100 * i}};
		c->samples[i] = (struct cmaf_sample){&c->frames[i], 3003 + (uint32_t)i};
	}
	c->chunk =
	    (struct cmaf_chunk){.track = &c->track, .number = 0x123456789abc, .part = 5, .samples = c->samples, .count = 4};
}

static struct bytes *head_of(const struct cmaf_chunk *c) {
	struct bytes *head = NULL;
	cr_assert_eq(cmaf_chunk_head(c, &head), 0);
	return head;
}

/* What is before the mdat, whose header must end the head and hold the payload. */
static struct slice boxes_of(const struct cmaf_chunk *c, const struct bytes *head) {
	struct reader r = reader_of(head->data + head->size - 8, 8);
	cr_assert_eq(reader_u32(&r), 8 + cmaf_chunk_payload_size(c));
	cr_assert_eq(reader_u32(&r), four("mdat"));
	struct slice boxes = {head->data, head->size - 8};
	cr_assert(boxes_fill(boxes));
	return boxes;
}

Test(cmaf, chunk_tells_times_sizes_and_flags_of_each_frame) {
	struct chunk_of_four c;
	fill(&c, TRACK_VIDEO);
	struct bytes *head = head_of(&c.chunk);
	struct slice boxes = boxes_of(&c.chunk, head);
	struct reader r = box_reader(boxes, "moof.mfhd");
	reader_u32(&r);
	cr_assert_eq(reader_u32(&r), 0x789abc05, "number and part");
	r = box_reader(boxes, "moof.traf.tfhd");
	cr_assert_eq(reader_u32(&r), 0x020020);
	cr_assert_eq(reader_u32(&r), 7);
	r = box_reader(boxes, "moof.traf.tfdt");
	cr_assert_eq(reader_u32(&r), 0x01000000);
	cr_assert_eq(reader_u64(&r), (uint64_t)first_dts);
	r = box_reader(boxes, "moof.traf.trun");
	cr_assert_eq(reader_u32(&r), 0x01000f01);
	cr_assert_eq(reader_u32(&r), 4);
	cr_assert_eq(reader_u32(&r), boxes.size + 8, "the payload begins where the head ends, counted from the moof");
	static const int32_t offsets[4] = {0, 9003, -3003, -6000};
	for (uint32_t i = 0; i < 4; i++) {
		cr_assert_eq(reader_u32(&r), 3003 + i);
		cr_assert_eq(reader_u32(&r), 100 * i);
		cr_assert_eq(reader_u32(&r), i == 0 ? 0x02000000 : 0x01010000);
		cr_assert_eq((int32_t)reader_u32(&r), offsets[i]);
	}
	cr_assert_eq(reader_left(&r), 0);
	bytes_unref(&head);
}

Test(cmaf, every_frame_of_sound_is_a_sync_sample) {
	struct chunk_of_four c;
	fill(&c, TRACK_AUDIO);
	struct bytes *head = head_of(&c.chunk);
	struct slice boxes = boxes_of(&c.chunk, head);
	struct reader r = box_reader(boxes, "moof.traf.tfhd");
	reader_take(&r, 8);
	cr_assert_eq(reader_u32(&r), 0x02000000);
	r = box_reader(boxes, "moof.traf.trun");
	cr_assert_eq(reader_u32(&r), 0x01000301);
	bytes_unref(&head);
}

Test(cmaf, first_chunk_alone_has_the_segments_type) {
	struct chunk_of_four c;
	fill(&c, TRACK_VIDEO);
	struct bytes *later = head_of(&c.chunk);
	c.chunk.first = true;
	struct bytes *first = head_of(&c.chunk);
	struct reader r = box_reader(boxes_of(&c.chunk, first), "styp");
	cr_assert_eq(reader_u32(&r), four("cmfs"));
	cr_assert_null(box_at(boxes_of(&c.chunk, later), "styp").data);
	cr_assert_eq(memcmp(first->data + first->size - later->size, later->data, later->size), 0);
	bytes_unref(&first);
	bytes_unref(&later);
}

Test(cmaf, producer_time_is_the_anchors_and_never_now) {
	struct chunk_of_four c;
	fill(&c, TRACK_VIDEO);
	int64_t media_us = ticks_to_us(first_dts, 90000);
	c.chunk.prft = true;
	c.chunk.anchor = (struct anchor){.media_us = media_us - START, .wall_us = INT64_C(1700000000250000)};
	struct bytes *head = head_of(&c.chunk);
	struct reader r = box_reader(boxes_of(&c.chunk, head), "prft");
	cr_assert_eq(reader_u32(&r), 0x01000018);
	cr_assert_eq(reader_u32(&r), 7);
	cr_assert_eq(reader_u32(&r), UINT32_C(3908988801), "1700000001 as NTP counts");
	cr_assert_eq(reader_u32(&r), 0x40000000, "a quarter of a second");
	cr_assert_eq(reader_u64(&r), (uint64_t)first_dts);
	bytes_unref(&head);
}

Test(cmaf, what_boxes_cannot_say_is_refused) {
	struct chunk_of_four c;
	struct bytes *head = NULL;
	fill(&c, TRACK_VIDEO);
	c.chunk.count = 0;
	cr_assert_eq(cmaf_chunk_head(&c.chunk, &head), UV_EINVAL);
	fill(&c, TRACK_VIDEO);
	c.frames[0].dts = -1;
	cr_assert_eq(cmaf_chunk_head(&c.chunk, &head), UV_EINVAL);
	fill(&c, TRACK_VIDEO);
	c.frames[3].pts = c.frames[3].dts + INT64_C(0x80000000);
	cr_assert_eq(cmaf_chunk_head(&c.chunk, &head), UV_EINVAL);
	fill(&c, TRACK_VIDEO);
	c.frames[3].payload.size = UINT32_MAX - 8;
	cr_assert_eq(cmaf_chunk_head(&c.chunk, &head), UV_EINVAL);
	cr_assert_null(head);
}
