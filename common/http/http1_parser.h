/*
 * http1_parser.h: bytes of an HTTP/1.0 or 1.1 client in, requests out. Pure, resumable at any byte.
 *
 * http-parser reads the heads. As Debian builds it, it is lenient (bare line ends, spaces in names, folded headers,
 * anything between chunks), and leniency here is what request smuggling lives on: so a head is looked over before, its
 * headers are checked, and bodies are read by our own code. What is refused is refused with a status and a reason,
 * and nothing behind it is read: the caller answers and closes.
 *
 * References: RFC 9112 (2.2, 3, 5, 6, 7, 11.2), RFC 9110 (7.2, 10.1.1).
 */
#pragma once

#include "common/base/buffer.h"
#include "common/http/chunked.h"
#include "common/http/http.h"

enum {
	HTTP1_TARGET_MAX = 4096, /* bytes of a request's target */
	HTTP1_HEADERS_MAX = 100  /* fields in a head */
};

struct http1_limits {
	size_t head, body; /* bytes */
};

/* Why a request is refused. Strings are constant. */
struct http1_problem {
	int status;
	const char *code, *message;
};

enum http1_event {
	HTTP1_MORE,     /* all was taken, nothing is complete */
	HTTP1_CONTINUE, /* the head is complete; the client waits for "100 Continue" before it sends the body */
	HTTP1_REQUEST,  /* complete: use p->request, then http1_parser_reset */
	HTTP1_REFUSED   /* see p->problem; feed no more */
};

enum http1_parser_phase {
	HTTP1_BEFORE, /* nothing of a request has come, but empty lines perhaps */
	HTTP1_HEAD,
	HTTP1_BODY,
	HTTP1_COMPLETE,
	HTTP1_FAILED
};

struct http1_request {
	enum http_verb method; /* 0: one that HTTP knows and we do not */
	bool http_1_0;
	bool keep_alive;      /* the client's wish */
	struct buffer target; /* origin form, as sent, ended by a NUL: "/path?query" */
	struct http_fields fields;
	struct buffer body; /* whole */
};

struct http1_parser {
	struct http1_limits limits;
	enum http1_parser_phase phase;
	struct http1_request request;
	const struct http1_problem *problem;
	struct buffer head; /* what came in earlier feeds */
	size_t head_size, line_size;
	unsigned lines;
	bool after_cr, chunks;
	uint64_t body_left;
	struct chunked chunked;
};

void http1_parser_init(struct http1_parser *p, const struct http1_limits *limits);
void http1_parser_fini(struct http1_parser *p);

/* Feeds bytes; `*taken` of them are done with (all, unless something is complete or refused). */
enum http1_event http1_parser_feed(struct http1_parser *p, struct slice data, size_t *taken);

/* On to the next request; frees what this one held. */
void http1_parser_reset(struct http1_parser *p);
