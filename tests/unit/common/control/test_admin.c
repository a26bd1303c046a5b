#include "common/base/metrics.h"
#include "common/control/drain_api.h"
#include "common/control/node.h"
#include "tests/unit/common/http/client.h"
#include "tests/unit/common/stream/support.h"

#include <jansson.h>

/* Two workers, the first of which serves HTTP. Each test runs in a process of its own. */
enum { WORKERS = 2 };

static struct test_server server;
static struct relay_node self = {.id = "node-1"};
static struct node node;
static char head[4096], body[65536];
static _Atomic bool ready = true;
static _Atomic int entered, collected;
static uv_sem_t go_on;
static bool hold_worker_1;

/* --- what a role would tell --- */

static void describe_stream(struct stream *s, json_t *object) {
	json_object_set_new(object, "home", json_integer(streams_worker(s->streams)->index));
}

static void list_sessions(struct worker *w, json_t *array) {
	char id[20];
	atomic_fetch_add(&collected, 1);
	if (hold_worker_1 && w->index == 1) {
		atomic_fetch_add(&entered, 1);
		uv_sem_wait(&go_on);
	}
	snprintf(id, sizeof id, "session-%u", w->index);
	const struct rtmp_session_info info = {
	    .id = id, .remote = "127.0.0.1:1", .stream = "live/\xff", .state = "playing", .sent_bytes = 1ull << 40};
	admin_add_rtmp_session(&info, array);
}

static void list_nodes(struct worker *w, json_t *array) {
	char own[20];
	snprintf(own, sizeof own, "edge-%u", w->index);
	admin_add_node(array, "node-1", "origin", "127.0.0.1:1950", "up", NULL);
	admin_add_node(array, own, "edge", "127.0.0.1:2", "down", "refused");
}

static void list_missing(struct worker *w, json_t *missing, json_t *warnings) {
	(void)w;
	json_array_append_new(warnings, json_string("the map is away"));
	if (!atomic_load(&ready))
		json_array_append_new(missing, json_string("no link to an origin is up"));
}

static const struct admin_providers providers = {
    .stream = describe_stream, .sessions = list_sessions, .nodes = list_nodes, .not_ready = list_missing};

/* --- a node's workers, without its life --- */

static const struct streams_ops no_streams_ops = {0};

static int on_start(struct worker *w, void *context) {
	struct test_server *t = context;
	struct node_worker *n = calloc(1, sizeof *n);
	w->node = n;
	n->worker = w;
	n->node = &node;
	struct http_server *http = w->index == 0 ? &t->http : &n->http;
	http_server_init(http, w, t->config, n);
	admin_init(&n->admin, http, &self, &providers, &node.drain);
	drain_api_init(http);
	int err = streams_init(w, t->config, &no_streams_ops, n);
	return err || w->index ? err : test_server_listen(t, w);
}

static void on_stop(struct worker *w, void *context) {
	if (w->index == 0)
		test_server_on_stop(w, context);
	streams_stop(w);
}

static void on_fini(struct worker *w, void *context) {
	(void)context;
	streams_fini(w);
	free(w->node);
}

static const struct worker_hooks node_hooks = {.start = on_start, .stop = on_stop, .fini = on_fini};

static void start(void) {
	struct buffer why;
	buffer_init(&why, 0);
	signal(SIGPIPE, SIG_IGN);
	clock_init();
	cr_assert_eq(config_parse(&server.config, CONFIG_EDGE, &(struct config_sources){0}, &why), 0);
	buffer_fini(&why);
	cr_assert_eq(workers_start(&server.group, WORKERS, &node_hooks, &server), 0);
}

static int ask(const char *path) {
	char request[300];
	int fd = client_connect(&server);
	snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	client_send(fd, request);
	int status = client_answer(fd, head, sizeof head, body, sizeof body);
	close(fd);
	return status;
}

static json_t *ask_json(const char *path, int status) {
	cr_assert_eq(ask(path), status, "%s: %s", path, body);
	cr_expect(strstr(head, "Content-Type: application/json\r\n"));
	json_t *o = json_loads(body, 0, NULL);
	cr_assert(o, "%s is no JSON", body);
	return o;
}

static const char *string_at(json_t *o, const char *key) {
	const char *s = json_string_value(json_object_get(o, key));
	cr_assert(s, "no text %s", key);
	return s;
}

/* --- streams to ask for --- */

static struct stream_name names[WORKERS];
static _Atomic int made;

/* A name at home on each worker. */
static void choose_names(void) {
	for (int i = 0, found = 0; found != (1 << WORKERS) - 1; i++) {
		char text[40];
		struct stream_name name;
		snprintf(text, sizeof text, "live/cam%d", i);
		cr_assert_eq(stream_name_parse(&name, text, strlen(text)), 0);
		unsigned home = stream_home(workers_at(server.group, 0), &name)->index;
		names[home] = name;
		found |= 1 << home;
	}
}

/* Only the second worker's stream goes live. */
static void make_stream(struct worker *w, void *context) {
	(void)context;
	struct stream *s = streams_get(w, &names[w->index]);
	if (w->index == 1) {
		struct rendition *r = stream_rendition_get(s, RENDITION_SOURCE);
		cr_expect_eq(stream_append(r, mark_of(1ull << 60, 1, 0, 7)), 0);
		cr_expect_eq(stream_append(r, video_frame(1ull << 60, 2, 0, true)), 0);
	}
	atomic_fetch_add(&made, 1);
}

static void make_streams(void) {
	choose_names();
	for (unsigned i = 0; i < WORKERS; i++)
		call_on(workers_at(server.group, i), make_stream, NULL);
	wait_for_count(&made, WORKERS);
}

/* --- tests --- */

Test(admin, health_needs_nobody_else) {
	start();
	json_t *o = ask_json("/healthz", 200);
	cr_expect(json_is_true(json_object_get(o, "ok")));
	json_decref(o);
	test_server_stop(&server);
}

Test(admin, readiness_tells_each_reason_once) {
	start();
	json_t *o = ask_json("/readyz", 200);
	cr_expect(json_is_true(json_object_get(o, "ready")));
	cr_expect_eq(json_array_size(json_object_get(o, "missing")), 0);
	cr_expect_eq(json_array_size(json_object_get(o, "warnings")), 1, "told once, by all workers");
	cr_expect_eq(json_array_size(json_object_get(o, "missing")), 0);
	json_decref(o);
	atomic_store(&ready, false);
	o = ask_json("/readyz", 503);
	cr_expect(json_is_false(json_object_get(o, "ready")));
	json_t *missing = json_object_get(o, "missing");
	cr_assert_eq(json_array_size(missing), 1, "both workers miss the same");
	cr_expect_str_eq(json_string_value(json_array_get(missing, 0)), "no link to an origin is up");
	json_decref(o);
	test_server_stop(&server);
}

Test(admin, metrics_are_prometheus_text) {
	start();
	cr_assert_eq(ask("/metrics"), 200);
	cr_expect(strstr(head, "Content-Type: text/plain; version=0.0.4"));
	cr_expect(strstr(body, "# TYPE weir_connections gauge\n"));
	cr_expect(strstr(body, "weir_connections{protocol=\"http\"} 1\n"));
	test_server_stop(&server);
}

Test(admin, streams_come_from_all_workers) {
	start();
	make_streams();
	json_t *o = ask_json("/api/v1/streams", 200), *streams = json_object_get(o, "streams");
	cr_assert_eq(json_array_size(streams), WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		json_t *s = json_array_get(streams, i);
		cr_expect_str_eq(string_at(s, "name"), names[i].text);
		cr_expect_str_eq(string_at(s, "state"), i ? "live" : "pending");
		cr_expect_eq(json_integer_value(json_object_get(s, "home")), i, "the role's own part");
	}
	json_decref(o);
	test_server_stop(&server);
}

Test(admin, one_stream_is_told_with_its_tracks_and_epochs_as_text) {
	char path[400];
	start();
	make_streams();
	snprintf(path, sizeof path, "/api/v1/streams/%s", names[1].text);
	json_t *s = ask_json(path, 200);
	cr_expect_str_eq(string_at(s, "epoch"), "1152921504606846976", "more than a JavaScript number holds");
	cr_expect_eq(json_integer_value(json_object_get(s, "frames")), 1);
	json_t *tracks = json_object_get(s, "tracks");
	cr_assert_eq(json_array_size(tracks), 1);
	cr_expect_str_eq(string_at(json_array_get(tracks, 0), "kind"), "video");
	cr_expect_str_eq(string_at(json_array_get(tracks, 0), "rendition"), "source");
	json_decref(s);
	test_server_stop(&server);
}

Test(admin, an_unknown_stream_and_what_is_no_name_are_404) {
	start();
	json_t *o = ask_json("/api/v1/streams/live/nobody", 404);
	cr_expect_str_eq(string_at(json_object_get(o, "error"), "code"), "not_found");
	json_decref(o);
	json_decref(ask_json("/api/v1/streams/live/.hidden", 404));
	json_decref(ask_json("/api/v1/streams/api/x", 404));
	test_server_stop(&server);
}

Test(admin, sessions_come_from_all_workers_and_bad_text_harms_nothing) {
	start();
	json_t *o = ask_json("/api/v1/sessions", 200), *sessions = json_object_get(o, "sessions");
	cr_assert_eq(json_array_size(sessions), WORKERS);
	cr_expect_str_eq(string_at(json_array_get(sessions, 1), "id"), "session-1");
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(sessions, 0), "sent_bytes")), 1ll << 40);
	cr_expect(json_is_null(json_object_get(json_array_get(sessions, 0), "stream")), "not UTF-8");
	json_decref(o);
	test_server_stop(&server);
}

Test(admin, a_node_that_all_workers_know_is_listed_once) {
	start();
	json_t *o = ask_json("/api/v1/nodes", 200), *nodes = json_object_get(o, "nodes");
	cr_assert_eq(json_array_size(nodes), 1 + WORKERS);
	cr_expect_str_eq(string_at(json_array_get(nodes, 0), "id"), "node-1");
	cr_expect_str_eq(string_at(json_array_get(nodes, 2), "why"), "refused");
	json_decref(o);
	test_server_stop(&server);
}

static void wait_until_no_client(void) {
	struct timespec pause = {.tv_nsec = 1000000};
	for (int i = 0; i < WAIT_MAX_MS && metric_value(M_CONNECTIONS_HTTP); i++)
		nanosleep(&pause, NULL);
	cr_assert_eq(metric_value(M_CONNECTIONS_HTTP), 0);
}

Test(admin, a_client_that_leaves_while_workers_are_asked_harms_nothing) {
	uv_sem_init(&go_on, 0);
	hold_worker_1 = true;
	start();
	int fd = client_connect(&server);
	client_send(fd, "GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_count(&entered, 1);
	close(fd);
	wait_until_no_client();
	uv_sem_post(&go_on);
	json_decref(ask_json("/readyz", 200)); /* answered behind the first on every worker */
	test_server_stop(&server);
	uv_sem_destroy(&go_on);
}

Test(admin, a_list_is_made_once_for_all_who_ask_meanwhile) {
	enum { CLIENTS = 20 };
	int fds[CLIENTS];
	uv_sem_init(&go_on, 0);
	hold_worker_1 = true;
	start();
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = client_connect(&server);
		client_send(fds[i], "GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n");
		if (i == 0)
			wait_for_count(&entered, 1);
	}
	struct timespec pause = {.tv_nsec = 1000000};
	for (int i = 0; i < WAIT_MAX_MS && metric_value(M_HTTP_REQUESTS) < CLIENTS; i++)
		nanosleep(&pause, NULL);
	hold_worker_1 = false; /* which worker 1 reads again after go_on */
	uv_sem_post(&go_on);
	for (int i = 0; i < CLIENTS; i++) {
		cr_assert_eq(client_answer(fds[i], head, sizeof head, body, sizeof body), 200);
		cr_expect(strstr(body, "session-0") && strstr(body, "session-1"));
		close(fds[i]);
	}
	cr_expect_eq(atomic_load(&collected), 2 * WORKERS, "once for the first, and once for all who came after it");
	test_server_stop(&server);
	uv_sem_destroy(&go_on);
}

Test(admin, who_leaves_while_a_list_rests_holds_nobody) {
	uv_sem_init(&go_on, 0);
	hold_worker_1 = true;
	start();
	int first = client_connect(&server), second = client_connect(&server);
	client_send(first, "GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_count(&entered, 1);
	client_send(second, "GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n");
	close(second);
	hold_worker_1 = false;
	uv_sem_post(&go_on);
	cr_assert_eq(client_answer(first, head, sizeof head, body, sizeof body), 200);
	close(first);
	wait_until_no_client();
	test_server_stop(&server);
	uv_sem_destroy(&go_on);
}

Test(admin, stopping_while_workers_are_asked_ends_well) {
	uv_sem_init(&go_on, 0);
	hold_worker_1 = true;
	start();
	int fd = client_connect(&server);
	client_send(fd, "GET /api/v1/sessions HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_count(&entered, 1);
	uv_sem_post(&go_on);
	test_server_stop(&server);
	close(fd);
	uv_sem_destroy(&go_on);
}
