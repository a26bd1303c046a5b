#include "edge/pathways.h"
#include "edge/edge.h"

#include "common/base/name.h"

#include <stdio.h>
#include <string.h>

/* Weights of a pathway's place, the smaller the better; the seed decides among equals. */
enum { DRAINING = 4, OTHER_EDGE = 2, OTHER_REGION = 1 };

struct finding {
	const struct edge *edge;
	const char *self, *seed;
	char self_url[PATHWAY_URL_MAX];
	struct steering_pathways *out;
	uint64_t order[STEERING_PATHWAYS_MAX]; /* of out->items */
};

/* Node ids may have characters that playlists have another use for. */
static void write_id(char out[PATHWAY_ID_MAX + 1], const char *node) {
	size_t size = strnlen(node, PATHWAY_ID_MAX);
	for (size_t i = 0; i < size; i++) {
		char one[] = {node[i], '\0'};
		out[i] = pathway_id_valid(one) ? node[i] : '-';
	}
	out[size] = '\0';
}

/* Smaller is more wanted. */
static uint64_t order_of(const struct finding *f, const struct steering_pathway *p, bool other_region) {
	char text[PATHWAY_ID_MAX + 128];
	bool self = strcmp(p->id, f->self) == 0;
	int size = snprintf(text, sizeof text, "%.100s %s", f->seed, p->id);
	uint64_t weight = (p->draining ? DRAINING : 0) + (self ? 0 : OTHER_EDGE) + (other_region ? OTHER_REGION : 0);
	return weight << 60 | name_hash(text, (size_t)size) >> 4;
}

/* Keeps the most wanted, in order. */
static void add(struct finding *f, const struct steering_pathway *p, bool other_region) {
	struct steering_pathways *out = f->out;
	uint64_t order = order_of(f, p, other_region);
	size_t at = out->count;
	while (at && f->order[at - 1] > order)
		at--;
	if (at == STEERING_PATHWAYS_MAX)
		return;
	size_t moved = (out->count < STEERING_PATHWAYS_MAX ? out->count : STEERING_PATHWAYS_MAX - 1) - at;
	memmove(&out->items[at + 1], &out->items[at], moved * sizeof *out->items);
	memmove(&f->order[at + 1], &f->order[at], moved * sizeof *f->order);
	out->items[at] = *p;
	f->order[at] = order;
	out->count += out->count < STEERING_PATHWAYS_MAX;
}

/* --- the configuration's list --- */

struct asked {
	const char *id;
	bool draining;
};

static void note_draining(void *context, const struct registry_node *n) {
	struct asked *a = context;
	char id[PATHWAY_ID_MAX + 1];
	write_id(id, n->id);
	if (strcmp(id, a->id) == 0)
		a->draining |= n->state == REGISTRY_NODE_DRAINING;
}

/* ID=URL, as config_check has seen it. */
static void add_listed(struct finding *f, const char *item) {
	struct steering_pathway p = {0};
	const char *equals = strchr(item, '=');
	snprintf(p.id, sizeof p.id, "%.*s", (int)(equals - item), item);
	snprintf(p.url, sizeof p.url, "%s", equals + 1);
	struct asked a = {.id = p.id};
	registry_each_node(f->edge->registry, note_draining, &a);
	p.draining = a.draining;
	if (strcmp(p.id, f->self) == 0)
		memcpy(f->self_url, p.url, sizeof p.url);
	else
		add(f, &p, false);
}

/* --- the map --- */

static void add_node(void *context, const struct registry_node *n) {
	struct finding *f = context;
	struct steering_pathway p = {.draining = n->state == REGISTRY_NODE_DRAINING};
	write_id(p.id, n->id);
	snprintf(p.url, sizeof p.url, "http://%.*s", PATHWAY_URL_MAX - 8, n->http_address);
	if (strcmp(n->role, "edge") != 0 || !pathway_url_valid(p.url))
		return;
	if (strcmp(p.id, f->self) == 0)
		memcpy(f->self_url, p.url, sizeof p.url);
	else
		add(f, &p, strcmp(n->region, config_node(f->edge->base.node->config)->node_region) != 0);
}

/* --- all of them --- */

void pathways_self(const struct edge *e, char out[PATHWAY_ID_MAX + 1]) {
	write_id(out, e->base.node->relay.id);
}

void pathways_find(const struct edge *e, const char *seed, struct steering_pathways *out) {
	const struct config_list *listed = &config_node(e->base.node->config)->edge_pathways;
	struct steering_pathway self = {.draining = atomic_load(&e->base.node->registry.draining)};
	struct finding f = {.edge = e, .self = self.id, .seed = seed, .out = out};
	out->count = 0;
	pathways_self(e, self.id);
	for (size_t i = 0; i < listed->count; i++)
		add_listed(&f, listed->items[i]);
	if (!listed->count)
		registry_each_node(e->registry, add_node, &f);
	memcpy(self.url, f.self_url, sizeof self.url);
	add(&f, &self, false);
}
