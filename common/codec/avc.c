#include "common/codec/avc.h"

#include "common/codec/bits.h"

#include <stdio.h>
#include <uv.h>

enum { RECORD_VERSION = 1, SET_LENGTH_SIZE = 2, EXTENDED_SAR = 255, SPS_ID_MAX = 31, POC_CYCLE_MAX = 255 };

/* `count` parameter sets of NAL type `type`, each behind 16 bits of length. */
static int read_sets(struct reader *r, unsigned count, enum avc_nal_type type, struct slice *out) {
	const uint8_t *begin = r->at;
	for (unsigned i = 0; i < count; i++) {
		size_t size = reader_u16(r);
		const uint8_t *nal = reader_take(r, size);
		if (r->failed || !size || avc_nal_type((struct slice){nal, size}) != type)
			return UV_EINVAL;
	}
	*out = (struct slice){begin, (size_t)(r->at - begin)};
	return 0;
}

int avc_config_read(struct avc_config *out, struct slice record) {
	struct reader r = reader_of(record.data, record.size);
	struct avc_config c = {0};
	uint8_t version = reader_u8(&r);
	c.profile = reader_u8(&r);
	c.constraint = reader_u8(&r);
	c.level = reader_u8(&r);
	c.length_size = (reader_u8(&r) & 3) + 1;
	c.sps_count = reader_u8(&r) & 0x1f;
	if (r.failed || version != RECORD_VERSION || c.length_size == 3 || !c.sps_count)
		return UV_EINVAL;
	int err = read_sets(&r, c.sps_count, AVC_NAL_SPS, &c.sps);
	if (err)
		return err;
	c.pps_count = reader_u8(&r);
	err = r.failed ? UV_EINVAL : read_sets(&r, c.pps_count, AVC_NAL_PPS, &c.pps);
	if (!err)
		*out = c;
	return err;
}

int avc_nal_next(struct reader *r, unsigned length_size, struct slice *nal) {
	while (reader_left(r)) {
		size_t size = (size_t)reader_be(r, length_size);
		const uint8_t *data = reader_take(r, size);
		if (r->failed)
			return UV_EINVAL;
		if (!size)
			continue; /* some encoders pad access units with empty ones */
		*nal = (struct slice){data, size};
		return 1;
	}
	return 0;
}

bool avc_has_idr(struct slice access_unit, unsigned length_size) {
	struct reader r = reader_of(access_unit.data, access_unit.size);
	struct slice nal;
	while (avc_nal_next(&r, length_size, &nal) == 1)
		if (avc_nal_type(nal) == AVC_NAL_IDR)
			return true;
	return false;
}

/* 7.3.2.1.1.1: the list's values do not matter here, only where it ends. */
static void skip_scaling_list(struct bits *b, unsigned size) {
	int last = 8, next = 8;
	for (unsigned i = 0; i < size && next && !b->failed; i++) {
		int delta = bits_se(b);
		if (delta < -128 || delta > 127) {
			b->failed = true;
			return;
		}
		next = (last + delta + 256) % 256;
		last = next ? next : last;
	}
}

/* The profiles whose SPS tells the chroma format, 7.3.2.1.1. */
static bool has_chroma_format(uint8_t profile) {
	static const uint8_t profiles[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
	for (size_t i = 0; i < sizeof profiles; i++)
		if (profiles[i] == profile)
			return true;
	return false;
}

/* Returns whether the colour planes are separate. */
static bool read_chroma_format(struct bits *b, struct avc_sps *s) {
	uint32_t format = bits_ue(b);
	bool separate = format == 3 && bits_one(b);
	uint32_t luma = bits_ue(b), chroma = bits_ue(b);
	bits_one(b); /* qpprime_y_zero_transform_bypass_flag */
	if (format > 3 || luma > 6 || chroma > 6) {
		b->failed = true;
		return false;
	}
	s->chroma_format = (uint8_t)format;
	s->depth_luma = (uint8_t)(8 + luma);
	s->depth_chroma = (uint8_t)(8 + chroma);
	if (bits_one(b)) /* seq_scaling_matrix_present_flag */
		for (unsigned i = 0, lists = format == 3 ? 12 : 8; i < lists; i++)
			if (bits_one(b))
				skip_scaling_list(b, i < 6 ? 16 : 64);
	return separate;
}

static void skip_picture_order(struct bits *b) {
	uint32_t type = bits_ue(b);
	if (type > 2)
		b->failed = true;
	if (type == 0)
		bits_ue(b); /* log2_max_pic_order_cnt_lsb_minus4 */
	if (type != 1)
		return;
	bits_one(b);
	bits_se(b);
	bits_se(b);
	uint32_t cycle = bits_ue(b);
	if (cycle > POC_CYCLE_MAX)
		b->failed = true;
	for (uint32_t i = 0; i < cycle && !b->failed; i++)
		bits_se(b);
}

/* The size of the coded picture less the cropping, 7.4.2.1.1. */
static void read_size(struct bits *b, struct avc_sps *s, bool separate_planes) {
	uint64_t width = ((uint64_t)bits_ue(b) + 1) * 16;
	uint64_t height = ((uint64_t)bits_ue(b) + 1) * 16;
	s->interlaced = !bits_one(b);
	if (s->interlaced) {
		height *= 2;
		bits_one(b); /* mb_adaptive_frame_field_flag */
	}
	bits_one(b); /* direct_8x8_inference_flag */
	unsigned format = separate_planes ? 0 : s->chroma_format;
	uint64_t unit_x = format == 1 || format == 2 ? 2 : 1;
	uint64_t unit_y = (format == 1 ? 2u : 1u) * (s->interlaced ? 2u : 1u);
	uint64_t crop_x = 0, crop_y = 0;
	if (bits_one(b)) {
		crop_x = unit_x * ((uint64_t)bits_ue(b) + bits_ue(b));
		crop_y = unit_y * ((uint64_t)bits_ue(b) + bits_ue(b));
	}
	if (width > AVC_DIMENSION_MAX || height > AVC_DIMENSION_MAX || crop_x >= width || crop_y >= height) {
		b->failed = true;
		return;
	}
	s->width = (uint32_t)(width - crop_x);
	s->height = (uint32_t)(height - crop_y);
}

/* Table E-1. */
static void read_aspect_ratio(struct bits *b, struct avc_sps *s) {
	static const uint8_t known[][2] = {{0, 0},   {1, 1},    {12, 11}, {10, 11}, {16, 11}, {40, 33},
	                                   {24, 11}, {20, 11},  {32, 11}, {80, 33}, {18, 11}, {15, 11},
	                                   {64, 33}, {160, 99}, {4, 3},   {3, 2},   {2, 1}};
	uint32_t index = bits_read(b, 8);
	if (index == EXTENDED_SAR) {
		s->sar_width = bits_read(b, 16);
		s->sar_height = bits_read(b, 16);
	} else if (index < sizeof known / sizeof *known) {
		s->sar_width = known[index][0];
		s->sar_height = known[index][1];
	}
	if (!s->sar_width || !s->sar_height)
		s->sar_width = s->sar_height = 0;
}

static uint64_t common_divisor(uint64_t a, uint64_t b) {
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* A tick is a field's time, E.2.1: two of them are a frame, interlaced or not. */
static void read_timing(struct bits *b, struct avc_sps *s) {
	uint64_t den = (uint64_t)bits_read(b, 32) * 2;
	uint64_t num = bits_read(b, 32);
	if (b->failed || !den || !num)
		return;
	uint64_t divisor = common_divisor(num, den);
	if (den / divisor > UINT32_MAX)
		return;
	s->frame_rate_num = (uint32_t)(num / divisor);
	s->frame_rate_den = (uint32_t)(den / divisor);
}

/* E.1.1, as far as the timing. */
static void read_vui(struct bits *b, struct avc_sps *s) {
	if (bits_one(b))
		read_aspect_ratio(b, s);
	if (bits_one(b))
		bits_one(b); /* overscan */
	if (bits_one(b)) {
		bits_read(b, 4); /* video_format, video_full_range_flag */
		if (bits_one(b))
			bits_read(b, 24); /* colour primaries, transfer, matrix */
	}
	if (bits_one(b)) {
		bits_ue(b); /* chroma_sample_loc_type */
		bits_ue(b);
	}
	if (bits_one(b))
		read_timing(b, s);
}

int avc_sps_read(struct avc_sps *out, struct slice nal) {
	if (!nal.size || avc_nal_type(nal) != AVC_NAL_SPS)
		return UV_EINVAL;
	struct bits b = bits_of_nal((struct slice){nal.data + 1, nal.size - 1});
	struct avc_sps s = {.chroma_format = 1, .depth_luma = 8, .depth_chroma = 8};
	s.profile = (uint8_t)bits_read(&b, 8);
	s.constraint = (uint8_t)bits_read(&b, 8);
	s.level = (uint8_t)bits_read(&b, 8);
	uint32_t id = bits_ue(&b);
	if (id > SPS_ID_MAX)
		return UV_EINVAL;
	s.id = (uint8_t)id;
	bool separate_planes = has_chroma_format(s.profile) && read_chroma_format(&b, &s);
	bits_ue(&b); /* log2_max_frame_num_minus4 */
	skip_picture_order(&b);
	bits_ue(&b);  /* max_num_ref_frames */
	bits_one(&b); /* gaps_in_frame_num_value_allowed_flag */
	read_size(&b, &s, separate_planes);
	if (b.failed)
		return UV_EINVAL;
	if (bits_one(&b))
		read_vui(&b, &s);
	*out = s;
	return 0;
}

int avc_info_read(struct codec_info *out, struct slice record) {
	struct avc_config config;
	int err = avc_config_read(&config, record);
	if (err)
		return err;
	struct reader sets = reader_of(config.sps.data, config.sps.size);
	struct slice nal;
	struct avc_sps sps;
	if (avc_nal_next(&sets, SET_LENGTH_SIZE, &nal) != 1)
		return UV_EINVAL;
	err = avc_sps_read(&sps, nal);
	if (err)
		return err;
	*out = (struct codec_info){.fourcc = FOURCC_AVC,
	                           .width = sps.width,
	                           .height = sps.height,
	                           .frame_rate_num = sps.frame_rate_num,
	                           .frame_rate_den = sps.frame_rate_den,
	                           .profile = config.profile,
	                           .level = config.level,
	                           .constraint = config.constraint};
	snprintf(out->rfc6381, sizeof out->rfc6381, "avc1.%02x%02x%02x", config.profile, config.constraint, config.level);
	return 0;
}
