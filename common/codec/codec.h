/*
 * codec.h: the names of codecs, and what a player must be told of a track before it decodes anything.
 *
 * Pure values; any thread. A FourCC names a codec (video, audio) or a format of data everywhere in Weir: first letter
 * in the highest byte, as Enhanced RTMP writes it.
 */
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

#define FOURCC_AVC FOURCC('a', 'v', 'c', '1')
#define FOURCC_HEVC FOURCC('h', 'v', 'c', '1')
#define FOURCC_VVC FOURCC('v', 'v', 'c', '1')
#define FOURCC_AV1 FOURCC('a', 'v', '0', '1')
#define FOURCC_VP8 FOURCC('v', 'p', '0', '8')
#define FOURCC_VP9 FOURCC('v', 'p', '0', '9')

#define FOURCC_AAC FOURCC('m', 'p', '4', 'a')
#define FOURCC_OPUS FOURCC('O', 'p', 'u', 's')
#define FOURCC_AC3 FOURCC('a', 'c', '-', '3')
#define FOURCC_EAC3 FOURCC('e', 'c', '-', '3')
#define FOURCC_FLAC FOURCC('f', 'L', 'a', 'C')
#define FOURCC_MP3 FOURCC('.', 'm', 'p', '3')

/* Codecs that only legacy FLV carries. The names are Weir's own where nobody else has given one. */
#define FOURCC_H263 FOURCC('F', 'L', 'V', '1') /* Sorenson's H.263 */
#define FOURCC_SCREEN FOURCC('F', 'S', 'V', '1')
#define FOURCC_SCREEN2 FOURCC('F', 'S', 'V', '2')
#define FOURCC_VP6 FOURCC('V', 'P', '6', 'F')
#define FOURCC_VP6A FOURCC('V', 'P', '6', 'A')
#define FOURCC_PCM FOURCC('f', 'p', 'c', 'm') /* 8 or 16 bits as the FLV byte says, little-endian */
#define FOURCC_ADPCM FOURCC('S', 'W', 'F', 'A')
#define FOURCC_NELLY FOURCC('N', 'E', 'L', 'L')
#define FOURCC_ALAW FOURCC('a', 'l', 'a', 'w')
#define FOURCC_ULAW FOURCC('u', 'l', 'a', 'w')
#define FOURCC_SPEEX FOURCC('s', 'p', 'e', 'x')

#define FOURCC_AMF0 FOURCC('a', 'm', 'f', '0') /* data: an AMF0 script message with its name */

/* What a decoder configuration tells; zero where it tells nothing. */
struct codec_info {
	uint32_t fourcc;
	uint32_t width, height;                  /* pixels shown, after cropping */
	uint32_t frame_rate_num, frame_rate_den; /* frames a second as a fraction in lowest terms; 0/0 unknown */
	uint8_t profile, level, constraint;      /* AVC: the record's bytes; AAC: profile is the object type */
	uint32_t sample_rate;                    /* Hz at the decoder's output */
	uint32_t channels;                       /* at the decoder's output */
	uint32_t samples_per_frame;              /* at sample_rate, per access unit */
	uint32_t ac3;                            /* AC-3, E-AC-3: their header's fields, packed as codec_ac3_pack does */
	char rfc6381[48];                        /* the `codecs` parameter, e.g. "avc1.64001f"; "" unknown */
};

/*
 * Fills `out` from a decoder configuration as Enhanced RTMP, FLV and MP4 carry it: AVC, HEVC, AV1, VP8, VP9, AAC, Opus,
 * FLAC. For codecs that have none only the fourcc and, if it needs no parameters, the rfc6381 name are set. UV_EINVAL
 * for a configuration that is broken, UV_ENOTSUP for one that is well-formed but of a kind that nothing here can play.
 */
int codec_info_read(struct codec_info *out, uint32_t fourcc, struct slice config);

/* Frames of this codec mean nothing before a configuration. */
bool codec_needs_config(uint32_t fourcc);

/* Adds what only a frame tells (an access unit as FLV carries it): the size of VP8 and VP9 (keyframes), the samples of
 * an Opus packet, all of AC-3, E-AC-3 and MP3. True if something was added; what is known already is not looked at
 * again. */
bool codec_info_learn(struct codec_info *info, struct slice frame);

/* What the header of an AC-3 or E-AC-3 syncframe says (ETSI TS 102 366 4.3, E.1.2), as MP4's dac3 and dec3 ask it. */
struct codec_ac3 {
	unsigned fscod, bsid, bsmod, acmod, lfeon;
	unsigned rate; /* AC-3: bit_rate_code (F.4); E-AC-3: kbit/s, 13 bits */
};

static inline uint32_t codec_ac3_pack(struct codec_ac3 a) {
	return a.fscod << 25 | a.bsid << 20 | a.bsmod << 17 | a.acmod << 14 | a.lfeon << 13 | (a.rate & 0x1fff);
}

static inline struct codec_ac3 codec_ac3_unpack(uint32_t v) {
	return (struct codec_ac3){.fscod = v >> 25 & 3,
	                          .bsid = v >> 20 & 0x1f,
	                          .bsmod = v >> 17 & 7,
	                          .acmod = v >> 14 & 7,
	                          .lfeon = v >> 13 & 1,
	                          .rate = v & 0x1fff};
}

enum { FOURCC_TEXT_SIZE = 5 };

/* The four letters and a NUL, for log lines and metadata; bytes outside of printable ASCII become '?'. */
void fourcc_text(uint32_t fourcc, char out[FOURCC_TEXT_SIZE]);
