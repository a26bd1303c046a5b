/*
 * origin.h: an origin's worker: what node.h gives every worker, and the registry's handle.
 */
#pragma once

#include "common/control/node.h"

struct origin {
	struct node_worker base; /* first: the node knows this struct by it */
	struct registry *registry;
};

static inline struct origin *origin_of(struct worker *w) {
	return (struct origin *)node_worker_of(w);
}
