/*
 * test_codec_info.c: configurations and frames as encoders made them (x265, SVT-AV1, libvpx, libopus, FFmpeg's FLAC,
 * AC-3 and E-AC-3, LAME), and what must be read from them.
 */
#include "common/codec/codec.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* 854x480, 30000/1001, Main and Main 10. */
static const uint8_t hevc_main[] = {
    0x01, 0x01, 0x60, 0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5a, 0xf0, 0x00, 0xfc, 0xfd, 0xf8, 0xf8,
    0x00, 0x00, 0x0f, 0x03, 0x20, 0x00, 0x01, 0x00, 0x18, 0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00,
    0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x5a, 0x95, 0x98, 0x09, 0x21, 0x00, 0x01, 0x00, 0x29,
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x5a, 0xa0,
    0x06, 0xb2, 0x01, 0xe1, 0xd7, 0x96, 0x56, 0x69, 0x24, 0xca, 0xf0, 0x16, 0x80, 0x80, 0x00, 0x01, 0xf4, 0x80, 0x00,
    0x3a, 0x98, 0x04, 0x22, 0x00, 0x01, 0x00, 0x07, 0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40,
};
static const uint8_t hevc_main10[] = {
    0x01, 0x02, 0x20, 0x00, 0x00, 0x00, 0x90, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5a, 0xf0, 0x00, 0xfc, 0xfd, 0xfa, 0xfa,
    0x00, 0x00, 0x0f, 0x03, 0x20, 0x00, 0x01, 0x00, 0x18, 0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x02, 0x20, 0x00, 0x00,
    0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x5a, 0x95, 0x98, 0x09, 0x21, 0x00, 0x01, 0x00, 0x2a,
    0x42, 0x01, 0x01, 0x02, 0x20, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x5a, 0xa0,
    0x06, 0xb2, 0x01, 0xe1, 0xd6, 0xd9, 0x65, 0x66, 0x92, 0x4c, 0xaf, 0x01, 0x68, 0x08, 0x00, 0x00, 0x1f, 0x48, 0x00,
    0x03, 0xa9, 0x80, 0x40, 0x22, 0x00, 0x01, 0x00, 0x07, 0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40,
};

static const uint8_t av1_record[] = {
    0x81, 0x04, 0x0c, 0x00, 0x0a, 0x0b, 0x00, 0x00, 0x00, 0x24, 0xc6, 0xab, 0xdf, 0x00, 0xbe, 0x00, 0x10,
};
static const uint8_t vp9_record[] = {
    0x01, 0x00, 0x00, 0x00, 0x00, 0x1e, 0x82, 0x02, 0x02, 0x02, 0x00, 0x00,
};
static const uint8_t vp9_keyframe[] = {
    0x82, 0x49, 0x83, 0x42, 0x00, 0x35, 0x50, 0x1d, 0xf6, 0x06, 0x38, 0x24,
    0x1c, 0x18, 0x4a, 0x10, 0x08, 0xb8, 0x7f, 0xd5, 0xfa, 0x3e, 0x8f, 0xef,
};
static const uint8_t vp8_keyframe[] = {
    0x30, 0xf3, 0x00, 0x9d, 0x01, 0x2a, 0x56, 0x03, 0xe0, 0x01, 0x01, 0x87, 0x08, 0x85, 0x85, 0x88,
};

static const uint8_t opus_head[] = {
    0x4f, 0x70, 0x75, 0x73, 0x48, 0x65, 0x61, 0x64, 0x01, 0x02, 0x38, 0x01, 0x80, 0xbb, 0x00, 0x00, 0x00, 0x00, 0x00,
};
static const uint8_t opus_packet[] = {
    0xfc,
    0xb4,
    0x06,
    0x5a,
};

/* With its block's header. */
static const uint8_t flac_block[] = {
    0x80, 0x00, 0x00, 0x22, 0x12, 0x00, 0x12, 0x00, 0x00, 0x04, 0x17, 0x00, 0x04, 0xde, 0x0a, 0xc4, 0x40, 0xf0, 0x00,
    0x00, 0x44, 0xe8, 0x94, 0x39, 0x69, 0x5c, 0xd2, 0xdd, 0xf0, 0x0b, 0x36, 0xd1, 0xbc, 0xf8, 0x43, 0xb2, 0x7f, 0x89,
};

static const uint8_t ac3_frame[] = {
    0x0b, 0x77, 0xd0, 0xf8, 0x1e, 0x40, 0xeb, 0xf8, 0x40, 0x3e, 0xff, 0x99, 0xff, 0x08, 0x41, 0xfc,
};
static const uint8_t eac3_frame[] = {
    0x0b, 0x77, 0x01, 0xa0, 0x74, 0x87, 0xc0, 0x00, 0x20, 0x84, 0x01, 0x00, 0x39, 0x00, 0xae, 0x06,
};
static const uint8_t mp3_frame[] = {
    0xff, 0xfb, 0x94, 0x64, 0x00, 0x00, 0x02, 0x1c, 0x08, 0x50, 0xbd, 0x3c, 0x60, 0x08, 0x00, 0x00,
};
static const uint8_t mp3_mono_frame[] = {
    0xff, 0xf3, 0x40, 0xc4, 0x00, 0x14, 0x68, 0x86, 0x70, 0x17, 0x58, 0x18, 0x00, 0x7f, 0xe4, 0xa0,
};

#define SLICE(a) ((struct slice){(a), sizeof(a)})

static struct codec_info info;

static void take(uint32_t fourcc, struct slice config) {
	cr_assert_eq(codec_info_read(&info, fourcc, config), 0);
	cr_assert_eq(info.fourcc, fourcc);
}

/* No beginning of it crashes, and none shorter than `least` is taken. */
static void refuse_cuts(uint32_t fourcc, struct slice config, size_t least) {
	for (size_t size = 1; size < config.size; size++) {
		uint8_t *copy = malloc(size + 1); /* so that a sanitizer sees a byte too far */
		memcpy(copy, config.data, size);
		int err = codec_info_read(&info, fourcc, (struct slice){copy, size});
		cr_assert(err == UV_EINVAL || size >= least, "%zu bytes were taken", size);
		free(copy);
	}
}

static void expect_video(uint32_t width, uint32_t height, const char *name) {
	cr_assert_eq(info.width, width, "%u", info.width);
	cr_assert_eq(info.height, height, "%u", info.height);
	cr_assert_str_eq(info.rfc6381, name);
}

static void expect_audio(uint32_t rate, uint32_t channels, uint32_t samples) {
	cr_assert_eq(info.sample_rate, rate, "%u", info.sample_rate);
	cr_assert_eq(info.channels, channels, "%u", info.channels);
	cr_assert_eq(info.samples_per_frame, samples, "%u", info.samples_per_frame);
}

Test(codec_info, hevc) {
	take(FOURCC_HEVC, SLICE(hevc_main));
	expect_video(854, 480, "hvc1.1.6.L90.90");
	cr_assert_eq(info.frame_rate_num, 30000);
	cr_assert_eq(info.frame_rate_den, 1001);
	cr_assert_eq(info.profile, 1);
	cr_assert_eq(info.level, 90);
	take(FOURCC_HEVC, SLICE(hevc_main10));
	expect_video(854, 480, "hvc1.2.4.L90.90");
	cr_assert_eq(info.frame_rate_num, 30000);
	refuse_cuts(FOURCC_HEVC, SLICE(hevc_main), sizeof hevc_main);
}

Test(codec_info, hevc_without_parameter_sets_is_refused) {
	uint8_t record[23];
	memcpy(record, hevc_main, sizeof record);
	record[22] = 0;
	cr_assert_eq(codec_info_read(&info, FOURCC_HEVC, SLICE(record)), UV_EINVAL);
}

Test(codec_info, av1) {
	take(FOURCC_AV1, SLICE(av1_record));
	expect_video(854, 480, "av01.0.04M.08");
	refuse_cuts(FOURCC_AV1, SLICE(av1_record), 4);
	/* Its sequence header may come in band alone. */
	take(FOURCC_AV1, (struct slice){av1_record, 4});
	cr_assert_eq(info.width, 0);
	cr_assert_str_eq(info.rfc6381, "av01.0.04M.08");
}

Test(codec_info, vp9_with_and_without_the_boxs_version) {
	take(FOURCC_VP9, SLICE(vp9_record));
	expect_video(0, 0, "vp09.00.30.08");
	take(FOURCC_VP9, (struct slice){vp9_record + 4, sizeof vp9_record - 4});
	expect_video(0, 0, "vp09.00.30.08");
	refuse_cuts(FOURCC_VP9, SLICE(vp9_record), 8);
	cr_assert(codec_info_learn(&info, SLICE(vp9_keyframe)) || info.width);
}

Test(codec_info, the_size_of_vp8_and_vp9_is_in_their_keyframes) {
	take(FOURCC_VP9, SLICE(vp9_record));
	cr_assert(codec_info_learn(&info, SLICE(vp9_keyframe)));
	expect_video(854, 480, "vp09.00.30.08");
	cr_assert_not(codec_info_learn(&info, SLICE(vp9_keyframe)), "it is known");
	take(FOURCC_VP8, (struct slice){0});
	cr_assert(codec_info_learn(&info, SLICE(vp8_keyframe)));
	expect_video(854, 480, "vp8");
	uint8_t inter = 0x31;
	take(FOURCC_VP8, (struct slice){0});
	cr_assert_not(codec_info_learn(&info, (struct slice){&inter, 1}));
}

Test(codec_info, opus) {
	take(FOURCC_OPUS, SLICE(opus_head));
	cr_assert(codec_info_learn(&info, SLICE(opus_packet)));
	expect_audio(48000, 2, 960);
	cr_assert_str_eq(info.rfc6381, "opus");
	refuse_cuts(FOURCC_OPUS, SLICE(opus_head), sizeof opus_head);
}

Test(codec_info, opus_packets_of_many_frames) {
	static const uint8_t three_of_20[] = {0xfb, 3}, none[] = {0xfb, 0}, too_long[] = {0x1b, 48};
	take(FOURCC_OPUS, SLICE(opus_head));
	cr_assert_not(codec_info_learn(&info, SLICE(none)));
	cr_assert_not(codec_info_learn(&info, SLICE(too_long)));
	cr_assert(codec_info_learn(&info, SLICE(three_of_20)));
	cr_assert_eq(info.samples_per_frame, 2880);
}

Test(codec_info, flac_alone_behind_its_blocks_header_and_behind_the_magic) {
	uint8_t whole[4 + sizeof flac_block];
	memcpy(whole, "fLaC", 4);
	memcpy(whole + 4, flac_block, sizeof flac_block);
	const struct slice forms[] = {SLICE(whole), SLICE(flac_block), {flac_block + 4, sizeof flac_block - 4}};
	for (size_t i = 0; i < 3; i++) {
		take(FOURCC_FLAC, forms[i]);
		expect_audio(44100, 1, 4608);
	}
	refuse_cuts(FOURCC_FLAC, SLICE(flac_block), 34);
}

Test(codec_info, what_ac3_eac3_and_mp3_tell_is_in_each_frame) {
	const struct {
		uint32_t fourcc;
		struct slice frame;
		uint32_t rate, channels, samples;
		const char *name;
	} cases[] = {
	    {FOURCC_AC3, SLICE(ac3_frame), 48000, 6, 1536, "ac-3"},
	    {FOURCC_EAC3, SLICE(eac3_frame), 44100, 2, 1536, "ec-3"},
	    {FOURCC_MP3, SLICE(mp3_frame), 48000, 2, 1152, "mp4a.40.34"},
	    {FOURCC_MP3, SLICE(mp3_mono_frame), 22050, 1, 576, "mp4a.40.34"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		take(cases[i].fourcc, (struct slice){0});
		cr_assert_str_eq(info.rfc6381, cases[i].name);
		cr_assert_not(codec_info_learn(&info, (struct slice){cases[i].frame.data, 3}));
		cr_assert(codec_info_learn(&info, cases[i].frame), "case %zu", i);
		expect_audio(cases[i].rate, cases[i].channels, cases[i].samples);
	}
}

Test(codec_info, fields_of_ac3_headers_are_kept) {
	const struct {
		uint32_t fourcc;
		struct slice frame;
		struct codec_ac3 want;
	} cases[] = {
	    {FOURCC_AC3, SLICE(ac3_frame), {.fscod = 0, .bsid = 8, .bsmod = 0, .acmod = 7, .lfeon = 1, .rate = 15}},
	    {FOURCC_EAC3, SLICE(eac3_frame), {.fscod = 1, .bsid = 16, .acmod = 2, .rate = 191}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		take(cases[i].fourcc, (struct slice){0});
		cr_assert(codec_info_learn(&info, cases[i].frame));
		struct codec_ac3 got = codec_ac3_unpack(info.ac3);
		cr_assert_eq(memcmp(&got, &cases[i].want, sizeof got), 0, "case %zu", i);
		cr_assert_eq(codec_ac3_pack(got), info.ac3);
	}
}
