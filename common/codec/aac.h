/*
 * aac.h: the AudioSpecificConfig, ISO/IEC 14496-3 1.6.2.1, as FLV and MP4 carry it. Pure.
 */
#pragma once

#include "common/codec/codec.h"

#include <stdbool.h>

enum { AAC_SAMPLE_RATE_MIN = 4000, AAC_SAMPLE_RATE_MAX = 384000 };

/* Audio object types, table 1.17: those that are told apart here. */
enum aac_object_type {
	AAC_MAIN = 1,
	AAC_LC = 2,
	AAC_SSR = 3,
	AAC_LTP = 4,
	AAC_SBR = 5,
	AAC_SCALABLE = 6,
	AAC_ER_LC = 17,
	AAC_ER_BSAC = 22,
	AAC_ER_LD = 23,
	AAC_PS = 29,
	AAC_ER_ELD = 39,
};

struct aac_config {
	uint8_t object_type;      /* of the core: AAC_LC for all of the HE family */
	bool sbr, ps;             /* HE-AAC v1, v2: signalled explicitly or backward-compatibly */
	uint8_t channel_config;   /* 0: as the program config element says */
	uint32_t channels;        /* the core's */
	uint32_t sample_rate;     /* Hz, the core's */
	uint32_t sbr_sample_rate; /* Hz, the output's: the core's, or with SBR mostly twice that */
	uint32_t frame_samples;   /* the core's samples per access unit: 1024 or 960; 512 or 480 in the low delay types */
};

/*
 * Reads a configuration. UV_EINVAL if it is cut short or broken; UV_ENOTSUP for object types outside of AAC's general
 * audio family (speech, TwinVQ, MP3 in MP4, USAC).
 */
int aac_config_read(struct aac_config *out, struct slice config);

/*
 * codec_info_read for AAC. Rates, channels and samples per frame are those of the decoder's output, so SBR doubles the
 * samples of a frame and parametric stereo the channels; "mp4a.40.2", ".5" or ".29" tells which.
 */
int aac_info_read(struct codec_info *out, struct slice config);
