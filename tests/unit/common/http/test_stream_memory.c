/*
 * A stream whose head finds no memory, over both versions: blocks of bytes are compiled into this file, so that their
 * allocation fails on demand.
 */
#include "tests/unit/common/http/client2.h"

#include "tests/unit/common/failing.h"

#include "common/base/bytes.c"

static struct test_server server;
static int gone; /* on the worker's thread, until `tried` */
static _Atomic int tried;

static void count_gone(struct http_exchange *x) {
	(void)x;
	gone++;
}

static void handle_unlucky(struct http_exchange *x) {
	x->on_gone = count_gone;
	failing = allocations + 1;
	all_behind_fails = true;
	bool goes_on = http_stream_begin(x, 200, "video/x-flv", "Cache-Control: no-store\r\n");
	failing = 0;
	cr_expect_not(goes_on);
	atomic_fetch_add(&tried, 1);
}

static const struct http_route routes[] = {{HTTP_GET_METHOD, "/unlucky", handle_unlucky}};

static void start(void) {
	test_server_start(&server, routes, 1, "");
}

static void stop(void) {
	test_server_stop(&server);
}

TestSuite(stream_memory, .init = start, .fini = stop);

static void expect_told_once(void) {
	wait_for_count(&tried, 1);
	cr_expect_eq(gone, 1);
}

Test(stream_memory, its_handler_is_told_once_over_http_1) {
	char all[256];
	int fd = client_connect(&server);
	client_send(fd, "GET /unlucky HTTP/1.1\r\nHost: edge\r\n\r\n");
	cr_expect_eq(client_read(fd, all, sizeof all, NULL), 0, "%s", all);
	expect_told_once();
	close(fd);
}

Test(stream_memory, its_handler_is_told_once_over_http_2) {
	static struct client2 c;
	client2_open(&c, &server, 0);
	const struct reply *r = client2_ask(&c, "GET", "/unlucky", NULL);
	client2_wait(&c, r);
	cr_expect(r->closed);
	cr_expect_eq(r->error, NGHTTP2_INTERNAL_ERROR);
	expect_told_once();
	client2_close(&c);
}
