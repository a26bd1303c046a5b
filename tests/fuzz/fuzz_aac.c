/* AAC: a configuration that reads tells sane numbers. */
#include "common/codec/aac.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct codec_info info;
	if (aac_info_read(&info, (struct slice){data, size}))
		return 0;
	assert(info.sample_rate >= AAC_SAMPLE_RATE_MIN && info.sample_rate <= 2 * AAC_SAMPLE_RATE_MAX);
	assert(info.channels >= 1 && info.channels <= 93); /* 3 × 15 pairs and 3 LFE */
	assert(info.samples_per_frame >= 480 && info.samples_per_frame <= 2048);
	return 0;
}
