#include "common/mux/elementary.h"

#include "common/base/reader.h"
#include "common/codec/aac.h"
#include "common/codec/avc.h"

#include <string.h>
#include <uv.h>

enum { HEVC_VPS = 32, HEVC_SPS = 33, HEVC_PPS = 34, HEVC_AUD = 35, SETS_LENGTH_SIZE = 2 };

/* --- video --- */

static void put_nal(struct buffer *out, struct slice nal) {
	static const uint8_t start_code[4] = {0, 0, 0, 1};
	buffer_append(out, start_code, sizeof start_code);
	buffer_append(out, nal.data, nal.size);
}

static int take_sets(struct elementary *e, struct buffer *sets) {
	int err = buffer_error(sets);
	e->sets = err ? NULL : buffer_take(sets);
	buffer_fini(sets);
	return e->sets ? 0 : err ? err : UV_ENOMEM;
}

static void put_sets(struct buffer *out, struct slice sets) {
	struct reader r = reader_of(sets.data, sets.size);
	struct slice nal;
	while (avc_nal_next(&r, SETS_LENGTH_SIZE, &nal) == 1)
		put_nal(out, nal);
}

static int init_avc(struct elementary *e, struct slice record) {
	struct avc_config config;
	struct buffer sets;
	if (avc_config_read(&config, record))
		return UV_EINVAL;
	e->length_size = config.length_size;
	buffer_init(&sets, 0);
	put_sets(&sets, config.sps);
	put_sets(&sets, config.pps);
	return take_sets(e, &sets);
}

/* HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 8.3.3.1. All that its arrays have, in their order: SEI that is meant
 * for the whole stream is there, too. */
static int init_hevc(struct elementary *e, struct slice record) {
	enum { UNTIL_LENGTH_SIZE = 21 };
	struct reader r = reader_of(record.data, record.size);
	struct buffer sets;
	reader_take(&r, UNTIL_LENGTH_SIZE);
	e->length_size = (reader_u8(&r) & 3u) + 1;
	buffer_init(&sets, 0);
	for (unsigned arrays = reader_u8(&r); arrays && !r.failed; arrays--) {
		reader_u8(&r);
		for (unsigned count = reader_u16(&r); count && !r.failed; count--) {
			size_t size = reader_u16(&r);
			const uint8_t *nal = reader_take(&r, size);
			if (nal && size)
				put_nal(&sets, (struct slice){nal, size});
		}
	}
	if (r.failed || e->length_size == 3 || !sets.size) {
		buffer_fini(&sets);
		return UV_EINVAL;
	}
	return take_sets(e, &sets);
}

static unsigned nal_type(const struct elementary *e, struct slice nal) {
	return e->fourcc == FOURCC_AVC ? avc_nal_type(nal) : nal.data[0] >> 1 & 0x3fu;
}

static bool is_delimiter(const struct elementary *e, struct slice nal) {
	return nal_type(e, nal) == (e->fourcc == FOURCC_AVC ? (unsigned)AVC_NAL_AUD : HEVC_AUD);
}

static bool has_own_sets(const struct elementary *e, struct slice unit) {
	unsigned sps = e->fourcc == FOURCC_AVC ? (unsigned)AVC_NAL_SPS : HEVC_SPS;
	struct reader r = reader_of(unit.data, unit.size);
	struct slice nal;
	while (avc_nal_next(&r, e->length_size, &nal) == 1)
		if (nal_type(e, nal) == sps)
			return true;
	return false;
}

static void write_video(const struct elementary *e, const struct frame *f, struct buffer *out) {
	/* Slices of any type may follow. */
	static const uint8_t avc_delimiter[] = {AVC_NAL_AUD, 0xf0}, hevc_delimiter[] = {HEVC_AUD << 1, 1, 0x50};
	put_nal(out, e->fourcc == FOURCC_AVC ? (struct slice){avc_delimiter, sizeof avc_delimiter}
	                                     : (struct slice){hevc_delimiter, sizeof hevc_delimiter});
	if (f->flags & FRAME_KEY && !has_own_sets(e, f->payload))
		buffer_append(out, e->sets->data, e->sets->size);
	struct reader r = reader_of(f->payload.data, f->payload.size);
	struct slice nal;
	while (avc_nal_next(&r, e->length_size, &nal) == 1)
		if (!is_delimiter(e, nal))
			put_nal(out, nal);
}

/* --- audio --- */

static int sampling_index(uint32_t rate) {
	static const uint32_t rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
	                                 22050, 16000, 12000, 11025, 8000,  7350};
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
		if (rates[i] == rate)
			return (int)i;
	return -1;
}

/* ISO/IEC 14496-3 1.A.2.2: what does not change with the frame. The core's values, for SBR is found in the frames. */
static int init_aac(struct elementary *e, struct slice config) {
	enum { CHANNELS_MAX = 7, SAMPLES = 1024 };
	struct aac_config aac;
	if (aac_config_read(&aac, config))
		return UV_EINVAL;
	int rate = sampling_index(aac.sample_rate);
	if (aac.object_type < AAC_MAIN || aac.object_type > AAC_LTP || rate < 0 || !aac.channel_config ||
	    aac.channel_config > CHANNELS_MAX || aac.frame_samples != SAMPLES)
		return UV_ENOTSUP;
	e->adts[0] = 0xff;
	e->adts[1] = 0xf1; /* MPEG-4, no CRC */
	e->adts[2] = (uint8_t)((aac.object_type - 1) << 6 | rate << 2 | aac.channel_config >> 2);
	e->adts[3] = (uint8_t)((aac.channel_config & 3) << 6);
	e->adts[5] = 0x1f; /* a buffer of any fullness */
	e->adts[6] = 0xfc;
	return 0;
}

static int write_aac(const struct elementary *e, const struct frame *f, struct buffer *out) {
	size_t size = ADTS_HEADER_SIZE + f->payload.size;
	uint8_t header[ADTS_HEADER_SIZE];
	if (size > ADTS_FRAME_MAX)
		return UV_E2BIG;
	memcpy(header, e->adts, sizeof header);
	header[3] |= (uint8_t)(size >> 11);
	header[4] = (uint8_t)(size >> 3);
	header[5] |= (uint8_t)(size << 5);
	buffer_append(out, header, sizeof header);
	buffer_append(out, f->payload.data, f->payload.size);
	return 0;
}

/* --- all --- */

int elementary_init(struct elementary *e, const struct track *t) {
	struct slice config = t->config ? bytes_slice(t->config) : (struct slice){0};
	*e = (struct elementary){.fourcc = t->fourcc};
	switch (t->fourcc) {
	case FOURCC_AVC:
		return init_avc(e, config);
	case FOURCC_HEVC:
		return init_hevc(e, config);
	case FOURCC_AAC:
		return init_aac(e, config);
	case FOURCC_MP3:
	case FOURCC_AC3:
	case FOURCC_EAC3:
		return 0;
	default:
		return UV_ENOTSUP;
	}
}

void elementary_fini(struct elementary *e) {
	bytes_unref(&e->sets);
}

int elementary_write(const struct elementary *e, const struct frame *f, struct buffer *out) {
	if (e->fourcc == FOURCC_AAC)
		return write_aac(e, f, out);
	if (e->fourcc == FOURCC_AVC || e->fourcc == FOURCC_HEVC)
		write_video(e, f, out);
	else
		buffer_append(out, f->payload.data, f->payload.size);
	return 0;
}
