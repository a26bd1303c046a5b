#include "common/codec/info_parts.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { OPUS_RATE = 48000 };

int opus_info_read(struct codec_info *out, struct slice head) {
	enum { HEAD_SIZE = 19, VERSION_AT = 8, CHANNELS_AT = 9 };
	*out = (struct codec_info){.fourcc = FOURCC_OPUS};
	if (head.size < HEAD_SIZE || memcmp(head.data, "OpusHead", 8) != 0 || head.data[VERSION_AT] >> 4 != 0 ||
	    head.data[CHANNELS_AT] == 0)
		return UV_EINVAL;
	out->sample_rate = OPUS_RATE;
	out->channels = head.data[CHANNELS_AT];
	snprintf(out->rfc6381, sizeof out->rfc6381, "opus");
	return 0;
}

bool opus_info_learn(struct codec_info *info, struct slice packet) {
	/* Samples of one frame by the TOC's configuration: SILK, hybrid, CELT. */
	static const uint16_t samples[32] = {480,  960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 1920,
	                                     2880, 480, 960,  480,  960, 120, 240,  480,  960, 120, 240,
	                                     480,  960, 120,  240,  480, 960, 120,  240,  480, 960};
	enum { MOST = 5760 }; /* 120 ms */
	if (info->samples_per_frame || packet.size == 0)
		return false;
	uint8_t toc = packet.data[0];
	unsigned frames = (toc & 3) == 0 ? 1 : 2;
	if ((toc & 3) == 3)
		frames = packet.size > 1 ? packet.data[1] & 0x3f : 0;
	unsigned total = frames * samples[toc >> 3];
	if (total == 0 || total > MOST)
		return false;
	info->samples_per_frame = total;
	return true;
}
