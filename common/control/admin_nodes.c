#include "common/control/admin.h"

#include <stdio.h>
#include <string.h>

static void set_text(json_t *o, const char *key, const char *text) {
	json_t *j = json_string(text);
	json_object_set_new(o, key, j ? j : json_null()); /* not UTF-8 */
}

static bool says(const json_t *o, const char *key, const char *text) {
	const char *own = json_string_value(json_object_get(o, key));
	return own && *text && strcmp(own, text) == 0;
}

/* The objects by their node's id; one that was never reached has none yet, but the address that the map gave. */
static json_t *index_of(const json_t *array) {
	json_t *index = json_object(), *o;
	size_t i;
	json_array_foreach(array, i, o) {
		const char *id = json_string_value(json_object_get(o, "id"));
		const char *key = id && *id ? id : json_string_value(json_object_get(o, "address"));
		if (key && !json_object_get(index, key))
			json_object_set(index, key, o);
	}
	return index;
}

struct map_walk {
	json_t *array, *index;
};

static json_t *find(const struct map_walk *w, const struct registry_node *n) {
	json_t *o = json_object_get(w->index, n->id);
	if (o)
		return o;
	o = json_object_get(w->index, n->address);
	return o && !*json_string_value(json_object_get(o, "id")) ? o : NULL;
}

static void add(void *context, const struct registry_node *n) {
	const struct map_walk *w = context;
	json_t *array = w->array, *o = find(w, n);
	char incarnation[24];
	snprintf(incarnation, sizeof incarnation, "%llu", (unsigned long long)n->incarnation);
	if (!o) {
		admin_add_node(array, n->id, n->role, n->address, "up", NULL);
		o = json_array_get(array, json_array_size(array) - 1);
	}
	set_text(o, "id", n->id);
	if (n->state == REGISTRY_NODE_DRAINING && says(o, "state", "up"))
		set_text(o, "state", "draining");
	json_object_set_new(o, "listed", json_true());
	set_text(o, "http_address", n->http_address);
	set_text(o, "region", n->region);
	set_text(o, "zone", n->zone);
	set_text(o, "version", n->version);
	set_text(o, "incarnation", incarnation);
	json_object_set_new(o, "capacity", json_integer((json_int_t)n->capacity));
	json_object_set_new(o, "load",
	                    json_pack("{s:I, s:I}", "busy_permille", (json_int_t)n->load.busy_permille, "sent_bits",
	                              (json_int_t)n->load.sent_bits));
}

/* This node knows better than the map whether it drains. */
static void correct_self(json_t *array, const struct registry_shared *self) {
	size_t i;
	json_t *o;
	json_array_foreach(array, i, o) {
		if (says(o, "id", self->node))
			set_text(o, "state", atomic_load(&self->draining) ? "draining" : "up");
	}
}

void admin_add_map(json_t *array, const struct registry *r) {
	struct map_walk w = {array, index_of(array)};
	registry_each_node(r, add, &w);
	json_decref(w.index);
	correct_self(array, registry_shared_of(r));
}
