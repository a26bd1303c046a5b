#include "common/http/server.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

void http_server_init(struct http_server *s, struct worker *w, const struct config *config, void *owner) {
	*s = (struct http_server){.worker = w, .config = config, .owner = owner};
	list_init(&s->connections);
}

void http_server_add(struct http_server *s, const struct http_route *routes, size_t count) {
	assert(s->route_count + count <= HTTP_ROUTES_MAX);
	for (size_t i = 0; i < count; i++)
		s->routes[s->route_count++] = &routes[i];
}

/* --- paths --- */

static int hex(char c) {
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static bool is_dots(const char *segment, size_t size) {
	return (size == 1 && segment[0] == '.') || (size == 2 && segment[0] == '.' && segment[1] == '.');
}

int http_path_decode(char *path) {
	char *out = path;
	for (const char *at = path; *at; at++) {
		char c = *at;
		if (c == '%') {
			int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);
			if (low < 0)
				return UV_EINVAL;
			c = (char)(high << 4 | low);
			at += 2;
			if (c == '/' || c == '\0')
				return UV_EINVAL;
		}
		if (c <= ' ' || c >= 0x7f)
			return UV_EINVAL;
		*out++ = c;
	}
	*out = '\0';
	for (const char *at = path; at;) {
		const char *slash = strchr(at, '/');
		if (is_dots(at, slash ? (size_t)(slash - at) : strlen(at)))
			return UV_EINVAL;
		at = slash ? slash + 1 : NULL;
	}
	return 0;
}

/* --- matching --- */

struct match {
	size_t count;
	char *starts[HTTP_PARAMS_MAX], *ends[HTTP_PARAMS_MAX];
};

/* One segment against "{x}", "{x}.flv" or a text. */
static bool match_segment(const char *pattern, size_t pattern_size, char *segment, size_t size, struct match *m) {
	const char *close = pattern_size && *pattern == '{' ? memchr(pattern, '}', pattern_size) : NULL;
	if (!close)
		return pattern_size == size && memcmp(pattern, segment, size) == 0;
	size_t tail = pattern_size - (size_t)(close + 1 - pattern);
	if (size <= tail || memcmp(segment + size - tail, close + 1, tail) != 0 || m->count == HTTP_PARAMS_MAX)
		return false;
	m->starts[m->count] = segment;
	m->ends[m->count++] = segment + size - tail;
	return true;
}

static bool match_path(const char *pattern, char *path, struct match *m) {
	m->count = 0;
	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		size_t np = strcspn(pattern, "/"), n = strcspn(path, "/");
		if (!match_segment(pattern, np, path, n, m))
			return false;
		pattern += np;
		path += n;
	}
	return !*pattern && !*path;
}

static void answer_options(struct http_exchange *x, unsigned methods) {
	char headers[256];
	snprintf(headers, sizeof headers,
	         "Allow: OPTIONS%s%s%s\r\nAccess-Control-Allow-Methods: OPTIONS%s%s%s\r\n"
	         "Access-Control-Allow-Headers: *\r\nAccess-Control-Max-Age: 86400\r\n",
	         methods & HTTP_GET_METHOD ? ", GET, HEAD" : "", methods & HTTP_POST_METHOD ? ", POST" : "",
	         methods & HTTP_DELETE_METHOD ? ", DELETE" : "", methods & HTTP_GET_METHOD ? ", GET, HEAD" : "",
	         methods & HTTP_POST_METHOD ? ", POST" : "", methods & HTTP_DELETE_METHOD ? ", DELETE" : "");
	if (x->method == HTTP_OPTIONS_METHOD) {
		http_respond(x, 204, NULL, headers, NULL);
		return;
	}
	static const char body[] =
	    "{\"error\":{\"code\":\"method_not_allowed\",\"message\":\"this path takes other methods\"}}\n";
	http_respond(x, 405, "application/json", headers, bytes_copy(body, sizeof body - 1));
}

void http_route(struct http_server *s, struct http_exchange *x, char *path) {
	unsigned methods = 0;
	struct match m;
	for (size_t i = 0; i < s->route_count; i++) {
		const struct http_route *r = s->routes[i];
		if (!match_path(r->pattern, path, &m))
			continue;
		unsigned offered = r->methods | (r->methods & HTTP_GET_METHOD ? HTTP_HEAD_METHOD : 0);
		methods |= offered;
		if (!(offered & x->method))
			continue;
		for (size_t k = 0; k < m.count; k++) {
			*m.ends[k] = '\0';
			x->params[k] = m.starts[k];
		}
		r->handler(x);
		return;
	}
	if (methods)
		answer_options(x, methods);
	else
		http_respond_error(x, 404, "not_found", "there is nothing at this path");
}
