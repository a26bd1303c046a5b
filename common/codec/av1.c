#include "common/codec/bits.h"
#include "common/codec/info_parts.h"

#include <stdio.h>
#include <uv.h>

enum { OBU_SEQUENCE_HEADER = 1 };

/* 4.10.5 */
static uint64_t read_leb128(struct bits *b) {
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++) {
		uint32_t byte = bits_read(b, 8);
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80))
			break;
	}
	return v;
}

/* 5.5.3, 5.5.4: returns the bits of a decoder model's delays, 0 without one. */
static unsigned read_timing(struct bits *b, struct codec_info *out) {
	if (!bits_one(b))
		return 0;
	uint32_t ticks = bits_read(b, 32), scale = bits_read(b, 32);
	if (bits_one(b)) /* equal_picture_interval: so many ticks a picture */
		codec_info_set_rate(out, scale, (uint64_t)ticks * ((uint64_t)bits_ue(b) + 1));
	if (!bits_one(b))
		return 0;
	unsigned delay_bits = bits_read(b, 5) + 1;
	bits_read(b, 32);
	bits_read(b, 10);
	return delay_bits;
}

static void skip_operating_points(struct bits *b, unsigned delay_bits) {
	bool display_delay = bits_one(b);
	unsigned count = bits_read(b, 5) + 1;
	while (count-- && !b->failed) {
		bits_read(b, 12);
		if (bits_read(b, 5) > 7)
			bits_one(b);
		if (delay_bits && bits_one(b)) {
			bits_read(b, delay_bits);
			bits_read(b, delay_bits);
			bits_one(b);
		}
		if (display_delay && bits_one(b))
			bits_read(b, 4);
	}
}

/* 5.5.1, as far as the size. */
static int read_sequence_header(struct codec_info *out, struct bits *b) {
	bits_read(b, 3);
	bits_one(b);
	if (bits_one(b)) /* reduced_still_picture_header */
		bits_read(b, 5);
	else
		skip_operating_points(b, read_timing(b, out));
	unsigned width_bits = bits_read(b, 4) + 1, height_bits = bits_read(b, 4) + 1;
	out->width = bits_read(b, width_bits) + 1;
	out->height = bits_read(b, height_bits) + 1;
	return b->failed ? UV_EINVAL : 0;
}

/* The first sequence header among the OBUs; without one (it may come in band) the size is not known. */
static int read_obus(struct codec_info *out, struct slice obus) {
	while (obus.size) {
		struct bits b = bits_of(obus);
		bits_one(&b);
		unsigned type = bits_read(&b, 4);
		bool extension = bits_one(&b), has_size = bits_one(&b);
		bits_one(&b);
		if (extension)
			bits_read(&b, 8);
		uint64_t size = has_size ? read_leb128(&b) : bits_left(&b) / 8;
		if (b.failed || size > bits_left(&b) / 8)
			return UV_EINVAL;
		struct slice payload = {b.at, (size_t)size};
		b = bits_of(payload);
		if (type == OBU_SEQUENCE_HEADER)
			return read_sequence_header(out, &b);
		obus.size -= (size_t)(payload.data + payload.size - obus.data);
		obus.data = payload.data + payload.size;
	}
	return 0;
}

int av1_info_read(struct codec_info *out, struct slice record) {
	enum { RECORD_HEAD = 4, MARKER_AND_VERSION = 0x81 };
	*out = (struct codec_info){.fourcc = FOURCC_AV1};
	struct bits b = bits_of(record);
	if (bits_read(&b, 8) != MARKER_AND_VERSION)
		return UV_EINVAL;
	out->profile = (uint8_t)bits_read(&b, 3);
	out->level = (uint8_t)bits_read(&b, 5);
	bool high_tier = bits_one(&b), high_depth = bits_one(&b), twelve = bits_one(&b);
	bits_read(&b, 5);
	bits_read(&b, 8);
	if (b.failed)
		return UV_EINVAL;
	/* "av01.0.04M.08": 5 of the same specification. */
	snprintf(out->rfc6381, sizeof out->rfc6381, "av01.%u.%02u%c.%02u", out->profile, out->level, high_tier ? 'H' : 'M',
	         high_depth ? twelve ? 12 : 10 : 8);
	return read_obus(out, (struct slice){record.data + RECORD_HEAD, record.size - RECORD_HEAD});
}
