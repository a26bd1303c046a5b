#include "tests/unit/common/http/client.h"

/* Each test runs in a process of its own. */
static struct test_server server;
static _Atomic int gone, streaming, writable;
static char head[8192], body[65536];

/* --- handlers --- */

static void on_hello(struct http_exchange *x) {
	struct buffer b;
	buffer_init(&b, 0);
	buffer_printf(&b, "hello %s %s", x->params[0], x->query);
	http_respond(x, 200, "text/plain", "X-Test: yes\r\n", buffer_take(&b));
}

static void on_empty(struct http_exchange *x) {
	http_respond(x, 204, NULL, NULL, NULL);
}

static void on_large(struct http_exchange *x) {
	struct bytes *b = bytes_new(20000);
	memset(b->data, 'x', b->size);
	memcpy(b->data, x->params[0], strlen(x->params[0]));
	http_respond(x, 200, "text/plain", NULL, b);
}

static void count_gone(struct http_exchange *x) {
	(void)x;
	atomic_fetch_add(&gone, 1);
}

static void answer_later(struct worker *w, void *context) {
	(void)w;
	on_hello(context);
}

static void on_later(struct http_exchange *x) {
	x->on_gone = count_gone;
	call_on(x->worker, answer_later, x);
}

static void on_never(struct http_exchange *x) {
	x->on_gone = count_gone;
	atomic_fetch_add(&streaming, 1);
}

static void on_unsendable(struct http_exchange *x) {
	x->on_gone = count_gone;
	sink_send(http_stream_sink(x), bytes_new(CONN_QUEUE_LIMIT));
	on_hello(x);
	atomic_fetch_add(&streaming, 1);
}

/* Three blocks, framed as the client wants, sent as a fan-out does. */
static void on_stream(struct http_exchange *x) {
	bool chunked = http_stream_framing(x) == HTTP_FRAMING_CHUNKED;
	if (!http_stream_begin(x, 200, "video/x-flv", "Cache-Control: no-store\r\n"))
		return;
	struct bytes *b = bytes_copy(chunked ? "3\r\nabc\r\n" : "abc", chunked ? 8 : 3);
	const struct conn_slice slices[] = {{b->data, b->size, b}, {b->data, b->size, b}};
	cr_expect_eq(sink_send(http_stream_sink(x), bytes_ref(b)), 0);
	cr_expect_eq(sink_try_writev(http_stream_sink(x), slices, 2), 2);
	bytes_unref(&b);
	http_stream_end(x);
}

/* Sends as much as the client takes, without an end. */
static void send_more(struct http_exchange *x) {
	struct bytes *b = bytes_new(50000);
	memset(b->data, 'x', b->size);
	const struct conn_slice slice = {b->data, b->size, b};
	while (sink_try_writev(http_stream_sink(x), &slice, 1) == 1 && !sink_blocked(http_stream_sink(x)))
		;
	bytes_unref(&b);
}

static void on_more_room(struct http_exchange *x) {
	atomic_fetch_add(&writable, 1);
	send_more(x);
}

static void on_endless(struct http_exchange *x) {
	cr_expect(http_stream_begin(x, 200, "video/x-flv", NULL));
	x->on_gone = count_gone;
	x->on_writable = on_more_room;
	send_more(x);
	atomic_fetch_add(&streaming, 1);
}

static void on_aborted(struct http_exchange *x) {
	cr_expect(http_stream_begin(x, 200, "video/x-flv", NULL));
	x->on_gone = count_gone;
	http_stream_abort(x, "the test wants it");
}

static const struct http_route routes[] = {
    {HTTP_GET_METHOD, "/hello/{name}", on_hello}, {HTTP_POST_METHOD, "/hello/{name}", on_hello},
    {HTTP_GET_METHOD, "/empty", on_empty},        {HTTP_GET_METHOD, "/large/{name}", on_large},
    {HTTP_GET_METHOD, "/later/{name}", on_later}, {HTTP_GET_METHOD, "/never", on_never},
    {HTTP_GET_METHOD, "/stream", on_stream},      {HTTP_GET_METHOD, "/endless", on_endless},
    {HTTP_GET_METHOD, "/aborted", on_aborted},    {HTTP_GET_METHOD, "/unsendable/{name}", on_unsendable},
};

static void start(const char *yaml) {
	test_server_start(&server, routes, sizeof routes / sizeof *routes, yaml);
}

/* One request on a connection of its own; the status. */
static int ask(const char *request) {
	int fd = client_connect(&server);
	client_send(fd, request);
	int status = client_answer(fd, head, sizeof head, body, sizeof body);
	close(fd);
	return status;
}

static void expect_closed(int fd) {
	char rest[2];
	cr_expect_eq(client_read(fd, rest, sizeof rest, NULL), 0, "the connection goes on with %s", rest);
	close(fd);
}

static void expect_text(const char *where, const char *what) {
	cr_expect(strstr(where, what), "no %s in\n%s", what, where);
}

#define REQUEST(method, path) method " " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* --- whole answers --- */

Test(http_server, answers_and_keeps_the_connection) {
	start("");
	int fd = client_connect(&server);
	for (int i = 0; i < 3; i++) {
		client_send(fd, REQUEST("GET", "/hello/w%6frld?a=%20b"));
		cr_assert_eq(client_answer(fd, head, sizeof head, body, sizeof body), 200);
		cr_expect_str_eq(body, "hello world a=%20b");
		expect_text(head, "HTTP/1.1 200 OK\r\n");
		expect_text(head, "Content-Type: text/plain\r\n");
		expect_text(head, "X-Test: yes\r\n");
		expect_text(head, "Access-Control-Allow-Origin: *\r\n");
		expect_text(head, " GMT\r\n");
	}
	close(fd);
	test_server_stop(&server);
}

Test(http_server, an_answer_without_a_body_says_so) {
	start("");
	cr_expect_eq(ask(REQUEST("GET", "/empty")), 204);
	cr_expect_not(strstr(head, "Content-Length"));
	test_server_stop(&server);
}

Test(http_server, HEAD_gets_the_head_alone) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, REQUEST("HEAD", "/hello/x") REQUEST("HEAD", "/stream") REQUEST("GET", "/empty"));
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_text(head, "Content-Length: 8\r\n");
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_text(head, "Content-Type: video/x-flv\r\n");
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_text(head, "HTTP/1.1 204");
	close(fd);
	test_server_stop(&server);
}

Test(http_server, paths_and_methods_without_a_route_are_told_why) {
	start("");
	cr_expect_eq(ask(REQUEST("GET", "/nowhere")), 404);
	expect_text(body, "{\"error\":{\"code\":\"not_found\",\"message\":\"");
	expect_text(head, "Content-Type: application/json\r\n");
	cr_expect_eq(ask(REQUEST("DELETE", "/hello/x")), 405);
	expect_text(head, "Allow: OPTIONS, GET, HEAD, POST\r\n");
	cr_expect_eq(ask(REQUEST("PROPFIND", "/empty")), 405);
	cr_expect_eq(ask(REQUEST("GET", "/a/../hello/x")), 400);
	expect_text(body, "\"code\":\"bad_path\"");
	test_server_stop(&server);
}

Test(http_server, a_page_of_another_origin_may_ask) {
	start("");
	cr_expect_eq(ask("OPTIONS /hello/x HTTP/1.1\r\nHost: x\r\nOrigin: http://elsewhere\r\n"
	                 "Access-Control-Request-Method: POST\r\n\r\n"),
	             204);
	expect_text(head, "Access-Control-Allow-Origin: *\r\n");
	expect_text(head, "Access-Control-Allow-Methods: OPTIONS, GET, HEAD, POST\r\n");
	expect_text(head, "Access-Control-Allow-Headers: *\r\n");
	cr_expect_eq(ask(REQUEST("OPTIONS", "/nowhere")), 404);
	test_server_stop(&server);
}

Test(http_server, http_1_0_is_closed_unless_it_asks) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, "GET /empty HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_text(head, "Connection: keep-alive\r\n");
	client_send(fd, "GET /empty HTTP/1.0\r\n\r\n");
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_text(head, "Connection: close\r\n");
	expect_closed(fd);
	test_server_stop(&server);
}

Test(http_server, what_is_malformed_is_answered_and_closed) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, "GET / HTTP/1.1\r\nHost : x\r\n\r\n" REQUEST("GET", "/empty"));
	cr_expect_eq(client_answer(fd, head, sizeof head, body, sizeof body), 400);
	expect_text(body, "{\"error\":{\"code\":\"malformed_header\",");
	expect_text(head, "Connection: close\r\n");
	expect_closed(fd);
	test_server_stop(&server);
}

Test(http_server, limits_come_from_the_configuration) {
	start("http: {max_header: 1KiB, max_body: 1KiB}");
	char text[3000];
	snprintf(text, sizeof text, "GET /empty HTTP/1.1\r\nHost: x\r\nA: %01200d\r\n\r\n", 0);
	cr_expect_eq(ask(text), 431);
	cr_expect_eq(ask("POST /hello/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n"), 413);
	test_server_stop(&server);
}

Test(http_server, asks_for_the_body_of_a_client_that_waits) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, "POST /hello/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	client_read(fd, head, sizeof head, "\r\n\r\n");
	cr_expect_str_eq(head, "HTTP/1.1 100 Continue\r\n\r\n");
	client_send(fd, "body");
	cr_expect_eq(client_answer(fd, head, sizeof head, body, sizeof body), 200);
	close(fd);
	test_server_stop(&server);
}

/* --- what comes ahead --- */

Test(http_server, pipelined_requests_are_answered_in_order_also_when_a_handler_takes_its_time) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, REQUEST("GET", "/later/a") REQUEST("GET", "/hello/b") REQUEST("GET", "/later/c"));
	client_send(fd, REQUEST("GET", "/later/d") REQUEST("GET", "/hello/e"));
	static const char *const want[] = {"hello a ", "hello b ", "hello c ", "hello d ", "hello e "};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		cr_assert_eq(client_answer(fd, head, sizeof head, body, sizeof body), 200);
		cr_expect_str_eq(body, want[i]);
	}
	close(fd);
	cr_expect_eq(atomic_load(&gone), 0);
	test_server_stop(&server);
}

Test(http_server, a_client_that_asks_much_and_reads_late_gets_every_answer) {
	enum { REQUESTS = 500 }; /* 10 MB of answers: more than a connection may queue */
	start("");
	int fd = client_connect(&server);
	for (int i = 0; i < REQUESTS; i++) {
		char text[100];
		snprintf(text, sizeof text, REQUEST("GET", "/large/%03d"), i);
		client_send(fd, text);
	}
	for (int i = 0; i < REQUESTS; i++) {
		char want[4];
		snprintf(want, sizeof want, "%03d", i);
		cr_assert_eq(client_answer(fd, head, sizeof head, body, sizeof body), 200);
		cr_assert_eq(strlen(body), 20000);
		cr_assert_arr_eq(body, want, 3);
	}
	close(fd);
	test_server_stop(&server);
}

Test(http_server, answers_a_client_that_has_ended_its_side) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, REQUEST("GET", "/large/a") REQUEST("GET", "/large/b"));
	shutdown(fd, SHUT_WR);
	static char all[65536];
	cr_expect_gt(client_read(fd, all, sizeof all, NULL), 40000);
	close(fd);
	test_server_stop(&server);
}

/* --- streams --- */

Test(http_server, a_stream_is_chunked_on_http_1_1_and_plain_on_1_0) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, REQUEST("GET", "/stream"));
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_text(head, "Transfer-Encoding: chunked\r\n");
	client_read(fd, body, sizeof body, "0\r\n\r\n");
	cr_expect_str_eq(body, "3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n");
	client_send(fd, REQUEST("GET", "/stream"));
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_text(head, "HTTP/1.1 200 OK\r\n"); /* a stream that ends leaves the connection to the next request */
	close(fd);
	fd = client_connect(&server);
	client_send(fd, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_read(fd, head, sizeof head, "\r\n\r\n");
	cr_expect_not(strstr(head, "Transfer-Encoding"));
	expect_text(head, "Connection: close\r\n");
	client_read(fd, body, sizeof body, NULL);
	cr_expect_str_eq(body, "abcabcabc");
	close(fd);
	test_server_stop(&server);
}

Test(http_server, a_stream_waits_for_a_slow_client_and_goes_on) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, REQUEST("GET", "/endless"));
	wait_for_count(&streaming, 1);
	size_t got = 0;
	while (got < 20000000) {
		ssize_t n = read(fd, body, sizeof body);
		cr_assert_gt(n, 0);
		got += (size_t)n;
	}
	cr_expect_gt(atomic_load(&writable), 0, "the socket was never full: the test proves nothing");
	close(fd);
	wait_for_count(&gone, 1);
	test_server_stop(&server);
}

Test(http_server, a_client_that_leaves_is_told_to_the_handler_once) {
	start("");
	int waiting = client_connect(&server), watching = client_connect(&server);
	client_send(waiting, REQUEST("GET", "/never"));
	client_send(watching, REQUEST("GET", "/endless"));
	wait_for_count(&streaming, 2);
	close(waiting);
	wait_for_count(&gone, 1);
	close(watching);
	wait_for_count(&gone, 2);
	test_server_stop(&server);
	cr_expect_eq(atomic_load(&gone), 2);
}

Test(http_server, an_aborted_stream_is_seen_to_be_incomplete) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, REQUEST("GET", "/aborted"));
	ssize_t n;
	size_t got = 0;
	while ((n = read(fd, body + got, sizeof body - 1 - got)) > 0)
		got += (size_t)n;
	body[got] = '\0';
	cr_expect_not(strstr(body, "0\r\n\r\n"));
	close(fd);
	test_server_stop(&server);
	cr_expect_eq(atomic_load(&gone), 0, "who aborts is not told");
}

Test(http_server, a_handler_that_has_answered_hears_no_more_even_if_the_answer_cannot_be_sent) {
	start("");
	int fd = client_connect(&server);
	client_send(fd, REQUEST("GET", "/unsendable/x"));
	wait_for_count(&streaming, 1);
	expect_closed(fd);
	test_server_stop(&server);
	cr_expect_eq(atomic_load(&gone), 0);
}

/* --- time, and the end --- */

Test(http_server, a_head_that_does_not_come_in_time_is_answered_408) {
	start("http: {header_timeout: 100ms}");
	int fd = client_connect(&server);
	client_send(fd, "GET / HTTP/1.1\r\nHost:");
	cr_expect_eq(client_answer(fd, head, sizeof head, body, sizeof body), 408);
	expect_closed(fd);
	test_server_stop(&server);
}

Test(http_server, an_idle_connection_is_closed_in_silence) {
	start("http: {idle_timeout: 1s}");
	int fd = client_connect(&server);
	expect_closed(fd);
	fd = client_connect(&server);
	client_send(fd, REQUEST("GET", "/empty"));
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_closed(fd);
	test_server_stop(&server);
}

Test(http_server, a_viewer_that_takes_nothing_is_closed) {
	start("limits: {stalled_viewer: 1s}");
	int fd = client_connect(&server);
	client_send(fd, REQUEST("GET", "/endless"));
	wait_for_count(&gone, 1);
	close(fd);
	test_server_stop(&server);
}

Test(http_server, stopping_ends_what_waits_and_what_streams) {
	start("");
	int idle = client_connect(&server), waiting = client_connect(&server), watching = client_connect(&server);
	client_send(idle, REQUEST("GET", "/empty"));
	client_read(idle, head, sizeof head, "\r\n\r\n");
	client_send(waiting, REQUEST("GET", "/never"));
	client_send(watching, REQUEST("GET", "/endless"));
	wait_for_count(&streaming, 2);
	test_server_stop(&server);
	cr_expect_eq(atomic_load(&gone), 2);
	close(idle);
	close(waiting);
	close(watching);
}
