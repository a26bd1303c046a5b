/*
 * test_conn_connect.c: a name with several addresses. Who knows such names is the test itself: it stands before the C
 * library's getaddrinfo.
 */
#include "common/loop/conn.h"
#include "tests/unit/common/loop/support.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Of "127.0.0.2+127.0.0.1" both, in that order; of anything else what the C library says. */
int getaddrinfo(const char *restrict host, const char *restrict port, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found) {
	getaddrinfo_fn *real = (getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
	const char *plus = host ? strchr(host, '+') : NULL;
	char first[64];
	if (!plus)
		return real(host, port, hints, found);
	snprintf(first, sizeof first, "%.*s", (int)(plus - host), host);
	int err = real(first, port, hints, found);
	return err ? err : getaddrinfo(plus + 1, port, hints, &(*found)->ai_next);
}

/* A socket that listens at that host, on `*port` (0: one is chosen). */
static int listen_at(const char *host, uint16_t *port, int backlog) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t size = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, host, &sa.sin_addr);
	cr_assert_eq(bind(fd, (struct sockaddr *)&sa, size), 0);
	cr_assert_eq(listen(fd, backlog), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&sa, &size), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

/* --- a client --- */

static struct client {
	struct conn conn;
	char to[128];
	uint64_t timeout_ms;
	bool cancel;
	char peer[ADDRESS_TEXT_MAX];
	int error;
	_Atomic int told, closed;
} client;

static void on_connect(struct conn *c, int error) {
	client.error = error;
	if (!error)
		conn_peer(c, client.peer);
	conn_close(c);
	atomic_fetch_add(&client.told, 1);
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	(void)c;
	(void)data;
	(void)size;
}

static void on_end(struct conn *c, int error) {
	(void)error;
	conn_close(c);
}

static void on_closed(struct conn *c) {
	(void)c;
	atomic_fetch_add(&client.closed, 1);
}

static const struct conn_ops ops = {
    .on_read = on_read, .on_end = on_end, .on_closed = on_closed, .on_connect = on_connect};

static void begin(struct worker *w, void *context) {
	struct address to;
	(void)context;
	cr_assert_eq(address_parse(&to, client.to), 0);
	cr_assert_eq(conn_connect(&client.conn, w, &to, client.timeout_ms, &ops), 0);
}

static void cancel(struct worker *w, void *context) {
	(void)w;
	(void)context;
	conn_close(&client.conn);
}

static void connect_to(const char *hosts, uint16_t port, uint64_t timeout_ms) {
	struct workers *g;
	snprintf(client.to, sizeof client.to, "%s:%u", hosts, port);
	client.timeout_ms = timeout_ms;
	cr_assert_eq(workers_start(&g, 1, &no_hooks, NULL), 0);
	call_on(workers_at(g, 0), begin, NULL);
	if (client.cancel) {
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* wherever it is then */
		call_on(workers_at(g, 0), cancel, NULL);
	}
	wait_for_count(&client.closed, 1);
	cr_assert_eq(workers_stop(&g, 5000), 0, "something is left");
}

/* --- tests --- */

Test(conn_connect, the_next_address_is_tried_when_one_refuses) {
	uint16_t port = 0;
	int fd = listen_at("127.0.0.1", &port, 5);
	connect_to("127.0.0.2+127.0.0.3+127.0.0.1", port, 5000);
	cr_assert_eq(client.error, 0);
	cr_assert(strncmp(client.peer, "127.0.0.1:", 10) == 0, "%s", client.peer);
	close(fd);
}

Test(conn_connect, the_first_address_that_takes_it_is_taken) {
	uint16_t port = 0;
	int one = listen_at("127.0.0.1", &port, 5), two = listen_at("127.0.0.2", &port, 5);
	connect_to("127.0.0.2+127.0.0.1", port, 5000);
	cr_assert(strncmp(client.peer, "127.0.0.2:", 10) == 0, "%s", client.peer);
	close(one);
	close(two);
}

Test(conn_connect, when_all_refuse_that_is_told_once) {
	uint16_t port = 0;
	close(listen_at("127.0.0.1", &port, 5));
	connect_to("127.0.0.2+127.0.0.1", port, 5000);
	cr_assert_eq(client.error, UV_ECONNREFUSED);
	cr_assert_eq(client.told, 1);
}

/* A listener whose queue is full does not answer. */
static int fill(const char *host, uint16_t port, int fds[], int count) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	int made = 0;
	inet_pton(AF_INET, host, &sa.sin_addr);
	for (; made < count; made++) {
		fds[made] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fds[made], (struct sockaddr *)&sa, sizeof sa);
	}
	return made;
}

static void with_a_silent_one(const char *hosts, uint64_t timeout_ms) {
	enum { QUEUED = 8 };
	uint16_t port = 0;
	int fds[QUEUED], silent = listen_at("127.0.0.2", &port, 0), open = listen_at("127.0.0.1", &port, 5);
	int made = fill("127.0.0.2", port, fds, QUEUED);
	connect_to(hosts, port, timeout_ms);
	while (made)
		close(fds[--made]);
	close(silent);
	close(open);
}

Test(conn_connect, one_that_does_not_answer_leaves_time_for_the_next) {
	with_a_silent_one("127.0.0.2+127.0.0.1", 1000);
	cr_assert_eq(client.error, 0);
	cr_assert(strncmp(client.peer, "127.0.0.1:", 10) == 0, "%s", client.peer);
}

Test(conn_connect, when_none_answers_its_time_is_over) {
	with_a_silent_one("127.0.0.2", 200);
	cr_assert_eq(client.error, UV_ETIMEDOUT);
	cr_assert_eq(client.told, 1);
}

Test(conn_connect, what_is_closed_meanwhile_hears_nothing) {
	client.cancel = true;
	with_a_silent_one("127.0.0.2+127.0.0.1", 5000);
	cr_assert_eq(client.told, 0);
}
