#include "common/codec/avc.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>
#include <uv.h>

/* Records as x264 and FFmpeg make them. */
#define RECORD_1080P "0142c028ffe10017 6742c028da01e0089f97011000003e90000ea600f1832a 01000468ce0fc8"
#define RECORD_HIGH                                                                                                    \
	"01f4000dffe1001f 67f4000d91968150878f8fffc1e4016a44000003000400000300c03c50aa80 01000568ce0f1920fff8f800"

struct expected {
	const char *record;
	uint8_t profile;
	uint32_t width, height, num, den;
	bool interlaced;
	const char *name;
};

static const struct expected encoded[] = {
    {RECORD_1080P, 66, 1920, 1080, 30000, 1001, false, "avc1.42c028"},
    {"0142c01effe10019 6742c01eda0280bfe5c044000003000400000300c83c58ba80 01000468ce0fc8", 66, 640, 360, 25, 1, false,
     "avc1.42c01e"},
    {"016e0020ffe10019 676e0020a6cb402802dd80880000030008000003032078c195 01000468ce0fc8fdfafa00", 110, 1280, 720, 50,
     1, false, "avc1.6e0020"},
    {RECORD_HIGH, 244, 322, 242, 24, 1, false, "avc1.f4000d"},
    {"017a001effe10018 677a001ebce80b424d820800000300080000030190f8a155 01000568de0fc40cfef8f800", 122, 720, 576, 25, 1,
     true, "avc1.7a001e"},
    {"0164002affe10026 6764002aacd94079022788930110000003001000000786040002dc6c0005b8de4d38078c18cb "
     "01000568ebecb22cfdf8f800",
     100, 1922, 1082, 60, 1, false, "avc1.64002a"},
    {"01640028ffe1001e 67640028acd9405a044fde1cd4040809000003000100000300321f162d96 01000768fba3cb3002c0fdf8f800", 100,
     1440, 1080, 25, 1, true, "avc1.640028"},
};

Test(avc, real_records_tell_size_rate_and_profile) {
	for (size_t i = 0; i < sizeof encoded / sizeof *encoded; i++) {
		const struct expected *e = &encoded[i];
		struct sample s = sample_hex(e->record);
		struct codec_info info;
		cr_assert_eq(avc_info_read(&info, sample_slice(&s)), 0, "record %zu", i);
		cr_assert_eq(info.fourcc, FOURCC_AVC);
		cr_assert_eq(info.width, e->width, "record %zu: %u", i, info.width);
		cr_assert_eq(info.height, e->height, "record %zu: %u", i, info.height);
		cr_assert_eq(info.frame_rate_num, e->num, "record %zu: %u", i, info.frame_rate_num);
		cr_assert_eq(info.frame_rate_den, e->den, "record %zu: %u", i, info.frame_rate_den);
		cr_assert_eq(info.profile, e->profile);
		cr_assert_str_eq(info.rfc6381, e->name);

		struct avc_config config;
		struct avc_sps sps;
		struct slice nal;
		cr_assert_eq(avc_config_read(&config, sample_slice(&s)), 0);
		struct reader r = reader_of(config.sps.data, config.sps.size);
		cr_assert_eq(avc_nal_next(&r, 2, &nal), 1);
		cr_assert_eq(avc_sps_read(&sps, nal), 0);
		cr_assert_eq(sps.interlaced, e->interlaced, "record %zu", i);
		sample_free(&s);
	}
}

static struct avc_sps sps_of(const char *record) {
	struct sample s = sample_hex(record);
	struct avc_config config;
	struct avc_sps sps = {0};
	struct slice nal;
	cr_assert_eq(avc_config_read(&config, sample_slice(&s)), 0);
	struct reader r = reader_of(config.sps.data, config.sps.size);
	cr_assert_eq(avc_nal_next(&r, 2, &nal), 1);
	cr_assert_eq(avc_sps_read(&sps, nal), 0);
	sample_free(&s);
	return sps;
}

Test(avc, chroma_depth_and_pixel_shape_are_read) {
	struct avc_sps sps = sps_of(RECORD_HIGH);
	cr_assert_eq(sps.chroma_format, 3);
	cr_assert_eq(sps.depth_luma, 8);
	sps = sps_of(encoded[2].record);
	cr_assert_eq(sps.chroma_format, 1);
	cr_assert_eq(sps.depth_luma, 10);
	cr_assert_eq(sps.depth_chroma, 10);
	sps = sps_of(encoded[4].record);
	cr_assert_eq(sps.chroma_format, 2);
	sps = sps_of(encoded[6].record);
	cr_assert_eq(sps.sar_width, 4);
	cr_assert_eq(sps.sar_height, 3);
}

Test(avc, a_record_cut_short_anywhere_before_its_end_is_refused) {
	struct sample whole = sample_hex(RECORD_1080P);
	for (size_t size = 0; size < whole.size; size++) {
		struct sample cut = sample_of(whole.data, size);
		struct avc_config config = {.profile = 0x55};
		cr_assert_eq(avc_config_read(&config, sample_slice(&cut)), UV_EINVAL, "%zu bytes", size);
		cr_assert_eq(config.profile, 0x55, "untouched on failure");
		sample_free(&cut);
	}
	sample_free(&whole);
}

Test(avc, a_record_without_the_chroma_format_of_its_high_profile_is_taken) {
	struct sample whole = sample_hex(RECORD_HIGH);
	struct codec_info info;
	cr_assert_eq(avc_info_read(&info, (struct slice){whole.data, whole.size - 4}), 0);
	sample_free(&whole);
}

Test(avc, records_that_cannot_be_are_refused) {
	const char *const broken[] = {
	    "0042c028ffe1001d6742",               /* version 0 */
	    "0142c028fee10004674200280100",       /* lengths of 3 bytes */
	    "0142c028ffe00100046800000000",       /* no SPS */
	    "0142c028ffe100046842002800",         /* a PPS where the SPS belongs */
	    "0142c028ffe1000000",                 /* an empty SPS */
	    "0142c028ffe10004674200280100026742", /* an SPS where the PPS belongs */
	    "0142c028ffffffff67",                 /* a size beyond the record */
	};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct sample s = sample_hex(broken[i]);
		struct avc_config config;
		cr_assert_eq(avc_config_read(&config, sample_slice(&s)), UV_EINVAL, "record %zu", i);
		sample_free(&s);
	}
}

Test(avc, sets_are_walked_with_their_sizes_of_16_bits) {
	struct sample s = sample_hex("0142c028ffe2 0002 6701 0003 670203 02 0001 68 0002 6809");
	struct avc_config config;
	cr_assert_eq(avc_config_read(&config, sample_slice(&s)), 0);
	cr_assert_eq(config.sps_count, 2);
	cr_assert_eq(config.pps_count, 2);
	cr_assert_eq(config.length_size, 4);
	struct reader r = reader_of(config.sps.data, config.sps.size);
	struct slice nal;
	cr_assert_eq(avc_nal_next(&r, 2, &nal), 1);
	cr_assert_eq(nal.size, 2);
	cr_assert_eq(avc_nal_next(&r, 2, &nal), 1);
	cr_assert_eq(nal.size, 3);
	cr_assert_eq(avc_nal_next(&r, 2, &nal), 0);
	r = reader_of(config.pps.data, config.pps.size);
	cr_assert_eq(avc_nal_next(&r, 2, &nal), 1);
	cr_assert_eq(avc_nal_type(nal), AVC_NAL_PPS);
	sample_free(&s);
}

/* An SPS written bit by bit, without emulation prevention: the tests keep clear of two zero bytes in a row. */
struct writer {
	uint8_t data[256];
	size_t bits;
};

static void write_bits(struct writer *w, uint32_t v, unsigned count) {
	while (count--) {
		if (v >> count & 1)
			w->data[w->bits / 8] |= (uint8_t)(0x80 >> w->bits % 8);
		w->bits++;
	}
}

static void write_ue(struct writer *w, uint32_t v) {
	unsigned size = 32 - (unsigned)__builtin_clz(v + 1);
	write_bits(w, 0, size - 1);
	write_bits(w, v + 1, size);
}

static void write_se(struct writer *w, int32_t v) {
	write_ue(w, v > 0 ? (uint32_t)v * 2 - 1 : (uint32_t)-v * 2);
}

static void begin_sps(struct writer *w, uint8_t profile) {
	*w = (struct writer){.data = {0}};
	write_bits(w, 0x67, 8);
	write_bits(w, profile, 8);
	write_bits(w, 0xff, 8);
	write_bits(w, 40, 8);
	write_ue(w, 0);
}

/* From log2_max_frame_num to the picture's size, without cropping or VUI. */
static void write_size(struct writer *w, uint32_t width_mbs, uint32_t height_mbs) {
	write_ue(w, 1); /* frame num */
	write_ue(w, 2); /* picture order count type */
	write_ue(w, 1);
	write_bits(w, 0, 1);
	write_ue(w, width_mbs - 1);
	write_ue(w, height_mbs - 1);
	write_bits(w, 1, 1); /* frames only */
	write_bits(w, 1, 1);
}

static int read_written(const struct writer *w, struct avc_sps *sps) {
	struct sample s = sample_of(w->data, (w->bits + 7) / 8);
	int err = avc_sps_read(sps, sample_slice(&s));
	sample_free(&s);
	return err;
}

Test(avc, scaling_lists_of_every_kind_are_passed_over) {
	for (unsigned format = 1; format <= 3; format += 2) {
		struct writer w;
		begin_sps(&w, 244);
		write_ue(&w, format);
		if (format == 3)
			write_bits(&w, 1, 1); /* separate planes */
		write_ue(&w, 2);
		write_ue(&w, 4);
		write_bits(&w, 1, 1);
		write_bits(&w, 1, 1); /* scaling matrix */
		for (int i = 0, lists = format == 3 ? 12 : 8; i < lists; i++) {
			int size = i < 6 ? 16 : 64;
			write_bits(&w, i % 3 != 2, 1);
			if (i % 3 == 0) /* all values */
				for (int k = 0; k < size; k++)
					write_se(&w, k % 2 ? 3 : -1);
			if (i % 3 == 1) /* "use the default": the second scale becomes 0 */
				write_se(&w, -8);
		}
		write_size(&w, 20, 15);
		write_bits(&w, 0, 2); /* no cropping, no VUI */
		write_bits(&w, 1, 1);
		struct avc_sps sps;
		cr_assert_eq(read_written(&w, &sps), 0, "format %u", format);
		cr_assert_eq(sps.width, 320);
		cr_assert_eq(sps.height, 240);
		cr_assert_eq(sps.depth_luma, 10);
		cr_assert_eq(sps.depth_chroma, 12);
	}
}

Test(avc, a_scaling_delta_out_of_range_is_refused) {
	struct writer w;
	begin_sps(&w, 100);
	write_ue(&w, 1);
	write_ue(&w, 0);
	write_ue(&w, 0);
	write_bits(&w, 0, 1);
	write_bits(&w, 1, 1); /* a matrix */
	write_bits(&w, 1, 1); /* its first list */
	write_se(&w, 128);
	write_size(&w, 20, 15);
	write_bits(&w, 0xffff, 16);
	struct avc_sps sps;
	cr_assert_eq(read_written(&w, &sps), UV_EINVAL);
}

Test(avc, picture_order_type_1_is_passed_over_and_its_cycle_bounded) {
	for (uint32_t cycle = 255; cycle <= 256; cycle++) {
		struct writer w;
		begin_sps(&w, 77);
		write_ue(&w, 1);
		write_ue(&w, 1);
		write_bits(&w, 1, 1);
		write_se(&w, -3);
		write_se(&w, 5);
		write_ue(&w, cycle);
		for (uint32_t i = 0; i < cycle; i++)
			write_bits(&w, 1, 1); /* se(0) */
		write_ue(&w, 1);
		write_bits(&w, 0, 1);
		write_ue(&w, 10);
		write_ue(&w, 8);
		write_bits(&w, 3, 2);
		write_bits(&w, 0, 2);
		write_bits(&w, 0xff, 8);
		struct avc_sps sps;
		cr_assert_eq(read_written(&w, &sps), cycle == 255 ? 0 : UV_EINVAL);
		if (cycle == 255)
			cr_assert_eq(sps.width, 176);
	}
}

Test(avc, sizes_are_bounded_and_cropping_cannot_exceed_them) {
	struct avc_sps sps = {.width = 7};
	const struct {
		uint32_t width_mbs, crop;
		int want;
	} cases[] = {{1024, 0, 0},    {1025, 0, UV_EINVAL},   {UINT32_MAX - 1, 0, UV_EINVAL},
	             {2, 15, 0},      {2, 16, UV_EINVAL},     {2, UINT32_MAX - 1, UV_EINVAL},
	             {1024, 8191, 0}, {1024, 8192, UV_EINVAL}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct writer w;
		begin_sps(&w, 66);
		write_size(&w, cases[i].width_mbs, 2);
		write_bits(&w, cases[i].crop != 0, 1);
		if (cases[i].crop) {
			write_ue(&w, cases[i].crop);
			write_ue(&w, 0);
			write_ue(&w, 0);
			write_ue(&w, 0);
		}
		write_bits(&w, 0, 1);
		write_bits(&w, 0xff, 8);
		cr_assert_eq(read_written(&w, &sps), cases[i].want, "case %zu", i);
		if (!cases[i].want)
			cr_assert_eq(sps.width, cases[i].width_mbs * 16 - cases[i].crop * 2);
	}
}

Test(avc, a_vui_cut_short_leaves_the_size_known) {
	struct sample record = sample_hex(RECORD_1080P);
	struct slice nal = {record.data + 8, 0x17};
	size_t sized = 0;
	for (size_t size = 0; size <= nal.size; size++) {
		struct sample cut = sample_of(nal.data, size);
		struct avc_sps sps = {.width = 1};
		int err = avc_sps_read(&sps, sample_slice(&cut));
		cr_assert(err == 0 || err == UV_EINVAL);
		cr_assert_eq(sps.width, err ? 1 : 1920);
		if (!err && !sized++)
			cr_assert_eq(sps.frame_rate_num, 0, "the rate comes later than the size");
		cr_assert(!sized || !err, "more bytes never make it worse");
		sample_free(&cut);
	}
	cr_assert_gt(sized, 5);
	sample_free(&record);
}

Test(avc, nal_units_are_walked_at_every_length_size) {
	struct sample one = sample_hex("02 6501 00 01 41"), two = sample_hex("0002 6501 0000 0001 41"),
	              four = sample_hex("00000002 6501 00000000 00000001 41");
	const struct {
		struct sample *s;
		unsigned length_size;
	} cases[] = {{&one, 1}, {&two, 2}, {&four, 4}};
	for (size_t i = 0; i < 3; i++) {
		struct reader r = reader_of(cases[i].s->data, cases[i].s->size);
		struct slice nal;
		cr_assert_eq(avc_nal_next(&r, cases[i].length_size, &nal), 1);
		cr_assert_eq(avc_nal_type(nal), AVC_NAL_IDR);
		cr_assert_eq(nal.size, 2);
		cr_assert_eq(avc_nal_next(&r, cases[i].length_size, &nal), 1, "empty units are passed over");
		cr_assert_eq(avc_nal_type(nal), AVC_NAL_SLICE);
		cr_assert_eq(avc_nal_next(&r, cases[i].length_size, &nal), 0);
		sample_free(cases[i].s);
	}
}

Test(avc, a_length_beyond_the_access_unit_is_refused) {
	struct sample s = sample_hex("00000001 41 ffffffff 65");
	struct reader r = reader_of(s.data, s.size);
	struct slice nal;
	cr_assert_eq(avc_nal_next(&r, 4, &nal), 1);
	cr_assert_eq(avc_nal_next(&r, 4, &nal), UV_EINVAL);
	cr_assert_not(avc_has_idr(sample_slice(&s), 4));
	sample_free(&s);
}

Test(avc, an_idr_is_found_behind_other_units) {
	struct sample idr = sample_hex("00000002 0910 00000001 06 00000002 6788 00000003 658800");
	struct sample inter = sample_hex("00000002 0910 00000002 419a");
	cr_assert(avc_has_idr(sample_slice(&idr), 4));
	cr_assert_not(avc_has_idr(sample_slice(&inter), 4));
	cr_assert_not(avc_has_idr((struct slice){NULL, 0}, 4));
	sample_free(&idr);
	sample_free(&inter);
}
