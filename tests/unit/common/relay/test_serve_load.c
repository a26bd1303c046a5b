/*
 * A serving node and more than a link carries at once: keyframes and metadata beyond what waits on it, many questions,
 * a publish whose home does not keep up. And its end, while strangers hold connections.
 */
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

/* --- many questions at once --- */

enum { QUESTIONS = 8, LARGE_FRAMES = 40 };

static void add_two_megabytes(struct worker *w, void *context) {
	struct rendition *r = stream_rendition_get(streams_get(w, &name), RENDITION_SOURCE);
	cr_expect_eq(stream_append(r, mark_with_metadata(4000, 0)), 0);
	for (int i = 0; i < LARGE_FRAMES; i++)
		cr_expect_eq(stream_append(r, large_frame((uint64_t)i + 2, 4000 + 40 * i, i == 0, 50000)), 0);
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void ask_for_all(struct buffer *out, uint64_t id) {
	Weir__Relay__Fetch h_body = WEIR__RELAY__FETCH__INIT;
	h_body.id = id;
	h_body.stream = (char *)name.text;
	h_body.rendition = (char *)"source";
	h_body.epoch = NEXT;
	h_body.to = 1000;
	RELAY_HEADER(h, fetch, FETCH);
	relay_write(out, &h, (struct slice){0});
}

Test(relay_load, histories_asked_for_together_all_come) {
	struct buffer all;
	on_server(add_two_megabytes);
	dial_and_prove();
	buffer_init(&all, 0);
	for (uint64_t i = 0; i < QUESTIONS; i++)
		ask_for_all(&all, 5 + i);
	cr_assert_eq(write(fd, all.block->data, all.size), (ssize_t)all.size);
	buffer_fini(&all);
	while (got.fetched_count < QUESTIONS) {
		got.fetch_done = false;
		got.count = 0;
		read_until(&got.fetch_done);
		cr_assert_not(got.closed, "after %zu answers", got.fetched_count);
		cr_assert_gt(got.count, 0);
		cr_assert_neq(got.next, 0);
	}
}

/* --- a publish whose home does not keep up --- */

static void publish(struct intake *i) {
	intake_accept(i, 99);
}

/* Before the samples are given back, so that they still count as on their way. */
static void stop_it(struct intake *i, const struct sample *s, size_t count) {
	(void)s;
	(void)count;
	intake_stop(i, PUBLISH_REPLACED, "another came");
}

static void unpublish(struct intake *i) {
	(void)i;
}

static const struct streams_ops stopping_ops = {.publish = publish, .samples = stop_it, .unpublish = unpublish};

static void take_publishers(struct worker *w, void *context) {
	(void)w;
	server.take_publishers = true;
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void init_pressed(void) {
	role_ops = &stopping_ops;
	setting = "relay.dead_after=60s"; /* what hangs is not ended by it */
	init();
	on_server(take_publishers);
}

static void send_sample(uint64_t id, size_t size) {
	struct bytes *b = bytes_new(size);
	struct buffer out;
	struct sample s = {
	    .type = SAMPLE_FRAME, .kind = TRACK_VIDEO, .keyframe = true, .block = b, .payload = bytes_slice(b)};
	memset(b->data, 7, size);
	buffer_init(&out, 0);
	relay_write_sample(&out, &s, id);
	for (size_t at = 0; at < out.size;) {
		ssize_t n = write(fd, out.block->data + at, out.size - at);
		cr_assert_gt(n, 0);
		at += (size_t)n;
	}
	buffer_fini(&out);
	bytes_unref(&b);
}

static void begin_publish(uint64_t id, const char *stream) {
	Weir__Relay__Publish h_body = WEIR__RELAY__PUBLISH__INIT;
	h_body.id = id;
	h_body.stream = (char *)stream;
	RELAY_HEADER(h, publish, PUBLISH);
	got.accepted = false;
	send_message(&h);
	read_until(&got.accepted);
	cr_assert(got.accepted);
}

TestSuite(relay_pressed, .init = init_pressed, .fini = fini, .timeout = 60);

Test(relay_pressed, a_publish_that_is_stopped_lets_its_link_be_read_again) {
	dial_and_prove();
	begin_publish(9, "live/new");
	send_sample(9, 8 * MIB);
	read_until(&got.stopped); /* the link was paused before */
	cr_assert(got.stopped);
	locate(name.text);
	cr_assert(got.located && !got.closed);
}

/* --- the end --- */

static void init_patient(void) {
	setting = "relay.dead_after=60s";
	init();
}

static int dial_silently(void) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sa.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
	int stranger = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(stranger, (struct sockaddr *)&sa, sizeof sa), 0);
	return stranger;
}

TestSuite(relay_end, .init = init_patient, .fini = hang_up, .timeout = 60);

Test(relay_end, a_node_stops_while_links_are_on_their_way) {
	int stranger = dial_silently(); /* it was first: accepted when the one behind it is answered */
	dial(1, 1);
	read_until(&got.proof);
	serving_fini();
	close(stranger);
}
