/*
 * info_parts.h: codec_info_read and codec_info_learn, codec by codec; for codec.c alone. AVC and AAC have headers of
 * their own, for others ask more of them.
 *
 * Each reads a configuration as FLV (Enhanced RTMP) and MP4 carry it: 0, or UV_EINVAL for one that is broken. `_learn`
 * reads a frame, for what only frames tell: true if it told something.
 */
#pragma once

#include "common/codec/codec.h"

#include <stdbool.h>

/* HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 8.3.3.1; size and frame rate are its SPS's (ITU-T H.265 7.3.2.2). */
int hevc_info_read(struct codec_info *out, struct slice record);

/* AV1CodecConfigurationRecord (AV1 Codec ISO Media File Format Binding 2.3) with its sequence header (AV1 5.5). */
int av1_info_read(struct codec_info *out, struct slice record);

/* VPCodecConfigurationRecord (VP Codec ISO Media File Format Binding), with or without its box's version and flags. */
int vpx_info_read(struct codec_info *out, uint32_t fourcc, struct slice record);
/* The size, of a keyframe (VP8: RFC 6386 9.1; VP9 bitstream 6.2). */
bool vpx_info_learn(struct codec_info *info, struct slice frame);

/* OpusHead, RFC 7845 5.1. */
int opus_info_read(struct codec_info *out, struct slice head);
/* The samples of a packet, RFC 6716 3.1. */
bool opus_info_learn(struct codec_info *info, struct slice packet);

/* STREAMINFO, RFC 9639 8.2, alone or behind "fLaC" and its block's header. */
int flac_info_read(struct codec_info *out, struct slice config);

/* AC-3 and E-AC-3 have no configuration: a syncframe's header, ETSI TS 102 366 4.3 and E.1.2. */
bool ac3_info_learn(struct codec_info *info, struct slice frame);

/* A frame's header, ISO/IEC 11172-3 2.4.1.3 and 13818-3. */
bool mp3_info_learn(struct codec_info *info, struct slice frame);

/* Sets the frame rate as a fraction in lowest terms; nothing is set for 0. */
void codec_info_set_rate(struct codec_info *info, uint64_t num, uint64_t den);
