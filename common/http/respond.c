/* respond.c: answers, whatever the version: what conditions and ranges make of them, their header lines. */
#include "common/base/clock.h"
#include "common/base/config.h"
#include "common/base/logger.h"
#include "common/base/metrics.h"
#include "common/http/gzip.h"
#include "common/http/negotiate.h"
#include "common/http/server.h"
#include "common/http/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ETAG_ROOM = 128, HEADERS_ROOM = 256, HEAD_ROOM = 512 };

/* --- the request --- */

const char *http_field(const struct http_exchange *x, enum http_field field) {
	return x->fields ? http_fields_get(x->fields, field) : NULL;
}

/* Each proxy adds the address of who asked it to the list's end. */
void http_client_address(const struct http_exchange *x, char out[ADDRESS_TEXT_MAX]) {
	const char *list = http_field(x, HTTP_FIELD_X_FORWARDED_FOR);
	int64_t proxies = config_node(x->server->config)->http_trusted_proxies;
	if (!list || proxies <= 0) {
		size_t size = strnlen(x->remote, ADDRESS_TEXT_MAX - 1);
		memcpy(out, x->remote, size);
		out[size] = '\0';
		return;
	}
	const char *from = list + strlen(list), *end = from;
	while (proxies-- > 0 && from > list) {
		end = from == list + strlen(list) ? from : from - 1;
		for (from = end; from > list && from[-1] != ','; from--)
			;
	}
	from += strspn(from, " \t");
	while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	snprintf(out, ADDRESS_TEXT_MAX, "%.*s", (int)(end > from ? end - from : 0), from);
	for (; *out; out++)
		if (*out < 0x20 || *out > 0x7e)
			*out = '?';
}

bool http_takes_gzip(const struct http_exchange *x) {
	const char *accepts = http_field(x, HTTP_FIELD_ACCEPT_ENCODING);
	return accepts && http_accepts_gzip(accepts);
}

/* --- heads --- */

/* With the time (RFC 9110, 5.6.7). */
static void write_common_lines(struct http_server *s, uint64_t now_ms) {
	enum { SECOND_US = 1000000 };
	int64_t wall_us = clock_wall_us();
	time_t wall_s = (time_t)(wall_us / SECOND_US);
	struct tm tm = {0};
	gmtime_r(&wall_s, &tm);
	s->common_until_ms = now_ms + (uint64_t)(SECOND_US - wall_us % SECOND_US) / 1000;
	s->common_size = strftime(s->common, sizeof s->common,
	                          "Date: %a, %d %b %Y %H:%M:%S GMT\r\nServer: weir\r\n"
	                          "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n",
	                          &tm);
}

/* As each answer has them: nothing here is formatted. */
static void write_line(struct buffer *out, const char *name, const char *value) {
	buffer_append_string(out, name);
	buffer_append_string(out, value);
	buffer_append(out, "\r\n", 2);
}

static void begin_head(struct http_exchange *x, struct buffer *out, int status, const char *content_type,
                       const char *headers) {
	struct http_server *s = x->server;
	uint64_t now_ms = worker_now_ms(x->worker);
	if (now_ms >= s->common_until_ms)
		write_common_lines(s, now_ms);
	buffer_init(out, 0);
	buffer_expect(out, HEAD_ROOM);
	if (x->transport->open_head)
		x->transport->open_head(out, status);
	buffer_append(out, s->common, s->common_size);
	if (content_type)
		write_line(out, "Content-Type: ", content_type);
	if (headers)
		buffer_append_string(out, headers);
}

/* --- whole answers --- */

/* Takes what `head` holds. */
static void send_answer(struct http_exchange *x, int status, struct buffer *head, const struct conn_slice *slices,
                        size_t count) {
	struct http_answer a = {.status = status, .head = head, .slices = slices, .count = count};
	x->on_gone = NULL; /* the handler is done with it, even if the answer cannot be sent */
	for (size_t i = 0; i < count; i++)
		a.length += slices[i].size;
	a.body = a.length && x->method != HTTP_HEAD_METHOD && http_status_has_body(status);
	if (buffer_error(head))
		x->transport->fail(x);
	else
		x->transport->answer(x, &a);
	buffer_fini(head);
}

void http_respond(struct http_exchange *x, int status, const char *content_type, const char *headers,
                  struct bytes *body) {
	struct buffer head;
	struct conn_slice slice = {body ? body->data : NULL, body ? body->size : 0, body};
	begin_head(x, &head, status, content_type, headers);
	send_answer(x, status, &head, &slice, body ? 1 : 0);
	bytes_unref(&body);
}

/* Texts of our own: what a caller quotes of a request is printable. */
static void write_json_text(struct buffer *out, const char *text) {
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_u8(out, '\\');
		buffer_u8(out, (uint8_t)*text);
	}
}

static void respond_error(struct http_exchange *x, int status, const char *headers, const char *code,
                          const char *message) {
	struct buffer b;
	buffer_init(&b, 0);
	buffer_printf(&b, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
	write_json_text(&b, message);
	buffer_append_string(&b, "\"}}\n");
	struct bytes *body = buffer_take(&b);
	buffer_fini(&b);
	char lines[HEADERS_ROOM];
	snprintf(lines, sizeof lines, HTTP_CACHE_NEVER "%s", headers ? headers : "");
	http_respond(x, status, "application/json", lines, body);
}

void http_respond_error(struct http_exchange *x, int status, const char *code, const char *message) {
	respond_error(x, status, NULL, code, message);
}

void http_respond_refusal(struct http_exchange *x, int status, const char *code, const char *message) {
	metric_inc(M_HTTP_REFUSED);
	log_peer_info("http request refused", log_str("remote", x->remote), log_u64("status", (uint64_t)status),
	              log_str("code", code), log_str("reason", message));
	http_respond_error(x, status, code, message);
}

void http_respond_busy(struct http_exchange *x, unsigned retry_s, const char *code, const char *message) {
	char headers[64];
	snprintf(headers, sizeof headers, "Retry-After: %u\r\n", retry_s);
	respond_error(x, 503, headers, code, message);
}

static uint64_t total_size(const struct conn_slice *slices, size_t count) {
	uint64_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += slices[i].size;
	return size;
}

/* Cuts to the bytes from `first` to `last`, in place. Returns how many slices are left at the front. */
static size_t cut(struct conn_slice *slices, size_t count, uint64_t first, uint64_t last) {
	uint64_t left = last + 1 - first;
	size_t n = 0;
	for (size_t i = 0; i < count && left; i++) {
		struct conn_slice s = slices[i];
		if (first >= s.size) {
			first -= s.size;
			continue;
		}
		s.data += first;
		s.size -= (size_t)first;
		first = 0;
		if (s.size > left)
			s.size = (size_t)left;
		left -= s.size;
		slices[n++] = s;
	}
	return n;
}

/* What whole answers, parts of them and 304 have; of these the last has no type. */
static void begin_response(struct http_exchange *x, struct buffer *head, int status, const struct http_response *r,
                           const char *etag) {
	begin_head(x, head, status, status == 304 ? NULL : r->content_type, r->headers);
	if (etag)
		write_line(head, "ETag: ", etag);
	if (r->compressible)
		buffer_append_string(head, "Vary: Accept-Encoding\r\n");
	if (r->ranges)
		buffer_append_string(head, "Accept-Ranges: bytes\r\n");
}

static void respond_range(struct http_exchange *x, const struct http_response *r, uint64_t first, uint64_t last,
                          uint64_t size) {
	struct buffer head;
	struct conn_slice *part = malloc(r->count * sizeof *part);
	if (!part) {
		http_respond_error(x, 503, "out_of_memory", "out of memory");
		return;
	}
	memcpy(part, r->slices, r->count * sizeof *part);
	size_t count = cut(part, r->count, first, last);
	begin_response(x, &head, 206, r, r->etag);
	buffer_printf(&head, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)first, (unsigned long long)last,
	              (unsigned long long)size);
	send_answer(x, 206, &head, part, count);
	free(part);
}

/* True when a range, or none of what there is, was answered. */
static bool answer_range(struct http_exchange *x, const struct http_response *r) {
	const char *range = http_field(x, HTTP_FIELD_RANGE), *only_if = http_field(x, HTTP_FIELD_IF_RANGE);
	uint64_t first = 0, last = 0, size = total_size(r->slices, r->count);
	char headers[64];
	if (!r->ranges || r->status != 200 || !range || x->method != HTTP_GET_METHOD)
		return false;
	if (only_if && !(r->etag && http_if_range_holds(only_if, r->etag)))
		return false;
	switch (http_range_parse(range, size, &first, &last)) {
	case HTTP_RANGE_PART:
		respond_range(x, r, first, last, size);
		return true;
	case HTTP_RANGE_OUTSIDE:
		snprintf(headers, sizeof headers, "Content-Range: bytes */%llu\r\n", (unsigned long long)size);
		respond_error(x, 416, headers, "range_not_satisfiable", "there are no such bytes");
		return true;
	default:
		return false;
	}
}

static bool answer_unchanged(struct http_exchange *x, const struct http_response *r) {
	const char *known = http_field(x, HTTP_FIELD_IF_NONE_MATCH);
	if (!r->etag || r->status != 200 || !known || !(x->method & (HTTP_GET_METHOD | HTTP_HEAD_METHOD)) ||
	    !http_etag_matches(known, r->etag))
		return false;
	struct buffer head;
	begin_response(x, &head, 304, r, r->etag);
	send_answer(x, 304, &head, NULL, 0);
	return true;
}

static bool wants_gzip(const struct http_exchange *x, const struct http_response *r) {
	return r->compressible && gzip_pays(total_size(r->slices, r->count)) && http_takes_gzip(x);
}

void http_respond_blocks(struct http_exchange *x, const struct http_response *r) {
	char etag[ETAG_ROOM];
	struct buffer head;
	if (answer_unchanged(x, r) || answer_range(x, r))
		return;
	struct bytes *small = NULL;
	if (wants_gzip(x, r))
		small = r->gzip ? bytes_ref(r->gzip) : gzip_slices(r->slices, r->count);
	if (small && r->etag)
		http_etag_gzip(r->etag, etag, sizeof etag);
	begin_response(x, &head, r->status, r, small && r->etag ? etag : r->etag);
	if (small) {
		struct conn_slice slice = {small->data, small->size, small};
		buffer_append_string(&head, "Content-Encoding: gzip\r\n");
		send_answer(x, r->status, &head, &slice, 1);
		bytes_unref(&small);
	} else {
		send_answer(x, r->status, &head, r->slices, r->count);
	}
}

/* --- streams --- */

bool http_stream_begin(struct http_exchange *x, int status, const char *content_type, const char *headers) {
	struct buffer head;
	bool goes_on = false;
	begin_head(x, &head, status, content_type, headers);
	struct http_answer a = {.status = status, .head = &head};
	if (buffer_error(&head))
		x->transport->fail(x);
	else
		goes_on = x->transport->begin(x, &a);
	buffer_fini(&head);
	return goes_on;
}

enum http_framing http_stream_framing(const struct http_exchange *x) {
	return x->transport->framing(x);
}

int http_stream_write(struct http_exchange *x, const struct conn_slice *slices, size_t count) {
	return x->transport->write(x, slices, count);
}

size_t http_stream_queued(const struct http_exchange *x) {
	return x->transport->queued(x);
}

uint64_t http_stream_sent(const struct http_exchange *x) {
	return x->transport->sent(x);
}

uint64_t http_stream_received(const struct http_exchange *x) {
	return x->conn->read_bytes;
}

struct sink *http_stream_sink(struct http_exchange *x) {
	return x->transport->sink(x);
}

void http_stream_end(struct http_exchange *x) {
	x->on_gone = NULL;
	x->transport->end(x);
}

void http_stream_abort(struct http_exchange *x, const char *why) {
	x->on_gone = NULL;
	x->transport->abort(x, why);
}
