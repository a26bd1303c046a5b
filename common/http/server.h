/*
 * server.h: an HTTP server on one worker: a table of routes, and the connections that its listener has.
 */
#pragma once

#include "common/base/config.h"
#include "common/http/http.h"
#include "common/loop/listener.h"

/* Answers, now or later. */
typedef void (*http_handler_fn)(struct http_exchange *x);

struct http_route {
	unsigned methods; /* of enum http_verb; HEAD comes with GET, OPTIONS is answered for all */
	const char
	    *pattern; /* "/api/v1/streams/{app}/{name}": a placeholder matches one segment, "{x}.flv" a segment's front */
	http_handler_fn handler;
};

enum { HTTP_ROUTES_MAX = 32, HTTP_SEGMENTS_MAX = 8, HTTP_COMMON_SIZE = 160 };

/* A route whose pattern is cut up: that is done once, and not for each request. */
struct http_pattern {
	const struct http_route *route;
	size_t count; /* of segments */
	struct {
		struct slice text; /* the segment, or what follows its placeholder */
		bool placeholder;
	} segments[HTTP_SEGMENTS_MAX];
};

struct http_server {
	struct worker *worker;
	const struct config *config;
	void *owner; /* for handlers */
	struct http_pattern routes[HTTP_ROUTES_MAX];
	size_t route_count;
	bool draining; /* http_server_drain */
	struct list connections;
	/* Header lines that all answers have. The Date among them is right until `common_until_ms` in the loop's clock. */
	char common[HTTP_COMMON_SIZE];
	size_t common_size;
	uint64_t common_until_ms;
};

void http_server_init(struct http_server *s, struct worker *w, const struct config *config, void *owner);

/* Adds routes (static tables); at most HTTP_ROUTES_MAX in all, of HTTP_SEGMENTS_MAX segments each. The first that
 * matches answers. */
void http_server_add(struct http_server *s, const struct http_route *routes, size_t count);

/* A listener's callback calls this. */
void http_server_accept(struct http_server *s, struct listener *l);

/*
 * Clients are asked to connect again, where a balancer sends them: from now on each answer of HTTP/1 ends its
 * connection ("Connection: close"), and those of HTTP/2 get GOAWAY. Requests are answered as before, and new
 * connections taken.
 */
void http_server_drain(struct http_server *s);

/* Closes every connection. */
void http_server_stop(struct http_server *s);

/* Finds the route of an exchange whose method and path are set, sets its params (cutting up `path`) and calls the
 * handler; answers 404, 405 and OPTIONS itself. For http1.c. */
void http_route(struct http_server *s, struct http_exchange *x, char *path);

/* Decodes %XX in place and refuses what no path of ours has: UV_EINVAL for a broken escape, a NUL, an escaped slash, a
 * segment "." or "..", bytes outside of printable ASCII. */
int http_path_decode(char *path);
