/*
 * Sessions on a real worker, with a role that answers when the test says so, and clients that do what none should.
 */
#include "common/base/metrics.h"
#include "common/rtmp/session_parts.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/rtmp/session_client.h"
#include "tests/unit/common/stream/support.h"

#include <pthread.h>
#include <string.h>
#include <uv.h>

enum { KEPT_MOST = 512 };

static struct workers *group;
static struct config *config;
static struct rtmp_server server;
static struct listener listener;
static char address[64];
static struct client client;

static struct intake *asking; /* of the worker's thread, as all below */
static uint32_t timestamps[KEPT_MOST];
static enum sample_type types[KEPT_MOST];
static _Atomic int published, unpublished, got_samples, wanted, unwanted;

/* --- a role --- */

static void on_publish(struct intake *i) {
	asking = i;
	atomic_fetch_add(&published, 1);
}

static void on_samples(struct intake *i, const struct sample *samples, size_t count) {
	(void)i;
	for (size_t k = 0; k < count; k++) {
		int n = atomic_load(&got_samples);
		if (n < KEPT_MOST) {
			timestamps[n] = samples[k].timestamp_ms;
			types[n] = samples[k].type;
		}
		atomic_fetch_add(&got_samples, 1);
	}
}

static void on_unpublish(struct intake *i) {
	(void)i;
	atomic_fetch_add(&unpublished, 1);
}

/* live/cam1 is live as soon as somebody wants it; no other name is. */
static void on_wanted(struct stream *s) {
	atomic_fetch_add(&wanted, 1);
	if (strcmp(s->name.text, "live/cam1") != 0 || s->phase != STREAM_PENDING)
		return;
	struct rendition *r = stream_rendition_get(s, RENDITION_SOURCE);
	cr_expect_eq(stream_append(r, mark_of(1, 1, 0, 1)), 0);
	cr_expect_eq(stream_append(r, video_frame(1, 2, 0, true)), 0);
}

static void on_unwanted(struct stream *s) {
	atomic_fetch_add(&unwanted, 1);
	stream_end(s, "nobody");
}

static const struct streams_ops role = {.wanted = on_wanted,
                                        .unwanted = on_unwanted,
                                        .publish = on_publish,
                                        .samples = on_samples,
                                        .unpublish = on_unpublish};

/* --- a node --- */

static void on_connection(struct listener *l) {
	rtmp_server_accept(&server, l);
}

/* A port that is free now; another program may take it before us, then the next is tried. */
static int start(struct worker *w, void *context) {
	(void)context;
	rtmp_server_init(&server, w, config);
	server.may_publish = server.may_play = true;
	int err = streams_init(w, config, &role, NULL);
	for (int i = 0; i < 50 && !err; i++) {
		struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof sa;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&sa, size);
		getsockname(fd, (struct sockaddr *)&sa, &size);
		close(fd);
		snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(sa.sin_port));
		if (listener_probe(address) == 0 && listener_open(&listener, w, address, on_connection, NULL) == 0)
			return 0;
	}
	return err ? err : UV_EADDRINUSE;
}

static void stop(struct worker *w, void *context) {
	(void)context;
	listener_close(&listener);
	rtmp_server_stop(&server, "the node is stopping");
	streams_stop(w);
}

static void fini(struct worker *w, void *context) {
	(void)context;
	streams_fini(w);
}

static const struct worker_hooks hooks = {.start = start, .stop = stop, .fini = fini};

static void open_node_with(char *setting) {
	char *const overrides[] = {setting, NULL};
	struct buffer why;
	buffer_init(&why, 0);
	cr_assert_eq(config_parse(&config, CONFIG_EDGE, &(struct config_sources){.overrides = overrides}, &why), 0);
	buffer_fini(&why);
	cr_assert_eq(workers_start(&group, 1, &hooks, NULL), 0);
	client_open(&client, address);
	client_add_connect(&client);
}

static void open_node(void) {
	open_node_with(NULL);
}

static void open_impatient_node(void) {
	static char setting[] = "rtmp.idle_timeout=1s";
	open_node_with(setting);
}

static void close_node(void) {
	client_close(&client);
	cr_assert_eq(workers_stop(&group, 5000), 0);
	config_free(&config);
	cr_assert_eq(metric_value(M_CONNECTIONS_RTMP), 0);
	cr_assert_eq(metric_value(M_PUBLISHERS), 0);
}

TestSuite(rtmp_session, .init = open_node, .fini = close_node);
TestSuite(rtmp_idle_session, .init = open_impatient_node, .fini = close_node);

/* --- on the worker --- */

static _Atomic int asked; /* how many times something was done on the worker */
static int64_t answer;    /* what it said the last time */

static struct rtmp_session *only_session(void) {
	cr_assert_not(list_empty(&server.sessions));
	return list_entry(server.sessions.next, struct rtmp_session, node);
}

static int64_t ask(void (*fn)(struct worker *, void *), const void *context) {
	int before = atomic_load(&asked);
	call_on(workers_at(group, 0), fn, (void *)context);
	wait_for_count(&asked, before + 1);
	return answer;
}

static void tell_read(struct worker *w, void *context) {
	(void)w;
	(void)context;
	answer = (int64_t)only_session()->conn.read_bytes;
	atomic_fetch_add(&asked, 1);
}

static void tell_kept(struct worker *w, void *context) {
	(void)w;
	(void)context;
	answer = only_session()->publish ? (int64_t)only_session()->publish->early.bytes : -1;
	atomic_fetch_add(&asked, 1);
}

static void accept_it(struct worker *w, void *context) {
	(void)w;
	(void)context;
	intake_accept(asking, 7);
	atomic_fetch_add(&asked, 1);
}

static void refuse_it(struct worker *w, void *context) {
	(void)w;
	(void)context;
	intake_refuse(asking, PUBLISH_BAD_NAME, "taken");
	atomic_fetch_add(&asked, 1);
}

static void wait_for(void (*fn)(struct worker *, void *), int64_t want) {
	struct timespec pause = {.tv_nsec = 1000000};
	int64_t is = 0;
	for (int i = 0; i < WAIT_MAX_MS && (is = ask(fn, NULL)) < want; i++)
		nanosleep(&pause, NULL);
	cr_assert_geq(is, want, "waited in vain for %lld, have %lld", (long long)want, (long long)is);
}

static void wait_for_no_session(void) {
	struct timespec pause = {.tv_nsec = 1000000};
	for (int i = 0; i < WAIT_MAX_MS && metric_value(M_CONNECTIONS_RTMP); i++)
		nanosleep(&pause, NULL);
	cr_assert_eq(metric_value(M_CONNECTIONS_RTMP), 0);
}

/* --- media before the verdict --- */

static const struct slice avc_config = {(const uint8_t *)"\x17\x00\x00\x00\x00config", 11};
static const struct slice aac_config = {(const uint8_t *)"\xaf\x00\x12\x10", 4};
static const struct slice keyframe = {(const uint8_t *)"\x17\x01\x00\x00\x00\x00\x00\x00\x01\x65", 10};

static void add_frames(int count, size_t size) {
	uint8_t *payload = calloc(1, size);
	memcpy(payload, keyframe.data, keyframe.size);
	for (int i = 0; i < count; i++)
		client_add(&client, RTMP_VIDEO, (uint32_t)i, (struct slice){payload, size});
	free(payload);
}

static void add_head(void) {
	struct buffer b;
	buffer_init(&b, 0);
	amf0_write_string(&b, "onMetaData");
	amf0_write_object_begin(&b);
	amf0_write_number_member(&b, "width", 320);
	amf0_write_object_end(&b);
	client_add(&client, RTMP_DATA_AMF0, 0, buffer_slice(&b));
	buffer_fini(&b);
	client_add(&client, RTMP_VIDEO, 0, avc_config);
	client_add(&client, RTMP_AUDIO, 0, aac_config);
	client_add(&client, RTMP_VIDEO, 40, keyframe);
}

/* All that is sent has been read, and asks to publish. */
static void send_and_wait(void) {
	size_t sent = 1 + 2 * HANDSHAKE_SIZE + client.out.size;
	client_send(&client);
	wait_for_count(&published, 1);
	wait_for(tell_read, (int64_t)sent);
}

Test(rtmp_session, what_an_encoder_sends_before_it_is_accepted_is_published_then) {
	client_add_command(&client, "publish", 2, "cam1");
	add_head();
	send_and_wait();
	cr_assert_eq(atomic_load(&got_samples), 0, "nothing is published before the verdict");
	ask(accept_it, NULL);
	wait_for_count(&got_samples, 4);
	cr_expect_eq(types[0], SAMPLE_METADATA);
	cr_expect_eq(types[1], SAMPLE_CONFIG);
	cr_expect_eq(types[2], SAMPLE_CONFIG);
	cr_expect_eq(types[3], SAMPLE_FRAME);
	cr_expect_eq(timestamps[3], 40);
	client_add(&client, RTMP_VIDEO, 80, keyframe);
	client_send(&client);
	wait_for_count(&got_samples, 5);
	cr_expect_eq(timestamps[4], 80, "and it goes on behind that");
}

static void *send_all(void *context) {
	(void)context;
	client_send(&client);
	return NULL;
}

Test(rtmp_session, past_a_bound_early_media_wait_in_the_socket_and_none_is_lost) {
	enum { FRAMES = 400, SIZE = 10000, SLACK = WORKER_READ_BUFFER + 2 * SIZE };
	pthread_t sender;
	client_add_command(&client, "publish", 2, "cam1");
	add_frames(FRAMES, SIZE);
	cr_assert_eq(pthread_create(&sender, NULL, send_all, NULL), 0);
	wait_for_count(&published, 1);
	wait_for(tell_kept, RTMP_EARLY_BYTES + 1);
	cr_expect_leq(ask(tell_kept, NULL), RTMP_EARLY_BYTES + SLACK);
	ask(accept_it, NULL);
	wait_for_count(&got_samples, FRAMES);
	pthread_join(sender, NULL);
	for (uint32_t i = 0; i < FRAMES; i++)
		cr_assert_eq(timestamps[i], i);
}

Test(rtmp_session, early_media_of_a_publisher_that_is_refused_are_dropped) {
	client_add_command(&client, "publish", 2, "cam1");
	add_head();
	send_and_wait();
	ask(refuse_it, NULL);
	cr_expect(client_hears(&client, "NetStream.Publish.BadName"));
	cr_expect(client_sees_the_end(&client));
	cr_expect_eq(atomic_load(&got_samples), 0);
}

Test(rtmp_session, an_encoder_that_leaves_before_the_verdict_is_heard_again) {
	client_add_command(&client, "publish", 2, "cam1");
	add_frames(1, RTMP_EARLY_BYTES + 1); /* reading pauses, and the rest of that read has the end */
	client_add_command(&client, "closeStream", 0, NULL);
	client_send(&client);
	wait_for_count(&published, 1);
	client_add_command(&client, "getStreamLength", 9, NULL);
	client_send(&client);
	cr_expect(client_hears(&client, "_result"));
	wait_for_count(&unpublished, 1);
	cr_expect_eq(atomic_load(&got_samples), 0);
}

/* --- a peer that does not read --- */

/* More than is ever kept for a peer, within a turn. */
static void fill_queue(struct rtmp_session *s) {
	for (size_t size = 65536; size; size /= 2) {
		struct bytes *b = bytes_new(size);
		memset(b->data, 0, size);
		while (conn_send(&s->conn, bytes_ref(b)) == 0)
			;
		bytes_unref(&b);
	}
}

static void accept_with_a_full_queue(struct worker *w, void *context) {
	struct rtmp_session *s = only_session();
	(void)w;
	(void)context;
	fill_queue(s);
	s->publish->publisher.ops->on_accepted(&s->publish->publisher, 7);
	answer = s->phase;
	atomic_fetch_add(&asked, 1);
}

Test(rtmp_session, an_encoder_that_reads_no_answers_may_be_accepted_in_vain) {
	client_add_command(&client, "publish", 2, "cam1");
	client_send(&client);
	wait_for_count(&published, 1);
	cr_expect_eq(ask(accept_with_a_full_queue, NULL), RTMP_PHASE_CLOSED);
	wait_for_count(&unpublished, 1);
	wait_for_no_session();
}

static void wait_with_a_full_queue(struct worker *w, void *context) {
	struct rtmp_session *s = only_session();
	(void)w;
	(void)context;
	fill_queue(s);
	s->play->reader.ops->on_waiting(&s->play->reader, true);
	answer = s->phase;
	atomic_fetch_add(&asked, 1);
}

Test(rtmp_session, a_player_that_reads_nothing_may_be_told_of_a_wait_in_vain) {
	client_add_command(&client, "play", 2, "cam1");
	client_send(&client);
	cr_assert(client_hears(&client, "NetStream.Play.Start"));
	cr_expect_eq(ask(wait_with_a_full_queue, NULL), RTMP_PHASE_CLOSED);
	wait_for_count(&unwanted, 1);
	wait_for_no_session();
}

/* --- ends --- */

static void close_conn(struct worker *w, void *context) {
	(void)w;
	(void)context;
	conn_close(&only_session()->conn);
	atomic_fetch_add(&asked, 1);
}

Test(rtmp_session, a_publisher_ends_with_its_conn) {
	client_add_command(&client, "publish", 2, "cam1");
	client_send(&client);
	wait_for_count(&published, 1);
	ask(accept_it, NULL);
	cr_assert(client_hears(&client, "NetStream.Publish.Start"));
	ask(close_conn, NULL);
	wait_for_count(&unpublished, 1);
	wait_for_no_session();
}

Test(rtmp_session, a_player_ends_with_its_conn) {
	client_add_command(&client, "play", 2, "cam1");
	client_send(&client);
	cr_assert(client_hears(&client, "NetStream.Play.Start"));
	ask(close_conn, NULL);
	wait_for_count(&unwanted, 1);
	wait_for_no_session();
}

Test(rtmp_idle_session, a_player_that_stops_and_stays_is_idle) {
	client_add_command(&client, "play", 2, "cam1");
	client_send(&client);
	cr_assert(client_hears(&client, "NetStream.Play.Start"));
	client_add_command(&client, "closeStream", 0, NULL);
	client_send(&client);
	cr_expect(client_sees_the_end(&client), "rtmp.idle_timeout is its end");
}

/* --- too many --- */

Test(rtmp_session, plays_on_one_connection_have_a_budget) {
	char name[16];
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "no%d", i);
		client_add_command(&client, "play", 2, name);
	}
	client_add_command(&client, "getStreamLength", 9, NULL);
	client_send(&client);
	wait_for_count(&wanted, 8);
	cr_expect(client_hears(&client, "_result"), "a few are fine");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "yes%d", i);
		client_add_command(&client, "play", 2, name);
	}
	client_send(&client);
	cr_expect(client_hears(&client, "NetStream.Play.Failed"));
	cr_expect(client_hears(&client, "too many publish and play commands"));
	cr_expect(client_sees_the_end(&client));
	cr_expect_lt(atomic_load(&wanted), 28);
}
