/*
 * conn_parts.h: a conn's parts. Internal: conn.c (reading, sending, closing), conn_out.c (the system call),
 * conn_proxy.c (who is behind a proxy), conn_queue.c (what waits), conn_connect.c (opening one), conn_stall.c (peers
 * that take nothing), conn_lull.c (bytes that nobody needs soon), conn_peer.c (peers that vanished).
 */
#pragma once

#include "common/loop/conn.h"

void conn_pending_init(struct conn *c);

/* Takes over the reference in `s` on success. 0 or UV_ENOMEM. */
int conn_pending_append(struct conn *c, const struct conn_slice *s);

/* The first `size` queued bytes are sent. */
void conn_pending_consume(struct conn *c, size_t size);

/* Drops all of it. */
void conn_pending_clear(struct conn *c);

void conn_init(struct conn *c, struct worker *w, const struct conn_ops *ops);
int conn_init_handle(struct conn *c, bool is_unix);

/* The socket is connected. */
void conn_begin_reading(struct conn *c);

/* libuv's read callback. */
void conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* Offers the kernel `bufs`, in one call. Bytes that it took, which are counted; 0: it is full; or a libuv code. */
int conn_out(struct conn *c, uv_buf_t *bufs, unsigned count);

/* Bytes that the kernel took. */
void conn_count_written(struct conn *c, size_t size);

/* Of tls_conn.c: the kernel has room again, or why not; on with the queue. */
void conn_written(struct conn *c, int status);

/* The peer ended, or reading failed: nothing is read any more, and the session hears of it. */
void conn_ended(struct conn *c, int error);

/* `writing` has just been set: whether the peer takes something is watched from now on. 0, or UV_ENOMEM. */
int conn_stall_watch(struct conn *c);
void conn_stall_init(struct conn *c);

/* A proxy says first for whom it connects. 0 or UV_ENOMEM. */
int conn_proxy_open(struct conn *c);

/* It has not said so yet. */
bool conn_proxy_awaited(const struct conn *c);

/* What is read while it is awaited. How many of the bytes are done with; the conn may be closed then. */
size_t conn_proxy_read(struct conn *c, const uint8_t *data, size_t size);

/* Whom the proxy speaks for; NULL: for itself, or there is none. */
const char *conn_proxy_client(const struct conn *c);

/* Has the kernel watch for a peer that vanished. */
void conn_watch_peer(struct conn *c);

/* The conn closes while it is connecting: the requests under way end by themselves. */
void conn_connect_cancel(struct conn *c);
