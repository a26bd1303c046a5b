/*
 * handlers.h: what the tests' servers answer with blocks, the same over every version of HTTP.
 */
#pragma once

#include "tests/unit/common/http/client.h"

/* "0123456789" in three runs of two blocks. */
static inline void handle_blocks(struct http_exchange *x) {
	struct bytes *a = bytes_copy("0123", 4), *b = bytes_copy("456789", 6);
	const struct conn_slice slices[] = {{a->data, 4, a}, {b->data, 1, b}, {b->data + 1, 5, b}};
	const struct http_response r = {.status = 200,
	                                .content_type = "video/mp4",
	                                .headers = HTTP_CACHE_FOREVER,
	                                .etag = "\"v1\"",
	                                .ranges = true,
	                                .slices = slices,
	                                .count = 3};
	http_respond_blocks(x, &r);
	bytes_unref(&a);
	bytes_unref(&b);
}

enum { PLAYLIST_SIZE = 3000 };

/* A text that compresses well. */
static inline void handle_text(struct http_exchange *x) {
	struct bytes *b = bytes_new(PLAYLIST_SIZE);
	memset(b->data, '#', b->size);
	const struct conn_slice slice = {b->data, b->size, b};
	const struct http_response r = {.status = 200,
	                                .content_type = "application/vnd.apple.mpegurl",
	                                .headers = "Cache-Control: max-age=1\r\n",
	                                .etag = "\"t1\"",
	                                .compressible = true,
	                                .slices = &slice,
	                                .count = 1};
	http_respond_blocks(x, &r);
	bytes_unref(&b);
}

enum { HUGE_BLOCKS = 200, HUGE_BLOCK = 100000 };

/* 20 MB by reference to one block: more than a connection queues. */
static inline void handle_huge(struct http_exchange *x) {
	static struct conn_slice slices[HUGE_BLOCKS];
	struct bytes *b = bytes_new(HUGE_BLOCK);
	memset(b->data, 'x', b->size);
	for (size_t i = 0; i < HUGE_BLOCKS; i++)
		slices[i] = (struct conn_slice){b->data, b->size, b};
	const struct http_response r = {.status = 200, .content_type = "video/mp4", .slices = slices, .count = HUGE_BLOCKS};
	http_respond_blocks(x, &r);
	bytes_unref(&b);
}

/* Three writes of which one is empty, then the end, each in a turn of its own. */
static inline void grow_more(struct worker *w, void *context) {
	struct http_exchange *x = context;
	intptr_t step = (intptr_t)x->handler;
	struct bytes *b = bytes_copy("abcdef", 6);
	const struct conn_slice slices[] = {{b->data, 2, b}, {b->data + 2, 4, b}};
	x->handler = (void *)(step + 1);
	if (step == 3)
		http_stream_end(x);
	else
		cr_expect_eq(http_stream_write(x, slices, step == 1 ? 0 : 2), 0);
	bytes_unref(&b);
	if (step < 3)
		call_on(w, grow_more, x);
}

static inline void handle_growing(struct http_exchange *x) {
	if (http_stream_begin(x, 200, "video/mp4", HTTP_CACHE_NEVER))
		call_on(x->worker, grow_more, x);
}

/* What the request said of itself. */
static inline void handle_echo(struct http_exchange *x) {
	struct buffer b;
	char address[ADDRESS_TEXT_MAX];
	const char *agent = http_field(x, HTTP_FIELD_USER_AGENT), *host = http_field(x, HTTP_FIELD_HOST);
	http_client_address(x, address);
	buffer_init(&b, 0);
	buffer_printf(&b, "path=%s query=%s host=%s agent=%s from=%s%s", x->path, x->query, host ? host : "none",
	              agent ? agent : "none", address, x->secure ? " secure" : "");
	http_respond(x, 200, "text/plain", NULL, buffer_take(&b));
}

static const struct http_route block_routes[] = {
    {HTTP_GET_METHOD, "/blocks", handle_blocks},   {HTTP_GET_METHOD, "/text", handle_text},
    {HTTP_GET_METHOD, "/huge", handle_huge},       {HTTP_GET_METHOD, "/growing", handle_growing},
    {HTTP_GET_METHOD, "/echo/{any}", handle_echo},
};

enum { BLOCK_ROUTES = sizeof block_routes / sizeof *block_routes };
