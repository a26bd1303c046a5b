/* respond.c: answers, whatever the version: what conditions and ranges make of them, their header lines. */
#include "common/base/clock.h"
#include "common/base/config.h"
#include "common/http/gzip.h"
#include "common/http/negotiate.h"
#include "common/http/server.h"
#include "common/http/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ETAG_ROOM = 128, HEADERS_ROOM = 256, LINES_ROOM = 512 };

/* --- the request --- */

const char *http_field(const struct http_exchange *x, enum http_field field) {
	return x->fields ? http_fields_get(x->fields, field) : NULL;
}

/* Each proxy adds the address of who asked it to the list's end. */
void http_client_address(const struct http_exchange *x, char out[ADDRESS_TEXT_MAX]) {
	const char *list = http_field(x, HTTP_FIELD_X_FORWARDED_FOR);
	int64_t proxies = config_node(x->server->config)->http_trusted_proxies;
	if (!list || proxies <= 0) {
		snprintf(out, ADDRESS_TEXT_MAX, "%s", x->remote);
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
}

/* --- heads --- */

/* RFC 9110, 5.6.7. */
static const char *date_now(struct http_server *s) {
	time_t now = (time_t)(clock_wall_us() / 1000000);
	struct tm tm;
	if (now == s->date_s && s->date[0])
		return s->date;
	s->date_s = now;
	s->date[0] = '\0';
	if (gmtime_r(&now, &tm))
		strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return s->date;
}

/* As each answer has them: nothing here is formatted. */
static void write_line(struct buffer *out, const char *name, const char *value) {
	buffer_append_string(out, name);
	buffer_append_string(out, value);
	buffer_append(out, "\r\n", 2);
}

static void write_lines(struct http_exchange *x, struct buffer *out, const char *content_type, const char *headers) {
	static const char always[] =
	    "Server: weir\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n";
	buffer_expect(out, LINES_ROOM);
	write_line(out, "Date: ", date_now(x->server));
	buffer_append(out, always, sizeof always - 1);
	if (content_type)
		write_line(out, "Content-Type: ", content_type);
	if (headers)
		buffer_append_string(out, headers);
}

/* --- whole answers --- */

/* `lines` is written; takes what it holds. */
static void send_answer(struct http_exchange *x, int status, struct buffer *lines, const struct conn_slice *slices,
                        size_t count) {
	struct http_answer a = {.status = status, .lines = buffer_slice(lines), .slices = slices, .count = count};
	x->on_gone = NULL; /* the handler is done with it, even if the answer cannot be sent */
	for (size_t i = 0; i < count; i++)
		a.length += slices[i].size;
	a.body = a.length && x->method != HTTP_HEAD_METHOD && http_status_has_body(status);
	if (buffer_error(lines))
		x->transport->fail(x);
	else
		x->transport->answer(x, &a);
	buffer_fini(lines);
}

void http_respond(struct http_exchange *x, int status, const char *content_type, const char *headers,
                  struct bytes *body) {
	struct buffer lines;
	struct conn_slice slice = {body ? body->data : NULL, body ? body->size : 0, body};
	buffer_init(&lines, 0);
	write_lines(x, &lines, content_type, headers);
	send_answer(x, status, &lines, &slice, body ? 1 : 0);
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

/* Header lines that both a whole answer and a 304 carry. */
static void write_common(struct http_exchange *x, struct buffer *lines, const struct http_response *r, const char *etag,
                         bool with_type) {
	write_lines(x, lines, with_type ? r->content_type : NULL, r->headers);
	if (etag)
		write_line(lines, "ETag: ", etag);
	if (r->compressible)
		buffer_append_string(lines, "Vary: Accept-Encoding\r\n");
	if (r->ranges)
		buffer_append_string(lines, "Accept-Ranges: bytes\r\n");
}

static void respond_range(struct http_exchange *x, const struct http_response *r, uint64_t first, uint64_t last,
                          uint64_t size) {
	struct buffer lines;
	struct conn_slice *part = malloc(r->count * sizeof *part);
	if (!part) {
		http_respond_error(x, 503, "out_of_memory", "out of memory");
		return;
	}
	memcpy(part, r->slices, r->count * sizeof *part);
	size_t count = cut(part, r->count, first, last);
	buffer_init(&lines, 0);
	write_common(x, &lines, r, r->etag, true);
	buffer_printf(&lines, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)first,
	              (unsigned long long)last, (unsigned long long)size);
	send_answer(x, 206, &lines, part, count);
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
	struct buffer lines;
	buffer_init(&lines, 0);
	write_common(x, &lines, r, r->etag, false);
	send_answer(x, 304, &lines, NULL, 0);
	return true;
}

static bool wants_gzip(const struct http_exchange *x, const struct http_response *r) {
	const char *accepts = http_field(x, HTTP_FIELD_ACCEPT_ENCODING);
	uint64_t size = total_size(r->slices, r->count);
	return r->compressible && accepts && size >= GZIP_LEAST && size <= GZIP_MOST && http_accepts_gzip(accepts);
}

void http_respond_blocks(struct http_exchange *x, const struct http_response *r) {
	char etag[ETAG_ROOM];
	struct buffer lines;
	if (answer_unchanged(x, r) || answer_range(x, r))
		return;
	struct bytes *small = NULL;
	if (wants_gzip(x, r))
		small = r->gzip ? bytes_ref(r->gzip) : gzip_slices(r->slices, r->count);
	if (small && r->etag)
		http_etag_gzip(r->etag, etag, sizeof etag);
	buffer_init(&lines, 0);
	write_common(x, &lines, r, small && r->etag ? etag : r->etag, true);
	if (small) {
		struct conn_slice slice = {small->data, small->size, small};
		buffer_append_string(&lines, "Content-Encoding: gzip\r\n");
		send_answer(x, r->status, &lines, &slice, 1);
		bytes_unref(&small);
	} else {
		send_answer(x, r->status, &lines, r->slices, r->count);
	}
}

/* --- streams --- */

bool http_stream_begin(struct http_exchange *x, int status, const char *content_type, const char *headers) {
	struct buffer lines;
	bool goes_on = false;
	buffer_init(&lines, 0);
	write_lines(x, &lines, content_type, headers);
	struct http_answer a = {.status = status, .lines = buffer_slice(&lines)};
	if (buffer_error(&lines))
		x->transport->fail(x);
	else
		goes_on = x->transport->begin(x, &a);
	buffer_fini(&lines);
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
