#include "common/codec/codec.h"

#include "common/codec/aac.h"
#include "common/codec/avc.h"

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

int codec_info_read(struct codec_info *out, uint32_t fourcc, struct slice config) {
	if (fourcc == FOURCC_AVC)
		return avc_info_read(out, config);
	if (fourcc == FOURCC_AAC)
		return aac_info_read(out, config);
	*out = (struct codec_info){.fourcc = fourcc};
	snprintf(out->rfc6381, sizeof out->rfc6381, "%s", plain_name(fourcc));
	return 0;
}

void fourcc_text(uint32_t fourcc, char out[FOURCC_TEXT_SIZE]) {
	for (int i = 0; i < 4; i++) {
		uint8_t c = (uint8_t)(fourcc >> (24 - 8 * i));
		out[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	out[4] = '\0';
}
