/*
 * cmaf.h: a track as CMAF (ISO/IEC 23000-19): its header (init segment) and its chunks.
 *
 * Pure: the same track and the same frames give the same bytes, on every node. Times are media time in the track's own
 * timescale, without an edit list: a negative composition offset stays one (trun version 1). Payloads are sent as they
 * are, by reference: length-prefixed NAL units, raw AAC and so on are what CMAF carries too.
 */
#pragma once

#include "common/stream/entry.h"
#include "common/stream/tracks.h"

/* True if cmaf_init_write has a sample entry for the codec. */
bool cmaf_supports(uint32_t fourcc);

/*
 * The track's init segment, ftyp and moov (one trak; mvex with trex), as one block. 0; UV_ENOTSUP: that codec has no
 * form in CMAF; UV_EINVAL: its configuration is missing or broken, or `info` lacks what no player does without (a
 * video's size, an audio's rate and channels: codec_info_learn tells those of a codec without a configuration);
 * UV_ENOMEM.
 */
int cmaf_init_write(const struct track *t, struct bytes **out);

/* The object type of an MP3 track's esds, of which its name is made ("mp4a.6B"): Layer III of MPEG-1 or, for the lower
 * rates, of MPEG-2 audio. */
uint8_t cmaf_mp3_object_type(const struct track *t);

struct cmaf_sample {
	const struct frame *frame;
	uint32_t duration; /* ticks of the track's timescale */
};

/* One chunk: consecutive frames of one track, at least one, in order of decoding. */
struct cmaf_chunk {
	const struct track *track;
	uint64_t number;      /* of the segment */
	uint32_t part;        /* in the segment, 0 and up; with `number` it makes mfhd's sequence number */
	bool first;           /* the segment's first chunk: styp comes before it */
	bool prft;            /* tells the wall time of the first sample's dts, by `anchor` */
	struct anchor anchor; /* looked at with `prft` only */
	const struct cmaf_sample *samples;
	size_t count;
};

/*
 * What comes before the chunk's payload: [styp] [prft] moof and the 8 bytes of mdat's header, as one block. The frames'
 * payloads follow it, in order and with nothing between. 0; UV_EINVAL: no samples, or times or sizes that the boxes
 * cannot say (a chunk over 4 GiB, a dts below 0, a composition offset over 31 bits); UV_ENOMEM.
 */
int cmaf_chunk_head(const struct cmaf_chunk *c, struct bytes **head);

/* A segment without a sample: styp alone. 0, or UV_ENOMEM. */
int cmaf_empty_write(struct bytes **out);

/* Bytes of the chunk without its head: the sum of the payloads. */
uint64_t cmaf_chunk_payload_size(const struct cmaf_chunk *c);
