#include "common/codec/aac.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>
#include <uv.h>

struct expected {
	const char *config;
	uint32_t rate, channels, samples;
	const char *name;
};

static const struct expected configs[] = {
    {"1210", 44100, 2, 1024, "mp4a.40.2"},
    {"121056e500", 44100, 2, 1024, "mp4a.40.2"}, /* FFmpeg: "no SBR" said explicitly */
    {"11b856e500", 48000, 8, 1024, "mp4a.40.2"}, /* FFmpeg, 7.1 */
    {"1190", 48000, 2, 1024, "mp4a.40.2"},
    {"1194", 48000, 2, 960, "mp4a.40.2"},
    {"0a10", 44100, 2, 1024, "mp4a.40.1"},
    {"2b118800", 48000, 2, 2048, "mp4a.40.5"},        /* HE-AAC, hierarchical: 24 kHz, SBR at 48 kHz */
    {"131056e598", 48000, 2, 2048, "mp4a.40.5"},      /* the same, backward-compatible */
    {"eb098800", 48000, 2, 2048, "mp4a.40.29"},       /* HE-AAC v2: mono with parametric stereo */
    {"130856e59d4880", 48000, 2, 2048, "mp4a.40.29"}, /* the same, backward-compatible */
    {"119056e598", 48000, 2, 1024, "mp4a.40.5"},      /* SBR at the core's rate */
    {"17802ee010", 24000, 2, 1024, "mp4a.40.2"},      /* the rate as 24 bits */
    {"f8e84000", 44100, 2, 512, "mp4a.40.39"},        /* escape: AAC-ELD */
};

Test(aac, configurations_tell_the_output_of_the_decoder) {
	for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
		const struct expected *e = &configs[i];
		struct sample s = sample_hex(e->config);
		struct codec_info info;
		cr_assert_eq(aac_info_read(&info, sample_slice(&s)), 0, "%s", e->config);
		cr_assert_eq(info.sample_rate, e->rate, "%s: %u", e->config, info.sample_rate);
		cr_assert_eq(info.channels, e->channels, "%s: %u", e->config, info.channels);
		cr_assert_eq(info.samples_per_frame, e->samples, "%s: %u", e->config, info.samples_per_frame);
		cr_assert_str_eq(info.rfc6381, e->name, "%s", e->config);
		cr_assert_eq(info.fourcc, FOURCC_AAC);
		sample_free(&s);
	}
}

Test(aac, the_core_is_told_apart_from_the_extension) {
	struct sample s = sample_hex("eb098800");
	struct aac_config c;
	cr_assert_eq(aac_config_read(&c, sample_slice(&s)), 0);
	cr_assert_eq(c.object_type, AAC_LC);
	cr_assert(c.sbr && c.ps);
	cr_assert_eq(c.sample_rate, 24000);
	cr_assert_eq(c.sbr_sample_rate, 48000);
	cr_assert_eq(c.channels, 1);
	cr_assert_eq(c.frame_samples, 1024);
	sample_free(&s);
}

Test(aac, a_program_config_element_counts_the_channels) {
	/* LC, 48 kHz, channel configuration 0; front: single and pair, side: none, back: pair, one LFE: 5.1 */
	static const char text[] = "00010"
	                           "0011"
	                           "0000"
	                           "0"
	                           "0"
	                           "0"
	                           "0000"
	                           "01"
	                           "0011"
	                           "0010"
	                           "0000"
	                           "0001"
	                           "01"
	                           "000"
	                           "0000"
	                           "1"
	                           "1010"
	                           "0"
	                           "1"
	                           "101"
	                           "00000"
	                           "10001"
	                           "10010"
	                           "0000";
	uint8_t data[16] = {0};
	size_t bit = 0;
	for (; text[bit]; bit++)
		if (text[bit] == '1')
			data[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	size_t comment = (bit + 7) / 8;
	data[comment] = 3; /* bytes of comment */
	size_t size = comment + 1 + 3;
	struct aac_config c = {.channels = 99};
	for (size_t cut = 0; cut < size; cut++) {
		struct sample s = sample_of(data, cut);
		cr_assert_eq(aac_config_read(&c, sample_slice(&s)), UV_EINVAL, "%zu bytes", cut);
		cr_assert_eq(c.channels, 99);
		sample_free(&s);
	}
	struct sample s = sample_of(data, size);
	cr_assert_eq(aac_config_read(&c, sample_slice(&s)), 0);
	cr_assert_eq(c.channels, 6);
	cr_assert_eq(c.channel_config, 0);
	sample_free(&s);
}

Test(aac, what_is_cut_short_is_refused_and_an_extension_cut_short_is_left_out) {
	struct sample whole = sample_hex("130856e59d4880");
	for (size_t size = 0; size < whole.size; size++) {
		struct sample cut = sample_of(whole.data, size);
		struct aac_config c = {.channels = 99};
		int err = aac_config_read(&c, sample_slice(&cut));
		cr_assert_eq(err, size < 2 ? UV_EINVAL : 0, "%zu bytes", size);
		cr_assert_eq(c.channels, size < 2 ? 99 : 1);
		if (size >= 2)
			cr_assert_eq(c.sbr, size >= 5, "%zu bytes", size);
		sample_free(&cut);
	}
	sample_free(&whole);
}

Test(aac, what_cannot_be_is_refused) {
	const struct {
		const char *config;
		int want;
	} cases[] = {
	    {"", UV_EINVAL},
	    {"1690", UV_EINVAL},          /* reserved rate */
	    {"1240", UV_EINVAL},          /* reserved channels */
	    {"17800000 1000", UV_EINVAL}, /* a rate of 0 Hz */
	    {"17fffffe 1000", UV_EINVAL}, /* a rate of 16 MHz */
	    {"2b901000", UV_EINVAL},      /* SBR that is neither the rate nor its double */
	    {"0210", UV_ENOTSUP},         /* the null object type */
	    {"3a10", UV_ENOTSUP},         /* TwinVQ */
	    {"f9482100", UV_ENOTSUP},     /* USAC */
	    {"2b119400", UV_ENOTSUP},     /* SBR of SBR */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct sample s = sample_hex(cases[i].config);
		struct aac_config c;
		cr_assert_eq(aac_config_read(&c, sample_slice(&s)), cases[i].want, "%s", cases[i].config);
		sample_free(&s);
	}
}
