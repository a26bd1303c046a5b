/*
 * tls_conn.h: the TLS of one connection, between conn.c and the socket. Internal to conn.
 *
 * What comes from the socket goes in by tls_conn_read, which hands plain bytes to the session's on_read; what the
 * session sends conn.c gives to tls_conn_write, which encrypts through buffers that the worker has once. Ciphertext
 * that the kernel did not take is kept here and watched by libuv; meanwhile `conn->writing` holds, as it does until the
 * handshake is over.
 *
 *   phase       | read                 | write | ends
 *   handshake   | advances it          | no    | on_end(UV_EPROTO, UV_ETIMEDOUT, UV_EOF), logged here
 *   established | on_read              | yes   | on_end(UV_EOF) by close_notify or the socket's end; UV_EPROTO
 *   failed      | ignored              | no    |
 */
#pragma once

#include "common/loop/conn.h"

struct tls;

/* On an accepted conn that does not read yet. 0, or UV_ENOMEM. */
int tls_conn_open(struct conn *c, struct tls *t);

/* The handle is closed. */
void tls_conn_free(struct conn *c);

/* The handshake is complete: bytes can be sent. */
bool tls_conn_established(const struct conn *c);

/* Ciphertext from the socket; borrowed for the call. */
void tls_conn_read(struct conn *c, const uint8_t *data, size_t size);

/* Stops on_read; what was read already waits. False from resume: the rest comes first, at the turn's end, and then the
 * socket is read again from here. */
void tls_conn_pause(struct conn *c);
bool tls_conn_resume(struct conn *c);

/* Encrypts and sends until all has gone or the kernel is full, which sets c->writing. Returns how many bytes it has
 * taken, or UV_EPROTO, or why the socket failed. */
int tls_conn_write(struct conn *c, const uv_buf_t *bufs, unsigned count);

/* Bytes of ciphertext that wait. */
size_t tls_conn_queued(const struct conn *c);

/* Says close_notify (RFC 8446, 6.1), once, if that is possible; may set c->writing. */
void tls_conn_say_end(struct conn *c);

/* The conn closes: nothing happens any more. */
void tls_conn_stop(struct conn *c);
