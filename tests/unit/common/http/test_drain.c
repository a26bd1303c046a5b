/* A server that drains, and bodies of requests, over both versions of HTTP. */
#include "tests/unit/common/http/client2.h"

static struct test_server server;
static struct client2 client;
static char head[8192], body[65536];
static _Atomic int drained, waiting;

static void on_echo(struct http_exchange *x) {
	http_respond(x, 200, "text/plain", NULL, bytes_copy(x->body.data, x->body.size));
}

static void on_hello(struct http_exchange *x) {
	http_respond(x, 200, "text/plain", NULL, bytes_copy("hello", 5));
}

static void answer_when_drained(struct worker *w, void *context) {
	if (atomic_load(&drained))
		on_hello(context);
	else
		call_on(w, answer_when_drained, context);
}

static void on_later(struct http_exchange *x) {
	atomic_fetch_add(&waiting, 1);
	call_on(x->worker, answer_when_drained, x);
}

static void on_busy(struct http_exchange *x) {
	http_respond_busy(x, 7, "draining", "elsewhere");
}

static const struct http_route routes[] = {
    {HTTP_POST_METHOD, "/echo", on_echo},
    {HTTP_GET_METHOD, "/hello", on_hello},
    {HTTP_GET_METHOD, "/later", on_later},
    {HTTP_GET_METHOD, "/busy", on_busy},
};

static void start(void) {
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "");
}

static void drain(struct worker *w, void *context) {
	(void)w;
	(void)context;
	http_server_drain(&server.http);
	atomic_fetch_add(&drained, 1);
}

static int answer(int fd) {
	return client_answer(fd, head, sizeof head, body, sizeof body);
}

Test(http_body, reaches_the_handler_whole_by_length_and_in_chunks) {
	start();
	int fd = client_connect(&server);
	client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello ");
	client_send(fd, "world");
	cr_assert_eq(answer(fd), 200);
	cr_assert_str_eq(body, "hello world");
	client_send(
	    fd,
	    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n,\r\n0\r\n\r\n");
	cr_assert_eq(answer(fd), 200);
	cr_assert_str_eq(body, "hello,");
	client_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(answer(fd), 200);
	cr_assert_str_eq(body, "", "nothing is left of the one before");
	close(fd);
	test_server_stop(&server);
}

Test(http_body, reaches_the_handler_whole_over_http2) {
	start();
	client2_open(&client, &server, 0);
	client.upload = "hello world";
	client.upload_size = 11;
	struct reply *r = client2_ask(&client, "POST", "/echo", NULL);
	client2_wait(&client, r);
	cr_assert_eq(r->status, 200);
	cr_assert_eq(r->size, 11);
	cr_assert_arr_eq(r->body, "hello world", 11);
	client2_close(&client);
	test_server_stop(&server);
}

Test(http_server, that_is_busy_says_when_to_try_again) {
	start();
	int fd = client_connect(&server);
	client_send(fd, "GET /busy HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(answer(fd), 503);
	cr_assert(strstr(head, "Retry-After: 7\r\n"));
	cr_assert(strstr(head, "Cache-Control: no-store\r\n"));
	close(fd);
	test_server_stop(&server);
}

Test(http_drain, answers_and_ends_connections_also_what_was_asked_before) {
	start();
	int idle = client_connect(&server), open = client_connect(&server);
	client_send(idle, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(answer(idle), 200);
	cr_assert_not(strstr(head, "Connection:"));
	client_send(open, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_count(&waiting, 1);
	call_on(workers_at(server.group, 0), drain, NULL);
	for (int i = 0; i < 2; i++) {
		int fd = i ? idle : open;
		if (fd == idle)
			client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
		cr_assert_eq(answer(fd), 200);
		cr_assert_str_eq(body, "hello");
		cr_assert(strstr(head, "Connection: close\r\n"));
		cr_assert_eq(client_read(fd, body, sizeof body, NULL), 0);
		close(fd);
	}
	int late = client_connect(&server);
	client_send(late, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(answer(late), 200);
	cr_assert(strstr(head, "Connection: close\r\n"));
	close(late);
	test_server_stop(&server);
}

Test(http_drain, tells_http2_by_goaway_and_answers_what_it_has_asked) {
	start();
	client2_open(&client, &server, 0);
	struct reply *open = client2_ask(&client, "GET", "/later", NULL);
	wait_for_count(&waiting, 1);
	call_on(workers_at(server.group, 0), drain, NULL);
	while (!client.goaway && client2_step(&client))
		;
	cr_assert(client.goaway);
	cr_assert_eq(client.goaway_error, NGHTTP2_NO_ERROR);
	client2_wait(&client, open);
	cr_assert_eq(open->status, 200);
	client2_drain(&client);
	cr_assert(client.over, "the server ends the connection when it has answered");
	client2_close(&client);
	client2_open(&client, &server, 0);
	struct reply *late = client2_ask(&client, "GET", "/hello", NULL);
	client2_wait(&client, late);
	cr_assert_eq(late->status, 200);
	client2_drain(&client);
	cr_assert(client.goaway && client.over);
	client2_close(&client);
	test_server_stop(&server);
}
