#include "common/loop/conn.h"
#include "tests/unit/common/loop/support.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two connections of one worker: one that is lulled, and one beside it that shows that the worker has looked. */
enum { LULLED, BESIDE, COUNT };

static struct workers *group;
static struct conn conns[COUNT];
static int peers[COUNT];
static _Atomic int got[COUNT], ended, closed, did;

static int index_of(const struct conn *c) {
	return (int)(c - conns);
}

static void on_read(struct conn *c, const uint8_t *data, size_t size) {
	(void)data;
	atomic_fetch_add(&got[index_of(c)], (int)size);
}

static void on_end(struct conn *c, int error) {
	cr_expect_eq(error, UV_EOF);
	conn_close(c);
	atomic_fetch_add(&ended, 1);
}

static void on_closed(struct conn *c) {
	(void)c;
	atomic_fetch_add(&closed, 1);
}

static const struct conn_ops ops = {.on_read = on_read, .on_end = on_end, .on_closed = on_closed};

static void adopt(struct worker *w, void *context) {
	const int *fds = context;
	for (int i = 0; i < COUNT; i++)
		cr_expect_eq(conn_adopt(&conns[i], w, fds[i], false, &ops), 0);
	atomic_fetch_add(&did, 1);
}

static void begin_lull(struct worker *w, void *context) {
	(void)w, (void)context;
	conn_lull(&conns[LULLED], true);
	atomic_fetch_add(&did, 1);
}

static void end_lull(struct worker *w, void *context) {
	(void)w, (void)context;
	conn_lull(&conns[LULLED], false);
	atomic_fetch_add(&did, 1);
}

static void read_now(struct worker *w, void *context) {
	(void)w;
	conn_read_now(&conns[LULLED]);
	*(int *)context = atomic_load(&got[LULLED]);
	atomic_fetch_add(&did, 1);
}

static void close_all(struct worker *w, void *context) {
	(void)w, (void)context;
	for (int i = 0; i < COUNT; i++)
		conn_close(&conns[i]);
}

static void do_it(void (*fn)(struct worker *, void *), void *context) {
	int before = atomic_load(&did);
	call_on(workers_at(group, 0), fn, context);
	wait_for_count(&did, before + 1);
}

/* A TCP connection to itself: [0] for the worker, [1] for the test. */
static void pair(int out[2]) {
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof sa;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&sa, size), 0);
	cr_assert_eq(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&sa, &size);
	out[1] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(out[1], (struct sockaddr *)&sa, size), 0);
	out[0] = accept(listener, NULL, NULL);
	cr_assert_geq(out[0], 0);
	close(listener);
}

static void open_both(void) {
	int fds[COUNT];
	for (int i = 0; i < COUNT; i++) {
		int p[2];
		pair(p);
		fds[i] = p[0];
		peers[i] = p[1];
	}
	cr_assert_eq(workers_start(&group, 1, &no_hooks, NULL), 0);
	do_it(adopt, fds);
}

static void close_both(void) {
	call_on(workers_at(group, 0), close_all, NULL);
	wait_for_count(&closed, COUNT);
	cr_assert_eq(workers_stop(&group, WAIT_MAX_MS), 0);
	close(peers[LULLED]);
	close(peers[BESIDE]);
}

static void send_to(int which, size_t size) {
	char *bytes = calloc(1, size);
	cr_assert_eq(write(peers[which], bytes, size), (ssize_t)size);
	free(bytes);
}

/* After it the worker has been woken twice for what came later than what the other connection has. */
static void look_twice(void) {
	for (int i = 0; i < 2; i++) {
		int before = atomic_load(&got[BESIDE]);
		send_to(BESIDE, 1);
		wait_for_count(&got[BESIDE], before + 1);
	}
}

TestSuite(lull, .init = open_both, .fini = close_both);

Test(lull, a_few_bytes_wait_until_they_are_asked_for) {
	int read = 0;
	do_it(begin_lull, NULL);
	send_to(LULLED, 100);
	look_twice();
	cr_assert_eq(atomic_load(&got[LULLED]), 0);
	do_it(read_now, &read);
	cr_assert_eq(read, 100, "within the call");
	send_to(LULLED, 1);
	wait_for_count(&got[LULLED], 101);
}

Test(lull, many_bytes_do_not_wait) {
	do_it(begin_lull, NULL);
	send_to(LULLED, CONN_LULL_BYTES);
	wait_for_count(&got[LULLED], CONN_LULL_BYTES);
}

Test(lull, what_has_come_is_told_when_it_ends) {
	do_it(begin_lull, NULL);
	send_to(LULLED, 100);
	look_twice();
	do_it(end_lull, NULL);
	wait_for_count(&got[LULLED], 100);
}

Test(lull, the_peers_end_is_told_at_once_behind_its_last_bytes) {
	do_it(begin_lull, NULL);
	send_to(LULLED, 100);
	shutdown(peers[LULLED], SHUT_WR);
	wait_for_count(&ended, 1);
	cr_assert_eq(atomic_load(&got[LULLED]), 100);
}

Test(lull, without_one_nothing_is_read_ahead) {
	int read = -1;
	do_it(read_now, &read);
	cr_assert_eq(read, 0);
}
