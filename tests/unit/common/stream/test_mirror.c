/*
 * Whole ways through a stream on real workers: appended at home, read on every worker, ended; and samples from a
 * publisher on one worker to the home on another.
 */
#include "common/base/metrics.h"
#include "common/stream/mirror.h"
#include "common/stream/publisher.h"
#include "common/stream/stream.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/stream/config.h"
#include "tests/unit/common/stream/support.h"

#include <string.h>
#include <uv.h>

enum { WORKERS = 3, FRAMES = 500 };

static struct workers *group;
static struct config *config;
static const struct stream_name name = {.text = "live/cam1"};
static _Atomic int wanted, unwanted, published, got_samples, unpublished;
static _Atomic uint64_t sample_sum;
static bool refuse;

/* --- a role that counts --- */

static void on_wanted(struct stream *s) {
	(void)s;
	atomic_fetch_add(&wanted, 1);
}

static void on_unwanted(struct stream *s) {
	atomic_fetch_add(&unwanted, 1);
	if (s->phase == STREAM_PENDING)
		stream_end(s, "nobody");
}

static void on_publish(struct intake *i) {
	atomic_fetch_add(&published, 1);
	if (refuse)
		intake_refuse(i, PUBLISH_BAD_NAME, "taken");
	else
		intake_accept(i, 42);
}

static void on_samples(struct intake *i, const struct sample *samples, size_t count) {
	(void)i;
	for (size_t k = 0; k < count; k++)
		atomic_fetch_add(&sample_sum, samples[k].timestamp_ms);
	atomic_fetch_add(&got_samples, (int)count);
}

static void on_unpublish(struct intake *i) {
	(void)i;
	atomic_fetch_add(&unpublished, 1);
}

static const struct streams_ops role = {.wanted = on_wanted,
                                        .unwanted = on_unwanted,
                                        .publish = on_publish,
                                        .samples = on_samples,
                                        .unpublish = on_unpublish};

static int start(struct worker *w, void *context) {
	(void)context;
	return streams_init(w, config, &role, NULL);
}

static void stop(struct worker *w, void *context) {
	(void)context;
	streams_stop(w);
}

static void fini(struct worker *w, void *context) {
	(void)context;
	streams_fini(w);
}

static const struct worker_hooks hooks = {.start = start, .stop = stop, .fini = fini};

static void open_group(void) {
	config = test_config();
	cr_assert_eq(workers_start(&group, WORKERS, &hooks, NULL), 0);
}

static void close_group(void) {
	cr_assert_eq(workers_stop(&group, 5000), 0);
	test_config_free(config);
	cr_assert_eq(metric_value(M_STREAMS), 0);
	cr_assert_eq(metric_value(M_LOGS), 0);
	cr_assert_eq(metric_value(M_LOG_BYTES), 0);
}

/* --- a form: each frame becomes its sequence number --- */

static int render(struct view *v, const struct entry *e, struct bytes **block, struct bytes **head) {
	if (e->kind != ENTRY_FRAME)
		return 0;
	*block = bytes_copy(&e->sequence, sizeof e->sequence);
	if (e->frame.flags & FRAME_KEY)
		*head = bytes_copy(view_tracks(v)->items[0].name, 1);
	return 0;
}

static const struct view_ops form = {.name = "test", .render = render, .from_oldest = true};

/* --- a reader --- */

struct reader_test {
	struct mirror_reader reader;
	struct worker *worker;
	struct cursor cursor;
	uint64_t next;
	bool in_order;
	_Atomic int frames, heads, ends, gone, waiting;
	int reason;
	struct mirror_info info;
	_Atomic int logs;
};

static struct reader_test readers[WORKERS], later[WORKERS];

static void on_ready(struct cursor *c) {
	struct reader_test *t = list_entry(c, struct reader_test, cursor);
	const struct log_item *item;
	while (cursor_next(c, &item) == CURSOR_ITEM) {
		if (item->object) {
			uint64_t sequence;
			memcpy(&sequence, ((struct bytes *)item->object)->data, sizeof sequence);
			t->in_order = t->in_order && sequence == t->next;
			t->next = sequence + 1;
			atomic_fetch_add(&t->frames, 1);
		}
		if (item->head)
			atomic_fetch_add(&t->heads, 1);
		if (item->flags & ITEM_END)
			atomic_fetch_add(&t->ends, 1);
		cursor_advance(c);
	}
}

static void on_log(struct mirror_reader *r, struct log *log, const struct mirror_info *info) {
	struct reader_test *t = list_entry(r, struct reader_test, reader);
	t->info = *info;
	atomic_fetch_add(&t->logs, 1);
	cursor_open(&t->cursor, log, CURSOR_OLDEST, 0, on_ready);
}

static void on_waiting(struct mirror_reader *r, bool waiting) {
	atomic_fetch_add(&list_entry(r, struct reader_test, reader)->waiting, waiting ? 1 : 100);
}

static void on_gone(struct mirror_reader *r, int reason) {
	struct reader_test *t = list_entry(r, struct reader_test, reader);
	cursor_close(&t->cursor);
	t->reason = reason;
	atomic_fetch_add(&t->gone, 1);
}

static const struct mirror_reader_ops reader_ops = {.on_log = on_log, .on_waiting = on_waiting, .on_gone = on_gone};

static void open_one(struct reader_test *t, struct worker *w, unsigned flags) {
	t->worker = w;
	t->next = 2;
	t->in_order = true;
	cr_expect_eq(mirror_open(&t->reader, w, &name, "source", &form, flags, &reader_ops), 0);
}

static void open_reader(struct worker *w, void *context) {
	open_one(&readers[w->index], w, (unsigned)(uintptr_t)context);
}

static void open_later(struct worker *w, void *context) {
	open_one(&later[w->index], w, (unsigned)(uintptr_t)context);
}

static void close_one(struct reader_test *t) {
	cursor_close(&t->cursor);
	mirror_close(&t->reader);
}

static void close_reader(struct worker *w, void *context) {
	(void)context;
	close_one(&readers[w->index]);
}

static void close_later(struct worker *w, void *context) {
	(void)context;
	close_one(&later[w->index]);
}

/* --- the source --- */

static void append_all(struct worker *home, void *context) {
	(void)context;
	struct stream *s = streams_get(home, &name);
	struct rendition *r = stream_rendition_get(s, RENDITION_SOURCE);
	cr_expect_eq(stream_append(r, mark_of(7, 1, 0, 100)), 0);
	for (int i = 0; i < FRAMES; i++)
		cr_expect_eq(stream_append(r, video_frame(7, 2 + (uint64_t)i, i * 10, i % 50 == 0)), 0);
}

static void end_it(struct worker *home, void *context) {
	(void)context;
	stream_end(streams_find(home, &name), "done");
}

static void lose_and_find(struct worker *home, void *context) {
	(void)context;
	stream_waiting(streams_find(home, &name));
	stream_resumed(streams_find(home, &name));
}

/* The publisher comes back in a new epoch, of a new run; `context`: readers had been told that it was lost. */
static void append_newer(struct worker *home, void *context) {
	struct stream *s = streams_find(home, &name);
	struct rendition *r = stream_rendition(s, RENDITION_SOURCE);
	if (context)
		stream_waiting(s);
	cr_expect_eq(stream_append(r, mark_of(8, 1, FRAMES * 10, 200)), 0);
	cr_expect_eq(stream_append(r, video_frame(8, 2, FRAMES * 10, true)), 0);
}

static struct worker *home_worker(void) {
	return stream_home(workers_at(group, 0), &name);
}

TestSuite(mirror, .init = open_group, .fini = close_group, .timeout = 60);

Test(mirror, every_worker_reads_the_same_in_order_and_sees_the_end) {
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(group, i), open_reader, (void *)MIRROR_WAIT);
	wait_for_count(&wanted, 1);
	call_on(home_worker(), append_all, NULL);
	for (int i = 0; i < WORKERS; i++)
		wait_for_count(&readers[i].frames, FRAMES);
	call_on(home_worker(), lose_and_find, NULL);
	for (int i = 0; i < WORKERS; i++)
		wait_for_count(&readers[i].waiting, 101);
	call_on(home_worker(), end_it, NULL);
	for (int i = 0; i < WORKERS; i++)
		wait_for_count(&readers[i].ends, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		cr_assert(readers[i].in_order);
		cr_assert_eq(readers[i].heads, FRAMES / 50);
		call_on(workers_at(group, i), close_reader, NULL);
	}
	cr_assert_eq(wanted, 1, "one stream is wanted once, however many read it");
}

Test(mirror, a_late_reader_gets_the_history) {
	call_on(home_worker(), append_all, NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(group, i), open_reader, NULL);
	for (int i = 0; i < WORKERS; i++)
		wait_for_count(&readers[i].frames, FRAMES);
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(group, i), close_reader, NULL);
	wait_for_count(&unwanted, 1);
	for (int i = 0; i < WORKERS; i++)
		cr_assert(readers[i].in_order);
}

/* Those who join a mirror that is there already. */
static void check_later(bool waited) {
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(group, i), open_reader, (void *)MIRROR_WAIT);
	call_on(home_worker(), append_all, NULL);
	for (int i = 0; i < WORKERS; i++)
		wait_for_count(&readers[i].frames, FRAMES);
	call_on(home_worker(), append_newer, waited ? home_worker() : NULL);
	for (unsigned i = 0; i < WORKERS; i++) {
		wait_for_count(&readers[i].frames, FRAMES + 1);
		call_on(workers_at(group, i), open_later, (void *)MIRROR_WAIT);
		wait_for_count(&later[i].logs, 1);
		cr_assert_eq(readers[i].info.epoch, 7);
		cr_assert_eq(readers[i].waiting, waited ? 101 : 0);
		cr_assert_eq(later[i].info.epoch, 8);
		cr_assert_eq(later[i].info.run, 8);
		cr_assert_not(later[i].info.waiting);
		call_on(workers_at(group, i), close_reader, NULL);
		call_on(workers_at(group, i), close_later, NULL);
	}
}

Test(mirror, who_joins_late_is_told_the_present_epoch) {
	check_later(true);
}

Test(mirror, also_of_one_that_took_over_without_a_break) {
	check_later(false);
}

Test(mirror, an_unknown_name_is_refused_unless_it_is_waited_for) {
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(group, i), open_reader, NULL);
	for (int i = 0; i < WORKERS; i++) {
		wait_for_count(&readers[i].gone, 1);
		cr_assert_eq(readers[i].reason, UV_ENOENT);
	}
	cr_assert_eq(wanted, 0);
}

Test(mirror, readers_that_leave_before_the_stream_comes_leave_nothing_behind) {
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(group, i), open_reader, (void *)MIRROR_WAIT);
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(group, i), close_reader, NULL);
	wait_for_count(&unwanted, 1);
}

Test(mirror, stopping_the_node_tells_every_reader) {
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(group, i), open_reader, (void *)MIRROR_WAIT);
	call_on(home_worker(), append_all, NULL);
	for (int i = 0; i < WORKERS; i++)
		wait_for_count(&readers[i].frames, FRAMES);
	cr_assert_eq(workers_stop(&group, 5000), 0);
	for (int i = 0; i < WORKERS; i++)
		cr_assert_eq(readers[i].reason, UV_ECANCELED);
	cr_assert_eq(workers_start(&group, 1, &hooks, NULL), 0);
}

static _Atomic int stale, early;

static void append_out_of_order(struct worker *home, void *context) {
	(void)context;
	struct rendition *r = stream_rendition_get(streams_get(home, &name), RENDITION_SOURCE);
	early += stream_append(r, video_frame(7, 1, 0, true)) == UV_EPROTO;
	cr_expect_eq(stream_append(r, mark_of(7, 1, 0, 100)), 0);
	cr_expect_eq(stream_append(r, video_frame(7, 2, 0, true)), 0);
	stale += stream_append(r, video_frame(7, 2, 0, true)) == UV_EALREADY;
	cr_expect_eq(stream_append(r, mark_of(8, 1, 100, 102)), 0);
	stale += stream_append(r, video_frame(7, 3, 0, true)) == UV_EALREADY;
	cr_expect_eq(log_at(&r->log, 2)->flags & ITEM_RESTART, ITEM_RESTART);
}

Test(mirror, older_epochs_and_repeated_sequences_are_refused) {
	call_on(home_worker(), append_out_of_order, NULL);
	wait_for_count(&stale, 2);
	wait_for_count(&early, 1);
}

/* --- publishing --- */

static struct publisher publisher;
static _Atomic int accepted, refused;

static void on_accepted(struct publisher *p, uint64_t epoch) {
	cr_expect_eq(epoch, 42);
	struct bytes *b = bytes_new(10);
	for (uint32_t i = 0; i < 1000; i++) {
		struct sample s = {.type = SAMPLE_FRAME, .timestamp_ms = i, .block = b, .payload = bytes_slice(b)};
		publisher_sample(p, &s);
	}
	bytes_unref(&b);
	publisher_close(p); /* in the same turn: nothing is lost */
	atomic_fetch_add(&accepted, 1);
}

static void on_refused(struct publisher *p, enum publish_refusal refusal, const char *why) {
	cr_expect_null(p->link);
	cr_expect_eq(refusal, PUBLISH_BAD_NAME);
	cr_expect_str_eq(why, "taken");
	atomic_fetch_add(&refused, 1);
}

static const struct publisher_ops publisher_ops = {.on_accepted = on_accepted, .on_refused = on_refused};

static void open_publisher(struct worker *w, void *context) {
	(void)context;
	struct publish_request request = {.name = name, .protocol = "test"};
	cr_expect_eq(publisher_open(&publisher, w, &request, &publisher_ops), 0);
}

static void publish_from(unsigned distance) {
	call_on(workers_at(group, (home_worker()->index + distance) % WORKERS), open_publisher, NULL);
}

Test(mirror, samples_reach_the_home_from_another_worker) {
	publish_from(1);
	wait_for_count(&unpublished, 1);
	cr_assert_eq(got_samples, 1000);
	cr_assert_eq(sample_sum, 999 * 1000 / 2);
}

Test(mirror, samples_reach_the_home_from_itself) {
	publish_from(0);
	wait_for_count(&unpublished, 1);
	cr_assert_eq(got_samples, 1000);
}

Test(mirror, a_refused_publisher_hears_why) {
	refuse = true;
	publish_from(1);
	wait_for_count(&refused, 1);
	wait_for_count(&unpublished, 1);
	cr_assert_eq(got_samples, 0);
}
