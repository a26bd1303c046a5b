/*
 * A listener under failing allocation. It is compiled into this file with an allocator that fails on demand; the linker
 * then takes it from here for the whole program, where nothing demands it.
 */
#include "common/loop/listener.h"
#include "tests/unit/common/loop/support.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "tests/unit/common/failing.h"

#include "common/loop/listener.c"

enum { REFUSED = 20 };

static struct listener listener;
static struct workers *group;
static char path[64];
static uint16_t port;
static _Atomic int refused;

static void on_refusable(struct listener *l) {
	failing = allocations + 1; /* memory is out, and stays out */
	all_behind_fails = true;
	listener_refuse(l);
	failing = 0;
	atomic_fetch_add(&refused, 1);
}

static int start(struct worker *w, void *context) {
	(void)context;
	for (int i = 0; i < 50; i++) {
		struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof sa;
		char address[64];
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&sa, size);
		getsockname(fd, (struct sockaddr *)&sa, &size);
		close(fd);
		port = ntohs(sa.sin_port);
		snprintf(address, sizeof address, "127.0.0.1:%u", port);
		if (*path)
			return listener_open(&listener, w, path, on_refusable, NULL);
		if (listener_open(&listener, w, address, on_refusable, NULL) == 0)
			return 0;
	}
	return UV_EADDRINUSE;
}

static void stop(struct worker *w, void *context) {
	(void)w;
	(void)context;
	listener_close(&listener);
}

static const struct worker_hooks hooks = {.start = start, .stop = stop};

static int connect_to_it(void) {
	struct sockaddr_in tcp = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct timeval bound = {.tv_sec = 10};
	int fd = socket(*path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
	if (*path)
		strcpy(local.sun_path, path + strlen("unix:"));
	cr_assert_eq(*path ? connect(fd, (struct sockaddr *)&local, sizeof local)
	                   : connect(fd, (struct sockaddr *)&tcp, sizeof tcp),
	             0);
	return fd;
}

/* Many at once, so that some come while one is still being closed; then another one, which finds it hearing. */
static void refuse_many(void) {
	int fds[REFUSED + 1];
	char byte;
	cr_assert_eq(workers_start(&group, 1, &hooks, NULL), 0);
	for (int i = 0; i < REFUSED; i++)
		fds[i] = connect_to_it();
	wait_for_count(&refused, REFUSED);
	fds[REFUSED] = connect_to_it();
	for (int i = 0; i <= REFUSED; i++) {
		cr_expect_eq(recv(fds[i], &byte, 1, 0), 0, "connection %d was not closed", i);
		close(fds[i]);
	}
	cr_expect_eq(atomic_load(&refused), REFUSED + 1);
	cr_assert_eq(workers_stop(&group, 5000), 0);
}

Test(listener, refuses_without_memory_and_goes_on_hearing) {
	refuse_many();
}

Test(listener, refuses_on_a_unix_socket_just_so) {
	snprintf(path, sizeof path, "unix:/tmp/weir-listener-%d", (int)getpid());
	refuse_many();
}
