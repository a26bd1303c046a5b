#include "common/base/metrics.h"
#include "common/http/http2_parts.h"
#include "tests/unit/common/http/client2.h"
#include "tests/unit/common/http/handlers.h"

/* Each test runs in a process of its own. */
static struct test_server server;
static struct client2 c;
static _Atomic int gone, streaming, writable, refused_write;

/* --- handlers --- */

static void count_gone(struct http_exchange *x) {
	(void)x;
	atomic_fetch_add(&gone, 1);
}

static void handle_never(struct http_exchange *x) {
	x->on_gone = count_gone;
	atomic_fetch_add(&streaming, 1);
}

/* Three blocks as a fan-out sends them, then the end. */
static void handle_fanout(struct http_exchange *x) {
	cr_expect_eq(http_stream_framing(x), HTTP_FRAMING_IDENTITY);
	if (!http_stream_begin(x, 200, "video/x-flv", "Cache-Control: no-store\r\n"))
		return;
	struct bytes *b = bytes_copy("abc", 3);
	const struct conn_slice slices[] = {{b->data, 3, b}, {b->data, 3, b}};
	cr_expect_eq(sink_send(http_stream_sink(x), bytes_ref(b)), 0);
	cr_expect_eq(sink_try_writev(http_stream_sink(x), slices, 2), 2);
	bytes_unref(&b);
	http_stream_end(x);
}

/* As much as the sink takes, without an end. */
static void fan_out(struct http_exchange *x) {
	struct bytes *b = bytes_new(50000);
	memset(b->data, 'x', b->size);
	const struct conn_slice slice = {b->data, b->size, b};
	while (!sink_blocked(http_stream_sink(x)) && sink_try_writev(http_stream_sink(x), &slice, 1) == 1)
		;
	cr_expect_eq(sink_try_writev(http_stream_sink(x), &slice, 1), 0);
	bytes_unref(&b);
}

static void on_room(struct http_exchange *x) {
	atomic_fetch_add(&writable, 1);
	fan_out(x);
}

static void handle_endless(struct http_exchange *x) {
	cr_expect(http_stream_begin(x, 200, "video/x-flv", NULL));
	x->on_gone = count_gone;
	x->on_writable = on_room;
	fan_out(x);
	atomic_fetch_add(&streaming, 1);
}

/* Writes until it is refused, and once more when all has gone. */
static void on_all_gone(struct http_exchange *x) {
	struct bytes *b = bytes_copy("end", 3);
	const struct conn_slice slice = {b->data, 3, b};
	cr_expect_eq(http_stream_queued(x), 0);
	cr_expect_eq(http_stream_write(x, &slice, 1), 0);
	bytes_unref(&b);
	http_stream_end(x);
}

static void handle_pressed(struct http_exchange *x) {
	struct bytes *b = bytes_new(1000000);
	const struct conn_slice slice = {b->data, b->size, b};
	memset(b->data, 'p', b->size);
	cr_expect(http_stream_begin(x, 200, "video/mp4", NULL));
	x->on_writable = on_all_gone;
	while (http_stream_write(x, &slice, 1) == 0)
		;
	cr_expect_eq(http_stream_write(x, &slice, 1), UV_ENOBUFS);
	atomic_fetch_add(&refused_write, 1);
	bytes_unref(&b);
}

static void handle_aborted(struct http_exchange *x) {
	cr_expect(http_stream_begin(x, 200, "video/x-flv", NULL));
	x->on_gone = count_gone;
	http_stream_abort(x, "the test wants it");
}

static const struct http_route routes[] = {
    {HTTP_GET_METHOD, "/blocks", handle_blocks},   {HTTP_GET_METHOD, "/text", handle_text},
    {HTTP_GET_METHOD, "/huge", handle_huge},       {HTTP_GET_METHOD, "/growing", handle_growing},
    {HTTP_GET_METHOD, "/echo/{any}", handle_echo}, {HTTP_POST_METHOD, "/echo/{any}", handle_echo},
    {HTTP_GET_METHOD, "/never", handle_never},     {HTTP_GET_METHOD, "/fanout", handle_fanout},
    {HTTP_GET_METHOD, "/endless", handle_endless}, {HTTP_GET_METHOD, "/pressed", handle_pressed},
    {HTTP_GET_METHOD, "/aborted", handle_aborted},
};

static void start(const char *yaml, uint32_t window) {
	test_server_start(&server, routes, sizeof routes / sizeof *routes, yaml);
	client2_open(&c, &server, window);
}

static void stop(void) {
	client2_close(&c);
	test_server_stop(&server);
}

static struct reply *ask(const char *method, const char *path, const char *lines) {
	struct reply *r = client2_ask(&c, method, path, lines);
	client2_wait(&c, r);
	return r;
}

static void expect_line(const struct reply *r, const char *line) {
	cr_expect(strstr(r->head, line), "no %s in\n%s", line, r->head);
}

/* --- answers --- */

Test(http2, whole_answers_are_those_of_http_1) {
	start("", 0);
	struct reply *r = ask("GET", "/blocks", NULL);
	cr_expect_eq(r->status, 200);
	cr_expect_str_eq(r->body, "0123456789");
	expect_line(r, "content-length: 10\n");
	expect_line(r, "etag: \"v1\"\n");
	expect_line(r, "access-control-allow-origin: *\n");
	r = ask("GET", "/blocks", "range\0bytes=3-5\0");
	cr_expect_eq(r->status, 206);
	cr_expect_str_eq(r->body, "345");
	expect_line(r, "content-range: bytes 3-5/10\n");
	r = ask("GET", "/blocks", "if-none-match\0\"v1\"\0");
	cr_expect_eq(r->status, 304);
	cr_expect_null(strstr(r->head, "content-length"));
	r = ask("HEAD", "/blocks", NULL);
	cr_expect_eq(r->status, 200);
	cr_expect_eq(r->size, 0);
	expect_line(r, "content-length: 10\n");
	r = ask("GET", "/text", "accept-encoding\0gzip\0");
	expect_line(r, "content-encoding: gzip\n");
	cr_expect_lt(r->size, PLAYLIST_SIZE / 4);
	stop();
}

Test(http2, a_request_says_what_handlers_ask_for) {
	start("", 0);
	struct reply *r = ask("GET", "/echo/x%79?a=b", "user-agent\0player\0x-unknown\0no\0");
	cr_expect(strstr(r->body, "path=/echo/xy query=a=b host=edge agent=player from=127.0.0.1"), "%s", r->body);
	cr_expect_eq(ask("GET", "/nowhere", NULL)->status, 404);
	cr_expect_eq(ask("POST", "/blocks", NULL)->status, 405);
	cr_expect_eq(ask("BREW", "/blocks", NULL)->status, 501);
	cr_expect_eq(ask("OPTIONS", "/blocks", NULL)->status, 204);
	cr_expect_eq(ask("GET", "/%zz", NULL)->status, 400);
	cr_expect_eq(ask("OPTIONS", "*", NULL)->status, 400);
	stop();
}

Test(http2, a_huge_answer_goes_through_small_windows) {
	start("", 20000);
	struct reply *r = ask("GET", "/huge", NULL);
	cr_expect_eq(r->size, (size_t)HUGE_BLOCKS * HUGE_BLOCK);
	cr_expect_eq(r->error, NGHTTP2_NO_ERROR);
	stop();
}

Test(http2, streams_take_turns) {
	start("", 0);
	struct reply *huge = client2_ask(&c, "GET", "/huge", NULL), *small = ask("GET", "/blocks", NULL);
	cr_expect_eq(small->status, 200);
	cr_expect_not(huge->closed);
	struct reply *other = client2_ask(&c, "GET", "/huge", NULL);
	while (!huge->closed && client2_step(&c))
		;
	cr_expect_gt(other->size, huge->size / 4, "%zu of the second while all of the first came", other->size);
	client2_wait(&c, other);
	cr_expect_eq(other->size, huge->size);
	stop();
}

Test(http2, many_requests_at_once_are_all_answered) {
	start("", 0);
	struct reply *all[30];
	for (size_t i = 0; i < 30; i++)
		all[i] = client2_ask(&c, "GET", "/blocks", NULL);
	for (size_t i = 0; i < 30; i++) {
		client2_wait(&c, all[i]);
		cr_expect_str_eq(all[i]->body, "0123456789");
	}
	stop();
}

/* --- bodies that grow --- */

Test(http2, a_growing_body_comes_without_a_length) {
	start("", 0);
	struct reply *r = ask("GET", "/growing", NULL);
	cr_expect_str_eq(r->body, "abcdefabcdef");
	cr_expect_null(strstr(r->head, "content-length"));
	cr_expect_null(strstr(r->head, "transfer-encoding"));
	cr_expect_eq(ask("HEAD", "/growing", NULL)->size, 0);
	stop();
}

Test(http2, a_fanout_sends_plain_bytes) {
	start("", 0);
	struct reply *r = ask("GET", "/fanout", NULL);
	cr_expect_str_eq(r->body, "abcabcabc");
	expect_line(r, "cache-control: no-store\n");
	stop();
}

Test(http2, a_writer_is_pressed_back_and_told_of_room) {
	start("", 0);
	struct reply *r = ask("GET", "/pressed", NULL);
	cr_expect_eq(atomic_load(&refused_write), 1);
	cr_expect_eq(r->size, 4 * 1000000 + 3);
	stop();
}

Test(http2, a_fanout_is_blocked_by_the_clients_window_and_goes_on) {
	start("", 30000);
	struct reply *r = client2_ask(&c, "GET", "/endless", NULL);
	while (r->size < 3 * HTTP2_SINK_MARK && client2_step(&c))
		;
	cr_expect_geq(atomic_load(&writable), 1);
	nghttp2_submit_rst_stream(c.session, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL);
	cr_expect_eq(ask("GET", "/blocks", NULL)->status, 200, "the others go on");
	wait_for_count(&gone, 1);
	stop();
}

Test(http2, what_breaks_off_is_reset) {
	start("", 0);
	cr_expect_eq(ask("GET", "/aborted", NULL)->error, NGHTTP2_INTERNAL_ERROR);
	cr_expect_eq(ask("GET", "/blocks", NULL)->status, 200);
	cr_expect_eq(atomic_load(&gone), 0, "who aborts knows it");
	stop();
}

/* --- the client leaves --- */

Test(http2, handlers_hear_of_a_client_that_leaves) {
	start("", 0);
	client2_ask(&c, "GET", "/never", NULL);
	client2_ask(&c, "GET", "/endless", NULL);
	wait_for_count(&streaming, 2);
	shutdown(c.fd, SHUT_RDWR);
	wait_for_count(&gone, 2);
	stop();
}

static void stop_server(struct worker *w, void *context) {
	(void)w;
	(void)context;
	http_server_stop(&server.http);
}

Test(http2, a_server_that_stops_says_so) {
	start("", 0);
	client2_ask(&c, "GET", "/never", NULL);
	wait_for_count(&streaming, 1);
	call_on(workers_at(server.group, 0), stop_server, NULL);
	client2_drain(&c);
	cr_expect(c.goaway);
	cr_expect_eq(c.goaway_error, NGHTTP2_NO_ERROR);
	wait_for_count(&gone, 1);
	stop();
}

/* --- limits --- */

Test(http2, more_streams_than_allowed_are_refused) {
	start("http: {max_streams: 2}", 0);
	struct reply *r[3];
	for (int i = 0; i < 2; i++)
		r[i] = client2_ask(&c, "GET", "/never", NULL);
	wait_for_count(&streaming, 2);
	/* Before the server's settings have come a client may not know. */
	r[2] = ask("GET", "/blocks", NULL);
	cr_expect_eq(r[2]->error, NGHTTP2_REFUSED_STREAM);
	nghttp2_submit_rst_stream(c.session, NGHTTP2_FLAG_NONE, r[0]->id, NGHTTP2_CANCEL);
	nghttp2_session_send(c.session);
	wait_for_count(&gone, 1);
	cr_expect_eq(ask("GET", "/blocks", NULL)->status, 200);
	stop();
}

/* "x-long" with a value of `size`. */
static const char *long_field(char *room, size_t size) {
	memcpy(room, "x-long", 7);
	memset(room + 7, 'a', size);
	memset(room + 7 + size, 0, 2);
	return room;
}

Test(http2, a_large_head_is_431_and_an_absurd_one_the_end) {
	static char room[60000];
	start("http: {max_header: 2KiB}", 0);
	cr_expect_eq(ask("GET", "/blocks", long_field(room, 3000))->status, 431);
	cr_expect_eq(ask("GET", "/blocks", NULL)->status, 200);
	client2_ask(&c, "GET", "/blocks", long_field(room, 20000));
	client2_drain(&c);
	cr_expect_eq(c.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
	stop();
}

Test(http2, a_body_is_read_over_and_a_large_one_is_413) {
	static const char big[5000];
	start("http: {max_body: 4KiB}", 0);
	c.upload = big;
	c.upload_size = 4000;
	cr_expect_eq(ask("POST", "/echo/x", NULL)->status, 200);
	c.upload = big;
	c.upload_size = 5000;
	c.upload_waits = true;
	struct reply *r = ask("POST", "/echo/x", NULL);
	cr_expect_eq(r->status, 413);
	expect_line(r, "content-type: application/json\n");
	cr_expect_eq(r->error, NGHTTP2_NO_ERROR, "the rest need not come");
	c.upload = NULL;
	cr_expect_eq(ask("GET", "/blocks", NULL)->status, 200);
	stop();
}

Test(http2, who_waits_for_continue_is_told) {
	start("", 0);
	c.upload = "";
	c.upload_waits = true;
	struct reply *r = client2_ask(&c, "POST", "/echo/x",
	                              "expect\0"
	                              "100-continue\0");
	while (!r->continues && client2_step(&c))
		;
	cr_expect_eq(r->continues, 1);
	c.upload = "body";
	c.upload_size = 4;
	c.upload_waits = false;
	nghttp2_session_resume_data(c.session, r->id);
	client2_wait(&c, r);
	cr_expect_eq(r->status, 200);
	stop();
}

Test(http2, a_length_that_is_not_the_bodys_is_refused) {
	start("", 0);
	c.upload = "body";
	c.upload_size = 4;
	cr_expect_eq(ask("POST", "/echo/x",
	                 "content-length\0"
	                 "9\0")
	                 ->error,
	             NGHTTP2_PROTOCOL_ERROR);
	stop();
}

Test(http2, a_body_that_does_not_come_is_408) {
	start("http: {header_timeout: 100ms}", 0);
	c.upload = "";
	c.upload_waits = true;
	cr_expect_eq(ask("POST", "/echo/x", NULL)->status, 408);
	stop();
}

Test(http2, who_asks_nothing_for_long_is_told_to_go) {
	start("http: {idle_timeout: 1s}", 0);
	cr_expect_eq(ask("GET", "/blocks", NULL)->status, 200);
	client2_drain(&c);
	cr_expect(c.goaway);
	cr_expect_eq(c.goaway_error, NGHTTP2_NO_ERROR);
	stop();
}

Test(http2, a_stream_whose_client_takes_nothing_is_cut_off_alone) {
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "limits: {stalled_viewer: 1s}");
	client2_open_still(&c, &server);
	struct reply *r = ask("GET", "/endless", NULL);
	cr_expect_eq(r->error, NGHTTP2_CANCEL);
	cr_expect_eq(atomic_load(&gone), 1);
	cr_expect_eq(ask("GET", "/blocks", NULL)->status, 200);
	stop();
}

/* --- raw bytes --- */

static size_t put_frame(uint8_t *out, uint8_t type, uint8_t flags, uint32_t stream, const char *payload, size_t size) {
	const uint8_t head[9] = {0, (uint8_t)(size >> 8),   (uint8_t)size,  type, flags, 0,
	                         0, (uint8_t)(stream >> 8), (uint8_t)stream};
	memcpy(out, head, sizeof head);
	memcpy(out + sizeof head, payload, size);
	return sizeof head + size;
}

/* The preface and empty settings, then `count` times a frame; as much as the server takes. */
static void send_flood(int fd, size_t count, uint8_t type, uint8_t flags, uint32_t stream, const char *payload,
                       size_t size) {
	static uint8_t out[200000];
	memcpy(out, http2_preface, HTTP2_PREFACE_SIZE);
	size_t at = HTTP2_PREFACE_SIZE;
	at += put_frame(out + at, NGHTTP2_SETTINGS, 0, 0, "", 0);
	for (size_t i = 0; i < count; i++)
		at += put_frame(out + at, type, flags, stream, payload, size);
	for (size_t sent = 0; sent < at;) {
		ssize_t n = send(fd, out + sent, at - sent, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

/* Reads to the connection's end; what the last GOAWAY said. */
static uint32_t read_goaway(int fd) {
	static uint8_t data[1 << 20];
	uint32_t error = UINT32_MAX;
	size_t size = 0;
	ssize_t n;
	while (size < sizeof data && (n = read(fd, data + size, sizeof data - size)) > 0)
		size += (size_t)n;
	cr_assert(n == 0 || errno == ECONNRESET, "the connection goes on");
	for (size_t at = 0; at + 9 <= size; at += 9 + ((size_t)data[at + 1] << 8 | data[at + 2]))
		if (data[at + 3] == NGHTTP2_GOAWAY)
			error = (uint32_t)data[at + 15] << 8 | data[at + 16];
	close(fd);
	return error;
}

Test(http2, a_flood_of_pings_ends_the_connection) {
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "");
	int fd = client_connect(&server);
	send_flood(fd, HTTP2_CONTROL_BURST + 500, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678", 8);
	cr_expect_eq(read_goaway(fd), NGHTTP2_ENHANCE_YOUR_CALM);
	test_server_stop(&server);
}

Test(http2, a_flood_of_settings_ends_the_connection) {
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "");
	int fd = client_connect(&server);
	send_flood(fd, HTTP2_CONTROL_BURST + 500, NGHTTP2_SETTINGS, 0, 0, "", 0);
	cr_expect_neq(read_goaway(fd), NGHTTP2_NO_ERROR);
	test_server_stop(&server);
}

Test(http2, streams_that_are_broken_off_again_and_again_end_the_connection) {
	static const char get[] = "\x82\x86\x41\x01x\x04\x06/never"; /* HPACK: GET, http, x, /never */
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "");
	client2_open(&c, &server, 0);
	static uint8_t out[64];
	int fd = client_connect(&server);
	send_flood(fd, 0, 0, 0, 0, "", 0);
	size_t sent = 0;
	for (uint32_t i = 1; i < 20 * HTTP2_RESET_BURST && sent != SIZE_MAX; i += 2) {
		size_t n =
		    put_frame(out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, i, get, sizeof get - 1);
		n += put_frame(out + n, NGHTTP2_RST_STREAM, 0, i, "\0\0\0\10", 4);
		sent = send(fd, out, n, MSG_NOSIGNAL) == (ssize_t)n ? sent + n : SIZE_MAX;
	}
	cr_expect_neq(read_goaway(fd), NGHTTP2_NO_ERROR);
	int asked = atomic_load(&streaming);
	/* What one read brings is looked at to its end. */
	cr_expect(asked >= HTTP2_RESET_BURST && asked <= 5 * HTTP2_RESET_BURST, "%d were let through", asked);
	wait_for_count(&gone, asked);
	cr_expect_eq(ask("GET", "/blocks", NULL)->status, 200);
	stop();
}

Test(http2, a_head_that_does_not_end_ends_the_connection) {
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "http: {header_timeout: 100ms}");
	int fd = client_connect(&server);
	send_flood(fd, 1, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "\x82", 1);
	cr_expect_eq(read_goaway(fd), NGHTTP2_ENHANCE_YOUR_CALM);
	test_server_stop(&server);
}

Test(http2, what_is_against_the_protocol_is_told_and_closed) {
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "");
	int fd = client_connect(&server);
	send_flood(fd, 1, NGHTTP2_DATA, 0, 1, "x", 1); /* of a stream that nobody opened */
	cr_expect_eq(read_goaway(fd), NGHTTP2_PROTOCOL_ERROR);
	fd = client_connect(&server);
	client_send(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno settings, as it should be");
	cr_expect_neq(read_goaway(fd), NGHTTP2_NO_ERROR);
	test_server_stop(&server);
}

Test(http2, the_preface_is_known_in_pieces) {
	static const uint8_t settings[9] = {0, 0, 0, NGHTTP2_SETTINGS, 0, 0, 0, 0, 0};
	uint8_t first[9];
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "");
	int fd = client_connect(&server);
	for (size_t i = 0; i < HTTP2_PREFACE_SIZE; i++)
		cr_assert_eq(send(fd, http2_preface + i, 1, MSG_NOSIGNAL), 1);
	cr_assert_eq(send(fd, settings, sizeof settings, MSG_NOSIGNAL), (ssize_t)sizeof settings);
	cr_assert_eq(recv(fd, first, sizeof first, MSG_WAITALL), (ssize_t)sizeof first);
	cr_expect_eq(first[3], NGHTTP2_SETTINGS);
	close(fd);
	test_server_stop(&server);
}

Test(http2, what_only_begins_like_the_preface_is_http_1) {
	char head[1024], body[1024];
	test_server_start(&server, routes, sizeof routes / sizeof *routes, "http: {header_timeout: 100ms}");
	int fd = client_connect(&server);
	client_send(fd, "P");
	client_send(fd, "OST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	cr_expect_eq(client_answer(fd, head, sizeof head, body, sizeof body), 200);
	close(fd);
	fd = client_connect(&server);
	client_send(fd, "PRI * HTTP/2.0\r\n\r\nSM!");
	int status = client_answer(fd, head, sizeof head, body, sizeof body);
	cr_expect_eq(status, 501, "%d", status);
	close(fd);
	fd = client_connect(&server);
	client_send(fd, "PRI * ");
	cr_expect_eq(client_answer(fd, head, sizeof head, body, sizeof body), 408);
	close(fd);
	test_server_stop(&server);
}
