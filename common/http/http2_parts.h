/*
 * http2_parts.h: a session of HTTP/2 and its streams. Internal: http2_session.c (what a client sends), http2_answer.c
 * (what it gets), http2.c (on a connection: sending, time, life).
 *
 * The session knows no socket: bytes go in by http2_session_feed, frames come out by http2_session_pull into `out`, and
 * `on_output` says that there may be some. So a test or a fuzzer can be the connection.
 *
 *   phase     | a stream means                               | leaves by
 *   RECEIVING | its request is arriving                      | its end, or a refusal
 *   ANSWERING | the handler has it                           | http_respond, http_stream_begin
 *   STREAMING | the handler sends a body                     | http_stream_end, http_stream_abort
 *   OVER      | the handler is done; what is left is sent    | nghttp2's on_stream_close: freed
 */
#pragma once

#include "common/http/body.h"
#include "common/http/http2.h"
#include "common/http/transport.h"

#include <nghttp2/nghttp2.h>

enum {
	HTTP2_OUT_MARK = 65536,      /* frames are made ready up to here, then the socket is asked */
	HTTP2_SINK_MARK = 256 * 1024 /* of a fan-out's bytes a stream takes so many before it is blocked */
};

/* Frames that may come so often: bursts, then a rate (CVE-2019-9512, -9515, -9518). */
enum { HTTP2_CONTROL_BURST = 1000, HTTP2_CONTROL_RATE = 100 };
/* Streams that the client breaks off (CVE-2023-44487). */
enum { HTTP2_RESET_BURST = 1000, HTTP2_RESET_RATE = 33 };

enum http2_phase { HTTP2_RECEIVING, HTTP2_ANSWERING, HTTP2_STREAMING, HTTP2_OVER };

struct http2 {
	struct http_connection *connection;
	nghttp2_session *session;
	struct http_exchange base; /* what all exchanges have in common */
	void (*on_output)(struct http2 *);
	struct list streams, drained; /* those whose body has all gone, while they are streaming */
	struct body out;
	struct bytes *frames; /* where small frames and frames' heads stand, `frames_used` bytes of it */
	size_t frames_used;
	size_t stream_count;
	uint64_t idle_since_ms;
	uint64_t drain_ms;                 /* when the client was told to go elsewhere; 0: never */
	uint64_t control_left, control_ms; /* the budget of control frames, and when it was filled last */
	struct turn_task flush;
	bool closing;
	bool failed;  /* a GOAWAY has said so */
	bool leaving; /* the GOAWAY that counts has gone */
	bool torn;    /* nghttp2 ran out of memory amid its work */
};

struct http2_stream {
	struct http_exchange exchange; /* first, so that it leads here */
	struct http2 *http2;
	struct list node, drained;
	int32_t id;
	enum http2_phase phase;
	struct buffer path;
	struct http_fields fields;
	size_t header_size, header_count;
	uint64_t body_received;
	struct buffer request_body;
	uint64_t began_ms, taken_ms; /* taken_ms: when the client last took of `body` */
	uint64_t sent;
	struct body body;
	struct sink sink;
	const struct http1_problem *problem;
	bool expects, head_complete, request_complete;
	bool complete; /* nothing follows `body` */
	bool deferred; /* nghttp2 waits to be told of more */
};

static inline struct http2_stream *http2_stream_of(struct http_exchange *x) {
	return (struct http2_stream *)x;
}

static inline const struct config_node *http2_config(const struct http2 *h) {
	return config_node(h->base.server->config);
}

/* `base` has all that is the same for every request. 0, or UV_ENOMEM. */
int http2_session_init(struct http2 *h, const struct http_exchange *base, void (*on_output)(struct http2 *));

/* Ends every stream: their handlers hear on_gone. */
void http2_session_abandon(struct http2 *h);

/* After http2_session_abandon, and never inside of a callback. */
void http2_session_fini(struct http2 *h);

/* UV_EPROTO: the session has failed; what pull still gives may be sent, then close. */
int http2_session_feed(struct http2 *h, struct slice data);

/* Makes frames until `out` has HTTP2_OUT_MARK bytes or there are no more, and tells streams that have drained.
 * UV_ENOMEM, UV_EPROTO: close. */
int http2_session_pull(struct http2 *h);

/* What time brings at `now_ms`: requests that do not arrive, clients that take nothing, idleness. */
void http2_session_tick(struct http2 *h, uint64_t now_ms);

/* GOAWAY in two steps: new streams are still taken for a second, for those that are on their way. */
void http2_session_drain(struct http2 *h);

/* GOAWAY, and no more streams (RFC 9113, 6.8). */
void http2_session_terminate(struct http2 *h, uint32_t error);

/* Neither side has anything to say any more. */
bool http2_session_over(const struct http2 *h);

/* --- between session and answers --- */

extern const struct http_transport http2_transport;

/* The stream ends in RST_STREAM. */
void http2_stream_reset(struct http2_stream *s, uint32_t error);

/* Answers what never reached a handler. */
void http2_stream_refuse(struct http2_stream *s, const struct http1_problem *problem);

/* "100 Continue". */
void http2_stream_continue(struct http2_stream *s);

/* nghttp2's callback that sends DATA by reference. */
int http2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t length,
                       nghttp2_data_source *source, void *context);
