#include "common/codec/bits.h"
#include "common/codec/info_parts.h"

enum { SYNC_WORD = 0x0b77, BLOCK_SAMPLES = 256, ENHANCED_FROM = 11 /* bsid */, ENHANCED_TO = 16 };

static const uint32_t rates[3] = {48000, 44100, 32000};
/* By acmod: 1+1, 1/0, 2/0, 3/0, 2/1, 3/1, 2/2, 3/2. */
static const uint8_t full_channels[8] = {2, 1, 2, 3, 3, 4, 4, 5};

static void set(struct codec_info *info, uint32_t rate, unsigned acmod, bool lfe, unsigned blocks) {
	info->sample_rate = rate;
	info->channels = full_channels[acmod] + lfe;
	info->samples_per_frame = blocks * BLOCK_SAMPLES;
}

/* ETSI TS 102 366 4.3.1, 4.3.2. */
static bool learn_plain(struct codec_info *info, struct bits *b) {
	bits_read(b, 16);
	unsigned rate = bits_read(b, 2);
	unsigned size_code = bits_read(b, 6);
	unsigned bsid = bits_read(b, 5), bsmod = bits_read(b, 3);
	unsigned acmod = bits_read(b, 3);
	if (acmod & 1 && acmod != 1)
		bits_read(b, 2);
	if (acmod & 4)
		bits_read(b, 2);
	if (acmod == 2)
		bits_read(b, 2);
	bool lfe = bits_one(b);
	if (b->failed || rate == 3 || bsid >= ENHANCED_FROM)
		return false;
	/* bsid 9 and 10: half and a quarter of the rate. */
	set(info, rates[rate] >> (bsid > 8 ? bsid - 8 : 0), acmod, lfe, 6);
	info->ac3 = codec_ac3_pack((struct codec_ac3){
	    .fscod = rate, .bsid = bsid, .bsmod = bsmod, .acmod = acmod, .lfeon = lfe, .rate = size_code >> 1});
	return true;
}

/* E.1.2.2. */
static bool learn_enhanced(struct codec_info *info, struct bits *b) {
	static const uint8_t blocks_of[4] = {1, 2, 3, 6};
	bits_read(b, 2 + 3); /* strmtyp, substreamid */
	unsigned words = bits_read(b, 11) + 1;
	unsigned rate = bits_read(b, 2), second = bits_read(b, 2);
	unsigned blocks = rate == 3 ? 6 : blocks_of[second];
	unsigned acmod = bits_read(b, 3);
	bool lfe = bits_one(b);
	unsigned bsid = bits_read(b, 5);
	if (b->failed || (rate == 3 && second == 3))
		return false;
	set(info, rate == 3 ? rates[second] / 2 : rates[rate], acmod, lfe, blocks);
	uint64_t bits_a_second = (uint64_t)words * 16 * info->sample_rate / info->samples_per_frame;
	info->ac3 = codec_ac3_pack((struct codec_ac3){
	    .fscod = rate, .bsid = bsid, .acmod = acmod, .lfeon = lfe, .rate = (unsigned)(bits_a_second / 1000)});
	return true;
}

bool ac3_info_learn(struct codec_info *info, struct slice frame) {
	struct bits b = bits_of(frame);
	if (info->sample_rate || frame.size < 8 || bits_read(&b, 16) != SYNC_WORD)
		return false;
	unsigned bsid = frame.data[5] >> 3;
	if (bsid >= ENHANCED_FROM && bsid <= ENHANCED_TO)
		return learn_enhanced(info, &b);
	return learn_plain(info, &b);
}
