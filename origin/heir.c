#include "origin/heir.h"

#include "common/base/logger.h"
#include "origin/ingest.h"
#include "origin/origin.h"
#include "origin/slate_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	TICK_MS = 100,
	AGAIN_MS = 500, /* the map may hear of a death later than we do */
	TURN_MS = 1000, /* between the turns of two origins */
	TURNS_MAX = 5,  /* so that the last one's silence is not longer than the map remembers a node */
};

/* A stream of another origin. */
struct heir {
	struct stream_name name;
	uint64_t epoch;
	char node[RELAY_NODE_SIZE]; /* its origin, */
	uint64_t incarnation;       /* and which process of it; 0: its link has not been up since it was heard of */
	struct list node_suspect;   /* linked: that one may be dead */
	uint64_t suspected_ms, try_ms;
	UT_hash_handle hh;
};

static struct worker *worker_of(const struct heirs *h) {
	return h->origin->base.worker;
}

static const struct config_app *app_of(const struct heirs *h, const struct stream_name *name) {
	return config_app(h->origin->base.node->config, name->text, stream_name_app_size(name));
}

static void heir_free(struct heirs *h, struct heir *e) {
	list_remove(&e->node_suspect);
	HASH_DEL(h->table, e);
	free(e);
}

static struct heir *find(const struct heirs *h, const struct stream_name *name) {
	struct heir *e;
	HASH_FIND(hh, h->table, name->text, strlen(name->text), e);
	return e;
}

void heirs_forget(struct heirs *h, const struct stream_name *name, uint64_t epoch) {
	struct heir *e = find(h, name);
	if (e && e->epoch <= epoch)
		heir_free(h, e);
}

/* --- whose turn it is --- */

static uint64_t weight(const struct stream_name *name, const char *node) {
	char text[STREAM_NAME_SIZE + RELAY_NODE_SIZE + 1];
	int size = snprintf(text, sizeof text, "%s %s", name->text, node);
	return name_hash(text, (size_t)size);
}

/* Origins that are there and come before this one. Whoever holds a copy comes first: its viewers miss nothing. */
static unsigned turn_of(const struct heirs *h, const struct stream_name *name) {
	const struct stream *s = streams_find(worker_of(h), name);
	uint64_t own = weight(name, h->origin->base.node->relay.id);
	unsigned before = app_of(h, name)->stream_replicas > 0;
	if (s && s->replica)
		return 0;
	list_each (node, &h->origin->peers.known) {
		const struct peer *peer = list_entry(node, struct peer, node);
		before += peer_up(peer) && !peer->draining && weight(name, peer->id) > own;
	}
	return before < TURNS_MAX ? before : TURNS_MAX;
}

/* --- suspicion --- */

static uint64_t incarnation_of(const struct peer *peer) {
	return peer && peer_up(peer) && peer->upstream->link ? peer->upstream->link->peer_incarnation : 0;
}

static void keep_time(struct heirs *h) {
	if (!list_empty(&h->suspects) && !timer_running(&h->timer) && timer_start(&h->timer, TICK_MS))
		log_error("streams of a dead origin are not taken on: out of memory");
}

static void judge(struct heirs *h, struct heir *e) {
	uint64_t now = worker_now_ms(worker_of(h));
	uint64_t incarnation = incarnation_of(peers_find(&h->origin->peers, e->node));
	if (!e->incarnation)
		e->incarnation = incarnation;
	if (incarnation && incarnation == e->incarnation) {
		list_remove(&e->node_suspect);
	} else if (list_empty(&e->node_suspect)) {
		e->suspected_ms = now;
		e->try_ms = now + (uint64_t)app_of(h, &e->name)->stream_slate_after;
		list_append(&h->suspects, &e->node_suspect);
	}
}

static void on_change(struct peer_watch *watch) {
	struct heirs *h = list_entry(watch, struct heirs, watch);
	struct heir *e, *next;
	HASH_ITER(hh, h->table, e, next) {
		judge(h, e);
	}
	keep_time(h);
}

static void try_to_take(struct heirs *h, struct heir *e) {
	uint64_t now = worker_now_ms(worker_of(h));
	int64_t dead_ms = config_node(h->origin->base.node->config)->relay_dead_after;
	unsigned turn = turn_of(h, &e->name);
	if (now - e->suspected_ms > (uint64_t)app_of(h, &e->name)->stream_grace + (uint64_t)dead_ms) {
		heir_free(h, e); /* the run is over */
		return;
	}
	e->try_ms = now + AGAIN_MS;
	bool draining = atomic_load(&h->origin->base.node->registry.draining);
	if (!draining && now - e->suspected_ms >= (uint64_t)turn * TURN_MS)
		ingest_fill(worker_of(h), &e->name, e->epoch, dead_ms + (int64_t)turn * TURN_MS);
}

static void on_timer(struct timer *t) {
	struct heirs *h = list_entry(t, struct heirs, timer);
	uint64_t now = worker_now_ms(worker_of(h));
	list_each (node, &h->suspects) {
		struct heir *e = list_entry(node, struct heir, node_suspect);
		if (now >= e->try_ms)
			try_to_take(h, e);
	}
	keep_time(h);
}

/* --- what is heard --- */

/* Without memory nobody takes it on here. */
static struct heir *add(struct heirs *h, const struct stream_name *name) {
	if (HASH_COUNT(h->table) >= (size_t)config_node(h->origin->base.node->config)->limits_streams)
		heir_free(h, h->table);
	struct heir *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	e->name = *name;
	list_init(&e->node_suspect);
	HASH_ADD_KEYPTR(hh, h->table, e->name.text, strlen(e->name.text), e);
	if (HASH_ADDED(hh, e))
		return e;
	free(e);
	return NULL;
}

void heirs_heard(struct heirs *h, const struct stream_name *name, uint64_t epoch, const char *node) {
	if (!h->origin || !*app_of(h, name)->stream_slate)
		return;
	struct heir *e = find(h, name);
	if (!e)
		e = add(h, name);
	if (!e || epoch < e->epoch)
		return;
	e->epoch = epoch;
	snprintf(e->node, sizeof e->node, "%s", node);
	e->incarnation = 0;
	list_remove(&e->node_suspect);
	judge(h, e); /* it may be gone by now */
	keep_time(h);
}

/* --- life --- */

void heirs_init(struct heirs *h, struct origin *o) {
	*h = (struct heirs){0};
	list_init(&h->suspects);
	list_init(&h->watch.node);
	if (!o->base.node->shared || config_node(o->base.node->config)->registry_backend != CONFIG_BACKEND_REDIS)
		return;
	h->origin = o;
	timer_init(&h->timer, o->base.worker, on_timer);
	peer_watch_begin(&h->watch, &o->peers, on_change);
	peers_open(&o->peers);
}

void heirs_stop(struct heirs *h) {
	if (!h->origin)
		return;
	timer_stop(&h->timer);
	peer_watch_end(&h->watch);
	while (h->table)
		heir_free(h, h->table);
}
