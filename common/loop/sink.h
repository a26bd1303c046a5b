/*
 * sink.h: where a sender's blocks go: a connection itself, or something inside of one (a stream of HTTP/2).
 *
 * Belongs to whoever made it, on the connection's worker. A sink that is a connection says so in `conn`, and is used
 * without a call through a pointer.
 */
#pragma once

#include "common/loop/conn.h"

struct sink {
	struct conn *conn; /* NULL: the functions below do it, each as conn's of its name */
	int (*try_writev)(struct sink *, const struct conn_slice *slices, size_t count);
	bool (*blocked)(const struct sink *);
	int (*send)(struct sink *, struct bytes *);
};

static inline int sink_try_writev(struct sink *k, const struct conn_slice *slices, size_t count) {
	return k->conn ? conn_try_writev(k->conn, slices, count) : k->try_writev(k, slices, count);
}

static inline bool sink_blocked(const struct sink *k) {
	return k->conn ? conn_blocked(k->conn) : k->blocked(k);
}

static inline int sink_send(struct sink *k, struct bytes *b) {
	return k->conn ? conn_send(k->conn, b) : k->send(k, b);
}
