/*
 * node_list.h: the nodes that the map listed, as one counted, immutable thing that all workers of a node share.
 */
#pragma once

#include "common/base/counted.h"
#include "common/registry/registry.h"

struct node_list {
	struct counted counted;
	size_t count;
	struct registry_node items[]; /* their texts follow */
};

/* A copy of these, texts and all. NULL: out of memory. */
struct node_list *node_list_copy(const struct registry_node *nodes, size_t count);

static inline struct node_list *node_list_ref(struct node_list *l) {
	counted_ref(&l->counted);
	return l;
}

/* NULL is fine; *l is NULL after. */
static inline void node_list_unref(struct node_list **l) {
	if (*l)
		counted_unref(&(*l)->counted);
	*l = NULL;
}

/* Gives the list to the registries of all workers of r's node: each keeps a reference and tells its role. */
void node_list_share(struct registry *r, struct node_list *l);
