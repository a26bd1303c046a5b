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

/* An origin that may hold a copy which is not wanted any more: to be told when it is linked. */
struct parting {
	struct list node;
	struct peer_link link;
	struct replicas *owner;
};

struct replicas {
	struct origin *origin;
	struct stream *stream;
	uint64_t epoch;
	struct peer_watch watch;
	struct list partings;
	size_t count;                        /* copies that are wanted */
	char preferred[RELAY_NODE_SIZE];     /* "": none */
	struct slot slots[REPLICAS_MAX + 1]; /* one more than are wanted, while a copy moves */
};

/* --- telling --- */

static void tell(const struct replicas *r, const struct peer_link *l, bool hold) {
	Weir__Relay__Replicate h_body = WEIR__RELAY__REPLICATE__INIT;
	if (!l->upstream)
		return; /* told when it is linked */
	h_body.stream = r->stream->name.text;
	h_body.epoch = r->epoch;
	h_body.hold = hold;
	RELAY_HEADER(h, replicate, REPLICATE);
	link_send(l->upstream->link, &h, (struct slice){0});
}

static void tell_slot(const struct slot *s, bool hold) {
	tell(s->owner, &s->link, hold);
}

static void tell_map(struct replicas *r) {
	char ids[(REPLICAS_MAX + 1) * (RELAY_NODE_SIZE + 1) + 1];
	size_t size = 0;
	ids[0] = '\0';
	for (size_t i = 0; i <= r->count; i++)
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

/* --- who holds and is not to --- */

static void parting_free(struct parting *p) {
	list_remove(&p->node);
	peer_link_close(&p->link);
	free(p);
}

static struct slot *find_address(struct replicas *r, const char *address) {
	for (size_t i = 0; i <= r->count; i++)
		if (r->slots[i].link.peers && strcmp(r->slots[i].link.address, address) == 0)
			return &r->slots[i];
	return NULL;
}

static void on_parting_up(struct peer_link *l) {
	struct parting *p = list_entry(l, struct parting, link);
	if (!find_address(p->owner, l->upstream->address)) /* else it was chosen again */
		tell(p->owner, l, false);
	parting_free(p);
}

static void on_parting_down(struct peer_link *l) {
	(void)l; /* it ends when it is up */
}

static const struct peer_link_ops parting_ops = {.on_up = on_parting_up, .on_down = on_parting_down};

/* As soon as the origin of that id (NULL: the one at that address) is linked, it is told. */
static void part(struct replicas *r, const char *id, const char *address) {
	list_each (n, &r->partings) {
		const struct peer_link *l = &list_entry(n, struct parting, node)->link;
		if (id ? strcmp(l->id, id) == 0 : strcmp(l->address, address) == 0)
			return;
	}
	struct parting *p = calloc(1, sizeof *p);
	if (!p) {
		log_error("a replica may be held that is not wanted: out of memory", log_str("stream", r->stream->name.text),
		          log_str("origin", id ? id : address));
		return;
	}
	p->owner = r;
	list_append(&r->partings, &p->node);
	peer_link_open(&p->link, &r->origin->peers, id, address, &parting_ops);
}

static void choose(struct replicas *r);

static struct slot *find_node(struct replicas *r, const char *node) {
	const struct peer *p = peers_find(&r->origin->peers, node);
	return p ? find_address(r, p->address) : NULL;
}

void replicas_told(struct replicas *r, const char *node, uint64_t epoch, bool held, const char *why) {
	if (held && !find_node(r, node))
		part(r, node, NULL);
	if (epoch < r->epoch)
		return; /* before it heard of this one */
	for (size_t i = 0; i <= r->count; i++) {
		struct slot *s = &r->slots[i];
		if (!s->link.upstream || strcmp(s->link.upstream->peer, node) != 0)
			continue;
		log_info(held ? "a replica is held" : "a replica is not held", log_str("stream", r->stream->name.text),
		         log_u64("epoch", epoch), log_str("origin", node), log_str("reason", held ? NULL : why));
		snprintf(s->node, sizeof s->node, "%s", node);
		set_held(s, held);
	}
	choose(r); /* another one may let go now */
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
		for (size_t i = 0; i <= r->count; i++)
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

/* One that cannot be told now may be only cut off, and hold on. */
static void release(struct slot *s) {
	bool told = s->link.upstream != NULL;
	tell_slot(s, false);
	peer_link_close(&s->link);
	if (!told)
		part(s->owner, NULL, s->link.address);
	set_held(s, false);
}

static bool is_preferred(const struct replicas *r, const struct slot *s) {
	const struct peer *p = *r->preferred ? peers_find(&r->origin->peers, r->preferred) : NULL;
	return p && s->link.peers && strcmp(s->link.address, p->address) == 0;
}

static size_t count_open(const struct replicas *r) {
	size_t n = 0;
	for (size_t i = 0; i <= r->count; i++)
		n += r->slots[i].link.peers != NULL;
	return n;
}

/* A slot that is free, or whose origin cannot be used; NULL: there is none. */
static struct slot *find_vacant(struct replicas *r, const struct choice_candidate *all, size_t count) {
	struct slot *unusable = NULL;
	for (size_t i = 0; i <= r->count; i++) {
		struct slot *s = &r->slots[i];
		if (!s->link.peers)
			return s;
		if (!is_usable(s, all, count))
			unusable = s;
	}
	return unusable;
}

static void open_slot(struct slot *s, const char *address) {
	if (s->link.peers)
		release(s);
	peer_link_open(&s->link, &s->owner->origin->peers, NULL, address, &link_ops);
}

/* The preferred one gets a slot, one more than are wanted if need be. */
static void choose_preferred(struct replicas *r, const struct choice_candidate *all, size_t count,
                             unsigned long long *taken) {
	const struct peer *p = *r->preferred ? peers_find(&r->origin->peers, r->preferred) : NULL;
	for (size_t i = 0; p && i < count; i++) {
		struct slot *s = find_vacant(r, all, count);
		if (strcmp(all[i].address, p->address) != 0 || !all[i].usable || *taken >> i & 1 || !s)
			continue;
		*taken |= 1ULL << i;
		open_slot(s, p->address);
	}
}

/* One more than are wanted, and the preferred one holds: the last of the others goes. */
static void release_surplus(struct replicas *r) {
	struct slot *surplus = NULL;
	bool moved = !*r->preferred; /* nobody is waited for */
	for (size_t i = 0; i <= r->count; i++) {
		struct slot *s = &r->slots[i];
		moved |= is_preferred(r, s) && s->held;
		surplus = s->link.peers && !is_preferred(r, s) ? s : surplus;
	}
	if (moved && surplus && count_open(r) > r->count)
		release(surplus);
}

/* Each slot that is wanted and empty, or whose origin cannot be used, gets the best that is left, if there is one. */
static void choose(struct replicas *r) {
	struct choice_candidate all[CANDIDATES_MAX];
	unsigned long long taken;
	const char *zone = config_node(r->origin->base.node->config)->node_zone;
	size_t count = list_candidates(r, all, &taken);
	choose_preferred(r, all, count, &taken);
	for (size_t i = 0; i <= r->count; i++) {
		struct slot *s = &r->slots[i];
		if (s->link.peers ? is_usable(s, all, count) : count_open(r) >= r->count)
			continue;
		int best = choice_best(all, count, taken, r->stream->name.text, zone);
		if (best < 0)
			continue;
		taken |= 1ULL << best;
		open_slot(s, all[best].address);
	}
	release_surplus(r);
}

void replicas_prefer(struct replicas *r, const char *node) {
	node = node ? node : "";
	if (strcmp(r->preferred, node) == 0)
		return;
	snprintf(r->preferred, sizeof r->preferred, "%s", node);
	choose(r);
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
	for (size_t i = 0; i <= r->count; i++)
		r->slots[i].owner = r;
	list_init(&r->partings);
	peer_watch_begin(&r->watch, &o->peers, on_change);
	choose(r);
	return r;
}

void replicas_epoch(struct replicas *r, uint64_t epoch) {
	r->epoch = epoch;
	for (size_t i = 0; i <= r->count; i++)
		tell_slot(&r->slots[i], true);
	tell_map(r);
}

void replicas_free(struct replicas **out) {
	struct replicas *r = *out;
	if (!r)
		return;
	*out = NULL;
	peer_watch_end(&r->watch);
	list_each (node, &r->partings)
		parting_free(list_entry(node, struct parting, node));
	for (size_t i = 0; i <= r->count; i++)
		peer_link_close(&r->slots[i].link);
	free(r);
}

json_t *replicas_describe(const struct replicas *r) {
	json_t *array = json_array();
	for (size_t i = 0; r && i <= r->count; i++) {
		const struct slot *s = &r->slots[i];
		const char *state = s->held ? "holding" : s->link.upstream ? "asked" : "linking";
		if (s->link.peers)
			json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "node", s->held ? s->node : "", "address",
			                                       s->link.address, "state", state));
	}
	return array;
}
