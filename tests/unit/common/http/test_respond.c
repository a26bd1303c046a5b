#include "common/base/metrics.h"
#include "tests/unit/common/http/handlers.h"

#include <zlib.h>

static struct test_server server;
static char head[8192], body[65536];

static void start(const char *yaml) {
	test_server_start(&server, block_routes, BLOCK_ROUTES, yaml);
}

/* One request with further header lines; the status. */
static int ask(const char *method, const char *path, const char *lines) {
	char text[1024];
	int fd = client_connect(&server);
	snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n%s\r\n", method, path, lines);
	client_send(fd, text);
	client_read(fd, head, sizeof head, "\r\n\r\n");
	client_read(fd, body, sizeof body, NULL);
	close(fd);
	return atoi(head + strlen("HTTP/1.1 "));
}

static void expect_line(const char *line) {
	cr_expect(strstr(head, line), "no %s in\n%s", line, head);
}

Test(respond, blocks_are_one_body_with_its_tag_and_its_life) {
	start("");
	cr_expect_eq(ask("GET", "/blocks", ""), 200);
	cr_expect_str_eq(body, "0123456789");
	expect_line("ETag: \"v1\"\r\n");
	expect_line("Accept-Ranges: bytes\r\n");
	expect_line("Content-Length: 10\r\n");
	expect_line("Cache-Control: public, max-age=31536000, immutable\r\n");
	expect_line("Access-Control-Allow-Origin: *\r\n");
	cr_expect_eq(ask("HEAD", "/blocks", ""), 200);
	expect_line("Content-Length: 10\r\n");
	cr_expect_str_empty(body);
	test_server_stop(&server);
}

Test(respond, what_the_client_has_is_not_sent_again) {
	start("");
	cr_expect_eq(ask("GET", "/blocks", "If-None-Match: \"v0\", \"v1\"\r\n"), 304);
	cr_expect_str_empty(body);
	expect_line("ETag: \"v1\"\r\n");
	expect_line("Cache-Control: public, max-age=31536000, immutable\r\n");
	cr_expect_null(strstr(head, "Content-Length"));
	cr_expect_eq(ask("HEAD", "/blocks", "If-None-Match: *\r\n"), 304);
	cr_expect_eq(ask("GET", "/blocks", "If-None-Match: \"v0\"\r\n"), 200);
	test_server_stop(&server);
}

Test(respond, a_range_is_cut_out_of_the_blocks) {
	start("");
	cr_expect_eq(ask("GET", "/blocks", "Range: bytes=3-5\r\n"), 206);
	cr_expect_str_eq(body, "345");
	expect_line("Content-Range: bytes 3-5/10\r\n");
	expect_line("Content-Length: 3\r\n");
	cr_expect_eq(ask("GET", "/blocks", "Range: bytes=-1\r\n"), 206);
	cr_expect_str_eq(body, "9");
	cr_expect_eq(ask("GET", "/blocks", "Range: bytes=0-9\r\n"), 206);
	cr_expect_str_eq(body, "0123456789");
	cr_expect_eq(ask("GET", "/blocks", "Range: bytes=10-\r\n"), 416);
	expect_line("Content-Range: bytes */10\r\n");
	cr_expect(strstr(body, "\"range_not_satisfiable\""));
	cr_expect_eq(ask("HEAD", "/blocks", "Range: bytes=3-5\r\n"), 200, "ranges are GET's alone");
	test_server_stop(&server);
}

Test(respond, a_range_of_what_has_changed_gets_all) {
	start("");
	cr_expect_eq(ask("GET", "/blocks", "Range: bytes=3-5\r\nIf-Range: \"v0\"\r\n"), 200);
	cr_expect_str_eq(body, "0123456789");
	cr_expect_eq(ask("GET", "/blocks", "Range: bytes=3-5\r\nIf-Range: \"v1\"\r\n"), 206);
	test_server_stop(&server);
}

static size_t unzip(const char *data, size_t size, char *out, size_t room) {
	z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)size, .next_out = (Bytef *)out, .avail_out = (uInt)room};
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	cr_assert_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	return z.total_out;
}

Test(respond, text_is_compressed_for_who_takes_it) {
	static char plain[PLAYLIST_SIZE + 1];
	start("");
	cr_expect_eq(ask("GET", "/text", "Accept-Encoding: br, gzip\r\n"), 200);
	expect_line("Content-Encoding: gzip\r\n");
	expect_line("Vary: Accept-Encoding\r\n");
	expect_line("ETag: \"t1-gzip\"\r\n");
	size_t size = (size_t)atoi(strstr(head, "Content-Length: ") + 16);
	cr_expect_lt(size, 200);
	cr_expect_eq(unzip(body, size, plain, sizeof plain), PLAYLIST_SIZE);
	cr_expect_eq(strspn(plain, "#"), PLAYLIST_SIZE);
	cr_expect_eq(ask("GET", "/text", ""), 200);
	cr_expect_eq(strlen(body), PLAYLIST_SIZE);
	expect_line("Vary: Accept-Encoding\r\n");
	cr_expect_eq(ask("GET", "/text", "If-None-Match: \"t1-gzip\"\r\n"), 304);
	test_server_stop(&server);
}

Test(respond, a_body_larger_than_a_queue_reaches_a_slow_client_whole) {
	start("");
	int fd = client_connect(&server);
	size_t got = 0;
	client_send(fd, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\nGET /blocks HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(fd, head, sizeof head, "\r\n\r\n");
	expect_line("Content-Length: 20000000\r\n");
	while (got < (size_t)HUGE_BLOCKS * HUGE_BLOCK) {
		size_t left = (size_t)HUGE_BLOCKS * HUGE_BLOCK - got;
		ssize_t n = read(fd, body, left < sizeof body ? left : sizeof body);
		cr_assert_gt(n, 0, "the body ended after %zu", got);
		got += (size_t)n;
	}
	cr_expect_eq(client_answer(fd, head, sizeof head, body, sizeof body), 200);
	cr_expect_str_eq(body, "0123456789");
	close(fd);
	test_server_stop(&server);
}

Test(respond, who_takes_nothing_of_a_large_body_is_closed) {
	start("limits: {stalled_viewer: 1s}");
	int fd = client_connect(&server);
	client_send(fd, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(fd, head, sizeof head, "\r\n\r\n");
	struct timespec pause = {.tv_nsec = 10000000};
	for (int i = 0; i < WAIT_MAX_MS / 10 && metric_value(M_CONNECTIONS_HTTP) > 0; i++)
		nanosleep(&pause, NULL);
	cr_expect_eq(metric_value(M_CONNECTIONS_HTTP), 0);
	close(fd);
	test_server_stop(&server);
}

Test(respond, a_growing_body_is_framed_as_it_comes) {
	start("");
	cr_expect_eq(ask("GET", "/growing", ""), 200);
	expect_line("Transfer-Encoding: chunked\r\n");
	cr_expect_str_eq(body, "6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n");
	test_server_stop(&server);
}

/* The stream may be one without an end: what comes meanwhile is not kept. The client sees the end, and asks again. */
Test(respond, a_request_behind_a_body_that_grows_ends_the_connection) {
	static const char request[] = "GET /growing HTTP/1.1\r\nHost: x\r\n\r\n";
	char all[2000];
	start("");
	int fd = client_connect(&server);
	client_send(fd, request);
	client_read(fd, all, sizeof all, "\r\n\r\n");
	cr_expect_null(strstr(all, "Connection: close"));
	client_read(fd, all, sizeof all, "0\r\n\r\n");
	client_send(fd, "GET /growing HTTP/1.1\r\nHost: x\r\n\r\nGET /growing HTTP/1.1\r\nHost: x\r\n\r\n");
	client_read(fd, all, sizeof all, NULL);
	const char *first = strstr(all, "HTTP/1.1 200");
	cr_assert_not_null(first);
	cr_expect_null(strstr(first + 1, "HTTP/1.1 200"), "%s", all);
	cr_expect_not_null(strstr(all, "0\r\n\r\n"), "the first is whole: %s", all);
	close(fd);
	test_server_stop(&server);
}

Test(respond, handlers_see_the_requests_fields) {
	start("");
	cr_expect_eq(ask("GET", "/echo/a?b=c", "User-Agent: test/1\r\nX-Forwarded-For: 192.0.2.1\r\n"), 200);
	cr_expect(strstr(body, "path=/echo/a query=b=c host=edge agent=test/1 from=127.0.0.1:"), "%s", body);
	test_server_stop(&server);
}

Test(respond, addresses_that_trusted_proxies_added_are_believed) {
	start("http: {trusted_proxies: 2}");
	cr_expect_eq(ask("GET", "/echo/a", "X-Forwarded-For: 1.1.1.1, 192.0.2.1\r\nX-Forwarded-For: 10.0.0.1\r\n"), 200);
	cr_expect(strstr(body, "from=192.0.2.1"), "%s", body);
	cr_expect_eq(ask("GET", "/echo/a", "X-Forwarded-For: 192.0.2.7\r\n"), 200);
	cr_expect(strstr(body, "from=192.0.2.7"), "%s", body);
	cr_expect_eq(ask("GET", "/echo/a", "X-Forwarded-For: 192.0.2.\xff\x80\r\n"), 200);
	cr_expect(strstr(body, "from=192.0.2.??"), "what the API shows is text: %s", body);
	cr_expect_eq(ask("GET", "/echo/a", ""), 200);
	cr_expect(strstr(body, "from=127.0.0.1:"), "%s", body);
	test_server_stop(&server);
}
