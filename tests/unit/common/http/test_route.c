#include "common/http/server.h"

#include <criterion/criterion.h>
#include <string.h>
#include <uv.h>

/* Only routes that have a handler: the answers of http_route's own need a connection, see test_server.c. */
static int called;
static char params[HTTP_PARAMS_MAX][64];

static void note(struct http_exchange *x, int which) {
	called = which;
	for (size_t i = 0; i < HTTP_PARAMS_MAX; i++)
		snprintf(params[i], sizeof params[i], "%s", x->params[i] ? x->params[i] : "");
}

static void on_streams(struct http_exchange *x) {
	note(x, 1);
}

static void on_stream(struct http_exchange *x) {
	note(x, 2);
}

static void on_flv(struct http_exchange *x) {
	note(x, 3);
}

static void on_delete(struct http_exchange *x) {
	note(x, 4);
}

static void on_page(struct http_exchange *x) {
	note(x, 5);
}

static const struct http_route routes[] = {
    {HTTP_GET_METHOD, "/api/v1/streams", on_streams}, {HTTP_GET_METHOD, "/api/v1/streams/{app}/{name}", on_stream},
    {HTTP_GET_METHOD, "/{app}/{name}.flv", on_flv},   {HTTP_DELETE_METHOD, "/api/v1/streams/{app}/{name}", on_delete},
    {HTTP_GET_METHOD, "/{app}/{name}/", on_page},
};

static void ask(enum http_verb method, const char *path) {
	static struct http_server server;
	static char text[200];
	struct http_exchange x = {.server = &server, .method = method};
	http_server_init(&server, NULL, NULL, NULL);
	http_server_add(&server, routes, sizeof routes / sizeof *routes);
	snprintf(text, sizeof text, "%s", path);
	called = 0;
	http_route(&server, &x, text);
}

Test(route, finds_the_handler_and_cuts_out_the_params) {
	ask(HTTP_GET_METHOD, "/api/v1/streams");
	cr_expect_eq(called, 1);
	ask(HTTP_GET_METHOD, "/api/v1/streams/live/cam1");
	cr_expect_eq(called, 2);
	cr_expect_str_eq(params[0], "live");
	cr_expect_str_eq(params[1], "cam1");
	ask(HTTP_GET_METHOD, "/live/cam1.flv");
	cr_expect_eq(called, 3);
	cr_expect_str_eq(params[0], "live");
	cr_expect_str_eq(params[1], "cam1");
	ask(HTTP_GET_METHOD, "/live/cam.1.flv.flv");
	cr_expect_eq(called, 3);
	cr_expect_str_eq(params[1], "cam.1.flv");
	ask(HTTP_GET_METHOD, "/live/cam1/");
	cr_expect_eq(called, 5);
	cr_expect_str_eq(params[1], "cam1");
}

Test(route, the_method_chooses_among_routes_of_one_path_and_HEAD_is_a_GET) {
	ask(HTTP_DELETE_METHOD, "/api/v1/streams/live/cam1");
	cr_expect_eq(called, 4);
	ask(HTTP_HEAD_METHOD, "/live/cam1.flv");
	cr_expect_eq(called, 3);
}

Test(route, paths_decode_once) {
	static const char *const cases[][2] = {
	    {"/live/cam1", "/live/cam1"},
	    {"/l%69ve/c%61m%31", "/live/cam1"},
	    {"/a%252fb", "/a%2fb"}, /* what is left is not decoded again */
	    {"/...", "/..."},
	    {"/.a/b.", "/.a/b."},
	    {"//", "//"},
	    {"/", "/"},
	    {"/%7E", "/~"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char path[100];
		snprintf(path, sizeof path, "%s", cases[i][0]);
		cr_expect_eq(http_path_decode(path), 0, "%s", cases[i][0]);
		cr_expect_str_eq(path, cases[i][1]);
	}
}

Test(route, paths_that_could_lead_elsewhere_are_refused) {
	static const char *const paths[] = {"/..",    "/a/../b", "/a/..",  "/.",     "/./a",    "/%2e%2e/a", "/a/%2E",
	                                    "/a%2fb", "/a%2Fb",  "/a%00b", "/a%",    "/a%2",    "/a%zz",     "/a%4",
	                                    "/a%20b", "/a\x7f",  "/a%7f",  "/a\xc3", "/%c3%b6", "/a%0d%0aB"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		char path[100];
		snprintf(path, sizeof path, "%s", paths[i]);
		cr_expect_eq(http_path_decode(path), UV_EINVAL, "%s", paths[i]);
	}
}
