/*
 * conn_connect.c: connections that we open: the name is resolved on libuv's pool, then the first address is tried, all
 * within one time-out.
 */
#include "common/loop/conn_parts.h"

#include <stdlib.h>

/* A connection being made: libuv's requests outlive conn_close. */
struct conn_connect {
	struct conn *conn; /* NULL: closed meanwhile */
	struct worker *worker;
	uv_getaddrinfo_t resolve;
	uv_connect_t connect;
	struct timer timeout;
	unsigned requests;
};

static void connect_release(struct conn_connect *k) {
	if (k->requests || k->conn)
		return;
	worker_release(k->worker);
	free(k);
}

/* The attempt is over; the conn hears of it unless it was closed. */
static void connect_done(struct conn_connect *k, int err) {
	struct conn *c = k->conn;
	timer_stop(&k->timeout);
	k->conn = NULL;
	if (c) {
		c->connecting = NULL;
		if (!err)
			conn_begin_reading(c);
		if (!c->closing)
			c->ops->on_connect(c, err);
	}
}

static void on_connect_timeout(struct timer *t) {
	struct conn_connect *k = list_entry(t, struct conn_connect, timeout);
	connect_done(k, UV_ETIMEDOUT);
	connect_release(k);
}

static void on_connected(uv_connect_t *request, int status) {
	struct conn_connect *k = request->data;
	k->requests--;
	if (k->conn)
		connect_done(k, status);
	connect_release(k);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
	struct conn_connect *k = request->data;
	k->requests--;
	if (k->conn && !status) {
		status = uv_tcp_connect(&k->connect, &k->conn->tcp, found->ai_addr, on_connected);
		if (!status)
			k->requests++;
	}
	if (status && k->conn)
		connect_done(k, status);
	uv_freeaddrinfo(found);
	connect_release(k);
}

static int connect_begin(struct conn_connect *k, const struct address *to) {
	if (to->is_unix) {
		k->requests++;
		uv_pipe_connect(&k->connect, &k->conn->pipe, to->host, on_connected);
		return 0;
	}
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	int err = uv_getaddrinfo(&k->worker->loop, &k->resolve, on_resolved, to->host, to->port, &hints);
	if (!err)
		k->requests++;
	return err;
}

int conn_connect(struct conn *c, struct worker *w, const struct address *to, uint64_t timeout_ms,
                 const struct conn_ops *ops) {
	struct conn_connect *k = calloc(1, sizeof *k);
	if (!k)
		return UV_ENOMEM;
	conn_init(c, w, ops);
	k->worker = w;
	k->conn = c;
	k->resolve.data = k->connect.data = k;
	timer_init(&k->timeout, w, on_connect_timeout);
	int err = timer_start(&k->timeout, timeout_ms);
	if (!err)
		err = conn_init_handle(c, to->is_unix);
	if (err) {
		timer_stop(&k->timeout);
		free(k);
		return err;
	}
	worker_hold(w);
	c->connecting = k;
	err = connect_begin(k, to);
	if (err) {
		k->conn = NULL;
		c->connecting = NULL;
		timer_stop(&k->timeout);
		connect_release(k);
		conn_close(c);
	}
	return 0;
}

void conn_connect_cancel(struct conn *c) {
	struct conn_connect *k = c->connecting;
	timer_stop(&k->timeout);
	uv_cancel((uv_req_t *)&k->resolve);
	k->conn = NULL;
	c->connecting = NULL;
}
