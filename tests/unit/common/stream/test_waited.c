/*
 * Names that are only waited for: on one real worker, whose role says when it has found who has a stream.
 */
#include "common/base/metrics.h"
#include "common/stream/mirror.h"
#include "common/stream/stream.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/stream/config.h"
#include "tests/unit/common/stream/support.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { LIMIT = 2, WAITED = 16 /* the least that a worker waits for */, MORE = 4, READERS = WAITED + MORE };

static struct workers *group;
static struct config *config;
static _Atomic int wanted, ended, gone, done;
static int found_error;

/* --- the role: names of the app "live" are found at once --- */

static void on_wanted(struct stream *s) {
	atomic_fetch_add(&wanted, 1);
	if (strncmp(s->name.text, "live/", 5) == 0)
		found_error = stream_found(s);
}

static void on_unwanted(struct stream *s) {
	stream_end(s, "nobody");
}

static void on_ended(struct stream *s) {
	(void)s;
	atomic_fetch_add(&ended, 1);
}

static const struct streams_ops role = {.wanted = on_wanted, .unwanted = on_unwanted, .ended = on_ended};

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
	static char limit[] = "limits.streams=2";
	config = test_config_with((char *[]){limit, NULL});
	cr_assert_eq(workers_start(&group, 1, &hooks, NULL), 0);
}

static void close_group(void) {
	cr_assert_eq(workers_stop(&group, 5000), 0);
	test_config_free(config);
	cr_assert_eq(metric_value(M_STREAMS), 0);
	cr_assert_eq(metric_value(M_STREAMS_WAITED), 0);
}

/* --- readers, each of a name of its own --- */

static struct reader_test {
	struct mirror_reader reader;
	struct stream_name name;
	int reason; /* why it is over; 0: it is not */
} readers[READERS];

static void on_log(struct mirror_reader *r, struct log *log, const struct mirror_info *info) {
	(void)r;
	(void)log;
	(void)info;
}

static void on_gone(struct mirror_reader *r, int reason) {
	list_entry(r, struct reader_test, reader)->reason = reason;
	atomic_fetch_add(&gone, 1);
}

static const struct mirror_reader_ops reader_ops = {.on_log = on_log, .on_gone = on_gone};

static void open_reader(struct worker *w, void *context) {
	struct reader_test *t = context;
	cr_expect_eq(mirror_open(&t->reader, w, &t->name, RENDITION_SOURCE, NULL, MIRROR_WAIT, &reader_ops), 0);
}

static void read_name(int i, const char *app) {
	snprintf(readers[i].name.text, sizeof readers[i].name.text, "%s/cam%d", app, i);
	call_on(workers_at(group, 0), open_reader, &readers[i]);
	wait_for_count(&wanted, i + 1);
}

TestSuite(waited, .init = open_group, .fini = close_group, .timeout = 60);

Test(waited, the_name_waited_for_longest_makes_room_for_the_next) {
	for (int i = 0; i < READERS; i++)
		read_name(i, "made-up");
	wait_for_count(&gone, MORE);
	for (int i = 0; i < READERS; i++)
		cr_assert_eq(readers[i].reason, i < MORE ? UV_ENOENT : 0, "reader %d", i);
	cr_assert_eq(ended, MORE, "the role lets go of it");
	cr_assert_eq(metric_value(M_STREAMS_WAITED), WAITED);
	cr_assert_eq(metric_value(M_STREAMS_GIVEN_UP), MORE);
}

Test(waited, what_is_found_has_room_however_many_are_waited_for) {
	for (int i = 0; i < WAITED; i++)
		read_name(i, "made-up");
	for (int i = WAITED; i < WAITED + LIMIT; i++) {
		read_name(i, "live");
		cr_assert_eq(found_error, 0);
	}
	read_name(WAITED + LIMIT, "live");
	wait_for_count(&gone, 2); /* the oldest made-up name made room for the first found one */
	cr_assert_eq(found_error, UV_ENFILE);
	cr_assert_eq(readers[WAITED + LIMIT].reason, UV_ENFILE, "one too many is told so");
	for (int i = WAITED; i < WAITED + LIMIT; i++)
		cr_assert_eq(readers[i].reason, 0, "those that were found stay");
	cr_assert_eq(metric_value(M_STREAMS_REFUSED), 1);
}

static const struct stream_name published = {.text = "made-up/cam0"};

/* A publisher of a name that is waited for comes, then one of another, then one too many. */
static void publish_three(struct worker *w, void *context) {
	(void)context;
	cr_expect_not_null(streams_get(w, &published));
	cr_expect_eq(metric_value(M_STREAMS_WAITED), 0, "it is more than that now");
	cr_expect_eq(streams_get(w, &published), streams_find(w, &published));
	cr_expect_not_null(streams_get(w, &(struct stream_name){.text = "live/second"}));
	cr_expect_null(streams_get(w, &(struct stream_name){.text = "live/third"}));
	atomic_fetch_add(&done, 1);
}

Test(waited, a_published_name_counts_towards_the_limit) {
	read_name(0, "made-up");
	call_on(workers_at(group, 0), publish_three, NULL);
	wait_for_count(&done, 1);
}
