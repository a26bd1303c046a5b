/* Publishes over one link, more at once than it takes: nothing is lost, nothing overtakes, and the link stays. */
#include "common/relay/push.h"
#include "tests/unit/common/relay/calling.h"

enum { PUSHES = 5, PER_PUSH = 80, SIZE = 50000, LARGE = 1024 * 1024, TRIES = 200 };

/* --- the node that takes them; all of this and the pushes on the one worker --- */

struct taken {
	struct stream_name name;
	_Atomic int samples, gone; /* `gone` counts its unpublishes */
	uint32_t next_ms;          /* the timestamp that comes next: each is one more than the last */
	_Atomic int holes;
};

static struct taken taken[PUSHES];

static struct taken *taken_of(const struct intake *i) {
	return &taken[i->request.name.text[strlen("live/p")] - '0'];
}

static void publish(struct intake *i) {
	intake_accept(i, 99);
}

static void take(struct intake *i, const struct sample *samples, size_t count) {
	struct taken *t = taken_of(i);
	for (size_t k = 0; k < count; k++) {
		atomic_fetch_add(&t->holes, samples[k].timestamp_ms != t->next_ms);
		t->next_ms = samples[k].timestamp_ms + 1;
		atomic_fetch_add(&t->samples, 1);
	}
}

static void unpublish(struct intake *i) {
	atomic_fetch_add(&taken_of(i)->gone, 1);
}

static const struct streams_ops taking = {.publish = publish, .samples = take, .unpublish = unpublish};

/* --- the node that pushes --- */

static struct push pushes[PUSHES];
static uint32_t next_ms[PUSHES];
static _Atomic int accepted, over, done;

static void on_accepted(struct push *p, uint64_t epoch) {
	(void)p;
	cr_expect_eq(epoch, 99);
	atomic_fetch_add(&accepted, 1);
}

static void on_over(struct push *p, enum publish_refusal refusal, const char *why) {
	(void)p;
	(void)refusal;
	(void)why;
	atomic_fetch_add(&over, 1);
}

static const struct push_ops push_ops = {.on_accepted = on_accepted, .on_over = on_over};

static int push_one(unsigned n, size_t size) {
	struct bytes *b = bytes_new(size);
	memset(b->data, 7, size);
	struct sample s = {
	    .type = SAMPLE_FRAME, .kind = TRACK_VIDEO, .timestamp_ms = next_ms[n]++, .block = b, .payload = bytes_slice(b)};
	int err = push_samples(&pushes[n], &s, 1);
	bytes_unref(&b);
	return err;
}

static void begin(unsigned n) {
	struct publish_request request = {.protocol = "rtmp"};
	snprintf(request.name.text, sizeof request.name.text, "live/p%u", n);
	cr_expect_eq(push_begin(&pushes[n], upstream, &request, &push_ops), 0);
}

static void begin_all(struct worker *w, void *context) {
	(void)w;
	(void)context;
	server.take_publishers = true;
	for (unsigned n = 0; n < PUSHES; n++)
		begin(n);
}

static void init(void) {
	memset(taken, 0, sizeof taken);
	role_ops = &taking;
	setting = "relay.dead_after=60s"; /* a link that a test stalls is not dead */
	serving_init(&calling_ends);
	wait_for_count(&up, 1);
	call_on(workers_at(group, 0), begin_all, NULL);
	wait_for_count(&accepted, PUSHES);
}

static void run(void (*fn)(struct worker *, void *)) {
	atomic_store(&done, 0);
	call_on(workers_at(group, 0), fn, NULL);
	wait_for_count(&done, 1);
}

TestSuite(relay_push, .init = init, .fini = serving_fini, .timeout = 60);

/* What several publishes that move have held, twenty megabytes in one turn; and each leaves at once. */
static void push_all(struct worker *w, void *context) {
	(void)w;
	(void)context;
	for (unsigned n = 0; n < PUSHES; n++) {
		for (int i = 0; i < PER_PUSH; i++)
			cr_expect_eq(push_one(n, SIZE), 0);
		push_end(&pushes[n]);
	}
	atomic_fetch_add(&done, 1);
}

Test(relay_push, many_that_move_at_once_lose_nothing) {
	run(push_all);
	for (unsigned n = 0; n < PUSHES; n++) {
		wait_for_count(&taken[n].gone, 1);
		cr_assert_eq(atomic_load(&taken[n].samples), PER_PUSH, "of %u came %d", n, atomic_load(&taken[n].samples));
		cr_assert_eq(atomic_load(&taken[n].holes), 0);
	}
	cr_assert_eq(atomic_load(&over), 0);
}

/* A publish of the same name that begins behind one that waits comes behind it there too. */
static void push_and_begin_anew(struct worker *w, void *context) {
	(void)w;
	(void)context;
	for (int i = 0; i < PER_PUSH; i++)
		cr_expect_eq(push_one(0, SIZE), 0);
	push_end(&pushes[0]);
	cr_expect_eq(atomic_load(&taken[0].gone), 0);
	begin(0);
	atomic_fetch_add(&done, 1);
}

Test(relay_push, the_next_of_a_name_does_not_overtake_the_last) {
	run(push_and_begin_anew);
	wait_for_count(&accepted, PUSHES + 1);
	cr_assert_eq(atomic_load(&taken[0].gone), 1);
	cr_assert_eq(atomic_load(&taken[0].samples), PER_PUSH);
}

static struct conn *serving_conn(void) {
	return &list_entry(server.links.next, struct link, node)->conn;
}

/* The other node does not read: what is beyond the bound of one publish is refused to that one alone. */
static void fill_stalled(struct worker *w, void *context) {
	int err = 0, tries = 0;
	(void)w;
	(void)context;
	conn_read_pause(serving_conn());
	for (; !err && tries < TRIES; tries++)
		err = push_one(0, LARGE);
	cr_expect_eq(err, UV_ENOBUFS);
	cr_expect_geq((size_t)tries * LARGE, PUSH_WAITING_MAX);
	push_end(&pushes[0]);
	cr_expect_eq(push_one(1, SIZE), 0);
	cr_expect_eq(pushes[1].waiting > 0, true);
	atomic_fetch_add(&done, 1);
}

static void read_on(struct worker *w, void *context) {
	(void)w;
	(void)context;
	conn_read_resume(serving_conn());
	atomic_fetch_add(&done, 1);
}

Test(relay_push, a_link_that_stalls_costs_frames_and_not_the_link) {
	run(fill_stalled);
	run(read_on);
	wait_for_count(&taken[1].samples, 1);
	wait_for_count(&taken[0].gone, 1);
	cr_assert_eq(atomic_load(&over), 0);
	cr_assert_eq(atomic_load(&up), 1);
}
