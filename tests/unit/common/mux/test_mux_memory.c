/*
 * The writers under failing allocation. Blocks of bytes are compiled into this file with an allocator that fails on
 * demand; the linker then takes them from here for the whole program, where nothing demands it.
 */
#include "common/mux/cmaf.h"
#include "common/mux/ts.h"
#include "tests/unit/common/codec/sample.h"

#include <criterion/criterion.h>
#include <uv.h>

#include "tests/unit/common/failing.h"

#include "common/base/buffer.c"
#include "common/base/bytes.c"

#define AVC_RECORD "0164000dffe100196764000dacd94141fb0e10000003001000000303c0f142996001000468ef8fcbfdf8f800"

enum { MOST = 100 };

static struct tracks *tracks;
static struct sample payload;

static void setup(void) {
	all_behind_fails = true;
	tracks = tracks_copy(NULL);
	tracks->revision = 1;
	tracks->count = 1;
	struct sample record = sample_hex(AVC_RECORD);
	tracks->items[0] = (struct track){.id = 1,
	                                  .kind = TRACK_VIDEO,
	                                  .fourcc = FOURCC_AVC,
	                                  .rendition = "source",
	                                  .timescale = VIDEO_TIMESCALE,
	                                  .config = bytes_copy(record.data, record.size)};
	cr_assert_eq(codec_info_read(&tracks->items[0].info, FOURCC_AVC, sample_slice(&record)), 0);
	sample_free(&record);
	payload = sample_hex("00000003 658880");
}

static void teardown(void) {
	failing = 0;
	tracks_unref(&tracks);
	sample_free(&payload);
}

TestSuite(mux_memory, .init = setup, .fini = teardown);

static int write_init(struct bytes **out) {
	return cmaf_init_write(&tracks->items[0], out);
}

static int write_chunk(struct bytes **out) {
	struct frame f = {.track = 1, .kind = TRACK_VIDEO, .flags = FRAME_KEY, .payload = sample_slice(&payload)};
	struct cmaf_sample s = {&f, 3000};
	return cmaf_chunk_head(&(struct cmaf_chunk){.track = &tracks->items[0], .samples = &s, .count = 1}, out);
}

static int write_segment(struct bytes **out) {
	struct frame f = {.track = 1, .kind = TRACK_VIDEO, .flags = FRAME_KEY, .payload = sample_slice(&payload)};
	struct ts_muxer m;
	struct buffer b;
	int err = ts_muxer_init(&m, &(struct ts_program){tracks, "source"});
	if (err)
		return err;
	buffer_init(&b, 0);
	err = ts_write_tables(&m, &b);
	if (!err)
		err = ts_repeat_tables(&m, &b);
	if (!err)
		err = ts_write_frame(&m, &f, &b);
	if (!err)
		err = (*out = buffer_take(&b)) ? 0 : UV_ENOMEM;
	buffer_fini(&b);
	ts_muxer_fini(&m);
	return err;
}

/* Fails all allocations from each in turn, until one is not reached. */
static void sweep(int (*write)(struct bytes **)) {
	struct bytes *whole = NULL, *out = NULL;
	cr_assert_eq(write(&whole), 0);
	for (failing = 1; failing < MOST; failing++) {
		allocations = 0;
		int err = write(&out);
		if (allocations < failing)
			break;
		cr_assert_eq(err, UV_ENOMEM, "allocation %u: %d", failing, err);
		cr_assert_null(out);
	}
	cr_assert(failing > 1 && failing < MOST);
	cr_assert(bytes_same(out, whole), "nothing is left of the failures");
	bytes_unref(&out);
	bytes_unref(&whole);
}

Test(mux_memory, init_segment_is_whole_or_fails) {
	sweep(write_init);
}

Test(mux_memory, chunk_head_is_whole_or_fails) {
	sweep(write_chunk);
}

Test(mux_memory, transport_stream_is_whole_or_fails) {
	sweep(write_segment);
}
