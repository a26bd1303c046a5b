/*
 * transport.h: what a version of HTTP does for an exchange. Internal: respond.c calls it; http1.c and http2.c are it.
 */
#pragma once

#include "common/http/http.h"

/* A response's head, and its body if that is whole. Everything is borrowed for the call. */
struct http_answer {
	int status;
	/* What open_head wrote, then header lines, each with its CR LF, but for those of lengths and connections. Without
	 * an error; the version may add to it, cut it up or take it. */
	struct buffer *head;
	const struct conn_slice *slices; /* referenced by who keeps them */
	size_t count;
	uint64_t length; /* bytes of the body, also where it is not sent (HEAD) */
	bool body;       /* the slices are to be sent */
};

struct http_transport {
	/* Writes what stands before the header lines; NULL: nothing. */
	void (*open_head)(struct buffer *head, int status);
	/* A whole answer; the exchange is over. */
	void (*answer)(struct http_exchange *x, const struct http_answer *a);
	/* As in http.h. */
	enum http_framing (*framing)(const struct http_exchange *x);
	bool (*begin)(struct http_exchange *x, const struct http_answer *a);
	int (*write)(struct http_exchange *x, const struct conn_slice *slices, size_t count);
	size_t (*queued)(const struct http_exchange *x);
	uint64_t (*sent)(const struct http_exchange *x);
	struct sink *(*sink)(struct http_exchange *x);
	void (*end)(struct http_exchange *x);
	void (*abort)(struct http_exchange *x, const char *why);
	/* The answer cannot be made (memory is out): as abort, whatever has been sent, and a handler that is not done with
	 * the exchange (its on_gone) is told. */
	void (*fail)(struct http_exchange *x);
};

/* The answer to what never reached a handler: counted, and told in the log. `message` is constant. */
void http_respond_refusal(struct http_exchange *x, int status, const char *code, const char *message);

/* Whether an answer of this status carries a body and says its length (RFC 9110, 6.4.1, 8.6). */
static inline bool http_status_has_body(int status) {
	return status != 204 && status != 304 && status >= 200;
}
