/*
 * http.h: HTTP as handlers see it, whatever its version: a request, and one response to it.
 *
 * An exchange is given to a handler on the connection's worker. The handler answers at once or later, whole
 * (http_respond*) or as a stream (http_stream_*). Until it has answered whole or has ended its stream, it may be told
 * by on_gone that nobody waits any more; after that, or after its answer, the exchange is not its to touch.
 *
 *   handler → http_respond, http_respond_blocks
 *   handler → (later) http_respond | on_gone
 *   handler → http_stream_begin → http_stream_write, or sends on http_stream_sink … on_writable …
 *             → http_stream_end | on_gone
 */
#pragma once

#include "common/base/bytes.h"
#include "common/http/fields.h"
#include "common/loop/sink.h"

#include <stdbool.h>

enum http_verb {
	HTTP_GET_METHOD = 1,
	HTTP_HEAD_METHOD = 2,
	HTTP_OPTIONS_METHOD = 4,
	HTTP_POST_METHOD = 8,
	HTTP_DELETE_METHOD = 16
};

enum { HTTP_PARAMS_MAX = 5 };

struct http_server;
struct http_transport; /* transport.h: the version beneath */

struct http_exchange {
	const struct http_transport *transport;
	struct http_server *server;
	struct worker *worker;
	enum http_verb method;
	bool secure;                         /* it came over TLS */
	const struct conn *conn;             /* for common/http alone: the connection beneath */
	const char *path;                    /* decoded, without the query; valid until the answer begins */
	const char *query;                   /* what followed `?`, as sent; "" */
	const char *params[HTTP_PARAMS_MAX]; /* what the route's placeholders matched */
	const struct http_fields *fields;    /* for http_field */
	struct slice body;                   /* what the request carried; valid until the answer begins */
	const char *remote;                  /* the connection's other end */
	void *handler;                       /* the handler's own */
	void (*on_gone)(struct http_exchange *);
	void (*on_writable)(struct http_exchange *);
};

/* A header field of the request, or NULL; valid until the answer begins. Several of one name are joined by ", "
 * (RFC 9110, 5.3). */
const char *http_field(const struct http_exchange *x, enum http_field field);

/* Who asks: the connection's other end or, where http.trusted_proxies says that proxies of ours stand there,
 * the address that the first of them added to X-Forwarded-For: printable, whatever that is. */
void http_client_address(const struct http_exchange *x, char out[ADDRESS_TEXT_MAX]);

/* Whether the client takes gzip: a handler that has a body in that form gives it (http_response.gzip). */
bool http_takes_gzip(const struct http_exchange *x);

/* A whole answer; takes the reference to `body` (NULL: none). HEAD sends its head alone. `headers` is further header
 * lines, each with its CR LF, or NULL. */
void http_respond(struct http_exchange *x, int status, const char *content_type, const char *headers,
                  struct bytes *body);

/* {"error":{"code":…,"message":…}} */
void http_respond_error(struct http_exchange *x, int status, const char *code, const char *message);

/* The same with status 503 and Retry-After: another node, or this one `retry_s` seconds later, can. */
void http_respond_busy(struct http_exchange *x, unsigned retry_s, const char *code, const char *message);

/* Cache-Control for what never changes under its URL, and for what must be asked for anew each time. */
#define HTTP_CACHE_FOREVER "Cache-Control: public, max-age=31536000, immutable\r\n"
#define HTTP_CACHE_NEVER "Cache-Control: no-store\r\n"

/* A whole answer of several blocks, sent by reference. */
struct http_response {
	int status; /* what conditions and ranges apply to is 200 */
	const char *content_type, *headers;
	const char *etag;                /* with its quotes; NULL: If-None-Match and If-Range are not heard */
	bool ranges;                     /* GET may ask for one range of bytes: 206, 416 (RFC 9110, 14); of several, all */
	bool compressible;               /* text: gzip where the client takes it */
	struct bytes *gzip;              /* borrowed: its gzip form, made once; NULL: made for each answer */
	const struct conn_slice *slices; /* borrowed for the call */
	size_t count;
};

void http_respond_blocks(struct http_exchange *x, const struct http_response *r);

/* --- a body that grows --- */

enum http_framing {
	HTTP_FRAMING_CHUNKED,  /* a sink's blocks are whole chunks of HTTP/1.1 (RFC 9112, 7.1) */
	HTTP_FRAMING_IDENTITY, /* plain bytes */
};

/* How the blocks that go to the stream's sink must be framed. */
enum http_framing http_stream_framing(const struct http_exchange *x);

/* Sends the head. For HEAD that is the answer: false, and the exchange is over, as it is when the connection failed
 * or memory is out (on_gone is called then). Frees what the request held. */
bool http_stream_begin(struct http_exchange *x, int status, const char *content_type, const char *headers);

/* What is always taken in one write where nothing is queued. */
enum { HTTP_STREAM_WRITE_MAX = 1024 * 1024 };

/*
 * Sends blocks by reference, framed by HTTP itself, at most HTTP_STREAM_WRITE_MAX together: of more, with nothing
 * queued, nobody could be told when to try again. 0; UV_ENOBUFS: the client does not take what is queued, nothing was
 * added; another negative code: abort the stream. on_writable comes when nothing is queued any more.
 */
int http_stream_write(struct http_exchange *x, const struct conn_slice *slices, size_t count);

/* Bytes that wait to be sent, and those of the body that were sent so far (HTTP/1.1: with all that the connection
 * carried before). */
size_t http_stream_queued(const struct http_exchange *x);
uint64_t http_stream_sent(const struct http_exchange *x);

/* Bytes that the connection has received. */
uint64_t http_stream_received(const struct http_exchange *x);

/* For fan-out: where blocks go that are framed already, as http_stream_framing says. Valid as long as the stream. */
struct sink *http_stream_sink(struct http_exchange *x);

/* The body is complete. The exchange is over. */
void http_stream_end(struct http_exchange *x);

/* The stream broke off on our side; the client sees an incomplete body. The exchange is over. */
void http_stream_abort(struct http_exchange *x, const char *why);
