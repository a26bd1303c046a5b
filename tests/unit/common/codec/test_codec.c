#include "common/codec/codec.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>
#include <uv.h>

Test(codec, info_comes_from_the_configuration_of_each_known_codec) {
	struct codec_info info;
	struct sample avc =
	    sample_hex("0142c01effe10019 6742c01eda0280bfe5c044000003000400000300c83c58ba80 01000468ce0fc8");
	cr_assert_eq(codec_info_read(&info, FOURCC_AVC, sample_slice(&avc)), 0);
	cr_assert_str_eq(info.rfc6381, "avc1.42c01e");
	cr_assert_eq(info.sample_rate, 0);
	struct sample aac = sample_hex("1190");
	cr_assert_eq(codec_info_read(&info, FOURCC_AAC, sample_slice(&aac)), 0);
	cr_assert_str_eq(info.rfc6381, "mp4a.40.2");
	cr_assert_eq(info.width, 0);
	sample_free(&avc);
	sample_free(&aac);
}

Test(codec, a_codec_without_a_parser_is_named_at_least) {
	struct codec_info info = {.width = 1};
	cr_assert_eq(codec_info_read(&info, FOURCC_AC3, (struct slice){NULL, 0}), 0);
	cr_assert_eq(info.fourcc, FOURCC_AC3);
	cr_assert_str_eq(info.rfc6381, "ac-3");
	cr_assert_eq(info.width, 0);
	cr_assert_eq(codec_info_read(&info, FOURCC_VVC, (struct slice){NULL, 0}), 0);
	cr_assert_str_eq(info.rfc6381, "", "its name needs parameters");
}

Test(codec, a_broken_configuration_leaves_the_info_untouched) {
	struct codec_info info = {.width = 7};
	cr_assert_eq(codec_info_read(&info, FOURCC_AVC, (struct slice){NULL, 0}), UV_EINVAL);
	cr_assert_eq(codec_info_read(&info, FOURCC_AAC, (struct slice){NULL, 0}), UV_EINVAL);
	cr_assert_eq(codec_info_read(&info, FOURCC_HEVC, (struct slice){NULL, 0}), UV_EINVAL);
	cr_assert_eq(codec_info_read(&info, FOURCC_AV1, (struct slice){NULL, 0}), UV_EINVAL);
	cr_assert_eq(codec_info_read(&info, FOURCC_OPUS, (struct slice){NULL, 0}), UV_EINVAL);
	cr_assert_eq(codec_info_read(&info, FOURCC_FLAC, (struct slice){NULL, 0}), UV_EINVAL);
	cr_assert_eq(info.width, 7);
}

Test(codec, a_fourcc_prints_as_its_letters) {
	char text[FOURCC_TEXT_SIZE];
	fourcc_text(FOURCC_OPUS, text);
	cr_assert_str_eq(text, "Opus");
	fourcc_text(0x61000aff, text);
	cr_assert_str_eq(text, "a???");
}
