#include "common/mux/ts_view.h"
#include "common/stream/stream.h"
#include "tests/unit/common/codec/sample.h"
#include "tests/unit/common/mux/packets.h"
#include "tests/unit/common/stream/support.h"

#define AVC_RECORD "0164000dffe100196764000dacd94141fb0e10000003001000000303c0f142996001000468ef8fcbfdf8f800"

enum { FRAME_MS = 40, GOP = 25, FRAMES = 100, TABLE_PIDS = 2 };

static struct worker *worker;
static struct config_app config;
static struct stream stream;
static struct rendition rendition;
static uint64_t sequence;

static void append(struct entry *e, uint32_t flags) {
	e->epoch = 1;
	e->sequence = ++sequence;
	struct log_item item = {
	    .object = &e->counted, .epoch = 1, .sequence = sequence, .time_us = e->time_us, .flags = flags};
	cr_assert_eq(log_append(&rendition.log, &item), 0);
	still_worker_turn(worker);
}

static void append_mark(uint32_t revision, uint32_t fourcc) {
	struct entry *e = mark_of(1, 0, 0, 1);
	struct sample record = sample_hex(AVC_RECORD);
	struct track *t = &e->mark.tracks->items[0];
	bytes_unref(&t->config);
	t->config = bytes_copy(record.data, record.size);
	t->fourcc = fourcc;
	e->mark.tracks->revision = revision;
	sample_free(&record);
	append(e, 0);
}

static void append_frames(int from, int count) {
	for (int i = from; i < from + count; i++) {
		bool key = i % GOP == 0;
		append(video_frame(1, 0, i * FRAME_MS, key), key ? ITEM_KEY : 0);
	}
}

static void setup(void) {
	worker = still_worker_new();
	sequence = 0;
	config.edge_history = FRAMES * FRAME_MS; /* views begin with all there is */
	stream = (struct stream){.config = &config};
	rendition = (struct rendition){.stream = &stream, .name = RENDITION_SOURCE};
	list_init(&rendition.views);
	log_init(&rendition.log, worker, (struct log_limits){.duration_us = INT64_C(3600000000), .bytes = 1 << 30});
}

static void teardown(void) {
	still_worker_turn(worker);
	cr_assert(list_empty(&rendition.views));
	log_fini(&rendition.log);
	free(worker);
}

TestSuite(ts_view, .init = setup, .fini = teardown);

/* What a reader gets that begins at the keyframe `key`, the head before the blocks; to be finished. */
static void read_from(struct view *v, unsigned key, struct buffer *out) {
	struct log *log = view_log(v);
	unsigned keys = 0;
	buffer_init(out, 0);
	for (uint64_t at = log->first; at < log->next; at++) {
		const struct log_item *item = log_at(log, at);
		const struct bytes *head = (const struct bytes *)item->head, *block = (const struct bytes *)item->object;
		if (item->flags & ITEM_KEY && keys++ == key) {
			cr_assert(head, "keyframe %u has no head", key);
			buffer_append(out, head->data, head->size);
		}
		if (keys > key && block)
			buffer_append(out, block->data, block->size);
	}
}

Test(ts_view, reader_that_begins_at_any_keyframe_has_tables_first_and_no_gap) {
	append_mark(1, FOURCC_AVC);
	append_frames(0, FRAMES / 2);
	struct view *v = view_get(&rendition, &ts_view_ops);
	append_frames(FRAMES / 2, FRAMES / 2);
	for (unsigned key = 0; key < FRAMES / GOP; key++) {
		struct buffer out;
		struct packet p;
		read_from(v, key, &out);
		expect_counters(buffer_slice(&out));
		cr_assert(packet_at(buffer_slice(&out), 0, &p) && p.pid == 0);
		cr_assert(packet_at(buffer_slice(&out), 1, &p) && p.pid == 0x1000);
		size_t i = 2;
		while (packet_at(buffer_slice(&out), i, &p) && p.pid != 0x100)
			i++;
		cr_assert(p.random_access);
		buffer_fini(&out);
	}
	view_release(v);
}

Test(ts_view, tables_come_twice_a_second) {
	append_mark(1, FOURCC_AVC);
	append_frames(0, FRAMES);
	struct view *v = view_get(&rendition, &ts_view_ops);
	struct buffer out;
	struct packet p;
	unsigned tables = 0;
	read_from(v, 0, &out);
	for (size_t i = TABLE_PIDS; packet_at(buffer_slice(&out), i, &p); i++)
		tables += p.pid == 0;
	cr_assert_eq(tables, FRAMES * FRAME_MS / 500);
	buffer_fini(&out);
	view_release(v);
}

Test(ts_view, change_of_tracks_brings_new_tables_before_the_next_frame) {
	append_mark(1, FOURCC_AVC);
	append_frames(0, 3);
	struct view *v = view_get(&rendition, &ts_view_ops);
	append_mark(2, FOURCC_AVC);
	append_frames(3, 1);
	const struct log_item *last = log_at(view_log(v), view_log(v)->next - 1);
	const struct bytes *block = (const struct bytes *)last->object;
	cr_assert_eq(block->size, 3 * TS_PACKET_SIZE);
	cr_assert_eq(block->data[10], 0xc5, "the version steps");
	view_release(v);
}

Test(ts_view, codec_that_ts_cannot_carry_has_no_bytes_and_no_end) {
	append_mark(1, FOURCC_VP9);
	append_frames(0, 3);
	struct view *v = view_get(&rendition, &ts_view_ops);
	for (uint64_t at = 0; at < view_log(v)->next; at++)
		cr_assert(!log_at(view_log(v), at)->object && !log_at(view_log(v), at)->head);
	append_mark(2, FOURCC_AVC);
	append_frames(GOP, 1);
	cr_assert(log_at(view_log(v), view_log(v)->next - 1)->object);
	view_release(v);
}

Test(ts_view, chunked_view_frames_the_same_bytes) {
	append_mark(1, FOURCC_AVC);
	append_frames(0, FRAMES);
	struct view *plain = view_get(&rendition, &ts_view_ops), *chunked = view_get(&rendition, &ts_chunked_view_ops);
	for (uint64_t at = 0; at < view_log(plain)->next; at++) {
		const struct log_item *a = log_at(view_log(plain), at), *b = log_at(view_log(chunked), at);
		const struct counted *pairs[2][2] = {{a->object, b->object}, {a->head, b->head}};
		for (int i = 0; i < 2; i++) {
			const struct bytes *p = (const struct bytes *)pairs[i][0], *c = (const struct bytes *)pairs[i][1];
			cr_assert_eq(p != NULL, c != NULL);
			if (!p)
				continue;
			char size[11];
			snprintf(size, sizeof size, "%08zx\r\n", p->size);
			cr_assert_eq(c->size, p->size + 12);
			cr_assert_eq(memcmp(c->data, size, 10), 0);
			cr_assert_eq(memcmp(c->data + 10, p->data, p->size), 0);
			cr_assert_eq(memcmp(c->data + c->size - 2, "\r\n", 2), 0);
		}
	}
	view_release(plain);
	view_release(chunked);
}
