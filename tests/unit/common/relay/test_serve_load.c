/* A serving node and large things: keyframes and metadata beyond what waits on a link, as its one real worker has them. */
#include "tests/unit/common/relay/caller.h"

enum { MIB = 1024 * 1024, NEXT = EPOCH + 1 };

static size_t metadata_size, key_size; /* of the epoch that add_epoch appends */

static void init(void) {
	metadata_size = 0;
	key_size = 100;
	serving_init(NULL);
}

static void fini(void) {
	hang_up();
	serving_fini();
}

TestSuite(relay_load, .init = init, .fini = fini, .timeout = 60);

static struct entry *large_frame(uint64_t sequence, int64_t ms, bool key, size_t size) {
	struct bytes *b = bytes_new(size);
	memset(b->data, 7, size);
	struct frame f = {.track = 1,
	                  .kind = TRACK_VIDEO,
	                  .fourcc = FOURCC_AVC,
	                  .flags = key ? FRAME_KEY : 0,
	                  .dts = ms * 90,
	                  .pts = ms * 90,
	                  .block = b,
	                  .payload = bytes_slice(b)};
	struct entry *e = entry_new_frame(&f, ms * 1000);
	bytes_unref(&b);
	e->epoch = NEXT;
	e->sequence = sequence;
	return e;
}

static struct entry *mark_with_metadata(int64_t ms, size_t size) {
	struct tracks *t = one_video_track(NEXT);
	if (size) {
		t->metadata = bytes_new(size);
		memset(t->metadata->data, 1, size);
	}
	struct mark m = {.number = 5, .start = ms * 90, .timescale = VIDEO_TIMESCALE, .tracks = t};
	struct entry *e = entry_new_mark(&m, ms * 1000);
	tracks_unref(&t);
	e->epoch = NEXT;
	e->sequence = 1;
	return e;
}

/* A mark, a keyframe, and a small frame behind it. */
static void add_epoch(struct worker *w, void *context) {
	struct rendition *r = stream_rendition_get(streams_get(w, &name), RENDITION_SOURCE);
	cr_expect_eq(stream_append(r, mark_with_metadata(4000, metadata_size)), 0);
	cr_expect_eq(stream_append(r, large_frame(2, 4000, true, key_size)), 0);
	cr_expect_eq(stream_append(r, large_frame(3, 4040, false, 100)), 0);
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void on_server(void (*fn)(struct worker *, void *)) {
	_Atomic int done = 0;
	call_on(workers_at(group, 0), fn, (void *)&done);
	wait_for_count(&done, 1);
}

static void expect_epoch(void) {
	cr_assert(got.accepted && !got.closed, "the link was closed");
	cr_assert_eq(got.count, 2, "%zu entries came", got.count);
	cr_assert_eq(got.sequences[1], 3);
}

Test(relay_load, a_keyframe_of_any_size_goes_to_who_begins_with_it) {
	key_size = 5 * MIB;
	on_server(add_epoch);
	dial_and_prove();
	subscribe(0, 0, 0);
	while (got.count < 2 && !got.closed) /* a Located may overtake what waits */
		locate(name.text);
	expect_epoch();
}

Test(relay_load, metadata_of_any_size_goes_with_it) {
	key_size = 5 * MIB;
	metadata_size = 5 * MIB;
	on_server(add_epoch);
	dial_and_prove();
	subscribe(0, 0, 0);
	while (got.count < 2 && !got.closed)
		locate(name.text);
	expect_epoch();
	cr_assert_eq(got.tracks, 1);
}
