#include "common/base/reader.h"
#include "common/codec/bits.h"
#include "common/codec/info_parts.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { HEVC_NAL_SPS = 33, SUB_LAYERS_MAX = 7, REF_PIC_SETS_MAX = 64, DIMENSION_MAX = 16888 /* level 6.2 */ };

/* profile_tier_level without its general part, which the record has too (7.3.3). */
static void skip_profile_tier_level(struct bits *b, unsigned sub_layers_minus1) {
	bool profile[SUB_LAYERS_MAX], level[SUB_LAYERS_MAX];
	bits_skip_bytes(b, 12);
	for (unsigned i = 0; i < sub_layers_minus1; i++) {
		profile[i] = bits_one(b);
		level[i] = bits_one(b);
	}
	for (unsigned i = sub_layers_minus1; sub_layers_minus1 > 0 && i < 8; i++)
		bits_read(b, 2);
	for (unsigned i = 0; i < sub_layers_minus1; i++)
		bits_skip_bytes(b, (profile[i] ? 11u : 0u) + (level[i] ? 1u : 0u));
}

/* 7.3.4 */
static void skip_scaling_lists(struct bits *b) {
	for (unsigned size = 0; size < 4; size++)
		for (unsigned matrix = 0; matrix < 6 && !b->failed; matrix += size == 3 ? 3 : 1) {
			if (!bits_one(b)) {
				bits_ue(b);
				continue;
			}
			unsigned count = size < 2 ? 16u << 2 * size : 64;
			if (size > 1)
				bits_se(b);
			while (count-- && !b->failed)
				bits_se(b);
		}
}

/* 7.3.7; each set may be told by its difference from an earlier one. */
static void skip_ref_pic_sets(struct bits *b) {
	unsigned pictures[REF_PIC_SETS_MAX], sets = bits_ue(b);
	if (sets > REF_PIC_SETS_MAX)
		b->failed = true;
	for (unsigned i = 0; i < sets && !b->failed; i++) {
		unsigned kept = 0;
		if (i && bits_one(b)) {
			bits_one(b);
			bits_ue(b);
			for (unsigned k = 0; k <= pictures[i - 1] && !b->failed; k++)
				if (bits_one(b) || bits_one(b)) /* used_by_curr_pic_flag, use_delta_flag */
					kept++;
		} else {
			uint32_t negative = bits_ue(b), positive = bits_ue(b);
			if (negative > 16 || positive > 16)
				b->failed = true;
			for (unsigned k = 0; k < negative + positive && !b->failed; k++) {
				bits_ue(b);
				bits_one(b);
			}
			kept = negative + positive;
		}
		pictures[i] = kept;
	}
}

/* Annex E.2.1, as far as the timing. */
static void read_vui(struct bits *b, struct codec_info *out) {
	enum { EXTENDED_SAR = 255 };
	if (bits_one(b) && bits_read(b, 8) == EXTENDED_SAR)
		bits_read(b, 32);
	if (bits_one(b)) /* overscan */
		bits_one(b);
	if (bits_one(b)) { /* video signal */
		bits_read(b, 4);
		if (bits_one(b))
			bits_read(b, 24);
	}
	if (bits_one(b)) { /* where chroma samples lie */
		bits_ue(b);
		bits_ue(b);
	}
	bits_read(b, 3);
	if (bits_one(b)) /* default display window */
		for (int i = 0; i < 4; i++)
			bits_ue(b);
	if (!bits_one(b))
		return;
	uint32_t ticks = bits_read(b, 32), scale = bits_read(b, 32);
	if (!b->failed)
		codec_info_set_rate(out, scale, ticks);
}

static void skip_coding_tools(struct bits *b, bool ordering_info, unsigned sub_layers_minus1, unsigned log2_poc) {
	for (unsigned i = ordering_info ? 0 : sub_layers_minus1; i <= sub_layers_minus1; i++)
		for (int k = 0; k < 3; k++)
			bits_ue(b);
	for (int i = 0; i < 6; i++)
		bits_ue(b);
	if (bits_one(b) && bits_one(b))
		skip_scaling_lists(b);
	bits_read(b, 2);
	if (bits_one(b)) { /* PCM */
		bits_read(b, 8);
		bits_ue(b);
		bits_ue(b);
		bits_one(b);
	}
	skip_ref_pic_sets(b);
	if (bits_one(b)) { /* long-term pictures */
		uint32_t count = bits_ue(b);
		for (uint32_t i = 0; i < count && !b->failed; i++)
			bits_read(b, log2_poc + 1);
	}
	bits_read(b, 2);
}

/* Size first; what is behind it only tells the frame rate, and may be cut short. */
static int read_sps(struct codec_info *out, struct slice nal) {
	struct bits b = bits_of_nal((struct slice){nal.data + 2, nal.size - 2});
	bits_read(&b, 4);
	unsigned sub_layers_minus1 = bits_read(&b, 3);
	bits_one(&b);
	if (sub_layers_minus1 >= SUB_LAYERS_MAX)
		return UV_EINVAL;
	skip_profile_tier_level(&b, sub_layers_minus1);
	bits_ue(&b);
	uint32_t chroma = bits_ue(&b);
	if (chroma == 3)
		bits_one(&b);
	uint32_t width = bits_ue(&b), height = bits_ue(&b), window[4] = {0};
	if (bits_one(&b))
		for (int i = 0; i < 4; i++)
			window[i] = bits_ue(&b);
	if (b.failed || chroma > 3 || !width || !height || width > DIMENSION_MAX || height > DIMENSION_MAX)
		return UV_EINVAL;
	uint32_t unit_x = chroma == 1 || chroma == 2 ? 2 : 1, unit_y = chroma == 1 ? 2 : 1;
	uint64_t crop_x = unit_x * ((uint64_t)window[0] + window[1]), crop_y = unit_y * ((uint64_t)window[2] + window[3]);
	if (crop_x >= width || crop_y >= height)
		return UV_EINVAL;
	out->width = width - (uint32_t)crop_x;
	out->height = height - (uint32_t)crop_y;
	bits_ue(&b);
	bits_ue(&b);
	unsigned log2_poc = bits_ue(&b) + 4;
	if (log2_poc > 16)
		return UV_EINVAL;
	skip_coding_tools(&b, bits_one(&b), sub_layers_minus1, log2_poc);
	if (bits_one(&b))
		read_vui(&b, out);
	return 0;
}

/* "hvc1.1.6.L93.B0": ISO/IEC 14496-15 E.3. */
static void print_name(struct codec_info *out, const uint8_t *general) {
	static const char *const spaces[] = {"", "A", "B", "C"};
	uint32_t compatible =
	    (uint32_t)general[1] << 24 | (uint32_t)general[2] << 16 | (uint32_t)general[3] << 8 | general[4];
	uint32_t reversed = 0;
	for (int i = 0; i < 32; i++)
		reversed |= (compatible >> i & 1) << (31 - i);
	int size = snprintf(out->rfc6381, sizeof out->rfc6381, "hvc1.%s%u.%X.%c%u", spaces[general[0] >> 6],
	                    general[0] & 31u, reversed, general[0] & 0x20 ? 'H' : 'L', general[11]);
	int last = 5;
	while (last >= 0 && general[5 + last] == 0)
		last--;
	for (int i = 0; i <= last; i++)
		size += snprintf(out->rfc6381 + size, sizeof out->rfc6381 - (size_t)size, ".%X", general[5 + i]);
}

int hevc_info_read(struct codec_info *out, struct slice record) {
	enum { GENERAL_SIZE = 12, UNTIL_ARRAYS = 9 };
	struct reader r = reader_of(record.data, record.size);
	uint8_t version = reader_u8(&r);
	const uint8_t *general = reader_take(&r, GENERAL_SIZE + UNTIL_ARRAYS);
	unsigned arrays = reader_u8(&r);
	*out = (struct codec_info){.fourcc = FOURCC_HEVC};
	if (r.failed || version != 1)
		return UV_EINVAL;
	out->profile = general[0] & 31;
	out->level = general[11];
	print_name(out, general);
	int err = UV_EINVAL; /* parameter sets in band alone are not what "hvc1" means */
	while (arrays-- && !r.failed) {
		unsigned type = reader_u8(&r) & 0x3f;
		for (unsigned count = reader_u16(&r); count && !r.failed; count--) {
			size_t size = reader_u16(&r);
			const uint8_t *nal = reader_take(&r, size);
			if (nal && type == HEVC_NAL_SPS && err && size > 2)
				err = read_sps(out, (struct slice){nal, size});
		}
	}
	return r.failed ? UV_EINVAL : err;
}
