#include "common/loop/conn.h"
#include "common/loop/conn_parts.h"

#include "common/base/metrics.h"
#include "common/loop/limits.h"
#include "common/loop/listener.h"
#include "common/loop/tls_conn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
	(void)suggested;
	struct conn *c = handle->data;
	buf->base = (char *)c->worker->read_buffer;
	buf->len = sizeof c->worker->read_buffer;
}

static void hear(struct conn *c, const uint8_t *data, size_t size) {
	if (c->tls)
		tls_conn_read(c, data, size);
	else
		c->ops->on_read(c, data, size);
}

void conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
	struct conn *c = stream->data;
	if (n == 0 || c->closing)
		return;
	if (n < 0) {
		conn_ended(c, (int)n);
		return;
	}
	if (c->lingering)
		return;
	c->last_read_ms = worker_now_ms(c->worker);
	c->read_bytes += (uint64_t)n;
	metric_add(M_SOCKET_RECEIVED, n);
	size_t at = conn_proxy_awaited(c) ? conn_proxy_read(c, (const uint8_t *)buf->base, (size_t)n) : 0;
	if (at < (size_t)n && !c->closing)
		hear(c, (const uint8_t *)buf->base + at, (size_t)n - at);
}

void conn_ended(struct conn *c, int error) {
	uv_read_stop(&c->stream);
	if (c->lingering)
		conn_close(c);
	else
		c->ops->on_end(c, error);
}

/* --- writing --- */

static void on_written(uv_write_t *request, int status);

/* The kernel is full: libuv watches for room by writing the first queued run. */
static int wait_for_room(struct conn *c) {
	if (c->tls)
		return 0; /* its ciphertext waits already */
	struct conn_slice *s = &c->pending.items[c->pending.first];
	uv_buf_t buf = uv_buf_init((char *)s->data, (unsigned)s->size);
	int err = uv_write(&c->pending.request, &c->stream, &buf, 1, on_written);
	if (!err)
		c->writing = true;
	return err ? err : conn_stall_watch(c);
}

void conn_count_written(struct conn *c, size_t size) {
	c->written_bytes += size;
	c->last_written_ms = worker_now_ms(c->worker);
	metric_add(M_SOCKET_SENT, (int64_t)size);
	metric_add(M_WORKER_SENT, (int64_t)size);
	metric_inc(M_SOCKET_WRITES);
}

/* One system call, or with TLS a few. Bytes taken (0 when full), or a libuv code. */
static int write_now(struct conn *c, uv_buf_t *bufs, unsigned count) {
	return c->tls ? tls_conn_write(c, bufs, count) : conn_out(c, bufs, count);
}

static unsigned pending_bufs(struct conn *c, uv_buf_t *bufs, size_t *total) {
	unsigned n = 0;
	*total = 0;
	for (size_t i = 0; i < c->pending.count && n < CONN_WRITEV_MAX; i++) {
		const struct conn_slice *s = &c->pending.items[c->pending.first + i];
		bufs[n++] = uv_buf_init((char *)s->data, (unsigned)s->size);
		*total += s->size;
	}
	return n;
}

/* Sends what is queued until it is gone (0, nothing pending) or the kernel is full (0, writing), or fails. */
static int flush(struct conn *c) {
	while (c->pending.count && !c->writing) {
		uv_buf_t bufs[CONN_WRITEV_MAX];
		size_t total;
		unsigned n = pending_bufs(c, bufs, &total);
		int sent = write_now(c, bufs, n);
		if (sent < 0)
			return sent;
		conn_pending_consume(c, (size_t)sent);
		if ((size_t)sent < total)
			return wait_for_room(c);
	}
	return 0;
}

static void begin_linger_shutdown(struct conn *c) {
	if (c->tls)
		tls_conn_say_end(c);
	if (!c->writing)
		shutdown(c->fd, SHUT_WR);
}

static void fail(struct conn *c, int err) {
	if (c->lingering)
		conn_close(c);
	else
		c->ops->on_end(c, err);
}

static void on_flush(struct turn_task *task) {
	struct conn *c = list_entry(task, struct conn, flush);
	if (!c->open || c->closing || c->writing)
		return;
	conn_written(c, 0);
}

static void on_written(uv_write_t *request, int status) {
	struct conn *c = request->data;
	c->writing = false;
	if (c->closing)
		return; /* on_closed frees the queue */
	if (!status) {
		size_t size = c->pending.items[c->pending.first].size;
		conn_count_written(c, size);
		conn_pending_consume(c, size);
	}
	conn_written(c, status);
}

void conn_written(struct conn *c, int status) {
	c->writing = false;
	int err = status ? status : flush(c);
	if (err)
		fail(c, err);
	else if (c->lingering && !c->writing)
		begin_linger_shutdown(c);
	else if (!c->writing && c->ops->on_writable)
		c->ops->on_writable(c);
}

static bool can_send(const struct conn *c) {
	return c->open && !c->closing && !c->lingering;
}

static int queue(struct conn *c, const struct conn_slice *s, size_t limit) {
	if (!can_send(c))
		return UV_ENOTCONN;
	if (s->size == 0)
		return 0;
	if (conn_queued(c) >= limit)
		return UV_ENOBUFS;
	struct conn_slice own = *s;
	bytes_ref(own.owner);
	int err = conn_pending_append(c, &own);
	if (err) {
		bytes_unref(&own.owner);
		return err;
	}
	worker_at_turn_end(c->worker, &c->flush);
	return 0;
}

int conn_send(struct conn *c, struct bytes *b) {
	return conn_send_within(c, b, CONN_QUEUE_LIMIT);
}

int conn_send_within(struct conn *c, struct bytes *b, size_t limit) {
	struct conn_slice s = {b->data, b->size, b};
	int err = queue(c, &s, limit);
	bytes_unref(&b);
	return err;
}

int conn_send_slice(struct conn *c, const struct conn_slice *s) {
	return queue(c, s, CONN_QUEUE_LIMIT);
}

/* Keeps what the kernel did not take of a slice (all of it if it took none). */
static int keep_rest(struct conn *c, const struct conn_slice *s, size_t sent) {
	struct conn_slice rest = {s->data + sent, s->size - sent, bytes_ref(s->owner)};
	int err = conn_pending_append(c, &rest);
	if (err)
		bytes_unref(&rest.owner);
	return err ? err : wait_for_room(c);
}

int conn_try_writev(struct conn *c, const struct conn_slice *slices, size_t count) {
	if (!can_send(c))
		return UV_ENOTCONN;
	if (c->writing || count == 0)
		return 0;
	uv_buf_t bufs[2 * CONN_WRITEV_MAX];
	size_t queued;
	unsigned n = pending_bufs(c, bufs, &queued);
	/* A queue too long for one call goes first, alone. */
	size_t own = c->pending.count > n ? 0 : count;
	for (size_t i = 0; i < own; i++)
		bufs[n++] = uv_buf_init((char *)slices[i].data, (unsigned)slices[i].size);
	int r = write_now(c, bufs, n);
	if (r < 0)
		return r;
	size_t sent = (size_t)r;
	if (c->pending.count)
		conn_pending_consume(c, sent < queued ? sent : queued);
	if (sent < queued)
		return wait_for_room(c);
	if (own == 0) {
		int err = flush(c);
		return err || c->writing ? err : conn_try_writev(c, slices, count);
	}
	sent -= queued;
	for (size_t i = 0; i < count; i++) {
		if (sent < slices[i].size) {
			int err = keep_rest(c, &slices[i], sent);
			return err ? err : (int)i + 1;
		}
		sent -= slices[i].size;
	}
	return (int)count;
}

int conn_try_write(struct conn *c, const uint8_t *data, size_t size) {
	uv_buf_t buf = uv_buf_init((char *)data, (unsigned)size);
	if (!can_send(c))
		return UV_ENOTCONN;
	return c->tls || c->writing || conn_queued(c) ? 0 : write_now(c, &buf, 1);
}

bool conn_blocked(const struct conn *c) {
	return c->writing;
}

size_t conn_queued(const struct conn *c) {
	return c->pending.bytes + c->pending.count * CONN_RUN_COST + (c->tls ? tls_conn_queued(c) : 0);
}

/* --- opening --- */

void conn_init(struct conn *c, struct worker *w, const struct conn_ops *ops) {
	memset(c, 0, sizeof *c);
	c->fd = -1;
	c->worker = w;
	c->ops = ops;
	c->last_read_ms = c->last_written_ms = worker_now_ms(w);
	c->peer_timeout_ms = w->peer_timeout_ms;
	turn_task_init(&c->flush, on_flush);
	conn_pending_init(c);
	conn_stall_init(c);
}

int conn_init_handle(struct conn *c, bool is_unix) {
	int err = is_unix ? uv_pipe_init(&c->worker->loop, &c->pipe, 0) : uv_tcp_init(&c->worker->loop, &c->tcp);
	if (err)
		return err;
	c->handle.data = c;
	worker_hold(c->worker);
	return 0;
}

void conn_begin_reading(struct conn *c) {
	bool connected = uv_fileno(&c->handle, &c->fd) == 0;
	if (c->handle.type == UV_TCP)
		uv_tcp_nodelay(&c->tcp, 1);
	conn_watch_peer(c);
	c->open = connected && uv_read_start(&c->stream, on_alloc, conn_on_read) == 0;
	if (!c->open)
		conn_close(c);
}

int conn_accept(struct conn *c, struct listener *l, const struct conn_ops *ops) {
	if (!limits_take(l->worker)) {
		listener_refuse(l);
		return UV_ENFILE;
	}
	conn_init(c, l->worker, ops);
	int err = conn_init_handle(c, l->is_unix);
	if (err) {
		limits_release(l->worker);
		listener_refuse(l);
		return err;
	}
	c->limited = true;
	metric_inc(M_ACCEPTED);
	if (uv_accept(&l->stream, &c->stream) == 0 && !(l->proxied && conn_proxy_open(c)) &&
	    !(l->tls && tls_conn_open(c, l->tls)))
		conn_begin_reading(c);
	else
		conn_close(c);
	return 0;
}

int conn_adopt(struct conn *c, struct worker *w, int fd, bool is_unix, const struct conn_ops *ops) {
	if (!limits_take(w)) {
		close(fd);
		return UV_ENFILE;
	}
	conn_init(c, w, ops);
	int err = conn_init_handle(c, is_unix);
	if (err) {
		limits_release(w);
		close(fd);
		return err;
	}
	c->limited = true;
	err = is_unix ? uv_pipe_open(&c->pipe, fd) : uv_tcp_open(&c->tcp, fd);
	if (err) {
		close(fd);
		conn_close(c);
	} else {
		conn_begin_reading(c);
	}
	return 0;
}

int conn_detach(struct conn *c) {
	if (!can_send(c) || conn_queued(c))
		return UV_EBUSY;
	if (c->tls)
		return UV_ENOTSUP;
	int copy = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return uv_translate_sys_error(errno);
	conn_close(c);
	return copy;
}

/* --- closing --- */

static void on_handle_closed(uv_handle_t *handle) {
	struct conn *c = handle->data;
	struct worker *w = c->worker;
	bool limited = c->limited;
	conn_pending_clear(c);
	if (c->tls)
		tls_conn_free(c);
	free(c->proxy);
	c->ops->on_closed(c);
	if (limited)
		limits_release(w);
	worker_release(w);
}

void conn_close(struct conn *c) {
	if (c->closing)
		return;
	if (c->tls && c->open)
		tls_conn_say_end(c);
	c->closing = true;
	c->open = false;
	list_remove(&c->flush.node);
	timer_stop(&c->stall);
	if (c->connecting)
		conn_connect_cancel(c);
	if (c->tls)
		tls_conn_stop(c);
	c->fd = -1;
	uv_close(&c->handle, on_handle_closed);
}

static void on_linger_due(struct timer *t) {
	conn_close(list_entry(t, struct conn, stall));
}

/* Closing at once with bytes unread would reset the connection and take what we sent with it: so send, say that nothing
 * more comes, and wait for the peer's end. */
void conn_close_after_send(struct conn *c, uint64_t timeout_ms) {
	bool may_linger = can_send(c) && !(c->tls && !tls_conn_established(c));
	timer_stop(&c->stall); /* it has an end now */
	timer_init(&c->stall, c->worker, on_linger_due);
	if (!may_linger || timer_start(&c->stall, timeout_ms)) {
		conn_close(c);
		return;
	}
	c->lingering = true;
	if (!c->writing)
		worker_at_turn_end(c->worker, &c->flush);
}

void conn_read_pause(struct conn *c) {
	if (!can_send(c))
		return;
	uv_read_stop(&c->stream);
	if (c->tls)
		tls_conn_pause(c);
}

void conn_read_resume(struct conn *c) {
	if (can_send(c) && !(c->tls && !tls_conn_resume(c)) && uv_read_start(&c->stream, on_alloc, conn_on_read))
		conn_close(c);
}

void conn_peer(const struct conn *c, char out[ADDRESS_TEXT_MAX]) {
	struct sockaddr_storage sa = {0};
	int size = sizeof sa;
	const char *client = conn_proxy_client(c);
	out[0] = '\0';
	if (client)
		snprintf(out, ADDRESS_TEXT_MAX, "%s", client);
	else if (c->handle.type == UV_TCP && uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&sa, &size) == 0)
		address_print((struct sockaddr *)&sa, out, ADDRESS_TEXT_MAX);
	else
		snprintf(out, ADDRESS_TEXT_MAX, c->handle.type == UV_TCP ? "gone" : "unix");
}
