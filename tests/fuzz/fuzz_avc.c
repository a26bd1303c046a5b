/* AVC: the input as a configuration record, as an SPS, and as an access unit at each length size. */
#include "common/codec/avc.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sps(struct slice nal) {
	struct avc_sps sps;
	if (avc_sps_read(&sps, nal))
		return;
	assert(sps.width && sps.width <= AVC_DIMENSION_MAX);
	assert(sps.height && sps.height <= AVC_DIMENSION_MAX);
	assert(!sps.frame_rate_num == !sps.frame_rate_den);
	assert(!sps.sar_width == !sps.sar_height);
}

static unsigned check_units(struct slice units, unsigned length_size) {
	struct reader r = reader_of(units.data, units.size);
	struct slice nal;
	unsigned count = 0;
	while (avc_nal_next(&r, length_size, &nal) == 1) {
		assert(nal.size && nal.data > units.data && nal.data + nal.size <= units.data + units.size);
		check_sps(nal);
		count++;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice input = {data, size};
	struct codec_info info;
	struct avc_config config;
	if (!avc_config_read(&config, input)) {
		assert(check_units(config.sps, 2) == config.sps_count);
		assert(check_units(config.pps, 2) <= config.pps_count);
	}
	if (!avc_info_read(&info, input))
		assert(info.width && info.height && info.rfc6381[0]);
	check_sps(input);
	for (unsigned length_size = 1; length_size <= 4; length_size++) {
		check_units(input, length_size);
		avc_has_idr(input, length_size);
	}
	return 0;
}
