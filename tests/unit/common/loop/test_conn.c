#include "common/base/bytes.h"
#include "common/loop/conn.h"
#include "common/loop/limits.h"
#include "common/loop/listener.h"
#include "tests/unit/common/loop/support.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server session that echoes, or sends a great deal, as the test wants. */
struct session {
	struct conn conn;
	size_t to_send;
	bool close_after;
};

static struct listener listener;
static char address[64];
static _Atomic int closed, accepted, refused, writable, stalled, vanished;
static _Atomic int checked;
static struct session *newest; /* of the worker's thread */
static size_t bulk;
static uint32_t stall_ms, peer_timeout_ms;
static int move_to_worker = -1;
static bool tiny; /* answers one byte, until no more are taken */

static void fill(struct session *s) {
	struct bytes *b = bytes_new(100000);
	memset(b->data, 'x', b->size);
	while (s->to_send && !conn_blocked(&s->conn)) {
		size_t size = s->to_send < b->size ? s->to_send : b->size;
		struct conn_slice slices[2] = {{b->data, size / 2, b}, {b->data, size - size / 2, b}};
		int done = conn_try_writev(&s->conn, slices, 2);
		if (done < 0)
			break;
		s->to_send -= done == 2 ? size : done == 1 ? size / 2 : 0;
	}
	bytes_unref(&b);
	if (!s->to_send)
		conn_close_after_send(&s->conn, 5000);
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	struct session *s = list_entry(c, struct session, conn);
	if (bulk) {
		s->to_send = bulk;
		fill(s);
		return;
	}
	if (tiny) {
		int taken = 0, err;
		while ((err = conn_send(c, bytes_copy(data, 1))) == 0)
			taken++;
		cr_expect_eq(err, UV_ENOBUFS);
		atomic_store(&checked, taken);
		return;
	}
	cr_expect_eq(conn_send(c, bytes_copy(data, size)), 0);
}

static void on_writable(struct conn *c) {
	atomic_fetch_add(&writable, 1);
	if (bulk)
		fill(list_entry(c, struct session, conn));
}

static void on_end(struct conn *c, int error) {
	cr_expect_eq(error, conn_stalled(c) || peer_timeout_ms ? UV_ETIMEDOUT : UV_EOF);
	atomic_fetch_add(&stalled, conn_stalled(c));
	atomic_fetch_add(&vanished, error == UV_ETIMEDOUT && !conn_stalled(c));
	conn_close(c);
}

static void on_closed(struct conn *c) {
	free(list_entry(c, struct session, conn));
	atomic_fetch_add(&closed, 1);
}

static const struct conn_ops ops = {
    .on_read = on_read, .on_writable = on_writable, .on_end = on_end, .on_closed = on_closed};

struct moved {
	struct message message;
	int fd;
};

static void deliver_moved(struct worker *w, struct message *m) {
	struct session *s = calloc(1, sizeof *s);
	cr_expect_eq(conn_adopt(&s->conn, w, ((struct moved *)m)->fd, false, &ops), 0);
	free(m);
}

static void on_connection(struct listener *l) {
	struct session *s = calloc(1, sizeof *s);
	if (conn_accept(&s->conn, l, &ops)) {
		free(s);
		atomic_fetch_add(&refused, 1);
		return;
	}
	newest = s;
	atomic_fetch_add(&accepted, 1);
	if (stall_ms)
		conn_watch_stall(&s->conn, stall_ms);
	if (peer_timeout_ms)
		conn_set_peer_timeout(&s->conn, peer_timeout_ms);
	if (move_to_worker < 0)
		return;
	struct moved *m = calloc(1, sizeof *m);
	m->message.deliver = deliver_moved;
	m->fd = conn_detach(&s->conn);
	cr_expect_geq(m->fd, 0);
	worker_post(workers_at(l->worker->group, (unsigned)move_to_worker), &m->message);
}

/* A port that is free now; another program may take it before us, then the next is tried. */
static int start(struct worker *w, void *context) {
	(void)context;
	if (w->index)
		return 0;
	for (int i = 0; i < 50; i++) {
		struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof sa;
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&sa, size);
		getsockname(fd, (struct sockaddr *)&sa, &size);
		close(fd);
		snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(sa.sin_port));
		if (listener_probe(address) == 0 && listener_open(&listener, w, address, on_connection, NULL) == 0)
			return 0;
	}
	return UV_EADDRINUSE;
}

static void stop(struct worker *w, void *context) {
	(void)context;
	if (w->index == 0)
		listener_close(&listener);
}

static const struct worker_hooks hooks = {.start = start, .stop = stop};

static int connect_to_it(void) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sa.sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct timeval bound = {.tv_sec = 10};
	int small = 4096; /* so that the server's side fills up */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static void echo_once(int fd) {
	char back[5];
	cr_assert_eq(write(fd, "hello", 5), 5);
	cr_assert_eq(recv(fd, back, 5, MSG_WAITALL), 5);
	cr_assert_arr_eq(back, "hello", 5);
}

Test(conn, echoes_and_hears_the_peers_end) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &hooks, NULL), 0);
	int fd = connect_to_it();
	echo_once(fd);
	close(fd);
	wait_for_count(&closed, 1);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

Test(conn, sends_all_bytes_through_a_full_socket_and_then_closes) {
	struct workers *g;
	bulk = 20000000;
	cr_assert_eq(workers_start(&g, 1, &hooks, NULL), 0);
	int fd = connect_to_it();
	cr_assert_eq(write(fd, "go", 2), 2);
	size_t got = 0;
	static char buffer[65536];
	for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0; got += (size_t)n)
		;
	cr_assert_eq(got, bulk);
	cr_assert_gt(atomic_load(&writable), 0, "the socket was never full: the test proves nothing");
	close(fd);
	wait_for_count(&closed, 1);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

Test(conn, what_small_answers_cost_counts_towards_the_queues_limit) {
	struct workers *g;
	tiny = true;
	cr_assert_eq(workers_start(&g, 1, &hooks, NULL), 0);
	int fd = connect_to_it();
	cr_assert_eq(write(fd, "x", 1), 1);
	wait_for_count(&checked, 1);
	cr_expect_leq(atomic_load(&checked), CONN_QUEUE_LIMIT / CONN_RUN_COST);
	shutdown(fd, SHUT_WR);
	wait_for_count(&closed, 1);
	close(fd);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

Test(conn, a_peer_that_takes_nothing_is_noticed) {
	struct workers *g;
	bulk = 20000000;
	stall_ms = 100;
	cr_assert_eq(workers_start(&g, 1, &hooks, NULL), 0);
	int fd = connect_to_it();
	cr_assert_eq(write(fd, "go", 2), 2);
	wait_for_count(&closed, 1);
	cr_assert_eq(atomic_load(&stalled), 1);
	close(fd);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

static void check_options(struct worker *w, void *context) {
	struct session *s = context;
	uv_os_fd_t fd;
	unsigned alive = 0, idle = 0, interval = 0, timeout = 0;
	socklen_t size = sizeof alive;
	(void)w;
	cr_expect_eq(uv_fileno(&s->conn.handle, &fd), 0);
	getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &alive, &size);
	getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size);
	getsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, &size);
	getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, &size);
	cr_expect_eq(alive, 1);
	cr_expect_eq(idle, 5);
	cr_expect_eq(interval, 2);
	cr_expect_eq(timeout, 10000);
	atomic_fetch_add(&checked, 1);
}

static int start_watching(struct worker *w, void *context) {
	w->peer_timeout_ms = 10000;
	return start(w, context);
}

Test(conn, the_workers_patience_with_peers_is_every_sockets) {
	static const struct worker_hooks watching = {.start = start_watching, .stop = stop};
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &watching, NULL), 0);
	int fd = connect_to_it();
	echo_once(fd);
	call_on(workers_at(g, 0), check_options, newest);
	wait_for_count(&checked, 1);
	close(fd);
	wait_for_count(&closed, 1);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

/* The kernel's own judgement: no timer of ours runs. */
Test(conn, the_kernel_ends_a_connection_whose_data_nobody_takes) {
	struct workers *g;
	bulk = 20000000;
	peer_timeout_ms = 300;
	cr_assert_eq(workers_start(&g, 1, &hooks, NULL), 0);
	int fd = connect_to_it();
	cr_assert_eq(write(fd, "go", 2), 2);
	wait_for_count(&closed, 1);
	cr_assert_eq(atomic_load(&vanished), 1);
	close(fd);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

static void count_timers(struct worker *w, void *context) {
	atomic_store((_Atomic int *)context, 1 + (int)w->timers.count);
}

Test(conn, to_be_watched_costs_no_timer_while_nothing_waits) {
	struct workers *g;
	_Atomic int before = 0, after = 0;
	stall_ms = 60000;
	cr_assert_eq(workers_start(&g, 1, &hooks, NULL), 0);
	call_on(workers_at(g, 0), count_timers, &before);
	wait_for_count(&before, 1);
	int fd = connect_to_it();
	echo_once(fd);
	call_on(workers_at(g, 0), count_timers, &after);
	wait_for_count(&after, 1);
	cr_assert_eq(atomic_load(&after), atomic_load(&before));
	close(fd);
	wait_for_count(&closed, 1);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

Test(conn, moves_to_another_worker_without_the_peer_noticing) {
	struct workers *g;
	move_to_worker = 1;
	cr_assert_eq(workers_start(&g, 2, &hooks, NULL), 0);
	int fd = connect_to_it();
	echo_once(fd);
	close(fd);
	wait_for_count(&closed, 2);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

Test(conn, connections_past_the_limit_are_closed_at_once) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &hooks, NULL), 0);
	limits_set_connections(g, 1);
	int first = connect_to_it();
	echo_once(first);
	int second = connect_to_it();
	char byte;
	cr_assert_leq(read(second, &byte, 1), 0);
	wait_for_count(&refused, 1);
	close(second);
	close(first);
	wait_for_count(&closed, 1);
	int third = connect_to_it();
	echo_once(third);
	close(third);
	wait_for_count(&closed, 2);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}

Test(listener, a_taken_port_is_found_out) {
	struct workers *g;
	cr_assert_eq(workers_start(&g, 1, &hooks, NULL), 0);
	cr_assert_eq(listener_probe(address), UV_EADDRINUSE);
	cr_assert_eq(listener_probe("127.0.0.1:0"), UV_EINVAL);
	cr_assert_eq(workers_stop(&g, 5000), 0);
}
