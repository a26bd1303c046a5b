#include "common/codec/bits.h"
#include "common/codec/info_parts.h"

#include <stdio.h>
#include <uv.h>

int vpx_info_read(struct codec_info *out, uint32_t fourcc, struct slice record) {
	enum { VERSION_AND_FLAGS = 4, RECORD_SIZE = 8, LEVEL_MAX = 62 };
	*out = (struct codec_info){.fourcc = fourcc};
	const uint8_t *at = record.data;
	size_t size = record.size;
	/* A level is never 0, so three zeros behind a 1 are the flags of version 1. */
	if (size >= VERSION_AND_FLAGS + RECORD_SIZE && at[0] == 1 && !at[1] && !at[2] && !at[3]) {
		at += VERSION_AND_FLAGS;
		size -= VERSION_AND_FLAGS;
	}
	if (size < RECORD_SIZE || at[0] > 3 || at[1] > LEVEL_MAX)
		return UV_EINVAL;
	out->profile = at[0];
	out->level = at[1];
	snprintf(out->rfc6381, sizeof out->rfc6381, "vp%02u.%02u.%02u.%02u", fourcc == FOURCC_VP9 ? 9 : 8, at[0], at[1],
	         at[2] >> 4);
	return 0;
}

static bool learn_vp8(struct codec_info *info, struct slice frame) {
	const uint8_t *at = frame.data;
	if (frame.size < 10 || at[0] & 1 || at[3] != 0x9d || at[4] != 0x01 || at[5] != 0x2a)
		return false;
	info->width = (at[6] | (uint32_t)at[7] << 8) & 0x3fff;
	info->height = (at[8] | (uint32_t)at[9] << 8) & 0x3fff;
	return true;
}

static bool learn_vp9(struct codec_info *info, struct slice frame) {
	enum { MARKER = 2, SYNC_CODE = 0x498342, COLOR_RGB = 7 };
	struct bits b = bits_of(frame);
	if (bits_read(&b, 2) != MARKER)
		return false;
	unsigned profile = bits_one(&b);
	profile |= bits_one(&b) << 1;
	if (profile == 3)
		bits_one(&b);
	bool shows_existing = bits_one(&b), inter = bits_one(&b);
	bits_read(&b, 2);
	if (shows_existing || inter || bits_read(&b, 24) != SYNC_CODE)
		return false;
	if (profile >= 2)
		bits_one(&b);
	if (bits_read(&b, 3) != COLOR_RGB) {
		bits_one(&b);
		if (profile & 1)
			bits_read(&b, 3);
	} else if (profile & 1) {
		bits_one(&b);
	}
	uint32_t width = bits_read(&b, 16) + 1, height = bits_read(&b, 16) + 1;
	if (b.failed)
		return false;
	info->width = width;
	info->height = height;
	return true;
}

bool vpx_info_learn(struct codec_info *info, struct slice frame) {
	if (info->width)
		return false;
	return info->fourcc == FOURCC_VP9 ? learn_vp9(info, frame) : learn_vp8(info, frame);
}
