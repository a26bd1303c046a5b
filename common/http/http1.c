/*
 * http1.c: connections of HTTP/1.1 (RFC 9112): one request at a time on a connection, which is kept; what a client
 * sends ahead waits, one read's worth here and the rest in the kernel.
 *
 *   phase     | means                                       | leaves by
 *   READING   | a request is awaited or arriving            | its end
 *   ANSWERING | the handler has it                          | http_respond, http_stream_begin
 *   SENDING   | a large answer goes as the client takes it  | its end
 *   STREAMING | the handler sends a body                    | http_stream_end, http_stream_abort
 *   CLOSING   | nothing more is heard or said               | on_closed: freed
 */
#include "common/http/http1_parts.h"
#include "common/http/http2.h"

#include "common/base/buffer.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Connections are many. */
_Static_assert(sizeof(struct http1) < 2048, "a viewer's connection must stay small");

/* --- the end --- */

void http1_drop_ahead(struct http1 *h) {
	if (!h->ahead)
		return;
	bytes_unref(&h->ahead);
	conn_read_resume(&h->connection.conn);
}

void http1_close(struct http1 *h, bool politely) {
	if (h->phase == HTTP1_CLOSING)
		return;
	bool told = h->phase == HTTP1_ANSWERING || h->phase == HTTP1_STREAMING;
	h->phase = HTTP1_CLOSING;
	timer_stop(&h->connection.timer);
	list_remove(&h->resume.node);
	http1_drop_ahead(h);
	if (told && h->exchange.on_gone)
		h->exchange.on_gone(&h->exchange);
	if (politely)
		conn_close_after_send(&h->connection.conn, HTTP_CLOSE_AFTER_MS);
	else
		conn_close(&h->connection.conn);
}

static void on_closed(struct conn *c) {
	http_connection_free(http_connection_of(c));
}

void http_connection_free(struct http_connection *c) {
	struct http1 *h = list_entry(c, struct http1, connection);
	list_remove(&c->node);
	timer_stop(&c->timer); /* a socket that was dead when it was accepted closes without http1_close */
	http1_parser_fini(&h->parser);
	body_fini(&h->rest);
	free(h);
	metric_dec(M_CONNECTIONS_HTTP);
}

static void log_stalled(const struct http1 *h) {
	log_peer_info("http viewer closed: it took nothing for limits.stalled_viewer",
	              log_str("remote", h->exchange.remote));
}

/* A client that ends its side after its last request still gets the answers that are on their way. */
static void on_end(struct conn *c, int error) {
	struct http1 *h = http1_of(c);
	if (error == UV_EOF && h->phase == HTTP1_SENDING) {
		h->keep_alive = false;
		return;
	}
	if (conn_stalled(c))
		log_stalled(h);
	http1_close(h, error == UV_EOF && h->phase == HTTP1_READING && conn_queued(c) > 0);
}

/* --- time --- */

void http1_arm(struct http1 *h, int64_t delay_ms) {
	if (timer_start(&h->connection.timer, (uint64_t)delay_ms))
		http1_close(h, false);
}

static void await_request(struct http1 *h) {
	h->phase = HTTP1_READING;
	h->exchange.on_gone = NULL;
	h->exchange.on_writable = NULL;
	h->exchange.handler = NULL;
	http1_parser_reset(&h->parser);
	http1_arm(h, http1_config(h)->http_idle_timeout);
}

/* The answer to what never reached a handler. */
static void refuse(struct http1 *h, int status, const char *code, const char *message) {
	h->phase = HTTP1_ANSWERING;
	h->keep_alive = false;
	h->exchange.method = HTTP_GET_METHOD;
	http_respond_refusal(&h->exchange, status, code, message);
}

static void check_stalled(struct http1 *h) {
	uint64_t limit = (uint64_t)http1_config(h)->limits_stalled_viewer;
	uint64_t stalled =
	    conn_blocked(&h->connection.conn) ? worker_now_ms(h->exchange.worker) - h->connection.conn.last_written_ms : 0;
	if (stalled < limit) {
		http1_arm(h, (int64_t)(limit - stalled));
		return;
	}
	log_stalled(h);
	http1_close(h, false);
}

static void on_timer(struct timer *t) {
	struct http_connection *c = list_entry(t, struct http_connection, timer);
	struct http1 *h = http1_of(&c->conn);
	if (h->phase == HTTP1_ANSWERING)
		return; /* not stopped for each request, for it is only put off by most: its answer starts it anew */
	if (h->phase == HTTP1_SENDING)
		check_stalled(h);
	else if (h->parser.phase != HTTP1_BEFORE || (h->preface && h->preface != HTTP1_PREFACE_DECIDED))
		refuse(h, 408, "timeout", "the request did not arrive within http.header_timeout");
	else if (conn_queued(&c->conn)) /* it still takes an answer */
		check_stalled(h);
	else
		http1_close(h, false);
}

/* --- reading --- */

void http1_answered(struct http1 *h) {
	if (h->phase == HTTP1_CLOSING)
		return;
	h->phase = HTTP1_READING; /* on_gone is not called for what is answered */
	if (!h->keep_alive) {
		http1_close(h, true);
		return;
	}
	await_request(h);
	if (h->ahead && h->phase == HTTP1_READING)
		worker_at_turn_end(h->exchange.worker, &h->resume);
}

/* The parser has ended the target with a NUL. */
static void answer_request(struct http1 *h) {
	struct http_exchange *x = &h->exchange;
	char *path = (char *)h->parser.request.target.block->data;
	char *query = strchr(path, '?');
	h->phase = HTTP1_ANSWERING;
	h->keep_alive = h->parser.request.keep_alive;
	x->body = buffer_slice(&h->parser.request.body);
	x->method = h->parser.request.method;
	x->fields = &h->parser.request.fields;
	memset(x->params, 0, sizeof x->params);
	if (query)
		*query++ = '\0';
	x->path = path;
	x->query = query ? query : "";
	metric_inc(M_HTTP_REQUESTS);
	if (http_path_decode(path))
		http_respond_refusal(x, 400, "bad_path", "the path cannot be read");
	else
		http_route(x->server, x, path);
}

static void send_continue(struct http1 *h) {
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct bytes *b = bytes_copy(text, sizeof text - 1);
	if (!b || conn_send(&h->connection.conn, b))
		http1_close(h, false);
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
		http1_arm(h, http1_config(h)->http_header_timeout);
	if (event == HTTP1_CONTINUE && h->phase == HTTP1_READING)
		send_continue(h);
	return taken;
}

/* Answers requests until one has to be waited for, or many answers wait for the client. How many of the bytes are done
 * with. */
static size_t feed(struct http1 *h, const uint8_t *data, size_t size) {
	size_t at = 0;
	while (at < size && h->phase == HTTP1_READING && conn_queued(&h->connection.conn) <= HTTP1_QUEUE_MARK)
		at += feed_parser(h, (struct slice){data + at, size - at});
	return at;
}

/* What came ahead, once the answers before it are on their way. */
static void resume(struct http1 *h) {
	if (h->phase != HTTP1_READING || !h->ahead || conn_blocked(&h->connection.conn))
		return; /* blocked: on_writable comes */
	h->ahead_at += feed(h, h->ahead->data + h->ahead_at, h->ahead->size - h->ahead_at);
	if (h->ahead && h->ahead_at == h->ahead->size)
		http1_drop_ahead(h);
	else if (h->phase == HTTP1_READING)
		worker_at_turn_end(h->exchange.worker, &h->resume);
}

static void on_resume(struct turn_task *task) {
	resume(list_entry(task, struct http1, resume));
}

/* The client speaks HTTP/2: nothing of ours happens any more but on_closed. */
static void turn_to_http2(struct http1 *h, struct slice rest) {
	struct http_connection *c = &h->connection;
	h->preface = HTTP1_PREFACE_DECIDED;
	if (http2_begin(c)) {
		http1_close(h, false);
		return;
	}
	list_remove(&h->resume.node);
	http2_feed(c, (struct slice){(const uint8_t *)http2_preface, HTTP2_PREFACE_SIZE});
	http2_feed(c, rest);
}

/* A connection's first bytes tell HTTP/2 by its preface, with ALPN or by prior knowledge (RFC 9113, 3.3, 3.4). False:
 * they are HTTP/1's, from `data` on. */
static bool is_preface(struct http1 *h, struct slice data) {
	size_t known = h->preface, n = 0;
	while (n < data.size && known + n < HTTP2_PREFACE_SIZE && data.data[n] == (uint8_t)http2_preface[known + n])
		n++;
	if (known + n == HTTP2_PREFACE_SIZE) {
		turn_to_http2(h, (struct slice){data.data + n, data.size - n});
		return true;
	}
	if (n == data.size) {
		h->preface = (uint8_t)(known + n);
		http1_arm(h, http1_config(h)->http_header_timeout);
		return true;
	}
	h->preface = HTTP1_PREFACE_DECIDED;
	feed(h, (const uint8_t *)http2_preface, known);
	return false;
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	struct http1 *h = http1_of(c);
	if (h->preface != HTTP1_PREFACE_DECIDED && is_preface(h, (struct slice){data, size}))
		return;
	if (h->phase == HTTP1_CLOSING)
		return;
	size_t taken = h->phase == HTTP1_STREAMING ? 0 : feed(h, data, size);
	if (taken == size || h->phase == HTTP1_CLOSING)
		return;
	if (h->phase == HTTP1_STREAMING) { /* a request behind one whose answer may never end: it is not kept */
		h->keep_alive = false;
		return;
	}
	h->ahead = bytes_copy(data + taken, size - taken);
	h->ahead_at = 0;
	if (!h->ahead) {
		http1_close(h, false);
		return;
	}
	conn_read_pause(c);
	if (h->phase == HTTP1_READING)
		worker_at_turn_end(h->exchange.worker, &h->resume);
}

static void on_peer(struct conn *c) {
	conn_peer(c, http_connection_of(c)->remote);
}

static void on_writable(struct conn *c) {
	struct http1 *h = http1_of(c);
	if (h->phase == HTTP1_STREAMING && h->exchange.on_writable)
		h->exchange.on_writable(&h->exchange);
	else if (h->phase == HTTP1_SENDING)
		http1_send_rest(h);
	else
		resume(h);
}

static const struct conn_ops conn_ops = {
    .on_read = on_read, .on_writable = on_writable, .on_end = on_end, .on_closed = on_closed, .on_peer = on_peer};

/* --- the server --- */

void http_server_accept(struct http_server *s, struct listener *l) {
	struct http1 *h = calloc(1, sizeof *h);
	if (!h) {
		listener_refuse(l);
		return;
	}
	h->connection.server = s;
	h->connection.secure = l->tls != NULL;
	h->exchange = (struct http_exchange){.transport = &http1_transport,
	                                     .server = s,
	                                     .worker = s->worker,
	                                     .secure = l->tls != NULL,
	                                     .fields = &h->parser.request.fields,
	                                     .conn = &h->connection.conn,
	                                     .remote = h->connection.remote};
	const struct config_node *config = config_node(s->config);
	const struct http1_limits limits = {.head = (size_t)config->http_max_header, .body = (size_t)config->http_max_body};
	http1_parser_init(&h->parser, &limits);
	timer_init(&h->connection.timer, s->worker, on_timer);
	turn_task_init(&h->resume, on_resume);
	if (conn_accept(&h->connection.conn, l, &conn_ops)) {
		free(h);
		return;
	}
	metric_inc(M_CONNECTIONS_HTTP);
	list_append(&s->connections, &h->connection.node);
	conn_peer(&h->connection.conn, h->connection.remote);
	conn_set_peer_timeout(&h->connection.conn, config_viewer_timeout(s->config));
	await_request(h);
}

void http_server_drain(struct http_server *s) {
	s->draining = true;
	list_each (node, &s->connections) {
		struct http_connection *c = list_entry(node, struct http_connection, node);
		if (c->http2)
			http2_drain(c);
	}
}

void http_server_stop(struct http_server *s) {
	list_each (node, &s->connections) {
		struct http_connection *c = list_entry(node, struct http_connection, node);
		if (c->http2)
			http2_stop(c);
		else
			http1_close(http1_of(&c->conn), true);
	}
}
