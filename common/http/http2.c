/*
 * http2.c: HTTP/2 on a connection: what is ready goes out at the turn's end as the kernel takes it, time is looked at
 * now and then, and the connection ends when its session does.
 */
#include "common/http/http2_parts.h"

#include "common/base/logger.h"

#include <stdlib.h>
#include <uv.h>

enum {
	TICK_MOST_MS = 1000,
	TURN_MOST = 1024 * 1024, /* bytes that one connection sends before others have their turn */
	FAILED_CLOSE_MS = 100    /* who floods us is not listened to for long after the GOAWAY */
};

static void on_output(struct http2 *h) {
	if (!h->closing)
		worker_at_turn_end(h->base.worker, &h->flush);
}

/* --- the end --- */

/* `linger_ms`: what is queued may take so long; 0: at once. */
static void close_connection(struct http2 *h, uint64_t linger_ms) {
	struct http_connection *c = h->connection;
	if (h->closing)
		return;
	h->closing = true;
	timer_stop(&c->timer);
	list_remove(&h->flush.node);
	http2_session_abandon(h);
	if (linger_ms)
		conn_close_after_send(&c->conn, linger_ms);
	else
		conn_close(&c->conn);
}

static void on_closed(struct conn *conn) {
	struct http_connection *c = http_connection_of(conn);
	http2_session_fini(c->http2);
	free(c->http2);
	c->http2 = NULL;
	http_connection_free(c);
}

/* What is still to be said goes before the end: a GOAWAY that tells why. */
static void say_and_close(struct http2 *h, uint64_t linger_ms) {
	struct conn_slice slices[CONN_WRITEV_MAX];
	bool well = !h->closing && !h->torn && http2_session_pull(h) == 0;
	while (well && h->out.count) {
		size_t n = body_peek(&h->out, slices, CONN_WRITEV_MAX, SIZE_MAX);
		for (size_t i = 0; i < n && well; i++) {
			well = conn_send_slice(&h->connection->conn, &slices[i]) == 0;
			body_consume(&h->out, slices[i].size);
		}
	}
	close_connection(h, well ? linger_ms : 0);
}

void http2_stop(struct http_connection *c) {
	http2_session_terminate(c->http2, NGHTTP2_NO_ERROR);
	say_and_close(c->http2, HTTP_CLOSE_AFTER_MS);
}

void http2_drain(struct http_connection *c) {
	http2_session_drain(c->http2);
}

static void on_end(struct conn *conn, int error) {
	(void)error; /* without its own side a client cannot give us windows: no half of a connection */
	close_connection(http_connection_of(conn)->http2, 0);
}

/* --- sending --- */

/* What is in `out`, as the kernel takes it. False: it is full, or the connection is closing. */
static bool send_out(struct http2 *h, size_t *sent) {
	struct conn *c = &h->connection->conn;
	while (h->out.count) {
		struct conn_slice slices[CONN_WRITEV_MAX];
		size_t n = body_peek(&h->out, slices, CONN_WRITEV_MAX, SIZE_MAX);
		int gone = conn_try_writev(c, slices, n);
		if (gone < 0) {
			close_connection(h, 0);
			return false;
		}
		for (int i = 0; i < gone; i++) { /* what went in part is kept by the conn */
			*sent += slices[i].size;
			body_consume(&h->out, slices[i].size);
		}
		if ((size_t)gone < n)
			return false; /* on_writable comes */
	}
	return !conn_blocked(c);
}

static void flush(struct http2 *h) {
	size_t sent = 0;
	while (!conn_blocked(&h->connection->conn) && send_out(h, &sent)) {
		if (sent >= TURN_MOST) {
			on_output(h);
			return;
		}
		int err = http2_session_pull(h);
		if (err) {
			log_peer_info("http2 connection failed", log_str("remote", h->base.remote), log_err(err));
			close_connection(h, 0);
			return;
		}
		if (!h->out.count)
			break;
	}
	if (!h->closing && !h->out.count && !conn_blocked(&h->connection->conn) && http2_session_over(h))
		close_connection(h, h->failed ? FAILED_CLOSE_MS : HTTP_CLOSE_AFTER_MS);
}

static void on_flush(struct turn_task *task) {
	flush(list_entry(task, struct http2, flush));
}

static void on_writable(struct conn *conn) {
	flush(http_connection_of(conn)->http2);
}

/* --- reading --- */

/* A turn may bring several reads. What an earlier one led to goes out first: it may be the GOAWAY after which nghttp2
 * hears no more of a client that floods us. */
void http2_feed(struct http_connection *c, struct slice data) {
	struct http2 *h = c->http2;
	if (!list_empty(&h->flush.node)) {
		list_remove(&h->flush.node);
		flush(h);
	}
	if (!h->closing && http2_session_feed(h, data))
		say_and_close(h, FAILED_CLOSE_MS);
}

static void on_read(struct conn *conn, const uint8_t *data, size_t size) {
	http2_feed(http_connection_of(conn), (struct slice){data, size});
}

static const struct conn_ops conn_ops = {
    .on_read = on_read, .on_writable = on_writable, .on_end = on_end, .on_closed = on_closed};

/* --- time --- */

/* Often enough for the shortest of the limits. */
static uint64_t tick_ms(const struct http2 *h) {
	const struct config_node *c = http2_config(h);
	int64_t shortest = c->http_header_timeout < c->http_idle_timeout ? c->http_header_timeout : c->http_idle_timeout;
	if (c->limits_stalled_viewer < shortest)
		shortest = c->limits_stalled_viewer;
	return shortest / 4 < TICK_MOST_MS ? (uint64_t)(shortest / 4) : TICK_MOST_MS;
}

static void on_timer(struct timer *t) {
	struct http_connection *c = list_entry(t, struct http_connection, timer);
	struct http2 *h = c->http2;
	uint64_t now = worker_now_ms(h->base.worker);
	bool stalled =
	    conn_blocked(&c->conn) && now - c->conn.last_written_ms >= (uint64_t)http2_config(h)->limits_stalled_viewer;
	if (stalled)
		log_peer_info("http viewer closed: it took nothing for limits.stalled_viewer", log_str("remote", c->remote));
	else
		http2_session_tick(h, now);
	if (stalled || (!h->closing && timer_start(t, tick_ms(h))))
		close_connection(h, 0);
}

/* --- the beginning --- */

int http2_begin(struct http_connection *c) {
	struct http2 *h = calloc(1, sizeof *h);
	if (!h)
		return UV_ENOMEM;
	const struct http_exchange base = {
	    .server = c->server, .worker = c->server->worker, .secure = c->secure, .conn = &c->conn, .remote = c->remote};
	h->connection = c;
	turn_task_init(&h->flush, on_flush);
	int err = http2_session_init(h, &base, on_output);
	if (err) {
		free(h);
		return err;
	}
	timer_stop(&c->timer);
	timer_init(&c->timer, c->server->worker, on_timer);
	c->http2 = h;
	c->conn.ops = &conn_ops;
	if (timer_start(&c->timer, tick_ms(h)))
		close_connection(h, 0);
	else if (c->server->draining)
		http2_drain(c);
	return 0;
}
