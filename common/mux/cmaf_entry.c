#include "common/mux/cmaf_entry.h"

#include "common/base/reader.h"
#include "common/codec/aac.h"
#include "common/codec/avc.h"
#include "common/mux/box.h"
#include "common/mux/cmaf.h"

#include <string.h>
#include <uv.h>

/* --- video --- */

struct cmaf_shape cmaf_shape_of(const struct track *t) {
	struct avc_config config;
	struct avc_sps sps;
	struct slice nal;
	if (t->fourcc != FOURCC_AVC || !t->config || avc_config_read(&config, bytes_slice(t->config)))
		return (struct cmaf_shape){0};
	struct reader r = reader_of(config.sps.data, config.sps.size);
	if (avc_nal_next(&r, 2, &nal) != 1 || avc_sps_read(&sps, nal))
		return (struct cmaf_shape){0};
	return (struct cmaf_shape){sps.sar_width, sps.sar_height};
}

/* VisualSampleEntry, 12.1.3. */
static struct box visual_begin(struct buffer *b, uint32_t type, const struct track *t) {
	struct box entry = box_begin(b, type);
	box_zeros(b, 6);
	buffer_u16(b, 1); /* data_reference_index */
	box_zeros(b, 16);
	buffer_u16(b, (uint16_t)t->info.width);
	buffer_u16(b, (uint16_t)t->info.height);
	buffer_u32(b, 72 << 16); /* dots an inch */
	buffer_u32(b, 72 << 16);
	box_zeros(b, 4);
	buffer_u16(b, 1); /* frames a sample */
	box_zeros(b, 32);
	buffer_u16(b, 0x18);
	buffer_u16(b, 0xffff);
	return entry;
}

static void visual_end(struct buffer *b, struct box entry, const struct cmaf_shape *shape) {
	if (shape->sar_width && shape->sar_height && shape->sar_width != shape->sar_height) {
		struct box pasp = box_begin(b, FOURCC('p', 'a', 's', 'p'));
		buffer_u32(b, shape->sar_width);
		buffer_u32(b, shape->sar_height);
		box_end(b, pasp);
	}
	box_end(b, entry);
}

static void write_record(struct buffer *b, uint32_t type, struct slice record) {
	struct box box = box_begin(b, type);
	buffer_append(b, record.data, record.size);
	box_end(b, box);
}

/* avc3 says that parameter sets are in band, too (ISO/IEC 14496-15 5.4.2.1): what the record lacks must be there. */
static int avc_type(struct slice record, uint32_t *type) {
	struct avc_config config;
	if (avc_config_read(&config, record))
		return UV_EINVAL;
	*type = config.pps_count ? FOURCC_AVC : FOURCC('a', 'v', 'c', '3');
	return 0;
}

/* hev1 likewise (8.4.1.1). The record's array_completeness is not asked: encoders leave it 0 without meaning it, and
 * Apple's players refuse hev1. */
static int hevc_type(struct slice record, uint32_t *type) {
	enum { UNTIL_ARRAYS = 22, VPS = 32, PPS = 34 };
	struct reader r = reader_of(record.data, record.size);
	unsigned found = 0;
	reader_take(&r, UNTIL_ARRAYS);
	for (unsigned arrays = reader_u8(&r); arrays && !r.failed; arrays--) {
		unsigned nal_type = reader_u8(&r) & 0x3f, count = reader_u16(&r);
		if (count && nal_type >= VPS && nal_type <= PPS)
			found |= 1u << (nal_type - VPS);
		while (count-- && !r.failed)
			reader_take(&r, reader_u16(&r));
	}
	if (r.failed)
		return UV_EINVAL;
	*type = found == 7 ? FOURCC_HEVC : FOURCC('h', 'e', 'v', '1');
	return 0;
}

/* VPCodecConfigurationBox is of version 1; encoders send its record with or without the box's version and flags. */
static int write_vpcc(struct buffer *b, struct slice record) {
	enum { VERSION_AND_FLAGS = 4, RECORD_SIZE = 8 };
	static const uint8_t version_1[VERSION_AND_FLAGS] = {1, 0, 0, 0};
	if (record.size >= VERSION_AND_FLAGS + RECORD_SIZE && !memcmp(record.data, version_1, VERSION_AND_FLAGS))
		record = (struct slice){record.data + VERSION_AND_FLAGS, record.size - VERSION_AND_FLAGS};
	if (record.size < RECORD_SIZE)
		return UV_EINVAL;
	struct box vpcc = full_box_begin(b, FOURCC('v', 'p', 'c', 'C'), 1, 0);
	buffer_append(b, record.data, RECORD_SIZE - 2);
	buffer_u16(b, 0); /* VP9 has no initialization data */
	box_end(b, vpcc);
	return 0;
}

static int write_video(struct buffer *b, const struct track *t, const struct cmaf_shape *shape) {
	if (!t->config || !t->config->size || !t->info.width || !t->info.height || t->info.width > UINT16_MAX ||
	    t->info.height > UINT16_MAX)
		return UV_EINVAL;
	struct slice record = bytes_slice(t->config);
	uint32_t type = t->fourcc;
	int err = 0;
	if (type == FOURCC_AVC)
		err = avc_type(record, &type);
	else if (type == FOURCC_HEVC)
		err = hevc_type(record, &type);
	else if (type == FOURCC_VP9)
		type = FOURCC('v', 'p', '0', '9');
	if (err)
		return err;
	struct box entry = visual_begin(b, type, t);
	if (t->fourcc == FOURCC_AVC)
		write_record(b, FOURCC('a', 'v', 'c', 'C'), record);
	else if (t->fourcc == FOURCC_HEVC)
		write_record(b, FOURCC('h', 'v', 'c', 'C'), record);
	else if (t->fourcc == FOURCC_AV1)
		write_record(b, FOURCC('a', 'v', '1', 'C'), record);
	else
		err = write_vpcc(b, record);
	visual_end(b, entry, shape);
	return err;
}

/* --- audio --- */

/* AudioSampleEntry, 12.2.3. */
static struct box audio_begin(struct buffer *b, uint32_t type, const struct track *t, unsigned sample_bits) {
	struct box entry = box_begin(b, type);
	box_zeros(b, 6);
	buffer_u16(b, 1); /* data_reference_index */
	box_zeros(b, 8);
	buffer_u16(b, (uint16_t)t->info.channels);
	buffer_u16(b, (uint16_t)sample_bits);
	box_zeros(b, 4);
	/* 16.16 bits; a rate that is too high for them is only in the codec's own box. */
	buffer_u32(b, t->info.sample_rate <= UINT16_MAX ? t->info.sample_rate << 16 : 0);
	return entry;
}

/* The tag and size of a descriptor, ISO/IEC 14496-1 8.3.3, in the long form that every reader knows. */
static void begin_descriptor(struct buffer *b, uint8_t tag, size_t size) {
	buffer_u8(b, tag);
	for (int shift = 21; shift > 0; shift -= 7)
		buffer_u8(b, (uint8_t)(0x80 | (size >> shift & 0x7f)));
	buffer_u8(b, (uint8_t)(size & 0x7f));
}

/* ISO/IEC 14496-14 5.6 and 14496-1 7.2.6.5. `specific` is the AudioSpecificConfig; MP3 has none. */
static void write_esds(struct buffer *b, uint8_t object_type, struct slice specific) {
	enum { ES = 3, DECODER_CONFIG = 4, DECODER_SPECIFIC = 5, SL_CONFIG = 6, HEAD = 5, AUDIO_STREAM = 5 };
	size_t specific_size = specific.size ? HEAD + specific.size : 0, decoder_size = 13 + specific_size;
	struct box esds = full_box_begin(b, FOURCC('e', 's', 'd', 's'), 0, 0);
	begin_descriptor(b, ES, 3 + HEAD + decoder_size + HEAD + 1);
	buffer_u16(b, 0); /* ES_ID: the track's */
	buffer_u8(b, 0);
	begin_descriptor(b, DECODER_CONFIG, decoder_size);
	buffer_u8(b, object_type);
	buffer_u8(b, AUDIO_STREAM << 2 | 1);
	box_zeros(b, 3 + 4 + 4); /* buffer size and bit rates: not known */
	if (specific.size) {
		begin_descriptor(b, DECODER_SPECIFIC, specific.size);
		buffer_append(b, specific.data, specific.size);
	}
	begin_descriptor(b, SL_CONFIG, 1);
	buffer_u8(b, 2); /* the predefined one of MP4 files */
	box_end(b, esds);
}

static int write_aac(struct buffer *b, const struct track *t, struct slice config) {
	enum { MPEG4_AUDIO = 0x40, CONFIG_MAX = 1024 };
	struct aac_config aac;
	if (config.size > CONFIG_MAX || aac_config_read(&aac, config))
		return UV_EINVAL;
	struct box entry = audio_begin(b, FOURCC_AAC, t, 16);
	write_esds(b, MPEG4_AUDIO, config);
	box_end(b, entry);
	return 0;
}

uint8_t cmaf_mp3_object_type(const struct track *t) {
	enum { MPEG1_AUDIO = 0x6b, MPEG2_AUDIO = 0x69, MPEG1_RATE_MIN = 32000 };
	return t->info.sample_rate >= MPEG1_RATE_MIN ? MPEG1_AUDIO : MPEG2_AUDIO;
}

static int write_mp3(struct buffer *b, const struct track *t) {
	struct box entry = audio_begin(b, FOURCC_AAC, t, 16);
	write_esds(b, cmaf_mp3_object_type(t), (struct slice){0});
	box_end(b, entry);
	return 0;
}

static uint16_t u16le(const uint8_t *at) {
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t u32le(const uint8_t *at) {
	return u16le(at) | (uint32_t)u16le(at + 2) << 16;
}

/* OpusSpecificBox (Encapsulation of Opus in ISO Base Media File Format, 4.3.2): an OpusHead, big-endian. */
static int write_opus(struct buffer *b, const struct track *t, struct slice head) {
	enum { HEAD_SIZE = 19, CHANNELS = 9, PRE_SKIP = 10, RATE = 12, GAIN = 16, FAMILY = 18 };
	const uint8_t *at = head.data;
	if (head.size < HEAD_SIZE || memcmp(at, "OpusHead", 8) != 0)
		return UV_EINVAL;
	size_t mapping = at[FAMILY] ? 2u + at[CHANNELS] : 0;
	if (head.size < HEAD_SIZE + mapping)
		return UV_EINVAL;
	struct box entry = audio_begin(b, FOURCC_OPUS, t, 16);
	struct box dops = box_begin(b, FOURCC('d', 'O', 'p', 's'));
	buffer_u8(b, 0);
	buffer_u8(b, at[CHANNELS]);
	buffer_u16(b, u16le(at + PRE_SKIP));
	buffer_u32(b, u32le(at + RATE));
	buffer_u16(b, u16le(at + GAIN));
	buffer_u8(b, at[FAMILY]);
	buffer_append(b, at + HEAD_SIZE, mapping);
	box_end(b, dops);
	box_end(b, entry);
	return 0;
}

/* FLACSpecificBox (Encapsulation of FLAC in ISO Base Media File Format, 3.3.2), of STREAMINFO alone. The configuration
 * is STREAMINFO, or that behind its block's header, or both behind "fLaC". */
static int write_flac(struct buffer *b, const struct track *t, struct slice config) {
	enum { MAGIC = 4, BLOCK_HEAD = 4, STREAMINFO = 34, LAST_BLOCK = 0x80 };
	if (config.size >= MAGIC && !memcmp(config.data, "fLaC", MAGIC))
		config = (struct slice){config.data + MAGIC, config.size - MAGIC};
	if (config.size >= BLOCK_HEAD + STREAMINFO && (config.data[0] & 0x7f) == 0 && config.data[3] == STREAMINFO)
		config = (struct slice){config.data + BLOCK_HEAD, config.size - BLOCK_HEAD};
	if (config.size < STREAMINFO)
		return UV_EINVAL;
	unsigned sample_bits = ((config.data[12] & 1u) << 4 | config.data[13] >> 4) + 1;
	struct box entry = audio_begin(b, FOURCC_FLAC, t, sample_bits);
	struct box dfla = full_box_begin(b, FOURCC('d', 'f', 'L', 'a'), 0, 0);
	buffer_u8(b, LAST_BLOCK);
	buffer_u24(b, STREAMINFO);
	buffer_append(b, config.data, STREAMINFO);
	box_end(b, dfla);
	box_end(b, entry);
	return 0;
}

/* AC3SpecificBox, ETSI TS 102 366 F.4. */
static int write_ac3(struct buffer *b, const struct track *t) {
	const struct codec_ac3 a = codec_ac3_unpack(t->info.ac3);
	struct box entry = audio_begin(b, FOURCC_AC3, t, 16);
	struct box dac3 = box_begin(b, FOURCC('d', 'a', 'c', '3'));
	buffer_u24(b, a.fscod << 22 | a.bsid << 17 | a.bsmod << 14 | a.acmod << 11 | a.lfeon << 10 | (a.rate & 0x1f) << 5);
	box_end(b, dac3);
	box_end(b, entry);
	return 0;
}

/* EC3SpecificBox, F.6: one independent substream. */
static int write_eac3(struct buffer *b, const struct track *t) {
	const struct codec_ac3 a = codec_ac3_unpack(t->info.ac3);
	struct box entry = audio_begin(b, FOURCC_EAC3, t, 16);
	struct box dec3 = box_begin(b, FOURCC('d', 'e', 'c', '3'));
	buffer_u16(b, (uint16_t)(a.rate << 3));
	buffer_u24(b, a.fscod << 22 | a.bsid << 17 | a.bsmod << 12 | a.acmod << 9 | a.lfeon << 8);
	box_end(b, dec3);
	box_end(b, entry);
	return 0;
}

static int write_audio(struct buffer *b, const struct track *t) {
	struct slice config = t->config ? bytes_slice(t->config) : (struct slice){0};
	if (!t->info.channels || t->info.channels > UINT16_MAX || !t->info.sample_rate)
		return UV_EINVAL;
	switch (t->fourcc) {
	case FOURCC_AAC:
		return write_aac(b, t, config);
	case FOURCC_OPUS:
		return write_opus(b, t, config);
	case FOURCC_FLAC:
		return write_flac(b, t, config);
	case FOURCC_AC3:
		return write_ac3(b, t);
	case FOURCC_EAC3:
		return write_eac3(b, t);
	default:
		return write_mp3(b, t);
	}
}

bool cmaf_supports(uint32_t fourcc) {
	static const uint32_t known[] = {FOURCC_AVC,  FOURCC_HEVC, FOURCC_AV1,  FOURCC_VP9,  FOURCC_AAC,
	                                 FOURCC_OPUS, FOURCC_AC3,  FOURCC_EAC3, FOURCC_FLAC, FOURCC_MP3};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i] == fourcc)
			return true;
	return false;
}

int cmaf_entry_write(struct buffer *b, const struct track *t, const struct cmaf_shape *shape) {
	if (!cmaf_supports(t->fourcc))
		return UV_ENOTSUP;
	return t->kind == TRACK_VIDEO ? write_video(b, t, shape) : write_audio(b, t);
}
