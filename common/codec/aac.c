#include "common/codec/aac.h"

#include "common/codec/bits.h"

#include <stdio.h>
#include <uv.h>

enum { SYNC_SBR = 0x2b7, SYNC_PS = 0x548, TYPE_ESCAPE = 31, RATE_ESCAPE = 15 };

static uint8_t read_object_type(struct bits *b) {
	uint32_t type = bits_read(b, 5);
	return (uint8_t)(type == TYPE_ESCAPE ? 32 + bits_read(b, 6) : type);
}

/* Hz; zero for an index that means nothing. */
static uint32_t read_sample_rate(struct bits *b) {
	static const uint32_t rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
	                                 22050, 16000, 12000, 11025, 8000,  7350};
	uint32_t index = bits_read(b, 4);
	if (index == RATE_ESCAPE)
		return bits_read(b, 24);
	return index < sizeof rates / sizeof *rates ? rates[index] : 0;
}

static bool rate_is_sane(uint32_t rate) {
	return rate >= AAC_SAMPLE_RATE_MIN && rate <= AAC_SAMPLE_RATE_MAX;
}

/* SBR doubles the rate, or in its "downsampled" mode keeps it (4.6.18.4.3). */
static bool sbr_rate_fits(uint32_t sbr_rate, uint32_t rate) {
	return sbr_rate == rate || sbr_rate == 2 * rate;
}

/* Table 1.19; zero where it is reserved, or the program config element decides. */
static uint32_t channels_of(uint8_t channel_config) {
	static const uint8_t channels[16] = {0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0};
	return channels[channel_config];
}

/* The channels of `count` elements, each single or a pair. */
static uint32_t read_elements(struct bits *b, uint32_t count) {
	uint32_t channels = 0;
	while (count--) {
		channels += 1 + bits_one(b);
		bits_read(b, 4);
	}
	return channels;
}

/* program_config_element, 4.4.1.1: how many channels it names. */
static uint32_t read_program_config(struct bits *b) {
	bits_read(b, 4 + 2 + 4); /* instance tag, object type, rate: the configuration's own hold */
	uint32_t front = bits_read(b, 4), side = bits_read(b, 4), back = bits_read(b, 4);
	uint32_t lfe = bits_read(b, 2), data = bits_read(b, 3), coupling = bits_read(b, 4);
	if (bits_one(b))
		bits_read(b, 4); /* mono mixdown */
	if (bits_one(b))
		bits_read(b, 4); /* stereo mixdown */
	if (bits_one(b))
		bits_read(b, 3); /* matrix mixdown */
	uint32_t channels = read_elements(b, front);
	channels += read_elements(b, side);
	channels += read_elements(b, back);
	channels += lfe;
	bits_read(b, 4 * lfe);
	bits_read(b, 4 * data);
	read_elements(b, coupling); /* these couple: they are no channels */
	bits_align(b);
	bits_skip_bytes(b, bits_read(b, 8)); /* a comment */
	return channels;
}

/* GASpecificConfig, 4.4.1. */
static void read_general_audio(struct bits *b, struct aac_config *c) {
	bool low_delay = c->object_type == AAC_ER_LD;
	bool is_short = bits_one(b);
	c->frame_samples = low_delay ? (is_short ? 480 : 512) : (is_short ? 960 : 1024);
	if (bits_one(b))
		bits_read(b, 14); /* core coder delay */
	bool extension = bits_one(b);
	if (!c->channel_config)
		c->channels = read_program_config(b);
	if (c->object_type == AAC_SCALABLE || c->object_type == 20)
		bits_read(b, 3); /* layer */
	if (!extension)
		return;
	if (c->object_type == AAC_ER_BSAC)
		bits_read(b, 5 + 11);
	if (c->object_type == AAC_ER_LC || c->object_type == 19 || c->object_type == 20 || low_delay)
		bits_read(b, 3); /* resilience flags */
	bits_one(b);
}

/* The object types whose configuration is a GASpecificConfig (but TwinVQ, which nothing here can play). */
static bool is_general_audio(uint8_t type) {
	return (type >= AAC_MAIN && type <= AAC_LTP) || type == AAC_SCALABLE || type == AAC_ER_LC ||
	       (type >= 19 && type <= AAC_ER_LD && type != 21);
}

/* The core's own part, between the two ways of signalling SBR. */
static int read_core(struct bits *b, struct aac_config *c) {
	if (is_general_audio(c->object_type))
		read_general_audio(b, c);
	else if (c->object_type == AAC_ER_ELD && c->channel_config)
		c->frame_samples = bits_one(b) ? 480 : 512;
	else
		return UV_ENOTSUP;
	return b->failed || !c->channels ? UV_EINVAL : 0;
}

/* Backward-compatible signalling: behind all the rest, where old decoders do not look. */
static void read_sync_extension(struct bits *b, struct aac_config *c) {
	if (bits_left(b) < 16 || bits_read(b, 11) != SYNC_SBR || read_object_type(b) != AAC_SBR || !bits_one(b))
		return;
	uint32_t rate = read_sample_rate(b);
	if (b->failed || !sbr_rate_fits(rate, c->sample_rate))
		return;
	c->sbr = true;
	c->sbr_sample_rate = rate;
	if (bits_left(b) >= 12 && bits_read(b, 11) == SYNC_PS)
		c->ps = bits_one(b);
}

int aac_config_read(struct aac_config *out, struct slice config) {
	struct bits b = bits_of(config);
	struct aac_config c = {.object_type = read_object_type(&b)};
	c.sample_rate = c.sbr_sample_rate = read_sample_rate(&b);
	c.channel_config = (uint8_t)bits_read(&b, 4);
	bool explicit = c.object_type == AAC_SBR || c.object_type == AAC_PS;
	if (explicit) {
		c.sbr = true;
		c.ps = c.object_type == AAC_PS;
		c.sbr_sample_rate = read_sample_rate(&b);
		c.object_type = read_object_type(&b);
		if (c.object_type == AAC_ER_BSAC)
			bits_read(&b, 4); /* its channels with the extension */
	}
	if (b.failed || !rate_is_sane(c.sample_rate) || (explicit && !sbr_rate_fits(c.sbr_sample_rate, c.sample_rate)))
		return UV_EINVAL;
	c.channels = channels_of(c.channel_config);
	int err = read_core(&b, &c);
	if (err)
		return err;
	/* The error resilient types have an epConfig first, and no encoder signals SBR behind one. */
	if (!explicit && c.object_type < AAC_ER_LC)
		read_sync_extension(&b, &c);
	*out = c;
	return 0;
}

int aac_info_read(struct codec_info *out, struct slice config) {
	struct aac_config c;
	int err = aac_config_read(&c, config);
	if (err)
		return err;
	unsigned type = c.ps ? AAC_PS : c.sbr ? AAC_SBR : c.object_type;
	*out = (struct codec_info){.fourcc = FOURCC_AAC,
	                           .profile = (uint8_t)type,
	                           .sample_rate = c.sbr_sample_rate,
	                           .channels = c.ps && c.channels == 1 ? 2 : c.channels,
	                           .samples_per_frame = c.frame_samples * (c.sbr_sample_rate / c.sample_rate)};
	snprintf(out->rfc6381, sizeof out->rfc6381, "mp4a.40.%u", type);
	return 0;
}
