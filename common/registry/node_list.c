#include "common/registry/node_list.h"
#include "common/registry/registry_parts.h"

#include "common/base/logger.h"

#include <stdlib.h>
#include <string.h>

enum { TEXTS = 7 };

/* --- the list --- */

static void texts_of(struct registry_node *n, const char **out[TEXTS]) {
	const char **all[TEXTS] = {&n->id, &n->role, &n->address, &n->http_address, &n->region, &n->zone, &n->version};
	memcpy(out, all, sizeof all);
}

static size_t texts_size(const struct registry_node *nodes, size_t count) {
	size_t size = 0;
	const char **texts[TEXTS];
	for (size_t i = 0; i < count; i++) {
		struct registry_node n = nodes[i];
		texts_of(&n, texts);
		for (size_t k = 0; k < TEXTS; k++)
			size += strlen(*texts[k]) + 1;
	}
	return size;
}

static void destroy(struct counted *c) {
	free(c);
}

struct node_list *node_list_copy(const struct registry_node *nodes, size_t count) {
	struct node_list *l = malloc(sizeof *l + count * sizeof *nodes + texts_size(nodes, count));
	const char **texts[TEXTS];
	if (!l)
		return NULL;
	counted_init(&l->counted, destroy);
	l->count = count;
	char *at = (char *)(l->items + count);
	for (size_t i = 0; i < count; i++) {
		l->items[i] = nodes[i];
		texts_of(&l->items[i], texts);
		for (size_t k = 0; k < TEXTS; k++) {
			size_t size = strlen(*texts[k]) + 1;
			*texts[k] = memcpy(at, *texts[k], size);
			at += size;
		}
	}
	return l;
}

/* --- on every worker --- */

struct sharing {
	struct message message;
	struct registry_shared *shared;
	struct node_list *list;
};

static void take(struct registry *r, struct node_list *l) {
	node_list_unref(&r->nodes);
	r->nodes = node_list_ref(l);
	if (r->role.nodes)
		r->role.nodes(r->role.context, l->items, l->count);
}

static void deliver(struct worker *w, struct message *message) {
	struct sharing *s = (struct sharing *)message;
	struct registry *r = s->shared->on_worker[w->index];
	if (r)
		take(r, s->list);
	node_list_unref(&s->list);
	free(s);
}

void node_list_share(struct registry *r, struct node_list *l) {
	struct workers *group = r->worker->group;
	for (unsigned i = 0; i < workers_count(group); i++) {
		struct worker *w = workers_at(group, i);
		struct sharing *s = w == r->worker ? NULL : malloc(sizeof *s);
		if (w == r->worker) {
			take(r, l);
		} else if (s) {
			*s = (struct sharing){.message.deliver = deliver, .shared = r->shared, .list = node_list_ref(l)};
			worker_post(w, &s->message);
		} else {
			log_error("a worker was not told of the map's nodes: out of memory", log_u64("worker", i));
		}
	}
}

void registry_each_node(const struct registry *r, registry_node_fn fn, void *context) {
	for (size_t i = 0; r->nodes && i < r->nodes->count; i++)
		fn(context, &r->nodes->items[i]);
}

const struct registry_node *registry_node_at(const struct registry *r, const char *address) {
	for (size_t i = 0; r->nodes && i < r->nodes->count; i++)
		if (strcmp(r->nodes->items[i].address, address) == 0)
			return &r->nodes->items[i];
	return NULL;
}
