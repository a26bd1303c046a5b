/*
 * avc.h: H.264 as FLV and MP4 carry it: the decoder configuration record, sequence parameter sets, and access units of
 * length-prefixed NAL units. Slices point into the caller's bytes. Pure.
 */
#pragma once

#include "common/base/reader.h"
#include "common/codec/codec.h"

enum {
	AVC_DIMENSION_MAX = 16384, /* pixels a side, before cropping: what level 6.2 allows */
};

/* nal_unit_type, ISO/IEC 14496-10 table 7-1: those that something here asks for. */
enum avc_nal_type {
	AVC_NAL_SLICE = 1,
	AVC_NAL_IDR = 5,
	AVC_NAL_SEI = 6,
	AVC_NAL_SPS = 7,
	AVC_NAL_PPS = 8,
	AVC_NAL_AUD = 9
};

/* AVCDecoderConfigurationRecord, ISO/IEC 14496-15 5.2.4.1. */
struct avc_config {
	uint8_t profile, constraint, level;
	uint8_t length_size; /* bytes of length before each NAL unit of the track's frames: 1, 2 or 4 */
	uint8_t sps_count, pps_count;
	struct slice sps, pps; /* the sets, each behind 16 bits of length: walk them with avc_nal_next and length_size 2 */
};

/* What a sequence parameter set tells, ISO/IEC 14496-10 7.3.2.1.1 and annex E. */
struct avc_sps {
	uint8_t profile, constraint, level;
	uint8_t id;
	uint8_t chroma_format; /* chroma_format_idc: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4 */
	uint8_t depth_luma, depth_chroma;
	bool interlaced;                         /* frame_mbs_only_flag is 0 */
	uint32_t width, height;                  /* after cropping */
	uint32_t sar_width, sar_height;          /* shape of a pixel; 0/0 unknown */
	uint32_t frame_rate_num, frame_rate_den; /* in lowest terms; 0/0 unknown */
};

/*
 * Checks a record: at least one set of each kind is not asked for (parameter sets may come in band), but a record
 * without an SPS, or with one that cannot be one, is UV_EINVAL. So are truncated ones. Bytes behind the sets (the
 * chroma format of high profiles) are not looked at: encoders leave them out.
 */
int avc_config_read(struct avc_config *out, struct slice record);

/*
 * The next non-empty NAL unit (its header byte first). 1 with one in `*nal`; 0 at the end; UV_EINVAL if a length passes
 * the end of `r`.
 */
int avc_nal_next(struct reader *r, unsigned length_size, struct slice *nal);

/* Of a non-empty NAL unit. */
static inline enum avc_nal_type avc_nal_type(struct slice nal) {
	return nal.data[0] & 0x1f;
}

/*
 * Reads an SPS NAL unit, its header byte first. UV_EINVAL if it is broken or its size is beyond AVC_DIMENSION_MAX. VUI
 * that is cut short, as some cameras write it, only leaves the pixel shape and frame rate unknown.
 */
int avc_sps_read(struct avc_sps *out, struct slice nal);

/* True if the access unit has an IDR slice. A broken unit counts by what comes before the break. */
bool avc_has_idr(struct slice access_unit, unsigned length_size);

/* codec_info_read for AVC. Profile and level of the rfc6381 name are the record's. */
int avc_info_read(struct codec_info *out, struct slice record);
