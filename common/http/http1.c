/*
 * http1.c: connections of HTTP/1.1 (RFC 9112): one request at a time on a connection, which is kept; what a client
 * sends ahead waits, one read's worth here and the rest in the kernel.
 *
 *   phase     | means                                       | leaves by
 *   READING   | a request is awaited or arriving            | its end
 *   ANSWERING | the handler has it                          | http_respond, http_stream_begin
 *   STREAMING | the handler sends a body                    | http_stream_end, http_stream_abort
 *   CLOSING   | nothing more is heard or said               | on_closed: freed
 */
#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/http/http1_parser.h"
#include "common/http/server.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum {
	CLOSE_AFTER_MS = 2000,
	QUEUE_MARK = 65536 /* with more queued, the next request waits */
};

struct http1 {
	struct http_exchange exchange; /* first, so that it leads here */
	struct conn conn;
	struct list node;
	enum { HTTP1_READING, HTTP1_ANSWERING, HTTP1_STREAMING, HTTP1_CLOSING } phase;
	struct http1_parser parser;
	struct timer timer;
	struct bytes *ahead; /* what came while a request was answered: reading pauses; NULL: nothing */
	size_t ahead_at;     /* bytes of it that are done with */
	struct turn_task resume;
	bool keep_alive;
};

/* Connections are many. */
_Static_assert(sizeof(struct http1) < 2048, "a viewer's connection must stay small");

static struct http1 *http1_of(struct conn *c) {
	return list_entry(c, struct http1, conn);
}

static struct http1 *of_exchange(struct http_exchange *x) {
	return (struct http1 *)x;
}

static const struct config_node *config_of(const struct http1 *h) {
	return config_node(h->exchange.server->config);
}

/* --- the end --- */

/* Forgets what came ahead; the client's end is heard again. */
static void drop_ahead(struct http1 *h) {
	if (!h->ahead)
		return;
	bytes_unref(&h->ahead);
	conn_read_resume(&h->conn);
}

static void close_now(struct http1 *h, bool politely) {
	if (h->phase == HTTP1_CLOSING)
		return;
	bool told = h->phase == HTTP1_ANSWERING || h->phase == HTTP1_STREAMING;
	h->phase = HTTP1_CLOSING;
	timer_stop(&h->timer);
	list_remove(&h->resume.node);
	drop_ahead(h);
	if (told && h->exchange.on_gone)
		h->exchange.on_gone(&h->exchange);
	if (politely)
		conn_close_after_send(&h->conn, CLOSE_AFTER_MS);
	else
		conn_close(&h->conn);
}

static void on_closed(struct conn *c) {
	struct http1 *h = http1_of(c);
	list_remove(&h->node);
	http1_parser_fini(&h->parser);
	free(h);
	metric_dec(M_CONNECTIONS_HTTP);
}

/* A client that ends its side after its last request still gets the answers that are on their way. */
static void on_end(struct conn *c, int error) {
	struct http1 *h = http1_of(c);
	close_now(h, error == UV_EOF && h->phase == HTTP1_READING && conn_queued(c) > 0);
}

/* --- time --- */

static void arm(struct http1 *h, int64_t delay_ms) {
	if (timer_start(&h->timer, (uint64_t)delay_ms))
		close_now(h, false);
}

static void await_request(struct http1 *h) {
	h->phase = HTTP1_READING;
	h->exchange.on_gone = NULL;
	h->exchange.on_writable = NULL;
	h->exchange.handler = NULL;
	http1_parser_reset(&h->parser);
	arm(h, config_of(h)->http_idle_timeout);
}

/* The answer to what never reached a handler. */
static void refuse(struct http1 *h, int status, const char *code, const char *message) {
	metric_inc(M_HTTP_REFUSED);
	h->phase = HTTP1_ANSWERING;
	h->keep_alive = false;
	h->exchange.method = HTTP_GET_METHOD;
	http_respond_error(&h->exchange, status, code, message);
}

static void check_stalled(struct http1 *h) {
	uint64_t limit = (uint64_t)config_of(h)->limits_stalled_viewer;
	uint64_t stalled = conn_blocked(&h->conn) ? worker_now_ms(h->exchange.worker) - h->conn.last_written_ms : 0;
	if (stalled < limit) {
		arm(h, (int64_t)(limit - stalled));
		return;
	}
	log_peer_info("http viewer closed: it took nothing for limits.stalled_viewer",
	              log_str("remote", h->exchange.remote));
	close_now(h, false);
}

static void on_timer(struct timer *t) {
	struct http1 *h = list_entry(t, struct http1, timer);
	if (h->phase == HTTP1_STREAMING)
		check_stalled(h);
	else if (h->parser.phase != HTTP1_BEFORE)
		refuse(h, 408, "timeout", "the request did not arrive within http.header_timeout");
	else
		close_now(h, false);
}

/* --- answering --- */

static const char *reason_of(int status) {
	switch (status) {
#define REASON(number, name, text)                                                                                     \
	case number:                                                                                                       \
		return #text;
		HTTP_STATUS_MAP(REASON)
#undef REASON
	}
	return "Unknown";
}

/* RFC 9110, 5.6.7. */
static const char *date_now(char *out, size_t size) {
	time_t now = (time_t)(clock_wall_us() / 1000000);
	struct tm tm;
	out[0] = '\0';
	if (gmtime_r(&now, &tm))
		strftime(out, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return out;
}

static void write_head(struct http1 *h, struct buffer *out, int status, const char *content_type, const char *headers) {
	char date[40];
	buffer_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: weir\r\nAccess-Control-Allow-Origin: *\r\n", status,
	              reason_of(status), date_now(date, sizeof date));
	if (content_type)
		buffer_printf(out, "Content-Type: %s\r\n", content_type);
	if (headers)
		buffer_append_string(out, headers);
	if (!h->keep_alive)
		buffer_append_string(out, "Connection: close\r\n");
	else if (h->parser.request.http_1_0)
		buffer_append_string(out, "Connection: keep-alive\r\n");
}

/* Sends a buffer that has been written; false: the connection is closing. */
static bool send_buffer(struct http1 *h, struct buffer *out) {
	struct bytes *b = buffer_take(out);
	buffer_fini(out);
	if (b && conn_send(&h->conn, b) == 0)
		return true;
	close_now(h, false);
	return false;
}

/* The answer is complete: the next request, or the end. */
static void answered(struct http1 *h) {
	if (h->phase == HTTP1_CLOSING)
		return;
	h->phase = HTTP1_READING; /* on_gone is not called for what is answered */
	if (!h->keep_alive) {
		close_now(h, true);
		return;
	}
	await_request(h);
	if (h->ahead && h->phase == HTTP1_READING)
		worker_at_turn_end(h->exchange.worker, &h->resume);
}

void http_respond(struct http_exchange *x, int status, const char *content_type, const char *headers,
                  struct bytes *body) {
	struct http1 *h = of_exchange(x);
	struct buffer out;
	x->on_gone = NULL; /* the handler is done with it, even if the answer cannot be sent */
	buffer_init(&out, 0);
	write_head(h, &out, status, content_type, headers);
	if (status != 204)
		buffer_printf(&out, "Content-Length: %zu\r\n", body ? body->size : 0);
	buffer_append_string(&out, "\r\n");
	bool with_body = body && x->method != HTTP_HEAD_METHOD && status != 204;
	bool sent = send_buffer(h, &out);
	if (sent && with_body && conn_send(&h->conn, bytes_ref(body))) {
		close_now(h, false);
		sent = false;
	}
	bytes_unref(&body);
	if (sent)
		answered(h);
}

/* Texts of our own: what a caller quotes of a request is printable. */
static void write_json_text(struct buffer *out, const char *text) {
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_u8(out, '\\');
		buffer_u8(out, (uint8_t)*text);
	}
}

void http_respond_error(struct http_exchange *x, int status, const char *code, const char *message) {
	struct buffer b;
	buffer_init(&b, 0);
	buffer_printf(&b, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
	write_json_text(&b, message);
	buffer_append_string(&b, "\"}}\n");
	struct bytes *body = buffer_take(&b);
	buffer_fini(&b);
	http_respond(x, status, "application/json", NULL, body);
}

enum http_framing http_stream_framing(const struct http_exchange *x) {
	return ((const struct http1 *)x)->parser.request.http_1_0 ? HTTP_FRAMING_IDENTITY : HTTP_FRAMING_CHUNKED;
}

bool http_stream_begin(struct http_exchange *x, int status, const char *content_type, const char *headers) {
	struct http1 *h = of_exchange(x);
	struct buffer out;
	if (h->parser.request.http_1_0)
		h->keep_alive = false;
	buffer_init(&out, 0);
	write_head(h, &out, status, content_type, headers);
	if (!h->parser.request.http_1_0)
		buffer_append_string(&out, "Transfer-Encoding: chunked\r\n");
	buffer_append_string(&out, "\r\n");
	if (!send_buffer(h, &out))
		return false;
	if (x->method == HTTP_HEAD_METHOD) {
		answered(h);
		return false;
	}
	h->phase = HTTP1_STREAMING;
	x->path = x->query = "";
	memset(x->params, 0, sizeof x->params);
	buffer_fini(&h->parser.request.target);
	drop_ahead(h);
	arm(h, config_of(h)->limits_stalled_viewer);
	return h->phase == HTTP1_STREAMING;
}

struct conn *http_stream_conn(struct http_exchange *x) {
	return &of_exchange(x)->conn;
}

void http_stream_end(struct http_exchange *x) {
	struct http1 *h = of_exchange(x);
	x->on_gone = NULL;
	if (!h->parser.request.http_1_0) {
		struct buffer out;
		buffer_init(&out, 0);
		buffer_append_string(&out, "0\r\n\r\n");
		if (!send_buffer(h, &out))
			return;
	}
	h->keep_alive = false; /* what the client sent during the stream was not kept */
	answered(h);
}

void http_stream_abort(struct http_exchange *x, const char *why) {
	struct http1 *h = of_exchange(x);
	log_debug("http stream broke off", log_str("remote", x->remote), log_str("reason", why));
	h->phase = HTTP1_READING; /* the handler knows */
	close_now(h, false);
}

/* --- reading --- */

/* The parser has ended the target with a NUL. */
static void answer_request(struct http1 *h) {
	struct http_exchange *x = &h->exchange;
	char *path = (char *)h->parser.request.target.block->data;
	char *query = strchr(path, '?');
	h->phase = HTTP1_ANSWERING;
	timer_stop(&h->timer);
	h->keep_alive = h->parser.request.keep_alive;
	x->method = h->parser.request.method;
	memset(x->params, 0, sizeof x->params);
	if (query)
		*query++ = '\0';
	x->path = path;
	x->query = query ? query : "";
	metric_inc(M_HTTP_REQUESTS);
	if (http_path_decode(path))
		http_respond_error(x, 400, "bad_path", "the path cannot be read");
	else
		http_route(x->server, x, path);
}

static void send_continue(struct http1 *h) {
	struct buffer out;
	buffer_init(&out, 0);
	buffer_append_string(&out, "HTTP/1.1 100 Continue\r\n\r\n");
	send_buffer(h, &out);
}

/* One step of the parser. How many of the bytes are done with. */
static size_t feed_parser(struct http1 *h, struct slice data) {
	size_t taken;
	bool began = h->parser.phase != HTTP1_BEFORE;
	enum http1_event event = http1_parser_feed(&h->parser, data, &taken);
	if (event == HTTP1_REQUEST)
		answer_request(h);
	else if (event == HTTP1_REFUSED)
		refuse(h, h->parser.problem->status, h->parser.problem->code, h->parser.problem->message);
	else if (!began && h->parser.phase != HTTP1_BEFORE)
		arm(h, config_of(h)->http_header_timeout);
	if (event == HTTP1_CONTINUE && h->phase == HTTP1_READING)
		send_continue(h);
	return taken;
}

/* Answers requests until one has to be waited for, or many answers wait for the client. How many of the bytes are done
 * with. */
static size_t feed(struct http1 *h, const uint8_t *data, size_t size) {
	size_t at = 0;
	while (at < size && h->phase == HTTP1_READING && conn_queued(&h->conn) <= QUEUE_MARK)
		at += feed_parser(h, (struct slice){data + at, size - at});
	return at;
}

/* What came ahead, once the answers before it are on their way. */
static void resume(struct http1 *h) {
	if (h->phase != HTTP1_READING || !h->ahead || conn_blocked(&h->conn))
		return; /* blocked: on_writable comes */
	h->ahead_at += feed(h, h->ahead->data + h->ahead_at, h->ahead->size - h->ahead_at);
	if (h->ahead && h->ahead_at == h->ahead->size)
		drop_ahead(h);
	else if (h->phase == HTTP1_READING)
		worker_at_turn_end(h->exchange.worker, &h->resume);
}

static void on_resume(struct turn_task *task) {
	resume(list_entry(task, struct http1, resume));
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	struct http1 *h = http1_of(c);
	if (h->phase == HTTP1_STREAMING || h->phase == HTTP1_CLOSING)
		return;
	size_t taken = feed(h, data, size);
	if (taken == size || (h->phase != HTTP1_READING && h->phase != HTTP1_ANSWERING))
		return;
	h->ahead = bytes_copy(data + taken, size - taken);
	h->ahead_at = 0;
	if (!h->ahead) {
		close_now(h, false);
		return;
	}
	conn_read_pause(c);
	if (h->phase == HTTP1_READING)
		worker_at_turn_end(h->exchange.worker, &h->resume);
}

static void on_writable(struct conn *c) {
	struct http1 *h = http1_of(c);
	if (h->phase == HTTP1_STREAMING && h->exchange.on_writable)
		h->exchange.on_writable(&h->exchange);
	else
		resume(h);
}

static const struct conn_ops conn_ops = {
    .on_read = on_read, .on_writable = on_writable, .on_end = on_end, .on_closed = on_closed};

/* --- the server --- */

void http_server_accept(struct http_server *s, struct listener *l) {
	struct http1 *h = calloc(1, sizeof *h);
	if (!h) {
		listener_refuse(l);
		return;
	}
	h->exchange.server = s;
	h->exchange.worker = s->worker;
	const struct config_node *config = config_node(s->config);
	const struct http1_limits limits = {.head = (size_t)config->http_max_header, .body = (size_t)config->http_max_body};
	http1_parser_init(&h->parser, &limits);
	timer_init(&h->timer, s->worker, on_timer);
	turn_task_init(&h->resume, on_resume);
	if (conn_accept(&h->conn, l, &conn_ops)) {
		free(h);
		return;
	}
	metric_inc(M_CONNECTIONS_HTTP);
	list_append(&s->connections, &h->node);
	conn_peer(&h->conn, h->exchange.remote);
	await_request(h);
}

void http_server_stop(struct http_server *s) {
	list_each (node, &s->connections)
		close_now(list_entry(node, struct http1, node), true);
}
