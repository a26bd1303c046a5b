/*
 * What those who ask a stream's packaging are given: its segments come from a simulated publish through a real
 * packager, asks from two workers. The store's joined parts are compiled into this file, so that their allocation fails
 * on demand.
 */
#include "edge/edge.h"
#include "edge/packaging_parts.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/package/simulate.h"
#include "tests/unit/common/stream/config.h"

#include <string.h>
#include <zlib.h>

#include "tests/unit/common/failing.h"

#include "common/package/runs.c"

enum { WORKERS = 2, WHOLE_SEGMENTS = 3 };

static const struct stream_name name = {.text = "live/cam1"};

static struct workers *group;
static struct config *config;
static struct simulation sim;
static struct edge edges[WORKERS];
static struct packaging *packaging;
static struct told told;
static size_t pushed;     /* entries of the simulation */
static uint64_t followed; /* the number of the segment that was open when `begin` was done */

/* --- steps on a worker, one after the other --- */

struct step {
	void (*fn)(struct worker *);
};

static _Atomic int steps_done;

static void run_step(struct worker *w, void *context) {
	((const struct step *)context)->fn(w);
	atomic_fetch_add(&steps_done, 1);
}

static void step(struct worker *w, void (*fn)(struct worker *)) {
	int before = atomic_load(&steps_done);
	call_on(w, run_step, &(struct step){fn});
	wait_for_count(&steps_done, before + 1);
}

static struct worker *home(void) {
	return workers_home(group, name_hash(name.text, strlen(name.text)));
}

static struct worker *elsewhere(void) {
	return workers_at(group, (home()->index + 1) % WORKERS);
}

/* --- the packaging --- */

static int start(struct worker *w, void *context) {
	struct edge *e = &edges[w->index];
	(void)context;
	*e = (struct edge){.base.worker = w};
	packagings_init(&e->packagings);
	w->node = e;
	return 0;
}

static void stop(struct worker *w, void *context) {
	(void)context;
	packagings_stop(&edges[w->index]);
}

static const struct worker_hooks hooks = {.start = start, .stop = stop, .fini = no_stop};

static void on_no_timer(struct timer *t) {
	(void)t;
}

/* As packaging_new does but for the stream: what comes is pushed by the tests. */
static void make(struct worker *w) {
	struct packaging *p = packaging = calloc(1, sizeof *p);
	*p = (struct packaging){.name = name, .worker = w, .edge = edge_of(w), .phase = PACKAGING_LIVE};
	p->config = config_app(config, "live", strlen("live"));
	list_init(&p->asks);
	list_init(&p->texts);
	list_init(&p->ended_node);
	timer_init(&p->sweep, w, on_no_timer);
	http_sessions_init(&p->sessions, config_node(config)->limits_http_sessions);
	timer_init(&p->overdue, w, packaging_on_overdue);
	timer_init(&p->fetch_again, w, on_no_timer);
	p->store = segment_store_new(WHOLE_SEGMENTS * 2);
	p->packager = packager_new(p->store, "source", &told_ops, &told);
	HASH_ADD_STR(p->edge->packagings.table, name.text, p);
	worker_hold(w);
}

static const struct segment *newest(void) {
	const struct segment_track *t = segment_store_track(packaging->store, "v");
	return t && t->count ? t->items[t->count - 1] : NULL;
}

static const struct segment *followed_segment(void) {
	return segment_store_find(packaging->store, "v", 1, followed);
}

static void push_next(void) {
	cr_assert_lt(pushed, sim.count, "the simulation is too short");
	push_range(packaging->packager, &sim, pushed, pushed + 1);
	pushed++;
}

static bool is_open_with(uint32_t parts) {
	const struct segment *s = newest();
	return s && s->state == SEGMENT_OPEN && s->track->count > WHOLE_SEGMENTS && s->part_count == parts;
}

/* Some segments are whole, and the next has its first part. */
static void push_beginning(struct worker *w) {
	(void)w;
	while (!is_open_with(1))
		push_next();
	followed = newest()->number;
}

/* The same as when the packager has told of something. */
static void look(struct worker *w) {
	(void)w;
	packaging_forget_texts(packaging);
	packaging_look_at_all(packaging);
}

/* All that was sent to it or by it before has been dealt with. */
static void settle(struct worker *w) {
	(void)w;
}

static void push_part(struct worker *w) {
	const struct segment *s = followed_segment();
	uint32_t before = s->part_count;
	while (s->part_count == before)
		push_next();
	look(w);
}

/* All that is left of it, at once; nobody looks yet. */
static void push_whole(struct worker *w) {
	(void)w;
	while (followed_segment()->state != SEGMENT_COMPLETE)
		push_next();
}

static void begin(void) {
	config = test_config();
	simulation_init(&sim, 5);
	simulation_publish(&sim, 1, &(struct encoder){.seconds = 20, .fps = 30, .gop_s = 1});
	cr_assert_eq(workers_start(&group, WORKERS, &hooks, NULL), 0);
	step(home(), make);
	step(home(), push_beginning);
}

static void end(void) {
	cr_assert_eq(workers_stop(&group, WAIT_MAX_MS), 0);
	simulation_fini(&sim);
	test_config_free(config);
}

TestSuite(packaging_answer, .init = begin, .fini = end, .timeout = 60);

/* --- who asks --- */

struct asker {
	struct package_question question;
	struct package_ask *ask; /* until the last answer */
	_Atomic int answers;
	int status;
	bool broken;
	uint64_t size;              /* of all slices */
	struct bytes *plain, *gzip; /* references: of a text: its bytes, and its gzip form */
};

static void on_answer(struct package_ask *ask, const struct package_answer *a) {
	struct asker *who = ask->context;
	who->status = a->status;
	who->broken = a->broken;
	for (size_t i = 0; i < a->count; i++)
		who->size += a->slices[i].size;
	if (a->count == 1 && !who->plain)
		who->plain = bytes_ref(a->slices[0].owner);
	if (a->gzip)
		who->gzip = bytes_ref(a->gzip);
	if (!a->more)
		who->ask = NULL;
	atomic_fetch_add(&who->answers, 1);
}

static void send_ask(struct worker *w, void *context) {
	struct asker *who = context;
	who->ask = package_ask_new(w, &who->question, on_answer, who);
	package_ask_send(who->ask);
}

static void asker_fini(struct asker *who) {
	bytes_unref(&who->plain);
	bytes_unref(&who->gzip);
}

static struct asker for_playlist(bool gzip) {
	return (struct asker){
	    .question = {.what = PACKAGE_PLAYLIST, .name = name, .track = "v", .remote = "192.0.2.7", .gzip = gzip}};
}

static struct asker for_segment(void) {
	return (struct asker){.question = {.what = PACKAGE_MEDIA,
	                                   .name = name,
	                                   .track = "v",
	                                   .remote = "192.0.2.7",
	                                   .media = {.kind = NAME_SEGMENT, .epoch = 1, .number = followed}}};
}

static void ask(struct worker *w, struct asker *who) {
	call_on(w, send_ask, who);
}

static void ask_and_wait(struct worker *w, struct asker *who) {
	ask(w, who);
	wait_for_count(&who->answers, 1);
	cr_assert_eq(who->status, 200);
}

static void expect_unpacks(const struct bytes *gzip, const struct bytes *plain) {
	static uint8_t out[65536];
	z_stream z = {
	    .next_in = (Bytef *)gzip->data, .avail_in = (uInt)gzip->size, .next_out = out, .avail_out = sizeof out};
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	cr_expect_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	cr_assert_eq(z.total_out, plain->size);
	cr_expect_arr_eq(out, plain->data, plain->size);
}

/* --- the only session, as the API tells of it --- */

static json_t *sessions;

static void list_sessions(struct worker *w) {
	sessions = json_array();
	packagings_list_sessions(edge_of(w), sessions);
}

static void expect_session(json_int_t requests, uint64_t bytes) {
	step(home(), list_sessions);
	cr_assert_eq(json_array_size(sessions), 1);
	const json_t *one = json_array_get(sessions, 0);
	cr_expect_eq(json_integer_value(json_object_get(one, "requests")), requests);
	cr_expect_eq((uint64_t)json_integer_value(json_object_get(one, "sent_bytes")), bytes);
	json_decref(sessions);
}

/* --- texts --- */

Test(packaging_answer, a_text_is_compressed_once_for_all_who_take_it) {
	struct asker first = for_playlist(true), there = for_playlist(true), plain = for_playlist(false);
	ask_and_wait(elsewhere(), &plain);
	cr_expect_null(plain.gzip);
	ask_and_wait(elsewhere(), &first);
	ask_and_wait(home(), &there);
	cr_assert_not_null(first.gzip);
	cr_expect_eq(first.gzip, there.gzip);
	cr_expect_eq(first.plain, plain.plain);
	expect_unpacks(first.gzip, first.plain);
	expect_session(3, plain.plain->size + 2 * first.gzip->size);
	asker_fini(&plain);
	asker_fini(&first);
	asker_fini(&there);
}

static struct hls_position reached;

static void find_position(struct worker *w) {
	(void)w;
	cr_assert_eq(hls_position_of(packaging->store, "v", &reached), 0);
}

Test(packaging_answer, all_who_wait_for_a_part_are_given_the_same_compressed_text) {
	enum { MANY = 20 };
	static struct asker waiting[MANY];
	struct asker earlier = for_playlist(true);
	ask_and_wait(home(), &earlier);
	step(home(), find_position);
	for (int i = 0; i < MANY; i++) {
		waiting[i] = for_playlist(true);
		waiting[i].question.reload =
		    (struct hls_directives){.has_msn = true, .has_part = true, .msn = reached.next_msn, .part = reached.parts};
		ask(i % 2 ? home() : elsewhere(), &waiting[i]);
	}
	step(elsewhere(), settle);
	step(home(), push_part);
	for (int i = 0; i < MANY; i++) {
		wait_for_count(&waiting[i].answers, 1);
		cr_expect_eq(waiting[i].gzip, waiting[0].gzip);
	}
	cr_assert_not_null(waiting[0].gzip);
	cr_expect_neq(waiting[0].gzip, earlier.gzip, "it tells of the new part");
	expect_unpacks(waiting[0].gzip, waiting[0].plain);
	for (int i = 0; i < MANY; i++)
		asker_fini(&waiting[i]);
	asker_fini(&earlier);
}

/* --- a segment that grows --- */

static void push_to_the_end(struct worker *w) {
	while (followed_segment()->state != SEGMENT_COMPLETE)
		push_part(w);
}

Test(packaging_answer, a_segment_that_grows_is_counted_with_all_its_bytes) {
	struct asker playlist = for_playlist(false), segment = for_segment();
	ask_and_wait(elsewhere(), &playlist);
	ask_and_wait(elsewhere(), &segment);
	step(home(), push_to_the_end);
	wait_for_count(&segment.answers, (int)followed_segment()->part_count);
	cr_expect_null(segment.ask);
	cr_expect_eq(segment.size, followed_segment()->size);
	expect_session(2, playlist.size + segment.size);
	asker_fini(&playlist);
	asker_fini(&segment);
}

static struct asker leaving;

static void leave(struct worker *w) {
	(void)w;
	package_ask_cancel(leaving.ask);
}

Test(packaging_answer, a_player_that_leaves_a_growing_segment_is_counted_with_what_it_was_given) {
	struct asker playlist = for_playlist(false);
	leaving = for_segment();
	ask_and_wait(elsewhere(), &playlist);
	ask_and_wait(elsewhere(), &leaving);
	step(home(), push_part);
	wait_for_count(&leaving.answers, 2);
	step(elsewhere(), leave);
	step(home(), push_to_the_end);
	cr_expect_lt(leaving.size, followed_segment()->size);
	expect_session(2, playlist.size + leaving.size);
	asker_fini(&playlist);
	asker_fini(&leaving);
}

static void look_without_memory(struct worker *w) {
	allocations = 0;
	failing = 1;
	look(w);
	failing = 0;
}

Test(packaging_answer, a_segment_whose_rest_finds_no_memory_is_broken_off_and_not_ended) {
	struct asker who = for_segment();
	ask_and_wait(home(), &who);
	step(home(), push_whole);
	cr_assert_geq(followed_segment()->part_count, 3);
	step(home(), look_without_memory);
	cr_assert_eq(who.answers, 2);
	cr_expect_null(who.ask);
	cr_expect(who.broken);
	cr_expect_lt(who.size, followed_segment()->size);
	asker_fini(&who);
}

static void push_two_parts(struct worker *w) {
	push_part(w);
	push_part(w);
}

static struct asker unlucky;

static void ask_without_memory(struct worker *w) {
	allocations = 0;
	failing = 1;
	send_ask(w, &unlucky);
	failing = 0;
}

Test(packaging_answer, a_growing_segment_that_finds_no_memory_to_begin_with_is_refused) {
	step(home(), push_two_parts);
	unlucky = for_segment();
	step(home(), ask_without_memory);
	cr_assert_eq(unlucky.answers, 1);
	cr_expect_eq(unlucky.status, 503);
	cr_expect_null(unlucky.ask);
	asker_fini(&unlucky);
}
