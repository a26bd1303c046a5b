#include "edge/forward.h"
#include "edge/edge.h"
#include "edge/upstream.h"

#include "common/base/logger.h"
#include "common/relay/push.h"
#include "common/stream/stream.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct forward {
	struct intake *intake;
	struct edge *edge;
	struct push push;
};

static struct forward *forward_of(struct push *p) {
	return list_entry(p, struct forward, push);
}

static void on_accepted(struct push *p, uint64_t epoch) {
	struct forward *f = forward_of(p);
	registry_note_epoch(&f->edge->base.node->registry, epoch);
	log_info("publish is passed on", log_str("stream", f->intake->request.name.text), log_u64("epoch", epoch),
	         log_str("session", f->intake->request.session), log_str("origin", p->upstream->peer));
	intake_accept(f->intake, epoch);
}

static void on_over(struct push *p, enum publish_refusal refusal, const char *why) {
	struct intake *i = forward_of(p)->intake;
	if (i->accepted)
		intake_stop(i, refusal, why);
	else
		intake_refuse(i, refusal, why);
}

static const struct push_ops push_ops = {.on_accepted = on_accepted, .on_over = on_over};

static bool is_draining(const struct edge *e, const struct upstream *u) {
	const struct registry_node *n = registry_node_at(e->registry, u->address);
	return n && n->state == REGISTRY_NODE_DRAINING;
}

/* By rendezvous hashing, so that each edge chooses alike. One that drains is the
 * last choice. */
static struct upstream *choose(struct edge *e, const struct stream_name *name) {
	struct upstream *best = NULL;
	uint64_t most = 0;
	bool best_drains = false;
	list_each (node, &e->pool.upstreams) {
		struct upstream *u = list_entry(node, struct upstream, node);
		uint64_t weight = name_weight(u->address, name->text);
		bool drains = is_draining(e, u);
		if (u->up && (!best || drains < best_drains || (drains == best_drains && weight > most))) {
			best = u;
			best_drains = drains;
			most = weight;
		}
	}
	return best;
}

static void on_located(void *context, const struct registry_location *l) {
	struct forward *f = context;
	struct upstream *u = l->found ? upstream_located(f->edge, l) : NULL;
	if (!u || !u->up) /* nobody has it, or its origin is gone */
		u = choose(f->edge, &f->intake->request.name);
	if (!u || !u->up)
		intake_refuse(f->intake, PUBLISH_UNAVAILABLE, "no origin can be reached");
	else if (push_begin(&f->push, u, &f->intake->request, &push_ops))
		intake_refuse(f->intake, PUBLISH_UNAVAILABLE, "out of memory");
}

void forward_publish(struct intake *i) {
	struct forward *f = calloc(1, sizeof *f);
	if (!f) {
		intake_refuse(i, PUBLISH_UNAVAILABLE, "out of memory");
		return;
	}
	f->intake = i;
	f->edge = edge_of(streams_worker(i->streams));
	i->role = f;
	registry_locate(f->edge->registry, &i->request.name, on_located, f);
}

void forward_samples(struct intake *i, const struct sample *samples, size_t count) {
	struct forward *f = i->role;
	if (f)
		push_samples(&f->push, samples, count);
}

void forward_unpublish(struct intake *i) {
	struct forward *f = i->role;
	i->role = NULL;
	if (!f)
		return;
	registry_forget(f->edge->registry, f);
	push_end(&f->push);
	free(f);
}
