/* History and holes asked for by one end of a link from the other, on one worker. */
#include "common/relay/fetch.h"
#include "tests/unit/common/relay/calling.h"

static struct fetch fetching;

/* What came; written by the worker before `done` is. */
static struct {
	struct {
		uint64_t epoch, sequence;
		enum entry_kind kind;
		bool has_tracks;
	} entries[4 * FRAMES];
	size_t count, stop_after;
	int status;
} got;
static _Atomic int done;

static void on_entry(struct fetch *f, struct entry *e) {
	if (got.count < sizeof got.entries / sizeof *got.entries) {
		got.entries[got.count].epoch = e->epoch;
		got.entries[got.count].sequence = e->sequence;
		got.entries[got.count].kind = e->kind;
		got.entries[got.count].has_tracks = e->kind == ENTRY_MARK && e->mark.tracks;
	}
	entry_unref(&e);
	if (++got.count == got.stop_after) {
		fetch_end(f);
		atomic_fetch_add(&done, 1);
	}
}

static void on_done(struct fetch *f, int status) {
	(void)f;
	got.status = status;
	atomic_fetch_add(&done, 1);
}

static const struct fetch_ops fetch_ops = {.on_entry = on_entry, .on_done = on_done};

struct question {
	const char *stream;
	struct fetch_range range;
};

static void begin(struct worker *w, void *context) {
	const struct question *q = context;
	struct stream_name asked;
	(void)w;
	cr_expect_eq(stream_name_parse(&asked, q->stream, strlen(q->stream)), 0);
	cr_expect_eq(fetch_begin(&fetching, upstream, &asked, "source", &q->range, &fetch_ops), 0);
}

static void ask(const char *stream, struct fetch_range range, size_t stop_after) {
	static struct question q; /* outlives the call, whatever the test does */
	q = (struct question){stream, range};
	memset(&got, 0, sizeof got);
	got.stop_after = stop_after;
	atomic_store(&done, 0);
	call_on(workers_at(group, 0), begin, &q);
	wait_for_count(&done, 1);
}

static void second_epoch(struct worker *w, void *context) {
	append_epoch(w, EPOCH + 1, FRAMES, FRAMES * 40);
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void init(void) {
	_Atomic int filled = 0;
	atomic_store(&up, 0);
	serving_init(&calling_ends);
	call_on(workers_at(group, 0), second_epoch, &filled);
	wait_for_count(&filled, 1);
	wait_for_count(&up, 1);
}

TestSuite(relay_fetch, .init = init, .fini = serving_fini, .timeout = 60);

Test(relay_fetch, a_range_within_an_epoch_comes_whole_and_in_order) {
	ask("live/cam1", (struct fetch_range){EPOCH, 10, EPOCH, 20}, 0);
	cr_assert_eq(got.status, 0);
	cr_assert_eq(got.count, 11);
	for (size_t i = 0; i < got.count; i++)
		cr_assert_eq(got.entries[i].sequence, 10 + i);
}

Test(relay_fetch, a_range_may_span_epochs_and_begin_with_the_oldest) {
	ask("live/cam1", (struct fetch_range){0, 0, EPOCH + 1, 5}, 0);
	cr_assert_eq(got.status, 0);
	cr_assert_eq(got.count, FRAMES + 1 + 5);
	cr_assert_eq(got.entries[0].kind, ENTRY_MARK);
	cr_assert(got.entries[0].has_tracks);
	cr_assert_eq(got.entries[FRAMES + 1].kind, ENTRY_MARK);
	cr_assert(got.entries[FRAMES + 1].has_tracks);
	cr_assert_eq(got.entries[FRAMES + 1].epoch, EPOCH + 1);
	cr_assert_eq(got.entries[got.count - 1].sequence, 5);
}

Test(relay_fetch, what_is_not_kept_is_no_error) {
	ask("live/cam1", (struct fetch_range){3, 1, 3, 9}, 0);
	cr_assert_eq(got.status, 0);
	cr_assert_eq(got.count, 0);
}

Test(relay_fetch, a_stream_that_is_not_known_there_is_told) {
	ask("live/other", (struct fetch_range){EPOCH, 1, EPOCH, 9}, 0);
	cr_assert_eq(got.status, UV_ENOENT);
	cr_assert_eq(got.count, 0);
}

Test(relay_fetch, may_be_ended_from_within) {
	ask("live/cam1", (struct fetch_range){0, 0, EPOCH + 1, 99}, 5);
	cr_assert_eq(got.count, 5);
	ask("live/cam1", (struct fetch_range){EPOCH, 1, EPOCH, 3}, 0);
	cr_assert_eq(got.count, 3, "and asked again after");
}

static void hang_up(struct worker *w, void *context) {
	(void)w;
	(void)context;
	begin(w, context);
	link_close(upstream->link, "the test hangs up");
}

Test(relay_fetch, a_lost_link_ends_it) {
	static struct question q = {"live/cam1", {0, 0, EPOCH + 1, 99}};
	memset(&got, 0, sizeof got);
	atomic_store(&done, 0);
	call_on(workers_at(group, 0), hang_up, &q);
	wait_for_count(&done, 1);
	cr_assert_eq(got.status, UV_ECONNRESET);
}
