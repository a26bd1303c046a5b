#include "common/http/http1_parser.h"

#include <http_parser.h>
#include <string.h>
#include <strings.h>

static const struct http1_problem malformed = {400, "malformed_request", "this is not an HTTP/1.1 request"};
static const struct http1_problem bad_line_end = {400, "malformed_request", "lines must end in CR LF"};
static const struct http1_problem folded = {400, "malformed_header", "a header continues on a second line"};
static const struct http1_problem bad_header = {400, "malformed_header", "a header has characters that none may have"};
static const struct http1_problem bad_target = {400, "malformed_target", "the request's target cannot be read"};
static const struct http1_problem bad_host = {400, "bad_host", "an HTTP/1.1 request has exactly one Host header"};
static const struct http1_problem bad_length = {400, "bad_length", "the length of the request's body is not clear"};
static const struct http1_problem bad_chunk = {400, "malformed_body", "the body's chunks cannot be read"};
static const struct http1_problem head_large = {431, "head_too_large",
                                                "the request's head is larger than http.max_header"};
static const struct http1_problem target_long = {414, "target_too_long", "the request's target is too long"};
static const struct http1_problem body_large = {413, "body_too_large",
                                                "the request's body is larger than http.max_body"};
static const struct http1_problem bad_expect = {417, "expectation_failed", "the one known expectation is 100-continue"};
static const struct http1_problem bad_coding = {501, "not_implemented", "the one known transfer coding is chunked"};
static const struct http1_problem bad_method = {501, "not_implemented", "this method is not implemented"};
static const struct http1_problem bad_version = {505, "version_not_supported", "HTTP/1.1 and HTTP/1.0 are spoken here"};
static const struct http1_problem no_memory = {503, "out_of_memory", "out of memory"};

/* --- a head, looked over --- */

/* How many bytes at the front may stand anywhere in a line. */
static size_t plain_bytes(struct slice data) {
	size_t i = 0;
	while (i < data.size &&
	       ((uint8_t)(data.data[i] - 0x20) < 0x7f - 0x20 || data.data[i] > 0x7f || data.data[i] == '\t'))
		i++;
	return i;
}

/* One that is no plain byte, or stands behind a CR. Sets `*end` when the head ends with it. */
static const struct http1_problem *take_byte(struct http1_parser *p, uint8_t c, bool *end) {
	if (!p->after_cr) {
		p->after_cr = c == '\r';
		return p->after_cr ? NULL : c == '\n' ? &bad_line_end : p->lines ? &bad_header : &malformed;
	}
	p->after_cr = false;
	*end = p->line_size == 0;
	p->line_size = 0;
	p->lines++;
	return c == '\n' ? NULL : &bad_line_end;
}

/* Takes a run of plain bytes, or one other. How many they are: a refusal comes at the same byte however a head is
 * split. */
static size_t take_some(struct http1_parser *p, struct slice data, bool *end) {
	size_t plain = p->after_cr ? 0 : plain_bytes(data);
	if (!plain) {
		p->problem = take_byte(p, *data.data, end);
		return 1;
	}
	if (p->line_size == 0 && p->lines && (*data.data == ' ' || *data.data == '\t')) {
		p->problem = &folded;
		return 1;
	}
	p->line_size += plain;
	return plain;
}

/* How much of `data` belongs to the head; `*end` when it ends there. */
static size_t scan_head(struct http1_parser *p, struct slice data, bool *end) {
	size_t i = 0;
	*end = false;
	while (i < data.size && !p->problem && !*end) {
		const struct http1_problem *large = p->lines ? &head_large : &target_long;
		size_t room = p->limits.head - p->head_size, left = data.size - i;
		size_t taken = take_some(p, (struct slice){data.data + i, left <= room ? left : room + 1}, end);
		i += taken;
		p->head_size += taken;
		if (!p->problem && p->head_size > p->limits.head)
			p->problem = large;
	}
	return i;
}

/* RFC 9112, 2.2: empty lines before a request are read over. */
static size_t skip_empty_lines(struct http1_parser *p, struct slice data) {
	size_t i = 0;
	while (i < data.size && !p->problem && (data.data[i] == '\r' || data.data[i] == '\n')) {
		i++;
		if (++p->head_size > p->limits.head)
			p->problem = &malformed;
	}
	return i;
}

/* --- a head, read --- */

/* What http-parser's callbacks gather. The head is in one piece, and so is each string that they get. */
struct head {
	struct http1_parser *parser;
	struct slice target, name;
	unsigned version; /* 10, 11 */
	unsigned fields, hosts, codings, lengths;
	bool chunked, other_coding; /* the transfer coding is "chunked"; is something else */
	bool expects, expects_other;
	uint64_t length;
};

static bool is_named(struct slice name, const char *text) {
	return strlen(text) == name.size && strncasecmp((const char *)name.data, text, name.size) == 0;
}

/* RFC 9110, 5.6.2. */
static bool is_token(struct slice s) {
	for (size_t i = 0; i < s.size; i++) {
		uint8_t c = s.data[i];
		bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!alphanumeric && (!c || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return s.size > 0;
}

/* http-parser leaves white space behind a value. */
static struct slice trim_end(struct slice s) {
	while (s.size && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
		s.size--;
	return s;
}

static int on_url(http_parser *hp, const char *at, size_t size) {
	struct head *h = hp->data;
	h->target = (struct slice){(const uint8_t *)at, size};
	return 0;
}

static int on_header_field(http_parser *hp, const char *at, size_t size) {
	struct head *h = hp->data;
	h->name = (struct slice){(const uint8_t *)at, size};
	if (++h->fields > HTTP1_HEADERS_MAX)
		h->parser->problem = &head_large;
	else if (!is_token(h->name))
		h->parser->problem = &bad_header;
	return h->parser->problem != NULL;
}

static int on_header_value(http_parser *hp, const char *at, size_t size) {
	struct head *h = hp->data;
	struct slice value = trim_end((struct slice){(const uint8_t *)at, size});
	if (is_named(h->name, "host")) {
		h->hosts++;
	} else if (is_named(h->name, "content-length")) {
		h->lengths++;
	} else if (is_named(h->name, "transfer-encoding")) {
		h->codings++;
		h->other_coding |= !is_named(value, "chunked");
	} else if (is_named(h->name, "expect")) {
		h->expects = true;
		h->expects_other |= !is_named(value, "100-continue");
	}
	if (http_fields_add(&h->parser->request.fields, h->name, value))
		h->parser->problem = &no_memory;
	return h->parser->problem != NULL;
}

enum { NO_BODY = 1 }; /* says on_headers_complete: http-parser is not to read one */

static enum http_verb verb_of(unsigned method) {
	switch (method) {
	case HTTP_GET:
		return HTTP_GET_METHOD;
	case HTTP_HEAD:
		return HTTP_HEAD_METHOD;
	case HTTP_OPTIONS:
		return HTTP_OPTIONS_METHOD;
	case HTTP_POST:
		return HTTP_POST_METHOD;
	case HTTP_DELETE:
		return HTTP_DELETE_METHOD;
	default:
		return 0;
	}
}

static int on_headers_complete(http_parser *hp) {
	struct head *h = hp->data;
	h->version = hp->http_major * 10u + hp->http_minor;
	h->chunked = hp->flags & F_CHUNKED;
	h->length = hp->flags & F_CONTENTLENGTH ? hp->content_length : 0;
	h->parser->request.method = verb_of(hp->method);
	h->parser->request.keep_alive = http_should_keep_alive(hp);
	if (hp->method == HTTP_CONNECT || hp->method == HTTP_TRACE)
		h->parser->problem = &bad_method;
	return NO_BODY;
}

static int on_message_complete(http_parser *hp) {
	http_parser_pause(hp, 1);
	return 0;
}

static const struct http1_problem *problem_of(enum http_errno err) {
	switch (err) {
	case HPE_INVALID_METHOD:
		return &bad_method;
	case HPE_INVALID_URL:
	case HPE_INVALID_HOST:
	case HPE_INVALID_PORT:
	case HPE_INVALID_PATH:
	case HPE_INVALID_QUERY_STRING:
	case HPE_INVALID_FRAGMENT:
		return &bad_target;
	case HPE_INVALID_VERSION:
		return &bad_version;
	case HPE_HEADER_OVERFLOW:
		return &head_large;
	case HPE_INVALID_HEADER_TOKEN:
		return &bad_header;
	case HPE_INVALID_CONTENT_LENGTH:
	case HPE_UNEXPECTED_CONTENT_LENGTH:
	case HPE_INVALID_TRANSFER_ENCODING:
		return &bad_length;
	default:
		return &malformed;
	}
}

/* The request line ends in "HTTP/" and a version. http-parser reads over that name. */
static bool names_http(struct slice text) {
	const uint8_t *end = memchr(text.data, '\r', text.size);
	return end && end - text.data > 9 && memcmp(end - 9, " HTTP/", 6) == 0;
}

static const struct http1_problem *run_parser(struct head *h, struct slice text) {
	static const http_parser_settings settings = {.on_url = on_url,
	                                              .on_header_field = on_header_field,
	                                              .on_header_value = on_header_value,
	                                              .on_headers_complete = on_headers_complete,
	                                              .on_message_complete = on_message_complete};
	http_parser hp;
	http_parser_init(&hp, HTTP_REQUEST);
	hp.data = h;
	size_t n = http_parser_execute(&hp, &settings, (const char *)text.data, text.size);
	if (h->parser->problem)
		return h->parser->problem;
	if (HTTP_PARSER_ERRNO(&hp) == HPE_PAUSED && n == text.size)
		return NULL;
	const struct http1_problem *problem = problem_of(HTTP_PARSER_ERRNO(&hp));
	return problem == &bad_method && !names_http(text) ? &malformed : problem;
}

/* --- a head, checked --- */

static bool drop_prefix(struct slice *s, const char *prefix) {
	size_t size = strlen(prefix);
	if (s->size < size || strncasecmp((const char *)s->data, prefix, size) != 0)
		return false;
	s->data += size;
	s->size -= size;
	return true;
}

/* RFC 9112, 3.2.2: a server takes the absolute form too; whose host it names is nothing to us. */
static const struct http1_problem *take_target(struct head *h) {
	struct slice t = h->target;
	struct buffer *out = &h->parser->request.target;
	if (t.size > HTTP1_TARGET_MAX)
		return &target_long;
	if (drop_prefix(&t, "http://") || drop_prefix(&t, "https://")) {
		while (t.size && *t.data != '/' && *t.data != '?') {
			t.data++;
			t.size--;
		}
		if (!t.size || *t.data != '/')
			buffer_u8(out, '/');
	} else if (!t.size || *t.data != '/') {
		return &bad_target;
	}
	if (t.size && memchr(t.data, '#', t.size))
		return &bad_target;
	buffer_append(out, t.data, t.size);
	buffer_u8(out, 0);
	return buffer_error(out) ? &no_memory : NULL;
}

/* RFC 9112, 6: a body's length has one meaning, or the request is refused. */
static const struct http1_problem *check_body(const struct head *h) {
	if (h->lengths > 1 || h->codings > 1 || (h->codings && (h->lengths || h->version < 11)))
		return &bad_length;
	if (h->codings && (h->other_coding || !h->chunked))
		return &bad_coding;
	return h->length > h->parser->limits.body ? &body_large : NULL;
}

static const struct http1_problem *check_head(struct head *h, struct slice text) {
	if (h->version != 10 && h->version != 11)
		return &bad_version;
	if (!names_http(text))
		return &malformed;
	if (h->hosts > 1 || (h->hosts == 0 && h->version == 11))
		return &bad_host;
	const struct http1_problem *problem = check_body(h);
	if (problem)
		return problem;
	return h->expects_other ? &bad_expect : take_target(h);
}

static enum http1_event refuse(struct http1_parser *p, const struct http1_problem *problem) {
	p->phase = HTTP1_FAILED;
	p->problem = problem;
	p->request.keep_alive = false;
	buffer_fini(&p->head);
	return HTTP1_REFUSED;
}

static enum http1_event begin_body(struct http1_parser *p, const struct head *h) {
	p->request.http_1_0 = h->version == 10;
	p->chunks = h->chunked;
	p->chunked.keep = &p->request.body;
	p->body_left = h->length;
	p->phase = p->chunks || p->body_left ? HTTP1_BODY : HTTP1_COMPLETE;
	if (p->phase == HTTP1_COMPLETE)
		return HTTP1_REQUEST;
	return h->expects && h->version == 11 ? HTTP1_CONTINUE : HTTP1_MORE;
}

static enum http1_event read_head(struct http1_parser *p, struct slice text) {
	struct head h = {.parser = p};
	const struct http1_problem *problem = run_parser(&h, text);
	if (!problem)
		problem = check_head(&h, text);
	buffer_fini(&p->head);
	return problem ? refuse(p, problem) : begin_body(p, &h);
}

static enum http1_event feed_head(struct http1_parser *p, struct slice data, size_t *taken) {
	bool end;
	size_t n = scan_head(p, data, &end);
	*taken += n;
	if (p->problem)
		return refuse(p, p->problem);
	if (end && p->head.size == 0) /* the usual case: it came in one piece */
		return read_head(p, (struct slice){data.data, n});
	buffer_append(&p->head, data.data, n);
	if (buffer_error(&p->head))
		return refuse(p, &no_memory);
	return end ? read_head(p, buffer_slice(&p->head)) : HTTP1_MORE;
}

/* --- bodies --- */

static enum http1_event feed_body(struct http1_parser *p, struct slice data, size_t *taken) {
	size_t n = data.size < p->body_left ? data.size : (size_t)p->body_left;
	int err = p->chunks ? chunked_read(&p->chunked, data, p->limits.body, &n) : 0;
	*taken += n;
	if (err)
		return refuse(p, err == UV_E2BIG ? &body_large : &bad_chunk);
	if (!p->chunks) {
		buffer_append(&p->request.body, data.data, n);
		p->body_left -= n;
	}
	if (buffer_error(&p->request.body))
		return refuse(p, &no_memory);
	if (p->chunks ? p->chunked.state != CHUNKED_DONE : p->body_left > 0)
		return HTTP1_MORE;
	p->phase = HTTP1_COMPLETE;
	return HTTP1_REQUEST;
}

/* --- the whole --- */

void http1_parser_init(struct http1_parser *p, const struct http1_limits *limits) {
	*p = (struct http1_parser){.limits = *limits};
	buffer_init(&p->head, 0);
	buffer_init(&p->request.target, 0);
	buffer_init(&p->request.body, 0);
}

void http1_parser_fini(struct http1_parser *p) {
	buffer_fini(&p->head);
	buffer_fini(&p->request.target);
	buffer_fini(&p->request.body);
	http_fields_fini(&p->request.fields);
}

void http1_parser_reset(struct http1_parser *p) {
	struct http1_limits limits = p->limits;
	http1_parser_fini(p);
	http1_parser_init(p, &limits);
}

enum http1_event http1_parser_feed(struct http1_parser *p, struct slice data, size_t *taken) {
	enum http1_event event = HTTP1_MORE;
	*taken = 0;
	if (p->phase == HTTP1_BEFORE) {
		*taken = skip_empty_lines(p, data);
		if (p->problem)
			return refuse(p, p->problem);
		if (*taken < data.size)
			p->phase = HTTP1_HEAD;
	}
	while (event == HTTP1_MORE && *taken < data.size && (p->phase == HTTP1_HEAD || p->phase == HTTP1_BODY)) {
		struct slice rest = {data.data + *taken, data.size - *taken};
		event = p->phase == HTTP1_HEAD ? feed_head(p, rest, taken) : feed_body(p, rest, taken);
	}
	if (p->phase == HTTP1_FAILED)
		return HTTP1_REFUSED;
	return p->phase == HTTP1_COMPLETE ? HTTP1_REQUEST : event;
}
