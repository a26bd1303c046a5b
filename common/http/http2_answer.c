/* http2_answer.c: HTTP/2's answers: heads, and bodies whose DATA frames refer to the handlers' blocks. */
#include "common/http/http2_parts.h"

#include "common/base/decimal.h"
#include "common/base/logger.h"
#include "common/http/http1_parser.h"

#include <string.h>
#include <uv.h>

enum { FIELDS_MAX = 64, FRAMES_BLOCK = 4096, FRAME_HEAD = 9 };

/* --- frames out --- */

/* Copies a few bytes behind others into `out`; their block is used again once all of it has been sent. */
static int push_small(struct http2 *h, const uint8_t *data, size_t size) {
	if (h->frames && atomic_load_explicit(&h->frames->counted.refs, memory_order_acquire) == 1)
		h->frames_used = 0;
	if (h->frames && h->frames_used + size > h->frames->size)
		bytes_unref(&h->frames);
	if (!h->frames) {
		h->frames = bytes_new(size > FRAMES_BLOCK ? size : FRAMES_BLOCK);
		h->frames_used = 0;
		if (!h->frames)
			return UV_ENOMEM;
	}
	const struct conn_slice s = {h->frames->data + h->frames_used, size, h->frames};
	memcpy(h->frames->data + h->frames_used, data, size);
	h->frames_used += size;
	return body_push(&h->out, &s);
}

int http2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t length,
                       nghttp2_data_source *source, void *context) {
	struct http2 *h = context;
	struct http2_stream *s = source->ptr;
	struct conn_slice slices[CONN_WRITEV_MAX];
	(void)session;
	(void)frame; /* without padding: none is asked for */
	if (h->out.size >= HTTP2_OUT_MARK)
		return NGHTTP2_ERR_WOULDBLOCK;
	if (push_small(h, head, FRAME_HEAD))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	for (size_t left = length; left;) {
		size_t n = body_peek(&s->body, slices, CONN_WRITEV_MAX, left);
		for (size_t i = 0; i < n; i++) {
			if (body_push(&h->out, &slices[i]))
				return NGHTTP2_ERR_CALLBACK_FAILURE;
			body_consume(&s->body, slices[i].size);
			left -= slices[i].size;
		}
	}
	s->sent += length;
	s->taken_ms = worker_now_ms(h->base.worker);
	if (s->body.size == 0 && s->phase == HTTP2_STREAMING && list_empty(&s->drained))
		list_append(&h->drained, &s->drained);
	return 0;
}

/* No bytes are copied here: how many there are, and whether they are the last (NO_COPY). */
static ssize_t on_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room, uint32_t *flags,
                            nghttp2_data_source *source, void *context) {
	struct http2_stream *s = source->ptr;
	size_t n = s->body.size < room ? s->body.size : room;
	(void)session;
	(void)id;
	(void)buf;
	(void)context;
	if (n == 0 && !s->complete) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (s->complete && n == s->body.size)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void tell_drained(struct http2 *h) {
	while (!list_empty(&h->drained)) {
		struct http2_stream *s = list_entry(h->drained.next, struct http2_stream, drained);
		list_remove(&s->drained);
		if (s->phase == HTTP2_STREAMING && s->exchange.on_writable)
			s->exchange.on_writable(&s->exchange);
	}
}

int http2_session_pull(struct http2 *h) {
	while (h->out.size < HTTP2_OUT_MARK) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(h->session, &data);
		if (n < 0) {
			h->torn = true;
			return n == NGHTTP2_ERR_NOMEM ? UV_ENOMEM : UV_EPROTO;
		}
		if (n == 0)
			break;
		int err = push_small(h, data, (size_t)n);
		if (err)
			return err;
	}
	tell_drained(h);
	return 0;
}

/* --- heads --- */

/* Names in lower case (RFC 9113, 8.2.1), and none that speaks of the connection (8.2.2). */
struct head {
	nghttp2_nv fields[FIELDS_MAX];
	size_t count;
};

static void add_field(struct head *head, char *name, size_t name_size, char *value, size_t value_size) {
	if (head->count < FIELDS_MAX)
		head->fields[head->count++] =
		    (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, name_size, value_size, NGHTTP2_NV_FLAG_NONE};
}

static void make_lower(char *at, const char *end) {
	for (; at < end; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at + 'a' - 'A');
}

/* Each line has its CR LF, and a CR stands nowhere else. */
static void add_lines(struct head *head, char *at) {
	for (char *end; (end = strchr(at, '\r')); at = end + 2) {
		char *colon = memchr(at, ':', (size_t)(end - at));
		if (!colon)
			continue;
		make_lower(at, colon);
		char *value = colon + 1 + strspn(colon + 1, " ");
		if (strncmp(at, "connection:", 11) != 0)
			add_field(head, at, (size_t)(colon - at), value, (size_t)(end - value));
	}
}

/* Submits an answer's head, and what `source` (NULL: nothing) gives behind it. */
static int submit(struct http2_stream *s, const struct http_answer *a, bool with_length,
                  nghttp2_data_provider *source) {
	static char status_name[] = ":status", length_name[] = "content-length";
	char status[DECIMAL_SIZE], length[DECIMAL_SIZE];
	struct head head;
	head.count = 0;
	buffer_u8(a->head, '\0');
	if (buffer_error(a->head))
		return UV_ENOMEM;
	add_field(&head, status_name, sizeof status_name - 1, status,
	          (size_t)(decimal_put(status, (uint64_t)a->status) - status));
	add_lines(&head, (char *)a->head->block->data);
	if (with_length)
		add_field(&head, length_name, sizeof length_name - 1, length,
		          (size_t)(decimal_put(length, a->length) - length));
	int err = nghttp2_submit_response(s->http2->session, s->id, head.fields, head.count, source);
	if (err)
		return UV_ENOMEM;
	/* All streams take turns, whatever the client says of urgency (RFC 9218, 10 leaves that to us). */
	const nghttp2_extpri turns = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
	nghttp2_session_change_extpri_stream_priority(s->http2->session, s->id, &turns, 1);
	s->http2->on_output(s->http2);
	return 0;
}

/* --- refusals --- */

void http2_stream_reset(struct http2_stream *s, uint32_t error) {
	s->phase = HTTP2_OVER;
	nghttp2_submit_rst_stream(s->http2->session, NGHTTP2_FLAG_NONE, s->id, error);
	s->http2->on_output(s->http2);
}

void http2_stream_refuse(struct http2_stream *s, const struct http1_problem *problem) {
	s->phase = HTTP2_ANSWERING;
	if (s->exchange.method != HTTP_HEAD_METHOD)
		s->exchange.method = HTTP_GET_METHOD;
	http_respond_refusal(&s->exchange, problem->status, problem->code, problem->message);
}

void http2_stream_continue(struct http2_stream *s) {
	static uint8_t name[] = ":status", value[] = "100";
	const nghttp2_nv field = {name, value, sizeof name - 1, sizeof value - 1, NGHTTP2_NV_FLAG_NONE};
	if (nghttp2_submit_headers(s->http2->session, NGHTTP2_FLAG_NONE, s->id, NULL, &field, 1, NULL))
		http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
	s->http2->on_output(s->http2);
}

/* --- whole answers --- */

static void fail(struct http_exchange *x) {
	http2_stream_reset(http2_stream_of(x), NGHTTP2_INTERNAL_ERROR);
	if (x->on_gone)
		x->on_gone(x);
}

static int push_all(struct http2_stream *s, const struct conn_slice *slices, size_t count) {
	int err = 0;
	if (s->body.size == 0)
		s->taken_ms = worker_now_ms(s->http2->base.worker);
	for (size_t i = 0; i < count && !err; i++)
		err = body_push(&s->body, &slices[i]);
	return err;
}

static void answer(struct http_exchange *x, const struct http_answer *a) {
	struct http2_stream *s = http2_stream_of(x);
	nghttp2_data_provider source = {.source.ptr = s, .read_callback = on_read_data};
	s->phase = HTTP2_OVER;
	s->complete = true;
	if ((a->body && push_all(s, a->slices, a->count)) ||
	    submit(s, a, http_status_has_body(a->status), a->body ? &source : NULL))
		fail(x);
}

/* --- streams --- */

static enum http_framing framing(const struct http_exchange *x) {
	(void)x;
	return HTTP_FRAMING_IDENTITY;
}

static bool begin(struct http_exchange *x, const struct http_answer *a) {
	struct http2_stream *s = http2_stream_of(x);
	bool head_only = x->method == HTTP_HEAD_METHOD;
	nghttp2_data_provider source = {.source.ptr = s, .read_callback = on_read_data};
	s->complete = head_only;
	if (submit(s, a, false, head_only ? NULL : &source)) {
		fail(x);
		return false;
	}
	s->phase = head_only ? HTTP2_OVER : HTTP2_STREAMING;
	x->path = x->query = "";
	x->fields = NULL;
	memset(x->params, 0, sizeof x->params);
	x->body = (struct slice){0};
	buffer_fini(&s->path);
	buffer_fini(&s->request_body);
	http_fields_fini(&s->fields);
	return !head_only;
}

/* There is more: nghttp2 asks for it when the stream's turn comes. */
static void resume(struct http2_stream *s) {
	if (s->deferred) {
		s->deferred = false;
		nghttp2_session_resume_data(s->http2->session, s->id);
	}
	s->http2->on_output(s->http2);
}

static int write_blocks(struct http_exchange *x, const struct conn_slice *slices, size_t count) {
	struct http2_stream *s = http2_stream_of(x);
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += slices[i].size;
	if (total == 0)
		return 0;
	if (s->body.size + total > CONN_QUEUE_LIMIT)
		return UV_ENOBUFS;
	int err = push_all(s, slices, count);
	if (!err)
		resume(s);
	return err;
}

static size_t queued(const struct http_exchange *x) {
	return ((const struct http2_stream *)x)->body.size;
}

static uint64_t sent(const struct http_exchange *x) {
	return ((const struct http2_stream *)x)->sent;
}

static bool sink_is_blocked(const struct sink *k) {
	return list_entry(k, struct http2_stream, sink)->body.size >= HTTP2_SINK_MARK;
}

/* Takes all or nothing: what it takes, it keeps by reference until the client's windows let it go. */
static int sink_writev(struct sink *k, const struct conn_slice *slices, size_t count) {
	struct http2_stream *s = list_entry(k, struct http2_stream, sink);
	if (sink_is_blocked(k) || count == 0)
		return 0;
	int err = push_all(s, slices, count);
	if (err)
		return err;
	resume(s);
	return (int)count;
}

static int sink_give(struct sink *k, struct bytes *b) {
	struct http2_stream *s = list_entry(k, struct http2_stream, sink);
	const struct conn_slice slice = {b->data, b->size, b};
	int err = write_blocks(&s->exchange, &slice, 1);
	bytes_unref(&b);
	return err;
}

static struct sink *sink_of(struct http_exchange *x) {
	struct http2_stream *s = http2_stream_of(x);
	s->sink = (struct sink){.try_writev = sink_writev, .blocked = sink_is_blocked, .send = sink_give};
	return &s->sink;
}

static void end(struct http_exchange *x) {
	struct http2_stream *s = http2_stream_of(x);
	s->phase = HTTP2_OVER;
	s->complete = true;
	resume(s);
}

static void abort_stream(struct http_exchange *x, const char *why) {
	log_debug("http stream broke off", log_str("remote", x->remote), log_str("reason", why));
	http2_stream_reset(http2_stream_of(x), NGHTTP2_INTERNAL_ERROR);
}

const struct http_transport http2_transport = {.answer = answer,
                                               .framing = framing,
                                               .begin = begin,
                                               .write = write_blocks,
                                               .queued = queued,
                                               .sent = sent,
                                               .sink = sink_of,
                                               .end = end,
                                               .abort = abort_stream,
                                               .fail = fail};
