/*
 * conn_lull.c: bytes that nobody needs soon. The kernel does not wake us for fewer than SO_RCVLOWAT of them, socket(7),
 * but for the end of the connection.
 */
#include "common/loop/conn_parts.h"

#include <sys/socket.h>

static void wake_from(struct conn *c, int bytes) {
	/* If it fails we are only woken more often. */
	setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

void conn_lull(struct conn *c, bool on) {
	if (c->lulled == on || c->closing || c->tls || c->handle.type != UV_TCP)
		return;
	c->lulled = on;
	wake_from(c, on ? CONN_LULL_BYTES : 1);
}

/* The peer's end and errors are left to libuv, which sees them too. */
void conn_read_now(struct conn *c) {
	uv_buf_t buf = uv_buf_init((char *)c->worker->read_buffer, sizeof c->worker->read_buffer);
	ssize_t n;
	if (!c->lulled || !c->open)
		return;
	do {
		n = recv(c->fd, buf.base, buf.len, MSG_DONTWAIT);
		if (n > 0)
			conn_on_read(&c->stream, n, &buf);
	} while (n == (ssize_t)buf.len && !c->closing);
	conn_lull(c, false);
}
