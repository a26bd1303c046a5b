#include "common/codec/bits.h"
#include "common/codec/info_parts.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

int flac_info_read(struct codec_info *out, struct slice config) {
	enum { MAGIC_SIZE = 4, BLOCK_HEAD = 4, STREAMINFO_SIZE = 34, LEAST_BLOCK = 16 };
	*out = (struct codec_info){.fourcc = FOURCC_FLAC};
	if (config.size >= MAGIC_SIZE && memcmp(config.data, "fLaC", MAGIC_SIZE) == 0) {
		config.data += MAGIC_SIZE;
		config.size -= MAGIC_SIZE;
	}
	/* The first block is STREAMINFO, of type 0. A bare one begins with a block size that is not below 16. */
	if (config.size >= BLOCK_HEAD + STREAMINFO_SIZE && (config.data[0] & 0x7f) == 0 &&
	    config.data[3] == STREAMINFO_SIZE) {
		config.data += BLOCK_HEAD;
		config.size -= BLOCK_HEAD;
	}
	struct bits b = bits_of(config);
	uint32_t least = bits_read(&b, 16), most = bits_read(&b, 16);
	bits_read(&b, 24);
	bits_read(&b, 24);
	uint32_t rate = bits_read(&b, 20), channels = bits_read(&b, 3) + 1;
	if (config.size < STREAMINFO_SIZE || rate == 0 || least < LEAST_BLOCK || most < least)
		return UV_EINVAL;
	out->sample_rate = rate;
	out->channels = channels;
	out->samples_per_frame = least == most ? least : 0;
	snprintf(out->rfc6381, sizeof out->rfc6381, "flac");
	return 0;
}
