/*
 * listener.h: a listening socket on one worker. All workers listen on the same address with SO_REUSEPORT, and the
 * kernel spreads the connections.
 */
#pragma once

#include "common/base/buffer.h"
#include "common/loop/address.h"
#include "common/loop/worker.h"

struct listener;
struct tls;

/* A connection waits: call conn_accept (or listener_refuse). */
typedef void (*listener_fn)(struct listener *);

/* What takes a connection that is to be refused. It is a part of the listener, for a connection that nobody takes makes
 * libuv hear no more of them, and refusing is for when memory is out. */
struct listener_refusal {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	bool busy; /* it is closing: one is refused in a turn */
	bool due;  /* another one waits */
};

struct listener {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	struct worker *worker;
	listener_fn on_connection;
	void *context;
	struct tls *tls; /* what it accepts speaks TLS; NULL: in clear. Set by who opened it. */
	bool proxied;    /* a proxy makes the connections and says first for whom (proxy_header.h). Set by who opened it. */
	bool open, is_unix;
	struct listener_refusal refusal;
};

/*
 * In main, before workers start: binds `address` once without SO_REUSEPORT, so that a port that another program has
 * is found out, and closes it. 0, or the libuv code; a port of 0 is refused (UV_EINVAL), for the workers could not
 * share it.
 */
int listener_probe(const char *address);

/* Opens it on worker `w`. A Unix socket is served by worker 0 alone: elsewhere this does nothing and returns 0. */
int listener_open(struct listener *l, struct worker *w, const char *address, listener_fn on_connection, void *context);

/* Takes the waiting connection and closes it, now or in a turn that follows at once; it cannot fail. */
void listener_refuse(struct listener *l);

/* Closes it (no callback: embed it where it outlives the loop's end, also for what is being refused). Not open is fine.
 */
void listener_close(struct listener *l);
