/* fuzz_codec_info.c: the first byte chooses the codec, the rest is its configuration and then a frame. */
#include "common/codec/codec.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const uint32_t codecs[] = {FOURCC_HEVC, FOURCC_AV1,  FOURCC_VP8, FOURCC_VP9, FOURCC_OPUS, FOURCC_FLAC,
	                                  FOURCC_AC3,  FOURCC_EAC3, FOURCC_MP3, FOURCC_AVC, FOURCC_AAC};
	struct codec_info info;
	if (size == 0)
		return 0;
	uint32_t fourcc = codecs[data[0] % (sizeof codecs / sizeof *codecs)];
	struct slice rest = {data + 1, size - 1};
	if (codec_info_read(&info, fourcc, rest))
		codec_info_read(&info, fourcc, (struct slice){0});
	info.fourcc = fourcc;
	codec_info_learn(&info, rest);
	if (strlen(info.rfc6381) >= sizeof info.rfc6381)
		abort();
	return 0;
}
