#include "common/mux/cmaf.h"

#include "common/mux/box.h"

#include <limits.h>
#include <uv.h>

enum {
	TFHD_DEFAULT_FLAGS = 0x20,
	TFHD_BASE_IS_MOOF = 0x020000,
	TRUN_DATA_OFFSET = 0x1,
	TRUN_DURATIONS = 0x100,
	TRUN_SIZES = 0x200,
	TRUN_FLAGS = 0x400,
	TRUN_OFFSETS = 0x800,
	PRFT_REAL_TIME = 24, /* the moments are of any kind, but the same for all, and in real time */
	PARTS_PER_NUMBER = 256,
};

/* ISO/IEC 14496-12 8.8.3.1: depends on no other; depends on others, and is no sync sample. */
static const uint32_t sync_flags = 0x02000000, delta_flags = 0x01010000;

/* Brands of a segment that may be cut into chunks (ISO/IEC 23000-19 7.3). */
static void write_styp(struct buffer *b) {
	struct box styp = box_begin(b, FOURCC('s', 't', 'y', 'p'));
	buffer_u32(b, FOURCC('c', 'm', 'f', 's'));
	buffer_u32(b, 0);
	buffer_u32(b, FOURCC('c', 'm', 'f', 's'));
	buffer_u32(b, FOURCC('c', 'm', 'f', 'f'));
	buffer_u32(b, FOURCC('c', 'm', 'f', 'l'));
	buffer_u32(b, FOURCC('m', 's', 'd', 'h'));
	box_end(b, styp);
}

int cmaf_empty_write(struct bytes **out) {
	struct buffer b;
	buffer_init(&b, 0);
	write_styp(&b);
	struct bytes *block = buffer_take(&b);
	buffer_fini(&b);
	if (!block)
		return UV_ENOMEM;
	*out = block;
	return 0;
}

/* Microseconds of the Unix epoch as NTP's 32.32 bits, which wrap in 2036. */
static uint64_t ntp_of(int64_t wall_us) {
	enum { SECOND_US = 1000000 };
	const int64_t ntp_to_unix_s = 2208988800;
	int64_t seconds = wall_us / SECOND_US, rest = wall_us % SECOND_US;
	if (rest < 0) {
		rest += SECOND_US;
		seconds--;
	}
	return (uint64_t)(seconds + ntp_to_unix_s) << 32 | ((uint64_t)rest << 32) / SECOND_US;
}

/* 8.16.5 */
static void write_prft(struct buffer *b, const struct cmaf_chunk *c) {
	int64_t dts = c->samples[0].frame->dts;
	int64_t media_us = ticks_to_us(dts, c->track->timescale);
	struct box prft = full_box_begin(b, FOURCC('p', 'r', 'f', 't'), 1, PRFT_REAL_TIME);
	buffer_u32(b, c->track->id);
	buffer_u64(b, ntp_of(c->anchor.wall_us + (media_us - c->anchor.media_us)));
	buffer_u64(b, (uint64_t)dts);
	box_end(b, prft);
}

/* Sound has sync samples only, and is shown in the order that it is decoded in. */
static void write_run(struct buffer *b, const struct cmaf_chunk *c, struct box moof) {
	bool video = c->track->kind == TRACK_VIDEO;
	uint32_t has = TRUN_DATA_OFFSET | TRUN_DURATIONS | TRUN_SIZES | (video ? TRUN_FLAGS | TRUN_OFFSETS : 0u);
	struct box trun = full_box_begin(b, FOURCC('t', 'r', 'u', 'n'), 1, has);
	buffer_u32(b, (uint32_t)c->count);
	size_t data_offset_at = b->size;
	buffer_u32(b, 0);
	for (size_t i = 0; i < c->count; i++) {
		const struct frame *f = c->samples[i].frame;
		buffer_u32(b, c->samples[i].duration);
		buffer_u32(b, (uint32_t)f->payload.size);
		if (!video)
			continue;
		buffer_u32(b, f->flags & FRAME_KEY ? sync_flags : delta_flags);
		buffer_u32(b, (uint32_t)(int32_t)(f->pts - f->dts));
	}
	box_end(b, trun);
	box_patch_u32(b, data_offset_at, (uint32_t)(b->size - moof.at + BOX_HEADER_SIZE));
}

static void write_moof(struct buffer *b, const struct cmaf_chunk *c) {
	struct box moof = box_begin(b, FOURCC('m', 'o', 'o', 'f'));

	struct box mfhd = full_box_begin(b, FOURCC('m', 'f', 'h', 'd'), 0, 0);
	buffer_u32(b, (uint32_t)(c->number * PARTS_PER_NUMBER + c->part));
	box_end(b, mfhd);

	struct box traf = box_begin(b, FOURCC('t', 'r', 'a', 'f'));
	struct box tfhd = full_box_begin(b, FOURCC('t', 'f', 'h', 'd'), 0, TFHD_BASE_IS_MOOF | TFHD_DEFAULT_FLAGS);
	buffer_u32(b, c->track->id);
	buffer_u32(b, c->track->kind == TRACK_VIDEO ? delta_flags : sync_flags);
	box_end(b, tfhd);

	struct box tfdt = full_box_begin(b, FOURCC('t', 'f', 'd', 't'), 1, 0);
	buffer_u64(b, (uint64_t)c->samples[0].frame->dts);
	box_end(b, tfdt);

	/* The run is the last of all, so that the moof's size is what is written when it ends. */
	write_run(b, c, moof);
	box_end(b, traf);
	box_end(b, moof);
}

uint64_t cmaf_chunk_payload_size(const struct cmaf_chunk *c) {
	uint64_t size = 0;
	for (size_t i = 0; i < c->count; i++)
		size += c->samples[i].frame->payload.size;
	return size;
}

/* What the boxes' fields can hold. */
static bool is_sayable(const struct cmaf_chunk *c) {
	enum { SAMPLES_MAX = 1 << 20 };
	if (c->count == 0 || c->count > SAMPLES_MAX || c->samples[0].frame->dts < 0 ||
	    cmaf_chunk_payload_size(c) > UINT32_MAX - BOX_HEADER_SIZE)
		return false;
	for (size_t i = 0; i < c->count; i++) {
		int64_t offset = c->samples[i].frame->pts - c->samples[i].frame->dts;
		if (offset < INT32_MIN || offset > INT32_MAX)
			return false;
	}
	return true;
}

int cmaf_chunk_head(const struct cmaf_chunk *c, struct bytes **head) {
	enum { BOXES = 192, A_SAMPLE = 16 };
	if (!is_sayable(c))
		return UV_EINVAL;
	struct buffer b;
	buffer_init(&b, 0);
	buffer_expect(&b, BOXES + c->count * A_SAMPLE);
	if (c->first)
		write_styp(&b);
	if (c->prft)
		write_prft(&b, c);
	write_moof(&b, c);
	buffer_u32(&b, (uint32_t)(BOX_HEADER_SIZE + cmaf_chunk_payload_size(c)));
	buffer_u32(&b, FOURCC('m', 'd', 'a', 't'));
	struct bytes *block = buffer_take(&b);
	buffer_fini(&b);
	if (!block)
		return UV_ENOMEM;
	*head = block;
	return 0;
}
