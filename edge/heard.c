#include "edge/heard.h"
#include "edge/edge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEARCH_MIN_MS = 1500,  /* between two searches for all names … */
	SEARCH_EACH_MS = 5,    /* … and longer, so much for each name */
	TRUSTED_MS = 5 * 60000 /* a name that was neither heard nor found for so long is not listed before it is found */
};

struct heard_name {
	struct edge *edge;
	struct stream_name name;
	uint64_t epoch;
	uint64_t sure_ms; /* when it was last heard or found */
	bool searching;
	UT_hash_handle hh;
};

static uint64_t now_ms(const struct edge *e) {
	return worker_now_ms(e->base.worker);
}

static void heard_remove(struct heard_name *n) {
	struct edge *e = n->edge;
	if (n->searching && e->registry)
		registry_forget(e->registry, &n->name, n);
	HASH_DEL(e->heard.names, n);
	free(n);
}

static struct heard_name *heard_add(struct edge *e, const struct stream_name *name) {
	struct heard *h = &e->heard;
	if (HASH_COUNT(h->names) >= (size_t)config_node(e->base.node->config)->limits_streams)
		heard_remove(h->names);
	struct heard_name *n = calloc(1, sizeof *n);
	if (!n)
		return NULL;
	n->edge = e;
	n->name = *name;
	HASH_ADD_KEYPTR(hh, h->names, n->name.text, strlen(n->name.text), n);
	if (!HASH_ADDED(hh, n)) {
		free(n);
		return NULL;
	}
	return n;
}

bool heard_note(struct edge *e, const struct stream_name *name, uint64_t epoch) {
	struct heard_name *n;
	HASH_FIND(hh, e->heard.names, name->text, strlen(name->text), n);
	if (n && epoch <= n->epoch)
		return false;
	if (!n)
		n = heard_add(e, name);
	if (n) { /* else it is not listed, but passed on all the same */
		n->epoch = epoch;
		n->sure_ms = now_ms(e);
	}
	return true;
}

void heard_greet(struct relay_server *server, struct link *l) {
	const struct edge *e = edge_of(server->worker);
	for (const struct heard_name *n = e->heard.names; n; n = n->hh.next)
		relay_announce(server, l->id, &n->name, n->epoch);
}

/* --- searching --- */

static void on_located(void *context, const struct registry_location *l) {
	struct heard_name *n = context;
	n->searching = false;
	if (!l->found) {
		heard_remove(n);
		return;
	}
	n->sure_ms = now_ms(n->edge);
	if (l->epoch > n->epoch)
		n->epoch = l->epoch;
}

/* Answers may come within the call, and remove the name. */
static void search_all(struct edge *e) {
	struct heard_name *n, *next;
	uint64_t pause = SEARCH_MIN_MS + (uint64_t)HASH_COUNT(e->heard.names) * SEARCH_EACH_MS;
	if (worker_stopping(e->base.worker) || (e->heard.searched_ms && now_ms(e) < e->heard.searched_ms + pause))
		return;
	e->heard.searched_ms = now_ms(e);
	HASH_ITER(hh, e->heard.names, n, next) {
		if (n->searching)
			continue;
		n->searching = true;
		registry_locate(e->registry, &n->name, on_located, n);
	}
}

void heard_list(struct http_exchange *x) {
	struct edge *e = x->server->owner;
	struct buffer b;
	const char *between = "";
	search_all(e);
	buffer_init(&b, 0);
	buffer_append_string(&b, "{\"live\":[");
	for (const struct heard_name *n = e->heard.names; n; n = n->hh.next) {
		if (now_ms(e) > n->sure_ms + TRUSTED_MS)
			continue;
		/* Names need no escapes (name.h). */
		buffer_printf(&b, "%s{\"name\":\"%s\",\"epoch\":\"%" PRIu64 "\"}", between, n->name.text, n->epoch);
		between = ",";
	}
	buffer_append_string(&b, "]}\n");
	struct bytes *body = buffer_take(&b);
	buffer_fini(&b);
	if (body)
		http_respond(x, 200, "application/json", HTTP_CACHE_NEVER, body);
	else
		http_respond_error(x, 503, "out_of_memory", "out of memory");
}

void heard_fini(struct edge *e) {
	while (e->heard.names)
		heard_remove(e->heard.names);
}
