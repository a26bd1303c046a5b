/* http2_session.c: what a client of HTTP/2 sends (RFC 9113): nghttp2's callbacks, requests, limits, time. */
#include "common/http/http2_parts.h"

#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/http/http1_parser.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

const char http2_preface[HTTP2_PREFACE_SIZE + 1] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum { DRAIN_NOTICE_MS = 1000 };
enum { OUTBOUND_ACKS = 100, HEADERS_HOPELESS = 4 /* times the limit: no answer any more, the connection ends */ };

static const struct http1_problem head_large = {431, "head_too_large", "the head is larger than http.max_header"};
static const struct http1_problem path_long = {414, "target_too_long", "the request's target is too long"};
static const struct http1_problem body_large = {413, "body_too_large", "the body is larger than http.max_body"};
static const struct http1_problem bad_method = {501, "not_implemented", "this method is not implemented"};
static const struct http1_problem bad_path = {400, "bad_path", "the path cannot be read"};
static const struct http1_problem bad_expect = {417, "expectation_failed", "the one known expectation is 100-continue"};
static const struct http1_problem no_memory = {503, "out_of_memory", "out of memory"};
static const struct http1_problem too_slow = {408, "timeout", "the request did not arrive within http.header_timeout"};

/* --- streams --- */

static struct http2_stream *stream_new(struct http2 *h, int32_t id) {
	struct http2_stream *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->exchange = h->base;
	s->exchange.transport = &http2_transport;
	s->exchange.fields = &s->fields;
	s->exchange.path = s->exchange.query = "";
	s->http2 = h;
	s->id = id;
	s->began_ms = s->taken_ms = worker_now_ms(h->base.worker);
	buffer_init(&s->path, HTTP1_TARGET_MAX + 1);
	buffer_init(&s->request_body, 0);
	list_init(&s->drained);
	list_append(&h->streams, &s->node);
	h->stream_count++;
	return s;
}

/* Its handler hears that nobody waits any more. */
static void stream_over(struct http2_stream *s) {
	bool told = s->phase == HTTP2_ANSWERING || s->phase == HTTP2_STREAMING;
	s->phase = HTTP2_OVER;
	if (told && s->exchange.on_gone)
		s->exchange.on_gone(&s->exchange);
}

static void stream_free(struct http2_stream *s) {
	struct http2 *h = s->http2;
	list_remove(&s->node);
	list_remove(&s->drained);
	if (--h->stream_count == 0)
		h->idle_since_ms = worker_now_ms(h->base.worker);
	buffer_fini(&s->path);
	buffer_fini(&s->request_body);
	http_fields_fini(&s->fields);
	body_fini(&s->body);
	free(s);
}

/* --- a request's head --- */

static bool name_is(struct slice name, const char *text) {
	return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

static enum http_verb verb_of(struct slice text) {
	static const struct {
		const char *name;
		enum http_verb verb;
	} verbs[] = {{"GET", HTTP_GET_METHOD},
	             {"HEAD", HTTP_HEAD_METHOD},
	             {"OPTIONS", HTTP_OPTIONS_METHOD},
	             {"POST", HTTP_POST_METHOD},
	             {"DELETE", HTTP_DELETE_METHOD}};
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (name_is(text, verbs[i].name))
			return verbs[i].verb;
	return 0;
}

/* nghttp2 has checked what RFC 9113, 8.2 and 8.3 forbid. */
static void take_field(struct http2_stream *s, struct slice name, struct slice value) {
	int err = 0;
	if (name_is(name, ":method")) {
		s->exchange.method = verb_of(value);
		if (!s->exchange.method)
			s->problem = &bad_method;
	} else if (name_is(name, ":path")) {
		if (value.size > HTTP1_TARGET_MAX)
			s->problem = &path_long;
		else
			buffer_append(&s->path, value.data, value.size);
	} else if (name_is(name, ":authority")) {
		err = http_fields_add(&s->fields, (struct slice){(const uint8_t *)"host", 4}, value);
	} else if (name_is(name, "expect")) {
		s->expects = true;
		if (!name_is(value, "100-continue"))
			s->problem = &bad_expect;
	} else if (name.data[0] != ':' && !(name_is(name, "host") && http_fields_get(&s->fields, HTTP_FIELD_HOST))) {
		err = http_fields_add(&s->fields, name, value);
	}
	if (err)
		s->problem = &no_memory;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct http2 *h = context;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct http2_stream *s = stream_new(h, frame->hd.stream_id);
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* this stream is reset */
	nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

/* A field's size is RFC 9113's, 6.5.2. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size, uint8_t flags, void *context) {
	enum { OVERHEAD = 32 };
	struct http2 *h = context;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	size_t limit = (size_t)http2_config(h)->http_max_header;
	(void)flags;
	if (!s)
		return 0;
	s->header_size += name_size + value_size + OVERHEAD;
	s->header_count++;
	if (s->header_size > HEADERS_HOPELESS * limit) {
		log_peer_info("http2 connection closed: a request's head is far beyond http.max_header",
		              log_str("remote", h->base.remote));
		http2_session_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM);
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	if (s->header_size > limit || s->header_count > HTTP1_HEADERS_MAX)
		s->problem = &head_large;
	else if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && !s->problem) /* trailers are read over */
		take_field(s, (struct slice){name, name_size}, (struct slice){value, value_size});
	return 0;
}

/* --- a request --- */

static void answer_request(struct http2_stream *s) {
	struct http_exchange *x = &s->exchange;
	buffer_u8(&s->path, '\0');
	char *path = buffer_error(&s->path) ? NULL : (char *)s->path.block->data;
	if (!s->problem && !path)
		s->problem = &no_memory;
	if (!s->problem && path[0] != '/')
		s->problem = &bad_path;
	if (s->problem) {
		http2_stream_refuse(s, s->problem);
		return;
	}
	char *query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	x->path = path;
	x->query = query ? query : "";
	x->body = buffer_slice(&s->request_body);
	s->phase = HTTP2_ANSWERING;
	metric_inc(M_HTTP_REQUESTS);
	if (http_path_decode(path))
		http_respond_refusal(x, bad_path.status, bad_path.code, bad_path.message);
	else
		http_route(x->server, x, path);
}

static void on_request_part(struct http2_stream *s, const nghttp2_frame *frame) {
	s->head_complete = true;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		s->request_complete = true;
	if (s->phase != HTTP2_RECEIVING)
		return;
	if (s->request_complete || s->problem)
		answer_request(s);
	else if (s->expects && frame->hd.type == NGHTTP2_HEADERS)
		http2_stream_continue(s);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t size,
                   void *context) {
	struct http2 *h = context;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	(void)flags;
	if (!s || s->phase != HTTP2_RECEIVING)
		return 0;
	s->body_received += size;
	if (s->body_received > (uint64_t)http2_config(h)->http_max_body) {
		http2_stream_refuse(s, &body_large);
		return 0;
	}
	buffer_append(&s->request_body, data, size);
	if (buffer_error(&s->request_body))
		http2_stream_refuse(s, &no_memory);
	return 0;
}

/* What costs the client nothing and us some work has a budget. False: it is spent. */
static bool spend_control(struct http2 *h) {
	uint64_t now = worker_now_ms(h->base.worker), won = (now - h->control_ms) * HTTP2_CONTROL_RATE / 1000;
	if (won) {
		h->control_left = h->control_left + won < HTTP2_CONTROL_BURST ? h->control_left + won : HTTP2_CONTROL_BURST;
		h->control_ms = now;
	}
	if (h->control_left == 0)
		return false;
	h->control_left--;
	return true;
}

static bool is_control(const nghttp2_frame *frame) {
	return frame->hd.type == NGHTTP2_PING || frame->hd.type == NGHTTP2_SETTINGS || frame->hd.type == NGHTTP2_PRIORITY ||
	       (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM));
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct http2 *h = context;
	if (is_control(frame) && !spend_control(h)) {
		log_peer_info("http2 connection closed: too many control frames", log_str("remote", h->base.remote));
		http2_session_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM);
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (s)
		on_request_part(s, frame);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *context) {
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	(void)error;
	(void)context;
	if (!s)
		return 0;
	stream_over(s);
	stream_free(s);
	return 0;
}

/* --- what we send --- */

/* An answer is complete before its request: the client need not send the rest (RFC 9113, 8.1). And if it is the
 * connection that ends, why. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct http2 *h = context;
	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
		h->failed = true;
		log_peer_info("http2 connection failed", log_str("remote", h->base.remote),
		              log_str("reason", nghttp2_http2_strerror(frame->goaway.error_code)));
	}
	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (s && !s->request_complete)
		http2_stream_reset(s, NGHTTP2_NO_ERROR);
	return 0;
}

/* --- life --- */

static void set_callbacks(nghttp2_session_callbacks *c) {
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_sent);
	nghttp2_session_callbacks_set_send_data_callback(c, http2_on_send_data);
}

static int session_new(struct http2 *h) {
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int err = nghttp2_session_callbacks_new(&callbacks);
	if (!err)
		err = nghttp2_option_new(&option);
	if (!err) {
		set_callbacks(callbacks);
		nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACKS);
		nghttp2_option_set_no_closed_streams(option, 1);
		nghttp2_option_set_stream_reset_rate_limit(option, HTTP2_RESET_BURST, HTTP2_RESET_RATE);
		err = nghttp2_session_server_new2(&h->session, callbacks, h, option);
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return err ? UV_ENOMEM : 0;
}

int http2_session_init(struct http2 *h, const struct http_exchange *base, void (*on_output)(struct http2 *)) {
	h->base = *base;
	h->on_output = on_output;
	h->control_left = HTTP2_CONTROL_BURST;
	h->control_ms = h->idle_since_ms = worker_now_ms(base->worker);
	list_init(&h->streams);
	list_init(&h->drained);
	const nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)http2_config(h)->http_max_streams},
	    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)http2_config(h)->http_max_header},
	    /* RFC 9218, 2.1: the old tree of priorities is not kept; our streams take turns. */
	    {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};
	int err = session_new(h);
	if (!err && nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings)) {
		nghttp2_session_del(h->session);
		err = UV_ENOMEM;
	}
	return err;
}

void http2_session_abandon(struct http2 *h) {
	list_each (node, &h->streams)
		stream_over(list_entry(node, struct http2_stream, node));
}

void http2_session_fini(struct http2 *h) {
	/* nghttp2 1.52 frees a frame twice whose queue could not grow: such a session's memory is given up. */
	if (!h->torn)
		nghttp2_session_del(h->session);
	list_each (node, &h->streams)
		stream_free(list_entry(node, struct http2_stream, node));
	body_fini(&h->out);
	bytes_unref(&h->frames);
}

void http2_session_terminate(struct http2 *h, uint32_t error) {
	nghttp2_session_terminate_session(h->session, error);
	h->on_output(h);
}

void http2_session_drain(struct http2 *h) {
	if (h->drain_ms)
		return;
	h->drain_ms = worker_now_ms(h->base.worker);
	nghttp2_submit_shutdown_notice(h->session);
	h->on_output(h);
}

/* Streams that the client opened before it heard of the end have come by now. */
static void leave(struct http2 *h) {
	h->leaving = true;
	nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session),
	                      NGHTTP2_NO_ERROR, NULL, 0);
	h->on_output(h);
}

bool http2_session_over(const struct http2 *h) {
	return !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);
}

int http2_session_feed(struct http2 *h, struct slice data) {
	ssize_t n = nghttp2_session_mem_recv(h->session, data.data, data.size);
	if (nghttp2_session_want_write(h->session))
		h->on_output(h);
	if (n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
		log_peer_info("http2 connection failed", log_str("remote", h->base.remote),
		              log_str("reason", nghttp2_strerror((int)n)));
	h->torn = h->torn || n == NGHTTP2_ERR_NOMEM;
	return n < 0 ? UV_EPROTO : 0;
}

/* --- time --- */

static void check_stream(struct http2_stream *s, uint64_t now) {
	const struct config_node *c = http2_config(s->http2);
	if (s->phase == HTTP2_RECEIVING) {
		if (now - s->began_ms < (uint64_t)c->http_header_timeout)
			return;
		if (s->head_complete)
			http2_stream_refuse(s, &too_slow);
		else /* it holds the whole connection: nothing may come between the frames of a head (RFC 9113, 6.10) */
			http2_session_terminate(s->http2, NGHTTP2_ENHANCE_YOUR_CALM);
	} else if (s->body.size && now - s->taken_ms >= (uint64_t)c->limits_stalled_viewer) {
		log_peer_info("http viewer closed: it took nothing for limits.stalled_viewer",
		              log_str("remote", s->exchange.remote));
		stream_over(s);
		http2_stream_reset(s, NGHTTP2_CANCEL);
	}
}

void http2_session_tick(struct http2 *h, uint64_t now) {
	list_each (node, &h->streams)
		check_stream(list_entry(node, struct http2_stream, node), now);
	if (h->drain_ms && !h->leaving && now - h->drain_ms >= DRAIN_NOTICE_MS)
		leave(h);
	if (h->stream_count == 0 && now - h->idle_since_ms >= (uint64_t)http2_config(h)->http_idle_timeout)
		http2_session_terminate(h, NGHTTP2_NO_ERROR);
}
