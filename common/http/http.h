/*
 * http.h: requests and responses as every handler sees them, whatever HTTP's version beneath.
 *
 * A handler is called once a request is complete, on the worker of its connection. It answers at once, or later: then
 * it watches the response, so that it learns of the client's going.
 *
 *   a response is | allowed                                                       | leaves by
 *   new           | header, watch, framing, respond, begin, abort                 | respond, begin
 *   streaming     | watch, write, try_writev, blocked, conn, forget_request, end  | end, abort
 *   over          | nothing: the pointer is dead                                  |
 *
 * http_respond, http_response_end and http_response_abort are a handler's last call; on_closed is the last call to a
 * handler that did not come so far. Exactly one of them ends each response. No function here calls back into the handler:
 * on_writable and on_closed come from the loop.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/http/headers.h"
#include "common/http/url.h"
#include "common/loop/conn.h"

/* Bits, so that a route may name several. */
enum http_methods {
	HTTP_METHOD_GET = 1,
	HTTP_METHOD_HEAD = 2,
	HTTP_METHOD_POST = 4,
	HTTP_METHOD_PUT = 8,
	HTTP_METHOD_PATCH = 16,
	HTTP_METHOD_DELETE = 32,
	HTTP_METHOD_OPTIONS = 64,
	HTTP_METHOD_OTHER = 128 /* known to HTTP, not to us */
};

enum { HTTP_PARAMS_MAX = 8 };

/* A part of the path that a route named. */
struct http_param {
	struct slice name;
	const char *value;
};

/* Lives until its response is over, or until http_response_forget_request. */
struct http_request {
	enum http_methods method;
	unsigned version; /* 10, 11, 20 */
	struct http_url url;
	struct http_headers headers;
	struct bytes *body; /* NULL: none. At most http.max_body bytes */
	const char *remote; /* the peer's address as text */
	size_t param_count;
	struct http_param params[HTTP_PARAMS_MAX];
};

struct http_response;

typedef void (*http_handler_fn)(struct http_request *, struct http_response *, void *context);

/* The first value of a header (name in lower case), of a query parameter, of a part of the path; or NULL. */
const char *http_request_header(const struct http_request *r, const char *name);
const char *http_request_query(const struct http_request *r, const char *name);
const char *http_request_param(const struct http_request *r, const char *name);

/* "GET"; "?" for HTTP_METHOD_OTHER. */
const char *http_method_name(enum http_methods method);

/* --- responses --- */

struct http_response_ops {
	/* http_response_blocked is false again. May be NULL. */
	void (*on_writable)(struct http_response *);
	/* The client has gone (UV_EOF), the socket failed, the client took nothing for limits.stalled_viewer
	 * (UV_ETIMEDOUT), or the server stops (UV_ECANCELED): let go of everything. */
	void (*on_closed)(struct http_response *, int reason);
};

/* Whom to call. A handler that returns without an answer must have called this. */
void http_response_watch(struct http_response *r, const struct http_response_ops *ops, void *context);
void *http_response_context(const struct http_response *r);

/* Adds a header field. UV_EINVAL: it has a character that no header may have, and is left out; UV_E2BIG, UV_ENOMEM. */
int http_response_header(struct http_response *r, const char *name, const char *value);

/* The whole answer: status, Content-Type (NULL: none) and body (NULL: none; takes the reference). */
void http_respond(struct http_response *r, int status, const char *type, struct bytes *body);

/* The body {"error":{"code":…,"message":…}}. `code` is a word for programs, `message` a sentence for people. */
void http_respond_error(struct http_response *r, int status, const char *code, const char *message);

/* --- streaming --- */

/*
 * How a body of unknown length reaches this client.
 *   CHUNKED   what http_response_try_writev is given must be whole chunks: HEX CRLF … CRLF. A view makes them once for
 *             all its viewers.
 *   IDENTITY  it is given the bytes themselves. On HTTP/1.0 the connection's end is the body's.
 */
enum http_framing { HTTP_FRAMING_IDENTITY, HTTP_FRAMING_CHUNKED };
enum http_framing http_response_framing(const struct http_response *r);

enum { HTTP_LENGTH_UNKNOWN = -1, HTTP_BEGUN_AND_OVER = 1 };

/*
 * Queues the head. `length` is the body's in bytes, all of which must then be written, or HTTP_LENGTH_UNKNOWN.
 * 0; HTTP_BEGUN_AND_OVER: the client asked by HEAD, and that was all: the response is over; or a negative code: the
 * connection has failed, and on_closed follows.
 */
int http_response_begin(struct http_response *r, int status, const char *type, int64_t length);

/*
 * Queues one block (takes the reference), framed as the client needs it. May be called while blocked, but a client that
 * does not read is closed at CONN_QUEUE_LIMIT. 0, or a negative code: the connection has failed, and on_closed follows.
 */
int http_response_write(struct http_response *r, struct bytes *block);

/* conn_try_writev for blocks that are framed already: the same result, by reference, at once. A negative code: the
 * connection has failed, and on_closed follows. */
int http_response_try_writev(struct http_response *r, const struct conn_slice *slices, size_t count);

/* True while what was written waits for the client. */
bool http_response_blocked(const struct http_response *r);

/* The connection below, for common/stream's sender, which writes to it as http_response_try_writev does, body bytes only
 * and framed; never close it. NULL where responses share a connection (HTTP/2). */
struct conn *http_response_conn(struct http_response *r);

/* The request is not needed any more: frees it. A viewer then costs its connection only. */
void http_response_forget_request(struct http_response *r);

/* The body is complete. */
void http_response_end(struct http_response *r);

/* The answer cannot be given or completed: the client sees a broken connection (HTTP/2: a reset stream). */
void http_response_abort(struct http_response *r);
