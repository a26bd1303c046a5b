/*
 * A serving node on a real worker, and a client that speaks the protocol by hand over a socket: Hello and proof,
 * versions, Locate, Subscribe with and without a position, Fetch.
 */
#include "tests/unit/common/relay/caller.h"

static void init(void) {
	serving_init(NULL);
}

static void fini(void) {
	hang_up();
	serving_fini();
}

TestSuite(relay_serve, .init = init, .fini = fini, .timeout = 60);

static void expect_sequences(uint64_t first, uint64_t last) {
	cr_assert_eq(got.count, last - first + 1, "%zu entries came", got.count);
	for (size_t i = 0; i < got.count; i++)
		cr_assert_eq(got.sequences[i], first + i);
}

Test(relay_serve, proves_itself_and_is_ready_for_who_has_the_secret) {
	uint8_t mac[RELAY_MAC_SIZE];
	dial_and_prove();
	relay_mac(mac, "hush", RELAY_ACCEPTER, bytes_slice(own_hello), bytes_slice(their_hello), (struct slice){0});
	cr_assert_arr_eq(mac, got.mac, RELAY_MAC_SIZE);
	locate(name.text);
	cr_assert(got.found);
	cr_assert_eq(got.epoch, 7);
	locate("live/other");
	cr_assert(got.located && !got.found);
}

Test(relay_serve, hangs_up_on_another_secret_and_on_questions_before_the_proof) {
	static const bool never;
	dial(1, 1);
	prove("hush!");
	read_until(&never);
	cr_assert(got.closed);
	dial(1, 1);
	read_until(&got.proof);
	Weir__Relay__Locate h_body = WEIR__RELAY__LOCATE__INIT;
	h_body.stream = (char *)name.text;
	RELAY_HEADER(h, locate, LOCATE);
	send_message(&h);
	read_until(&got.located);
	cr_assert(got.closed && !got.located);
}

Test(relay_serve, a_release_that_still_knows_our_version_is_served_and_one_that_does_not_is_not) {
	dial(1, 9);
	prove("hush");
	locate(name.text);
	cr_assert(got.found);
	dial(2, 9);
	read_until(&got.proof);
	cr_assert(got.closed && !got.proof);
}

Test(relay_serve, a_new_puller_begins_at_the_newest_keyframe_with_tracks_and_mark) {
	dial_and_prove();
	subscribe(0, 0, 0);
	cr_assert(got.accepted && !got.resumed);
	cr_assert_eq(got.tracks, 1);
	cr_assert_eq(got.marks, 1);
	expect_sequences(92, 101);
}

Test(relay_serve, history_is_sent_as_asked) {
	dial_and_prove();
	subscribe(0, 0, 1000000);
	expect_sequences(72, 101);
	dial_and_prove();
	subscribe(0, 0, -1);
	expect_sequences(2, 101);
}

Test(relay_serve, a_puller_resumes_right_after_what_it_has) {
	dial_and_prove();
	subscribe(7, 55, 0);
	cr_assert(got.resumed);
	expect_sequences(56, 101);
	dial_and_prove();
	subscribe(7, 101, 0);
	cr_assert(got.resumed);
	cr_assert_eq(got.count, 0);
}

Test(relay_serve, what_cannot_be_resumed_begins_at_a_keyframe) {
	dial_and_prove();
	subscribe(6, 55, 0);
	cr_assert_not(got.resumed);
	expect_sequences(92, 101);
}

static void fetch(uint64_t epoch, uint64_t from, uint64_t to) {
	Weir__Relay__Fetch h_body = WEIR__RELAY__FETCH__INIT;
	h_body.id = 5;
	h_body.stream = (char *)name.text;
	h_body.rendition = (char *)"source";
	h_body.epoch = epoch;
	h_body.from = from;
	h_body.to = to;
	RELAY_HEADER(h, fetch, FETCH);
	got.fetch_done = false;
	got.count = got.marks = 0;
	send_message(&h);
	read_until(&got.fetch_done);
}

Test(relay_serve, fetch_gives_the_range_that_is_kept) {
	dial_and_prove();
	fetch(7, 10, 20);
	expect_sequences(10, 20);
	cr_assert_eq(got.next, 0);
	fetch(7, 0, 3);
	expect_sequences(2, 3);
	cr_assert_eq(got.marks, 1);
	fetch(7, 90, 5000);
	expect_sequences(90, 101);
	fetch(8, 1, 100);
	cr_assert_eq(got.count, 0);
}

static void drain_server(struct worker *w, void *context) {
	(void)w;
	(void)context;
	relay_server_drain(&server, 4500);
}

Test(relay_serve, a_node_that_drains_tells_links_old_and_new_and_takes_no_publisher) {
	dial_and_prove();
	locate(name.text); /* the link is ready */
	call_on(workers_at(group, 0), drain_server, NULL);
	read_until(&got.drain);
	cr_assert(got.drain);
	cr_assert_eq(got.seconds, 5);
	dial_and_prove();
	read_until(&got.drain);
	cr_assert(got.drain);
	Weir__Relay__Publish h_body = WEIR__RELAY__PUBLISH__INIT;
	h_body.id = 9;
	h_body.stream = (char *)"live/new";
	RELAY_HEADER(h, publish, PUBLISH);
	send_message(&h);
	read_until(&got.refused);
	cr_assert(got.refused);
	cr_assert_eq(got.reason, WEIR__RELAY__REASON__REASON_DRAINING);
	locate(name.text);
	cr_assert(got.found, "what it has it still serves");
}

/* --- copies --- */

static void become_copy(struct worker *w, void *context) {
	streams_find(w, &name)->replica = true;
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void hear_of_newer(struct worker *w, void *context) {
	streams_find(w, &name)->newer = EPOCH + 1;
	atomic_fetch_add((_Atomic int *)context, 1);
}

static void on_server(void (*fn)(struct worker *, void *)) {
	_Atomic int done = 0;
	call_on(workers_at(group, 0), fn, (void *)&done);
	wait_for_count(&done, 1);
}

Test(relay_serve, a_copy_is_told_as_one_and_not_at_all_once_a_newer_epoch_is_elsewhere) {
	dial_and_prove();
	locate(name.text);
	cr_assert(got.found && !got.replica);
	on_server(become_copy);
	locate(name.text);
	cr_assert(got.found && got.replica);
	on_server(hear_of_newer);
	locate(name.text);
	cr_assert(!got.found);
	Weir__Relay__Subscribe h_body = WEIR__RELAY__SUBSCRIBE__INIT;
	h_body.id = 4;
	h_body.stream = (char *)name.text;
	h_body.rendition = (char *)"source";
	RELAY_HEADER(h, subscribe, SUBSCRIBE);
	send_message(&h);
	read_until(&got.refused);
	cr_assert(got.refused && !got.accepted);
}

Test(relay_serve, who_has_more_than_the_log_goes_on_with_what_comes_next) {
	dial_and_prove();
	subscribe(EPOCH, FRAMES + 10, 0);
	cr_assert(got.accepted && got.resumed);
	cr_assert_eq(got.count, 0, "what it has already came again");
}
