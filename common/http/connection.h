/*
 * connection.h: a client's connection, whichever version it speaks. Internal: http1.c begins each; http2.c takes over
 * those that speak HTTP/2.
 */
#pragma once

#include "common/base/list.h"
#include "common/http/server.h"
#include "common/loop/conn.h"

struct http2;

struct http_connection {
	struct conn conn;
	struct list node; /* in the server's */
	struct http_server *server;
	struct http2 *http2; /* NULL: it speaks HTTP/1 */
	struct timer timer;
	bool secure;
	char remote[ADDRESS_TEXT_MAX];
};

static inline struct http_connection *http_connection_of(struct conn *c) {
	return list_entry(c, struct http_connection, conn);
}

/* The conn is closed: leaves the server and frees what http1.c allocated. */
void http_connection_free(struct http_connection *c);

/* A bound on how long an end may take that first sends what is queued. */
enum { HTTP_CLOSE_AFTER_MS = 2000 };
