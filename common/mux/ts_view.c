#include "common/mux/ts_view.h"

#include "common/mux/http_chunk.h"
#include "common/mux/ts.h"

#include <uv.h>

enum { TABLES_INTERVAL_US = 500000 };

struct ts_state {
	bool begun; /* `muxer` is initialized */
	bool tables_due;
	int64_t tables_period; /* the half second of media time that had tables last */
	struct ts_muxer muxer;
};

/* The Tracks revision in force. UV_ENOTSUP while nothing of it can be carried: what was is no longer then. */
static int follow_tracks(struct ts_state *s, struct view *v) {
	const struct ts_program program = {view_tracks(v), view_rendition(v)};
	if (!program.tracks)
		return UV_ENOTSUP;
	if (s->begun && s->muxer.tracks == program.tracks)
		return 0;
	int err = s->begun ? ts_muxer_change(&s->muxer, &program) : ts_muxer_init(&s->muxer, &program);
	if (!err)
		s->begun = s->tables_due = true;
	return err;
}

/* Ends a block or head begun with http_chunk_begin, or not. Nothing is made of nothing. */
static int finish(struct buffer *out, bool chunked, size_t empty, struct bytes **block) {
	if (chunked)
		http_chunk_end(out);
	int err = buffer_error(out);
	if (!err && out->size > empty) {
		*block = buffer_take(out);
		err = *block ? 0 : UV_ENOMEM;
	}
	buffer_fini(out);
	return err;
}

static size_t begin(struct buffer *out, bool chunked, size_t expected) {
	buffer_init(out, 0);
	buffer_expect(out, expected);
	if (chunked)
		http_chunk_begin(out);
	return chunked ? out->size + 2 : 0; /* what an empty chunk has */
}

static int render_head(const struct ts_state *s, bool chunked, struct bytes **head) {
	enum { TABLES = 2 * TS_PACKET_SIZE, FRAMING = 12 };
	struct buffer out;
	size_t empty = begin(&out, chunked, TABLES + FRAMING);
	ts_repeat_tables(&s->muxer, &out);
	return finish(&out, chunked, empty, head);
}

static int render_frame(struct ts_state *s, const struct entry *e, bool chunked, struct bytes **block) {
	enum { OVERHEAD = 4 * TS_PACKET_SIZE, BODY = TS_PACKET_SIZE - 4 };
	int64_t period = e->time_us / TABLES_INTERVAL_US;
	struct buffer out;
	size_t empty = begin(&out, chunked, e->frame.payload.size / BODY * TS_PACKET_SIZE + OVERHEAD);
	if (s->tables_due || period != s->tables_period)
		ts_write_tables(&s->muxer, &out);
	/* A frame that MPEG-TS cannot say, of AAC over 8 KiB, is left out: no decoder takes it either. */
	ts_write_frame(&s->muxer, &e->frame, &out);
	int err = finish(&out, chunked, empty, block);
	s->tables_due = err != 0;
	s->tables_period = period;
	return err;
}

static int render(struct view *v, const struct entry *e, bool chunked, struct bytes **block, struct bytes **head) {
	struct ts_state *s = view_state(v);
	if (e->kind != ENTRY_FRAME || e->frame.kind == TRACK_DATA)
		return 0;
	int err = follow_tracks(s, v);
	if (err)
		return err == UV_ENOMEM ? err : 0;
	/* The head first: it continues the counters up to this frame. */
	if (e->frame.flags & FRAME_KEY)
		err = render_head(s, chunked, head);
	if (!err)
		err = render_frame(s, e, chunked, block);
	if (err)
		bytes_unref(head);
	return err;
}

static int render_plain(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	return render(v, e, false, block, head);
}

static int render_chunked(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	return render(v, e, true, block, head);
}

static void fini(struct view *v) {
	struct ts_state *s = view_state(v);
	if (s->begun)
		ts_muxer_fini(&s->muxer);
}

const struct view_ops ts_view_ops = {
    .name = "ts", .state_size = sizeof(struct ts_state), .render = render_plain, .fini = fini};
const struct view_ops ts_chunked_view_ops = {
    .name = "ts over chunks", .state_size = sizeof(struct ts_state), .render = render_chunked, .fini = fini};
