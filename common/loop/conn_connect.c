/*
 * conn_connect.c: connections that we open: the name is resolved on libuv's pool, then its addresses are tried one
 * after the other, all within one time-out.
 *
 * A socket that failed cannot try another address, and libuv closes it in a later turn: so each attempt has a socket of
 * its own, and the one that is connected is given to the conn.
 */
#include "common/loop/conn_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* One address being tried; freed when its handle is closed. */
struct attempt {
	struct conn_connect *owner; /* NULL: given up */
	struct worker *worker;
	uv_tcp_t tcp;
	uv_connect_t request;
};

/* A connection being made: libuv's requests outlive conn_close. */
struct conn_connect {
	struct conn *conn; /* NULL: closed meanwhile, or told */
	struct worker *worker;
	uv_getaddrinfo_t resolve;
	uv_connect_t connect; /* of a Unix socket */
	struct timer timeout; /* of what is tried now */
	uint64_t deadline_ms; /* of all, in the loop's time */
	struct addrinfo *found;
	const struct addrinfo *next; /* of those found: not tried yet */
	struct attempt *attempt;     /* NULL: none is under way */
	unsigned requests;
};

static void connect_release(struct conn_connect *k) {
	if (k->requests || k->conn)
		return;
	uv_freeaddrinfo(k->found);
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

/* --- one address --- */

static void on_attempt_closed(uv_handle_t *handle) {
	struct attempt *a = handle->data;
	worker_release(a->worker);
	free(a);
}

static void attempt_end(struct conn_connect *k) {
	if (!k->attempt)
		return;
	k->attempt->owner = NULL;
	uv_close((uv_handle_t *)&k->attempt->tcp, on_attempt_closed);
	k->attempt = NULL;
}

/* Gives its socket to the conn. 0 or a libuv code. */
static int hand_over(struct attempt *a) {
	uv_os_fd_t fd;
	int err = uv_fileno((uv_handle_t *)&a->tcp, &fd), copy = err ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (err || copy < 0)
		return err ? err : uv_translate_sys_error(errno);
	err = uv_tcp_open(&a->owner->conn->tcp, copy);
	if (err)
		close(copy);
	return err;
}

static int try_next(struct conn_connect *k, int why_not);

static void on_tried(uv_connect_t *request, int status) {
	struct attempt *a = request->data;
	struct conn_connect *k = a->owner;
	if (!k)
		return;
	if (!status)
		status = hand_over(a);
	attempt_end(k);
	if (status)
		status = try_next(k, status);
	if (k->attempt)
		return;
	connect_done(k, status);
	connect_release(k);
}

static int try_address(struct conn_connect *k, const struct addrinfo *address) {
	struct attempt *a = calloc(1, sizeof *a);
	int err = a ? uv_tcp_init(&k->worker->loop, &a->tcp) : UV_ENOMEM;
	if (err) {
		free(a);
		return err;
	}
	a->owner = k;
	a->worker = k->worker;
	a->tcp.data = a->request.data = a;
	worker_hold(k->worker);
	k->attempt = a;
	err = uv_tcp_connect(&a->request, &a->tcp, address->ai_addr, on_tried);
	if (err)
		attempt_end(k);
	return err;
}

/* What is left of the time, shared by those that are not tried yet: one that does not answer leaves time for the
 * others.
 */
static uint64_t share_ms(const struct conn_connect *k) {
	uint64_t now = worker_now_ms(k->worker), left = k->deadline_ms > now ? k->deadline_ms - now : 0, count = 1;
	for (const struct addrinfo *a = k->next->ai_next; a; a = a->ai_next)
		count++;
	return left / count;
}

/* Begins with the next address that can be tried. 0, or why there is none: `why_not` is of the one before. */
static int try_next(struct conn_connect *k, int why_not) {
	while (k->next && why_not) {
		why_not = timer_start(&k->timeout, share_ms(k));
		if (!why_not)
			why_not = try_address(k, k->next);
		k->next = k->next->ai_next;
	}
	return why_not;
}

/* --- all of it --- */

static void on_connect_timeout(struct timer *t) {
	struct conn_connect *k = list_entry(t, struct conn_connect, timeout);
	attempt_end(k);
	int err = try_next(k, UV_ETIMEDOUT);
	if (k->attempt)
		return;
	connect_done(k, err);
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
	k->found = found;
	k->next = found;
	if (k->conn && !status)
		status = try_next(k, UV_EAI_NONAME);
	if (k->conn && !k->attempt)
		connect_done(k, status);
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
	k->deadline_ms = worker_now_ms(w) + timeout_ms;
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
	attempt_end(k);
	k->conn = NULL;
	c->connecting = NULL;
	connect_release(k);
}
