#include "origin/replicas.h"

#include "common/base/logger.h"
#include "common/relay/convert.h"
#include "origin/choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct slot {
	struct peer_link link; /* open: chosen */
	struct replicas *owner;
	char node[RELAY_NODE_SIZE]; /* its id, while it holds */
	bool held;
};

struct replicas {
	struct origin *origin;
	struct stream *stream;
	uint64_t epoch;
	struct peer_watch watch;
	size_t count;
	struct slot slots[REPLICAS_MAX];
};

/* --- telling --- */

static void tell_slot(const struct slot *s, bool hold) {
	Weir__Relay__Replicate h_body = WEIR__RELAY__REPLICATE__INIT;
	if (!s->link.upstream)
		return; /* told when it is linked */
	h_body.stream = s->owner->stream->name.text;
	h_body.epoch = s->owner->epoch;
	h_body.hold = hold;
	RELAY_HEADER(h, replicate, REPLICATE);
	link_send(s->link.upstream->link, &h, (struct slice){0});
}

static void tell_map(struct replicas *r) {
	char ids[REPLICAS_MAX * (RELAY_NODE_SIZE + 1) + 1];
	size_t size = 0;
	ids[0] = '\0';
	for (size_t i = 0; i < r->count; i++)
		if (r->slots[i].held)
			size += (size_t)snprintf(ids + size, sizeof ids - size, "%s\n", r->slots[i].node);
	registry_replicas(r->origin->registry, &r->stream->name, r->epoch, ids);
}

static void set_held(struct slot *s, bool held) {
	if (s->held == held)
		return;
	s->held = held;
	tell_map(s->owner);
}

static void on_up(struct peer_link *l) {
	tell_slot(list_entry(l, struct slot, link), true);
}

static void on_down(struct peer_link *l) {
	set_held(list_entry(l, struct slot, link), false); /* whether there is a better one, on_change finds out */
}

static const struct peer_link_ops link_ops = {.on_up = on_up, .on_down = on_down};

void replicas_told(struct replicas *r, const char *node, uint64_t epoch, bool held, const char *why) {
	if (epoch < r->epoch)
		return; /* before it heard of this one */
	for (size_t i = 0; i < r->count; i++) {
		struct slot *s = &r->slots[i];
		if (!s->link.upstream || strcmp(s->link.upstream->peer, node) != 0)
			continue;
		log_info(held ? "a replica is held" : "a replica is not held", log_str("stream", r->stream->name.text),
		         log_u64("epoch", epoch), log_str("origin", node), log_str("reason", held ? NULL : why));
		snprintf(s->node, sizeof s->node, "%s", node);
		set_held(s, held);
	}
}

/* --- choosing --- */

enum { CANDIDATES_MAX = 64 };

/* The known origins, with what is chosen already as a mask. */
static size_t list_candidates(const struct replicas *r, struct choice_candidate *out, unsigned long long *taken) {
	size_t count = 0;
	*taken = 0;
	list_each (node, &r->origin->peers.known) {
		const struct peer *p = list_entry(node, struct peer, node);
		if (count == CANDIDATES_MAX)
			break;
		for (size_t i = 0; i < r->count; i++)
			if (r->slots[i].link.peers && strcmp(r->slots[i].link.address, p->address) == 0)
				*taken |= 1ULL << count;
		out[count++] = (struct choice_candidate){
		    .address = p->address, .zone = p->zone, .usable = !p->draining && !peer_unusable(p)};
	}
	return count;
}

static bool is_usable(const struct slot *s, const struct choice_candidate *all, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].address, s->link.address) == 0)
			return all[i].usable;
	return false;
}

static void release(struct slot *s) {
	tell_slot(s, false);
	peer_link_close(&s->link);
	set_held(s, false);
}

/* Each slot that is empty, or whose origin cannot be used, gets the best that is left, if there is one. */
static void choose(struct replicas *r) {
	struct choice_candidate all[CANDIDATES_MAX];
	unsigned long long taken;
	const char *zone = config_node(r->origin->base.node->config)->node_zone;
	size_t count = list_candidates(r, all, &taken);
	for (size_t i = 0; i < r->count; i++) {
		struct slot *s = &r->slots[i];
		if (s->link.peers && is_usable(s, all, count))
			continue;
		int best = choice_best(all, count, taken, r->stream->name.text, zone);
		if (best < 0)
			continue;
		if (s->link.peers)
			release(s);
		taken |= 1ULL << best;
		peer_link_open(&s->link, &r->origin->peers, NULL, all[best].address, &link_ops);
	}
}

static void on_change(struct peer_watch *w) {
	choose(list_entry(w, struct replicas, watch));
}

/* --- life --- */

struct replicas *replicas_new(struct origin *o, struct stream *s, uint64_t epoch, size_t count) {
	struct replicas *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->origin = o;
	r->stream = s;
	r->epoch = epoch;
	r->count = count < REPLICAS_MAX ? count : REPLICAS_MAX;
	for (size_t i = 0; i < r->count; i++)
		r->slots[i].owner = r;
	peer_watch_begin(&r->watch, &o->peers, on_change);
	choose(r);
	return r;
}

void replicas_epoch(struct replicas *r, uint64_t epoch) {
	r->epoch = epoch;
	for (size_t i = 0; i < r->count; i++)
		tell_slot(&r->slots[i], true);
	tell_map(r);
}

void replicas_free(struct replicas **out) {
	struct replicas *r = *out;
	if (!r)
		return;
	*out = NULL;
	peer_watch_end(&r->watch);
	for (size_t i = 0; i < r->count; i++)
		peer_link_close(&r->slots[i].link);
	free(r);
}

json_t *replicas_describe(const struct replicas *r) {
	json_t *array = json_array();
	for (size_t i = 0; r && i < r->count; i++) {
		const struct slot *s = &r->slots[i];
		const char *state = s->held ? "holding" : s->link.upstream ? "asked" : "linking";
		if (s->link.peers)
			json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "node", s->held ? s->node : "", "address",
			                                       s->link.address, "state", state));
	}
	return array;
}
