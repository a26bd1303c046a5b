/*
 * edge.h: an edge's worker: what node.h gives every worker, its links to the origins, the registry's handle, its HTTP
 * viewers.
 */
#pragma once

#include "common/control/node.h"
#include "common/relay/pool.h"
#include "edge/heard.h"
#include "edge/packaging.h"

struct edge {
	struct node_worker base; /* first: the node knows this struct by it */
	struct link_pool pool;
	struct registry *registry;
	struct list stream_viewers;
	struct packagings packagings;
	struct heard heard;
};

static inline struct edge *edge_of(struct worker *w) {
	return (struct edge *)node_worker_of(w);
}
