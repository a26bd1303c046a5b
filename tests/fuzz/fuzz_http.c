/* HTTP/1: a connection's bytes give the same requests and the same refusal however they are split, and no decoded path
 * leads out of where it stands. */
#include "common/http/http1_parser.h"
#include "common/http/server.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = {.head = 4096, .body = 2000};

static void check_path(char *path) {
	char *query = strchr(path, '?');
	if (query)
		*query = '\0';
	assert(path[0] == '/');
	if (http_path_decode(path))
		return;
	assert(!strstr(path, "/../"));
	size_t n = strlen(path);
	assert(n < 3 || strcmp(path + n - 3, "/..") != 0);
	for (const char *at = path; *at; at++)
		assert(*at > ' ' && *at < 0x7f);
}

/* What a connection's bytes led to, as bytes to compare. */
static void note(struct buffer *out, const struct http1_parser *p, enum http1_event event, size_t at) {
	buffer_u8(out, (uint8_t)event);
	buffer_u32(out, (uint32_t)at);
	if (event == HTTP1_REFUSED) {
		buffer_append_string(out, p->problem->code);
	} else if (event == HTTP1_REQUEST) {
		buffer_u32(out, p->request.method);
		buffer_u8(out, p->request.keep_alive);
		buffer_u8(out, p->request.http_1_0);
		buffer_append(out, p->request.target.block->data, p->request.target.size);
	}
}

/* `step` 0: all in one piece. */
static void run(const uint8_t *data, size_t size, size_t step, struct buffer *out) {
	struct http1_parser p;
	enum http1_event event = HTTP1_MORE;
	http1_parser_init(&p, &limits);
	for (size_t at = 0; at < size && event != HTTP1_REFUSED;) {
		size_t n = step && size - at > step ? step : size - at, taken;
		event = http1_parser_feed(&p, (struct slice){data + at, n}, &taken);
		assert(taken <= n && (event != HTTP1_MORE || taken == n));
		at += taken;
		if (event != HTTP1_MORE)
			note(out, &p, event, at);
		if (event == HTTP1_REQUEST) {
			check_path((char *)p.request.target.block->data);
			http1_parser_reset(&p);
		}
	}
	http1_parser_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const size_t steps[] = {0, 1, 7};
	struct buffer results[3];
	for (size_t i = 0; i < 3; i++) {
		buffer_init(&results[i], 0);
		run(data, size, steps[i], &results[i]);
		assert(results[i].size == results[0].size);
		assert(!results[i].size || !memcmp(results[i].block->data, results[0].block->data, results[i].size));
	}
	for (size_t i = 0; i < 3; i++)
		buffer_fini(&results[i]);
	return 0;
}
