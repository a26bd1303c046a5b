/*
 * flv_tag.h: the body of an FLV audio or video tag, which is also the payload of an RTMP audio or video message, in its
 * legacy form (Adobe FLV 10.1, annex E.4) and in that of Enhanced RTMP v2, both ways. Also the fixed bytes of FLV
 * files.
 *
 * Pure: slices point into the caller's bytes, nothing is kept. A body may carry several tracks (Enhanced RTMP's
 * multitrack), so it is read with an iterator:
 *
 *     struct flv_tag_reader it = flv_tag_reader_of(FLV_VIDEO, body);
 *     struct flv_tag tag;
 *     int got;
 *     while ((got = flv_tag_read(&it, &tag)) == 1)
 *         …
 */
#pragma once

#include "common/base/reader.h"
#include "common/codec/codec.h"

/* The values are FLV's TagType and RTMP's message types. */
enum flv_tag_type { FLV_AUDIO = 8, FLV_VIDEO = 9, FLV_SCRIPT = 18 };

enum flv_packet {
	FLV_UNKNOWN,      /* of a kind that is not known here; fourcc and payload as they came */
	FLV_CONFIG,       /* payload: the decoder configuration */
	FLV_FRAME,        /* payload: one access unit; may be empty (silence) */
	FLV_SEQUENCE_END, /* no payload */
	FLV_METADATA,     /* video; payload: AMF0 values, a name and its value ("colorInfo") */
	FLV_COMMAND,      /* video; `command`, 0 seeking begins, 1 it ended */
	FLV_MULTICHANNEL, /* audio; payload: channel order, count and mapping */
	FLV_TS_CONFIG,    /* video; payload: an AV1VideoDescriptor of MPEG-TS */
};

enum {
	FLV_BODY_MAX = 0xffffff, /* what a tag's 24 bits of size can say */
	FLV_TRACKS_MAX = 256,    /* tracks in one body: as many as there are ids */
	FLV_MODEX_MAX = 16,      /* ModEx parts in one header */
	FLV_NANO_OFFSET_MAX = 999999,
	FLV_HEADER_MAX = 20,       /* bytes that flv_tag_header_write needs */
	FLV_FILE_HEADER_SIZE = 13, /* with the first PreviousTagSize */
	FLV_PREFIX_SIZE = 11,
	FLV_TRAILER_SIZE = 4,
};

struct flv_tag {
	enum flv_tag_type type; /* FLV_AUDIO or FLV_VIDEO */
	enum flv_packet packet;
	bool enhanced;          /* reading: it came so. Writing does not look */
	bool multitrack;        /* it came with a track id, or is to be written with one */
	bool keyframe;          /* by the header's word; audio: always */
	bool disposable;        /* video: an inter frame that no other refers to */
	uint8_t track_id;       /* 0 without multitrack */
	uint8_t command;        /* of FLV_COMMAND */
	uint8_t audio_header;   /* legacy audio: the byte of format, rate, size and channels (E.4.2.1); else 0 */
	uint32_t fourcc;        /* 0 of an enhanced FLV_COMMAND */
	int32_t composition_ms; /* video: pts - dts, -2^23 to 2^23 - 1 */
	uint32_t nano_offset;   /* nanoseconds to add to pts, 0 to FLV_NANO_OFFSET_MAX */
	struct slice payload;
};

/* Fields are private. */
struct flv_tag_reader {
	struct reader r;
	struct flv_tag common; /* what all tracks of the body share */
	uint8_t tracks_type;   /* AvMultitrackType */
	unsigned tracks;       /* read so far */
	enum { FLV_AT_HEADER, FLV_AT_TRACK, FLV_AT_END } phase;
	uint8_t packet_type;
};

/* Begins to read a body of `type` FLV_AUDIO or FLV_VIDEO. */
struct flv_tag_reader flv_tag_reader_of(enum flv_tag_type type, struct slice body);

/*
 * The next track's part of the body: 1 with one in `*tag`, 0 at the end, UV_EINVAL if the body is cut short or broken,
 * UV_ENOTSUP for a legacy codec that has no meaning, UV_E2BIG past FLV_TRACKS_MAX or FLV_MODEX_MAX. After a failure the
 * reader is at its end. An empty body, which encoders send as silence or to keep a connection open, has no parts.
 */
int flv_tag_read(struct flv_tag_reader *it, struct flv_tag *tag);

enum flv_form { FLV_LEGACY, FLV_ENHANCED };

/*
 * Writes the bytes that come before the payload; `tag->payload` is not looked at. Returns their number, or UV_ENOTSUP
 * if the form has no way to say it (legacy: a codec without a number, another track than 0, metadata, multichannel;
 * enhanced: a codec that only legacy FLV has; both: FLV_UNKNOWN), or UV_EINVAL for fields out of range.
 *
 * Legacy drops nano_offset. Legacy audio keeps `audio_header` where it is of the tag's codec. HEVC in legacy form is
 * codec 12, an extension that many Chinese players read and Adobe's did not.
 */
int flv_tag_header_write(uint8_t out[FLV_HEADER_MAX], const struct flv_tag *tag, enum flv_form form);

/* True if the codec has a number in the legacy form. */
bool flv_is_legacy(enum flv_tag_type type, uint32_t fourcc);

/* The codec of a legacy number (VideoTagHeader's CodecID, SoundFormat), as also onMetaData says it; 0 for none. */
uint32_t flv_codec_of_number(enum flv_tag_type type, unsigned number);

/* The reverse; UV_ENOTSUP for none. Where one codec has several numbers it is the most general. */
int flv_number_of_codec(enum flv_tag_type type, uint32_t fourcc);

/* A file's first 13 bytes: header and PreviousTagSize0 (E.2). */
void flv_file_header_write(uint8_t out[FLV_FILE_HEADER_SIZE], bool audio, bool video);

/*
 * The 11 bytes before a body of `body_size` bytes (E.4.1). `timestamp` is in milliseconds, all 32 bits of it. UV_E2BIG
 * past FLV_BODY_MAX.
 */
int flv_prefix_write(uint8_t out[FLV_PREFIX_SIZE], enum flv_tag_type type, size_t body_size, uint32_t timestamp);

/* The 4 bytes behind a body of `body_size` bytes, at most FLV_BODY_MAX: PreviousTagSize. */
void flv_trailer_write(uint8_t out[FLV_TRAILER_SIZE], size_t body_size);
