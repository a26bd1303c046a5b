#include "edge/page.h"
#include "edge/edge.h"

#include "common/base/clock.h"
#include "common/base/logger.h"
#include "common/base/name.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

/* Nothing of another host, no script or style within the pages; pictures come out of a media source. */
#define PAGE_HEADERS(more)                                                                                             \
	"Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"                   \
	"Content-Security-Policy: default-src 'self'; " more                                                               \
	"media-src 'self' blob:; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'\r\n"

static const char page_headers[] = PAGE_HEADERS("");
/* Where players are steered to other edges, those are asked too. */
static const char steered_headers[] = PAGE_HEADERS("connect-src http: https:; ");

/* --- the files --- */

static int find_folder(const struct config *config, char *out, size_t size) {
	const char *configured = config_node(config)->player_dir;
	char program[4096];
	size_t length = sizeof program;
	if (*configured)
		return snprintf(out, size, "%s", configured) < (int)size ? 0 : UV_ENAMETOOLONG;
	int err = uv_exepath(program, &length);
	if (err)
		return err;
	for (int levels = 0; levels < 2; levels++) { /* PREFIX/bin/weir-edge */
		char *slash = strrchr(program, '/');
		if (!slash)
			return UV_ENOENT;
		*slash = '\0';
	}
	return snprintf(out, size, "%s/share/weir/player", program) < (int)size ? 0 : UV_ENAMETOOLONG;
}

struct assets *page_read(const struct config *config) {
	char folder[4096] = "";
	struct assets *a = NULL;
	int err = find_folder(config, folder, sizeof folder);
	if (!err)
		err = assets_read(&a, folder);
	if (!err && !(assets_find(a, "index.html") && assets_find(a, "list.html"))) {
		assets_free(&a);
		err = UV_ENOENT;
	}
	if (err)
		log_warn("the page to watch is not served: its files cannot be read; see player.dir", log_str("folder", folder),
		         log_err(err));
	else
		log_info("the page to watch is served", log_str("folder", folder), log_u64("files", a->count));
	return a;
}

/* --- answers --- */

static void serve(struct http_exchange *x, const char *name, const char *headers) {
	const struct edge *e = x->server->owner;
	const struct assets *all = e->base.node->shared;
	const struct asset *a = all ? assets_find(all, name) : NULL;
	if (!a) {
		http_respond_error(x, 404, all ? "not_found" : "page_missing",
		                   all ? "there is no such file"
		                       : "the files of the page to watch are not where this edge looks for them: build them "
		                         "(deploy/quickstart --build-only) or set player.dir");
		return;
	}
	const struct conn_slice whole = {a->plain->data, a->plain->size, a->plain};
	http_respond_blocks(x, &(struct http_response){.status = 200,
	                                               .content_type = a->content_type,
	                                               .headers = headers,
	                                               .etag = a->etag,
	                                               .compressible = true,
	                                               .gzip = a->gzip,
	                                               .slices = &whole,
	                                               .count = 1});
}

static void serve_list(struct http_exchange *x) {
	serve(x, "list.html", page_headers);
}

static void serve_file(struct http_exchange *x) {
	serve(x, x->params[0], page_headers);
}

static bool is_stream(const struct http_exchange *x) {
	struct stream_name name;
	return stream_name_make(&name, x->params[0], strlen(x->params[0]), x->params[1], strlen(x->params[1])) == 0;
}

static bool is_steered(const struct http_exchange *x) {
	const struct edge *e = x->server->owner;
	return config_app(e->base.node->config, x->params[0], strlen(x->params[0]))->edge_steering;
}

static void serve_player(struct http_exchange *x) {
	if (is_stream(x))
		serve(x, "index.html", is_steered(x) ? steered_headers : page_headers);
	else
		http_respond_error(x, 404, "not_found", "that is no name of a stream");
}

/* Who types an address leaves the slash away. Others, who ask for no page, are told that there is nothing. */
static void lead_to_player(struct http_exchange *x) {
	const char *accepts = http_field(x, HTTP_FIELD_ACCEPT);
	struct buffer headers;
	if (!accepts || !strstr(accepts, "text/html") || !is_stream(x)) {
		http_respond_error(x, 404, "not_found", "nothing is at this path");
		return;
	}
	buffer_init(&headers, 0);
	buffer_printf(&headers, "Cache-Control: no-cache\r\nVary: Accept\r\nLocation: ./%s/%s%s\r\n", x->params[1],
	              *x->query ? "?" : "", x->query);
	buffer_u8(&headers, '\0');
	if (buffer_error(&headers))
		http_respond_error(x, 503, "out_of_memory", "out of memory");
	else
		http_respond(x, 308, NULL, (const char *)headers.block->data, NULL);
	buffer_fini(&headers);
}

/* The clock that programme time is told by. Without a line's end: DASH players read the whole body as a time. */
static void tell_time(struct http_exchange *x) {
	char text[64];
	int64_t now = clock_wall_us();
	time_t seconds = (time_t)(now / 1000000);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm)) {
		http_respond_error(x, 503, "unavailable", "the time is not known");
		return;
	}
	size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	size += (size_t)snprintf(text + size, sizeof text - size, ".%03dZ", (int)(now / 1000 % 1000));
	http_respond(x, 200, "text/plain", HTTP_CACHE_NEVER, bytes_copy(text, size));
}

static const struct http_route routes[] = {{HTTP_GET_METHOD, "/", serve_list},
                                           {HTTP_GET_METHOD, "/time", tell_time},
                                           {HTTP_GET_METHOD, "/player/{file}", serve_file},
                                           {HTTP_GET_METHOD, "/{app}/{name}/", serve_player},
                                           {HTTP_GET_METHOD, "/{app}/{name}", lead_to_player}};

void page_add_routes(struct http_server *s) {
	http_server_add(s, routes, sizeof routes / sizeof *routes);
}
