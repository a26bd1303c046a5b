/*
 * http.h: HTTP as handlers see it, whatever its version: a request, and one response to it.
 *
 * An exchange is given to a handler on the connection's worker. The handler answers at once or later, whole
 * (http_respond) or as a stream (http_stream_*). Until it has answered whole or has ended its stream, it may be told by
 * on_gone that nobody waits any more; after that, or after its answer, the exchange is not its to touch.
 *
 *   handler → http_respond
 *   handler → (later) http_respond | on_gone
 *   handler → http_stream_begin → sends on http_stream_conn … on_writable … → http_stream_end | on_gone
 */
#pragma once

#include "common/base/bytes.h"
#include "common/loop/conn.h"

#include <stdbool.h>

enum http_verb {
	HTTP_GET_METHOD = 1,
	HTTP_HEAD_METHOD = 2,
	HTTP_OPTIONS_METHOD = 4,
	HTTP_POST_METHOD = 8,
	HTTP_DELETE_METHOD = 16
};

enum { HTTP_PARAMS_MAX = 4, HTTP_ID_SIZE = 33 };

struct http_server;

struct http_exchange {
	struct http_server *server;
	struct worker *worker;
	enum http_verb method;
	const char *path;                    /* decoded, without the query; valid until the answer begins */
	const char *query;                   /* what followed `?`, as sent; "" */
	const char *params[HTTP_PARAMS_MAX]; /* what the route's placeholders matched */
	char remote[ADDRESS_TEXT_MAX];
	void *handler; /* the handler's own */
	void (*on_gone)(struct http_exchange *);
	void (*on_writable)(struct http_exchange *);
};

/* A whole answer; takes the reference to `body` (NULL: none). HEAD sends its head alone. `headers` is further header
 * lines, each with its CR LF, or NULL. */
void http_respond(struct http_exchange *x, int status, const char *content_type, const char *headers,
                  struct bytes *body);

/* {"error":{"code":…,"message":…}} */
void http_respond_error(struct http_exchange *x, int status, const char *code, const char *message);

enum http_framing {
	HTTP_FRAMING_CHUNKED,  /* the stream's blocks are whole chunks of HTTP/1.1 (RFC 9112, 7.1) */
	HTTP_FRAMING_IDENTITY, /* plain bytes; the connection's end is the body's */
};

/* How a stream's blocks must be framed. */
enum http_framing http_stream_framing(const struct http_exchange *x);

/* Sends the head. For HEAD that is the answer: false, and the exchange is over, as it is when the connection failed
 * (on_gone is called then). Frees what the request held. */
bool http_stream_begin(struct http_exchange *x, int status, const char *content_type, const char *headers);

/* Where the blocks go, framed; conn_send and conn_try_writev as they are. */
struct conn *http_stream_conn(struct http_exchange *x);

/* The body is complete. The exchange is over. */
void http_stream_end(struct http_exchange *x);

/* The stream broke off on our side; the client sees an incomplete body. The exchange is over. */
void http_stream_abort(struct http_exchange *x, const char *why);
