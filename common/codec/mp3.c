#include "common/codec/info_parts.h"

bool mp3_info_learn(struct codec_info *info, struct slice frame) {
	static const uint32_t rates[3] = {44100, 48000, 32000};
	enum { VERSION_2_5 = 0, RESERVED = 1, VERSION_1 = 3, LAYER_3 = 1, MONO = 3 };
	if (info->sample_rate || frame.size < 4 || frame.data[0] != 0xff || frame.data[1] >> 5 != 7)
		return false;
	unsigned version = frame.data[1] >> 3 & 3, layer = frame.data[1] >> 1 & 3, rate = frame.data[2] >> 2 & 3;
	if (version == RESERVED || layer != LAYER_3 || rate == 3)
		return false;
	info->sample_rate = rates[rate] >> (version == VERSION_1 ? 0 : version == VERSION_2_5 ? 2 : 1);
	info->channels = frame.data[3] >> 6 == MONO ? 1 : 2;
	info->samples_per_frame = version == VERSION_1 ? 1152 : 576;
	return true;
}
