#include "common/http/server.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

void http_server_init(struct http_server *s, struct worker *w, const struct config *config, void *owner) {
	*s = (struct http_server){.worker = w, .config = config, .owner = owner};
	list_init(&s->connections);
}

/* A pattern is "/" and segments: texts, "{x}", or "{x}.flv". */
static void cut_up(struct http_pattern *p, const struct http_route *r) {
	size_t params = 0;
	*p = (struct http_pattern){.route = r};
	for (const char *at = r->pattern; *at == '/';) {
		size_t size = strcspn(++at, "/");
		const char *close = *at == '{' ? memchr(at, '}', size) : NULL, *text = close ? close + 1 : at;
		params += close != NULL;
		assert(p->count < HTTP_SEGMENTS_MAX && params <= HTTP_PARAMS_MAX);
		p->segments[p->count].placeholder = close != NULL;
		p->segments[p->count++].text = (struct slice){(const uint8_t *)text, (size_t)(at + size - text)};
		at += size;
	}
}

void http_server_add(struct http_server *s, const struct http_route *routes, size_t count) {
	assert(s->route_count + count <= HTTP_ROUTES_MAX);
	for (size_t i = 0; i < count; i++)
		cut_up(&s->routes[s->route_count++], &routes[i]);
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

/* A request's path, cut up. */
struct path {
	size_t count; /* more than HTTP_SEGMENTS_MAX: no pattern is so long */
	struct {
		char *text;
		size_t size;
	} segments[HTTP_SEGMENTS_MAX];
};

static void split(struct path *p, char *path) {
	p->count = 0;
	for (char *at = path; *at == '/';) {
		char *end = strchrnul(++at, '/');
		if (p->count++ == HTTP_SEGMENTS_MAX)
			return;
		p->segments[p->count - 1].text = at;
		p->segments[p->count - 1].size = (size_t)(end - at);
		at = end;
	}
}

static bool matches(const struct http_pattern *pattern, const struct path *path) {
	if (pattern->count != path->count)
		return false;
	for (size_t i = 0; i < path->count; i++) {
		struct slice want = pattern->segments[i].text;
		size_t size = path->segments[i].size;
		if (pattern->segments[i].placeholder ? size <= want.size : size != want.size)
			return false;
		if (memcmp(path->segments[i].text + size - want.size, want.data, want.size) != 0)
			return false;
	}
	return true;
}

/* The path's segments become the pattern's params, in place. */
static void take_params(struct http_exchange *x, const struct http_pattern *pattern, const struct path *path) {
	size_t count = 0;
	for (size_t i = 0; i < path->count; i++) {
		if (!pattern->segments[i].placeholder)
			continue;
		path->segments[i].text[path->segments[i].size - pattern->segments[i].text.size] = '\0';
		x->params[count++] = path->segments[i].text;
	}
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

void http_route(struct http_server *s, struct http_exchange *x, char *text) {
	unsigned methods = 0;
	struct path path;
	split(&path, text);
	for (size_t i = 0; i < s->route_count; i++) {
		if (!matches(&s->routes[i], &path))
			continue;
		const struct http_route *r = s->routes[i].route;
		unsigned offered = r->methods | (r->methods & HTTP_GET_METHOD ? HTTP_HEAD_METHOD : 0);
		methods |= offered;
		if (!(offered & x->method))
			continue;
		take_params(x, &s->routes[i], &path);
		r->handler(x);
		return;
	}
	if (methods)
		answer_options(x, methods);
	else
		http_respond_error(x, 404, "not_found", "there is nothing at this path");
}
