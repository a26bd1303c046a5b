#include "common/mux/flv_tag.h"

#include <string.h>
#include <uv.h>

/* FLV 10.1, E.4.3.1 FrameType */
enum {
	FRAME_TYPE_KEY = 1,
	FRAME_TYPE_INTER = 2,
	FRAME_TYPE_DISPOSABLE = 3,
	FRAME_TYPE_GENERATED_KEY = 4,
	FRAME_TYPE_COMMAND = 5
};

enum { SOUND_EX_HEADER = 9, VIDEO_EX_HEADER = 0x80, AUDIO_HEADER_AAC = 0xaf };

/* AVCPacketType and AACPacketType */
enum { LEGACY_CONFIG = 0, LEGACY_FRAME = 1, LEGACY_END = 2 };

/* Enhanced RTMP: VideoPacketType and AudioPacketType, the same numbers but for those marked. */
enum {
	PACKET_START = 0,
	PACKET_FRAMES = 1,
	PACKET_END = 2,
	VIDEO_FRAMES_X = 3,
	VIDEO_METADATA = 4,
	VIDEO_TS_START = 5,
	VIDEO_MULTITRACK = 6,
	AUDIO_MULTICHANNEL = 4,
	AUDIO_MULTITRACK = 5,
	PACKET_MODEX = 7,
};

enum { MODEX_NANO_OFFSET = 0, MODEX_NANO_SIZE = 3 };

/* AvMultitrackType; the first is our own. */
enum { TRACKS_NONE = 0xff, TRACKS_ONE = 0, TRACKS_MANY = 1, TRACKS_MANY_CODECS = 2 };

struct codec_number {
	uint8_t type, number;
	uint32_t fourcc;
};

/* The first row of a codec is the number that is written for it. */
static const struct codec_number codec_numbers[] = {
    {FLV_VIDEO, 2, FOURCC_H263},   {FLV_VIDEO, 3, FOURCC_SCREEN},  {FLV_VIDEO, 4, FOURCC_VP6},
    {FLV_VIDEO, 5, FOURCC_VP6A},   {FLV_VIDEO, 6, FOURCC_SCREEN2}, {FLV_VIDEO, 7, FOURCC_AVC},
    {FLV_VIDEO, 12, FOURCC_HEVC},  {FLV_AUDIO, 3, FOURCC_PCM},     {FLV_AUDIO, 0, FOURCC_PCM},
    {FLV_AUDIO, 1, FOURCC_ADPCM},  {FLV_AUDIO, 2, FOURCC_MP3},     {FLV_AUDIO, 14, FOURCC_MP3},
    {FLV_AUDIO, 6, FOURCC_NELLY},  {FLV_AUDIO, 4, FOURCC_NELLY},   {FLV_AUDIO, 5, FOURCC_NELLY},
    {FLV_AUDIO, 7, FOURCC_ALAW},   {FLV_AUDIO, 8, FOURCC_ULAW},    {FLV_AUDIO, 10, FOURCC_AAC},
    {FLV_AUDIO, 11, FOURCC_SPEEX},
};

enum { CODEC_NUMBERS = sizeof codec_numbers / sizeof *codec_numbers };

uint32_t flv_codec_of_number(enum flv_tag_type type, unsigned number) {
	for (size_t i = 0; i < CODEC_NUMBERS; i++)
		if (codec_numbers[i].type == type && codec_numbers[i].number == number)
			return codec_numbers[i].fourcc;
	return 0;
}

int flv_number_of_codec(enum flv_tag_type type, uint32_t fourcc) {
	for (size_t i = 0; i < CODEC_NUMBERS; i++)
		if (codec_numbers[i].type == type && codec_numbers[i].fourcc == fourcc)
			return codec_numbers[i].number;
	return UV_ENOTSUP;
}

bool flv_is_legacy(enum flv_tag_type type, uint32_t fourcc) {
	return flv_number_of_codec(type, fourcc) >= 0;
}

/* Codecs whose frames have a composition time: in Enhanced RTMP these alone. */
static bool has_composition(uint32_t fourcc) {
	return fourcc == FOURCC_AVC || fourcc == FOURCC_HEVC || fourcc == FOURCC_VVC;
}

struct flv_tag_reader flv_tag_reader_of(enum flv_tag_type type, struct slice body) {
	return (struct flv_tag_reader){.r = reader_of(body.data, body.size),
	                               .common = {.type = type},
	                               .tracks_type = TRACKS_NONE,
	                               .phase = body.size ? FLV_AT_HEADER : FLV_AT_END};
}

static struct slice take_rest(struct reader *r) {
	size_t size = reader_left(r);
	return (struct slice){reader_take(r, size), size};
}

static void set_frame_type(struct flv_tag *tag, unsigned frame_type) {
	tag->keyframe = frame_type == FRAME_TYPE_KEY || frame_type == FRAME_TYPE_GENERATED_KEY;
	tag->disposable = frame_type == FRAME_TYPE_DISPOSABLE;
}

static int read_command(struct reader *r, struct flv_tag *tag) {
	tag->packet = FLV_COMMAND;
	tag->command = reader_u8(r);
	return r->failed ? UV_EINVAL : 1;
}

static int read_legacy_video(struct reader *r, uint8_t first, struct flv_tag *tag) {
	unsigned frame_type = first >> 4;
	tag->fourcc = flv_codec_of_number(FLV_VIDEO, first & 0xf);
	if (!tag->fourcc)
		return UV_ENOTSUP;
	set_frame_type(tag, frame_type);
	if (frame_type == FRAME_TYPE_COMMAND)
		return read_command(r, tag);
	tag->packet = FLV_FRAME;
	if (has_composition(tag->fourcc)) {
		static const enum flv_packet packets[] = {FLV_CONFIG, FLV_FRAME, FLV_SEQUENCE_END};
		uint8_t packet_type = reader_u8(r);
		tag->packet = packet_type <= LEGACY_END ? packets[packet_type] : FLV_UNKNOWN;
		if (tag->packet == FLV_SEQUENCE_END && !r->failed)
			return 1; /* some write it without its composition time */
		int32_t composition = reader_i24(r);
		tag->composition_ms = tag->packet == FLV_FRAME ? composition : 0;
	}
	if (r->failed)
		return UV_EINVAL;
	tag->payload = take_rest(r);
	return 1;
}

static int read_legacy_audio(struct reader *r, uint8_t first, struct flv_tag *tag) {
	tag->fourcc = flv_codec_of_number(FLV_AUDIO, first >> 4);
	if (!tag->fourcc)
		return UV_ENOTSUP;
	tag->keyframe = true;
	tag->audio_header = first;
	tag->packet = FLV_FRAME;
	if (tag->fourcc == FOURCC_AAC) {
		uint8_t packet_type = reader_u8(r);
		tag->packet = packet_type == LEGACY_CONFIG ? FLV_CONFIG : packet_type == LEGACY_FRAME ? FLV_FRAME : FLV_UNKNOWN;
	}
	if (r->failed)
		return UV_EINVAL;
	tag->payload = take_rest(r);
	return 1;
}

/* Reads ModEx parts until the packet type that they lead to. Types that are not known are passed over, as the spec
 * asks. */
static int read_modex(struct flv_tag_reader *it) {
	for (unsigned parts = 0; it->packet_type == PACKET_MODEX; parts++) {
		if (parts == FLV_MODEX_MAX)
			return UV_E2BIG;
		size_t size = (size_t)reader_u8(&it->r) + 1;
		if (size == 256)
			size = (size_t)reader_u16(&it->r) + 1;
		const uint8_t *data = reader_take(&it->r, size);
		uint8_t types = reader_u8(&it->r);
		if (it->r.failed)
			return UV_EINVAL;
		it->packet_type = types & 0xf;
		if (types >> 4 != MODEX_NANO_OFFSET || size < MODEX_NANO_SIZE)
			continue;
		struct reader value = reader_of(data, MODEX_NANO_SIZE);
		uint32_t nano_offset = reader_u24(&value);
		if (nano_offset <= FLV_NANO_OFFSET_MAX)
			it->common.nano_offset = nano_offset;
	}
	return 0;
}

/* What the numbers of a packet type mean. */
static enum flv_packet packet_of(enum flv_tag_type type, uint8_t packet_type) {
	static const enum flv_packet video[] = {FLV_CONFIG, FLV_FRAME,    FLV_SEQUENCE_END,
	                                        FLV_FRAME,  FLV_METADATA, FLV_TS_CONFIG};
	static const enum flv_packet audio[] = {FLV_CONFIG, FLV_FRAME, FLV_SEQUENCE_END, FLV_UNKNOWN, FLV_MULTICHANNEL};
	if (type == FLV_VIDEO)
		return packet_type < sizeof video / sizeof *video ? video[packet_type] : FLV_UNKNOWN;
	return packet_type < sizeof audio / sizeof *audio ? audio[packet_type] : FLV_UNKNOWN;
}

static int read_multitrack(struct flv_tag_reader *it, uint8_t multitrack_type) {
	uint8_t types = reader_u8(&it->r);
	it->common.multitrack = true;
	it->tracks_type = types >> 4;
	it->packet_type = types & 0xf;
	if (it->r.failed || it->tracks_type > TRACKS_MANY_CODECS)
		return UV_EINVAL;
	if (it->packet_type == multitrack_type || it->packet_type == PACKET_MODEX)
		return UV_EINVAL;
	return 0;
}

/* ExVideoTagHeader and ExAudioTagHeader behind their first byte. 1: a tag is whole; 0: tracks follow. */
static int read_enhanced_header(struct flv_tag_reader *it, uint8_t first) {
	bool video = it->common.type == FLV_VIDEO;
	unsigned frame_type = first >> 4 & 7;
	uint8_t multitrack_type = video ? VIDEO_MULTITRACK : AUDIO_MULTITRACK;
	it->common.enhanced = true;
	it->common.keyframe = true;
	if (video)
		set_frame_type(&it->common, frame_type);
	it->packet_type = first & 0xf;
	int err = read_modex(it);
	if (err)
		return err;
	if (video && frame_type == FRAME_TYPE_COMMAND && it->packet_type != VIDEO_METADATA)
		return read_command(&it->r, &it->common);
	if (it->packet_type == multitrack_type) {
		err = read_multitrack(it, multitrack_type);
		if (err)
			return err;
	}
	if (it->tracks_type != TRACKS_MANY_CODECS)
		it->common.fourcc = reader_u32(&it->r);
	it->common.packet = packet_of(it->common.type, it->packet_type);
	return it->r.failed ? UV_EINVAL : 0;
}

/* One track's part of an enhanced body, or all of one without tracks. */
static int read_track(struct flv_tag_reader *it, struct flv_tag *tag) {
	struct reader *r = &it->r;
	*tag = it->common;
	if (++it->tracks > FLV_TRACKS_MAX)
		return UV_E2BIG;
	if (it->tracks_type == TRACKS_MANY_CODECS)
		tag->fourcc = reader_u32(r);
	if (tag->multitrack)
		tag->track_id = reader_u8(r);
	struct reader body = *r;
	if (it->tracks_type == TRACKS_MANY || it->tracks_type == TRACKS_MANY_CODECS) {
		size_t size = reader_u24(r);
		const uint8_t *data = reader_take(r, size);
		body = reader_of(data, r->failed ? 0 : size);
	} else {
		take_rest(r);
	}
	if (r->failed)
		return UV_EINVAL;
	if (tag->type == FLV_VIDEO && it->packet_type == PACKET_FRAMES && has_composition(tag->fourcc))
		tag->composition_ms = reader_i24(&body);
	if (body.failed)
		return UV_EINVAL;
	if (tag->packet != FLV_SEQUENCE_END)
		tag->payload = take_rest(&body);
	it->phase = reader_left(r) ? FLV_AT_TRACK : FLV_AT_END;
	return 1;
}

static int read_header(struct flv_tag_reader *it, struct flv_tag *tag) {
	uint8_t first = reader_u8(&it->r);
	bool video = it->common.type == FLV_VIDEO;
	it->phase = FLV_AT_END;
	if (video ? !(first & VIDEO_EX_HEADER) : first >> 4 != SOUND_EX_HEADER) {
		*tag = it->common;
		return video ? read_legacy_video(&it->r, first, tag) : read_legacy_audio(&it->r, first, tag);
	}
	int got = read_enhanced_header(it, first);
	if (got == 1)
		*tag = it->common;
	return got ? got : read_track(it, tag);
}

int flv_tag_read(struct flv_tag_reader *it, struct flv_tag *tag) {
	if (it->phase == FLV_AT_END)
		return 0;
	struct flv_tag read = {0};
	int got = it->phase == FLV_AT_HEADER ? read_header(it, &read) : read_track(it, &read);
	if (got == 1)
		*tag = read;
	else
		it->phase = FLV_AT_END;
	return got;
}

static uint8_t frame_type_of(const struct flv_tag *tag) {
	/* Of metadata the frame type says nothing; FFmpeg looks for them only under this one. Of a track's metadata it must
	 * be another: the outer packet type is multitrack's, and with that the body would be a command. */
	if (tag->packet == FLV_COMMAND || (tag->packet == FLV_METADATA && !tag->multitrack && !tag->track_id))
		return FRAME_TYPE_COMMAND;
	if (tag->keyframe || tag->packet != FLV_FRAME)
		return FRAME_TYPE_KEY;
	return tag->disposable ? FRAME_TYPE_DISPOSABLE : FRAME_TYPE_INTER;
}

static uint8_t *put(uint8_t *at, uint32_t v, unsigned size) {
	while (size--)
		*at++ = (uint8_t)(v >> (8 * size));
	return at;
}

/* AVCPacketType or AACPacketType of the packet, or UV_ENOTSUP. */
static int legacy_packet_type(enum flv_packet packet) {
	switch (packet) {
	case FLV_CONFIG:
		return LEGACY_CONFIG;
	case FLV_FRAME:
		return LEGACY_FRAME;
	case FLV_SEQUENCE_END:
		return LEGACY_END;
	default:
		return UV_ENOTSUP;
	}
}

static int write_legacy_video(uint8_t *out, const struct flv_tag *tag, unsigned number) {
	int packet_type = legacy_packet_type(tag->packet);
	uint8_t *at = put(out, (unsigned)frame_type_of(tag) << 4 | number, 1);
	if (tag->packet == FLV_COMMAND) {
		at = put(at, tag->command, 1);
	} else if (has_composition(tag->fourcc)) {
		if (packet_type < 0)
			return packet_type;
		at = put(at, (uint32_t)packet_type, 1);
		at = put(at, tag->packet == FLV_FRAME ? (uint32_t)tag->composition_ms : 0, 3);
	} else if (tag->packet != FLV_FRAME) {
		return UV_ENOTSUP;
	}
	return (int)(at - out);
}

static int write_legacy_audio(uint8_t *out, const struct flv_tag *tag, unsigned number) {
	bool own = tag->audio_header && flv_codec_of_number(FLV_AUDIO, tag->audio_header >> 4) == tag->fourcc;
	/* 44 kHz, 16 bits, stereo: what AAC must say, and the best guess for the others. */
	uint8_t *at = put(out, own ? tag->audio_header : number << 4 | (AUDIO_HEADER_AAC & 0xf), 1);
	if (tag->fourcc != FOURCC_AAC)
		return tag->packet == FLV_FRAME ? (int)(at - out) : UV_ENOTSUP;
	if (tag->packet != FLV_FRAME && tag->packet != FLV_CONFIG)
		return UV_ENOTSUP;
	at = put(at, (uint32_t)legacy_packet_type(tag->packet), 1);
	return (int)(at - out);
}

static int write_legacy(uint8_t *out, const struct flv_tag *tag) {
	int number = flv_number_of_codec(tag->type, tag->fourcc);
	if (number < 0 || tag->track_id)
		return UV_ENOTSUP;
	return tag->type == FLV_VIDEO ? write_legacy_video(out, tag, (unsigned)number)
	                              : write_legacy_audio(out, tag, (unsigned)number);
}

static int enhanced_packet_type(const struct flv_tag *tag) {
	bool video = tag->type == FLV_VIDEO;
	switch (tag->packet) {
	case FLV_CONFIG:
		return PACKET_START;
	case FLV_FRAME:
		return video && has_composition(tag->fourcc) && !tag->composition_ms ? VIDEO_FRAMES_X : PACKET_FRAMES;
	case FLV_SEQUENCE_END:
		return PACKET_END;
	case FLV_METADATA:
		return video ? VIDEO_METADATA : UV_ENOTSUP;
	case FLV_TS_CONFIG:
		return video ? VIDEO_TS_START : UV_ENOTSUP;
	case FLV_MULTICHANNEL:
		return video ? UV_ENOTSUP : AUDIO_MULTICHANNEL;
	case FLV_COMMAND:
		return video ? PACKET_START : UV_ENOTSUP; /* any type that is not metadata */
	case FLV_UNKNOWN:
		break;
	}
	return UV_ENOTSUP;
}

/* The codecs that have no FourCC on the wire: the legacy ones but those that both forms have. */
static bool is_legacy_only(enum flv_tag_type type, uint32_t fourcc) {
	return flv_is_legacy(type, fourcc) && !has_composition(fourcc) && fourcc != FOURCC_AAC && fourcc != FOURCC_MP3;
}

static int write_enhanced(uint8_t *out, const struct flv_tag *tag) {
	int packet_type = enhanced_packet_type(tag);
	bool command = tag->packet == FLV_COMMAND;
	if (packet_type < 0 || (!command && (!tag->fourcc || is_legacy_only(tag->type, tag->fourcc))))
		return UV_ENOTSUP;
	bool video = tag->type == FLV_VIDEO;
	bool multitrack = !command && (tag->multitrack || tag->track_id);
	uint8_t high = video ? (uint8_t)(VIDEO_EX_HEADER | frame_type_of(tag) << 4) : SOUND_EX_HEADER << 4;
	uint8_t outer = (uint8_t)(!multitrack ? packet_type : video ? VIDEO_MULTITRACK : AUDIO_MULTITRACK);
	uint8_t *at = put(out, high | (tag->nano_offset ? PACKET_MODEX : outer), 1);
	if (tag->nano_offset) {
		at = put(at, MODEX_NANO_SIZE - 1, 1);
		at = put(at, tag->nano_offset, MODEX_NANO_SIZE);
		at = put(at, MODEX_NANO_OFFSET << 4 | outer, 1);
	}
	if (multitrack)
		at = put(at, TRACKS_ONE << 4 | (uint32_t)packet_type, 1);
	at = command ? put(at, tag->command, 1) : put(at, tag->fourcc, 4);
	if (multitrack)
		at = put(at, tag->track_id, 1);
	if (video && packet_type == PACKET_FRAMES && has_composition(tag->fourcc))
		at = put(at, (uint32_t)tag->composition_ms, 3);
	return (int)(at - out);
}

int flv_tag_header_write(uint8_t out[FLV_HEADER_MAX], const struct flv_tag *tag, enum flv_form form) {
	if (tag->composition_ms < -0x800000 || tag->composition_ms > 0x7fffff || tag->nano_offset > FLV_NANO_OFFSET_MAX)
		return UV_EINVAL;
	if (tag->type != FLV_AUDIO && tag->type != FLV_VIDEO)
		return UV_EINVAL;
	return form == FLV_LEGACY ? write_legacy(out, tag) : write_enhanced(out, tag);
}

void flv_file_header_write(uint8_t out[FLV_FILE_HEADER_SIZE], bool audio, bool video) {
	memcpy(out, "FLV\x01", 4);
	uint8_t *at = put(out + 4, (audio ? 4u : 0u) | (video ? 1u : 0u), 1);
	at = put(at, 9, 4); /* DataOffset */
	put(at, 0, FLV_TRAILER_SIZE);
}

int flv_prefix_write(uint8_t out[FLV_PREFIX_SIZE], enum flv_tag_type type, size_t body_size, uint32_t timestamp) {
	if (body_size > FLV_BODY_MAX)
		return UV_E2BIG;
	uint8_t *at = put(out, type, 1);
	at = put(at, (uint32_t)body_size, 3);
	at = put(at, timestamp, 3); /* put takes the low bytes; the extension is the highest */
	at = put(at, timestamp >> 24, 1);
	put(at, 0, 3); /* StreamID */
	return 0;
}

void flv_trailer_write(uint8_t out[FLV_TRAILER_SIZE], size_t body_size) {
	put(out, (uint32_t)(FLV_PREFIX_SIZE + body_size), FLV_TRAILER_SIZE);
}
