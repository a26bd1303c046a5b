/*
 * http1_parts.h: a connection of HTTP/1.1. Internal: http1.c (reading, time, life), http1_answer.c (answers).
 */
#pragma once

#include "common/http/body.h"
#include "common/http/connection.h"
#include "common/http/http1_parser.h"
#include "common/http/transport.h"

enum {
	HTTP1_QUEUE_MARK = 65536,         /* with more queued, the next request waits */
	HTTP1_PREFACE_DECIDED = UINT8_MAX /* not HTTP/2 */
};

enum http1_phase { HTTP1_READING, HTTP1_ANSWERING, HTTP1_SENDING, HTTP1_STREAMING, HTTP1_CLOSING };

struct http1 {
	struct http_exchange exchange; /* first, so that it leads here */
	struct http_connection connection;
	enum http1_phase phase;
	struct http1_parser parser;
	struct body rest;    /* of a whole answer that is too large to be queued at once */
	struct bytes *ahead; /* what came while a request was answered: reading pauses; NULL: nothing */
	size_t ahead_at;     /* bytes of it that are done with */
	struct turn_task resume;
	struct sink sink;
	uint8_t preface; /* bytes of HTTP/2's that have come */
	bool keep_alive;
};

static inline struct http1 *http1_of(struct conn *c) {
	return list_entry(http_connection_of(c), struct http1, connection);
}

static inline struct http1 *http1_of_exchange(struct http_exchange *x) {
	return (struct http1 *)x;
}

static inline const struct config_node *http1_config(const struct http1 *h) {
	return config_node(h->exchange.server->config);
}

void http1_close(struct http1 *h, bool politely);

/* Sets the one timer; the connection closes if it cannot be set. */
void http1_arm(struct http1 *h, int64_t delay_ms);

/* The answer is complete: the next request, or the end. */
void http1_answered(struct http1 *h);

/* Forgets what came ahead; the client's end is heard again. */
void http1_drop_ahead(struct http1 *h);

/* More of `rest`, while SENDING. */
void http1_send_rest(struct http1 *h);

extern const struct http_transport http1_transport;
