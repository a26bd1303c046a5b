/*
 * serving.h: a node that serves stream live/cam1 over the relay, on one real worker, for tests of both ends.
 */
#pragma once

#include "common/base/clock.h"
#include "common/relay/serve.h"
#include "common/stream/stream.h"
#include "tests/unit/common/loop/support.h"
#include "tests/unit/common/stream/support.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { FRAMES = 100, EPOCH = 7 };

/* What a test adds to the worker: called on its thread, each may be NULL. */
struct serving_client {
	int (*start)(struct worker *w);
	void (*stop)(void);
	void (*fini)(void);
};

static struct config *config;
static struct relay_node self;
static struct relay_server server;
static struct listener listener;
static struct workers *group;
static char address[64];
static const struct stream_name name = {.text = "live/cam1"};
static const struct streams_ops no_ops;
static const struct streams_ops *role_ops = &no_ops; /* a test may set these two before it begins */
static const char *setting;                          /* one more, name=value */
static const struct serving_client *client;

static inline void on_link(struct link *l) {
	relay_serve(&server, l);
}

static inline void on_connection(struct listener *l) {
	relay_server_accept(&server, l, on_link);
}

static inline int listen_somewhere(struct worker *w) {
	for (int i = 0; i < 50; i++) {
		struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof sa;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&sa, size);
		getsockname(fd, (struct sockaddr *)&sa, &size);
		close(fd);
		snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(sa.sin_port));
		if (listener_probe(address) == 0)
			return listener_open(&listener, w, address, on_connection, NULL);
	}
	return UV_EADDRINUSE;
}

static inline int start_serving(struct worker *w, void *context) {
	(void)context;
	relay_server_init(&server, w, &self);
	int err = streams_init(w, config, role_ops, NULL);
	if (!err)
		err = listen_somewhere(w);
	return err || !client ? err : client->start(w);
}

static inline void stop_serving(struct worker *w, void *context) {
	(void)context;
	if (client)
		client->stop();
	listener_close(&listener);
	relay_server_stop(&server);
	streams_stop(w);
}

static inline void end_serving(struct worker *w, void *context) {
	(void)context;
	if (client)
		client->fini();
	streams_fini(w);
}

static const struct worker_hooks serving_hooks = {.start = start_serving, .stop = stop_serving, .fini = end_serving};

/* Of one epoch: a mark, and `frames` frames with a keyframe at every tenth, beginning at `ms`. */
static inline void append_epoch(struct worker *w, uint64_t epoch, int frames, int64_t ms) {
	struct rendition *r = stream_rendition_get(streams_get(w, &name), RENDITION_SOURCE);
	cr_expect_eq(stream_append(r, mark_of(epoch, 1, ms, 1)), 0);
	for (int i = 0; i < frames; i++)
		cr_expect_eq(stream_append(r, video_frame(epoch, (uint64_t)i + 2, ms + i * 40, i % 10 == 0)), 0);
}

static inline void fill(struct worker *w, void *context) {
	append_epoch(w, EPOCH, FRAMES, 0);
	atomic_fetch_add((_Atomic int *)context, 1);
}

static inline void serving_init(const struct serving_client *with) {
	_Atomic int filled = 0;
	const char *overrides[] = {"relay.secret=hush", setting, NULL};
	struct buffer why;
	buffer_init(&why, 0);
	clock_init();
	client = with;
	cr_assert_eq(
	    config_parse(&config, CONFIG_ORIGIN, &(struct config_sources){.overrides = (char *const *)overrides}, &why), 0);
	buffer_fini(&why);
	self = (struct relay_node){.config = config, .id = "server", .role = WEIR__RELAY__ROLE__ROLE_ORIGIN};
	cr_assert_eq(workers_start(&group, 1, &serving_hooks, NULL), 0);
	call_on(workers_at(group, 0), fill, &filled);
	wait_for_count(&filled, 1);
}

static inline void serving_fini(void) {
	cr_assert_eq(workers_stop(&group, 5000), 0);
	config_free(&config);
}
