#include "origin/peers.h"

#include "common/base/logger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const struct config_node *config_of(const struct peers *p) {
	return config_node(p->pool.self->config);
}

static bool by_map(const struct peers *p) {
	return config_of(p)->registry_backend == CONFIG_BACKEND_REDIS;
}

bool peer_up(const struct peer *peer) {
	return peer->upstream && peer->upstream->up;
}

bool peer_unusable(const struct peer *peer) {
	const struct upstream *u = peer->upstream;
	return u && (u->is_self || (u->told && !u->up));
}

static void changed(struct peers *p) {
	if (!p->pool.stopping && !list_empty(&p->watches))
		worker_at_turn_end(p->pool.worker, &p->tell);
}

/* Watches may end, and others begin, while they are told. */
static void on_tell(struct turn_task *task) {
	struct peers *p = list_entry(task, struct peers, tell);
	struct list left;
	list_init(&left);
	list_splice(&left, &p->watches);
	while (!list_empty(&left)) {
		struct peer_watch *w = list_entry(left.next, struct peer_watch, node);
		list_remove(&w->node);
		list_append(&p->watches, &w->node);
		w->on_change(w);
	}
}

/* --- who is known --- */

struct peer *peers_find(struct peers *p, const char *id) {
	list_each (node, &p->known) {
		struct peer *peer = list_entry(node, struct peer, node);
		if (*peer->id && strcmp(peer->id, id) == 0)
			return peer;
	}
	return NULL;
}

static struct peer *find_address(struct peers *p, const char *address) {
	list_each (node, &p->known) {
		struct peer *peer = list_entry(node, struct peer, node);
		if (strcmp(peer->address, address) == 0)
			return peer;
	}
	return NULL;
}

static struct peer *find_upstream(struct peers *p, const struct upstream *u) {
	list_each (node, &p->known) {
		struct peer *peer = list_entry(node, struct peer, node);
		if (peer->upstream == u)
			return peer;
	}
	return NULL;
}

static struct peer *add_peer(struct peers *p, const char *id, const char *address) {
	struct peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return NULL;
	snprintf(peer->id, sizeof peer->id, "%s", id);
	snprintf(peer->address, sizeof peer->address, "%s", address);
	list_init(&peer->links);
	list_append(&p->known, &peer->node);
	return peer;
}

static void peer_free(struct peer *peer) {
	list_remove(&peer->node);
	free(peer);
}

static void need(struct peers *p, struct peer *peer) {
	if (peer->upstream)
		return;
	peer->upstream = link_pool_get(&p->pool, peer->address);
	if (!peer->upstream && !p->pool.stopping)
		log_error("another origin cannot be linked: out of memory, or no address", log_str("to", peer->address));
}

/* --- who needs a link --- */

static void link_up(struct peer_link *l, struct upstream *u) {
	l->upstream = u;
	l->ops->on_up(l);
}

static bool is_meant(const struct peer_link *l, const struct peer *peer) {
	return *l->id ? strcmp(l->id, peer->id) == 0 : strcmp(l->address, peer->address) == 0;
}

/* Those who wait for that origin have found it. */
static void gather_waiting(struct peers *p, struct peer *peer) {
	list_each (node, &p->waiting) {
		struct peer_link *l = list_entry(node, struct peer_link, node);
		if (!is_meant(l, peer))
			continue;
		list_remove(node);
		list_append(&peer->links, node);
	}
}

/* Callbacks may open and close links, and lose this one again. */
static void tell_up(struct peer *peer) {
	struct list left;
	list_init(&left);
	list_splice(&left, &peer->links);
	while (!list_empty(&left)) {
		struct peer_link *l = list_entry(left.next, struct peer_link, node);
		list_remove(&l->node);
		list_append(&peer->links, &l->node);
		if (peer_up(peer) && !l->upstream)
			link_up(l, peer->upstream);
	}
}

static void tell_down(struct peer *peer) {
	struct list left;
	list_init(&left);
	list_splice(&left, &peer->links);
	while (!list_empty(&left)) {
		struct peer_link *l = list_entry(left.next, struct peer_link, node);
		bool was_up = l->upstream != NULL;
		list_remove(&l->node);
		list_append(&peer->links, &l->node);
		l->upstream = NULL;
		if (was_up)
			l->ops->on_down(l);
	}
}

void peer_link_open(struct peer_link *l, struct peers *p, const char *id, const char *address,
                    const struct peer_link_ops *ops) {
	*l = (struct peer_link){.peers = p, .ops = ops};
	snprintf(l->id, sizeof l->id, "%s", id ? id : "");
	snprintf(l->address, sizeof l->address, "%s", id ? "" : address);
	list_init(&l->node);
	struct peer *peer = id ? peers_find(p, id) : find_address(p, address);
	if (!peer) {
		list_append(&p->waiting, &l->node);
		if (!by_map(p))
			peers_open(p); /* one of them may be it */
		return;
	}
	list_append(&peer->links, &l->node);
	need(p, peer);
	if (peer_up(peer))
		link_up(l, peer->upstream);
}

/* Of the origin that is meant, if its link is down; else NULL. */
static const struct upstream *find_down(const struct peer_link *l) {
	if (!l->peers)
		return NULL;
	const struct peer *peer = *l->id ? peers_find(l->peers, l->id) : find_address(l->peers, l->address);
	return peer && peer->upstream && !peer->upstream->up ? peer->upstream : NULL;
}

bool peer_link_refused(const struct peer_link *l) {
	const struct upstream *u = find_down(l);
	return u && u->refused;
}

bool peer_link_silent(const struct peer_link *l) {
	const struct upstream *u = find_down(l);
	return u && u->heard_ms &&
	       worker_now_ms(u->pool->worker) - u->heard_ms >= (uint64_t)config_of(l->peers)->relay_dead_after;
}

void peer_link_close(struct peer_link *l) {
	if (!l->peers)
		return;
	list_remove(&l->node);
	l->peers = NULL;
	l->upstream = NULL;
}

void peer_watch_begin(struct peer_watch *watch, struct peers *p, void (*on_change)(struct peer_watch *)) {
	watch->on_change = on_change;
	list_init(&watch->node);
	list_append(&p->watches, &watch->node);
}

void peer_watch_end(struct peer_watch *watch) {
	list_remove(&watch->node);
}

/* --- what the pool says --- */

static struct peers *peers_of(const struct upstream *u) {
	return u->pool->owner;
}

/* With the static registry another origin may have come to an address. */
static void note_id(struct peers *p, struct peer *peer, const char *id) {
	if (strcmp(peer->id, id) == 0)
		return;
	if (by_map(p)) {
		log_warn("the map names an origin otherwise than it does itself", log_str("origin", id),
		         log_str("in_the_map", peer->id), log_str("address", peer->address));
		return;
	}
	list_splice(&p->waiting, &peer->links);
	snprintf(peer->id, sizeof peer->id, "%s", id);
}

static void on_up(struct upstream *u) {
	struct peers *p = peers_of(u);
	struct peer *peer = find_upstream(p, u);
	if (!peer)
		return;
	peer->draining = false; /* else it is told again, over the link or by the map */
	note_id(p, peer, u->peer);
	gather_waiting(p, peer);
	changed(p);
	tell_up(peer);
}

static void on_down(struct upstream *u) {
	struct peers *p = peers_of(u);
	struct peer *peer = find_upstream(p, u);
	if (!peer)
		return;
	changed(p);
	tell_down(peer);
}

static void on_announce(struct upstream *u, const struct stream_name *name, uint64_t epoch) {
	struct peers *p = peers_of(u);
	p->ops->on_announce(p, name, epoch, u->peer);
}

static void on_drain(struct upstream *u) {
	struct peers *p = peers_of(u);
	struct peer *peer = find_upstream(p, u);
	if (!peer)
		return;
	peer->draining = true;
	changed(p);
}

static const struct link_pool_ops pool_ops = {
    .on_up = on_up, .on_down = on_down, .on_drain = on_drain, .on_announce = on_announce};

/* --- what the map says --- */

/* It has moved, or has left the map. A link that is still up stays: the map may be wrong. */
static bool gone(struct peers *p, struct peer *peer) {
	struct upstream *u = peer->upstream;
	if (u && u->link)
		return false;
	list_splice(&p->waiting, &peer->links);
	if (u)
		link_pool_drop(u);
	peer_free(peer);
	changed(p);
	return true;
}

static bool is_other_origin(const struct peers *p, const struct registry_node *n) {
	return strcmp(n->role, "origin") == 0 && strcmp(n->id, p->pool.self->id) != 0;
}

static bool is_listed(const struct peers *p, const struct peer *peer, const struct registry_node *nodes, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (is_other_origin(p, &nodes[i]) && strcmp(nodes[i].id, peer->id) == 0 &&
		    strcmp(nodes[i].address, peer->address) == 0)
			return true;
	return false;
}

static void note_state(struct peers *p, struct peer *peer, const struct registry_node *n) {
	bool draining = n->state == REGISTRY_NODE_DRAINING;
	if (peer->draining == draining && strcmp(peer->zone, n->zone) == 0)
		return;
	peer->draining = draining;
	snprintf(peer->zone, sizeof peer->zone, "%s", n->zone);
	changed(p);
}

/* One that is not known yet, or is elsewhere now. */
static void note_listed(struct peers *p, const struct registry_node *n) {
	struct peer *peer = peers_find(p, n->id);
	if (peer) {
		note_state(p, peer, n);
		return;
	}
	peer = add_peer(p, n->id, n->address);
	if (!peer)
		return; /* told again in a moment */
	note_state(p, peer, n);
	gather_waiting(p, peer);
	if (p->opened || !list_empty(&peer->links))
		need(p, peer);
	changed(p);
	if (peer_up(peer))
		tell_up(peer);
}

void peers_nodes(struct peers *p, const struct registry_node *nodes, size_t count) {
	list_each (node, &p->known) {
		struct peer *peer = list_entry(node, struct peer, node);
		if (!is_listed(p, peer, nodes, count))
			gone(p, peer);
	}
	for (size_t i = 0; i < count; i++)
		if (is_other_origin(p, &nodes[i]))
			note_listed(p, &nodes[i]);
}

void peers_open(struct peers *p) {
	if (p->opened)
		return;
	p->opened = true;
	list_each (node, &p->known)
		need(p, list_entry(node, struct peer, node));
}

/* --- life --- */

/* The listed ones, without those that are plainly this node. */
static int add_configured(struct peers *p) {
	const struct config_node *c = config_of(p);
	for (size_t i = 0; i < c->registry_origins.count; i++) {
		const char *address = c->registry_origins.items[i];
		if (strcmp(address, c->relay_listen) == 0 || strcmp(address, c->relay_advertise) == 0 ||
		    find_address(p, address))
			continue;
		if (!add_peer(p, "", address))
			return UV_ENOMEM;
	}
	return 0;
}

int peers_init(struct peers *p, struct worker *w, const struct relay_node *self, const struct peers_ops *ops,
               void *owner) {
	static const struct config_list none;
	*p = (struct peers){.ops = ops, .owner = owner};
	list_init(&p->known);
	list_init(&p->waiting);
	list_init(&p->watches);
	turn_task_init(&p->tell, on_tell);
	int err = link_pool_init(&p->pool, w, self, &none, &pool_ops, p);
	return err || by_map(p) ? err : add_configured(p);
}

void peers_stop(struct peers *p) {
	if (p->pool.worker)
		link_pool_stop(&p->pool);
}

void peers_fini(struct peers *p) {
	if (!p->pool.worker)
		return;
	list_remove(&p->tell.node);
	list_each (node, &p->known)
		peer_free(list_entry(node, struct peer, node));
	link_pool_fini(&p->pool);
}
