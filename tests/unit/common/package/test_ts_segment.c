/*
 * MPEG-TS segments and their playlist.
 */
#include "common/package/hls.h"
#include "common/package/hls_reload.h"
#include "common/package/ts_segment.h"
#include "tests/unit/common/package/packaged.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

static void init(void) {
	packaged_init(5, 6);
}

TestSuite(ts_segment, .init = init, .fini = packaged_fini, .timeout = 60);

static const struct encoder usual = {.seconds = 20.5, .fps = 30, .gop_s = 1, .audio_rate = 44100};

static void publish(const struct encoder *e) {
	simulation_publish(&sim, 100, e);
	push_range(packager, &sim, 0, sim.count);
}

static char *playlist(struct segment_store *s) {
	static char text[8192];
	struct buffer out;
	buffer_init(&out, 0);
	cr_assert_eq(hls_ts_write(s, &(struct hls_options){0}, &out), 0);
	memcpy(text, out.block->data, out.size);
	text[out.size] = 0;
	buffer_fini(&out);
	return text;
}

static struct runs *ask(struct segment_store *s, uint64_t number) {
	struct segment_reply reply;
	struct segment_name n = {.kind = NAME_TS, .epoch = 100, .number = number};
	enum segment_answer a = segment_store_ask(s, PACKAGE_TS, &n, &reply);
	cr_assert_eq(a == SEGMENT_HERE, reply.runs != NULL);
	return reply.runs;
}

Test(ts_segment, what_the_playlist_lists_is_made_once) {
	publish(&usual);
	char *text = playlist(store);
	cr_assert(strstr(text, "#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"), "%s", text);
	cr_assert_null(strstr(text, "EXT-X-MAP"));
	unsigned listed = 0;
	for (const char *at = text; (at = strstr(at, "\n100/")); listed++) {
		uint64_t number;
		cr_assert_eq(sscanf(++at, "100/%lu.ts\n", &number), 1);
		size_t before = segment_store_usage(store).bytes;
		struct runs *first = ask(store, number), *second = ask(store, number);
		cr_assert_eq(first, second);
		cr_assert_gt(segment_store_usage(store).bytes, before);
		cr_assert_eq(first->size % 188, 0);
		for (size_t i = 0; i < first->size; i += 188)
			cr_assert_eq(first->items[0].data[i], 0x47);
		runs_unref(&first);
		runs_unref(&second);
	}
	cr_assert_eq(listed, 6);
}

Test(ts_segment, where_a_packager_began_makes_no_difference) {
	publish(&usual);
	struct segment_store *late = segment_store_new(6);
	struct packager *p = packager_new(late, "source", &told_ops, &told);
	push_range(p, &sim, simulation_mark(&sim, 0, 6), sim.count);
	/* Sound of its first number was not seen whole. */
	uint64_t first = sim.entries[simulation_mark(&sim, 0, 6)]->mark.number;
	cr_assert_null(ask(late, first));
	unsigned same = 0;
	for (uint64_t n = first + 1; n < first + 4; n++) {
		struct runs *a = ask(store, n), *b = ask(late, n);
		cr_assert(a && b && a->size == b->size && memcmp(a->items[0].data, b->items[0].data, a->size) == 0);
		same++;
		runs_unref(&a);
		runs_unref(&b);
	}
	char line[64];
	snprintf(line, sizeof line, "#EXT-X-MEDIA-SEQUENCE:%lu\n", first + 1);
	cr_assert(strstr(playlist(late), line));
	cr_assert_eq(same, 3);
	packager_free(&p);
	segment_store_free(&late);
}

Test(ts_segment, its_playlist_is_waited_for_by_whole_segments) {
	publish(&usual);
	struct hls_position p;
	cr_assert_eq(hls_position_of(store, PACKAGE_TS, &p), 0);
	cr_assert_eq(p.part_target_ms, 0);
	char line[64];
	snprintf(line, sizeof line, "\n100/%lu.ts\n", p.next_msn - 1);
	cr_assert(strstr(playlist(store), line));
	snprintf(line, sizeof line, "\n100/%lu.ts\n", p.next_msn);
	cr_assert_null(strstr(playlist(store), line));
	struct segment_reply reply;
	struct segment_name n = {.kind = NAME_TS, .epoch = 100, .number = p.next_msn};
	cr_assert_eq(segment_store_ask(store, PACKAGE_TS, &n, &reply), SEGMENT_WAIT);
	n.number += 5;
	cr_assert_eq(segment_store_ask(store, PACKAGE_TS, &n, &reply), SEGMENT_NONE);
}

Test(ts_segment, nothing_is_listed_before_there_is_a_stream) {
	struct buffer out;
	buffer_init(&out, 0);
	cr_assert_eq(hls_ts_write(store, &(struct hls_options){0}, &out), UV_EAGAIN);
	cr_assert_null(ts_segment_track(store));
}
