#include "common/http/http1_parser.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct http1_limits limits = {.head = 2048, .body = 100};

static struct slice slice_of(const char *text) {
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* Feeds in steps of `step` bytes until something is complete or refused; `*at` moves over what was taken. The CONTINUE
 * that may come on the way is counted in `continues`. */
static enum http1_event feed(struct http1_parser *p, struct slice text, size_t step, size_t *at, int *continues) {
	enum http1_event event = HTTP1_MORE;
	while (*at < text.size && event != HTTP1_REQUEST && event != HTTP1_REFUSED) {
		size_t n = text.size - *at < step ? text.size - *at : step, taken;
		event = http1_parser_feed(p, (struct slice){text.data + *at, n}, &taken);
		*at += taken;
		*continues += event == HTTP1_CONTINUE;
		cr_assert(event != HTTP1_MORE || taken == n, "MORE takes all");
	}
	return event;
}

static const char *target_of(const struct http1_parser *p) {
	return (const char *)p->request.target.block->data;
}

/* The status with which `text` is refused, the same and at the same byte at any split; 0 when it is a request, -1 when
 * more is needed. */
static int status_of(const char *text) {
	int found = -2;
	size_t found_at = 0;
	for (size_t step = 1; step <= strlen(text); step = step < 8 ? step + 1 : step * 2) {
		struct http1_parser p;
		size_t at = 0;
		int continues = 0;
		http1_parser_init(&p, &limits);
		enum http1_event event = feed(&p, slice_of(text), step, &at, &continues);
		int status = event == HTTP1_REFUSED ? p.problem->status : event == HTTP1_REQUEST ? 0 : -1;
		cr_assert(found == -2 || found == status, "%d in steps of %zu, %d before", status, step, found);
		cr_assert(found == -2 || found_at == at, "at byte %zu in steps of %zu, %zu before", at, step, found_at);
		found = status;
		found_at = at;
		http1_parser_fini(&p);
	}
	return found;
}

Test(http1_parser, reads_pipelined_requests_split_at_any_byte) {
	static const char text[] = "GET /live/cam1.flv?a=b HTTP/1.1\r\nHost: x\r\nAccept:  */* \r\n\r\n"
	                           "\r\n"
	                           "POST /body HTTP/1.1\r\nhOST: x\r\nContent-Length: 5\r\n\r\nhello"
	                           "DELETE /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	                           "5\r\nhello\r\n0\r\n\r\n"
	                           "HEAD / HTTP/1.0\r\n\r\n";
	static const struct {
		enum http_verb method;
		const char *target;
		bool keep_alive, http_1_0;
	} want[] = {{HTTP_GET_METHOD, "/live/cam1.flv?a=b", true, false},
	            {HTTP_POST_METHOD, "/body", true, false},
	            {HTTP_DELETE_METHOD, "/chunks", true, false},
	            {HTTP_HEAD_METHOD, "/", false, true}};
	for (size_t step = 1; step <= sizeof text; step++) {
		struct http1_parser p;
		size_t at = 0;
		int continues = 0;
		http1_parser_init(&p, &limits);
		for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
			cr_assert_eq(feed(&p, slice_of(text), step, &at, &continues), HTTP1_REQUEST, "request %zu, step %zu", i,
			             step);
			cr_assert_eq(p.request.method, want[i].method);
			cr_assert_str_eq(target_of(&p), want[i].target);
			cr_assert_eq(p.request.keep_alive, want[i].keep_alive);
			cr_assert_eq(p.request.http_1_0, want[i].http_1_0);
			http1_parser_reset(&p);
		}
		cr_assert_eq(at, sizeof text - 1);
		cr_assert_eq(continues, 0);
		http1_parser_fini(&p);
	}
}

Test(http1_parser, connection_header_decides_whether_the_connection_is_kept) {
	static const struct {
		const char *text;
		bool keep_alive;
	} cases[] = {{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
	             {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
	             {"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Close\r\n\r\n", false},
	             {"GET / HTTP/1.0\r\n\r\n", false},
	             {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http1_parser p;
		size_t at = 0;
		int continues = 0;
		http1_parser_init(&p, &limits);
		cr_assert_eq(feed(&p, slice_of(cases[i].text), 100, &at, &continues), HTTP1_REQUEST);
		cr_expect_eq(p.request.keep_alive, cases[i].keep_alive, "case %zu", i);
		http1_parser_fini(&p);
	}
}

Test(http1_parser, absolute_form_becomes_origin_form) {
	static const char *const cases[][2] = {{"http://edge:8080/live/a.flv?x", "/live/a.flv?x"},
	                                       {"HTTPS://edge/", "/"},
	                                       {"http://edge", "/"},
	                                       {"http://edge?x=1", "/?x=1"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[200];
		struct http1_parser p;
		size_t at = 0;
		int continues = 0;
		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i][0]);
		http1_parser_init(&p, &limits);
		cr_assert_eq(feed(&p, slice_of(text), 100, &at, &continues), HTTP1_REQUEST);
		cr_expect_str_eq(target_of(&p), cases[i][1]);
		http1_parser_fini(&p);
	}
}

Test(http1_parser, says_when_the_client_waits_for_100_continue) {
	static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n";
	for (size_t step = 1; step <= sizeof head; step++) {
		struct http1_parser p;
		size_t at = 0, taken;
		int continues = 0;
		http1_parser_init(&p, &limits);
		cr_assert_eq(feed(&p, slice_of(head), step, &at, &continues), HTTP1_CONTINUE);
		cr_assert_eq(continues, 1);
		cr_assert_eq(http1_parser_feed(&p, slice_of("ok"), &taken), HTTP1_REQUEST);
		http1_parser_fini(&p);
	}
	cr_assert_eq(status_of("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n"), 0, "nothing to wait for");
	cr_assert_eq(status_of("GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n"), 417);
}

Test(http1_parser, refuses_a_body_whose_length_has_two_meanings) {
	static const char *const fields[] = {
	    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
	    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
	    "Content-Length: 5\r\nContent-Length: 5\r\n",
	    "Content-Length: 5\r\nContent-Length: 6\r\n",
	    "Content-Length: 5, 5\r\n",
	    "Content-Length: +5\r\n",
	    "Content-Length: -5\r\n",
	    "Content-Length: 0x5\r\n",
	    "Content-Length: 1 5\r\n",
	    "Content-Length:\r\n",
	    "Content-Length: 99999999999999999999999\r\n",
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		char text[300];
		snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n5\r\nhello\r\n0\r\n\r\n", fields[i]);
		cr_expect_eq(status_of(text), 400, "%s gives %d", fields[i], status_of(text));
	}
	cr_expect_eq(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
	cr_expect_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501);
	cr_expect_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"), 501);
	cr_expect_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 501);
}

Test(http1_parser, refuses_what_a_lenient_reader_would_take_for_another_header) {
	static const char *const fields[] = {
	    "Transfer-Encoding : chunked\r\n",
	    "Transfer Encoding: chunked\r\n",
	    "A: b\r\n Transfer-Encoding: chunked\r\n", /* folded */
	    "A: b\r\n\tContent-Length: 5\r\n",
	    "A: b\nContent-Length: 5\r\n", /* a bare line feed */
	    "A: b\rContent-Length: 5\r\n",
	    "A: b\x01\r\n",
	    "A\x80: b\r\n",
	    ": b\r\n",
	    "no colon\r\n",
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		char text[200];
		snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", fields[i]);
		cr_expect_eq(status_of(text), 400, "%s gives %d", fields[i], status_of(text));
	}
}

Test(http1_parser, a_zero_byte_is_no_part_of_a_head) {
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n";
	struct http1_parser p;
	size_t taken;
	http1_parser_init(&p, &limits);
	cr_assert_eq(http1_parser_feed(&p, (struct slice){(const uint8_t *)text, sizeof text - 1}, &taken), HTTP1_REFUSED);
	cr_assert_eq(p.problem->status, 400);
	http1_parser_fini(&p);
}

Test(http1_parser, an_http_1_1_request_has_one_host) {
	cr_expect_eq(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
	cr_expect_eq(status_of("GET / HTTP/1.0\r\n\r\n"), 0);
}

Test(http1_parser, other_versions_and_methods_are_told_apart_from_rubbish) {
	cr_expect_eq(status_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
	cr_expect_eq(status_of("GET / HTTP/0.9\r\nHost: x\r\n\r\n"), 505);
	cr_expect_eq(status_of("GET /\r\n\r\n"), 505);
	cr_expect_eq(status_of("CONNECT host:80 HTTP/1.1\r\nHost: x\r\n\r\n"), 501);
	cr_expect_eq(status_of("TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"), 501);
	cr_expect_eq(status_of("BREW / HTTP/1.1\r\nHost: x\r\n\r\n"), 501);
	cr_expect_eq(status_of("GET\r\n\r\n"), 400);
	cr_expect_eq(status_of("rubbish\r\n\r\n"), 400);
	cr_expect_eq(status_of("PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n"), 0, "known to HTTP: the routes say no");
	cr_expect_eq(status_of("\x16\x03\x01\x02"), 400, "TLS on a plain port");
	cr_expect_eq(status_of("GET / HTTQ/1.1\r\nHost: x\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET / SPDY/1.1\r\nHost: x\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET relative HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
}

Test(http1_parser, a_request_to_upgrade_is_a_request_like_others) {
	cr_expect_eq(status_of("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), 0);
}

Test(http1_parser, limits_hold_at_their_exact_size) {
	struct http1_limits exact = {.body = 5};
	static const char text[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
	for (int less = 0; less < 2; less++) {
		struct http1_parser p;
		size_t taken;
		exact.head = sizeof text - 1 - 5 - (size_t)less;
		http1_parser_init(&p, &exact);
		enum http1_event event = http1_parser_feed(&p, slice_of(text), &taken);
		cr_assert_eq(event, less ? HTTP1_REFUSED : HTTP1_REQUEST);
		cr_assert(!less || p.problem->status == 431);
		http1_parser_fini(&p);
	}
	cr_expect_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n"), 413, "before the body comes");
	cr_expect_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"), -1);
	cr_expect_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"), 413);
	cr_expect_eq(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n"), -1);
}

Test(http1_parser, too_many_headers_and_too_long_targets_are_refused) {
	static char text[20000];
	struct http1_limits wide = {.head = sizeof text, .body = 0};
	for (int over = 0; over < 2; over++) {
		struct http1_parser p;
		size_t taken, n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: x\r\n");
		for (int i = 1; i < HTTP1_HEADERS_MAX + over; i++)
			n += (size_t)snprintf(text + n, sizeof text - n, "A: b\r\n");
		snprintf(text + n, sizeof text - n, "\r\n");
		http1_parser_init(&p, &wide);
		cr_expect_eq(http1_parser_feed(&p, slice_of(text), &taken), over ? HTTP1_REFUSED : HTTP1_REQUEST);
		cr_expect(!over || p.problem->status == 431);
		http1_parser_fini(&p);
	}
	for (int over = 0; over < 2; over++) {
		struct http1_parser p;
		size_t taken;
		snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: x\r\n\r\n", HTTP1_TARGET_MAX - 1 + over, 0);
		http1_parser_init(&p, &wide);
		cr_expect_eq(http1_parser_feed(&p, slice_of(text), &taken), over ? HTTP1_REFUSED : HTTP1_REQUEST);
		cr_expect(!over || p.problem->status == 414);
		http1_parser_fini(&p);
	}
}

Test(http1_parser, an_endless_first_line_or_endless_empty_lines_end) {
	static char text[4096];
	memset(text, 'A', sizeof text - 1);
	cr_expect_eq(status_of(text), 414);
	memset(text, '\n', sizeof text - 1);
	cr_expect_eq(status_of(text), 400);
}

Test(http1_parser, takes_nothing_after_a_refusal) {
	struct http1_parser p;
	size_t taken;
	http1_parser_init(&p, &limits);
	cr_assert_eq(http1_parser_feed(&p, slice_of("GET / HTTP/3.0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), &taken),
	             HTTP1_REFUSED);
	cr_assert_eq(http1_parser_feed(&p, slice_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), &taken), HTTP1_REFUSED);
	cr_assert_eq(taken, 0);
	cr_assert_not(p.request.keep_alive);
	http1_parser_fini(&p);
}
