#include "common/relay/pool.h"

#include "common/base/logger.h"
#include "common/base/random.h"
#include "common/relay/convert.h"
#include "common/relay/fetch.h"
#include "common/relay/pull.h"
#include "common/relay/push.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { FIRST_BACKOFF_MS = 50 };

struct location {
	uint64_t id;
	located_fn fn;
	void *context;
	UT_hash_handle hh;
};

/* --- where is it? --- */

static const struct located not_found;

static void answer_location(struct upstream *u, struct location *l, const struct located *answer) {
	HASH_DELETE(hh, u->locations, l);
	if (l->fn)
		l->fn(l->context, u, answer);
	free(l);
}

void upstream_locate(struct upstream *u, const struct stream_name *name, located_fn fn, void *context) {
	struct location *l = u->up ? calloc(1, sizeof *l) : NULL;
	if (l) {
		*l = (struct location){.id = ++u->next_id, .fn = fn, .context = context};
		HASH_ADD(hh, u->locations, id, sizeof l->id, l);
	}
	if (!l || !HASH_ADDED(hh, l)) {
		free(l);
		fn(context, u, &not_found);
		return;
	}
	Weir__Relay__Locate h_body = WEIR__RELAY__LOCATE__INIT;
	h_body.id = l->id;
	h_body.stream = (char *)name->text;
	RELAY_HEADER(h, locate, LOCATE);
	link_send(u->link, &h, (struct slice){0});
}

void upstream_forget(struct upstream *u, void *context) {
	struct location *l, *next;
	HASH_ITER(hh, u->locations, l, next) {
		if (l->context == context)
			l->fn = NULL;
	}
}

static void on_located(struct upstream *u, const Weir__Relay__Located *m) {
	struct location *l;
	uint64_t id = m->id;
	HASH_FIND(hh, u->locations, &id, sizeof id, l);
	if (l)
		answer_location(u, l,
		                &(struct located){.found = m->found && m->epoch,
		                                  .replica = m->replica,
		                                  .waiting = m->waiting,
		                                  .epoch = m->epoch,
		                                  .run = m->run,
		                                  .number = m->number,
		                                  .highest_us = m->highest_us,
		                                  .base_us = m->base_us,
		                                  .discontinuity = m->discontinuity,
		                                  .target_ms = m->target_ms,
		                                  .track = m->track});
}

static void locations_lost(struct upstream *u) {
	struct location *l, *next;
	HASH_ITER(hh, u->locations, l, next) {
		answer_location(u, l, &not_found);
	}
}

/* --- a link's messages --- */

static void on_announce(struct upstream *u, const Weir__Relay__Announce *m) {
	struct stream_name name;
	if (stream_name_parse(&name, m->stream, strlen(m->stream)) == 0)
		u->pool->ops->on_announce(u, &name, m->epoch);
}

static void on_drain(struct upstream *u, const Weir__Relay__Drain *m) {
	if (u->draining)
		return;
	u->draining = true;
	log_info("the node above is draining", log_str("peer", u->peer), log_u64("seconds", m->seconds));
	pushes_draining(u);
	if (u->pool->ops->on_drain)
		u->pool->ops->on_drain(u);
}

static int on_message(struct link *link, const struct relay_message *m) {
	struct upstream *u = link->owner;
	const Weir__Relay__Header *h = m->header;
	switch (h->body_case) {
	case WEIR__RELAY__HEADER__BODY_LOCATED:
		on_located(u, h->located);
		return 0;
	case WEIR__RELAY__HEADER__BODY_ANNOUNCE:
		on_announce(u, h->announce);
		return 0;
	case WEIR__RELAY__HEADER__BODY_DRAIN:
		on_drain(u, h->drain);
		return 0;
	case WEIR__RELAY__HEADER__BODY_FETCHED:
		fetch_on_answer(u, m);
		return 0;
	case WEIR__RELAY__HEADER__BODY_REFUSED:
		if (fetch_on_refused(u, h->refused))
			return 0;
		/* fall through */
	case WEIR__RELAY__HEADER__BODY_ACCEPTED:
	case WEIR__RELAY__HEADER__BODY_STOPPED:
		if (!pull_on_answer(u, h))
			push_on_answer(u, h);
		return 0;
	default:
		return pull_on_message(u, m);
	}
}

static void on_writable(struct link *l) {
	pushes_writable(l->owner);
}

/* --- up and down --- */

static void on_ready(struct link *l) {
	struct upstream *u = l->owner;
	const struct relay_node *self = u->pool->self;
	u->is_self = l->peer_incarnation == self->incarnation && strcmp(l->peer, self->id) == 0;
	if (u->is_self) {
		link_close(l, "it leads to this node itself");
		return;
	}
	u->up = true;
	u->told = false;
	u->backoff_ms = FIRST_BACKOFF_MS;
	snprintf(u->peer, sizeof u->peer, "%s", l->peer);
	u->pool->ops->on_up(u);
}

/* Half to all of the backoff, which doubles: those that lost the same node do not come back all at once. */
static void retry_later(struct upstream *u) {
	uint64_t most = (uint64_t)config_node(u->pool->self->config)->relay_backoff_max, delay = u->backoff_ms;
	u->backoff_ms = 2 * u->backoff_ms < most ? 2 * u->backoff_ms : most;
	if (u->pool->stopping || u->is_self)
		return;
	if (timer_start(&u->retry, delay / 2 + random_below(delay / 2 + 1)))
		log_error("relay link is given up: out of memory", log_str("to", u->address));
}

static void on_closed(struct link *l) {
	struct upstream *u = l->owner;
	u->link = NULL;
	u->up = u->draining = false;
	u->refused = l->refused;
	u->heard_ms = l->ready ? l->heard_ms : u->heard_ms;
	lull_stop(u);
	snprintf(u->why, sizeof u->why, "%s", l->why);
	if (!u->told && !u->pool->stopping && !u->is_self)
		log_warn("relay link is down; it is tried again", log_str("to", u->address), log_str("reason", l->why));
	u->told = true;
	retry_later(u);
	locations_lost(u);
	pulls_lost(u);
	pushes_lost(u);
	fetches_lost(u);
	u->pool->ops->on_down(u);
}

static const struct link_ops link_ops = {
    .on_ready = on_ready, .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

static void on_retry(struct timer *t) {
	struct upstream *u = list_entry(t, struct upstream, retry);
	if (u->pool->stopping)
		return;
	u->link = link_connect(u->pool->worker, u->pool->self, &u->to, &link_ops, u);
	if (!u->link)
		retry_later(u);
}

void link_pool_drop(struct upstream *u) {
	assert(!u->link);
	timer_stop(&u->retry);
	lull_stop(u);
	list_remove(&u->node);
	free(u);
}

static int add_upstream(struct link_pool *p, const char *address) {
	struct upstream *u = calloc(1, sizeof *u);
	if (!u)
		return UV_ENOMEM;
	snprintf(u->address, sizeof u->address, "%s", address);
	int err = address_parse(&u->to, address);
	if (err) {
		free(u);
		return err;
	}
	u->pool = p;
	u->backoff_ms = FIRST_BACKOFF_MS;
	snprintf(u->why, sizeof u->why, "not tried yet");
	timer_init(&u->retry, p->worker, on_retry);
	lull_init(u);
	list_append(&p->upstreams, &u->node);
	return timer_start(&u->retry, 0);
}

struct upstream *link_pool_get(struct link_pool *p, const char *address) {
	list_each (node, &p->upstreams) {
		struct upstream *u = list_entry(node, struct upstream, node);
		if (strcmp(u->address, address) == 0)
			return u;
	}
	if (p->stopping || add_upstream(p, address))
		return NULL;
	return list_entry(p->upstreams.prev, struct upstream, node);
}

void link_pool_keep(struct link_pool *p, const char *const *addresses, size_t count) {
	list_each (node, &p->upstreams) {
		struct upstream *u = list_entry(node, struct upstream, node);
		bool listed = false;
		for (size_t i = 0; i < count && !listed; i++)
			listed = strcmp(u->address, addresses[i]) == 0;
		if (listed || u->link)
			continue; /* a link that is being tried ends by itself, and the next time comes */
		log_info("relay link is given up: the node is not in the map any more", log_str("to", u->address));
		link_pool_drop(u);
	}
}

int link_pool_init(struct link_pool *p, struct worker *w, const struct relay_node *self,
                   const struct config_list *addresses, const struct link_pool_ops *ops, void *owner) {
	*p = (struct link_pool){.worker = w, .self = self, .ops = ops, .owner = owner};
	list_init(&p->upstreams);
	int err = 0;
	for (size_t i = 0; i < addresses->count && !err; i++)
		err = add_upstream(p, addresses->items[i]);
	return err;
}

void link_pool_stop(struct link_pool *p) {
	p->stopping = true;
	list_each (node, &p->upstreams) {
		struct upstream *u = list_entry(node, struct upstream, node);
		timer_stop(&u->retry);
		if (u->link)
			link_close(u->link, "the node is stopping");
	}
}

void link_pool_fini(struct link_pool *p) {
	list_each (node, &p->upstreams) {
		struct upstream *u = list_entry(node, struct upstream, node);
		link_pool_drop(u);
	}
}
