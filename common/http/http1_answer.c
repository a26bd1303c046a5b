/* http1_answer.c: HTTP/1.1's answers (RFC 9112, 4, 6, 7, 9.3): heads, whole bodies, bodies in chunks. */
#include "common/http/http1_parts.h"

#include "common/base/logger.h"

#include <http_parser.h>
#include <stdio.h>
#include <string.h>

/* A whole answer up to here is kept by its connection where the kernel has no room; a larger one is given to the kernel
 * as it takes it. */
enum { SMALL = CONN_QUEUE_LIMIT / 2 };

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

static void open_head(struct buffer *head, int status) {
	if (status == 200) {
		buffer_append_string(head, "HTTP/1.1 200 OK\r\n");
		return;
	}
	buffer_append_string(head, "HTTP/1.1 ");
	buffer_decimal(head, (uint64_t)status);
	buffer_u8(head, ' ');
	buffer_append_string(head, reason_of(status));
	buffer_append_string(head, "\r\n");
}

static void add_connection(struct http1 *h, struct buffer *head) {
	if (h->exchange.server->draining)
		h->keep_alive = false;
	if (!h->keep_alive)
		buffer_append_string(head, "Connection: close\r\n");
	else if (h->parser.request.http_1_0)
		buffer_append_string(head, "Connection: keep-alive\r\n");
}

/* Sends a buffer that has been written; false: the connection is closing. */
static bool send_buffer(struct http1 *h, struct buffer *out) {
	struct bytes *b = buffer_take(out);
	buffer_fini(out);
	if (b && conn_send(&h->connection.conn, b) == 0)
		return true;
	http1_close(h, false);
	return false;
}

/* --- whole answers --- */

/* A small answer goes out at once, head and body together, and is kept where the kernel has no room: at the turn's end
 * it would stand behind the work for all who are answered in that turn. */
static int send_small(struct http1 *h, const struct http_answer *a) {
	struct conn *c = &h->connection.conn;
	struct bytes *head = buffer_take(a->head);
	struct conn_slice all[CONN_WRITEV_MAX];
	size_t n = 0;
	if (!head)
		return UV_ENOMEM;
	all[n++] = (struct conn_slice){head->data, head->size, head};
	for (size_t i = 0; a->body && i < a->count && n < CONN_WRITEV_MAX; i++)
		all[n++] = a->slices[i];
	int gone = conn_queued(c) ? 0 : conn_try_writev(c, all, n);
	int err = gone < 0 ? gone : 0;
	for (size_t i = (size_t)gone; !err && i < n; i++)
		err = conn_send_slice(c, &all[i]);
	for (size_t i = n - 1; a->body && !err && i < a->count; i++)
		err = conn_send_slice(c, &a->slices[i]);
	bytes_unref(&head);
	return err;
}

static int keep_all(struct http1 *h, const struct http_answer *a) {
	int err = 0;
	for (size_t i = 0; i < a->count && !err; i++)
		err = body_push(&h->rest, &a->slices[i]);
	return err;
}

static void answer(struct http_exchange *x, const struct http_answer *a) {
	struct http1 *h = http1_of_exchange(x);
	add_connection(h, a->head);
	if (http_status_has_body(a->status)) {
		buffer_append_string(a->head, "Content-Length: ");
		buffer_decimal(a->head, a->length);
		buffer_append_string(a->head, "\r\n");
	}
	buffer_append_string(a->head, "\r\n");
	bool large = a->body && a->length > SMALL;
	if (large ? !send_buffer(h, a->head) || keep_all(h, a) : send_small(h, a)) {
		http1_close(h, false);
	} else if (large) {
		h->phase = HTTP1_SENDING;
		http1_arm(h, http1_config(h)->limits_stalled_viewer);
		http1_send_rest(h);
	} else {
		http1_answered(h);
	}
}

void http1_send_rest(struct http1 *h) {
	struct conn *c = &h->connection.conn;
	while (h->phase == HTTP1_SENDING && h->rest.count && !conn_blocked(c)) {
		struct conn_slice slices[CONN_WRITEV_MAX];
		size_t n = body_peek(&h->rest, slices, CONN_WRITEV_MAX, SIZE_MAX);
		int gone = conn_try_writev(c, slices, n);
		if (gone < 0) {
			http1_close(h, false);
			return;
		}
		for (int i = 0; i < gone; i++) /* what went in part is kept by the conn */
			body_consume(&h->rest, slices[i].size);
		if ((size_t)gone < n)
			return; /* on_writable comes */
	}
	if (h->phase == HTTP1_SENDING && !h->rest.count) {
		body_fini(&h->rest);
		http1_answered(h);
	}
}

static void fail(struct http_exchange *x) {
	http1_close(http1_of_exchange(x), false);
}

/* --- streams --- */

static enum http_framing framing(const struct http_exchange *x) {
	return ((const struct http1 *)x)->parser.request.http_1_0 ? HTTP_FRAMING_IDENTITY : HTTP_FRAMING_CHUNKED;
}

static bool begin(struct http_exchange *x, const struct http_answer *a) {
	struct http1 *h = http1_of_exchange(x);
	if (h->parser.request.http_1_0 || h->ahead) /* nothing that comes while it streams is kept */
		h->keep_alive = false;
	add_connection(h, a->head);
	if (!h->parser.request.http_1_0)
		buffer_append_string(a->head, "Transfer-Encoding: chunked\r\n");
	buffer_append_string(a->head, "\r\n");
	if (!send_buffer(h, a->head))
		return false;
	if (x->method == HTTP_HEAD_METHOD) {
		http1_answered(h);
		return false;
	}
	h->phase = HTTP1_STREAMING;
	x->path = x->query = "";
	x->fields = NULL;
	memset(x->params, 0, sizeof x->params);
	x->body = (struct slice){0};
	buffer_fini(&h->parser.request.target);
	buffer_fini(&h->parser.request.body);
	http_fields_fini(&h->parser.request.fields);
	http1_drop_ahead(h);
	timer_stop(&h->connection.timer);
	conn_watch_stall(&h->connection.conn, (uint32_t)http1_config(h)->limits_stalled_viewer);
	return h->phase == HTTP1_STREAMING;
}

static struct sink *sink_of(struct http_exchange *x) {
	struct http1 *h = http1_of_exchange(x);
	h->sink.conn = &h->connection.conn;
	return &h->sink;
}

static size_t queued(const struct http_exchange *x) {
	return conn_queued(&((const struct http1 *)x)->connection.conn);
}

static uint64_t sent(const struct http_exchange *x) {
	return ((const struct http1 *)x)->connection.conn.written_bytes;
}

static int send_parts(struct http1 *h, const struct conn_slice *slices, size_t count) {
	int err = 0;
	for (size_t i = 0; i < count && !err; i++)
		err = conn_send_slice(&h->connection.conn, &slices[i]);
	return err;
}

/* One chunk's head and end stand in one small block. */
static int send_chunk(struct http1 *h, const struct conn_slice *slices, size_t count, size_t total) {
	struct buffer text;
	buffer_init(&text, 0);
	buffer_printf(&text, "%zx\r\n\r\n", total);
	size_t size = text.size;
	struct bytes *b = buffer_take(&text);
	buffer_fini(&text);
	if (!b)
		return UV_ENOMEM;
	const struct conn_slice head = {b->data, size - 2, b}, end = {b->data + size - 2, 2, b};
	int err = send_parts(h, &head, 1);
	if (!err)
		err = send_parts(h, slices, count);
	if (!err)
		err = send_parts(h, &end, 1);
	bytes_unref(&b);
	return err;
}

static int write_blocks(struct http_exchange *x, const struct conn_slice *slices, size_t count) {
	enum { CHUNK_MARKS = 32 };
	struct http1 *h = http1_of_exchange(x);
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += slices[i].size;
	if (total == 0)
		return 0; /* an empty chunk would end the body */
	if (conn_queued(&h->connection.conn) + total + CHUNK_MARKS > CONN_QUEUE_LIMIT)
		return UV_ENOBUFS;
	return h->parser.request.http_1_0 ? send_parts(h, slices, count) : send_chunk(h, slices, count, total);
}

static void end(struct http_exchange *x) {
	struct http1 *h = http1_of_exchange(x);
	if (!h->parser.request.http_1_0) {
		struct buffer out;
		buffer_init(&out, 0);
		buffer_append_string(&out, "0\r\n\r\n");
		if (!send_buffer(h, &out))
			return;
	}
	conn_watch_stall(&h->connection.conn, 0);
	http1_answered(h);
}

static void abort_stream(struct http_exchange *x, const char *why) {
	log_debug("http stream broke off", log_str("remote", x->remote), log_str("reason", why));
	http1_close(http1_of_exchange(x), false);
}

const struct http_transport http1_transport = {.open_head = open_head,
                                               .answer = answer,
                                               .framing = framing,
                                               .begin = begin,
                                               .write = write_blocks,
                                               .queued = queued,
                                               .sent = sent,
                                               .sink = sink_of,
                                               .end = end,
                                               .abort = abort_stream,
                                               .fail = fail};
