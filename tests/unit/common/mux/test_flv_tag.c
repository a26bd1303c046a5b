#include "common/base/buffer.h"
#include "common/mux/flv_tag.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>
#include <uv.h>

enum { TAGS_MAX = 8 };

struct tags {
	struct sample sample; /* owns the payloads */
	size_t count;
	int end; /* what ended the walk: 0 or an error */
	struct flv_tag items[TAGS_MAX];
};

static struct tags read_sample(enum flv_tag_type type, struct sample s) {
	struct tags t = {.sample = s};
	struct flv_tag_reader it = flv_tag_reader_of(type, sample_slice(&s));
	struct flv_tag tag = {0};
	while ((t.end = flv_tag_read(&it, &tag)) == 1) {
		if (t.count < TAGS_MAX)
			t.items[t.count] = tag;
		t.count++;
	}
	cr_assert_eq(flv_tag_read(&it, &tag), 0, "an end is an end");
	return t;
}

static struct tags read_hex(enum flv_tag_type type, const char *text) {
	return read_sample(type, sample_hex(text));
}

static void tags_free(struct tags *t) {
	sample_free(&t->sample);
}

static bool payload_is(const struct flv_tag *tag, const char *hex) {
	struct sample s = sample_hex(hex);
	bool same = s.size == tag->payload.size && (!s.size || !memcmp(s.data, tag->payload.data, s.size));
	sample_free(&s);
	return same;
}

/* What a body of one part must read as. */
struct expected {
	enum flv_tag_type type;
	const char *body;
	struct flv_tag tag;
	const char *payload;
};

static void check_tag(const struct flv_tag *got, const struct flv_tag *want, const char *name) {
	cr_assert_eq(got->packet, want->packet, "%s: packet %d", name, got->packet);
	cr_assert_eq(got->fourcc, want->fourcc, "%s: codec %08x", name, got->fourcc);
	cr_assert_eq(got->enhanced, want->enhanced, "%s", name);
	cr_assert_eq(got->multitrack, want->multitrack, "%s", name);
	cr_assert_eq(got->keyframe, want->keyframe, "%s: keyframe", name);
	cr_assert_eq(got->disposable, want->disposable, "%s", name);
	cr_assert_eq(got->track_id, want->track_id, "%s: track %u", name, got->track_id);
	cr_assert_eq(got->command, want->command, "%s", name);
	cr_assert_eq(got->audio_header, want->audio_header, "%s", name);
	cr_assert_eq(got->composition_ms, want->composition_ms, "%s: composition %d", name, got->composition_ms);
	cr_assert_eq(got->nano_offset, want->nano_offset, "%s: nano %u", name, got->nano_offset);
}

static void check_all(const struct expected *cases, size_t count) {
	for (size_t i = 0; i < count; i++) {
		const struct expected *e = &cases[i];
		struct tags t = read_hex(e->type, e->body);
		cr_assert_eq(t.end, 0, "%s: %d", e->body, t.end);
		cr_assert_eq(t.count, 1, "%s", e->body);
		cr_assert_eq(t.items[0].type, e->type);
		check_tag(&t.items[0], &e->tag, e->body);
		cr_assert(payload_is(&t.items[0], e->payload), "%s", e->body);
		tags_free(&t);
	}
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct expected legacy[] = {
    {FLV_VIDEO, "1700000000 0142c028", {.packet = FLV_CONFIG, .fourcc = FOURCC_AVC, .keyframe = true}, "0142c028"},
    {FLV_VIDEO,
     "1701000050 0000000165",
     {.packet = FLV_FRAME, .fourcc = FOURCC_AVC, .keyframe = true, .composition_ms = 80},
     "0000000165"},
    {FLV_VIDEO, "2701ffffd8 41", {.packet = FLV_FRAME, .fourcc = FOURCC_AVC, .composition_ms = -40}, "41"},
    {FLV_VIDEO,
     "3701800000 01",
     {.packet = FLV_FRAME, .fourcc = FOURCC_AVC, .disposable = true, .composition_ms = -8388608},
     "01"},
    {FLV_VIDEO, "4701000000 41", {.packet = FLV_FRAME, .fourcc = FOURCC_AVC, .keyframe = true}, "41"},
    {FLV_VIDEO, "1702000000", {.packet = FLV_SEQUENCE_END, .fourcc = FOURCC_AVC, .keyframe = true}, ""},
    {FLV_VIDEO, "1702", {.packet = FLV_SEQUENCE_END, .fourcc = FOURCC_AVC, .keyframe = true}, ""},
    {FLV_VIDEO, "1703000001 aa", {.packet = FLV_UNKNOWN, .fourcc = FOURCC_AVC, .keyframe = true}, "aa"},
    {FLV_VIDEO, "1c00000000 01", {.packet = FLV_CONFIG, .fourcc = FOURCC_HEVC, .keyframe = true}, "01"},
    {FLV_VIDEO, "2c01000010 02", {.packet = FLV_FRAME, .fourcc = FOURCC_HEVC, .composition_ms = 16}, "02"},
    {FLV_VIDEO, "12 0000", {.packet = FLV_FRAME, .fourcc = FOURCC_H263, .keyframe = true}, "0000"},
    {FLV_VIDEO, "24 0001", {.packet = FLV_FRAME, .fourcc = FOURCC_VP6}, "0001"},
    {FLV_VIDEO, "5701", {.packet = FLV_COMMAND, .fourcc = FOURCC_AVC, .command = 1}, ""},
    {FLV_AUDIO,
     "af00 1210",
     {.packet = FLV_CONFIG, .fourcc = FOURCC_AAC, .keyframe = true, .audio_header = 0xaf},
     "1210"},
    {FLV_AUDIO, "af01 21", {.packet = FLV_FRAME, .fourcc = FOURCC_AAC, .keyframe = true, .audio_header = 0xaf}, "21"},
    {FLV_AUDIO, "af01", {.packet = FLV_FRAME, .fourcc = FOURCC_AAC, .keyframe = true, .audio_header = 0xaf}, ""},
    {FLV_AUDIO, "af07 21", {.packet = FLV_UNKNOWN, .fourcc = FOURCC_AAC, .keyframe = true, .audio_header = 0xaf}, "21"},
    {FLV_AUDIO, "2e fffb", {.packet = FLV_FRAME, .fourcc = FOURCC_MP3, .keyframe = true, .audio_header = 0x2e}, "fffb"},
    {FLV_AUDIO, "e2 ff", {.packet = FLV_FRAME, .fourcc = FOURCC_MP3, .keyframe = true, .audio_header = 0xe2}, "ff"},
    {FLV_AUDIO, "b2 01", {.packet = FLV_FRAME, .fourcc = FOURCC_SPEEX, .keyframe = true, .audio_header = 0xb2}, "01"},
    {FLV_AUDIO, "72 01", {.packet = FLV_FRAME, .fourcc = FOURCC_ALAW, .keyframe = true, .audio_header = 0x72}, "01"},
    {FLV_AUDIO, "82", {.packet = FLV_FRAME, .fourcc = FOURCC_ULAW, .keyframe = true, .audio_header = 0x82}, ""},
    {FLV_AUDIO, "52 0a", {.packet = FLV_FRAME, .fourcc = FOURCC_NELLY, .keyframe = true, .audio_header = 0x52}, "0a"},
};

static const struct expected enhanced[] = {
    {FLV_VIDEO,
     "90 61763031 810c",
     {.packet = FLV_CONFIG, .fourcc = FOURCC_AV1, .enhanced = true, .keyframe = true},
     "810c"},
    {FLV_VIDEO, "a1 61763031 0a0b", {.packet = FLV_FRAME, .fourcc = FOURCC_AV1, .enhanced = true}, "0a0b"},
    {FLV_VIDEO,
     "91 68766331 000021 0a",
     {.packet = FLV_FRAME, .fourcc = FOURCC_HEVC, .enhanced = true, .keyframe = true, .composition_ms = 33},
     "0a"},
    {FLV_VIDEO,
     "a1 61766331 ffffff 0a",
     {.packet = FLV_FRAME, .fourcc = FOURCC_AVC, .enhanced = true, .composition_ms = -1},
     "0a"},
    {FLV_VIDEO,
     "a1 76766331 000001 0a",
     {.packet = FLV_FRAME, .fourcc = FOURCC_VVC, .enhanced = true, .composition_ms = 1},
     "0a"},
    {FLV_VIDEO,
     "b3 68766331 0a",
     {.packet = FLV_FRAME, .fourcc = FOURCC_HEVC, .enhanced = true, .disposable = true},
     "0a"},
    {FLV_VIDEO,
     "92 76703039",
     {.packet = FLV_SEQUENCE_END, .fourcc = FOURCC_VP9, .enhanced = true, .keyframe = true},
     ""},
    {FLV_VIDEO,
     "94 76703039 0200",
     {.packet = FLV_METADATA, .fourcc = FOURCC_VP9, .enhanced = true, .keyframe = true},
     "0200"},
    {FLV_VIDEO, "d4 76703039 0200", {.packet = FLV_METADATA, .fourcc = FOURCC_VP9, .enhanced = true}, "0200"},
    {FLV_VIDEO,
     "95 61763031 80",
     {.packet = FLV_TS_CONFIG, .fourcc = FOURCC_AV1, .enhanced = true, .keyframe = true},
     "80"},
    {FLV_VIDEO,
     "98 61763031 80",
     {.packet = FLV_UNKNOWN, .fourcc = FOURCC_AV1, .enhanced = true, .keyframe = true},
     "80"},
    {FLV_VIDEO, "d0 01", {.packet = FLV_COMMAND, .enhanced = true, .command = 1}, ""},
    {FLV_VIDEO,
     "97 02 0f423f 03 68766331 0a",
     {.packet = FLV_FRAME, .fourcc = FOURCC_HEVC, .enhanced = true, .keyframe = true, .nano_offset = 999999},
     "0a"},
    {FLV_VIDEO,
     "97 02 0f4240 03 68766331 0a",
     {.packet = FLV_FRAME, .fourcc = FOURCC_HEVC, .enhanced = true, .keyframe = true},
     "0a"},
    {FLV_VIDEO,
     "97 00 ff 17 02 000007 03 68766331 0a",
     {.packet = FLV_FRAME, .fourcc = FOURCC_HEVC, .enhanced = true, .keyframe = true, .nano_offset = 7},
     "0a"},
    {FLV_VIDEO,
     "a6 01 61766331 05 000010 41",
     {.packet = FLV_FRAME,
      .fourcc = FOURCC_AVC,
      .enhanced = true,
      .multitrack = true,
      .track_id = 5,
      .composition_ms = 16},
     "41"},
    {FLV_VIDEO,
     "a7 02 000009 06 03 61766331 02 41",
     {.packet = FLV_FRAME, .fourcc = FOURCC_AVC, .enhanced = true, .multitrack = true, .track_id = 2, .nano_offset = 9},
     "41"},
    {FLV_AUDIO,
     "90 4f707573 4f70",
     {.packet = FLV_CONFIG, .fourcc = FOURCC_OPUS, .enhanced = true, .keyframe = true},
     "4f70"},
    {FLV_AUDIO,
     "91 6d703461 21",
     {.packet = FLV_FRAME, .fourcc = FOURCC_AAC, .enhanced = true, .keyframe = true},
     "21"},
    {FLV_AUDIO,
     "91 2e6d7033 ff",
     {.packet = FLV_FRAME, .fourcc = FOURCC_MP3, .enhanced = true, .keyframe = true},
     "ff"},
    {FLV_AUDIO,
     "92 61632d33",
     {.packet = FLV_SEQUENCE_END, .fourcc = FOURCC_AC3, .enhanced = true, .keyframe = true},
     ""},
    {FLV_AUDIO,
     "94 65632d33 0106 0000003f",
     {.packet = FLV_MULTICHANNEL, .fourcc = FOURCC_EAC3, .enhanced = true, .keyframe = true},
     "01060000003f"},
    {FLV_AUDIO,
     "93 664c6143 01",
     {.packet = FLV_UNKNOWN, .fourcc = FOURCC_FLAC, .enhanced = true, .keyframe = true},
     "01"},
    {FLV_AUDIO,
     "95 01 4f707573 03 fc",
     {.packet = FLV_FRAME,
      .fourcc = FOURCC_OPUS,
      .enhanced = true,
      .keyframe = true,
      .multitrack = true,
      .track_id = 3},
     "fc"},
    {FLV_AUDIO,
     "97 02 000001 01 4f707573 fc",
     {.packet = FLV_FRAME, .fourcc = FOURCC_OPUS, .enhanced = true, .keyframe = true, .nano_offset = 1},
     "fc"},
};

Test(flv_tag, legacy_bodies_are_read) {
	check_all(legacy, COUNT(legacy));
}

Test(flv_tag, enhanced_bodies_are_read) {
	check_all(enhanced, COUNT(enhanced));
}

Test(flv_tag, an_empty_body_has_no_parts) {
	struct tags t = read_hex(FLV_AUDIO, "");
	cr_assert_eq(t.end, 0);
	cr_assert_eq(t.count, 0);
	tags_free(&t);
}

Test(flv_tag, many_tracks_share_a_codec) {
	struct tags t = read_hex(FLV_VIDEO, "96 11 61766331 00 000004 000010 41 01 000003 000011 ff 000005 ffffff 4243");
	cr_assert_eq(t.end, 0);
	cr_assert_eq(t.count, 3);
	const uint8_t ids[] = {0, 1, 0xff};
	const int32_t compositions[] = {16, 17, -1};
	const char *const payloads[] = {"41", "", "4243"};
	for (size_t i = 0; i < 3; i++) {
		check_tag(&t.items[i],
		          &(struct flv_tag){.packet = FLV_FRAME,
		                            .fourcc = FOURCC_AVC,
		                            .enhanced = true,
		                            .multitrack = true,
		                            .keyframe = true,
		                            .track_id = ids[i],
		                            .composition_ms = compositions[i]},
		          "many tracks");
		cr_assert(payload_is(&t.items[i], payloads[i]));
	}
	tags_free(&t);
}

Test(flv_tag, many_tracks_may_have_many_codecs) {
	struct tags t = read_hex(FLV_AUDIO, "95 20 4f707573 01 000002 4f70 6d703461 02 000002 1210");
	cr_assert_eq(t.end, 0);
	cr_assert_eq(t.count, 2);
	cr_assert_eq(t.items[0].fourcc, FOURCC_OPUS);
	cr_assert_eq(t.items[0].track_id, 1);
	cr_assert_eq(t.items[1].fourcc, FOURCC_AAC);
	cr_assert_eq(t.items[1].track_id, 2);
	cr_assert_eq(t.items[1].packet, FLV_CONFIG);
	cr_assert(payload_is(&t.items[1], "1210"));
	tags_free(&t);

	/* Only the codec that has a composition time carries one. */
	t = read_hex(FLV_VIDEO, "a6 21 61763031 00 000001 0a 68766331 01 000004 000005 0b");
	cr_assert_eq(t.count, 2);
	cr_assert_eq(t.items[0].composition_ms, 0);
	cr_assert(payload_is(&t.items[0], "0a"));
	cr_assert_eq(t.items[1].composition_ms, 5);
	cr_assert(payload_is(&t.items[1], "0b"));
	tags_free(&t);
}

Test(flv_tag, tracks_before_a_broken_one_are_read) {
	struct tags t = read_hex(FLV_VIDEO, "96 13 61766331 00 000001 41 01 000002 41");
	cr_assert_eq(t.count, 1);
	cr_assert_eq(t.end, UV_EINVAL);
	tags_free(&t);
}

Test(flv_tag, a_header_cut_short_at_any_byte_is_refused) {
	const struct {
		enum flv_tag_type type;
		const char *header;
	} cases[] = {
	    {FLV_VIDEO, "1700000000"},
	    {FLV_VIDEO, "1701000050"},
	    {FLV_VIDEO, "5701"},
	    {FLV_VIDEO, "91 68766331 000021"},
	    {FLV_VIDEO, "d0 01"},
	    {FLV_VIDEO, "97 ff 0002 000007 01 68766331 000001"},
	    {FLV_VIDEO, "97 02 000007 06 01 68766331 05 000001"},
	    {FLV_VIDEO, "96 11 61766331 00 000003 000010"},
	    {FLV_VIDEO, "96 21 61766331 00 000003 000010"},
	    {FLV_AUDIO, "af01"},
	    {FLV_AUDIO, "91 4f707573"},
	    {FLV_AUDIO, "95 21 4f707573 00 000001 fc"},
	    {FLV_AUDIO, "97 02 000001 05 01 4f707573 05"},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sample whole = sample_hex(cases[i].header);
		for (size_t size = 1; size <= whole.size; size++) {
			struct tags t = read_sample(cases[i].type, sample_of(whole.data, size));
			cr_assert_eq(t.end, size < whole.size ? UV_EINVAL : 0, "%s at %zu", cases[i].header, size);
			cr_assert_eq(t.count, size == whole.size);
			tags_free(&t);
		}
		sample_free(&whole);
	}
}

Test(flv_tag, a_failure_leaves_the_tag_untouched) {
	struct sample s = sample_hex("17010000");
	struct flv_tag_reader it = flv_tag_reader_of(FLV_VIDEO, sample_slice(&s));
	struct flv_tag tag = {.fourcc = 7};
	cr_assert_eq(flv_tag_read(&it, &tag), UV_EINVAL);
	cr_assert_eq(tag.fourcc, 7);
	sample_free(&s);
}

Test(flv_tag, what_cannot_be_is_refused) {
	const struct {
		enum flv_tag_type type;
		const char *body;
		int want;
	} cases[] = {
	    {FLV_VIDEO, "10 00", UV_ENOTSUP}, /* codecs without a meaning */
	    {FLV_VIDEO, "1d 00000000", UV_ENOTSUP},
	    {FLV_AUDIO, "c0 00", UV_ENOTSUP},
	    {FLV_AUDIO, "f0 00", UV_ENOTSUP},
	    {FLV_VIDEO, "96 31 61766331 00 000001 41", UV_EINVAL},       /* a kind of multitrack unknown */
	    {FLV_VIDEO, "96 06 61766331 00 41", UV_EINVAL},              /* multitrack in multitrack */
	    {FLV_VIDEO, "96 07 02 000001 01 61766331 00 41", UV_EINVAL}, /* ModEx behind it */
	    {FLV_AUDIO, "95 05 4f707573 00 41", UV_EINVAL},
	    {FLV_VIDEO, "96 11 61766331 00 ffffff 41", UV_EINVAL},   /* sizes beyond the body */
	    {FLV_VIDEO, "96 11 61766331 00 000002 0000", UV_EINVAL}, /* no room for the composition time */
	    {FLV_VIDEO, "97 ff ffff 41", UV_EINVAL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tags t = read_hex(cases[i].type, cases[i].body);
		cr_assert_eq(t.end, cases[i].want, "%s: %d", cases[i].body, t.end);
		cr_assert_eq(t.count, 0);
		tags_free(&t);
	}
}

Test(flv_tag, tracks_and_modex_parts_are_limited) {
	for (unsigned extra = 0; extra < 2; extra++) {
		struct buffer b;
		buffer_init(&b, 0);
		buffer_append(&b,
		              "\x96\x13"
		              "avc1",
		              6);
		for (unsigned i = 0; i < FLV_TRACKS_MAX + extra; i++)
			buffer_u32(&b, (i & 0xff) << 24);
		struct tags t = read_sample(FLV_VIDEO, sample_of(buffer_slice(&b).data, b.size));
		cr_assert_eq(t.count, FLV_TRACKS_MAX);
		cr_assert_eq(t.end, extra ? UV_E2BIG : 0);
		tags_free(&t);

		buffer_clear(&b);
		buffer_u8(&b, 0x97);
		for (unsigned i = 0; i < FLV_MODEX_MAX + extra; i++)
			buffer_u24(&b, 0x00ff10 | (i + 1 < FLV_MODEX_MAX + extra ? 7 : 0));
		buffer_u32(&b, FOURCC_AVC);
		t = read_sample(FLV_VIDEO, sample_of(buffer_slice(&b).data, b.size));
		cr_assert_eq(t.end, extra ? UV_E2BIG : 0);
		cr_assert_eq(t.count, !extra);
		tags_free(&t);
		buffer_fini(&b);
	}
}

Test(flv_tag, modex_data_of_256_bytes_and_more_has_a_long_size) {
	struct buffer b;
	buffer_init(&b, 0);
	buffer_append(&b, "\x97\xff\x01\x2b\x00\x00\x05", 7); /* 300 bytes */
	memset(buffer_reserve(&b, 297), 0xee, 297);
	buffer_u8(&b, 0x00);
	buffer_u32(&b, FOURCC_VP9);
	struct tags t = read_sample(FLV_VIDEO, sample_of(buffer_slice(&b).data, b.size));
	cr_assert_eq(t.count, 1);
	cr_assert_eq(t.items[0].nano_offset, 5);
	cr_assert_eq(t.items[0].fourcc, FOURCC_VP9);
	tags_free(&t);
	buffer_fini(&b);
}

static bool same_tag(const struct flv_tag *a, const struct flv_tag *b) {
	return a->type == b->type && a->packet == b->packet && a->fourcc == b->fourcc && a->multitrack == b->multitrack &&
	       a->track_id == b->track_id && a->command == b->command && a->composition_ms == b->composition_ms &&
	       a->audio_header == b->audio_header && a->payload.size == b->payload.size;
}

/* Writes what was read in its own form and reads that. */
static void check_round_trip(const struct expected *e) {
	struct tags t = read_hex(e->type, e->body);
	const struct flv_tag *tag = &t.items[0];
	uint8_t header[FLV_HEADER_MAX];
	int size = flv_tag_header_write(header, tag, tag->enhanced ? FLV_ENHANCED : FLV_LEGACY);
	if (tag->packet == FLV_UNKNOWN) {
		cr_assert_eq(size, UV_ENOTSUP, "%s", e->body);
		tags_free(&t);
		return;
	}
	cr_assert_gt(size, 0, "%s: %d", e->body, size);
	struct buffer b;
	buffer_init(&b, 0);
	buffer_append(&b, header, (size_t)size);
	buffer_append(&b, tag->payload.data, tag->payload.size);
	struct tags again = read_sample(e->type, sample_of(buffer_slice(&b).data, b.size));
	cr_assert_eq(again.count, 1, "%s", e->body);
	cr_assert(same_tag(&again.items[0], tag), "%s", e->body);
	cr_assert_eq(again.items[0].nano_offset, tag->nano_offset, "%s", e->body);
	if (tag->packet == FLV_FRAME) {
		cr_assert_eq(again.items[0].keyframe, tag->keyframe, "%s", e->body);
		cr_assert_eq(again.items[0].disposable, tag->disposable, "%s", e->body);
	}
	tags_free(&again);
	tags_free(&t);
	buffer_fini(&b);
}

Test(flv_tag, what_was_read_is_written_so_that_it_reads_the_same) {
	for (size_t i = 0; i < COUNT(legacy); i++)
		check_round_trip(&legacy[i]);
	for (size_t i = 0; i < COUNT(enhanced); i++)
		check_round_trip(&enhanced[i]);
}

static void check_written(const struct flv_tag *tag, enum flv_form form, const char *want) {
	uint8_t header[FLV_HEADER_MAX];
	int size = flv_tag_header_write(header, tag, form);
	struct sample s = sample_hex(want);
	cr_assert_eq(size, (int)s.size, "%s: %d", want, size);
	cr_assert_arr_eq(header, s.data, s.size, "%s", want);
	sample_free(&s);
}

Test(flv_tag, headers_are_written_byte_for_byte) {
	struct flv_tag avc = {.type = FLV_VIDEO, .packet = FLV_FRAME, .fourcc = FOURCC_AVC, .composition_ms = -2};
	check_written(&avc, FLV_LEGACY, "2701fffffe");
	check_written(&avc, FLV_ENHANCED, "a1 61766331 fffffe");
	avc.composition_ms = 0;
	avc.keyframe = true;
	check_written(&avc, FLV_LEGACY, "1701000000");
	check_written(&avc, FLV_ENHANCED, "93 61766331");
	avc.track_id = 4;
	avc.nano_offset = 258;
	check_written(&avc, FLV_ENHANCED, "97 02 000102 06 03 61766331 04");
	avc = (struct flv_tag){.type = FLV_VIDEO, .packet = FLV_METADATA, .fourcc = FOURCC_AVC};
	check_written(&avc, FLV_ENHANCED, "d4 61766331");
	avc.track_id = 4; /* under frame type 5 a multitrack body would be a command */
	check_written(&avc, FLV_ENHANCED, "96 04 61766331 04");
	avc = (struct flv_tag){.type = FLV_VIDEO, .packet = FLV_CONFIG, .fourcc = FOURCC_AVC};
	check_written(&avc, FLV_LEGACY, "1700000000");
	check_written(&avc, FLV_ENHANCED, "90 61766331");

	struct flv_tag aac = {.type = FLV_AUDIO, .packet = FLV_CONFIG, .fourcc = FOURCC_AAC};
	check_written(&aac, FLV_LEGACY, "af00");
	check_written(&aac, FLV_ENHANCED, "90 6d703461");
	aac.packet = FLV_FRAME;
	aac.multitrack = true;
	check_written(&aac, FLV_LEGACY, "af01");
	check_written(&aac, FLV_ENHANCED, "95 01 6d703461 00");
	struct flv_tag mp3 = {.type = FLV_AUDIO, .packet = FLV_FRAME, .fourcc = FOURCC_MP3, .audio_header = 0xe2};
	check_written(&mp3, FLV_LEGACY, "e2");
	mp3.audio_header = 0xaf;
	check_written(&mp3, FLV_LEGACY, "2f");
}

Test(flv_tag, what_a_form_cannot_say_is_not_written) {
	const struct {
		struct flv_tag tag;
		enum flv_form form;
		int want;
	} cases[] = {
	    {{.type = FLV_VIDEO, .packet = FLV_FRAME, .fourcc = FOURCC_AV1}, FLV_LEGACY, UV_ENOTSUP},
	    {{.type = FLV_AUDIO, .packet = FLV_FRAME, .fourcc = FOURCC_OPUS}, FLV_LEGACY, UV_ENOTSUP},
	    {{.type = FLV_VIDEO, .packet = FLV_FRAME, .fourcc = FOURCC_AVC, .track_id = 1}, FLV_LEGACY, UV_ENOTSUP},
	    {{.type = FLV_VIDEO, .packet = FLV_METADATA, .fourcc = FOURCC_AVC}, FLV_LEGACY, UV_ENOTSUP},
	    {{.type = FLV_VIDEO, .packet = FLV_CONFIG, .fourcc = FOURCC_VP6}, FLV_LEGACY, UV_ENOTSUP},
	    {{.type = FLV_AUDIO, .packet = FLV_SEQUENCE_END, .fourcc = FOURCC_AAC}, FLV_LEGACY, UV_ENOTSUP},
	    {{.type = FLV_AUDIO, .packet = FLV_CONFIG, .fourcc = FOURCC_MP3}, FLV_LEGACY, UV_ENOTSUP},
	    {{.type = FLV_AUDIO, .packet = FLV_FRAME, .fourcc = FOURCC_SPEEX}, FLV_ENHANCED, UV_ENOTSUP},
	    {{.type = FLV_VIDEO, .packet = FLV_FRAME, .fourcc = FOURCC_VP6}, FLV_ENHANCED, UV_ENOTSUP},
	    {{.type = FLV_VIDEO, .packet = FLV_FRAME}, FLV_ENHANCED, UV_ENOTSUP},
	    {{.type = FLV_VIDEO, .packet = FLV_MULTICHANNEL, .fourcc = FOURCC_AVC}, FLV_ENHANCED, UV_ENOTSUP},
	    {{.type = FLV_AUDIO, .packet = FLV_METADATA, .fourcc = FOURCC_AAC}, FLV_ENHANCED, UV_ENOTSUP},
	    {{.type = FLV_VIDEO, .packet = FLV_FRAME, .fourcc = FOURCC_AVC, .composition_ms = 0x800000},
	     FLV_LEGACY,
	     UV_EINVAL},
	    {{.type = FLV_VIDEO, .packet = FLV_FRAME, .fourcc = FOURCC_AVC, .nano_offset = 1000000},
	     FLV_ENHANCED,
	     UV_EINVAL},
	    {{.type = FLV_SCRIPT, .packet = FLV_FRAME, .fourcc = FOURCC_AVC}, FLV_ENHANCED, UV_EINVAL},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t header[FLV_HEADER_MAX];
		cr_assert_eq(flv_tag_header_write(header, &cases[i].tag, cases[i].form), cases[i].want, "case %zu", i);
	}
}

Test(flv_tag, codec_numbers_map_both_ways) {
	cr_assert_eq(flv_codec_of_number(FLV_VIDEO, 7), FOURCC_AVC);
	cr_assert_eq(flv_codec_of_number(FLV_AUDIO, 7), FOURCC_ALAW);
	cr_assert_eq(flv_codec_of_number(FLV_AUDIO, 14), FOURCC_MP3);
	cr_assert_eq(flv_codec_of_number(FLV_VIDEO, 99), 0);
	cr_assert_eq(flv_number_of_codec(FLV_AUDIO, FOURCC_MP3), 2);
	cr_assert_eq(flv_number_of_codec(FLV_VIDEO, FOURCC_HEVC), 12);
	cr_assert_eq(flv_number_of_codec(FLV_VIDEO, FOURCC_AAC), UV_ENOTSUP);
	cr_assert(flv_is_legacy(FLV_AUDIO, FOURCC_AAC));
	cr_assert_not(flv_is_legacy(FLV_VIDEO, FOURCC_AV1));
}

Test(flv_tag, file_bytes_are_those_of_the_specification) {
	uint8_t file[FLV_FILE_HEADER_SIZE], prefix[FLV_PREFIX_SIZE], trailer[FLV_TRAILER_SIZE];
	const uint8_t want_file[] = {'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0};
	flv_file_header_write(file, true, true);
	cr_assert_arr_eq(file, want_file, sizeof file);
	flv_file_header_write(file, true, false);
	cr_assert_eq(file[4], 4);
	flv_file_header_write(file, false, true);
	cr_assert_eq(file[4], 1);
	const uint8_t want_prefix[] = {9, 0x01, 0x02, 0x03, 0x34, 0x56, 0x78, 0x92, 0, 0, 0};
	cr_assert_eq(flv_prefix_write(prefix, FLV_VIDEO, 0x010203, 0x92345678), 0);
	cr_assert_arr_eq(prefix, want_prefix, sizeof prefix);
	cr_assert_eq(flv_prefix_write(prefix, FLV_VIDEO, FLV_BODY_MAX + 1, 0), UV_E2BIG);
	const uint8_t want_trailer[] = {0x00, 0x01, 0x02, 0x0e};
	flv_trailer_write(trailer, 0x010203);
	cr_assert_arr_eq(trailer, want_trailer, sizeof trailer);
}
