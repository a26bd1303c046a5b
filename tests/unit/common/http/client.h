/*
 * client.h: a server on a worker of a test, and a blocking client of it with a bound on its patience.
 */
#pragma once

#include "common/base/clock.h"
#include "common/http/server.h"
#include "tests/unit/common/loop/support.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct test_server {
	struct workers *group;
	struct config *config;
	struct listener listener;
	struct http_server http;
	const struct http_route *routes;
	size_t route_count;
	char address[64];
};

static inline void test_server_on_connection(struct listener *l) {
	struct test_server *t = l->context;
	http_server_accept(&t->http, l);
}

/* A port that is free now; another program may take it before us, then the next is tried. */
static inline int test_server_listen(struct test_server *t, struct worker *w) {
	for (int i = 0; i < 50; i++) {
		struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof sa;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&sa, size);
		getsockname(fd, (struct sockaddr *)&sa, &size);
		close(fd);
		snprintf(t->address, sizeof t->address, "127.0.0.1:%u", ntohs(sa.sin_port));
		if (listener_probe(t->address) == 0 &&
		    listener_open(&t->listener, w, t->address, test_server_on_connection, t) == 0)
			return 0;
	}
	return UV_EADDRINUSE;
}

static inline int test_server_on_start(struct worker *w, void *context) {
	struct test_server *t = context;
	http_server_init(&t->http, w, t->config, t);
	http_server_add(&t->http, t->routes, t->route_count);
	return test_server_listen(t, w);
}

static inline void test_server_on_stop(struct worker *w, void *context) {
	struct test_server *t = context;
	(void)w;
	listener_close(&t->listener);
	http_server_stop(&t->http);
}

static const struct worker_hooks test_server_hooks = {.start = test_server_on_start, .stop = test_server_on_stop};

/* `yaml` is its configuration; "" for the defaults. */
static inline void test_server_start(struct test_server *t, const struct http_route *routes, size_t count,
                                     const char *yaml) {
	struct buffer why;
	struct config_sources from = {.name = "test", .yaml = {(const uint8_t *)yaml, strlen(yaml)}};
	buffer_init(&why, 0);
	signal(SIGPIPE, SIG_IGN); /* as a node does */
	clock_init();
	cr_assert_eq(config_parse(&t->config, CONFIG_EDGE, &from, &why), 0);
	buffer_fini(&why);
	t->routes = routes;
	t->route_count = count;
	cr_assert_eq(workers_start(&t->group, 1, &test_server_hooks, t), 0);
}

static inline void test_server_stop(struct test_server *t) {
	cr_assert_eq(workers_stop(&t->group, 5000), 0);
	config_free(&t->config);
}

static inline int client_connect(const struct test_server *t) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval bound = {.tv_sec = WAIT_MAX_MS / 1000};
	int small = 4096; /* so that the server's side fills up */
	sa.sin_port = htons((uint16_t)atoi(strchr(t->address, ':') + 1));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static inline void client_send(int fd, const char *text) {
	size_t size = strlen(text);
	cr_assert_eq(send(fd, text, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Reads up to the end of the first `until` (all of it, to the connection's end, for NULL) into `out`, as text. Returns
 * the bytes read. */
static inline size_t client_read(int fd, char *out, size_t room, const char *until) {
	size_t size = 0;
	out[0] = '\0';
	while (size + 1 < room && !(until && strstr(out, until))) {
		/* By bytes where the end has to be exact. */
		ssize_t n = read(fd, out + size, until ? 1 : room - 1 - size);
		if (n <= 0) {
			cr_assert(n == 0 && !until, "the server %s before %s in: %s", n ? "was silent" : "closed",
			          until ? until : "its end", out);
			break;
		}
		size += (size_t)n;
		out[size] = '\0';
	}
	return size;
}

/* One answer: its head into `head`, its body by Content-Length into `body`. */
static inline int client_answer(int fd, char *head, size_t head_room, char *body, size_t body_room) {
	client_read(fd, head, head_room, "\r\n\r\n");
	const char *length = strstr(head, "Content-Length: ");
	size_t want = length ? (size_t)atoi(length + 16) : 0, got = 0;
	cr_assert_lt(want, body_room);
	while (got < want) {
		ssize_t n = read(fd, body + got, want - got);
		cr_assert_gt(n, 0, "the body ended after %zu of %zu", got, want);
		got += (size_t)n;
	}
	body[got] = '\0';
	return atoi(head + strlen("HTTP/1.1 "));
}
