/*
 * origin.h: an origin's worker: what node.h gives every worker, the registry's handle, its links to other origins, and
 * what it knows of their streams.
 */
#pragma once

#include "common/control/node.h"
#include "origin/heir.h"
#include "origin/peers.h"

struct origin {
	struct node_worker base; /* first: the node knows this struct by it */
	struct registry *registry;
	struct peers peers;
	struct heirs heirs;
	struct replica *replicas; /* held here, a hash by name (replica.h) */
};

static inline struct origin *origin_of(struct worker *w) {
	return (struct origin *)node_worker_of(w);
}
