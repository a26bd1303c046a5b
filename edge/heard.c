#include "edge/heard.h"
#include "edge/edge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEARCH_MIN_MS = 1500,   /* between two searches for all names … */
	SEARCH_EACH_MS = 5,     /* … and longer, so much for each name */
	TRUSTED_MS = 5 * 60000, /* a name that was neither heard nor found for so long is not listed before it is found */
	ROOM_SHARE = 8          /* of the table: when less is free, what is over is searched for and leaves */
};

struct heard_name {
	struct edge *edge;
	struct list by_age;
	struct stream_name name;
	uint64_t epoch;
	uint64_t sure_ms; /* when it was last heard or found */
	bool searching;
	UT_hash_handle hh;
};

static void search_all(struct edge *e);

void heard_init(struct heard *h) {
	*h = (struct heard){0};
	list_init(&h->by_age);
}

static uint64_t now_ms(const struct edge *e) {
	return worker_now_ms(e->base.worker);
}

static void heard_remove(struct heard_name *n) {
	struct edge *e = n->edge;
	if (n->searching && e->registry)
		registry_forget(e->registry, &n->name, n);
	HASH_DEL(e->heard.names, n);
	list_remove(&n->by_age);
	free(n);
}

/* It was heard or found just now. */
static void be_sure(struct heard_name *n) {
	n->sure_ms = now_ms(n->edge);
	list_remove(&n->by_age);
	list_append(&n->edge->heard.by_age, &n->by_age);
}

/* Names that are over go before one that may be live has to. */
static void make_room(struct edge *e) {
	struct heard *h = &e->heard;
	size_t most = (size_t)config_node(e->base.node->config)->limits_streams;
	if (HASH_COUNT(h->names) + 1 + most / ROOM_SHARE >= most)
		search_all(e);
	if (HASH_COUNT(h->names) >= most)
		heard_remove(list_entry(h->by_age.next, struct heard_name, by_age));
}

static struct heard_name *heard_add(struct edge *e, const struct stream_name *name) {
	struct heard *h = &e->heard;
	make_room(e);
	struct heard_name *n = calloc(1, sizeof *n);
	if (!n)
		return NULL;
	n->edge = e;
	n->name = *name;
	list_init(&n->by_age);
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
	if (n && epoch <= n->epoch) {
		if (epoch == n->epoch)
			be_sure(n); /* a link is back, or the word came another way */
		return false;
	}
	if (!n)
		n = heard_add(e, name);
	if (n) { /* else it is not listed, but passed on all the same */
		n->epoch = epoch;
		be_sure(n);
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
	be_sure(n);
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
