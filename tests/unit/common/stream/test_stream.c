/*
 * A stream on its home worker: what is appended, and what it and its views count.
 */
#include "common/base/metrics.h"
#include "common/stream/stream.h"
#include "common/stream/view.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/stream/config.h"
#include "tests/unit/common/stream/support.h"

enum { FRAMES = 500, KEY_EVERY = 50, HEAD_BYTES = 100000 };

static const struct stream_name name = {.text = "live/cam1"};
static const struct streams_ops role;
static struct config *config;
static struct workers *group; /* that the still worker is counted in */
static struct worker *worker;
static struct stream *stream;
static struct rendition *rendition;

static void init(void) {
	config = test_config();
	cr_assert_eq(workers_start(&group, 1, &no_hooks, NULL), 0);
	worker = still_worker_new();
	worker->group = group;
	still_worker_clock_init(worker);
	cr_assert_eq(streams_init(worker, config, &role, NULL), 0);
	stream = streams_get(worker, &name);
	rendition = stream_rendition_get(stream, RENDITION_SOURCE);
}

static void fini(void) {
	stream_withdraw(stream);
	still_worker_pass(worker, 10);
	streams_fini(worker);
	still_worker_clock_fini(worker);
	free(worker);
	cr_assert_eq(workers_stop(&group, 5000), 0);
	test_config_free(config);
	cr_assert_eq(metric_value(M_STREAMS), 0);
	cr_assert_eq(metric_value(M_LOG_BYTES), 0);
}

TestSuite(stream, .init = init, .fini = fini, .timeout = 60);

static void append(struct entry *e) {
	cr_assert_eq(stream_append(rendition, e), 0);
}

/* The stream as an edge gets it that joins inside a segment: the mark in force, and what there is now. */
Test(stream, what_came_before_the_beginning_is_not_lost) {
	append(mark_of(7, 5, 0, 100));
	append(video_frame(7, 40, 10, true));
	cr_assert_eq(stream->lost, 0);
	append(video_frame(7, 45, 20, true));
	cr_assert_eq(stream->lost, 4);
}

Test(stream, what_a_mark_leaves_out_later_is_lost) {
	append(mark_of(7, 5, 0, 100));
	append(video_frame(7, 6, 10, true));
	append(mark_of(7, 10, 20, 101));
	append(video_frame(7, 12, 30, true));
	cr_assert_eq(stream->lost, 3 + 1);
}

/* --- what views count --- */

/* A form with heads of a size, that all keyframes share or each has its own of. */
static bool share_heads;

static int render_heads(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	struct bytes **shared = view_state(v);
	(void)block;
	if (e->kind != ENTRY_FRAME || !(e->frame.flags & FRAME_KEY))
		return 0;
	if (!share_heads)
		bytes_unref(shared);
	if (!*shared)
		*shared = bytes_new(HEAD_BYTES);
	*head = bytes_ref(*shared);
	return 0;
}

static void free_heads(struct view *v) {
	bytes_unref(view_state(v));
}

static const struct view_ops headed = {.name = "heads",
                                       .from_oldest = true,
                                       .state_size = sizeof(struct bytes *),
                                       .render = render_heads,
                                       .fini = free_heads};

/* What a view with such heads counts in the limit. */
static int64_t counted_heads(bool shared) {
	share_heads = shared;
	append(mark_of(7, 1, 0, 100));
	for (int i = 0; i < FRAMES; i++)
		append(video_frame(7, 2 + (uint64_t)i, i * 10, i % KEY_EVERY == 0));
	int64_t before = metric_value(M_LOG_BYTES);
	struct view *v = view_get(rendition, &headed);
	int64_t counted = metric_value(M_LOG_BYTES) - before;
	view_release(v);
	still_worker_turn(worker);
	cr_assert_eq(metric_value(M_LOG_BYTES), before);
	return counted;
}

Test(stream, a_views_heads_count_in_its_limit) {
	cr_assert_geq(counted_heads(false), FRAMES / KEY_EVERY * HEAD_BYTES);
}

Test(stream, a_head_that_keyframes_share_counts_once) {
	int64_t counted = counted_heads(true);
	cr_assert_geq(counted, HEAD_BYTES);
	cr_assert_lt(counted, 2 * HEAD_BYTES);
}
