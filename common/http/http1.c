/*
 * http1.c: HTTP/1.1 (RFC 9112) on http-parser: one request at a time on a connection, which is kept; what a client
 * sends ahead waits.
 *
 *   phase     | means                                       | leaves by
 *   READING   | a request is awaited or arriving            | its end
 *   ANSWERING | the handler has it                          | http_respond, http_stream_begin
 *   STREAMING | the handler sends a body                    | http_stream_end, http_stream_abort
 *   CLOSING   | nothing more is heard or said               | on_closed: freed
 */
#include "common/base/buffer.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/http/server.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { AHEAD_MAX = 16384, BODY_MAX = 65536, CLOSE_AFTER_MS = 2000, URL_MAX = 4096 };

struct http1 {
	struct http_exchange exchange; /* first, so that it leads here */
	struct conn conn;
	struct list node;
	enum { HTTP1_READING, HTTP1_ANSWERING, HTTP1_STREAMING, HTTP1_CLOSING } phase;
	http_parser parser;
	struct timer timer;
	struct buffer url;   /* of the request; decoded in place */
	struct buffer ahead; /* what came while a request was answered */
	size_t head_bytes, body_bytes;
	bool keep_alive, http_1_0, begun; /* begun: a request has begun to arrive */
	uint64_t answering_since_ms;
	const char *refusal; /* a limit that the parser's callbacks met */
	int refusal_status;
};

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

static void close_now(struct http1 *h, bool politely) {
	if (h->phase == HTTP1_CLOSING)
		return;
	bool told = h->phase == HTTP1_ANSWERING || h->phase == HTTP1_STREAMING;
	h->phase = HTTP1_CLOSING;
	timer_stop(&h->timer);
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
	buffer_fini(&h->url);
	buffer_fini(&h->ahead);
	free(h);
	metric_dec(M_CONNECTIONS_HTTP);
}

static void on_end(struct conn *c, int error) {
	(void)error;
	close_now(http1_of(c), false);
}

/* --- time --- */

static void arm(struct http1 *h, int64_t delay_ms) {
	if (timer_start(&h->timer, (uint64_t)delay_ms))
		close_now(h, false);
}

static void await_request(struct http1 *h) {
	h->phase = HTTP1_READING;
	h->begun = false;
	h->head_bytes = h->body_bytes = 0;
	h->refusal = NULL;
	h->exchange.on_gone = NULL;
	h->exchange.on_writable = NULL;
	h->exchange.handler = NULL;
	buffer_clear(&h->url);
	http_parser_init(&h->parser, HTTP_REQUEST);
	h->parser.data = h;
	arm(h, config_of(h)->http_idle_timeout);
}

static void on_timer(struct timer *t) {
	struct http1 *h = list_entry(t, struct http1, timer);
	if (h->phase == HTTP1_STREAMING) {
		uint64_t stalled = worker_now_ms(h->exchange.worker) - h->conn.last_written_ms;
		if (conn_blocked(&h->conn) && stalled >= (uint64_t)config_of(h)->limits_stalled_viewer) {
			log_info("http viewer closed: it took nothing for limits.stalled_viewer",
			         log_str("remote", h->exchange.remote));
			close_now(h, false);
		} else {
			arm(h, config_of(h)->limits_stalled_viewer);
		}
	} else if (h->begun) {
		h->phase = HTTP1_ANSWERING; /* the answer is ours */
		h->keep_alive = false;
		http_respond_error(&h->exchange, 408, "timeout", "the request did not arrive within http.header_timeout");
	} else {
		close_now(h, false);
	}
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

static void write_head(struct http1 *h, struct buffer *out, int status, const char *content_type, const char *headers) {
	buffer_printf(out, "HTTP/1.1 %d %s\r\nServer: weir\r\nAccess-Control-Allow-Origin: *\r\n", status,
	              reason_of(status));
	if (content_type)
		buffer_printf(out, "Content-Type: %s\r\n", content_type);
	if (headers)
		buffer_append_string(out, headers);
	if (!h->keep_alive)
		buffer_append_string(out, "Connection: close\r\n");
	else if (h->http_1_0)
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

static void feed(struct http1 *h, const uint8_t *data, size_t size);

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
	if (h->ahead.size && h->phase == HTTP1_READING) {
		struct buffer ahead = h->ahead;
		buffer_init(&h->ahead, AHEAD_MAX);
		feed(h, ahead.block->data, ahead.size);
		buffer_fini(&ahead);
	}
}

void http_respond(struct http_exchange *x, int status, const char *content_type, const char *headers,
                  struct bytes *body) {
	struct http1 *h = of_exchange(x);
	struct buffer out;
	buffer_init(&out, 0);
	write_head(h, &out, status, content_type, headers);
	if (status != 204)
		buffer_printf(&out, "Content-Length: %zu\r\n", body ? body->size : 0);
	buffer_append_string(&out, "\r\n");
	bool with_body = body && x->method != HTTP_HEAD_METHOD && status != 204;
	bool sent = send_buffer(h, &out);
	if (sent && with_body)
		conn_send(&h->conn, bytes_ref(body));
	bytes_unref(&body);
	if (sent)
		answered(h);
}

/* Texts of our own: nothing in them needs escaping but what a caller quotes of a request, which is printable. */
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
	return ((const struct http1 *)x)->http_1_0 ? HTTP_FRAMING_IDENTITY : HTTP_FRAMING_CHUNKED;
}

bool http_stream_begin(struct http_exchange *x, int status, const char *content_type, const char *headers) {
	struct http1 *h = of_exchange(x);
	struct buffer out;
	if (h->http_1_0)
		h->keep_alive = false;
	buffer_init(&out, 0);
	write_head(h, &out, status, content_type, headers);
	if (!h->http_1_0)
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
	buffer_fini(&h->url);
	buffer_fini(&h->ahead);
	arm(h, config_of(h)->limits_stalled_viewer);
	return h->phase == HTTP1_STREAMING;
}

struct conn *http_stream_conn(struct http_exchange *x) {
	return &of_exchange(x)->conn;
}

void http_stream_end(struct http_exchange *x) {
	struct http1 *h = of_exchange(x);
	if (!h->http_1_0) {
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

static int refuse(struct http1 *h, int status, const char *why) {
	h->refusal = why;
	h->refusal_status = status;
	return 1;
}

static int count_head(struct http1 *h, size_t size) {
	h->head_bytes += size;
	return h->head_bytes > (size_t)config_of(h)->http_max_header
	           ? refuse(h, 431, "the request's head is larger than http.max_header")
	           : 0;
}

static int on_url(http_parser *p, const char *at, size_t size) {
	struct http1 *h = p->data;
	buffer_append(&h->url, at, size);
	return h->url.size > URL_MAX || buffer_error(&h->url) ? refuse(h, 414, "the URL is too long") : 0;
}

static int on_header(http_parser *p, const char *at, size_t size) {
	(void)at;
	return count_head(p->data, size + 1);
}

static int on_body(http_parser *p, const char *at, size_t size) {
	struct http1 *h = p->data;
	(void)at;
	h->body_bytes += size;
	return h->body_bytes > BODY_MAX ? refuse(h, 413, "the request's body is too large") : 0;
}

static int on_headers_complete(http_parser *p) {
	struct http1 *h = p->data;
	if ((p->flags & F_CONTENTLENGTH) && (p->flags & F_CHUNKED))
		return refuse(h, 400, "both Content-Length and Transfer-Encoding");
	return 0;
}

/* Stops the parser behind the message; the rest waits. */
static int on_message_complete(http_parser *p) {
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {.on_url = on_url,
                                              .on_header_field = on_header,
                                              .on_header_value = on_header,
                                              .on_headers_complete = on_headers_complete,
                                              .on_body = on_body,
                                              .on_message_complete = on_message_complete};

static enum http_verb method_of(unsigned method) {
	switch (method) {
	case HTTP_GET:
		return HTTP_GET_METHOD;
	case HTTP_HEAD:
		return HTTP_HEAD_METHOD;
	case HTTP_OPTIONS:
		return HTTP_OPTIONS_METHOD;
	case HTTP_POST:
		return HTTP_POST_METHOD;
	case HTTP_DELETE:
		return HTTP_DELETE_METHOD;
	default:
		return 0;
	}
}

static void answer_request(struct http1 *h) {
	struct http_exchange *x = &h->exchange;
	h->phase = HTTP1_ANSWERING;
	timer_stop(&h->timer);
	h->keep_alive = http_should_keep_alive(&h->parser);
	h->http_1_0 = h->parser.http_major == 1 && h->parser.http_minor == 0;
	x->method = method_of(h->parser.method);
	memset(x->params, 0, sizeof x->params);
	buffer_u8(&h->url, 0);
	char *path = h->url.block ? (char *)h->url.block->data : NULL;
	if (buffer_error(&h->url) || !path) {
		h->keep_alive = false;
		http_respond_error(x, 503, "out_of_memory", "out of memory");
		return;
	}
	char *query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	x->path = path;
	x->query = query ? query : "";
	if (*path != '/' || http_path_decode(path))
		http_respond_error(x, 400, "bad_path", "the path cannot be read");
	else
		http_route(x->server, x, path);
}

static void answer_error(struct http1 *h, enum http_errno error) {
	h->phase = HTTP1_ANSWERING;
	h->keep_alive = false;
	h->exchange.method = HTTP_GET_METHOD;
	if (h->refusal)
		http_respond_error(&h->exchange, h->refusal_status, "refused", h->refusal);
	else
		http_respond_error(&h->exchange, 400, "bad_request", http_errno_description(error));
}

static void feed(struct http1 *h, const uint8_t *data, size_t size) {
	if (size && !h->begun) {
		h->begun = true;
		arm(h, config_of(h)->http_header_timeout);
	}
	size_t parsed = http_parser_execute(&h->parser, &settings, (const char *)data, size);
	enum http_errno error = HTTP_PARSER_ERRNO(&h->parser);
	if (error != HPE_PAUSED) {
		if (error != HPE_OK || h->parser.upgrade)
			answer_error(h, error);
		return;
	}
	if (parsed < size)
		buffer_append(&h->ahead, data + parsed, size - parsed);
	if (buffer_error(&h->ahead))
		close_now(h, false);
	else
		answer_request(h);
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	struct http1 *h = http1_of(c);
	if (h->phase == HTTP1_READING) {
		feed(h, data, size);
	} else if (h->phase == HTTP1_ANSWERING) {
		buffer_append(&h->ahead, data, size);
		if (buffer_error(&h->ahead))
			close_now(h, false);
	}
}

static void on_writable(struct conn *c) {
	struct http1 *h = http1_of(c);
	if (h->phase == HTTP1_STREAMING && h->exchange.on_writable)
		h->exchange.on_writable(&h->exchange);
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
	buffer_init(&h->url, 2 * URL_MAX);
	buffer_init(&h->ahead, AHEAD_MAX);
	timer_init(&h->timer, s->worker, on_timer);
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
