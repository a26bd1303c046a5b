/*
 * fuzz_mux.c: a track as CMAF and as MPEG-TS. The first byte chooses the codec, the next is the size of its
 * configuration, which follows; then come frames, each a byte of flags (1: keyframe, 2: a jump back, 4: pts before dts)
 * and one of size before it.
 */
#include "common/base/reader.h"
#include "common/mux/cmaf.h"
#include "common/mux/ts.h"

#include <assert.h>
#include <string.h>

enum { FRAMES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t codecs[] = {FOURCC_AVC, FOURCC_HEVC, FOURCC_AV1,  FOURCC_VP9,  FOURCC_AAC,
                                  FOURCC_MP3, FOURCC_AC3,  FOURCC_EAC3, FOURCC_OPUS, FOURCC_FLAC};

static void read_track(struct track *t, struct reader *r) {
	*t = (struct track){.id = 1, .rendition = "source", .timescale = VIDEO_TIMESCALE};
	t->fourcc = codecs[reader_u8(r) % (sizeof codecs / sizeof *codecs)];
	bool video =
	    t->fourcc == FOURCC_AVC || t->fourcc == FOURCC_HEVC || t->fourcc == FOURCC_AV1 || t->fourcc == FOURCC_VP9;
	t->kind = video ? TRACK_VIDEO : TRACK_AUDIO;
	size_t size = reader_u8(r);
	const uint8_t *config = reader_take(r, size);
	if (!config)
		return;
	t->config = size ? bytes_copy(config, size) : NULL;
	/* A writer may be given what codec_info_read refuses: it must refuse as well, or write something well-formed. */
	if (codec_info_read(&t->info, t->fourcc, (struct slice){config, size}))
		t->info = (struct codec_info){.width = 64, .height = 64, .sample_rate = 48000, .channels = 2};
}

static size_t read_frames(struct frame *frames, const struct track *t, struct reader *r) {
	size_t count = 0;
	for (int64_t dts = VIDEO_TIMESCALE * INT64_C(1700000000); count < FRAMES_MAX && reader_left(r) > 2; count++) {
		uint8_t flags = reader_u8(r);
		size_t size = reader_u8(r);
		if (size > reader_left(r))
			size = reader_left(r);
		dts += flags & 2 ? -VIDEO_TIMESCALE * 5 : flags >> 3 << 10;
		frames[count] = (struct frame){.track = t->id,
		                               .kind = t->kind,
		                               .fourcc = t->fourcc,
		                               .flags = flags & 1 ? FRAME_KEY : 0,
		                               .dts = dts,
		                               .pts = dts + (flags & 4 ? -3000 : 3000),
		                               .payload = {reader_take(r, size), size}};
	}
	return count;
}

/* Boxes that fill the run exactly, and `last` of them is the last. */
static void check_boxes(const struct bytes *b, size_t size, const char *last) {
	struct reader r = reader_of(b->data, size);
	uint32_t type = 0;
	while (reader_left(&r)) {
		uint32_t box = reader_u32(&r);
		type = reader_u32(&r);
		assert(box >= 8 && reader_take(&r, box - 8));
	}
	assert(type == FOURCC(last[0], last[1], last[2], last[3]));
}

static void check_cmaf(const struct track *t, const struct frame *frames, size_t count) {
	struct cmaf_sample samples[FRAMES_MAX];
	struct bytes *b = NULL;
	if (cmaf_init_write(t, &b) == 0)
		check_boxes(b, b->size, "moov");
	bytes_unref(&b);
	for (size_t i = 0; i < count; i++)
		samples[i] = (struct cmaf_sample){&frames[i], 3000};
	const struct cmaf_chunk chunk = {.track = t, .first = true, .prft = true, .samples = samples, .count = count};
	if (cmaf_chunk_head(&chunk, &b) == 0)
		check_boxes(b, b->size - 8, "moof");
	bytes_unref(&b);
}

static void check_ts(const struct tracks *tracks, const struct frame *frames, size_t count) {
	struct ts_muxer m;
	struct buffer out;
	if (ts_muxer_init(&m, &(struct ts_program){tracks, "source"}))
		return;
	buffer_init(&out, 0);
	assert(ts_write_tables(&m, &out) == 0);
	for (size_t i = 0; i < count; i++) {
		size_t before = out.size;
		assert(ts_write_frame(&m, &frames[i], &out) == 0 || out.size == before);
	}
	assert(out.size % TS_PACKET_SIZE == 0);
	for (size_t at = 0; at < out.size; at += TS_PACKET_SIZE)
		assert(out.block->data[at] == 0x47);
	buffer_fini(&out);
	ts_muxer_fini(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct reader r = reader_of(data, size);
	struct frame frames[FRAMES_MAX];
	struct tracks *tracks = tracks_copy(NULL);
	tracks->revision = tracks->count = 1;
	read_track(&tracks->items[0], &r);
	size_t count = r.failed ? 0 : read_frames(frames, &tracks->items[0], &r);
	check_cmaf(&tracks->items[0], frames, count);
	check_ts(tracks, frames, count);
	tracks_unref(&tracks);
	return 0;
}
