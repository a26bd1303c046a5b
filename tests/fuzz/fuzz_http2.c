/* HTTP/2: whatever a client sends after (or instead of) its preface, split anywhere, the session stays within its
 * limits, every handler is told once that nobody waits, and nothing is left when it ends. */
#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/http/http2_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { STREAMS_MOST = 8, WAITING_MOST = 64, FRAME_MOST = 20000, WRITES_MOST = 50 };

static struct worker worker;
static struct http_server server;
static struct config *config;
static struct http_exchange *waiting[WAITING_MOST]; /* those that handlers have not answered */
static size_t waiting_count;

/* --- handlers, of every kind --- */

static void forget(struct http_exchange *x) {
	for (size_t i = 0; i < waiting_count; i++)
		if (waiting[i] == x) {
			waiting[i] = waiting[--waiting_count];
			return;
		}
	assert(!"told of an exchange that is over");
}

static void keep(struct http_exchange *x) {
	assert(waiting_count < WAITING_MOST);
	waiting[waiting_count++] = x;
	x->on_gone = forget;
}

static void send_some(struct http_exchange *x) {
	if ((uintptr_t)x->handler == WRITES_MOST)
		return;
	x->handler = (void *)((uintptr_t)x->handler + 1);
	struct bytes *b = bytes_new(5000);
	memset(b->data, 'x', b->size);
	const struct conn_slice slices[] = {{b->data, 10, b}, {b->data, b->size, b}};
	sink_try_writev(http_stream_sink(x), slices, 2);
	bytes_unref(&b);
}

static void handle_stream(struct http_exchange *x) {
	if (!http_stream_begin(x, 200, "video/x-flv", "Cache-Control: no-store\r\n"))
		return;
	x->on_writable = send_some;
	keep(x);
	send_some(x);
}

static void handle_whole(struct http_exchange *x) {
	http_respond(x, 200, "text/plain", NULL, bytes_copy("a whole answer", 14));
}

static const struct http_route routes[] = {
    {HTTP_GET_METHOD | HTTP_POST_METHOD, "/", handle_whole},
    {HTTP_GET_METHOD, "/s", handle_stream},
    {HTTP_GET_METHOD | HTTP_POST_METHOD, "/w", keep},
    {HTTP_GET_METHOD, "/{app}/{name}.flv", handle_stream},
};

static void on_output(struct http2 *h) {
	(void)h; /* it is asked after every piece */
}

/* --- the connection --- */

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	static const char yaml[] = "http: {max_header: 2KiB, max_body: 4KiB, max_streams: 8}";
	struct config_sources from = {.name = "fuzz", .yaml = {(const uint8_t *)yaml, sizeof yaml - 1}};
	struct buffer why;
	(void)argc;
	(void)argv;
	buffer_init(&why, 0);
	clock_init();
	logger_configure(LOG_ERROR, LOG_FORMAT_TEXT, "fuzz", "fuzz");
	int err = config_parse(&config, CONFIG_EDGE, &from, &why);
	assert(!err);
	err = uv_loop_init(&worker.loop);
	assert(!err);
	list_init(&worker.turn_tasks);
	http_server_init(&server, &worker, config, NULL);
	http_server_add(&server, routes, sizeof routes / sizeof *routes);
	return 0;
}

/* What would be sent is looked at and let go. */
static int pull_all(struct http2 *h) {
	int err;
	size_t n;
	do {
		err = http2_session_pull(h);
		n = h->out.size;
		assert(n <= HTTP2_OUT_MARK + FRAME_MOST);
		body_consume(&h->out, n);
	} while (!err && n);
	return err;
}

/* The first byte says how the rest is split. */
static void run(const uint8_t *data, size_t size) {
	struct http2 h = {0};
	const struct http_exchange base = {.server = &server, .worker = &worker, .remote = "fuzz"};
	size_t step = size ? 1 + data[0] : 1;
	int err = http2_session_init(&h, &base, on_output);
	if (!err)
		err = http2_session_feed(&h, (struct slice){(const uint8_t *)http2_preface, HTTP2_PREFACE_SIZE});
	assert(!err);
	for (size_t at = 1; at < size && !err && !http2_session_over(&h); at += step) {
		size_t n = size - at < step ? size - at : step;
		err = http2_session_feed(&h, (struct slice){data + at, n});
		if (pull_all(&h) && !err)
			err = UV_EPROTO;
		assert(waiting_count <= STREAMS_MOST);
		if (waiting_count && n % 3 == 0) { /* now and then one is answered late */
			struct http_exchange *x = waiting[0];
			forget(x);
			if (http2_stream_of(x)->phase == HTTP2_STREAMING)
				http_stream_end(x);
			else
				handle_whole(x);
		}
	}
	http2_session_tick(&h, uv_now(&worker.loop) + (uint64_t)(size % 2) * 3600000);
	pull_all(&h);
	http2_session_abandon(&h);
	assert(waiting_count == 0);
	http2_session_fini(&h);
	assert(h.stream_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	run(data, size);
	return 0;
}
