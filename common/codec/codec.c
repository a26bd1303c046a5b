#include "common/codec/codec.h"

#include "common/codec/aac.h"
#include "common/codec/avc.h"
#include "common/codec/info_parts.h"

#include <stdio.h>

/* Names that take no parameters: RFC 6381, the MP4 registration authority's list, and what browsers accept. */
static const char *plain_name(uint32_t fourcc) {
	switch (fourcc) {
	case FOURCC_OPUS:
		return "opus";
	case FOURCC_AC3:
		return "ac-3";
	case FOURCC_EAC3:
		return "ec-3";
	case FOURCC_FLAC:
		return "flac";
	case FOURCC_MP3:
		return "mp4a.40.34";
	case FOURCC_VP8:
		return "vp8";
	default:
		return "";
	}
}

static int read_info(struct codec_info *out, uint32_t fourcc, struct slice config) {
	switch (fourcc) {
	case FOURCC_AVC:
		return avc_info_read(out, config);
	case FOURCC_AAC:
		return aac_info_read(out, config);
	case FOURCC_HEVC:
		return hevc_info_read(out, config);
	case FOURCC_AV1:
		return av1_info_read(out, config);
	case FOURCC_OPUS:
		return opus_info_read(out, config);
	case FOURCC_FLAC:
		return flac_info_read(out, config);
	case FOURCC_VP8:
	case FOURCC_VP9:
		if (config.size)
			return vpx_info_read(out, fourcc, config);
		break;
	default:
		break;
	}
	*out = (struct codec_info){.fourcc = fourcc};
	snprintf(out->rfc6381, sizeof out->rfc6381, "%s", plain_name(fourcc));
	return 0;
}

int codec_info_read(struct codec_info *out, uint32_t fourcc, struct slice config) {
	struct codec_info info;
	int err = read_info(&info, fourcc, config);
	if (!err)
		*out = info;
	return err;
}

bool codec_info_learn(struct codec_info *info, struct slice frame) {
	switch (info->fourcc) {
	case FOURCC_VP8:
	case FOURCC_VP9:
		return vpx_info_learn(info, frame);
	case FOURCC_OPUS:
		return opus_info_learn(info, frame);
	case FOURCC_AC3:
	case FOURCC_EAC3:
		return ac3_info_learn(info, frame);
	case FOURCC_MP3:
		return mp3_info_learn(info, frame);
	default:
		return false;
	}
}

void codec_info_set_rate(struct codec_info *info, uint64_t num, uint64_t den) {
	uint64_t a = num, b = den;
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	if (num == 0 || den == 0 || num / a > UINT32_MAX || den / a > UINT32_MAX)
		return;
	info->frame_rate_num = (uint32_t)(num / a);
	info->frame_rate_den = (uint32_t)(den / a);
}

void fourcc_text(uint32_t fourcc, char out[FOURCC_TEXT_SIZE]) {
	for (int i = 0; i < 4; i++) {
		uint8_t c = (uint8_t)(fourcc >> (24 - 8 * i));
		out[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	out[4] = '\0';
}

bool codec_needs_config(uint32_t fourcc) {
	return fourcc == FOURCC_AVC || fourcc == FOURCC_HEVC || fourcc == FOURCC_VVC || fourcc == FOURCC_AAC ||
	       fourcc == FOURCC_AV1 || fourcc == FOURCC_OPUS || fourcc == FOURCC_FLAC;
}
